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
from typing import Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Float64s, Mask, Values, frozen
from tastemap.errors import DataError, NotFittedFor
from tastemap.models.factors import FactorModel
from tastemap.models.protocol import ListModel
from tastemap.models.thresholds import Thresholds

_ALL = slice(None)
_MOST_TURNS, _SETTLED = 200, 1e-5
"""Of expectation maximisation; settled, in units of the noise, when x moves by less."""


@dataclass(frozen=True, eq=False)
class Prior:
    """What is expected of a user, or an item, nobody has seen.

    Attributes:
        mean: factors and, last, the bias, shape (k + 1,).
        precision: inverse of their covariance, shape (k + 1, k + 1).
    """

    mean: Float64s
    precision: Float64s

    @classmethod
    def of(cls, rows: AnyArray) -> Self:
        """Mean and covariance of those with ratings, shape (n, k + 1), n at least 1."""
        x = rows.astype(np.float64)
        covariance = np.atleast_2d(np.cov(x.T, bias=True))
        # A coordinate in which all are alike stays invertible.
        floor = max(float(np.trace(covariance)), 1e-6) * 1e-6
        precision = np.linalg.inv(covariance + floor * np.eye(len(covariance)))
        return cls(x.mean(axis=0), np.asarray(precision, np.float64))

    @cached_property
    def covariance(self) -> Float64s:
        """The inverse of the precision, shape (k + 1, k + 1)."""
        return np.asarray(np.linalg.inv(self.precision), np.float64)

    def given(self, z: Float64s, noise_variance: float) -> Float64s:
        """Covariance after ratings of items z, shape (n, k + 1): (precision + zᵀ z / σ²)⁻¹.

        Of few ratings by the matrix inversion lemma, C - C zᵀ (σ² + z C zᵀ)⁻¹ z C with the prior's
        covariance C: the matrix to invert then has a row a rating, not a row a factor.
        """
        if 2 * len(z) > len(self.mean):
            precision = self.precision + z.T @ z / noise_variance
            return np.asarray(np.linalg.inv(precision), np.float64)
        along = z @ self.covariance
        inner = along @ z.T + noise_variance * np.eye(len(z))
        return np.asarray(self.covariance - along.T @ np.linalg.solve(inner, along), np.float64)


def users_of(model: FactorModel) -> Factors:
    """Factors and, last, the bias of a model's users, shape (n_users, k + 1).

    Raises:
        NotFittedFor: the model has no biases.
    """
    if model.user_bias is None:
        raise NotFittedFor("a model without biases cannot take in new users or ratings")
    return np.column_stack([model.user_factors, model.user_bias])


def items_of(model: FactorModel) -> Factors:
    """Factors and, last, the bias of a model's items, shape (n_items, k + 1).

    Raises:
        NotFittedFor: the model has no biases.
    """
    if model.item_bias is None:
        raise NotFittedFor("a model without biases cannot take in new users or ratings")
    return np.column_stack([model.item_factors, model.item_bias])


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
        covariance: of factors and, last, the bias, shape (k + 1, k + 1).
        noise_variance: of a rating around its prediction, in squared units of the ratings.
        thresholds: those of the model, if it has some: factors and bias are then of latent values.
    """

    model: FactorModel = field(repr=False)
    items: Codes
    values: Values
    counted: Mask
    factors: Factors
    bias: float
    covariance: Float64s
    noise_variance: float
    thresholds: Thresholds | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", frozen(self.items, np.int32))
        for name in ("values", "factors"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float32))
        object.__setattr__(self, "counted", frozen(self.counted, np.bool_))
        object.__setattr__(self, "covariance", frozen(self.covariance, np.float64))

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
        z = np.column_stack([self.model.item_factors[items], np.ones(len(items))])
        variance = np.einsum("nk,kl,nl->n", z, self.covariance, z, optimize=True)
        noise: Float64s | float = self.noise_variance
        if self.thresholds is not None:
            latent = self.predict_latent(items)
            variance *= self.thresholds.slope(latent) ** 2
            noise = self.thresholds.moments(latent)[1]
        return np.asarray(np.sqrt(variance + noise), np.float32)


def predict_together(users: Sequence[FoldedUser]) -> Values:
    """What each of some users of one model predicts, shape (len(users), n_items).

    One product of matrices reads the items' factors once, not once for each.
    """
    model = users[0].model
    latent = np.stack([one.factors for one in users]) @ model.item_factors.T
    latent += np.array([model.mean + one.bias for one in users], np.float32)[:, None]
    if model.item_bias is not None:
        latent += model.item_bias
    steps = users[0].thresholds
    return latent if steps is None else steps.expected(latent)


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
    items, values = np.asarray(items), np.asarray(values, np.float64)
    if items.shape != values.shape or items.ndim != 1:
        raise DataError(f"{items.shape} items and {values.shape} ratings are not pairs")
    if len(items) and not 0 <= items.min() <= items.max() < model.n_items:
        raise DataError(f"an item code is not one of {model.n_items}")
    if len(np.unique(items)) != len(items):
        raise DataError("an item is rated twice")
    if not np.all(np.isfinite(values)):
        raise DataError("a rating is not a finite number")
    if model.item_bias is None:
        raise NotFittedFor("a model without biases cannot take in new users or ratings")
    z = np.column_stack([model.item_factors[items], np.ones(len(items))]).astype(np.float64)
    offset = (model.mean + model.item_bias[items]).astype(np.float64)

    def solved(latent: Float64s) -> Float64s:
        # Of the difference from the prior mean, so that nothing is lost where the prior is sharp.
        return prior.mean + covariance @ (z.T @ (latent - offset - z @ prior.mean)) / noise_variance

    covariance = prior.given(z, noise_variance)
    if thresholds is None:
        x = solved(values.astype(np.float64))
    else:
        x = prior.mean
        for _ in range(_MOST_TURNS):
            before, x = x, solved(thresholds.behind(values, offset + z @ x)[0])
            if np.max(np.abs(x - before)) <= _SETTLED * thresholds.noise:
                break
        known = 1 - thresholds.behind(values, offset + z @ x)[1] / noise_variance
        # At least 0 but for rounding: a step never says more than the value behind it.
        weighted = z * np.sqrt(np.maximum(known, 0))[:, None]
        covariance = prior.given(weighted, noise_variance)
    return FoldedUser(
        model=model,
        items=items,
        values=values,
        counted=np.ones(len(items), np.bool_),
        factors=x[:-1].astype(np.float32),
        bias=float(x[-1]),
        covariance=covariance,
        noise_variance=noise_variance,
        thresholds=thresholds,
    )


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
    z = np.column_stack([model.item_factors, np.ones(model.n_items)]).astype(np.float64)
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
