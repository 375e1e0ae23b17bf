"""What is known about items or users as numbers that a model can learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tastemap.arrays import Codes, Float64s, Int64s, Values, frozen
from tastemap.data.catalog import TITLE, Catalog
from tastemap.data.reading.values import is_string
from tastemap.errors import ConfigError

MOST_VALUES = 100
"""Text with more distinct values than this is left out, unless it is asked for."""


@dataclass(frozen=True, eq=False)
class Features:
    """A sparse matrix in compressed rows: one row an item (or a user), one column a feature.

    Row ``r`` is ``start[r]:start[r + 1]``; within a row, columns rise.

    Attributes:
        start: shape (n_rows + 1,), int64.
        columns: the feature of each entry, shape (n_entries,), int32.
        values: 1 where a row has the value, or lacks any; standard scores of numbers. Shape
            (n_entries,), float32, never 0.
        names: of the features, shape (n_features,), such as ``genres = Comedy``, ``year`` and
            ``year is missing``.
        sources: the metadata column of each feature, shape (n_features,).
        notes: what was left out, and why.
    """

    start: Int64s
    columns: Codes
    values: Values
    names: tuple[str, ...]
    sources: tuple[str, ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.start) - 1

    def __repr__(self) -> str:
        return f"<Features: {len(self.names)} of {len(self):,} rows, {len(self.values):,} entries>"


@dataclass(frozen=True)
class _Block:
    """The features of one metadata column: entries in any order."""

    rows: Int64s
    columns: Int64s
    values: Float64s
    names: list[str]


def features(
    catalog: Catalog, columns: Sequence[str] | None = None, *, categories: Sequence[str] = ()
) -> Features:
    """Turn metadata into features.

    - Text and booleans are categories: one feature a value, 1 for rows that have it. Text such as
      ``Comedy|Drama`` has several.
    - Numbers, dates and times become standard scores: minus the mean, divided by the standard
      deviation over all rows that have one. Numbers that are all 0 or 1 stay as they are.
    - Where rows lack a value, one more feature is 1 for those; all others of the column are 0.

    Titles are left out, and so are text with more than `MOST_VALUES` distinct values or one for
    nearly every row (names, addresses, ids), and columns that are the same everywhere.

    Args:
        catalog: of items or users. All its rows count, also those without training ratings.
        columns: which to use, in this order, however many values they have; None for all that
            fit.
        categories: columns of numbers that are codes, such as those of occupations: one feature
            a value.

    Returns:
        The features, by column, of text in alphabetical order; and notes on what was left out.

    Raises:
        ConfigError: there is no such column, or one that was asked for holds no features.

    Example:
        >>> from tastemap.data.datasets import load_dataset
        >>> made = features(load_dataset().catalog)
        >>> made.names[:3], len(made.names)
        (('year', 'year is missing', 'genres = (no genres listed)'), 22)
        >>> made.notes
        ('title: left out, names rather than kinds',)
    """
    for name in [*(columns or ()), *categories]:
        if name not in catalog.columns:
            known = ", ".join(catalog.columns) or "none"
            raise ConfigError(f"{catalog.ids.noun}s have no column {name!r}: there are {known}")
    chosen = catalog.columns if columns is None else list(columns)
    blocks: list[tuple[str, _Block]] = []
    notes = []
    for name in chosen:
        column = catalog.table.column(name).combine_chunks()
        made = _block(name, column, is_code=name in categories, asked=columns is not None)
        if isinstance(made, _Block):
            blocks.append((name, made))
        elif columns is not None:
            raise ConfigError(f"{name} cannot be made into features: {made}")
        else:
            notes.append(f"{name}: left out, {made}")
    return _side_by_side(len(catalog), blocks, notes)


def _block(name: str, column: pa.Array, *, is_code: bool, asked: bool) -> _Block | str:
    """The features of one column, or why there are none."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if name == TITLE and not asked:
        return "names rather than kinds"
    if column.null_count == len(column):
        return "no row has a value"
    if is_code or is_string(kind) or pa.types.is_boolean(kind):
        return _categories(name, column, asked=asked or is_code)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers(name, column)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _numbers(name, column.cast(pa.timestamp("s"), safe=False).cast(pa.int64()))
    return f"its kind is {kind}"


def _categories(name: str, column: pa.Array, *, asked: bool) -> _Block | str:
    parts = pc.split_pattern(column.cast(pa.large_string()), "|")
    rows = pc.list_parent_indices(parts).to_numpy(zero_copy_only=False)
    texts = pc.utf8_trim_whitespace(pc.list_flatten(parts))
    has_text = pc.not_equal(texts, "").to_numpy(zero_copy_only=False)
    encoded = texts.filter(pa.array(has_text)).dictionary_encode()
    found: list[str] = encoded.dictionary.to_pylist()
    if not found:
        return "no row has a value"
    rows, codes = rows[has_text], encoded.indices.to_numpy(zero_copy_only=False)
    if not asked and len(found) > min(MOST_VALUES, max(2, len(np.unique(rows)) / 2)):
        return f"{len(found):,} distinct values in {len(column):,} rows, names rather than kinds"
    places = np.empty(len(found), np.int64)
    places[sorted(range(len(found)), key=found.__getitem__)] = np.arange(len(found))
    pairs = np.unique(np.column_stack([rows, places[codes]]).astype(np.int64), axis=0)
    if len(found) < 2 and len(pairs) == len(column):
        return "it is the same in every row"
    names = [f"{name} = {value}" for value in sorted(found)]
    block = _Block(pairs[:, 0], pairs[:, 1], np.ones(len(pairs)), names)
    return _with_missing(name, len(column), block, pairs[:, 0])


def _numbers(name: str, column: pa.Array) -> _Block | str:
    numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if np.isinf(numbers).any():
        return "a number is infinite"
    rows = np.flatnonzero(~np.isnan(numbers))  # a missing one is NaN
    numbers = numbers[rows]
    spread = numbers.std() if len(rows) else 0.0
    if not spread > 0 and len(rows) == len(column):
        return "it is the same in every row"
    if not np.isin(numbers, (0, 1)).all():
        numbers = (numbers - numbers.mean()) / (spread or 1)
    filled = np.flatnonzero(numbers)
    zeros = np.zeros(len(filled), np.int64)
    return _with_missing(
        name, len(column), _Block(rows[filled], zeros, numbers[filled], [name]), rows
    )


def _with_missing(name: str, n: int, block: _Block, known: Int64s) -> _Block:
    """The block, with one more feature for rows whose value is not known, if there are any."""
    lacking = np.setdiff1d(np.arange(n), known)
    if not len(lacking):
        return block
    return _Block(
        np.concatenate([block.rows, lacking]),
        np.concatenate([block.columns, np.full(len(lacking), len(block.names))]),
        np.concatenate([block.values, np.ones(len(lacking))]),
        [*block.names, f"{name} is missing"],
    )


def _side_by_side(n: int, blocks: list[tuple[str, _Block]], notes: list[str]) -> Features:
    names = [name for _, block in blocks for name in block.names]
    before = np.cumsum([0, *(len(block.names) for _, block in blocks)])
    none: list[Int64s] = [np.zeros(0, np.int64)]
    rows = np.concatenate(none + [block.rows for _, block in blocks])
    columns = np.concatenate(
        none + [block.columns + first for (_, block), first in zip(blocks, before, strict=False)]
    )
    values = np.concatenate([np.zeros(0), *(block.values for _, block in blocks)])
    order = np.lexsort((columns, rows))
    return Features(
        start=frozen(np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]), np.int64),
        columns=frozen(columns[order], np.int32),
        values=frozen(values[order], np.float32),
        names=tuple(names),
        sources=tuple(source for source, block in blocks for _ in block.names),
        notes=tuple(notes),
    )
