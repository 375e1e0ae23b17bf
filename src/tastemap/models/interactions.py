"""Who took what: the rows that list models are made from, and score users by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Int64s, Values, frozen
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What a rating says to a list model.

    Attributes:
        least: a lower rating says nothing. -inf: any rating says that the user took the item.
        centred: say how far a rating is from the user's mean, not only that there is one.
    """

    least: float = -np.inf
    centred: bool = False

    def parameter(self) -> AnyArray:
        """The signal as an array, for `Model.parameters`."""
        return frozen([self.least, self.centred], np.float64)

    @classmethod
    def from_parameter(cls, parameter: AnyArray) -> Self:
        """What `parameter` gave."""
        least, centred = parameter
        return cls(least=float(least), centred=bool(centred))

    def read(self, items: Codes, values: Values) -> tuple[Codes, Values]:
        """One user's ratings as a row: items and what each says.

        Args:
            items: codes of the rated items, shape (n,).
            values: the ratings, shape (n,).
        """
        says = values >= self.least
        if not self.centred:
            return items[says], np.ones(int(says.sum()), np.float32)
        centre = values.mean(dtype=np.float64) if len(values) else 0.0
        return items[says], (values[says] - centre).astype(np.float32)


@dataclass(frozen=True, eq=False, kw_only=True)
class Interactions:
    """Rows of users; row u is ``start[u]:start[u + 1]``.

    Attributes:
        start: shape (n_users + 1,), int64.
        items: codes, shape (n,), int32.
        values: how much each counts, shape (n,), float32.
        signal: how ratings became values.
    """

    start: Int64s
    items: Codes
    values: Values
    signal: Signal

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", frozen(self.start, np.int64))
        object.__setattr__(self, "items", frozen(self.items, np.int32))
        object.__setattr__(self, "values", frozen(self.values, np.float32))

    def __len__(self) -> int:
        return len(self.start) - 1

    @classmethod
    def of(cls, ratings: Ratings, signal: Signal) -> Self:
        """The rows of ratings; a weight multiplies what its rating says.

        Raises:
            DataError: no rating says anything, or there are no ratings and the signal asks for
                some.
        """
        if not ratings.explicit and signal != Signal():
            raise DataError(
                f"{ratings.name} has interactions without ratings: leave out what asks for "
                "ratings, such as min_rating or adjusted cosine"
            )
        says = ratings.values >= signal.least
        if not says.any():
            raise DataError(
                f"no rating is at least {signal.least:g}: the highest is {ratings.scale[1]:g}"
            )
        if signal.centred:
            counts = np.maximum(ratings.user_counts, 1)
            totals = np.bincount(ratings.users, ratings.values, minlength=ratings.n_users)
            values = ratings.values - (totals / counts)[ratings.users]
        else:
            values = np.ones(len(ratings))
        if ratings.weights is not None:
            values = values * ratings.weights
        users = ratings.users[says]
        order = np.argsort(users, kind="stable")
        counts = np.bincount(users, minlength=ratings.n_users)
        return cls(
            start=np.concatenate([[0], np.cumsum(counts)]),
            items=ratings.items[says][order],
            values=values[says][order].astype(np.float32),
            signal=signal,
        )

    @property
    def users(self) -> Codes:
        """User code of each value, shape (n,)."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.start))

    def row(self, user: int) -> tuple[Codes, Values]:
        """Items and values of one user."""
        part = slice(self.start[user], self.start[user + 1])
        return self.items[part], self.values[part]

    def rows(self, users: Codes) -> tuple[Int64s, Codes, Values]:
        """The rows of some users one after the other.

        Returns:
            Place in ``users``, item and value of each, all of the same shape.
        """
        places, which = spans(self.start, users)
        return which, self.items[places], self.values[places]

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays by name, for `Model.parameters`."""
        return {
            "user_start": self.start,
            "user_items": self.items,
            "user_values": self.values,
            "signal": self.signal.parameter(),
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The rows with these arrays."""
        return cls(
            start=parameters["user_start"],
            items=parameters["user_items"],
            values=parameters["user_values"],
            signal=Signal.from_parameter(parameters["signal"]),
        )


def spans(start: Int64s, rows: AnyArray) -> tuple[Int64s, Int64s]:
    """Positions ``start[r]:start[r + 1]`` for each of ``rows``, one after the other.

    Returns:
        The positions, and for each the place in ``rows`` it belongs to.
    """
    first = start[rows]
    counts = start[np.asarray(rows) + 1] - first
    which = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return np.arange(len(which)) + (first - before)[which], which
