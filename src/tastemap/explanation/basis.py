"""Bases in which the factors of items and users mean something.

Training leaves factors in an arbitrary basis: p·q = (A⁻ᵀp)·(Aq) for every invertible A, so what a
single factor means is an accident. The *canonical* basis depends on the predictions alone. With
P of shape (users, k) and Q of shape (items, k) over users with training ratings and the most
rated items, and with row means p̄ and q̄,

    p·q = p̄·q̄ + (p - p̄)·q̄ + p̄·(q - q̄) + (p - p̄)·(q - q̄)

The first three terms are the same for all pairs, for a user, and for an item: they belong to
the biases. The last, over all pairs, is the matrix of predictions with the mean of every row and
column taken out. Its singular value decomposition comes from small matrices:

    P - p̄ = Q_u R_u,  Q - q̄ = Q_i R_i,  R_u R_iᵀ = X S Yᵀ
    item coordinates  Q_i Y S / √items  = (Q - q̄) R_uᵀ X / √items
    user coordinates  Q_u X √items      = (P - p̄) R_iᵀ Y S⁻¹ √items

The right-hand sides are linear maps, so that every item and every user gets a place, and the sum
over components of user times item coordinate is the last term above.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

from tastemap.arrays import Factors, Float64s, Int64s
from tastemap.data.ratings import Ratings
from tastemap.errors import NotFittedFor
from tastemap.explanation.biases import most_rated_items
from tastemap.models.factors import FactorModel
from tastemap.models.protocol import Model

MOST_RATED = 2000
"""Items on which a basis is computed unless told otherwise."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Basis:
    """Linear maps from factors to coordinates, all float64.

    Attributes:
        item_centre: subtracted from an item's factors, shape (k,).
        item_map: then multiplied by this, shape (k, r).
        user_centre, user_map: the same for users, shapes (k,) and (k, r); None where there is no
            dot product. The sum over r of user and item coordinates' products is
            (p - user_centre)·(q - item_centre).
        share: of the variance, for each component, largest first, shape (r,); sums to 1.
        spread: standard deviation each component adds to predictions over all pairs, in units of
            the ratings, shape (r,); None where there is no dot product.
    """

    item_centre: Float64s
    item_map: Float64s
    user_centre: Float64s | None = None
    user_map: Float64s | None = None
    share: Float64s
    spread: Float64s | None = None

    def of_items(self, item_factors: Factors) -> Float64s:
        """Coordinates of items, shape (n, r), from their factors, shape (n, k)."""
        coordinates: Float64s = (item_factors - self.item_centre) @ self.item_map
        return coordinates

    def of_users(self, user_factors: Factors) -> Float64s:
        """Coordinates of users, shape (n, r), from their factors, shape (n, k).

        Raises:
            NotFittedFor: the basis has no place for users.
        """
        if self.user_centre is None or self.user_map is None:
            raise NotFittedFor('users have no place in this basis: ask for basis="canonical"')
        coordinates: Float64s = (user_factors - self.user_centre) @ self.user_map
        return coordinates

    def first(self, n: int) -> Basis:
        """The first ``n`` components alone."""
        return replace(
            self,
            item_map=self.item_map[:, :n],
            user_map=None if self.user_map is None else self.user_map[:, :n],
            share=self.share[:n],
            spread=None if self.spread is None else self.spread[:n],
        )


def canonical_basis(model: Model, ratings: Ratings, ranked: Int64s) -> Basis:
    """All canonical components on the items ``ranked`` and all users with training ratings.

    Components whose singular value is only rounding error of float32 factors are left out.

    Raises:
        NotFittedFor: the model's predictions are not a dot product.
    """
    if not isinstance(model, FactorModel):
        raise NotFittedFor(
            f"a {model.kind!r} model has no dot product of user and item factors, so no canonical "
            'components: ask for basis="notebook", or fit DotProduct or BiasedMF'
        )
    users, items = _known_users(model, ratings), model.item_factors[ranked].astype(np.float64)
    user_centre, item_centre = _mean(users), _mean(items)
    r_user = np.asarray(np.linalg.qr(users - user_centre, mode="r"))
    r_item = np.asarray(np.linalg.qr(items - item_centre, mode="r"))
    x, s, y_t = np.linalg.svd(r_user @ r_item.T, full_matrices=False)
    kept = s > s.max(initial=0.0) * users.shape[1] * np.finfo(np.float32).eps
    x, s, y = x[:, kept], s[kept], y_t[kept].T
    root = np.sqrt(len(items))
    item_map = r_user.T @ x / root
    user_map = r_item.T @ y / s * root
    sign = np.sign(ratings.item_counts[ranked] @ ((items - item_centre) @ item_map))
    sign[sign == 0] = 1
    return Basis(
        item_centre=item_centre,
        item_map=item_map * sign,
        user_centre=user_centre,
        user_map=user_map * sign,
        share=s**2 / np.sum(s**2),
        spread=s / np.sqrt(max(1, len(users) * len(items))),
    )


class Centres(NamedTuple):
    """The average user and item of the standard basis, from which taste is told.

    Attributes:
        user: p̄, shape (k,).
        item: q̄, shape (k,).
    """

    user: Float64s
    item: Float64s

    @classmethod
    def of(cls, model: FactorModel, ratings: Ratings) -> Self:
        """Those of `standard_basis`, without decomposing the model."""
        ranked = most_rated_items(model, ratings, MOST_RATED)
        items = model.item_factors[ranked].astype(np.float64)
        return cls(_mean(_known_users(model, ratings)), _mean(items))


def _known_users(model: FactorModel, ratings: Ratings) -> Float64s:
    return model.user_factors[ratings.user_counts > 0].astype(np.float64)


_REMEMBERED: weakref.WeakKeyDictionary[FactorModel, tuple[weakref.ref[Ratings], Int64s, Basis]]
_REMEMBERED = weakref.WeakKeyDictionary()


def standard_basis(model: FactorModel, ratings: Ratings) -> tuple[Int64s, Basis]:
    """All canonical components on the `MOST_RATED` items, and the codes of these items.

    It is kept for as long as the model lives: explaining one prediction after another must not
    decompose the whole model each time.
    """
    known = _REMEMBERED.get(model)
    if known is not None and known[0]() is ratings:
        return known[1], known[2]
    ranked = most_rated_items(model, ratings, MOST_RATED)
    basis = canonical_basis(model, ratings, ranked)
    _REMEMBERED[model] = (weakref.ref(ratings), ranked, basis)
    return ranked, basis


def notebook_basis(item_factors: Factors) -> Basis:
    """Principal components of the k factors as samples and the items as features.

    Z = F - mean of each item's own factors;  Zᵀ = U S Vᵀ;  components_ = the rows of Vᵀ, each
    with its entry of largest magnitude positive;  V = F (1 - 11ᵀ/k) U S⁻¹.
    """
    factors = item_factors.astype(np.float64)
    k = factors.shape[1]
    centred = factors - factors.mean(axis=1, keepdims=True)
    u, s, v_t = np.linalg.svd(centred.T, full_matrices=False)
    kept = s > s.max(initial=0.0) * k * np.finfo(np.float32).eps
    u, s, v_t = u[:, kept], s[kept], v_t[kept]
    largest = np.argmax(np.abs(v_t), axis=1)
    sign = np.sign(v_t[np.arange(len(s)), largest])
    return Basis(
        item_centre=np.zeros(k),
        item_map=(u - u.mean(axis=0)) / s * sign,
        share=s**2 / np.sum(s**2),
    )


def _mean(rows: Float64s) -> Float64s:
    mean: Float64s = rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1])
    return mean
