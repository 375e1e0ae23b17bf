"""The table of ratings: the one input of everything."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from tastemap import arguments
from tastemap.arrays import AnyArray, Codes, Int64s, Mask, Values, frozen
from tastemap.data import filters
from tastemap.data.catalog import Catalog
from tastemap.data.moments import Moment
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ArgumentError, ConfigError, DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from tastemap.data.reading.duplicates import Rule


@dataclass(frozen=True, eq=False)
class CompressedRows:
    """Ratings grouped by user (or by item): row ``r`` is ``start[r]:start[r + 1]``.

    Attributes:
        start: shape (n_rows + 1,), int64.
        columns: the other side's code of each rating, shape (n_ratings,), int32.
        values: the ratings, shape (n_ratings,), float32.
    """

    start: Int64s
    columns: Codes
    values: Values

    def __len__(self) -> int:
        return len(self.start) - 1

    def row(self, code: int) -> tuple[Codes, Values]:
        """The other side's codes and the ratings of one row, in the order they were given."""
        part = slice(self.start[code], self.start[code + 1])
        return self.columns[part], self.values[part]

    def pairs(self, codes: Codes) -> tuple[Int64s, Codes]:
        """Position in ``codes``, and the other side's code, of each of their ratings.

        Args:
            codes: rows, any number of times; -1 has no ratings.
        """
        known = codes >= 0
        first = np.where(known, self.start[codes], 0)
        counts = np.where(known, self.start[codes + 1] - first, 0)
        at = np.repeat(np.arange(len(codes)), counts)
        ahead = np.repeat(first - (np.cumsum(counts) - counts), counts)
        return at, self.columns[np.arange(len(at)) + ahead]


@dataclass(frozen=True, eq=False, kw_only=True)
class Ratings:
    """Who rated what, and how high. Immutable; rows are users, columns are items.

    With ``explicit=False`` they are interactions instead (clicks, purchases, plays: implicit
    feedback): nobody said how high, so that all values are 1.

    Attributes:
        users: user code of each rating, shape (n_ratings,), int32.
        items: item code of each rating, shape (n_ratings,), int32.
        values: the ratings in the units of the file, shape (n_ratings,), float32, all finite.
        times: seconds since 1970 UTC, shape (n_ratings,), int64, or None.
        weights: how much each rating counts, shape (n_ratings,), float32 > 0, or None for all 1.
        user_ids: raw user ids by code; may hold users without a rating here.
        item_ids: raw item ids by code; may hold items without a rating here.
        catalog: titles and metadata of the items.
        user_catalog: metadata of the users, or None where nothing is known of them but ids.
        explicit: whether values are ratings; False for interactions.
        name: where the ratings come from, for titles and reports.
        part: which part of a split they are, and of which; empty for the whole.
        notes: what reading found and did: columns taken, rows dropped, duplicates resolved.

    Raises:
        DataError: columns differ in length, a code is outside its vocabulary, a rating is not
            finite, a weight is not positive, or an interaction has a value other than 1.
    """

    users: Codes
    items: Codes
    values: Values
    times: Int64s | None = None
    weights: Values | None = None
    user_ids: Vocabulary
    item_ids: Vocabulary
    catalog: Catalog
    user_catalog: Catalog | None = None
    explicit: bool = True
    name: str = "ratings"
    part: str = ""
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        n = len(self.values)
        kinds: dict[str, DTypeLike] = {"users": np.int32, "items": np.int32, "values": np.float32}
        kinds |= {"times": np.int64, "weights": np.float32}
        for name, kind in kinds.items():
            column = getattr(self, name)
            if column is None and name in ("times", "weights"):
                continue
            if np.shape(column) != (n,):
                raise DataError(f"{name} has shape {np.shape(column)}, the ratings ({n},)")
            given = np.asarray(column)
            if n and name in ("users", "items", "times") and given.dtype.kind not in "iu":
                raise DataError(f"{name} must be integers, not {given.dtype}")
            if n and name in ("users", "items"):
                self._check_codes(given, self.user_ids if name == "users" else self.item_ids)
            with np.errstate(over="ignore"):  # what is too large for float32 is refused below
                object.__setattr__(self, name, frozen(given, kind))
        if not np.all(np.isfinite(self.values)):
            raise DataError("a rating is not a finite number")
        if not self.explicit and not np.all(self.values == 1):
            raise DataError("interactions have no ratings: all values must be 1")
        if self.weights is not None and not np.all(self.weights > 0):
            raise DataError("a weight is not positive")
        if self.weights is not None and not np.all(np.isfinite(self.weights)):
            raise DataError("a weight is not finite")

    @staticmethod
    def _check_codes(codes: AnyArray, vocabulary: Vocabulary) -> None:
        if codes.min() < 0 or codes.max() >= len(vocabulary):
            raise DataError(f"{vocabulary.noun} codes must be 0 to {len(vocabulary) - 1}")

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return (
            f"<Ratings {self.name!r}: {len(self):,} {self.noun} of {self.n_items:,} items "
            f"by {self.n_users:,} users>"
        )

    @property
    def noun(self) -> str:
        """What one row is called, in the plural: ``"ratings"`` or ``"interactions"``."""
        return "ratings" if self.explicit else "interactions"

    @property
    def n_users(self) -> int:
        """Users in the vocabulary, with or without a rating here."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """Items in the vocabulary, with or without a rating here."""
        return len(self.item_ids)

    @cached_property
    def mean(self) -> float:
        """Weighted mean rating; NaN without ratings."""
        if not len(self):
            return float("nan")
        weights = None if self.weights is None else self.weights.astype(np.float64)
        return float(np.average(self.values.astype(np.float64), weights=weights))

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Smallest and largest rating that occur; predictions are clipped to them."""
        if not len(self):
            return (float("nan"), float("nan"))
        return float(self.values.min()), float(self.values.max())

    @cached_property
    def user_counts(self) -> Int64s:
        """Ratings of each user, shape (n_users,)."""
        return frozen(np.bincount(self.users, minlength=self.n_users), np.int64)

    @cached_property
    def item_counts(self) -> Int64s:
        """Ratings of each item, shape (n_items,)."""
        return frozen(np.bincount(self.items, minlength=self.n_items), np.int64)

    @cached_property
    def by_user(self) -> CompressedRows:
        """The ratings grouped by user, in their order of rows within each."""
        return _grouped(self.users, self.user_counts, self.items, self.values)

    @cached_property
    def by_item(self) -> CompressedRows:
        """The ratings grouped by item, in their order of rows within each."""
        return _grouped(self.items, self.item_counts, self.users, self.values)

    def take(self, rows: Int64s | Mask) -> Ratings:
        """Some of the ratings, over the same vocabularies and catalog.

        Args:
            rows: row numbers, or a mask of shape (n_ratings,).
        """
        rows = self._checked(rows)
        return replace(
            self,
            users=_rows(self.users, rows),
            items=_rows(self.items, rows),
            values=_rows(self.values, rows),
            times=None if self.times is None else _rows(self.times, rows),
            weights=None if self.weights is None else _rows(self.weights, rows),
        )

    def _checked(self, rows: Int64s | Mask) -> Int64s | Mask:
        given: AnyArray = np.asarray(rows)
        is_mask = given.dtype == np.bool_ and given.shape == (len(self),)
        if not is_mask and (given.ndim != 1 or (len(given) and given.dtype.kind not in "iu")):
            raise ArgumentError(
                f"rows must be row numbers, or a mask of shape ({len(self)},), got "
                f"{given.dtype} of shape {given.shape}"
            )
        if not is_mask and len(given) and not -len(self) <= given.min() <= given.max() < len(self):
            raise ConfigError(f"rows go from 0 to {len(self) - 1}, got {given.max()}")
        return given

    def min_counts(self, *, user: int = 1, item: int = 1) -> Ratings:
        """Without users and items that have too few ratings, counted before any is left out.

        Afterwards some may have fewer; `k_core` goes on until none has. Like all filters it also
        takes users and items without ratings out of the vocabularies, so filter before you split,
        and says in ``notes`` how much was left out.

        Args:
            user: ratings a user must have.
            item: ratings an item must have.

        Raises:
            ConfigError: a number is below 1.
            DataError: no rating is left.
        """
        return filters.min_counts(self, user, item)

    def k_core(self, user: int = 5, item: int = 5) -> Ratings:
        """The largest part in which every user and every item has enough ratings.

        Users and items with too few are left out again and again, until there are none. See
        `min_counts` on vocabularies and notes.

        Args:
            user: ratings a user must have.
            item: ratings an item must have.

        Raises:
            ConfigError: a number is below 1.
            DataError: no rating is left.
        """
        return filters.k_core(self, user, item)

    def dated(self, *, since: Moment | None = None, before: Moment | None = None) -> Ratings:
        """Only ratings of some time. See `min_counts` on vocabularies and notes.

        Args:
            since: the first moment to keep: seconds since 1970, or a date such as
                ``"2015-03-09"`` (UTC); None for all that came earlier.
            before: the first moment to leave out again, in the same forms.

        Raises:
            ConfigError: both are None, or a date cannot be read.
            DataError: there are no times, or no rating is left.
        """
        return filters.dated(self, since, before)

    def deduplicated(self, rule: Rule | None = None) -> Ratings:
        """One row for each pair of user and item; ``notes`` say how many rows were dropped.

        `read_ratings` has done this already.

        Args:
            rule: ``"last"``, ``"mean"``, ``"count"`` or ``"error"``, as in `read_ratings`.

        Raises:
            ConfigError: there is no such rule, or it is not for ratings (or interactions).
            DataError: the rule is ``"error"`` and a pair is repeated.
        """
        from tastemap.data.reading.duplicates import fitting_rule, resolve

        ratings, said = resolve(self, fitting_rule(rule, self.explicit))
        return replace(ratings, notes=(*self.notes, said))

    def with_feedback(self, feedback: pa.Table) -> Ratings:
        """With what users of a running server have said since: the ratings for the next training.

        A rating of the feedback takes the place of an earlier one, or is added. A removal takes
        the rating of a pair away. Who was forgotten is gone, with all earlier ratings and the id,
        but for what they rated afterwards. ``notes`` say how many of each there were.

        Args:
            feedback: what `FeedbackStore.table` gives, or its exported file: columns ``user``,
                ``item``, ``rating``, ``time`` and ``action``.

        Raises:
            DataError: it is no feedback, an id of it cannot be one of these ratings, it has
                ratings and these are interactions, or nothing is left.
        """
        from tastemap.data.feedback import with_feedback

        return with_feedback(self, feedback)

    def most_rated_items(self, n: int | None = None) -> Int64s:
        """Item codes by falling number of ratings; ties go to the smaller raw id."""
        if n is not None:
            arguments.integer("n", n, 0)
        return _most(self.item_counts, self.item_ids, n)

    def most_active_users(self, n: int | None = None) -> Int64s:
        """User codes by falling number of ratings; ties go to the smaller raw id."""
        if n is not None:
            arguments.integer("n", n, 0)
        return _most(self.user_counts, self.user_ids, n)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of ids, codes, values, times and weights in order: names these ratings.

        That of interactions differs from that of ratings which are all 1.
        """
        sums = hashlib.sha256()
        sums.update(self.user_ids.digest().encode())
        sums.update(self.item_ids.digest().encode())
        for name in ("users", "items", "values", "times", "weights"):
            column = getattr(self, name)
            sums.update(f"|{name}:".encode())
            if column is not None:
                sums.update(column.astype(column.dtype.newbyteorder("<")).data)
        if not self.explicit:
            sums.update(b"|interactions")
        return sums.hexdigest()

    def to_arrow(self) -> pa.Table:
        """The ratings with raw ids: columns user, item, rating and, where known, time, weight.

        Interactions have no column of ratings.
        """
        import pyarrow as pa

        columns = {
            "user": self.user_ids.ids.take(pa.array(self.users)),
            "item": self.item_ids.ids.take(pa.array(self.items)),
        }
        if self.explicit:
            columns["rating"] = pa.array(self.values)
        if self.times is not None:
            columns["time"] = pa.array(self.times)
        if self.weights is not None:
            columns["weight"] = pa.array(self.weights)
        return pa.table(columns)


def _rows(column: AnyArray, rows: Int64s | Mask) -> AnyArray:
    # Read-only at once, so that it is not copied again.
    part = column[rows]
    part.flags.writeable = False
    return part


def _grouped(codes: Codes, counts: Int64s, columns: Codes, values: Values) -> CompressedRows:
    start = np.concatenate([[0], np.cumsum(counts)])
    if np.any(codes[1:] < codes[:-1]):
        order = np.argsort(codes, kind="stable")
        columns, values = columns[order], values[order]
    return CompressedRows(
        frozen(start, np.int64), frozen(columns, np.int32), frozen(values, np.float32)
    )


def _most(counts: Int64s, vocabulary: Vocabulary, n: int | None) -> Int64s:
    order: Int64s = np.lexsort((vocabulary.raw_order, -counts))
    return order if n is None else order[:n]
