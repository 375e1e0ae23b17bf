"""New ratings taken in by one closed-form step, without training again.

A fitted row x, of a user or an item, balances what is expected of it and what its ratings say:

    Λ (m - x) + Σ z (t - z · x) / σ² = 0,

z = (factors of the other side, 1), t the rating less mean and bias of the other side. With new
ratings the sum has more terms, and x moves to where the balance is again, by one Newton step:

    x ← x + (Λ + Σ' z' z'ᵀ / σ²)⁻¹ (Σ' z' (t' - z' · x) - Σ z (t - z · x)) / σ².

Of ratings that are steps of a scale t is not seen: the log-likelihood of a step has its expectation
in its place, and z' z'ᵀ counts for less the wider the step (`tastemap.models.thresholds`).

Σ' goes over all ratings as they are now, Σ over those there were; primes mean: as now. What is
expected of the row, Λ m, cancels: it stays what training found, which items the user rated
included, and a row without anything new does not move. A row nobody has seen begins at the mean
of its side, and then the step is that of `tastemap.models.fold_in`.

Users move first, given the items as they were, then the items, given the users as they are now;
only those with new ratings. Ratings of new items say nothing about users: their items are as yet
like any item.

For a draw from a posterior, t' of an added rating gets noise of variance σ² added. The moved draw
is then a draw from the posterior with the new ratings, given the other side (Papandreou & Yuille
2010, "Gaussian sampling by local perturbations", section 2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from tastemap.arrays import Codes, Factors, Float64s, Int64s, Mask, Values
from tastemap.data.joining import Joined
from tastemap.models.calibration import Calibration, bins_like
from tastemap.models.factors import FactorModel
from tastemap.models.posterior import PosteriorModel
from tastemap.models.prior import Prior, items_of, users_of
from tastemap.models.protocol import blocks
from tastemap.models.thresholds import Thresholds

_AT_ONCE = 1 << 21
"""Numbers of one side held at a time."""


def updated(
    model: FactorModel, joined: Joined, noise_variance: float, chance: np.random.Generator
) -> FactorModel:
    """A model with new ratings taken in.

    Of a posterior its mean moves, and each draw by itself. Its calibration stays, with users and
    items in the bins of their numbers of ratings as they are now. Days of users that had no
    ratings before stay unknown; those known move as their user does.

    Args:
        model: fitted to the old ratings, with biases.
        joined: the old ratings with the new ones.
        noise_variance: of a rating of weight 1 around its prediction, above 0.
        chance: where what is drawn for a posterior comes from.

    Raises:
        NotFittedFor: the model has no biases.
    """
    n = joined.ratings.n_users
    days = model.days if isinstance(model, PosteriorModel) else None
    thresholds = model.thresholds if isinstance(model, PosteriorModel) else None
    left = day_users = None
    users = users_of(model)
    if days is not None and joined.ratings.times is not None:
        left = days.rows(n, joined.ratings.users, joined.ratings.times)
        day_users = days.users
        users = np.concatenate([users, np.column_stack([days.factors, days.bias])])
    mean = _Factorizations(
        users=users[None],
        items=items_of(model)[None],
        mean=model.mean,
        noise_variance=np.array([noise_variance]),
        thresholds=thresholds,
    )
    mean = _stepped(mean, joined, day_users=day_users, left=left)
    users, items = mean.users[0], mean.items[0]
    moved = replace(
        model,
        user_bias=users[:n, -1],
        item_bias=items[:, -1],
        user_factors=users[:n, :-1],
        item_factors=items[:, :-1],
    )
    if not isinstance(model, PosteriorModel) or not isinstance(moved, PosteriorModel):
        return moved
    users = model.user_draws
    if days is not None:
        users = np.concatenate([users, days.draws], axis=1)
        days = replace(
            days,
            bias=mean.users[0, n:, -1],
            factors=mean.users[0, n:, :-1],
            calibration=_calibration(days.calibration, joined),
        )
    draws = _Factorizations(
        users=users,
        items=model.item_draws,
        mean=model.draws_mean,
        noise_variance=model.noise_variance,
        thresholds=thresholds,
    )
    draws = _stepped(draws, joined, day_users=day_users, left=left, chance=chance)
    return replace(
        moved,
        user_draws=draws.users[:, :n],
        item_draws=draws.items,
        calibration=_calibration(model.calibration, joined),
        days=None if days is None else replace(days, draws=draws.users[:, n:]),
    )


def _calibration(calibration: Calibration | None, joined: Joined) -> Calibration | None:
    """The same for the numbers of ratings there are now."""
    if calibration is None:
        return None
    bins = []
    for known, codes, now in (
        (calibration.user_bins, joined.ratings.users, joined.ratings.user_counts),
        (calibration.item_bins, joined.ratings.items, joined.ratings.item_counts),
    ):
        before = np.bincount(codes[~joined.fresh], minlength=len(known))
        bins.append(bins_like(known, before, now))
    return replace(calibration, user_bins=bins[0], item_bins=bins[1])


@dataclass(frozen=True, eq=False, kw_only=True)
class _Factorizations:
    """Several factorizations of the same ratings; one, or the draws of a posterior.

    Attributes:
        users: factors and, last, the bias, shape (draws, n_users, k + 1).
        items: the same, shape (draws, n_items, k + 1).
        mean: μ, in units of the ratings.
        noise_variance: of a rating of weight 1 around its prediction, shape (draws,).
        thresholds: of ratings that are steps of a scale; factorizations are then of what is behind.
    """

    users: Factors
    items: Factors
    mean: float
    noise_variance: Float64s
    thresholds: Thresholds | None = None


def _stepped(
    model: _Factorizations,
    joined: Joined,
    *,
    day_users: Codes | None = None,
    left: Codes | None = None,
    chance: np.random.Generator | None = None,
) -> _Factorizations:
    """Take new ratings in.

    Args:
        model: fitted to the old ratings.
        joined: the old ratings with the new ones.
        day_users: whose days the rows behind those of all users are; a day moves as its user does.
        left: row of the users' side that each rating is of, if there are days, shape (n_ratings,).
        chance: the factorizations are moved as draws of a posterior; None: as its mean.

    Returns:
        The same, with rows for new users and items.
    """
    ratings = joined.ratings
    n_days = 0 if day_users is None else len(day_users)
    left = ratings.users if left is None else left
    user_priors, users = _begun(
        model.users, n_days, joined.fresh, ratings.users, ratings.n_users, chance
    )
    item_priors, items = _begun(
        model.items, 0, joined.fresh, ratings.items, ratings.n_items, chance
    )
    by_user, by_item = _Rows(users, left), _Rows(items, ratings.items)
    step = _Step(joined, model, chance)

    # An item without ratings before is as yet like any item: it says nothing about users.
    known = np.isin(ratings.items, ratings.items[~joined.fresh])
    touched = np.unique(ratings.users[joined.changed & known]).astype(np.int64)
    moves = step.moves(touched, ratings.users, known, by_user, by_item, by_item, user_priors)
    moved = users.copy()
    moved[:, touched] += moves
    if day_users is not None:
        place = np.searchsorted(touched, day_users).clip(max=max(len(touched) - 1, 0))
        days = np.flatnonzero(np.isin(day_users, touched))
        moved[:, ratings.n_users + days] += moves[:, place[days]]

    touched = np.unique(ratings.items[joined.changed]).astype(np.int64)
    every, now = np.ones(len(ratings), np.bool_), _Rows(moved, left)
    moves = step.moves(touched, ratings.items, every, by_item, by_user, now, item_priors)
    items[:, touched] += moves
    return replace(model, users=moved, items=items)


def _begun(
    rows: Factors,
    n_behind: int,
    fresh: Mask,
    codes: Codes,
    n: int,
    chance: np.random.Generator | None,
) -> tuple[list[Prior], Factors]:
    """Room for new rows; and those without ratings so far begin as the prior has it.

    Args:
        rows: of one side, shape (draws, rows, k + 1).
        n_behind: how many rows at the end are not of that side.
        fresh: ratings that were not there, shape (n_ratings,).
        codes: row of each rating, shape (n_ratings,).
        n: rows there are now, but for those behind.
        chance: where draws from the prior come from; None: its mean.
    """
    n_draws, n_before, width = rows.shape
    n_before -= n_behind
    rated = np.bincount(codes[~fresh], minlength=n) > 0
    priors = [Prior.of(one[:n_before][rated[:n_before]]) for one in rows]
    room = np.zeros((n_draws, n - n_before, width), np.float32)
    grown = np.concatenate([rows[:, :n_before], room, rows[:, n_before:]], axis=1)
    begin = np.flatnonzero(
        ~rated & ((np.bincount(codes, minlength=n) > 0) | (np.arange(n) >= n_before))
    )
    for one, prior in zip(grown, priors, strict=True):
        one[begin] = prior.mean
        if chance is not None:
            # With Λ = L Lᵀ, L⁻ᵀ e has the covariance Λ⁻¹.
            lower = np.linalg.cholesky(prior.precision)
            normals = chance.standard_normal((width, len(begin)))
            one[begin] += np.linalg.solve(lower.T, normals).T.astype(np.float32)
    return priors, grown


class _Rows(NamedTuple):
    """Rows of one side, and which of them each rating is of: shapes (draws, rows, k + 1), (n,)."""

    table: Factors
    codes: Codes

    def of(self, ratings: Int64s) -> Float64s:
        """The rows of some ratings, shape (draws, m, k + 1)."""
        return self.table[:, self.codes[ratings]].astype(np.float64)


@dataclass(frozen=True, eq=False)
class _Step:
    """A closed-form step of some rows."""

    joined: Joined
    model: _Factorizations
    chance: np.random.Generator | None

    def moves(
        self,
        touched: Int64s,
        codes: Codes,
        counted: Mask,
        own: _Rows,
        before: _Rows,
        now: _Rows,
        priors: list[Prior],
    ) -> Factors:
        """How far rows move, shape (draws, len(touched), k + 1).

        Args:
            touched: the rows.
            codes: row of each rating, shape (n,).
            counted: ratings that say something, shape (n,).
            own: the rows as they are.
            before: the other side as it was.
            now: the other side as it is.
            priors: of such rows in each draw.
        """
        n_draws, _, width = own.table.shape
        found = np.empty((n_draws, len(touched), width), np.float32)
        is_touched = np.zeros(codes.max() + 1, np.bool_)
        is_touched[touched] = True
        ratings = np.flatnonzero(is_touched[codes] & counted)
        ratings = ratings[np.argsort(codes[ratings], kind="stable")]
        starts = np.searchsorted(codes[ratings], [*touched, codes.max() + 1])
        precision = np.stack([prior.precision for prior in priors])
        ridge = precision * self.model.noise_variance[:, None, None]
        at_once = max(1, _AT_ONCE // (n_draws * width))
        for place in range(len(touched)):
            mine = ratings[starts[place] : starts[place + 1]]
            left, right = ridge.copy(), np.zeros((n_draws, width))
            for part in blocks(len(mine), at_once):
                some = mine[part]
                self._add(some, own.of(some), before.of(some), now.of(some), left, right)
            found[:, place] = np.linalg.solve(left, right[:, :, None])[:, :, 0]
        return found

    def _add(
        self,
        ratings: Int64s,
        own: Float64s,
        before: Float64s,
        now: Float64s,
        left: Float64s,
        right: Float64s,
    ) -> None:
        """Add Σ' w z' z'ᵀ to ``left``, and Σ' z' pull' - Σ z pull to ``right``."""
        joined, fresh = self.joined, self.joined.fresh[ratings]
        now_weights = _of(joined.ratings.weights, ratings)
        z, pull, sure = self._said(ratings, joined.ratings.values, now_weights, now, own)
        if self.chance is not None:
            noise = self.chance.standard_normal((len(now), int(fresh.sum())))
            variance = self.model.noise_variance[:, None]
            pull[:, fresh] += noise * np.sqrt(variance * sure[:, fresh])
        right += np.einsum("snk,sn->sk", z, pull)
        left += z.transpose(0, 2, 1) @ (z * sure[:, :, None])
        weights = _of(joined.weights_before, ratings)
        z, pull, _ = self._said(ratings, joined.before, weights, before, own)
        right -= np.einsum("snk,sn->sk", z, pull * ~fresh)

    def _said(
        self, ratings: Int64s, values: Values, weights: Float64s, other: Float64s, own: Float64s
    ) -> tuple[Float64s, Float64s, Float64s]:
        """What ratings say of a row: z, how they pull at z · x, and how firmly.

        That is w (t - z · x) and w; where steps of a scale hide t, E[t] - z · x and the share of
        the noise that a step leaves out, as the derivatives of its log-likelihood have it.

        Args:
            ratings: which, shape (m,).
            values: of all ratings, shape (n_ratings,).
            weights: of those, shape (m,).
            other: rows of the other side, shape (draws, m, k + 1).
            own: the row as it is, the same shape.
        """
        z = other.copy()
        z[:, :, -1] = 1
        expected = self.model.mean + other[:, :, -1] + np.einsum("snk,snk->sn", z, own)
        thresholds, mine = self.model.thresholds, values[ratings].astype(np.float64)
        if thresholds is None:
            return z, weights * (mine - expected), np.broadcast_to(weights, expected.shape)
        times = self.joined.ratings.times
        when = None if times is None else times[ratings]
        latent, variance = thresholds.behind(mine, expected, when)
        return z, latent - expected, 1 - variance / thresholds.noise**2


def _of(weights: Values | None, ratings: Int64s) -> Float64s:
    """Weights of some ratings, shape (m,)."""
    return np.ones(len(ratings)) if weights is None else weights[ratings].astype(np.float64)
