"""Lists from how alike items are: the score of an item adds up what a user's own items say of it.

s(u, i) = Σ_j x_uj B_ji

over the items j that the user took; x_uj is how much each counts, B_ji what item j says of item i.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Int64s, Values, frozen
from tastemap.data.ratings import CompressedRows, Ratings
from tastemap.models.interactions import Interactions, spans
from tastemap.models.protocol import Predicts, pairs_by_user

_TERMS_AT_ONCE = 1 << 23
"""Products held at a time when scoring by few neighbours of many items."""
_SMALL = 1 << 24
"""Numbers in a B that is held as a whole to score by: 64 MB, those of 4,096 items."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SimilarityModel:
    """Scores of items by the items a user took.

    Attributes:
        users: what the users took.
        weights: B, either as a whole, shape (n_items, n_items), or the few of each item j that
            are not 0.
    """

    kind: ClassVar[str] = "similarity"
    predicts: ClassVar[Predicts] = "scores"

    users: Interactions
    weights: Values | CompressedRows

    def __post_init__(self) -> None:
        if not isinstance(self.weights, CompressedRows):
            object.__setattr__(self, "weights", frozen(self.weights, np.float32))

    @property
    def n_users(self) -> int:
        """Number of user codes."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of item codes."""
        return len(self.weights)

    def predict_pairs(self, users: Codes, items: Codes) -> Values:
        """Score of each pair, shape (n,)."""
        return pairs_by_user(self, users, items)

    def predict_users(self, users: Codes) -> Values:
        """Scores of all items for each user, shape (len(users), n_items)."""
        which, items, values = self.users.rows(users)
        return self._scores(which, items, values, len(users))

    def predict_new(self, items: Codes, values: Values) -> Values:
        """Scores of all items for somebody new, shape (n_items,).

        Args:
            items: codes of what they rated, shape (n,).
            values: the ratings, shape (n,).
        """
        items, said = self.users.signal.read(items, values)
        scores = self._scores(np.zeros(len(items), np.int64), items, said, 1)
        return np.asarray(scores[0], np.float32)

    def taken_in(self, ratings: Ratings, changed: Codes) -> Self:
        """The same for users as they are now (see `ListModel`); new items say nothing."""
        users = Interactions.of(ratings, self.users.signal)
        more, weights = ratings.n_items - self.n_items, self.weights
        if isinstance(weights, CompressedRows):
            start = np.pad(weights.start, (0, more), mode="edge")
            weights = CompressedRows(frozen(start, np.int64), weights.columns, weights.values)
        elif more:
            weights = np.pad(weights, (0, more))
        return replace(self, users=users, weights=weights)

    def _scores(self, which: Int64s, items: Codes, values: Values, n: int) -> Values:
        scores = np.zeros((n, self.n_items), np.float32)
        weights = self._whole
        if not isinstance(weights, CompressedRows):
            if n == 1:
                scores[0] = values @ weights[items]
                return scores
            np.add.at(scores, (which, items), values)
            return np.asarray(scores @ weights, np.float32)
        ends = np.cumsum(np.diff(weights.start)[items])
        first, before = 0, 0
        while first < len(items):
            # At least one item, and as many as fit.
            last = max(first + 1, int(np.searchsorted(ends, before + _TERMS_AT_ONCE, "right")))
            places, term = spans(weights.start, items[first:last])
            cells = which[first:last][term] * self.n_items + weights.columns[places]
            terms = values[first:last][term] * weights.values[places]
            sums = np.bincount(cells, terms, minlength=scores.size)
            scores += sums.reshape(scores.shape).astype(np.float32)
            first, before = last, int(ends[last - 1])
        return scores

    @cached_property
    def _whole(self) -> Values | CompressedRows:
        """B as a whole where that takes little memory: it is many times as fast to score by."""
        if not isinstance(self.weights, CompressedRows) or self.n_items**2 > _SMALL:
            return self.weights
        whole = np.zeros((self.n_items, self.n_items), np.float32)
        rows = np.repeat(np.arange(self.n_items), np.diff(self.weights.start))
        whole[rows, self.weights.columns] = self.weights.values
        return whole

    def contributions(self, user: int, item: int) -> tuple[Codes, Values]:
        """What each item the user took adds to the score of an item.

        Returns:
            Codes of the user's items, and x_uj B_ji of each; they add up to the score.
        """
        return self._said(*self.users.row(user), item)

    def contributions_new(self, items: Codes, values: Values, item: int) -> tuple[Codes, Values]:
        """The same for somebody new, by codes of what they rated and the ratings."""
        return self._said(*self.users.signal.read(items, values), item)

    def _said(self, items: Codes, values: Values, item: int) -> tuple[Codes, Values]:
        if not isinstance(self.weights, CompressedRows):
            return items, values * self.weights[items, item]
        places, which = spans(self.weights.start, items)
        found = self.weights.columns[places] == item
        said = np.bincount(which[found], self.weights.values[places[found]], minlength=len(items))
        return items, values * said.astype(np.float32)

    def say(self, items: Codes) -> Values:
        """What some items say of all items: rows of B, shape (len(items), n_items)."""
        if not isinstance(self.weights, CompressedRows):
            return self.weights[items].copy()
        said = np.zeros((len(items), self.n_items), np.float32)
        places, which = spans(self.weights.start, items)
        said[which, self.weights.columns[places]] = self.weights.values[places]
        return said

    def item_vectors(self) -> Factors | None:
        """None: items are compared with each other, not described."""
        return None

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays of the model by name."""
        if not isinstance(self.weights, CompressedRows):
            return {**self.users.parameters(), "weights": self.weights}
        return {
            **self.users.parameters(),
            "weight_start": self.weights.start,
            "weight_items": self.weights.columns,
            "weights": self.weights.values,
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The model with these arrays."""
        weights: Values | CompressedRows = parameters["weights"]
        if "weight_start" in parameters:
            weights = CompressedRows(
                frozen(parameters["weight_start"], np.int64),
                frozen(parameters["weight_items"], np.int32),
                frozen(parameters["weights"], np.float32),
            )
        return cls(users=Interactions.from_parameters(parameters), weights=weights)
