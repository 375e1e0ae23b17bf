"""What is asked of the store."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tastemap.web.feedback.tables import feedback, forgotten

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 50_000
"""Rows that are in memory together while all are read."""

_OF_USER = sa.union_all(
    sa.select(feedback.c.item_id, feedback.c.rating, feedback.c.at).where(
        feedback.c.user_id == sa.bindparam("user")
    ),
    sa.select(sa.null(), sa.null(), forgotten.c.at).where(
        forgotten.c.user_id == sa.bindparam("user")
    ),
)
_COUNTS = sa.select(
    sa.select(sa.func.count(feedback.c.rating)).scalar_subquery(),
    sa.select(sa.func.count()).where(feedback.c.rating.is_(None)).scalar_subquery(),
    sa.select(sa.func.count()).select_from(forgotten).scalar_subquery(),
)
# One statement, so that it is one moment.
_ALL = sa.union_all(
    sa.select(
        feedback.c.user_id,
        feedback.c.item_id,
        feedback.c.rating,
        feedback.c.at,
        sa.case((feedback.c.rating.is_(None), "remove"), else_="rate").label("action"),
    ),
    sa.select(
        forgotten.c.user_id,
        sa.cast(sa.null(), sa.Text),
        sa.cast(sa.null(), sa.Double),
        forgotten.c.at,
        sa.literal("forget"),
    ),
)
_SORTED = _ALL.order_by("user_id", "item_id")


def of_user(
    connection: sa.Connection, user: str
) -> Sequence[tuple[str | None, float | None, float]]:
    """Item, rating and time of all rows of a user; a row without an item: forgotten."""
    rows: Sequence[Any] = connection.execute(_OF_USER, {"user": user}).all()
    return rows


class FileReader:
    """`of_user` on an SQLite file, past SQLAlchemy.

    It is asked in every request for a list, and the driver alone answers in a fifth of the time.
    Connections are kept here, as many as there were threads that asked at one time.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        compiled = _OF_USER.compile(engine)
        self._text, self._names = str(compiled), compiled.positiontup or ()
        self._idle: deque[sa.PoolProxiedConnection] = deque()

    def of_user(self, user: str) -> Sequence[tuple[str | None, float | None, float]]:
        """See the function of this name.

        Raises:
            sqlite3.Error: it cannot be read.
        """
        try:
            pooled = self._idle.pop()
        except IndexError:
            pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        try:
            cursor = connection.execute(self._text, [user] * len(self._names))
            rows: Sequence[Any] = cursor.fetchall()
        except Exception:
            pooled.close()
            raise
        self._idle.append(pooled)
        return rows

    def close(self) -> None:
        """Give the connections back."""
        while self._idle:
            self._idle.pop().close()


def counts(connection: sa.Connection) -> tuple[int, int, int]:
    """Ratings, removals, forgotten users."""
    ratings, removed, users = connection.execute(_COUNTS).one()
    return ratings, removed, users


def ping(connection: sa.Connection) -> None:
    """Return if the database answers."""
    connection.execute(sa.select(1)).one()


def newest(connection: sa.Connection, n: int, user: str | None) -> pa.Table:
    """The rows with the latest times, newest first."""
    rows = _ALL.subquery()
    asked = sa.select(rows).order_by(rows.c.at.desc(), rows.c.user_id, rows.c.item_id).limit(n)
    return _table(connection, asked if user is None else asked.where(rows.c.user_id == user))


def table(connection: sa.Connection) -> pa.Table:
    """All rows, sorted by user and item."""
    return _table(connection, _SORTED)


def export(connection: sa.Connection, path: Path) -> int:
    """Write `table` to a Parquet file that appears when it is whole; return the number of rows."""
    import pyarrow.parquet as pq

    part = path.with_name(f"{path.name}.part")
    rows = 0
    try:
        with pq.ParquetWriter(part, _schema()) as file:
            for batch in _batches(connection, _SORTED):
                file.write_batch(batch)
                rows += len(batch)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return rows


def _table(connection: sa.Connection, asked: sa.Executable) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches(_batches(connection, asked), _schema())


def _batches(connection: sa.Connection, asked: sa.Executable) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    result = connection.execute(asked, execution_options={"yield_per": _BATCH})
    for rows in result.partitions():
        users, items, ratings, times, actions = zip(*rows, strict=True)
        micro = [round(at * 1e6) for at in times]
        yield pa.record_batch([users, items, ratings, micro, actions], schema=_schema())


def _schema() -> pa.Schema:
    import pyarrow as pa

    from tastemap.data.feedback import COLUMNS

    return pa.schema(COLUMNS)
