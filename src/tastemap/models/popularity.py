"""The same list for everybody: what most users took comes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Values, frozen
from tastemap.data.ratings import Ratings
from tastemap.models.interactions import Interactions, Signal
from tastemap.models.protocol import Predicts


@dataclass(frozen=True, eq=False, kw_only=True)
class PopularityModel:
    """s(u, i) = how often item i was taken, by anybody.

    Attributes:
        users: number of user codes.
        counts: shape (n_items,).
        signal: which ratings count.
    """

    kind: ClassVar[str] = "popularity"
    predicts: ClassVar[Predicts] = "scores"

    users: int
    counts: Values
    signal: Signal = field(default_factory=Signal)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", frozen(self.counts, np.float32))

    @classmethod
    def of(cls, taken: Interactions, n_items: int) -> Self:
        """The sums of what was taken."""
        counts = np.bincount(taken.items, taken.values, minlength=n_items)
        return cls(users=len(taken), counts=counts.astype(np.float32), signal=taken.signal)

    @property
    def n_users(self) -> int:
        """Number of user codes."""
        return self.users

    @property
    def n_items(self) -> int:
        """Number of item codes."""
        return len(self.counts)

    def predict_pairs(self, users: Codes, items: Codes) -> Values:
        """Score of each pair, shape (n,)."""
        return self.counts[items]

    def predict_users(self, users: Codes) -> Values:
        """Scores of all items for each user, shape (len(users), n_items)."""
        return np.tile(self.counts, (len(users), 1))

    def predict_new(self, items: Codes, values: Values) -> Values:
        """Scores of all items for somebody new, whatever they took, shape (n_items,)."""
        return self.counts.copy()

    def taken_in(self, ratings: Ratings, changed: Codes) -> Self:
        """The same with ratings as they are now: all are counted (see `ListModel`)."""
        return self.of(Interactions.of(ratings, self.signal), ratings.n_items)

    def item_vectors(self) -> Factors | None:
        """None: a count says nothing of what an item is like."""
        return None

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays of the model by name."""
        return {
            "users": frozen([self.users], np.int64),
            "counts": self.counts,
            "signal": self.signal.parameter(),
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The model with these arrays."""
        return cls(
            users=int(parameters["users"][0]),
            counts=parameters["counts"],
            signal=Signal.from_parameter(parameters["signal"]),
        )
