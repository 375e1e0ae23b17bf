"""Ratings that users of a running server give, kept on disk."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from tastemap.errors import ConfigError, DataError, StoreError
from tastemap.web.feedback import queries
from tastemap.web.feedback.checks import checked_moment, checked_text, checked_value
from tastemap.web.feedback.database import Database, connect
from tastemap.web.feedback.loading import load
from tastemap.web.feedback.writer import Change, Receipt, Writer

if TYPE_CHECKING:
    import pyarrow as pa

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
        self._file = queries.FileReader(database.engine) if database.is_file else None

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
        given = [
            (
                checked_text(one.user, "user id"),
                checked_text(one.item, "item id"),
                checked_value(one.value),
                None if one.at is None else checked_moment(one.at),
            )
            for one in ratings
        ]
        rows = [(user, item, value, now if at is None else at) for user, item, value, at in given]
        return self._put("rate", given, key, rows, now)

    def remove(self, user: str, item: str, *, key: str | None = None) -> Future[Receipt]:
        """Remove a rating, also one in training, whether or not there is one. See `rate`."""
        now = time.time()
        pair = checked_text(user, "user id"), checked_text(item, "item id")
        return self._put("remove", [pair], key, [(*pair, None, now)], now)

    def forget(self, user: str, *, key: str | None = None) -> Future[Receipt]:
        """Erase all that a user said, and let their ratings in training not count. See `rate`.

        The user's id is kept, so that the next training leaves their ratings out.
        """
        checked_text(user, "user id")
        return self._put("forget", [user], key, [], time.time(), forget=user)

    def _put(
        self,
        action: str,
        given: Sequence[object],
        key: str | None,
        rows: Sequence[tuple[str, str, float | None, float]],
        now: float,
        forget: str | None = None,
    ) -> Future[Receipt]:
        content = ""
        if key is not None:
            checked_text(key, "idempotency key")
            # A checksum, so that nothing of a forgotten user is left in it.
            content = hashlib.sha256(json.dumps([action, given]).encode()).hexdigest()
        change = Change(rows, forget, now, key, content)
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
        try:
            checked_text(user, "user id")
        except DataError:  # who cannot be stored has said nothing
            return UserFeedback({}, frozenset(), forgotten=False)
        for item, value, at in self._of_user(user):
            if item is None:
                is_forgotten = True
            elif value is None:
                removed.add(item)
            else:
                ratings[item] = StoredRating(value, at)
        return UserFeedback(ratings, frozenset(removed), is_forgotten)

    def _of_user(self, user: str) -> Sequence[tuple[str | None, float | None, float]]:
        if self._file is None:
            return self._read(lambda connection: queries.of_user(connection, user), short=True)
        try:
            return self._file.of_user(user)
        except (sqlite3.Error, exc.SQLAlchemyError) as error:
            raise self._database.explain(error) from None

    def counts(self) -> Counts:
        """How much is stored.

        Raises:
            StoreError: it cannot be read.
        """
        return Counts(*self._read(queries.counts))

    def newest(self, n: int, user: str | None = None) -> pa.Table:
        """The last ``n`` things that were said, by one user or by all, newest first. See `table`.

        Raises:
            StoreError: it cannot be read.
        """
        return self._read(lambda connection: queries.newest(connection, n, user))

    def table(self) -> pa.Table:
        """All that is stored, as it counts now, sorted by user and item.

        Returns:
            Columns ``user``, ``item``, ``rating``, ``time`` and ``action``, which is ``"rate"``,
            ``"remove"`` (without a rating) or ``"forget"`` (without an item).

        Raises:
            StoreError: it cannot be read.
        """
        return self._read(queries.table)

    def export(self, path: str | Path) -> int:
        """Write `table` to a Parquet file, whole or not at all, and return its number of rows.

        Raises:
            StoreError: it cannot be read.
        """
        return self._read(lambda connection: queries.export(connection, Path(path)))

    def load(self, table: pa.Table) -> None:
        """Take in what another store exported; all of it or nothing.

        Args:
            table: what `table` gives, or its file.

        Raises:
            DataError: it is something else.
            StoreError: there is feedback already, or it cannot be written.
        """
        try:
            load(self._database, table)
        except exc.SQLAlchemyError as error:
            raise self._database.explain(error) from None

    def ping(self) -> None:
        """Return if it can be read and takes changes.

        Raises:
            StoreError: it cannot.
        """
        if not self._writer.is_alive:
            raise StoreError(f"{self.name} is closed")
        self._read(queries.ping, short=True)

    def close(self) -> None:
        """Write what waits, and let go of the database. Twice is as good as once."""
        self._writer.close()
        if self._file is not None:
            self._file.close()
        self._database.engine.dispose()

    def _read(self, ask: Callable[[sa.Connection], _T], *, short: bool = False) -> _T:
        engine = self._database.asking if short else self._database.engine
        # Twice, because connections of the pool may be to a server that was started anew since.
        for last in (False, True):
            try:
                with engine.connect() as connection:
                    return ask(connection)
            except exc.SQLAlchemyError as error:
                lost = isinstance(error, exc.DBAPIError) and error.connection_invalidated
                if last or not lost:
                    raise self._database.explain(error) from None
        raise AssertionError("unreachable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
