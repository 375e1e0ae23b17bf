"""What is known about items, or users, besides their ratings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tastemap.arrays import Int64s, Mask
from tastemap.data.vocabulary import UNKNOWN, Vocabulary, nearest
from tastemap.errors import ConfigError, UnknownItemError

TITLE = "title"

Wanted = Mapping[str, Any]
"""A filter on metadata: column -> a value, a list of values, or a (low, high) pair of numbers."""

_SHOWN = 20
"""Values of a column that are named where another was asked for."""


class Catalog:
    """Metadata of the items (or of the users), one row a code.

    Args:
        ids: the vocabulary whose codes number the rows.
        table: columns of metadata, shape (n_items, columns); the column ``title``, if there is
            one, is what people call the items. Missing values are allowed.

    Raises:
        ConfigError: the number of rows is not the number of items.
    """

    def __init__(self, ids: Vocabulary, table: pa.Table | None = None) -> None:
        if table is not None and table.num_rows != len(ids):
            raise ConfigError(
                f"a catalog needs one row a code: {table.num_rows} rows, {len(ids)} {ids.noun}s"
            )
        self.ids = ids
        self.table: pa.Table = table if table is not None else pa.table({})

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        columns = ", ".join(self.columns) or "no metadata"
        return f"<Catalog of {len(self):,} {self.ids.noun}s: {columns}>"

    @property
    def columns(self) -> list[str]:
        """Names of the metadata columns, the title included."""
        names: list[str] = self.table.column_names
        return names

    @property
    def has_titles(self) -> bool:
        """Whether there are titles; otherwise raw ids stand in."""
        return TITLE in self.columns

    @cached_property
    def titles(self) -> list[str]:
        """What to call each item, by code: its title, or its raw id where it has none."""
        raws = self.ids.ids.to_pylist()
        if not self.has_titles:
            return [str(raw) for raw in raws]
        titles = self.table.column(TITLE).to_pylist()
        pairs = zip(raws, titles, strict=True)
        return [str(raw) if title is None else str(title) for raw, title in pairs]

    @cached_property
    def _codes_of_title(self) -> dict[str, list[int]]:
        codes: dict[str, list[int]] = {}
        for code, title in enumerate(self.titles if self.has_titles else []):
            codes.setdefault(_folded(title), []).append(code)
        return codes

    def codes_of_title(self, title: object) -> list[int]:
        """Codes of the items with exactly this title, runs of blanks counted as one."""
        return self._codes_of_title.get(_folded(title), []) if isinstance(title, str) else []

    def title(self, code: int) -> str:
        """What to call the item with this code."""
        return self.titles[int(code)]

    def code(self, item: object) -> int:
        """The code of an item named by raw id or by exact title; a raw id goes first.

        Raises:
            UnknownItemError: nothing has this id or title (the message names near titles), or
                several items share the title (the message names their ids).
        """
        code = self.ids.find(item)
        if code != UNKNOWN:
            return code
        codes = self.codes_of_title(item)
        if len(codes) == 1:
            return codes[0]
        if codes:
            ids = ", ".join(repr(raw) for raw in self.ids.raws(codes))
            raise UnknownItemError(f"{len(codes)} items are called {item!r}: use an id, {ids}")
        raise self.ids.unknown(item, self.titles if self.has_titles else ())

    def code_or_unknown(self, item: object) -> int:
        """The code of an item, or `UNKNOWN` (-1) where its raw id may be a newcomer's.

        Raises:
            UnknownItemError: it can only be a title or an id of another type, and does not occur,
                or several items share the title.
        """
        known = self.ids.find(item) != UNKNOWN or self.codes_of_title(item)
        if not known and self.ids.is_of_type(item):
            return UNKNOWN
        return self.code(item)

    def search(self, text: str, n: int = 10) -> list[int]:
        """Codes of the items whose title (or raw id) is most like ``text``, best first."""
        if not self.has_titles:
            return [self.titles.index(raw) for raw in nearest(text, self.titles, n)]
        found: list[int] = []
        for title in nearest(text, self.titles, n):
            found += self.codes_of_title(title)
        return found[:n]

    def matches(self, wanted: Wanted) -> Mask:
        """Which items fit a filter on metadata.

        Args:
            wanted: for each column a value (for text such as ``Comedy|Drama`` one of its parts),
                a list of values of which one must fit, or for numbers and dates a pair
                ``(low, high)``, both ends included, ``None`` for an open end. All columns must
                fit.

        Returns:
            Shape (n_items,). An item without a value fits nothing.

        Raises:
            ConfigError: there is no such column, or its values are of another kind, or no item
                has a text.
        """
        mask = np.ones(len(self), np.bool_)
        for name, value in wanted.items():
            if name not in self.columns:
                known = ", ".join(self.columns) or "none"
                raise ConfigError(
                    f"{self.ids.noun}s have no column {name!r}: the columns are {known}"
                )
            column = self.table.column(name)
            if pa.types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            try:
                if _is_text(column.type):
                    mask &= self._holds_a_part(name, column, _listed(value))
                else:
                    mask &= _fits(column, value)
            except (pa.ArrowException, TypeError) as error:
                raise ConfigError(
                    f"{name}={value!r} cannot be compared: the column holds {column.type}"
                ) from error
        return mask

    def _holds_a_part(self, name: str, column: pa.ChunkedArray, values: list[Any]) -> Mask:
        """Which texts have one of the values as a part.

        Raises:
            ConfigError: no item has one of them: more likely a slip than a wish for nothing.
        """
        # "Comedy" fits "Comedy|Drama": the separator goes around both sides.
        edge, bar = pa.scalar("", pa.large_string()), pa.scalar("|", pa.large_string())
        fenced = pc.binary_join_element_wise(edge, column.cast(pa.large_string()), edge, bar)
        mask = np.zeros(len(column), np.bool_)
        for value in values:
            fits = _as_mask(pc.match_substring(fenced, f"|{value}|"))
            if not fits.any():
                hint = _parts_like(str(value), column)
                raise ConfigError(f"no {self.ids.noun} has {name}={value!r}: {hint}")
            mask |= fits
        return mask

    def wanted(self, texts: Iterable[str]) -> Wanted:
        """Filters as people write them: ``genres=Comedy``, ``year=1990..1999``, ``year=1990..``.

        The same column twice means that one of its values must fit. An end of a range may be left
        out. `matches` refuses columns there are none of.

        Raises:
            ConfigError: a text is no filter, its value is no number where the column holds
                numbers, or a column has several ranges.
        """
        filters: dict[str, list[Any]] = {}
        for text in texts:
            name, equals, value = (part.strip() for part in text.partition("="))
            if not equals or not value:
                raise ConfigError(
                    f"{text!r}: write column=value, such as genres=Comedy or year=1990..1999"
                )
            filters.setdefault(name, []).append(self._value(name, value))
        for name, values in filters.items():
            if len(values) > 1 and any(isinstance(value, tuple) for value in values):
                raise ConfigError(f"give one range for {name}")
        return {name: values[0] if len(values) == 1 else values for name, values in filters.items()}

    def _value(self, name: str, text: str) -> Any:
        """A value in the type of its column."""
        if name not in self.columns:
            return text
        kind = self.table.schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return text
        low, dots, high = text.partition("..")
        number = int if pa.types.is_integer(kind) else float
        try:
            if not dots:
                return number(text)
            return tuple(number(end) if end.strip() else None for end in (low, high))
        except ValueError as error:
            raise ConfigError(
                f"{name} holds numbers: write {name}=1990 or {name}=1990..1999, not {text!r}"
            ) from error

    def take(self, codes: Int64s | Sequence[int]) -> pa.Table:
        """Rows of metadata for these codes."""
        return self.table.take(pa.array(np.asarray(codes, np.int64)))


def _folded(title: str) -> str:
    return " ".join(title.split())


def _fits(column: pa.ChunkedArray, value: Any) -> Mask:
    """Which numbers, dates or such a value, one of several, or a range fits."""
    if isinstance(value, tuple) and len(value) == 2:
        low, high = value
        fits = pc.is_valid(column)
        if low is not None:
            fits = pc.and_(fits, pc.greater_equal(column, _comparable(low, column.type)))
        if high is not None:
            fits = pc.and_(fits, pc.less_equal(column, _comparable(high, column.type)))
        return _as_mask(fits)
    mask = np.zeros(len(column), np.bool_)
    for one in _listed(value):
        if one is not None:
            mask |= _as_mask(pc.equal(column, _comparable(one, column.type)))
    return mask


def _parts_like(text: str, column: pa.ChunkedArray) -> str:
    """What stands in a column of texts, where something else was asked for."""
    texts = filter(None, pc.unique(column).to_pylist())
    parts = sorted({part for one in texts for part in one.split("|")})
    if near := nearest(text, parts):
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"there are {', '.join(parts[:_SHOWN])}{', ...' if len(parts) > _SHOWN else ''}"


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _comparable(value: Any, kind: pa.DataType) -> pa.Scalar:
    # As its own kind, not the column's: 1999.5 is not 1999. Dates may be written as text.
    scalar = pa.scalar(value)
    return scalar.cast(kind) if isinstance(value, str) and pa.types.is_temporal(kind) else scalar


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _as_mask(fits: pa.ChunkedArray) -> Mask:
    filled: Mask = np.asarray(pc.fill_null(fits, False), dtype=np.bool_)
    return filled


def words(wanted: Wanted) -> str:
    """A filter on metadata in words, such as ``genres Comedy, year 1990 to 1999``."""

    def word(value: Any) -> str:
        if isinstance(value, tuple) and len(value) == 2:
            low, high = value
            if low is None or high is None:
                return f"from {low}" if high is None else f"up to {high}"
            return f"{low} to {high}"
        if isinstance(value, list | tuple | set | frozenset):
            return " or ".join(str(one) for one in value)
        return str(value)

    return ", ".join(f"{name} {word(value)}" for name, value in wanted.items())
