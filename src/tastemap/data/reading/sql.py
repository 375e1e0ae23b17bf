"""Tables to read from: tables and queries of databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import pyarrow as pa

from tastemap.data.reading.databases import Database, find_database
from tastemap.data.reading.formats import CannotRead, Source
from tastemap.errors import ConfigError, DataError


class SqlTable(Source):
    """A table of a database, or what a query gives. Only the columns asked for are kept.

    Rows have no place in a table of a database: the numbers in messages are those of a second run.

    Args:
        database: where it is.
        sql: the query.
        what: what messages call the table or query.
        stem: what the ratings are called.
        of_table: whether the query selects all of a table, so that fewer columns can be asked for.
    """

    def __init__(
        self, database: Database, sql: str, *, what: str, stem: str, of_table: bool
    ) -> None:
        self.database = database
        self.sql = sql
        self.of_table = of_table
        self.name, self.stem = f"{database.name} ({what})", stem
        self.columns = tuple(database.columns(sql))
        self.notes = (f"read {what} of {database.name}",)

    def read(self, kinds: Mapping[int, str]) -> pa.Table:  # noqa: D102
        sql, places = self.sql, list(kinds)
        if self.of_table:
            names = ", ".join(quoted(self.columns[position]) for position in kinds)
            sql, places = self.sql.replace("*", names, 1), list(range(len(kinds)))
        try:
            with self.database.stream(sql) as batches:
                kept = [[batch.column(place) for place in places] for batch in batches]
                types = [batches.schema.field(place).type for place in places]
        except DataError as error:
            if "Type mismatch" in str(error):  # SQLite lets one column hold values of all kinds
                raise CannotRead(
                    f"a column holds values of several kinds ({error}): cast it in the query, "
                    "such as cast(rating as real)"
                ) from error
            raise
        columns = [
            _plain(pa.chunked_array([row[place] for row in kept], types[place]), kind)
            for place, kind in enumerate(kinds.values())
        ]
        return pa.table(columns, names=[str(position) for position in kinds])

    def records(self) -> Iterator[tuple[int, list[Any]]]:  # noqa: D102
        if self.database.kind == "sqlite":
            yield from (
                (row, list(values)) for row, values in enumerate(self.database.rows(self.sql))
            )
            return
        row = 0
        with self.database.stream(self.sql) as batches:
            for batch in batches:
                columns = [
                    _plain(pa.chunked_array([column]), "text").to_pylist()
                    for column in batch.columns
                ]
                for values in zip(*columns, strict=True):
                    yield row, list(values)
                    row += 1


def open_table(
    address: str, *, wanted: Sequence[str], query: str | None, table: str | None
) -> SqlTable:
    """Open a table of a database, or a query.

    Args:
        address: of the database.
        wanted: names of tables to look for where neither query nor table is given.
        query: one that gives rows.
        table: name of a table or view, with its schema where it is not the usual one.

    Raises:
        DataError: the database cannot be reached, or has no such table or a query fails; the
            message lists the tables that are there.
        ConfigError: there are both a query and a table.
        MissingExtraError: the driver is not installed.
    """
    if query is not None and table is not None:
        raise ConfigError("give a query or a table, not both")
    database = find_database(address)
    if query is not None:
        sql = query.strip().rstrip(";")
        return SqlTable(database, sql, what="query", stem=database.stem, of_table=False)
    tables = database.tables()
    if table is not None:
        place = tables.get(table) or tables.get(table.removeprefix("public.").removeprefix("main."))
        if place is None:
            raise DataError(f"{database.name} has no table {table!r}: it has {_listed(tables)}")
    else:
        table = _only(database, list(tables), wanted)
        place = tables[table]
    sql = f"select * from {quoted(place[0])}.{quoted(place[1])}"  # noqa: S608 - quoted
    return SqlTable(database, sql, what=f"table {table}", stem=place[1], of_table=True)


def _only(database: Database, tables: list[str], wanted: Sequence[str]) -> str:
    for stem in wanted:
        found = [table for table in tables if table.rpartition(".")[2].lower() == stem]
        if len(found) == 1:
            return found[0]
    called = f" is called {' or '.join(wanted[:3])}" if wanted else " was named"
    raise DataError(
        f"{database.name} has {_listed(tables)}, and not exactly one{called}: "
        "say which it is with table=, or give a query="
    )


def _listed(tables: Sequence[str] | Mapping[str, Any]) -> str:
    names = list(tables)
    if not names:
        return "no tables"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"the table{'s' if len(names) > 1 else ''} {shown}"


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever letters it has."""
    return '"' + name.replace('"', '""') + '"'


def _plain(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    """A column in the types of Arrow itself: UUIDs as text, PostgreSQL's numeric as numbers."""
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    chunks = [chunk.storage for chunk in column.chunks]
    stored = pa.chunked_array(chunks, column.type.storage_type)
    if column.type.extension_name == "arrow.uuid":
        encoded = stored.combine_chunks().dictionary_encode()
        texts = pa.array([str(UUID(bytes=one)) for one in encoded.dictionary.to_pylist()])
        return pa.chunked_array([texts.cast(pa.large_string()).take(encoded.indices)])
    if getattr(column.type, "type_name", "") == "numeric":
        try:
            return stored.cast(pa.int64() if kind == "id" else pa.float64())
        except pa.ArrowInvalid:
            return stored
    return stored
