"""Ratings that users of a running server give, kept on disk."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from tastemap.errors import ConfigError, DataError, StoreError
from tastemap.web.feedback.database import Database, connect
from tastemap.web.feedback.tables import feedback, forgotten
from tastemap.web.feedback.writer import Change, Receipt, Writer

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ID_BYTES = 1_000
"""Of a user id, an item id or an idempotency key in UTF-8. An index of PostgreSQL holds two."""
_LAST_MOMENT = 253_402_300_799  # the end of the year 9999
_BATCH = 50_000
_T = TypeVar("_T")


class StoredRating(NamedTuple):
    """A rating as it counts now.

    Attributes:
        value: in the units of the model's ratings.
        time: when it was given, in seconds since 1970.
    """

    value: float
    time: float


class NewRating(NamedTuple):
    """A rating to be stored.

    Attributes:
        user: whose.
        item: of what.
        value: how high.
        at: when, in seconds since 1970; None for now.
    """

    user: str
    item: str
    value: float
    at: float | None = None


@dataclass(frozen=True, slots=True)
class UserFeedback:
    """All that one user said since the model was trained.

    Attributes:
        ratings: by item.
        removed: items whose rating, in training too, does not count any more.
        forgotten: whether no rating in training counts any more.
    """

    ratings: Mapping[str, StoredRating]
    removed: frozenset[str]
    forgotten: bool


class Counts(NamedTuple):
    """How much a store holds.

    Attributes:
        ratings: pairs of user and item with a rating.
        removed: pairs whose rating was removed.
        forgotten: users who were forgotten.
    """

    ratings: int
    removed: int
    forgotten: int


class FeedbackStore:
    """Ratings of a running server, for all of its threads; made by `open`.

    `rate`, `remove` and `forget` return at once, with a future that is done when the change is on
    disk: one thread writes all that waits in one transaction. If the process dies, a change whose
    future was done is there afterwards, and one whose future was not may be or not: repeat it
    with the same idempotency key. Changes of one process are written in the order they were made.

    Several processes may open the same store; each has a writer of its own, and they take turns.
    """

    def __init__(self, database: Database, queue_size: int) -> None:
        self._database = database
        self._writer = Writer(database, queue_size)

    @classmethod
    def open(
        cls, url: str | Path, *, queue_size: int = 10_000, create: bool = True
    ) -> FeedbackStore:
        """Open a store, and bring its tables to the newest version.

        Args:
            url: the path of an SQLite file, ``sqlite:///path``, or an address of PostgreSQL such
                as ``postgresql://user@host:5432/name``.
            queue_size: how many changes may wait to be written.
            create: whether an SQLite file that does not exist is made.

        Raises:
            StoreError: it cannot be opened, or was made by a newer tastemap.
            MissingExtraError: the driver of PostgreSQL is not installed.
        """
        if queue_size < 1:
            raise ConfigError(f"queue_size={queue_size}: must be at least 1")
        return cls(connect(url, create=create), queue_size)

    @property
    def name(self) -> str:
        """Where it is, without a user name or password."""
        return self._database.name

    @property
    def waiting(self) -> int:
        """Changes that are not on disk yet."""
        return self._writer.waiting

    def rate(
        self, user: str, item: str, value: float, *, at: float | None = None, key: str | None = None
    ) -> Future[Receipt]:
        """Store a rating; it takes the place of an earlier one of this user and item.

        Args:
            user: whose.
            item: of what.
            value: how high.
            at: when, in seconds since 1970; None for now. The rating written last counts, whatever
                this says.
            key: an idempotency key: given twice, it acts once. Remembered for a day.

        Returns:
            Done when it is on disk. It fails with `KeyReuseError` if the key was given with other
            content, and with `StoreError` if it could not be written.

        Raises:
            DataError: an id, the value, the time or the key cannot be stored.
            StoreFullError: too many changes wait.
            StoreError: the store is closed.
        """
        return self.rate_all([NewRating(user, item, value, at)], key=key)

    def rate_all(self, ratings: Sequence[NewRating], *, key: str | None = None) -> Future[Receipt]:
        """Store several ratings, all or none. See `rate`."""
        if not ratings:
            raise DataError("no ratings to store")
        now = time.time()
        rows = [
            (
                _checked(one.user, "user id"),
                _checked(one.item, "item id"),
                _value(one.value),
                now if one.at is None else _moment(one.at),
            )
            for one in ratings
        ]
        return self._put(Change(rows, None, now, _key(key), _content(key, "rate", ratings)))

    def remove(self, user: str, item: str, *, key: str | None = None) -> Future[Receipt]:
        """Remove a rating, also one in training, whether or not there is one. See `rate`."""
        now = time.time()
        rows = [(_checked(user, "user id"), _checked(item, "item id"), None, now)]
        content = _content(key, "remove", [(user, item)])
        return self._put(Change(rows, None, now, _key(key), content))

    def forget(self, user: str, *, key: str | None = None) -> Future[Receipt]:
        """Erase all that a user said, and let their ratings in training not count. See `rate`.

        The user's id is kept, so that the next training leaves their ratings out.
        """
        content = _content(key, "forget", [user])
        change = Change([], _checked(user, "user id"), time.time(), _key(key), content)
        return self._put(change)

    def _put(self, change: Change) -> Future[Receipt]:
        self._writer.put(change)
        return change.receipt

    def of_user(self, user: str) -> UserFeedback:
        """What a user said, as it is on disk now. One read by an index.

        Raises:
            StoreError: it cannot be read.
        """
        ratings: dict[str, StoredRating] = {}
        removed = set()
        is_forgotten = False
        for item, value, at in self._read(
            lambda connection: connection.execute(_OF_USER, {"user": user}).all()
        ):
            if item is None:
                is_forgotten = True
            elif value is None:
                removed.add(item)
            else:
                ratings[item] = StoredRating(value, at)
        return UserFeedback(ratings, frozenset(removed), is_forgotten)

    def counts(self) -> Counts:
        """How much is stored.

        Raises:
            StoreError: it cannot be read.
        """
        return Counts(*self._read(lambda connection: connection.execute(_COUNTS).one()))

    def table(self) -> pa.Table:
        """All that is stored, as it counts now, sorted by user and item.

        Returns:
            Columns ``user``, ``item``, ``rating``, ``time`` and ``action``, which is ``"rate"``,
            ``"remove"`` (without a rating) or ``"forget"`` (without an item).

        Raises:
            StoreError: it cannot be read.
        """
        import pyarrow as pa

        return pa.Table.from_batches(self._batches(), _schema())

    def export(self, path: str | Path) -> int:
        """Write `table` to a Parquet file, whole or not at all, and return its number of rows.

        Raises:
            StoreError: it cannot be read.
        """
        import pyarrow.parquet as pq

        path = Path(path)
        part = path.with_name(f"{path.name}.part")
        rows = 0
        try:
            with pq.ParquetWriter(part, _schema()) as file:
                for batch in self._batches():
                    file.write_batch(batch)
                    rows += len(batch)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return rows

    def _batches(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        schema = _schema()
        try:
            with self._database.engine.connect() as connection:
                result = connection.execution_options(yield_per=_BATCH).execute(_ALL)
                for rows in result.partitions():
                    users, items, ratings, times, actions = zip(*rows, strict=True)
                    micro = [round(at * 1e6) for at in times]
                    yield pa.record_batch([users, items, ratings, micro, actions], schema=schema)
        except exc.SQLAlchemyError as error:
            raise self._database.explain(error) from None

    def _read(self, ask: Callable[[sa.Connection], _T]) -> _T:
        # Twice, because connections of the pool may be to a server that was started anew since.
        for last in (False, True):
            try:
                with self._database.engine.connect() as connection:
                    return ask(connection)
            except exc.SQLAlchemyError as error:
                lost = isinstance(error, exc.DBAPIError) and error.connection_invalidated
                if last or not lost:
                    raise self._database.explain(error) from None
        raise AssertionError("unreachable")

    def ping(self) -> None:
        """Return if it can be read and takes changes.

        Raises:
            StoreError: it cannot.
        """
        if not self._writer.is_alive:
            raise StoreError(f"{self.name} is closed")
        self._read(lambda connection: connection.execute(sa.select(1)).one())

    def close(self) -> None:
        """Write what waits, and let go of the database. Twice is as good as once."""
        self._writer.close()
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


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
        sa.case((feedback.c.rating.is_(None), "remove"), else_="rate"),
    ),
    sa.select(
        forgotten.c.user_id,
        sa.cast(sa.null(), sa.Text),
        sa.cast(sa.null(), sa.Double),
        forgotten.c.at,
        sa.literal("forget"),
    ),
).order_by("user_id", "item_id")


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        {
            "user": pa.string(),
            "item": pa.string(),
            "rating": pa.float64(),
            "time": pa.timestamp("us", tz="UTC"),
            "action": pa.string(),
        }
    )


def _checked(text: str, what: str) -> str:
    if not isinstance(text, str) or not text:
        raise DataError(f"the {what} {text!r} cannot be stored: it must be text, and not empty")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise DataError(f"the {what} {text!r} cannot be stored: it is not valid Unicode") from None
    if size > MAX_ID_BYTES:
        raise DataError(
            f"the {what} {text[:20]!r}... has {size:,} bytes: at most {MAX_ID_BYTES:,} can be "
            "stored"
        )
    if "\0" in text:
        raise DataError(f"the {what} {text!r} cannot be stored: it holds the character 0")
    return text


def _value(value: float) -> float:
    if not math.isfinite(value):
        raise DataError(f"the rating {value} cannot be stored: it must be a finite number")
    return float(value)


def _moment(at: float) -> float:
    if not 0 <= at <= _LAST_MOMENT:
        raise DataError(f"the time {at} cannot be stored: it must be seconds since 1970")
    return float(at)


def _key(key: str | None) -> str | None:
    return None if key is None else _checked(key, "idempotency key")


def _content(key: str | None, action: str, given: Sequence[object]) -> str:
    """What a key stands for, as a checksum, so that what is forgotten is not kept in it."""
    if key is None:
        return ""
    return hashlib.sha256(json.dumps([action, given]).encode()).hexdigest()
