"""Somebody new, from a few ratings, without training again.

With the items as they are, a new user's factors and bias x = (p, b) are the unknowns of a linear
model, r - μ - cᵢ ≈ qᵢ · p + b, with as prior the normal distribution of the users the model knows:

    A = Λ + Σ z zᵀ / σ²,    x = A⁻¹ (Λ m + Σ z (r - μ - cᵢ) / σ²),    covariance A⁻¹,

z = (qᵢ, 1), m and Λ⁻¹ the mean and covariance of the known users' x. One half-step of ALS
(Zhou et al. 2008, "Large-scale parallel collaborative filtering for the Netflix prize", section
3.1) with that prior instead of λ. On the bundled ratings, users that were left out are predicted
from half of their ratings as well as by training again with that half.

Of ratings that are steps of a scale (`tastemap.models.thresholds`) r is the latent value behind
them. It is not seen: x is where it agrees with its own expectation, found by alternating between
the two (expectation maximisation), and a rating says the less of x the wider its step is.

*Which* items the new user rated says nothing here, though it does in training
(`tastemap.training.side`): the prior is the same for everybody new. With the coefficients found in
training, new users were not predicted better to speak of (docs/decisions/009).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tastemap.arrays import Codes, Factors, Float64s, Int64s, Mask, Values, frozen
from tastemap.errors import DataError, NotFittedFor
from tastemap.models.factors import FactorModel
from tastemap.models.prior import Prior
from tastemap.models.protocol import ListModel
from tastemap.models.thresholds import Thresholds

_ALL = slice(None)
_MOST_TURNS, _SETTLED = 200, 1e-5
"""Of expectation maximisation; settled, in units of the noise, when x moves by less."""


def offset_of(model: FactorModel, items: Codes) -> Float64s:
    """What a model with biases predicts of items without the user, μ + c, of any shape."""
    assert model.item_bias is not None  # noqa: S101  # only such are folded into
    return (model.mean + model.item_bias[items]).astype(np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class FoldedUser:
    """A new user, as sure as a few ratings make it. Made by `Recommender.fold_in`.

    Attributes:
        model: what the user was folded into; to another model they say nothing.
        items: codes of the items rated, shape (n,).
        values: the ratings, shape (n,).
        counted: which of these the model knows the items of, so that they count, shape (n,).
        factors: p, shape (k,).
        bias: b, in units of the ratings.
        prior: what was expected of them before.
        noise_variance: of a rating around its prediction, in squared units of the ratings.
        thresholds: those of the model, if it has some: factors and bias are then of latent values.
    """

    model: FactorModel = field(repr=False)
    items: Codes
    values: Values
    counted: Mask
    factors: Factors
    bias: float
    prior: Prior = field(repr=False)
    noise_variance: float
    thresholds: Thresholds | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", frozen(self.items, np.int32))
        for name in ("values", "factors"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float32))
        object.__setattr__(self, "counted", frozen(self.counted, np.bool_))

    @cached_property
    def covariance(self) -> Float64s:
        """Of factors and, last, the bias, shape (k + 1, k + 1)."""
        items = self.items[self.counted]
        z = with_ones(self.model.item_factors[items])
        if self.thresholds is not None:
            latent = self.predict_latent(items).astype(np.float64)
            variance = self.thresholds.behind(self.values[self.counted], latent)[1]
            known = 1 - variance / self.noise_variance
            # At least 0 but for rounding: a step never says more than the value behind it.
            z *= np.sqrt(np.maximum(known, 0))[:, None]
        return frozen(self.prior.given(z, self.noise_variance), np.float64)

    def __repr__(self) -> str:
        return f"<FoldedUser with {len(self.items):,} ratings>"

    def predict(self, items: Codes | slice = _ALL) -> Values:
        """Predicted ratings of items, or of all, shape (n,), in units of the ratings."""
        latent = self.predict_latent(items)
        return latent if self.thresholds is None else self.thresholds.expected(latent)

    def predict_latent(self, items: Codes | slice = _ALL) -> Values:
        """What factors and biases add up to, shape (n,): the rating, or behind it."""
        scores: Values = self.model.item_factors[items] @ self.factors
        scores += np.float32(self.model.mean + self.bias)
        if self.model.item_bias is not None:
            scores += self.model.item_bias[items]
        return scores

    def deviations(self, items: Codes) -> Values:
        """Standard deviation of a rating given by this user, of each item, shape (n,).

        Of what is open about the user, and of noise; the items are taken as known.
        """
        z = with_ones(self.model.item_factors[items])
        variance = np.einsum("nk,kl,nl->n", z, self.covariance, z, optimize=True)
        noise: Float64s | float = self.noise_variance
        if self.thresholds is not None:
            latent = self.predict_latent(items)
            variance *= self.thresholds.slope(latent) ** 2
            noise = self.thresholds.moments(latent)[1]
        return np.asarray(np.sqrt(variance + noise), np.float32)


@dataclass(frozen=True, eq=False, kw_only=True)
class FoldedGroup:
    """New users of one model, solved for together, which takes much less time than one by one.

    Attributes:
        model: what they were folded into.
        items: codes of the items rated, shape (m, n) for m users, of whom none has more than n
            ratings; filled up with 0.
        values: the ratings, filled up.
        given: which ratings are none that only fill up, shape (m, n).
        counted: which of them the model knows the items of, so that they count, shape (m, n).
        offset: what the model predicts of each rating without the user, μ + c, shape (m, n).
        z: factors and 1 of the items, 0 where a rating does not count, shape (m, n, k + 1).
        gains: how much each rating moves x, shape (m, k + 1, n).
        x: factors and, last, the bias, shape (m, k + 1).
        prior: what was expected of them before.
        noise_variance: of a rating around its prediction, in squared units of the ratings.
        thresholds: those of the model, if it has some: x is then of latent values.
    """

    model: FactorModel
    items: Codes
    values: Float64s
    given: Mask
    counted: Mask
    offset: Float64s
    z: Float64s
    gains: Float64s
    x: Float64s
    prior: Prior
    noise_variance: float
    thresholds: Thresholds | None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def factors(self) -> Factors:
        """p, shape (m, k)."""
        return self.x[:, :-1].astype(np.float32)

    def user(self, row: int) -> FoldedUser:
        """One of them."""
        given = self.given[row]
        return FoldedUser(
            model=self.model,
            items=self.items[row, given],
            values=self.values[row, given],
            counted=self.counted[row, given],
            factors=self.factors[row],
            bias=float(self.x[row, -1]),
            prior=self.prior,
            noise_variance=self.noise_variance,
            thresholds=self.thresholds,
        )

    def predict(self) -> Values:
        """Predicted ratings of all items by each, shape (m, n_items)."""
        latent = self.model.predict_rows(self.factors, self.x[:, -1].astype(np.float32))
        return latent if self.thresholds is None else self.thresholds.expected(latent)


@dataclass(frozen=True, eq=False, kw_only=True)
class FoldedHistory:
    """A new user of a model that ranks items, which knows users by what they took.

    Made by `Recommender.fold_in`.

    Attributes:
        model: what the user was folded into; to another model they say nothing.
        items: codes of the items rated, shape (n,).
        values: the ratings, shape (n,).
    """

    model: ListModel = field(repr=False)
    items: Codes
    values: Values

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", frozen(self.items, np.int32))
        object.__setattr__(self, "values", frozen(self.values, np.float32))

    def __repr__(self) -> str:
        return f"<FoldedHistory with {len(self.items):,} ratings>"

    def predict(self) -> Values:
        """Scores of all items, shape (n_items,); all 0 where the ratings say nothing."""
        return self.model.predict_new(self.items, self.values)


def fold_in(
    model: FactorModel,
    items: Codes,
    values: Values,
    *,
    noise_variance: float,
    prior: Prior,
    thresholds: Thresholds | None = None,
) -> FoldedUser:
    """Solve for a user the model has not seen.

    Args:
        model: a model with biases.
        items: codes of the rated items, shape (n,), each at most once; n may be 0.
        values: the ratings, in units of the ratings of training, shape (n,).
        noise_variance: of a rating around its prediction, above 0.
        prior: what the model's users with ratings are like.
        thresholds: of ratings that are steps of a scale.

    Returns:
        The user; without ratings the average user.

    Raises:
        DataError: an item repeats or does not exist, a rating is not finite, or items and ratings
            differ in number.
        NotFittedFor: the model has no biases.
    """
    _check(model, items, values)
    group = fold_in_group(
        model,
        [(items, values)],
        noise_variance=noise_variance,
        prior=prior,
        thresholds=thresholds,
    )
    return group.user(0)


def fold_in_group(
    model: FactorModel,
    ratings: Sequence[tuple[Codes, Values]],
    *,
    item_counts: Int64s | None = None,
    noise_variance: float,
    prior: Prior,
    thresholds: Thresholds | None = None,
) -> FoldedGroup:
    """Solve for several users, best of about as many ratings each. See `fold_in`.

    Args:
        model: a model with biases.
        ratings: of each user the codes of items, each at most once, and the ratings: as `fold_in`
            sees to.
        item_counts: training ratings of each item, shape (n_items,): of one without any nothing is
            known, so that its rating does not count. None: all count.
        noise_variance: as of `fold_in`.
        prior: the same.
        thresholds: the same.
    """
    items, values, given = _filled_up(ratings, 0.0 if thresholds is None else thresholds.values[0])
    counted = given if item_counts is None else given & (item_counts[items] > 0)
    z = with_ones(model.item_factors[items])
    z[~counted] = 0
    offset, gains = offset_of(model, items), prior.gains(z, noise_variance)

    def solved(latent: Float64s) -> Float64s:
        # Of the difference from the prior mean, so that nothing is lost where the prior is sharp.
        return prior.mean + _times(gains, latent - offset - z @ prior.mean)

    if thresholds is None:
        x = solved(values)
    else:
        x, moves = np.tile(prior.mean, (len(ratings), 1)), np.ones(len(ratings), np.bool_)
        for _ in range(_MOST_TURNS):
            now = solved(thresholds.behind(values, offset + _times(z, x))[0])
            apart = np.max(np.abs(now - x), axis=1)
            x[moves] = now[moves]
            moves &= apart > _SETTLED * thresholds.noise
            if not moves.any():
                break
    return FoldedGroup(
        model=model,
        items=items,
        values=values,
        given=given,
        counted=counted,
        offset=offset,
        z=z,
        gains=gains,
        x=x,
        prior=prior,
        noise_variance=noise_variance,
        thresholds=thresholds,
    )


def _filled_up(
    ratings: Sequence[tuple[Codes, Values]], filler: float
) -> tuple[Codes, Float64s, Mask]:
    """Items and values in rows of one length, and where they are given."""
    lengths = np.array([len(items) for items, _ in ratings])
    given = np.arange(lengths.max()) < lengths[:, None]
    items, values = np.zeros(given.shape, np.int32), np.full(given.shape, filler)
    items[given] = np.concatenate([one for one, _ in ratings])
    values[given] = np.concatenate([one for _, one in ratings])
    return items, values, given


def _check(model: FactorModel, items: Codes, values: Values) -> None:
    if model.item_bias is None:
        raise NotFittedFor("a model without biases cannot take in new users or ratings")
    if items.shape != values.shape or items.ndim != 1:
        raise DataError(
            f"items and ratings are not pairs: there are {items.shape} and {values.shape}"
        )
    if not 0 <= items.min(initial=0) <= items.max(initial=0) < model.n_items:
        raise DataError(f"an item code is not one of {model.n_items}")
    if len(np.unique(items)) < len(items):
        raise DataError("an item is rated twice")
    if not np.all(np.isfinite(values)):
        raise DataError("a rating is not a finite number")


def with_ones(factors: Factors) -> Float64s:
    """With a 1 as last of each, shape (..., k + 1)."""
    z = np.ones((*factors.shape[:-1], factors.shape[-1] + 1))
    z[..., :-1] = factors
    return z


def _times(matrices: Float64s, vectors: Float64s) -> Float64s:
    """Each matrix times its vector."""
    return np.asarray((matrices @ vectors[..., None])[..., 0])


def ask_next(user: FoldedUser, known: Float64s, n: int = 5) -> Codes:
    """The items to ask a new user about, most telling first.

    Asking about item i gains ½ log(1 + zᵀ Σ z / σ²) of information on the user, if they know it;
    the gain does not depend on the answer, so after each choice the covariance Σ is what it would
    be with the answer, and the items that would tell the same again fall behind.

    Args:
        user: what is known so far; what they rated is not asked again.
        known: chance that somebody knows each item, shape (n_items,); 0 for items not to ask.
        n: how many.

    Returns:
        Item codes, at most ``n``: fewer when no other has a chance to be known.
    """
    model = user.model
    z = with_ones(model.item_factors)
    chance = np.array(known, np.float64)
    chance[user.items] = 0
    covariance = user.covariance
    chosen: list[int] = []
    while len(chosen) < n:
        variance = np.einsum("nk,nk->n", z @ covariance, z)
        gain = chance * np.log1p(variance / user.noise_variance) / 2
        best = int(np.argmax(gain))
        if not gain[best] > 0:
            break
        chosen.append(best)
        chance[best] = 0
        # One rating more (Sherman and Morrison): Σ - Σ z zᵀ Σ / (σ² + zᵀ Σ z)
        along = covariance @ z[best]
        covariance = covariance - np.outer(along, along) / (user.noise_variance + variance[best])
    return np.array(chosen, np.int32)
