"""Reading what is known about items, or users, into a catalog."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tastemap.data.catalog import TITLE, Catalog
from tastemap.data.reading.columns import ALIASES, plain
from tastemap.data.reading.faults import first_fault
from tastemap.data.reading.formats import CannotRead, Source
from tastemap.data.reading.values import INTEGER, decoded, encode_ids, is_string
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import DataError

_NOUNS_IN_ONE = {
    "item": "item movie product book song track artist anime game recipe joke article",
    "user": "user customer reviewer member rater username",
}
_NOUNS = {noun: tuple(names.split()) for noun, names in _NOUNS_IN_ONE.items()}
"""Names that mean an id only where no column has a clearer one; of items, they may be titles."""
_TITLES_IN_ONE = """
    title movietitle itemtitle booktitle producttitle name moviename itemname productname bookname
    songname trackname artistname label
"""
_ID_NAMES = {
    noun: (*(name for name in ALIASES[noun] if name not in names), "id", *names)
    for noun, names in _NOUNS.items()
}
_TITLE_NAMES = (*_TITLES_IN_ONE.split(), *_NOUNS["item"])
_KEPT = (
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
    *(pa.types.is_boolean, pa.types.is_temporal, pa.types.is_null),
)
_FRACTION = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"


def read_catalog(
    table: Source, known: Vocabulary, id_name: str | None
) -> tuple[Catalog, list[str]]:
    """Read a table of items or users, and put it in the order of their codes.

    Args:
        table: one row an item (or a user).
        known: the rated items, or the users with ratings; its noun says which.
        id_name: how the ratings call their column of these ids.

    Returns:
        The catalog, one row a code, with missing values where the table lacks an id;
        and what was taken, left out and missing.

    Raises:
        DataError: there is no id column, an id is empty or occurs twice, or no known id is in
            the table.
    """
    noun = known.noun
    id_position = _id_position(table, noun, id_name)
    title_position = _title_position(table, id_position) if noun == "item" else None
    positions = range(len(table.columns))
    try:
        read = table.read(dict.fromkeys(positions, "text"))
        ids, codes, said = encode_ids(read.column(id_position), noun, table.is_text)
    except CannotRead as error:
        message = f"{table.name}: {error}; correct the table and read it again"
        raise first_fault(table, {noun: id_position}, error.row) or DataError(message) from error
    if len(ids) < len(codes):
        raise _twice(table, ids, codes)
    names, columns, left_out = [], [], []
    for position in positions:
        name = TITLE if position == title_position else table.columns[position]
        is_title = noun == "item" and name == TITLE
        column = _metadata(read.column(position), table.is_text, is_title)
        if position == id_position:
            continue
        if column is None or name in names or (is_title and position != title_position):
            left_out.append(table.columns[position])
        else:
            names.append(name)
            columns.append(column)
    notes = [*table.notes, *said, _said_columns(table, noun, id_position, title_position, names)]
    if left_out:
        notes.append(f"{table.name}: left out {', '.join(left_out)}")
    rows, said_kinds = _rows_of(known, ids, table)
    notes += said_kinds
    notes += _said_counts(table, noun, len(ids), len(known), rows.null_count)
    chosen = pa.table(columns, names=names).take(rows) if columns else None
    return Catalog(known, chosen), notes


def _id_position(table: Source, noun: str, id_name: str | None) -> int:
    if not table.named:
        return 0
    if id_name is not None and table.columns.count(id_name) == 1:
        return table.columns.index(id_name)
    compared = [plain(name) for name in table.columns]
    wanted = ([plain(id_name)] if id_name and plain(id_name) else []) + list(_ID_NAMES[noun])
    for name in wanted:
        if name in compared:
            return compared.index(name)
    known = f"{id_name!r}, as in the ratings, or " if id_name else ""
    raise DataError(
        f"{table.name} has no column of {noun} ids: it has "
        f"{', '.join(map(repr, table.columns))}; call the column {known}'{noun}_id'"
    )


def _title_position(table: Source, id_position: int) -> int | None:
    if not table.named:
        return 1 if len(table.columns) > 1 else None
    compared = [plain(name) for name in table.columns]
    for name in _TITLE_NAMES:
        if name in compared and compared.index(name) != id_position:
            return compared.index(name)
    return None


def _twice(table: Source, ids: Vocabulary, codes: np.ndarray) -> DataError:
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    code = codes[first[counts > 1].min()]
    rows = np.flatnonzero(codes == code)
    lines = ", ".join(f"{line:,}" for line in table.lines_of([int(row) for row in rows[:5]]))
    return DataError(
        f"{table.name}: {ids.noun} {ids.raw(code)!r} stands in {table.unit}s {lines}: "
        "leave one of them"
    )


def _metadata(column: pa.ChunkedArray, is_text: bool, is_title: bool) -> pa.ChunkedArray | None:
    # A column as it goes into the catalog; None for kinds a catalog has no use for.
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = decoded(column)
        kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        if not is_string(kind.value_type):
            return None
        return pc.binary_join(column.cast(pa.list_(pa.string())), "|")
    if not (is_string(kind) or any(is_kind(kind) for is_kind in _KEPT)):
        return None
    if is_title or is_string(kind):
        column = column.cast(pa.string())
    return _typed(column) if is_text and not is_title else column


def _typed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # Text of a file as numbers, where that loses nothing.
    if column.null_count == len(column):
        return column
    for pattern, kind in ((INTEGER, pa.int64()), (_FRACTION, pa.float64())):
        if pc.all(pc.match_substring_regex(column, pattern)).as_py():
            try:
                return column.cast(kind)
            except pa.ArrowInvalid:
                continue
    return column


def _rows_of(known: Vocabulary, ids: Vocabulary, table: Source) -> tuple[pa.Array, list[str]]:
    # The row of each known id, missing where there is none.
    wanted, listed, said = known.ids, ids.ids, []
    if known.holds_integers != ids.holds_integers:
        # As text 7 is "7" and nothing else: "007" stays another id.
        wanted, listed = wanted.cast(pa.large_string()), listed.cast(pa.large_string())
        kinds = ["integers" if v.holds_integers else "text" for v in (known, ids)]
        said = [
            f"{known.noun} ids are {kinds[0]} in the ratings and {kinds[1]} in {table.name}: "
            "compared as text"
        ]
    rows = pc.index_in(wanted, value_set=listed)
    if len(wanted) and rows.null_count == len(wanted):
        shown = known.raw(0), ids.raw(0) if len(ids) else "none"
        which = "rated items" if known.noun == "item" else "users with ratings"
        raise DataError(
            f"{table.name} holds none of the {len(wanted):,} {which}: ids are such as "
            f"{shown[0]!r} in the ratings and {shown[1]!r} there; is it the right table, and the "
            "right id column?"
        )
    return rows, said


def _said_columns(
    table: Source, noun: str, id_position: int, title: int | None, names: list[str]
) -> str:
    said = [f"id = {table.columns[id_position]}"]
    if noun == "item":
        said.append("no titles" if title is None else f"title = {table.columns[title]}")
    rest = [name for name in names if title is None or name != TITLE]
    return f"{table.name}: {', '.join(said)}" + (f", metadata = {', '.join(rest)}" if rest else "")


def _said_counts(table: Source, noun: str, listed: int, known: int, missing: int) -> list[str]:
    unrated = listed - (known - missing)
    notes = []
    if unrated:
        without = "a rating" if noun == "item" else "ratings"
        notes.append(
            f"{noun}s of {table.name} without {without}, left out: {unrated:,} of {listed:,}"
        )
    if missing:
        which = "rated items" if noun == "item" else "users with ratings"
        notes.append(f"{which} that are not in {table.name}, and so have no metadata: {missing:,}")
    return notes
