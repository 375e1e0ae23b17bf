"""A neural network on the factors of a user and an item, side by side.

h_0 = [p_u, q_i];  h_l = relu(h_{l-1} W_l + a_l);  r̂(u, i) = μ + h_L w + a
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Values, frozen
from tastemap.models.protocol import Predicts, blocks


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkModel:
    """Predictions of a fully connected network with relu units.

    Attributes:
        mean: μ, added to the network's output, in units of the ratings; 0 for none.
        user_factors: p, shape (n_users, k).
        item_factors: q, shape (n_items, k).
        weights: W_l, shapes (2k, n_1), (n_1, n_2), ..., (n_L, 1).
        offsets: a_l, shapes (n_1,), ..., (1,).
    """

    kind: ClassVar[str] = "network"
    predicts: ClassVar[Predicts] = "ratings"

    mean: float = 0.0
    user_factors: Factors
    item_factors: Factors
    weights: tuple[Factors, ...]
    offsets: tuple[Values, ...]

    def __post_init__(self) -> None:
        for name in ("user_factors", "item_factors"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float32))
        for name in ("weights", "offsets"):
            arrays = tuple(frozen(array, np.float32) for array in getattr(self, name))
            object.__setattr__(self, name, arrays)

    @property
    def n_users(self) -> int:
        """Number of user codes."""
        return len(self.user_factors)

    @property
    def n_items(self) -> int:
        """Number of item codes."""
        return len(self.item_factors)

    def _after_first(self, hidden: Factors) -> Values:
        """The network from the first layer's sums, shape (..., n_1), to predictions (...,)."""
        for weight, offset in zip(self.weights[1:], self.offsets[1:], strict=True):
            hidden = np.maximum(hidden, 0) @ weight + offset
        return np.asarray(hidden[..., 0] + np.float32(self.mean), np.float32)

    def predict_pairs(self, users: Codes, items: Codes) -> Values:
        """Predicted rating of each pair, both of shape (n,), in units of the ratings."""
        predicted = np.empty(len(users), np.float32)
        for part in blocks(len(users)):
            side_by_side = np.concatenate(
                [self.user_factors[users[part]], self.item_factors[items[part]]], axis=1
            )
            predicted[part] = self._after_first(side_by_side @ self.weights[0] + self.offsets[0])
        return predicted

    def predict_users(self, users: Codes) -> Values:
        """Predicted ratings of all items by each user, shape (len(users), n_items).

        The first layer is linear in the two halves of its input, so each half is multiplied
        once and only the sums are formed for each pair.
        """
        k = self.user_factors.shape[1]
        from_users = self.user_factors[users] @ self.weights[0][:k] + self.offsets[0]
        from_items = self.item_factors @ self.weights[0][k:]
        predicted = np.empty((len(users), self.n_items), np.float32)
        for row, from_user in enumerate(from_users):
            predicted[row] = self._after_first(from_items + from_user)
        return predicted

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
        for layer, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            parameters |= {f"weight_{layer}": weight, f"offset_{layer}": offset}
        return parameters

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The model with these arrays."""
        n_layers = sum(name.startswith("weight_") for name in parameters)
        return cls(
            mean=float(parameters["mean"][0]),
            user_factors=parameters["user_factors"],
            item_factors=parameters["item_factors"],
            weights=tuple(parameters[f"weight_{layer}"] for layer in range(n_layers)),
            offsets=tuple(parameters[f"offset_{layer}"] for layer in range(n_layers)),
        )
