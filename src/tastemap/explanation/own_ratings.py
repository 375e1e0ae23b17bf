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

Where ratings are steps of a scale, all this is so of the latent values behind them, which depend on
the others; without one of them is then solved anew.

The rows of users in training are not quite this solution: other draws, other weights, what else
training knows. Their ratings' contributions are those of the solution, what is left is one more
part, and the whole is named approximate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tastemap.arrays import AnyArray, Codes, Float64s, Int64s, Values
from tastemap.data.ratings import Ratings
from tastemap.explanation.basis import Centres
from tastemap.models.bias import BiasModel
from tastemap.models.factors import FactorModel
from tastemap.models.fold_in import FoldedUser, Prior, fold_in
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


@dataclass(frozen=True, eq=False, kw_only=True)
class Why:
    """Why a score is what it is.

    Attributes:
        score: before clipping.
        parts: what each part adds to it; their sum is the score up to rounding.
        reasons: the ratings with the largest contributions, largest first; the contributions of
            all together are the part ``"own ratings"``.
        exact: whether contributions are those of the very score, and not of one close to it.
        remarks: how to read it.
    """

    score: float
    parts: dict[str, float]
    reasons: tuple[Reason, ...] = ()
    exact: bool = True
    remarks: tuple[str, ...] = ()


def of_folded(
    user: FoldedUser, prior: Prior, centres: Centres, items: Codes, shown: int
) -> list[Why]:
    """Why somebody folded in gets the scores of some items: exact.

    Args:
        user: the user.
        prior: they were folded in with.
        centres: of the model.
        items: codes, shape (n,).
        shown: how many ratings to name for each.
    """
    told = _told(user, prior, centres, items, shown)
    parts = _linear(user.model, user.factors, user.bias, centres, items)
    parts[OWN] = told.taste.sum(axis=1)
    if user.thresholds is not None:
        parts[STEPS] = told.scores - told.latent
    rest = told.scores - sum(parts.values())
    if np.any(np.abs(rest) > _ROUNDING):  # the prior's mean is another than that of the centres
        parts[REST] = rest
    rows = zip(told.scores.tolist(), _rows(parts), told.reasons(user, shown), strict=True)
    return [Why(score=score, parts=whole, reasons=reasons) for score, whole, reasons in rows]


def _rows(parts: dict[str, Float64s]) -> list[dict[str, float]]:
    """Parts by name, item by item."""
    columns = zip(*(part.tolist() for part in parts.values()), strict=True)
    return [dict(zip(parts, row, strict=True)) for row in columns]


_ROUNDING = 1e-4
_APPROXIMATE = (
    "contributions are those of solving for this user alone; training also knows more, and "
    f"{REST!r} is what that adds"
)


def of_trained(
    model: FactorModel,
    code: int,
    folded: FoldedUser | None,
    prior: Prior | None,
    centres: Centres,
    items: Codes,
    shown: int,
) -> list[Why]:
    """Why a user in training gets the scores of some items.

    Args:
        model: with factors.
        code: of the user.
        folded: the user folded in by their training ratings; None where the model cannot do that,
            and contributions stay unknown.
        prior: they were folded in with.
        centres: of the model.
        items: codes, shape (n,).
        shown: how many ratings to name for each.
    """
    bias = 0.0 if model.user_bias is None else float(model.user_bias[code])
    parts = _linear(model, model.user_factors[code], bias, centres, items)
    pair = np.full(len(items), code, np.int32), items
    scores = model.predict_pairs(*pair).astype(np.float64)
    remarks: tuple[str, ...] = ("what single ratings add cannot be told for this kind of model",)
    reasons: list[tuple[Reason, ...]] = [()] * len(items)
    if folded is not None and prior is not None:
        told, remarks = _told(folded, prior, centres, items, shown), (_APPROXIMATE,)
        parts[OWN] = told.taste.sum(axis=1)
        # As much as it changes the solution, it changes what is shown.
        reasons = told.reasons(folded, shown, scores - told.scores)
    if isinstance(model, PosteriorModel) and model.thresholds is not None:
        parts[STEPS] = scores - model.predict_latent(*pair)
    parts[REST] = scores - sum(parts.values())
    return [
        Why(score=score, parts=whole, reasons=because, exact=False, remarks=remarks)
        for score, whole, because in zip(scores.tolist(), _rows(parts), reasons, strict=True)
    ]


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
            for at in _order(added, shown).tolist()
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


class _Told(NamedTuple):
    """A folded user taken apart.

    Attributes:
        taste: what each rating adds, (q_i - q̄) · g_j e_j, shape (n, m).
        latent: what factors and biases add up to, shape (n,): the score, or behind it.
        scores: shape (n,).
        without: scores without each rating, at least where they are shown, shape (n, m).
    """

    taste: Float64s
    latent: Float64s
    scores: Float64s
    without: Float64s

    def reasons(
        self, user: FoldedUser, shown: int, apart: Float64s | float = 0.0
    ) -> list[tuple[Reason, ...]]:
        """The ratings that add most, for each item.

        Args:
            user: whose ratings they are.
            shown: how many.
            apart: what the scores are more than the solution's, shape (n,).
        """
        order = _order(self.taste, shown)
        row = np.arange(len(order))[:, None]
        columns = (
            user.items[order],
            user.values[order],
            self.taste[row, order],
            self.without[row, order] + np.reshape(apart, (-1, 1)),
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [tuple(map(Reason, *row)) for row in rows]


def _told(user: FoldedUser, prior: Prior, centres: Centres, items: Codes, shown: int) -> _Told:
    model, steps = user.model, user.thresholds
    z_rated, z = _z(model, user.items), _z(model, items)
    # A rated item that has no training ratings took no part.
    z_rated[~user.counted] = 0
    item_bias = np.zeros(model.n_items) if model.item_bias is None else model.item_bias
    base = model.mean + item_bias.astype(np.float64)
    x = np.append(user.factors.astype(np.float64), user.bias)
    values = user.values.astype(np.float64)
    if steps is not None:
        values = steps.behind(user.values, base[user.items] + z_rated @ x)[0]
    if steps is None:
        covariance = user.covariance
    else:  # the user's own says how sure the steps leave it
        precision = prior.precision + z_rated.T @ z_rated / user.noise_variance
        covariance = np.asarray(np.linalg.inv(precision), np.float64)
    gains = covariance @ z_rated.T / user.noise_variance
    surprises = values - base[user.items] - z_rated @ prior.mean
    latent = base[items] + z @ x
    taste = (z[:, :-1] - centres.item) @ gains[:-1] * surprises
    if steps is not None:
        scores = np.asarray(steps.expected(latent.astype(np.float32)), np.float64)
        return _Told(taste, latent, scores, _solved_without(user, prior, items, taste, shown))
    leverage = np.einsum("mk,km->m", z_rated, gains)
    moved = (z @ gains) * ((values - base[user.items] - z_rated @ x) / (1 - leverage))
    return _Told(taste, latent, latent, latent[:, None] - moved)


def _solved_without(
    user: FoldedUser, prior: Prior, items: Codes, taste: Float64s, shown: int
) -> Float64s:
    """Scores without each rating that is shown, by solving without it: no formula is exact here."""
    without = np.full(taste.shape, np.nan)
    for at in np.unique(_order(taste, shown)).tolist():
        others = user.counted.copy()
        others[at] = False
        left = fold_in(
            user.model,
            user.items[others],
            user.values[others],
            noise_variance=user.noise_variance,
            prior=prior,
            thresholds=user.thresholds,
        )
        without[:, at] = left.predict()[items]
    return without


def _z(model: FactorModel, items: Codes) -> Float64s:
    return np.column_stack([model.item_factors[items], np.ones(len(items))]).astype(np.float64)


def _linear(
    model: FactorModel, factors: AnyArray, bias: float, centres: Centres, items: Codes
) -> dict[str, Float64s]:
    """The parts that are no taste, as in `tastemap.explanation.why`, each of shape (n,)."""
    p, q = factors.astype(np.float64), model.item_factors[items].astype(np.float64)
    item_bias = np.zeros(len(items)) if model.item_bias is None else model.item_bias[items]
    everybody = np.full(len(items), model.mean + centres.user @ centres.item)
    return {
        MEAN: everybody,
        USER_BIAS: np.full(len(items), bias + (p - centres.user) @ centres.item),
        ITEM_BIAS: item_bias + (q - centres.item) @ centres.user,
    }


def _order(added: AnyArray, shown: int) -> Int64s:
    """Places of the largest of each row, the largest first."""
    return np.argsort(-np.abs(added), axis=-1, kind="stable")[..., :shown]


def of_count(ratings: Ratings, items: Codes) -> list[Why]:
    """Why items stand in a list by their number of ratings."""
    part = f"{ratings.noun} of this item"
    counts = ratings.item_counts[items].astype(float).tolist()
    return [Why(score=count, parts={part: count}) for count in counts]
