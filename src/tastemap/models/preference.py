"""Factors of who takes what: 1 for what a user took, 0 for everything else, not equally sure.

s(u, i) = p_u · q_i

Somebody new has the factors that minimise, with the items as they are,

    Σ w_i (1 - p · q_i)² + α₀ Σ_all (p · q_i)² + λ_u |p|²,

the first sum over what they took (`tastemap.training.implicit`): a half-step of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, NamedTuple, Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Float64s, Values, frozen
from tastemap.data.ratings import Ratings
from tastemap.models.factors import FactorModel
from tastemap.models.interactions import Interactions
from tastemap.models.protocol import Predicts


class Weighting(NamedTuple):
    """What the error of a user is made of.

    Attributes:
        unobserved: α₀, the weight of a pair because it is a pair, taken or not.
        regularization: λ.
        weighted: whether λ_u = λ (Σ w + α₀ n_items); else λ_u = λ.
    """

    unobserved: float
    regularization: float
    weighted: bool

    def penalty(self, total: float, n_other: int) -> float:
        """λ_u of a row with this sum of weights, the other side having so many rows."""
        return float(self.penalties(np.array([total]), n_other)[0])

    def penalties(self, totals: Float64s, n_other: int) -> Float64s:
        """The same of many rows, shape (n_rows,)."""
        if not self.weighted:
            return np.full(len(totals), self.regularization)
        return self.regularization * (totals + self.unobserved * n_other)


@dataclass(frozen=True, eq=False, kw_only=True)
class PreferenceModel(FactorModel):
    """Scores from the dot product of factors, fitted to what users took.

    Attributes:
        users: what they took.
        weighting: what their errors are made of.
        known_items: how many items it was fitted to; those that came later have factors 0.
    """

    kind: ClassVar[str] = "preference"
    predicts: ClassVar[Predicts] = "scores"

    users: Interactions
    weighting: Weighting
    known_items: int

    def predict_new(self, items: Codes, values: Values) -> Values:
        """Scores of all items for somebody new, shape (n_items,).

        Args:
            items: codes of what they rated, shape (n,).
            values: the ratings, shape (n,).
        """
        factors = self._solved(*self.users.signal.read(items, values))
        return np.asarray(self.item_factors @ factors, np.float32)

    def taken_in(self, ratings: Ratings, changed: Codes) -> Self:
        """The same for users as they are now (see `ListModel`).

        Factors of those that changed are solved for anew; those of new items are 0.
        """
        taken = Interactions.of(ratings, self.users.signal)
        users = np.pad(self.user_factors, ((0, ratings.n_users - self.n_users), (0, 0)))
        items = np.pad(self.item_factors, ((0, ratings.n_items - self.n_items), (0, 0)))
        grown = replace(self, user_factors=users, item_factors=items, users=taken)
        for user in changed:
            users[user] = grown._solved(*taken.row(user))
        return replace(grown, user_factors=users)

    def _solved(self, items: Codes, said: Values) -> Values:
        """Factors of a user who took these, shape (k,)."""
        q = self.item_factors[items].astype(np.float64)
        return np.linalg.solve(self._precision(q, said), q.T @ said).astype(np.float32)

    def contributions(self, user: int, item: int) -> tuple[Codes, Values]:
        """What each item the user took adds to the score of an item.

        With A the precision of the user's factors, the score is Σ_j q_i A⁻¹ q_j w_j (Hu, Koren &
        Volinsky 2008, "Collaborative filtering for implicit feedback datasets", section 5).

        Returns:
            Codes of the user's items and the part of each; they add up to the score, as far as
            the user's factors are the best for the items' factors.
        """
        return self._said(*self.users.row(user), item)

    def contributions_new(self, items: Codes, values: Values, item: int) -> tuple[Codes, Values]:
        """The same for somebody new, by codes of what they rated and the ratings: exact."""
        return self._said(*self.users.signal.read(items, values), item)

    def _said(self, items: Codes, said: Values, item: int) -> tuple[Codes, Values]:
        q = self.item_factors[items].astype(np.float64)
        along = np.linalg.solve(
            self._precision(q, said), self.item_factors[item].astype(np.float64)
        )
        return items, np.asarray(said * (q @ along), np.float32)

    def _precision(self, q: Float64s, weights: Values) -> Float64s:
        # A = Σ w q qᵀ + α₀ QᵀQ + λ_u
        penalty = self.weighting.penalty(float(weights.sum()), self.known_items)
        own = (q * weights[:, None]).T @ q
        return np.asarray(own + self._everything + penalty * np.eye(q.shape[1]), np.float64)

    @cached_property
    def _everything(self) -> Float64s:
        q = self.item_factors.astype(np.float64)
        return np.asarray(self.weighting.unobserved * (q.T @ q), np.float64)

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays of the model by name."""
        return {
            "user_factors": self.user_factors,
            "item_factors": self.item_factors,
            "weighting": frozen([*self.weighting, self.known_items], np.float64),
            **self.users.parameters(),
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The model with these arrays."""
        unobserved, regularization, weighted, known = map(float, parameters["weighting"])
        return cls(
            user_factors=parameters["user_factors"],
            item_factors=parameters["item_factors"],
            users=Interactions.from_parameters(parameters),
            weighting=Weighting(unobserved, regularization, bool(weighted)),
            known_items=int(known),
        )
