"""One thread that writes: what waits goes to disk together, and is acknowledged afterwards."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

from tastemap.errors import KeyReuseError, StoreError, StoreFullError
from tastemap.web.feedback.database import PATIENCE, Database
from tastemap.web.feedback.tables import feedback, forgotten, keys

KEEP_KEYS = 24 * 3600.0
"""Seconds for which an idempotency key is remembered."""

_GROUP = 2_000
"""Rows that go to disk together, at most: beyond, others would wait longer and gain nothing."""
_LULL = 0.25
"""Of the time that a group took to be written, how much may pass to gather the next."""
_SOME = 500
"""Keys asked for in one statement."""
_AT_FAULT = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)
"""What says that the database, and not a change, is at fault."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is given for something that is on disk.

    Attributes:
        at: the moment it was taken, in seconds since 1970.
        replayed: whether its idempotency key had been seen, so that nothing was done again.
    """

    at: float
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Something to write, all of it or nothing.

    Attributes:
        rows: (user, item, rating or None for a removal, time), in order.
        forget: a user to forget before the rows are written, or None.
        at: the moment it was taken, in seconds since 1970.
        key: its idempotency key, or None.
        content: what the key stands for.
        receipt: done when it is on disk, or is known not to be.
    """

    rows: Sequence[tuple[str, str, float | None, float]]
    forget: str | None
    at: float
    key: str | None
    content: str
    receipt: Future[Receipt] = field(default_factory=Future)


class Writer:
    """The queue, and the thread that empties it.

    Args:
        database: where to.
        size: rows that may wait.
    """

    def __init__(self, database: Database, size: int) -> None:
        self._database = database
        self._size = size
        self._queue: deque[Change] = deque()
        self._rows = 0
        self._news = threading.Condition()
        self._wanted = 1  # changes in the queue for which the thread wants to be woken
        self._closed = False
        self._statements = _Statements(database.engine.dialect.name)
        self._connection: sa.Connection | None = None  # kept: the pool's part of a write is large
        self._next_pruning = 0.0
        self._thread = threading.Thread(target=self._run, name="feedback-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Rows in the queue."""
        return self._rows

    @property
    def is_alive(self) -> bool:
        """Whether it takes changes."""
        return self._thread.is_alive() and not self._closed

    def put(self, change: Change) -> None:
        """Let a change wait for its turn; order is kept.

        Raises:
            StoreFullError: too much waits already.
            StoreError: the writer is closed.
        """
        with self._news:
            if self._closed:
                raise StoreError(f"{self._database.name} is closed: open the store again")
            if self._rows >= self._size:
                raise StoreFullError(
                    f"{self._database.name}: {self._rows:,} changes wait to be written: try again "
                    "in a second"
                )
            self._queue.append(change)
            self._rows += _size(change)
            if len(self._queue) >= self._wanted:
                self._news.notify()

    def close(self) -> None:
        """Write what waits, and end. Twice is as good as once."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()

    def _run(self) -> None:
        expected, until = 1, 0.0
        while True:
            with self._news:
                if expected > 1 and (left := until - time.monotonic()) > 0:
                    self._wait(expected, left)
                self._wait(1, None)
                if not self._queue:
                    break
                group = self._take()
            begun = time.monotonic()
            # A future that was cancelled in the queue is skipped; from here on none can be.
            group = [one for one in group if one.receipt.set_running_or_notify_cancel()]
            try:
                self._write(group)
            except Exception as error:  # a bug: those who wait must hear of it all the same
                _LOG.exception("%s: the writer failed", self._database.name)
                _fail(group, StoreError(f"{self._database.name}: {error!r}"))
            # Who was answered often has more to say at once. Without a moment's wait for them, half
            # of the clients would wait while the other half is written.
            ended = time.monotonic()
            expected, until = len(group) + len(self._queue), ended + _LULL * (ended - begun)
        self._disconnect()

    def _wait(self, wanted: int, seconds: float | None) -> None:
        """Wait until so many changes are in the queue, the time is over, or all is."""
        self._wanted = wanted
        self._news.wait_for(lambda: self._closed or len(self._queue) >= wanted, seconds)

    def _take(self) -> list[Change]:
        group: list[Change] = []
        rows = 0
        while self._queue and rows < _GROUP:
            group.append(self._queue.popleft())
            rows += _size(group[-1])
        self._rows -= rows
        return group

    def _write(self, group: list[Change]) -> None:
        """Write a group; if a change of it cannot be written, the others are, one by one."""
        try:
            answers = self._commit(group)
        except _AT_FAULT as error:
            _fail(group, self._database.explain(error))
        except Exception as error:
            if len(group) == 1:
                _fail(group, self._database.explain(error))
                return
            for change in group:
                self._write([change])
        else:
            for change, answer in zip(group, answers, strict=True):
                if isinstance(answer, Receipt):
                    change.receipt.set_result(answer)
                else:
                    change.receipt.set_exception(answer)

    def _commit(self, group: list[Change]) -> list[Receipt | KeyReuseError]:
        """Write a group in one transaction.

        Where a server is lost, it is tried again for a while. That is safe even if the lost
        transaction was committed: what is written is what holds afterwards, and keys tell that
        they are there.
        """
        end = time.monotonic() + PATIENCE
        wait = 0.05
        while True:
            try:
                if self._connection is None:
                    self._connection = self._database.writer()
                with self._database.writing(self._connection) as connection:
                    return self._statements.write(connection, group, self._pruning())
            except Exception as error:
                self._disconnect()
                lost = isinstance(error, _AT_FAULT) and not self._database.is_file
                if not lost or self._closed or time.monotonic() + wait > end:
                    raise
                time.sleep(wait)
                wait *= 2

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _pruning(self) -> float | None:
        """Keys of before this moment may go; None where they went a short while ago."""
        now = time.time()
        if now < self._next_pruning:
            return None
        self._next_pruning = now + 60
        return now - KEEP_KEYS


class _Statements:
    """What is said to the database; compiled once."""

    def __init__(self, dialect: str) -> None:
        insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
        rows = insert(feedback)
        self._rate = rows.on_conflict_do_update(
            index_elements=[feedback.c.user_id, feedback.c.item_id],
            set_={"rating": rows.excluded.rating, "at": rows.excluded.at},
        )
        users = insert(forgotten)
        self._forget = users.on_conflict_do_update(
            index_elements=[forgotten.c.user_id], set_={"at": users.excluded.at}
        )
        self._erase = sa.delete(feedback).where(feedback.c.user_id == sa.bindparam("user"))
        self._add_keys = sa.insert(keys)
        self._find_keys = sa.select(keys).where(
            keys.c.key.in_(sa.bindparam("wanted", expanding=True))
        )
        self._prune = sa.delete(keys).where(keys.c.at < sa.bindparam("before"))

    def write(
        self, connection: sa.Connection, group: Sequence[Change], prune_before: float | None
    ) -> list[Receipt | KeyReuseError]:
        """Write a group; the answers are good once the transaction is committed."""
        answers, news = self._check_keys(connection, group)
        # Only what holds in the end is written.
        rows: dict[tuple[str, str], tuple[float | None, float]] = {}
        erased: dict[str, float] = {}
        for change in news:
            if change.forget is not None:
                erased[change.forget] = change.at
                rows = {pair: row for pair, row in rows.items() if pair[0] != change.forget}
            for user, item, rating, at in change.rows:
                rows[user, item] = rating, at
        if erased:
            connection.execute(self._erase, [{"user": user} for user in erased])
            connection.execute(
                self._forget, [{"user_id": user, "at": at} for user, at in erased.items()]
            )
        if rows:
            connection.execute(
                self._rate,
                [
                    {"user_id": user, "item_id": item, "rating": rating, "at": at}
                    for (user, item), (rating, at) in rows.items()
                ],
            )
        if prune_before is not None:
            connection.execute(self._prune, {"before": prune_before})
        return answers

    def _check_keys(
        self, connection: sa.Connection, group: Sequence[Change]
    ) -> tuple[list[Receipt | KeyReuseError], list[Change]]:
        """The answer to each change, and those that are to be written."""
        seen: dict[str, tuple[str, float]] = {}
        wanted = iter({change.key for change in group if change.key is not None})
        while some := list(islice(wanted, _SOME)):
            for row in connection.execute(self._find_keys, {"wanted": some}):
                seen[row.key] = row.content, row.at
        answers: list[Receipt | KeyReuseError] = []
        news: list[Change] = []
        added: list[dict[str, Any]] = []
        for change in group:
            known = seen.get(change.key) if change.key is not None else None
            if known is None:
                answers.append(Receipt(change.at))
                news.append(change)
                if change.key is not None:
                    seen[change.key] = change.content, change.at
                    added.append({"key": change.key, "content": change.content, "at": change.at})
            elif known[0] == change.content:
                answers.append(Receipt(known[1], replayed=True))
            else:
                answers.append(
                    KeyReuseError(
                        f"the idempotency key {change.key!r} was given before with other content: "
                        "use a new key for each change, and the same only to repeat it"
                    )
                )
        if added:
            connection.execute(self._add_keys, added)
        return answers, news


def _size(change: Change) -> int:
    return len(change.rows) + (change.forget is not None)


def _fail(group: Sequence[Change], error: StoreError) -> None:
    for change in group:
        if not change.receipt.done():
            change.receipt.set_exception(error)
