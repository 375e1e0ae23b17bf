"""Matrix factorization: a dot product of factors, with or without biases.

r̂(u, i) = μ + b_u + c_i + p_u · q_i
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Values, frozen
from tastemap.models.protocol import Predicts, blocks


@dataclass(frozen=True, eq=False, kw_only=True)
class FactorModel:
    """Predictions from the dot product of a user's and an item's factors.

    Attributes:
        mean: μ, in units of the ratings; 0 for a model without a mean term.
        user_bias: b, shape (n_users,), or None for a model without biases.
        item_bias: c, shape (n_items,), or None together with ``user_bias``.
        user_factors: p, shape (n_users, k).
        item_factors: q, shape (n_items, k).
    """

    kind: ClassVar[str] = "factors"
    predicts: ClassVar[Predicts] = "ratings"

    mean: float = 0.0
    user_bias: Values | None = None
    item_bias: Values | None = None
    user_factors: Factors
    item_factors: Factors

    def __post_init__(self) -> None:
        for name in ("user_bias", "item_bias", "user_factors", "item_factors"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, frozen(array, np.float32))

    @property
    def n_users(self) -> int:
        """Number of user codes."""
        return len(self.user_factors)

    @property
    def n_items(self) -> int:
        """Number of item codes."""
        return len(self.item_factors)

    def predict_pairs(self, users: Codes, items: Codes) -> Values:
        """Predicted rating of each pair, both of shape (n,), in units of the ratings."""
        predicted = np.empty(len(users), np.float32)
        for part in blocks(len(users)):
            user, item = users[part], items[part]
            # p_u · q_i for each pair
            dots = np.einsum("nk,nk->n", self.user_factors[user], self.item_factors[item])
            if self.user_bias is not None and self.item_bias is not None:
                dots += self.user_bias[user] + self.item_bias[item]
            predicted[part] = dots + np.float32(self.mean)
        return predicted

    def predict_users(self, users: Codes) -> Values:
        """Predicted ratings of all items by each user, shape (len(users), n_items)."""
        user_bias = 0 if self.user_bias is None else self.user_bias[users]
        return self.predict_rows(self.user_factors[users], user_bias)

    def predict_rows(self, factors: Factors, bias: Values | float) -> Values:
        """What users with these factors and biases would rate all items, shape (n, n_items).

        Args:
            factors: shape (n, k).
            bias: shape (n,), or one for all.
        """
        left = np.empty((len(factors), len(self._item_side)), np.float32)
        left[:, :-2] = factors
        left[:, -2], left[:, -1] = bias + np.float32(self.mean), 1
        return np.asarray(left @ self._item_side)

    @cached_property
    def _item_side(self) -> Factors:
        """Item factors, ones and item biases, shape (k + 2, n_items).

        With the user's side (p, μ + b, 1) one product gives predictions: adding biases to them
        takes as long as the product itself.
        """
        side = np.empty((self.item_factors.shape[1] + 2, self.n_items), np.float32)
        side[:-2], side[-2] = self.item_factors.T, 1
        side[-1] = 0 if self.item_bias is None else self.item_bias
        return side  # in this order of memory the product takes half as long as in the other

    def item_vectors(self) -> Factors | None:
        """The item factors, shape (n_items, k)."""
        return self.item_factors

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays of the model by name."""
        parameters: dict[str, AnyArray] = {
            "mean": np.array([self.mean], np.float64),
            "user_factors": self.user_factors,
            "item_factors": self.item_factors,
        }
        if self.user_bias is not None and self.item_bias is not None:
            parameters |= {"user_bias": self.user_bias, "item_bias": self.item_bias}
        return parameters

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The model with these arrays."""
        return cls(
            mean=float(parameters["mean"][0]),
            user_bias=parameters.get("user_bias"),
            item_bias=parameters.get("item_bias"),
            user_factors=parameters["user_factors"],
            item_factors=parameters["item_factors"],
        )
