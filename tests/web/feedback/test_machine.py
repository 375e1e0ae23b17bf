"""The store against a dictionary, with changes, repeats and restarts in any order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from tastemap.errors import KeyReuseError
from tastemap.web import FeedbackStore
from tastemap.web.feedback.store import NewRating, Receipt, StoredRating
from tests.servers import Server
from tests.web.feedback.conftest import new_database

users = st.sampled_from(["anna", "ben", "ANNA", "'"])
items = st.sampled_from(["alien", "heat", "é", "e\u0301"])
values = st.floats(-10, 10)
times = st.integers(0, 10**9).map(float)


class Machine(RuleBasedStateMachine):
    """The twin is what is written in `self.ratings`, `self.removed` and `self.forgotten`."""

    make_address: Callable[[], str]
    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.address = type(self).make_address()
        self.store = FeedbackStore.open(self.address)
        self.ratings: dict[tuple[str, str], StoredRating] = {}
        self.removed: set[tuple[str, str]] = set()
        self.forgotten: set[str] = set()
        self.receipts: dict[str, Future[Receipt]] = {}
        self.waiting: list[tuple[Future[Receipt], Any]] = []
        self.n = 0

    def new_key(self) -> str:
        self.n += 1
        return f"key{self.n}"

    def _rate(self, row: NewRating) -> None:
        assert row.at is not None
        self.removed.discard((row.user, row.item))
        self.ratings[row.user, row.item] = StoredRating(row.value, row.at)

    def _expect(self, future: Future[Receipt], error: type[Exception] | None = None) -> None:
        self.waiting.append((future, error))

    @rule(target=keys, user=users, item=items, value=values, at=times)
    def rate(self, user: str, item: str, value: float, at: float) -> Any:
        key = self.new_key()
        self.receipts[key] = self.store.rate(user, item, value, at=at, key=key)
        self._rate(NewRating(user, item, value, at))
        return multiple((key, user, item, value, at))

    @rule(rows=st.lists(st.builds(NewRating, users, items, values, times), min_size=1, max_size=5))
    def rate_all(self, rows: list[NewRating]) -> None:
        self._expect(self.store.rate_all(rows))
        for row in rows:
            self._rate(row)

    @rule(user=users, item=items)
    def remove(self, user: str, item: str) -> None:
        self._expect(self.store.remove(user, item))
        self.ratings.pop((user, item), None)
        self.removed.add((user, item))

    @rule(user=users)
    def forget(self, user: str) -> None:
        self._expect(self.store.forget(user))
        self.ratings = {pair: one for pair, one in self.ratings.items() if pair[0] != user}
        self.removed = {pair for pair in self.removed if pair[0] != user}
        self.forgotten.add(user)

    @rule(given=keys)
    def repeat(self, given: tuple[str, str, str, float, float]) -> None:
        key, user, item, value, at = given
        again = self.store.rate(user, item, value, at=at, key=key).result()
        assert again.replayed
        assert again == self.receipts[key].result()

    @rule(given=keys, user=users)
    def misuse(self, given: tuple[str, str, str, float, float], user: str) -> None:
        self._expect(self.store.forget(user, key=given[0]), KeyReuseError)

    @rule()
    def settle(self) -> None:
        for future, error in self.waiting:
            if error is None:
                assert not future.result().replayed
            else:
                assert isinstance(future.exception(), error)
        for future in self.receipts.values():
            assert not future.result().replayed
        self.waiting.clear()

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = FeedbackStore.open(self.address)
        self.settle()

    @invariant()
    def nothing_waits_for_ever(self) -> None:
        assert self.store.waiting <= 10_000

    @rule(user=users)
    def look(self, user: str) -> None:
        self.settle()
        said = self.store.of_user(user)
        mine = {item: one for (who, item), one in self.ratings.items() if who == user}
        assert said.ratings == mine
        assert said.removed == {item for who, item in self.removed if who == user}
        assert said.forgotten == (user in self.forgotten)

    def teardown(self) -> None:
        self.settle()
        rows = {
            (row["user"], row["item"], row["rating"], row["action"])
            for row in self.store.table().to_pylist()
        }
        expected: set[tuple[Any, ...]] = {
            (user, item, one.value, "rate") for (user, item), one in self.ratings.items()
        }
        expected |= {(user, item, None, "remove") for user, item in self.removed}
        expected |= {(user, None, None, "forget") for user in self.forgotten}
        counts = self.store.counts()
        assert rows == expected
        assert counts == (len(self.ratings), len(self.removed), len(self.forgotten))
        assert len(self.store.table()) == len(rows)
        self.store.close()


def _run(make_address: Callable[[], str], examples: int) -> None:
    machine = type("Machine", (Machine,), {"make_address": staticmethod(make_address)})
    run_machine(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_file_holds_what_a_dictionary_holds(tmp_path: Path) -> None:
    _run(lambda: tempfile.mkdtemp(dir=tmp_path) + "/feedback.db", 40)


def test_a_server_holds_what_a_dictionary_holds(postgresql_server: Server) -> None:
    _run(lambda: new_database(postgresql_server), 10)
