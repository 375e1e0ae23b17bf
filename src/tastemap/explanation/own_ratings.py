"""What each of a user's own ratings adds to what is predicted for them.

The factors and bias x of somebody folded in (`tastemap.models.fold_in`) are a linear function of
their ratings, so a prediction is a sum over them, exactly. With z_i = (q_i, 1), the prior mean m,
and the surprise e_j = r_j - μ - c_j - z_j · m, which is how far a rating is from the average
user's,

    x = m + Σ_j g_j e_j,    g_j = A⁻¹ z_j / σ²
    r̂_i = μ + c_i + z_i · x = mean + user bias + item bias + Σ_j (q_i - q̄) · g_j e_j

where the mean, the user's and the item's bias hold what is the same for all pairs, for the user
and for the item, as in `tastemap.explanation.why`. Without rating j (Sherman & Morrison), with the
residual ε_j = r_j - μ - c_j - z_j · x,

    r̂_i without j = r̂_i - z_i · g_j ε_j / (1 - z_j · g_j)

The two may differ, in sign as well: the one says what a rating adds beside the average user, for
this item more than for others; the other, how far the score would move, which the ratings that are
left would partly make good. Reasons are the ratings without which it would move furthest.

Where ratings are steps of a scale, all this is so of the latent values behind them, which depend on
the others; without one of them is then solved anew.

The rows of users in training are not quite this solution: other draws, other weights, what else
training knows. Their ratings' contributions are those of the solution, what is left is one more
part, and the whole is named approximate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tastemap.arrays import AnyArray, Codes, Float64s, Int64s, Values
from tastemap.data.ratings import Ratings
from tastemap.explanation.basis import Centres
from tastemap.models.bias import BiasModel
from tastemap.models.factors import FactorModel
from tastemap.models.fold_in import FoldedGroup, fold_in, offset_of, with_ones
from tastemap.models.posterior import PosteriorModel
from tastemap.models.preference import PreferenceModel
from tastemap.models.similarity import SimilarityModel

MEAN, USER_BIAS, ITEM_BIAS = "mean", "user bias", "item bias"
OWN, REST, STEPS = "own ratings", "rest", "steps of the scale"
"""Names of parts: the sum of what the user's own ratings add, and what is left of a score."""


class Reason(NamedTuple):
    """What one rating of a user says about an item.

    Attributes:
        item: code of what they rated.
        value: the rating.
        contribution: what it adds to the score.
        without: the score had they not rated it.
    """

    item: int
    value: float
    contribution: float
    without: float


class Why(NamedTuple):
    """Why a score is what it is.

    Attributes:
        score: before clipping.
        parts: what each part adds to it; their sum is the score up to rounding.
        reasons: the ratings without which the score would be another most, these first; the
            contributions of all together are the part ``"own ratings"``.
        exact: whether contributions are those of the very score, and not of one close to it.
        remarks: how to read it.
    """

    score: float
    parts: dict[str, float]
    reasons: Sequence[Reason] = ()
    exact: bool = True
    remarks: tuple[str, ...] = ()


class GroupWhys(NamedTuple):
    """Why m users get the scores of n items each, as arrays: a `Why` for each takes too long.

    Attributes:
        scores: before clipping, shape (m, n).
        parts: what adds up to them, each of shape (m, n).
        counts: how many reasons there are for each item of a user, shape (m,).
        items: codes of what they rated, those first without which the score would be another most,
            shape (m, n, s); beyond a user's count they say nothing, here and below.
        values: the ratings, shape (m, n, s).
        contributions: what they add, shape (m, n, s).
        without: the scores had they not been given, shape (m, n, s).
        exact: whether contributions are those of the very scores, and not of some close to them.
        remarks: how to read it.
    """

    scores: Float64s
    parts: dict[str, Float64s]
    counts: Int64s
    items: Codes
    values: Float64s
    contributions: Float64s
    without: Float64s
    exact: bool = True
    remarks: tuple[str, ...] = ()


def of_folded(group: FoldedGroup, centres: Centres, items: Codes, shown: int) -> GroupWhys:
    """Why users folded in get the scores of some items: exact.

    Args:
        group: the users.
        centres: of the model.
        items: codes for each user, shape (len(group), n).
        shown: how many ratings to name for each.
    """
    z = with_ones(group.model.item_factors[items])
    told = _told(group, centres, items, z, shown)
    parts = _linear(group.model, group.x, centres, items, z)
    parts[OWN] = told.own
    if group.thresholds is not None:
        parts[STEPS] = told.scores - told.latent
    rest = told.scores - sum(parts.values())
    if np.any(np.abs(rest) > _ROUNDING):  # the prior's mean is another than that of the centres
        parts[REST] = rest
    return GroupWhys(told.scores, parts, *told.reasons)


_ROUNDING = 1e-4
_APPROXIMATE = (
    "contributions are those of solving for this user alone; training also knows more, and "
    f"{REST!r} is what that adds"
)


def of_trained(
    model: FactorModel,
    codes: Codes,
    group: FoldedGroup | None,
    centres: Centres,
    items: Codes,
    shown: int,
) -> GroupWhys:
    """Why users in training get the scores of some items.

    Args:
        model: with factors.
        codes: of the users, shape (m,).
        group: the users folded in by their training ratings; None where the model cannot do that,
            and contributions stay unknown.
        centres: of the model.
        items: codes for each user, shape (m, n).
        shown: how many ratings to name for each.
    """
    bias = np.zeros(len(codes)) if model.user_bias is None else model.user_bias[codes]
    x, z = np.column_stack([model.user_factors[codes], bias]), with_ones(model.item_factors[items])
    parts = _linear(model, x.astype(np.float64), centres, items, z)
    pairs = np.repeat(codes, items.shape[1]), items.ravel()
    scores = model.predict_pairs(*pairs).astype(np.float64).reshape(items.shape)
    remarks: tuple[str, ...] = ("what single ratings add cannot be told for this kind of model",)
    nothing = np.zeros((*items.shape, 0))
    reasons = _Reasons(np.zeros(len(codes), np.int64), nothing.astype(np.int32), *[nothing] * 3)
    if group is not None:
        told, remarks = _told(group, centres, items, z, shown), (_APPROXIMATE,)
        parts[OWN] = told.own
        # As much as it changes the solution, it changes what is shown.
        apart = (scores - told.scores)[:, :, None]
        reasons = told.reasons._replace(without=told.reasons.without + apart)
    if isinstance(model, PosteriorModel) and model.thresholds is not None:
        parts[STEPS] = scores - model.predict_latent(*pairs).reshape(items.shape)
    parts[REST] = scores - sum(parts.values())
    return GroupWhys(scores, parts, *reasons, exact=False, remarks=remarks)


def of_biases(model: BiasModel, code: int, items: Codes) -> list[Why]:
    """Why a bias model gives these scores; a code of -1 is a user it does not know."""
    user_bias = float(model.user_bias[code]) if code >= 0 else 0.0
    found = []
    for item_bias in model.item_bias[items].tolist():
        parts = {MEAN: model.mean, USER_BIAS: user_bias, ITEM_BIAS: item_bias}
        found.append(Why(score=sum(parts.values()), parts=parts))
    return found


def of_list(
    model: SimilarityModel | PreferenceModel,
    code: int,
    ratings: tuple[Codes, Values],
    scores: Values,
    items: Codes,
    shown: int,
) -> list[Why]:
    """Why a model that ranks items gives these scores.

    Args:
        model: of similar items, or of factors of what users took.
        code: of a user in training; -1 for somebody new.
        ratings: codes of what they rated, and the ratings.
        scores: of the items, shape (n,).
        items: codes, shape (n,).
        shown: how many ratings to name for each.
    """
    value_of = dict(zip(ratings[0].tolist(), ratings[1].tolist(), strict=True))
    found = []
    for item, score in zip(items.tolist(), scores.tolist(), strict=True):
        said = model.contributions(code, item) if code >= 0 else None
        rated, added = said or model.contributions_new(*ratings, item)
        own = float(added.sum(dtype=np.float64))
        exact = abs(score - own) < _ROUNDING
        parts = {OWN: own} if exact else {OWN: own, REST: score - own}
        without = _left_out(model, ratings, item, score if exact else None)
        reasons = tuple(
            Reason(
                int(rated[at]),
                value_of.get(int(rated[at]), 1.0),
                float(added[at]),
                without(int(rated[at]), float(added[at])) + (0.0 if exact else score - own),
            )
            for at in _largest(added, shown).tolist()
        )
        remarks = ("a score ranks the items of one user; it is no rating",)
        found.append(Why(score=score, parts=parts, reasons=reasons, exact=exact, remarks=remarks))
    return found


def _left_out(
    model: SimilarityModel | PreferenceModel,
    ratings: tuple[Codes, Values],
    item: int,
    score: float | None,
) -> Callable[[int, float], float]:
    """The score of an item without one of the ratings."""
    is_sum = isinstance(model, SimilarityModel) and not model.users.signal.centred
    if is_sum and score is not None:
        return lambda _, added: score - added

    def solved(rated: int, _: float) -> float:
        keep = ratings[0] != rated
        return float(model.predict_new(ratings[0][keep], ratings[1][keep])[item])

    return solved


class _Reasons(NamedTuple):
    """The ratings that matter most: as in `GroupWhys`."""

    counts: Int64s
    items: Codes
    values: Float64s
    contributions: Float64s
    without: Float64s


class _Told(NamedTuple):
    """Folded users taken apart.

    Attributes:
        latent: what factors and biases add up to, shape (m, n): the score, or behind it.
        scores: shape (m, n).
        own: what the user's own ratings add, shape (m, n).
        reasons: the ratings that matter most.
    """

    latent: Float64s
    scores: Float64s
    own: Float64s
    reasons: _Reasons


def _told(group: FoldedGroup, centres: Centres, items: Codes, z: Float64s, shown: int) -> _Told:
    steps, offset, x = group.thresholds, group.offset, group.x[:, :, None]
    latent_rated = offset + (group.z @ x)[..., 0]
    latent = offset_of(group.model, items) + (z @ x)[..., 0]
    values = group.values
    if steps is not None:
        values = steps.behind(values, latent_rated)[0]
    surprises = values - offset - group.z @ group.prior.mean
    # z_i · g_j; what each rating adds, (q_i - q̄) · g_j e_j
    along = z @ group.gains
    taste = (along - (np.append(centres.item, 1) @ group.gains)[:, None]) * surprises[:, None]
    leverage = np.einsum("mjk,mkj->mj", group.z, group.gains)
    moved = along * ((values - latent_rated) / (1 - leverage))[:, None]
    order = _largest(moved, shown)  # what only fills a row up moves nothing, and comes last
    row, column = np.arange(len(group))[:, None, None], np.arange(items.shape[1])[:, None]
    if steps is None:
        scores = latent
        without = latent[:, :, None] - moved[row, column, order]
    else:
        scores = np.asarray(steps.expected(latent.astype(np.float32)), np.float64)
        without = _solved_without(group, items, order)
    reasons = _Reasons(
        np.minimum(group.given.sum(axis=1), shown),
        group.items[row, order],
        group.values[row, order],
        taste[row, column, order],
        without,
    )
    return _Told(latent, scores, taste.sum(axis=-1), reasons)


def _solved_without(group: FoldedGroup, items: Codes, order: Int64s) -> Float64s:
    """Scores without each rating that is shown, by solving without it: no formula is exact here."""
    without = np.full(order.shape, np.nan)
    for row in range(len(group)):
        user = group.user(row)
        for at in np.unique(order[row]).tolist():
            if at >= len(user.items):
                continue  # only fills the row up
            others = user.counted.copy()
            others[at] = False
            left = fold_in(
                user.model,
                user.items[others],
                user.values[others],
                noise_variance=user.noise_variance,
                prior=user.prior,
                thresholds=user.thresholds,
            )
            place = order[row] == at
            without[row][place] = np.broadcast_to(left.predict(items[row])[:, None], place.shape)[
                place
            ]
    return without


def _linear(
    model: FactorModel, x: Float64s, centres: Centres, items: Codes, z: Float64s
) -> dict[str, Float64s]:
    """The parts that are no taste, as in `tastemap.explanation.why`, each of shape (m, n)."""
    item_bias = np.zeros(items.shape) if model.item_bias is None else model.item_bias[items]
    shared = centres.user @ centres.item
    user_bias = x[:, :-1] @ centres.item + x[:, -1] - shared
    return {
        MEAN: np.full(items.shape, model.mean + shared),
        USER_BIAS: np.full(items.shape, user_bias[:, None]),
        ITEM_BIAS: item_bias + (z[:, :, :-1] @ centres.user - shared),
    }


def _largest(values: AnyArray, shown: int) -> Int64s:
    """Places of the largest of each row, whatever their sign, the largest first."""
    *rows, width = values.shape
    left = np.abs(values).reshape(math.prod(rows), width)
    found = np.empty((len(left), min(shown, width)), np.int64)
    for place in found.T:  # a few of them are found faster than all are sorted
        left.argmax(axis=1, out=place)
        left[np.arange(len(left)), place] = -np.inf
    return found.reshape(*rows, found.shape[1])


def of_count(ratings: Ratings, items: Codes) -> list[Why]:
    """Why items stand in a list by their number of ratings."""
    part = f"{ratings.noun} of this item"
    counts = ratings.item_counts[items].astype(float).tolist()
    return [Why(score=count, parts={part: count}) for count in counts]
