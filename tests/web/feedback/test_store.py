"""The store in one process: what counts, what is refused, and what is there when it is opened."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import threading
import time
from concurrent.futures import Future, wait
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tastemap.errors import (
    ConfigError,
    DataError,
    KeyReuseError,
    StoreError,
    StoreFullError,
)
from tastemap.web import FeedbackStore
from tastemap.web.feedback.checks import MAX_ID_BYTES
from tastemap.web.feedback.store import Counts, NewRating, StoredRating
from tastemap.web.feedback.writer import Receipt


def test_the_rating_written_last_counts(store: FeedbackStore) -> None:
    store.rate("anna", "alien", 3, at=200)
    store.rate("anna", "alien", 5, at=100)
    store.rate("anna", "heat", 4, at=100).result()
    said = store.of_user("anna")
    assert said.ratings == {"alien": StoredRating(5, 100), "heat": StoredRating(4, 100)}
    assert (said.removed, said.forgotten) == (frozenset(), False)


def test_a_time_that_is_not_given_is_now(store: FeedbackStore) -> None:
    before = time.time()
    receipt = store.rate("anna", "alien", 3).result()
    assert before <= receipt.at <= time.time()
    assert store.of_user("anna").ratings["alien"].time == receipt.at


def test_a_removal_hides_a_rating_that_may_be_elsewhere(store: FeedbackStore) -> None:
    store.rate("anna", "alien", 3)
    store.remove("anna", "alien")
    store.remove("anna", "heat").result()
    assert store.of_user("anna").removed == {"alien", "heat"}
    store.rate("anna", "heat", 2).result()
    said = store.of_user("anna")
    assert (said.removed, list(said.ratings)) == ({"alien"}, ["heat"])


def test_forgetting_erases_everything_but_the_id_and_what_is_said_later(
    store: FeedbackStore,
) -> None:
    store.rate("anna", "alien", 3)
    store.remove("anna", "heat")
    store.rate("ben", "alien", 4)
    store.forget("anna").result()
    assert (store.of_user("anna").ratings, store.of_user("anna").removed) == ({}, frozenset())
    assert store.of_user("anna").forgotten
    store.rate("anna", "big", 1).result()
    assert (list(store.of_user("anna").ratings), store.of_user("anna").forgotten) == (["big"], True)
    assert store.counts() == Counts(ratings=2, removed=0, forgotten=1)


def test_what_is_forgotten_is_not_left_in_the_file(tmp_path: Path) -> None:
    secret = "a-film-nobody-shall-know-of"  # noqa: S105
    with FeedbackStore.open(tmp_path / "feedback.db") as store:
        store.rate("anna", secret, 3, key="k").result()
        assert secret.encode() in (tmp_path / "feedback.db-wal").read_bytes()
        store.forget("anna").result()
    assert [path.name for path in tmp_path.iterdir()] == ["feedback.db"]
    assert secret.encode() not in (tmp_path / "feedback.db").read_bytes()


def test_several_ratings_are_stored_together(store: FeedbackStore) -> None:
    store.rate_all([NewRating("anna", "alien", 3), NewRating("ben", "heat", 4, 7)]).result()
    assert store.of_user("ben").ratings == {"heat": StoredRating(4, 7)}
    with pytest.raises(DataError, match="nan"):
        store.rate_all([NewRating("anna", "heat", 3), NewRating("ben", "heat", math.nan)])
    assert store.counts().ratings == 2
    with pytest.raises(DataError, match="no ratings"):
        store.rate_all([])


def test_a_key_given_twice_acts_once(store: FeedbackStore) -> None:
    first = store.rate("anna", "alien", 3, key="k").result()
    store.rate("anna", "alien", 4).result()
    again = store.rate("anna", "alien", 3, key="k").result()
    assert again == first
    assert (first.replayed, again.replayed) == (False, True)
    assert store.of_user("anna").ratings["alien"].value == 4


def test_a_key_given_twice_at_the_same_time_acts_once(store: FeedbackStore) -> None:
    done = [store.rate("anna", str(n // 2), n // 2, key=f"k{n // 2}") for n in range(3_000)]
    receipts = [one.result() for one in done]
    assert receipts[::2] == receipts[1::2]
    assert sum(one.replayed for one in receipts) == 1_500
    assert store.counts().ratings == 1_500


def test_a_key_stands_for_the_rating_and_not_for_how_it_is_written(store: FeedbackStore) -> None:
    store.rate("anna", "alien", 3, at=5, key="k").result()
    assert store.rate("anna", "alien", 3.0, at=5.0, key="k").result().replayed


def test_a_key_with_other_content_is_refused(store: FeedbackStore) -> None:
    store.rate("anna", "alien", 3, key="k").result()
    others = [
        store.rate("anna", "alien", 4, key="k"),
        store.rate("ben", "alien", 3, key="k"),
        store.rate("anna", "alien", 3, at=5, key="k"),
        store.remove("anna", "alien", key="k"),
        store.forget("anna", key="k"),
    ]
    for one in others:
        with pytest.raises(KeyReuseError, match="'k' was given before"):
            one.result()
    assert store.of_user("anna").ratings["alien"].value == 3


def test_keys_are_remembered_for_a_day(address: str) -> None:
    with FeedbackStore.open(address) as store:
        store.rate("anna", "alien", 3, key="old")
        store.rate("anna", "alien", 3, key="new").result()
        with store._database.writing() as connection:
            aged = "update tastemap_keys set at = at - 86500 where key = 'old'"
            connection.exec_driver_sql(aged)
    with FeedbackStore.open(address) as store:
        store.rate("anna", "alien", 4).result()  # the first change of a process looks after them
        assert store.rate("anna", "alien", 3, key="new").result().replayed
        assert not store.rate("anna", "alien", 3, key="old").result().replayed


@pytest.mark.parametrize(
    ("user", "item", "value", "at", "said"),
    [
        ("", "alien", 3, None, "the user id '' cannot be stored: it must be text, and not empty"),
        ("anna", "", 3, None, "the item id ''"),
        (7, "alien", 3, None, "the user id 7 cannot be stored: it must be text"),
        ("a\0", "alien", 3, None, "holds the character 0"),
        ("\ud800", "alien", 3, None, "not valid Unicode"),
        ("é" * 501, "alien", 3, None, "has 1,002 bytes: at most 1,000"),
        ("anna", "alien", math.inf, None, "the rating inf cannot be stored"),
        ("anna", "alien", 3, math.nan, "the time nan cannot be stored"),
        ("anna", "alien", 3, -1, "the time -1 cannot be stored"),
        ("anna", "alien", 3, 1e12, "seconds since 1970"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_once(
    store: FeedbackStore, user: str, item: str, value: float, at: float | None, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        store.rate(user, item, value, at=at)


def test_ids_come_back_as_they_were(store: FeedbackStore) -> None:
    hostile = ["'; drop table tastemap_feedback; --", "é", "e\u0301", "Ann", "ann", " ann", "💥"]
    hostile += ["%s", ":user", "x" * MAX_ID_BYTES]
    last = [store.rate(text, text, n, key=text) for n, text in enumerate(hostile)][-1]
    last.result()
    for n, text in enumerate(hostile):
        assert [(item, one.value) for item, one in store.of_user(text).ratings.items()] == [
            (text, n)
        ]


@pytest.mark.parametrize("user", ["a\0b", "\ud800", "x" * 5_000, ""])
def test_who_cannot_be_stored_has_said_nothing(store: FeedbackStore, user: str) -> None:
    said = store.of_user(user)
    assert (said.ratings, said.removed, said.forgotten) == ({}, frozenset(), False)


def test_the_table_and_its_file_hold_what_counts(store: FeedbackStore, tmp_path: Path) -> None:
    store.rate("ben", "heat", 4.5, at=1e9 + 0.25)
    store.rate("anna", "heat", 2, at=0)
    store.remove("anna", "alien")
    store.forget("carl").result()
    rows = [tuple(row.values()) for row in store.table().drop_columns("time").to_pylist()]
    assert rows == [
        ("anna", "alien", None, "remove"),
        ("anna", "heat", 2.0, "rate"),
        ("ben", "heat", 4.5, "rate"),
        ("carl", None, None, "forget"),
    ]
    assert store.table()["time"][2].as_py().timestamp() == 1e9 + 0.25
    assert store.export(tmp_path / "out.parquet") == 4
    assert pq.read_table(tmp_path / "out.parquet").equals(store.table())
    assert not list(tmp_path.glob("*.part"))


def test_an_empty_store_has_an_empty_table(store: FeedbackStore, tmp_path: Path) -> None:
    assert len(store.table()) == store.export(tmp_path / "out.parquet") == 0
    assert store.counts() == Counts(0, 0, 0)
    assert store.of_user("anna").ratings == {}


def test_what_was_acknowledged_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with FeedbackStore.open(f"sqlite:///{tmp_path}/feedback.db") as store:
        store.rate("anna", "alien", 3, at=5).result()
    with FeedbackStore.open(tmp_path / "feedback.db") as store:
        assert store.of_user("anna").ratings == {"alien": StoredRating(3, 5)}


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    store = FeedbackStore.open(tmp_path / "feedback.db")
    waiting = [store.rate("anna", str(n), n) for n in range(5_000)]
    store.close()
    assert all(one.done() for one in waiting)
    store.close()
    with pytest.raises(StoreError, match=r"feedback\.db is closed"):
        store.rate("anna", "alien", 3)
    with pytest.raises(StoreError, match="closed"):
        store.ping()
    with FeedbackStore.open(tmp_path / "feedback.db") as store:
        assert store.counts().ratings == 5_000


def test_a_full_queue_refuses_and_loses_nothing(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path / "feedback.db", queue_size=100) as store:
        taken: list[Future[Receipt]] = []
        blocker = sqlite3.connect(tmp_path / "feedback.db", isolation_level=None)
        blocker.execute("begin immediate")
        try:
            fill = (store.rate("anna", str(n), 1) for n in range(10_000))
            with pytest.raises(StoreFullError, match="100 changes wait to be written"):
                taken.extend(fill)
            assert store.waiting == 100
            assert not any(one.done() for one in taken)
        finally:
            blocker.execute("rollback")
            blocker.close()
        wait(taken)
        assert all(one.exception() is None for one in taken)
        assert store.counts().ratings == len(taken)
        store.rate("anna", "again", 1).result()
    with pytest.raises(ConfigError, match="queue_size=0"):
        FeedbackStore.open(tmp_path / "feedback.db", queue_size=0)


_POISON = {
    "sqlite": [
        "create trigger poison before insert on tastemap_feedback "
        "when new.item_id = 'poison' begin select raise(abort, 'poisoned'); end"
    ],
    "postgresql": [
        "create function poison() returns trigger language plpgsql as "
        "$$ begin raise 'poisoned' using errcode = 'integrity_constraint_violation'; end $$",
        "create trigger poison before insert on tastemap_feedback for each row "
        "when (new.item_id = 'poison') execute function poison()",
    ],
}


def test_a_bad_row_does_not_take_its_neighbours_with_it(store: FeedbackStore) -> None:
    with store._database.writing() as connection:
        for statement in _POISON[connection.dialect.name]:
            connection.exec_driver_sql(statement)
    rows = ["a", "b", "poison", "c", "poison", "d"]
    futures = [store.rate("anna", item, 1) for item in rows]
    wait(futures)
    assert [one.exception() is None for one in futures] == [item != "poison" for item in rows]
    with pytest.raises(StoreError, match=r"(feedback\.db|/store\d+): poisoned"):
        futures[2].result()
    together = store.rate_all([NewRating("anna", "e", 1), NewRating("anna", "poison", 1)])
    assert isinstance(together.exception(), StoreError)
    assert set(store.of_user("anna").ratings) == set("abcd")


def test_a_change_that_was_cancelled_in_the_queue_is_not_written(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path / "feedback.db") as store:
        blocker = sqlite3.connect(tmp_path / "feedback.db", isolation_level=None)
        blocker.execute("begin immediate")
        first = store.rate("anna", "alien", 3)
        while not first.running():
            time.sleep(0.001)
        second = store.rate("anna", "heat", 3)
        assert second.cancel()
        assert not first.cancel()
        blocker.execute("rollback")
        blocker.close()
        first.result()
        store.rate("anna", "big", 3).result()
        assert set(store.of_user("anna").ratings) == {"alien", "big"}


def test_an_event_loop_can_wait_for_it(store: FeedbackStore) -> None:
    async def all_of_them() -> None:
        waiting = [store.rate("anna", str(n), n) for n in range(100)]
        await asyncio.gather(*(asyncio.wrap_future(one) for one in waiting))

    asyncio.run(all_of_them())
    assert store.counts().ratings == 100


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder: give the path of a file in it"):
        FeedbackStore.open(tmp_path)
    with pytest.raises(StoreError, match=r"x\.db: unable to open .*: make its folder"):
        FeedbackStore.open(tmp_path / "none" / "x.db")
    with pytest.raises(StoreError, match=r"x\.db does not exist: there is no feedback"):
        FeedbackStore.open(tmp_path / "x.db", create=False)
    assert not list(tmp_path.iterdir())


def test_an_exported_table_can_be_loaded_into_an_empty_store(
    store: FeedbackStore, tmp_path: Path
) -> None:
    store.rate("ben", "heat", 4.5, at=1e9 + 0.25)
    store.remove("anna", "alien")
    store.forget("carl").result()
    table = store.table()
    with FeedbackStore.open(tmp_path / "other.db") as other:
        twice = pa.concat_tables([table, table])
        with pytest.raises(DataError, match="has a pair or a forgotten user twice"):
            other.load(twice)
        with pytest.raises(DataError, match="the user id '' cannot be stored"):
            other.load(table.set_column(0, "user", pa.array([""] * 3)))
        with pytest.raises(DataError, match="this is no feedback"):
            other.load(table.drop_columns("time"))
        assert other.counts() == Counts(0, 0, 0)
        other.load(table)
        assert other.table().equals(table)
        with pytest.raises(StoreError, match=r"other\.db holds feedback already"):
            other.load(table)


def test_threads_that_come_and_go_leave_no_connections(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path / "feedback.db") as store:
        store.rate("anna", "alien", 3).result()
        for _ in range(50):
            thread = threading.Thread(target=store.of_user, args=("anna",))
            thread.start()
            thread.join()
        assert store._database.engine.pool.checkedout() == 1
    assert store._database.engine.pool.checkedout() == 0
