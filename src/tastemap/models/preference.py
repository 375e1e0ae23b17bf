"""Factors of who takes what: 1 for what a user took, 0 for everything else, not equally sure.

s(u, i) = p_u · q_i

Somebody new has the factors that minimise, with the items as they are,

    Σ w_i (1 - p · q_i)² + α₀ Σ_all (p · q_i)² + λ_u |p|²,

the first sum over what they took (`tastemap.training.implicit`): a half-step of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple, Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Float64s, Values, frozen
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
    """

    kind: ClassVar[str] = "preference"
    predicts: ClassVar[Predicts] = "scores"

    users: Interactions
    weighting: Weighting

    def predict_new(self, items: Codes, values: Values) -> Values:
        """Scores of all items for somebody new, shape (n_items,).

        Args:
            items: codes of what they rated, shape (n,).
            values: the ratings, shape (n,).
        """
        items, said = self.users.signal.read(items, values)
        q = self.item_factors[items].astype(np.float64)
        factors = np.linalg.solve(self._precision(q, said), q.T @ said)
        return np.asarray(self.item_factors @ factors.astype(np.float32), np.float32)

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
        penalty = self.weighting.penalty(float(weights.sum()), self.n_items)
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
            "weighting": frozen(self.weighting, np.float64),
            **self.users.parameters(),
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The model with these arrays."""
        unobserved, regularization, weighted = (float(one) for one in parameters["weighting"])
        return cls(
            user_factors=parameters["user_factors"],
            item_factors=parameters["item_factors"],
            users=Interactions.from_parameters(parameters),
            weighting=Weighting(unobserved, regularization, bool(weighted)),
        )
