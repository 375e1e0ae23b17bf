"""Where the store is: an SQLite file or a PostgreSQL database, opened, locked, and its errors."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from tastemap.errors import StoreError, require
from tastemap.web.feedback.tables import REVISION, VERSION_TABLE

PATIENCE = 5.0
"""Seconds to wait for another process that writes to an SQLite file, or for a lost server."""

_LOOK_EVERY = 0.001
"""Seconds between looks whether an SQLite file is free."""

MIGRATIONS = Path(__file__).with_name("migrations")
_LOG = logging.getLogger(__name__)

# All who write to one database take turns, so that there is one order of what was said, and
# nobody waits in a circle. SQLite locks the file; the number is ours alone on PostgreSQL.
_TURN_ON_SQLITE = "BEGIN IMMEDIATE"
_TURN_ON_POSTGRESQL = "SELECT pg_advisory_xact_lock(8317074930421)"
_ON_SQLITE = (
    "PRAGMA synchronous = FULL",  # a commit is on disk when it returns
    "PRAGMA fullfsync = ON",  # on macOS too
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA secure_delete = ON",  # what is forgotten is overwritten
)
# A server that vanishes without a word is noticed in seconds instead of hours.
_ON_POSTGRESQL = {
    "application_name": "tastemap",
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_HINTS = {
    "disk is full": "free some space on it",
    "readonly database": "make the file and its folder writable",
    "unable to open": "make its folder, writable for this user",
    "is locked": f"another program has held it for more than {PATIENCE:g} seconds",
    "not a database": "give the path of a store, or of a file that does not exist yet",
    "No space left": "free some space on the server's disk",
}


@dataclass(frozen=True)
class Database:
    """A database with the tables of the store.

    Attributes:
        name: what messages call it: without a user name or password.
        engine: its connections. On SQLite each statement is a transaction of its own, but inside
            `writing`.
        asking: the same, where on every kind of database each statement is a transaction of its
            own: for one short question, which then is one round to the server.
    """

    name: str
    engine: sa.Engine
    asking: sa.Engine

    @property
    def is_file(self) -> bool:
        """Whether it is an SQLite file, and not a server."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def writing(self, connection: sa.Connection | None = None) -> Iterator[sa.Connection]:
        """A transaction in which nobody else writes; on disk when the block is left without error.

        Args:
            connection: one to use again, where that matters; None: one of the pool.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: see `explain`.
        """
        if connection is None:
            with self.engine.connect() as pooled, self.writing(pooled):
                yield pooled
            return
        with connection.begin():
            self._take_turn(connection)
            yield connection

    def writer(self) -> sa.Connection:
        """A connection for `writing` again and again; close it."""
        connection = self.engine.connect()
        if self.is_file:
            # SQLite itself would look ever more rarely whether it is its turn, so that who has
            # waited long waits longest. It must not go back to the pool, where others rely on that.
            connection.detach()
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            connection.rollback()
        return connection

    def _take_turn(self, connection: sa.Connection) -> None:
        if not self.is_file:
            connection.exec_driver_sql(_TURN_ON_POSTGRESQL)
            return
        end = time.monotonic() + PATIENCE
        while True:
            try:
                connection.exec_driver_sql(_TURN_ON_SQLITE)
                return
            except exc.OperationalError as error:
                if "is locked" not in str(error.orig) or time.monotonic() > end:
                    raise
                time.sleep(_LOOK_EVERY)

    def explain(self, error: Exception) -> StoreError:
        """A driver's error as ours: its first line, and what to do."""
        cause = getattr(error, "orig", None) or error
        said = next(
            (line for line in str(cause).splitlines() if line.strip()), type(cause).__name__
        )
        password = self.engine.url.password
        if password:
            said = said.replace(str(password), "***")
        hint = next((hint for part, hint in _HINTS.items() if part in said), "")
        return StoreError(f"{self.name}: {said}" + (f": {hint}" if hint else ""))


def connect(url: str | Path, *, create: bool = True) -> Database:
    """Open a database, and bring its tables to the newest version.

    Args:
        url: a path, ``sqlite:///path`` or ``postgresql://user@host/name``.
        create: whether an SQLite file that does not exist is made.

    Raises:
        StoreError: it cannot be opened or is of a newer tastemap.
        MissingExtraError: the driver is not installed.
    """
    database = _find(url, create)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            _prepare(database)
        except exc.SQLAlchemyError as error:
            # Two processes may open it at once, and SQLite does not wait in a change of mode.
            if "is locked" in str(error) and time.monotonic() < end:
                time.sleep(0.05)
                continue
            database.engine.dispose()
            raise database.explain(error) from None
        except StoreError:
            database.engine.dispose()
            raise
        return database


def _find(url: str | Path, create: bool) -> Database:
    text = str(url)
    if text.startswith(("postgresql:", "postgres:", "postgresql+psycopg:")):
        return _server(text)
    if isinstance(url, str) and url.startswith("sqlite:///"):
        text = url.removeprefix("sqlite:///")
    elif isinstance(url, str) and "://" in url:
        scheme = url.partition("://")[0]
        raise StoreError(
            f"a store cannot be at an address that begins with {scheme}://, only in a file or at "
            "postgresql://user@host/name"
        )
    return _file(Path(text), create)


def _file(path: Path, create: bool) -> Database:
    if path.is_dir():
        raise StoreError(f"{path} is a folder: give the path of a file in it")
    if not create and not path.exists():
        raise StoreError(f"{path} does not exist: there is no feedback")
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        # None: no transaction but those we begin; see `Database.writing`.
        connect_args={"timeout": PATIENCE, "isolation_level": None},
        pool_size=16,
        max_overflow=-1,
        hide_parameters=True,
    )

    def connected(connection: Any, _record: object) -> None:
        for pragma in _ON_SQLITE:
            connection.execute(pragma).close()

    sa.event.listen(engine, "connect", connected)
    return Database(path.name, engine, asking=engine)


def _server(text: str) -> Database:
    require("psycopg", "postgresql")
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError):
        raise StoreError(
            "the address of the PostgreSQL database cannot be read: write "
            "postgresql://user:password@host:5432/name, and in the user and password / as %2F, "
            "? as %3F, # as %23, @ as %40"
        ) from None
    url = url.set(drivername="postgresql+psycopg", query={**_ON_POSTGRESQL, **url.query})
    engine = sa.create_engine(url, pool_timeout=PATIENCE, hide_parameters=True)

    def connected(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            if cursor.fetchone()[0] == "off":  # then a commit returns before it is on disk
                cursor.execute("SET synchronous_commit = on")
        connection.commit()

    sa.event.listen(engine, "connect", connected)
    place = f"{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"
    asking = engine.execution_options(isolation_level="AUTOCOMMIT")
    return Database(f"postgresql://{place}", engine, asking)


def _prepare(database: Database) -> None:
    with database.engine.connect() as connection:
        if database.is_file:
            mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar()
            if mode != "wal":
                raise StoreError(
                    f"{database.name}: its disk cannot hold a write-ahead log (journal mode is "
                    f"{mode}): put it on a local disk"
                )
        elif connection.exec_driver_sql("SHOW fsync").scalar() == "off":
            _LOG.warning(
                "%s: the server runs with fsync=off: what it acknowledges may be lost when its "
                "machine stops",
                database.name,
            )
        version = _version(connection)
    if version != REVISION:
        with database.writing() as connection:
            migrate(connection, database.name)


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.exec_driver_sql(
        f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant
    ).scalar()
    return found


def migrate(connection: sa.Connection, name: str, folder: Path = MIGRATIONS) -> None:
    """Bring the tables to the newest version, in the transaction of the connection.

    Args:
        connection: with a transaction in which nobody else writes.
        name: what messages call the database.
        folder: where the migrations are.

    Raises:
        StoreError: the tables are of a version that the folder does not have.
    """
    # Here, because a server that starts with tables of the newest version needs none of it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    version = _version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StoreError(
            f"{name}: its tables are of version {version}, and this tastemap knows versions up to "
            f"{max(known)}: they were made by a newer one; install that"
        )
    command.upgrade(config, "head")
