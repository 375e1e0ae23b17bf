"""Mean plus a bias for each user and each item.

r̂(u, i) = μ + b_u + c_i
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Values, frozen
from tastemap.models.protocol import Predicts


@dataclass(frozen=True, eq=False, kw_only=True)
class BiasModel:
    """Predictions from who is generous and what is well liked, without taste.

    Attributes:
        mean: μ, in units of the ratings.
        user_bias: b, shape (n_users,); 0 for a user without ratings.
        item_bias: c, shape (n_items,); 0 for an item without ratings.
    """

    kind: ClassVar[str] = "bias"
    predicts: ClassVar[Predicts] = "ratings"

    mean: float
    user_bias: Values
    item_bias: Values

    def __post_init__(self) -> None:
        object.__setattr__(self, "user_bias", frozen(self.user_bias, np.float32))
        object.__setattr__(self, "item_bias", frozen(self.item_bias, np.float32))

    @property
    def n_users(self) -> int:
        """Number of user codes."""
        return len(self.user_bias)

    @property
    def n_items(self) -> int:
        """Number of item codes."""
        return len(self.item_bias)

    def predict_pairs(self, users: Codes, items: Codes) -> Values:
        """Predicted rating of each pair; a code of -1 contributes no bias."""
        user_part = np.where(users >= 0, self.user_bias[users], 0) if self.n_users else 0
        item_part = np.where(items >= 0, self.item_bias[items], 0) if self.n_items else 0
        return np.asarray(np.float32(self.mean) + user_part + item_part, np.float32)

    def predict_users(self, users: Codes) -> Values:
        """Predicted ratings of all items by each user, shape (len(users), n_items)."""
        everything = np.arange(self.n_items, dtype=np.int32)
        return self.predict_pairs(np.asarray(users)[:, None], everything[None, :])

    def item_vectors(self) -> Factors | None:
        """None: a bias says how good an item is, not what it is like."""
        return None

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays of the model by name."""
        return {
            "mean": np.array([self.mean], np.float64),
            "user_bias": self.user_bias,
            "item_bias": self.item_bias,
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The model with these arrays."""
        return cls(
            mean=float(parameters["mean"][0]),
            user_bias=parameters["user_bias"],
            item_bias=parameters["item_bias"],
        )
