"""Reading ratings, items and users from files, frames and databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from tastemap import arguments
from tastemap.arrays import Values
from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.reading.columns import Column, Taken, take_columns
from tastemap.data.reading.duplicates import Rule, fitting_rule, resolve
from tastemap.data.reading.faults import first_fault
from tastemap.data.reading.formats import CannotRead, Source
from tastemap.data.reading.metadata import read_catalog
from tastemap.data.reading.opening import open_source
from tastemap.data.reading.sql import open_table
from tastemap.data.reading.values import as_numbers, as_times, encode_ids
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ConfigError, DataError

_RATING_FILES = ("ratings", "rating")
_ITEM_FILES = ("movies", "items", "books", "products", "titles")
_USER_FILES = ("users", "customers", "members")
_KINDS = {"user": "id", "item": "id", "rating": "number", "weight": "number", "time": "time"}


def read_ratings(
    source: object,
    items: object = None,
    *,
    users: object = None,
    query: str | None = None,
    table: str | None = None,
    user: Column = None,
    item: Column = None,
    rating: Column | Literal[False] = None,
    time: Column | Literal[False] = None,
    weight: Column | Literal[False] = None,
    duplicates: Rule | None = None,
    sep: str | None = None,
    encoding: str = "utf-8",
    decimal: str = ".",
    name: str | None = None,
) -> Ratings:
    """Read a table of ratings, and what is known about the items and users.

    Columns are found by their names (userId, user_id, user; movieId, item_id, product; rating,
    score, stars; timestamp, time, date) or, in text without a header, by position: user, item,
    rating, time. Whatever is guessed, resolved or left out stands in ``notes`` of the result.

    Ids stay as they are. In text files ids become integers if all of them are plain integers
    (no leading zero, no plus sign, at most 64 bits); blanks around ids are removed, and said.

    Args:
        source: the path of CSV, TSV, ``::``-separated text, Parquet or JSON lines, each also
            packed with gzip, zstd or zip; or any table with the Arrow stream interface (pandas,
            polars, pyarrow, duckdb). From a zip of several files the one called ratings is taken.
            Or the address of a database: ``"postgresql://user@host/name"``,
            ``"sqlite:///shop.db"``, ``"duckdb:///shop.duckdb"``; it is only read.
        items: the table of items, in the same forms: an id column, a title, and further columns,
            which are kept as metadata. May be the same zip as ``source``.
        users: the table of users, in the same forms: an id column, and further columns (age,
            occupation), which are kept as metadata. May be the same zip as ``source``.
        query: what to ask the database at ``source``, such as ``"select user_id, ... from ..."``.
        table: instead, the table or view to read there; without either, the one called ratings.
        user: name of the column of user ids, or its position counted from 0; None to find it.
            Also the name of the id column of ``users``, if it has it.
        item: the same for item ids and ``items``.
        rating: the same for the ratings. False where there are none: rows are interactions, such
            as clicks, purchases or plays (`Ratings.explicit`).
        time: the same for times: seconds (or milli-, micro-, nanoseconds) since 1970, or ISO
            dates, in UTC where they name no zone. False to read without times.
        weight: the same for weights, all positive. False to read without weights.
        duplicates: what to do where a user rated an item more than once: ``"last"`` keeps the
            rating with the latest time (of equal times, or without times, the last row),
            ``"mean"`` averages them, ``"error"`` refuses. Of interactions, ``"count"`` makes one
            row of the pair and adds up its weights, 1 for each row where there is no column of
            weights. None is ``"last"`` for ratings and ``"count"`` for interactions.
        sep: separator of delimited text, such as ``";"``; None to find out.
        encoding: of delimited text, such as ``"latin-1"``.
        decimal: decimal mark of delimited text, ``"."`` or ``","``.
        name: what to call the ratings in titles and reports; None for the name of the file.

    Returns:
        The ratings in the order of their rows, with the vocabularies of all users and items that
        occur, in order of first appearance, and catalogs of those items and users.

    Raises:
        DataError: the file or frame cannot be read as ratings; the message names file, line and
            value, and what to do.
        ConfigError: an argument is outside its range.
        MissingExtraError: the database needs a driver that is not installed.

    Example:
        >>> import pyarrow as pa
        >>> table = pa.table({"user": ["a", "b"], "movie": [7, 7], "stars": [4.5, 3.0]})
        >>> ratings = read_ratings(table)
        >>> len(ratings), ratings.n_users, ratings.n_items
        (2, 2, 1)
        >>> print(ratings.notes[0])
        columns: user = user, item = movie, rating = stars
    """
    for argument, text in (("query", query), ("table", table), ("sep", sep), ("name", name)):
        arguments.optional_text(argument, text)
    arguments.text("encoding", encoding, "'latin-1'")
    if decimal not in (".", ","):
        raise ConfigError(f'decimal={decimal!r}: use "." or ","')
    if sep is not None and (not sep or "\n" in sep or '"' in sep or sep == decimal):
        raise ConfigError(f"sep={sep!r} cannot separate columns")
    rule = fitting_rule(duplicates, explicit=rating is not False)

    opened = partial(open_source, sep=sep, encoding=encoding, decimal=decimal)
    read = opened(source, wanted=_RATING_FILES, query=query, table=table)
    given = {"user": user, "item": item, "rating": rating, "time": time, "weight": weight}
    taken = take_columns(read, given)
    ratings = _converted(read, taken)
    ratings, said = resolve(ratings, rule, read)
    notes = [*ratings.notes, said]
    catalog, user_catalog = ratings.catalog, None
    if items is not None:
        about = opened(items, wanted=_ITEM_FILES)
        catalog, more = read_catalog(about, ratings.item_ids, _named(read, taken, "item"))
        notes += more
    elif beside := _beside(read, _ITEM_FILES):
        notes.append(f"the zip also holds {beside}: pass it as items= too, for titles")
    if users is not None:
        about = opened(users, wanted=_USER_FILES)
        user_catalog, more = read_catalog(about, ratings.user_ids, _named(read, taken, "user"))
        notes += more
    elif beside := _beside(read, _USER_FILES):
        notes.append(f"the zip also holds {beside}: pass it as users= too, for what it says")
    return replace(
        ratings,
        catalog=catalog,
        user_catalog=user_catalog,
        name=name or read.stem,
        notes=tuple(notes),
    )


def read_sql(address: str, *, query: str | None = None, table: str | None = None) -> pa.Table:
    """Read a query, or a table, of a database as an Arrow table: for ``items=`` and ``users=``.

    Ratings are better read by `read_ratings` itself, which keeps only the columns it needs.

    Args:
        address: as in `read_ratings`.
        query: what to ask.
        table: instead, the table or view to read.

    Returns:
        All rows; UUIDs as text, PostgreSQL's ``numeric`` as float64.

    Raises:
        DataError: the database cannot be reached or refuses.
        ConfigError: there are both a query and a table, or neither.
        MissingExtraError: the database needs a driver that is not installed.
    """
    if query is None and table is None:
        raise ConfigError("read_sql needs a query= or a table=")
    source = open_table(address, wanted=(), query=query, table=table)
    read = source.read(dict.fromkeys(range(len(source.columns)), "text"))
    return read.rename_columns(list(source.columns))


def _named(table: Source, taken: Taken, role: str) -> str | None:
    return table.columns[taken.positions[role]] if table.named else None


def _beside(table: Source, stems: Sequence[str]) -> str | None:
    return next((name for name in table.others if Path(name).stem.lower() in stems), None)


def _converted(table: Source, taken: Taken) -> Ratings:
    positions = taken.positions
    notes = [*table.notes, *taken.notes]
    weights = times = None
    try:
        read = table.read({position: _KINDS[role] for role, position in positions.items()})
        if not read.num_rows:
            raise DataError(f"{table.name} holds no ratings: there are columns, but no rows")
        # Taken out one by one, so that each is freed as soon as it is converted.
        columns = {role: read.column(str(position)) for role, position in positions.items()}
        del read
        user_ids, users, said = encode_ids(columns.pop("user"), "user", table.is_text)
        notes += said
        item_ids, items, said = encode_ids(columns.pop("item"), "item", table.is_text)
        notes += [*said, _said_kinds(user_ids, item_ids)]
        explicit = "rating" in columns
        values: Values = np.ones(len(users), np.float32)
        if explicit:
            values, said = as_numbers(columns.pop("rating"), "rating")
            notes += said
        if "time" in columns:
            times, said = as_times(columns.pop("time"))
            notes += said
        if "weight" in columns:
            weights, said = as_numbers(columns.pop("weight"), "weight")
            notes += said
    except CannotRead as error:
        message = f"{table.name}: {error}; correct the table and read it again"
        raise first_fault(table, positions, error.row) or DataError(message) from error
    pa.default_memory_pool().release_unused()  # what reading took: some 20 bytes a rating
    return Ratings(
        users=users,
        items=items,
        values=values,
        times=times,
        weights=weights,
        user_ids=user_ids,
        item_ids=item_ids,
        catalog=Catalog(item_ids),
        explicit=explicit,
        notes=tuple(notes),
    )


def _said_kinds(user_ids: Vocabulary, item_ids: Vocabulary) -> str:
    kinds = ["integers" if ids.holds_integers else "text" for ids in (user_ids, item_ids)]
    return f"user ids are {kinds[0]}, item ids are {kinds[1]}"
