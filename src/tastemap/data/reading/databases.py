"""Databases by address: PostgreSQL, SQLite and DuckDB, read only, as streams of Arrow batches."""

from __future__ import annotations

import importlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import pyarrow as pa

from tastemap import arguments
from tastemap.data.reading.files import find_file
from tastemap.errors import DataError, require

_ADDRESS = re.compile(r"([a-z][a-z0-9.+-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_TABLES = {
    "postgresql": """
        select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema' order by 1, 2""",
    "sqlite": """
        select 'main', name from sqlite_master
        where type in ('table', 'view') and name not like 'sqlite%' order by 2""",
    "duckdb": "select table_schema, table_name from information_schema.tables order by 1, 2",
}
_UNSAID = ("public", "main")
"""Schemas that are left out of the names of tables."""


def is_address(text: str) -> bool:
    """Whether a text is an address rather than a path."""
    return _ADDRESS.fullmatch(text) is not None


def kind_of_file(head: bytes) -> str | None:
    """``"sqlite"`` or ``"duckdb"`` where the first bytes of a file are those of a database."""
    if head.startswith(b"SQLite format 3\0"):
        return "sqlite"
    return "duckdb" if head[8:12] == b"DUCK" else None


@dataclass(frozen=True)
class Database:
    """Where a database is. Nothing of it that is shown holds a user name or password.

    Attributes:
        kind: ``"postgresql"``, ``"sqlite"`` or ``"duckdb"``.
        name: what messages call it.
        target: what its driver is told.
        secrets: what must not be shown.
    """

    kind: str
    name: str
    target: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def stem(self) -> str:
        """The name without host, folders and endings."""
        return self.name.rpartition("/")[2].split(".")[0] or self.kind

    def tables(self) -> dict[str, tuple[str, str]]:
        """Names of tables and views as people write them -> schema and name."""
        with self.stream(_TABLES[self.kind]) as batches:
            found = [tuple(row.values()) for row in batches.read_all().to_pylist()]
        return {
            table if schema in _UNSAID else f"{schema}.{table}": (schema, table)
            for schema, table in found
        }

    def columns(self, sql: str) -> list[str]:
        """Names of the columns a query gives, without running it."""
        if self.kind == "sqlite":  # whose driver cannot tell before it runs
            with self._sqlite(sql) as rows:
                names = [column[0] for column in rows.description or ()]
        else:
            with self._connected() as connection:
                if self.kind == "duckdb":
                    names = _result(connection.sql(sql)).columns
                else:
                    with _cursor(connection, self.kind) as cursor:
                        names = cursor.adbc_execute_schema(sql).names
        if not names:
            raise DataError(f"{self.name}: the query gives no columns")
        return names

    @contextmanager
    def stream(self, sql: str) -> Iterator[pa.RecordBatchReader]:
        """Run a query; its result is read batch by batch inside the ``with`` block.

        Raises:
            DataError: the database cannot be reached or refuses the query, also while the result
                is read.
            MissingExtraError: the driver is not installed.
        """
        with self._connected() as connection:
            if self.kind == "duckdb":
                yield pa.RecordBatchReader.from_stream(_result(connection.sql(sql)))
            else:
                with _cursor(connection, self.kind) as cursor:
                    cursor.execute(sql)
                    yield cursor.fetch_record_batch()

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Run a query on SQLite, where each value has a kind of its own, and give it row by row."""
        with self._sqlite(sql) as rows:
            yield from rows

    @contextmanager
    def _sqlite(self, sql: str) -> Iterator[sqlite3.Cursor]:
        try:
            with closing(sqlite3.connect(self.target, uri=True)) as connection:
                yield connection.execute(sql)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise DataError(f"{self.name}: {error}") from error

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        if self.kind == "duckdb":
            driver: Any = require("duckdb", "sql")
            options = {"read_only": True}
        else:
            package = f"adbc_driver_{self.kind}"
            require(package, "sql")
            driver, options = importlib.import_module(f"{package}.dbapi"), {}
        try:
            with driver.connect(self.target, **options) as connection:
                yield connection
        except (driver.Error, pa.ArrowException, OSError) as error:
            # Not "from error": what a driver says may repeat the address.
            raise DataError(f"{self.name}: {self._without_secrets(str(error))}") from None

    def _without_secrets(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        first = next((line for line in text.splitlines() if line.strip()), "an error without words")
        return " ".join(first.split())


@contextmanager
def _cursor(connection: Any, kind: str) -> Iterator[Any]:
    with connection.cursor() as cursor:
        if kind == "postgresql":
            cursor.execute("set transaction read only")
        yield cursor


def _result(relation: Any) -> Any:
    if relation is None:
        raise DataError("the query gives no table: write one that begins with select")
    return relation


def find_database(address: str) -> Database:
    """The database at an address; files are looked at, servers are not asked yet.

    Raises:
        DataError: it is no address of a database that is read, or of a file that is none.
    """
    arguments.text("the address of a database", address, "'sqlite:///shop.db'")
    found = _ADDRESS.fullmatch(address)
    scheme, rest = found.groups() if found else ("", address)
    kind = scheme.lower().split("+")[0]
    if kind in ("postgresql", "postgres"):
        return _server(rest)
    if kind in ("sqlite", "duckdb"):
        return _file(kind, rest)
    raise DataError(
        f"addresses that begin with {scheme}:// are not read, only those with postgresql://, "
        "sqlite:/// or duckdb:///: read the table into a frame, and pass that"
    )


def _server(rest: str) -> Database:
    login, at, place = rest.rpartition("@")
    if any(sign in login for sign in "/?#"):
        raise DataError(
            "the address of the PostgreSQL database cannot be read: in the user and the password "
            "write / as %2F, ? as %3F and # as %23, and @ behind the host as %40"
        )
    user, colon, password = login.partition(":")
    password = unquote(password)
    where, _, options = place.partition("?")
    secrets = {password, quote(password, safe="")}
    for key, value in parse_qsl(options):
        if "pass" in key.lower():
            secrets |= {value, quote(value, safe="")}
    # Written anew, so that libpq reads a password with @ or % as it was meant.
    login = quote(unquote(user), safe="") + colon + quote(password, safe="")
    return Database(
        "postgresql",
        name=f"postgresql://{where}",
        target=f"postgresql://{login}{at}{place}",
        secrets=tuple(sorted(secrets - {""}, key=len, reverse=True)),
    )


def _file(kind: str, rest: str) -> Database:
    if not rest.startswith("/") or rest == "/":
        raise DataError(
            f"{kind}://{rest} names no file: write {kind}:///ratings.db for one in this folder, "
            f"{kind}:////folder/ratings.db for one elsewhere"
        )
    path = Path(rest[1:])
    find_file(path, ())  # that it is there
    with path.open("rb") as stream:
        found = kind_of_file(stream.read(16))
    if found != kind:
        hint = f": it is one of {found}, write {found}:///{path}" if found else ""
        raise DataError(f"{path.name} is no {kind} database{hint}")
    target = f"{path.resolve().as_uri()}?mode=ro" if kind == "sqlite" else str(path)
    return Database(kind, name=path.name, target=target)
