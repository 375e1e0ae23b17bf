"""Filters: what is left, that it is what reading only those rows would give, and what is said."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings
from tastemap.errors import ConfigError, DataError

Row = tuple[int, str, int, int]
ROWS: list[Row] = [(7, "b", 4, 100), (5, "a", 3, 200), (7, "a", 5, 300), (7, "c", 1, 400)]
ITEMS = pa.table({"item": ["a", "b", "c", "d"], "title": ["A", "B", "C", "D"]})
USERS = pa.table({"user": [7, 5, 6], "age": [70, 50, 60]})


def read(rows: list[Row], **options: Any) -> Ratings:
    names = ("user", "item", "rating", "time")
    columns = list(zip(*rows, strict=True)) or [[]] * 4
    table = pa.table({name: pa.array(list(c)) for name, c in zip(names, columns, strict=True)})
    return read_ratings(table, ITEMS, users=USERS, **options)


def is_what_reading_gives(ratings: Ratings, rows: list[Row]) -> None:
    again = read(rows)
    assert ratings.fingerprint == again.fingerprint
    assert ratings.catalog.table.equals(again.catalog.table)
    assert ratings.user_catalog is not None
    assert again.user_catalog is not None
    assert ratings.user_catalog.table.equals(again.user_catalog.table)


def test_counts_are_those_before_anything_is_left_out() -> None:
    ratings = read(ROWS).min_counts(user=2, item=2)
    is_what_reading_gives(ratings, [ROWS[2]])
    assert ratings.notes[-1] == (
        "min_counts(user=2, item=2): left out 3 of 4 ratings, 1 of 2 users, 2 of 3 items"
    )
    assert ratings.catalog.titles == ["A"]


def test_a_core_is_left_when_nothing_more_has_to_go() -> None:
    rows = [*ROWS, (6, "a", 2, 500), (6, "b", 2, 600)]
    ratings = read(rows).k_core(2, 2)
    is_what_reading_gives(ratings, [rows[0], rows[2], rows[4], rows[5]])
    assert ratings.notes[-1].startswith("k_core(user=2, item=2), 1 round: left out 2 of 6 ratings")
    with pytest.raises(DataError, match=r"none of the 4 ratings is left: k_core\(user=2, item=2\)"):
        read(ROWS).k_core(2, 2)


def test_dates_bound_the_ratings_at_both_ends() -> None:
    ratings = read(ROWS)
    is_what_reading_gives(ratings.dated(since=200, before=400), ROWS[1:3])
    is_what_reading_gives(ratings.dated(since="1970-01-01T00:05"), ROWS[2:])
    kept = ratings.dated(before=200)
    is_what_reading_gives(kept, ROWS[:1])
    assert kept.notes[-1].startswith("before 1970-01-01 00:03:20: left out 3 of 4 ratings")
    with pytest.raises(DataError, match=r"since 2000-01-01, they are from 1970-01-01 00:01:40 to"):
        ratings.dated(since="2000-01-01")
    with pytest.raises(DataError, match="has no times"):
        read(ROWS, time=False).dated(since=1)


def test_filters_follow_one_another_and_all_is_said() -> None:
    ratings = read(ROWS)
    filtered = ratings.dated(since=200).min_counts(user=2)
    is_what_reading_gives(filtered, ROWS[2:])
    assert filtered.notes[: len(ratings.notes)] == ratings.notes
    assert [note.split(":")[0] for note in filtered.notes[-2:]] == [
        "since 1970-01-01 00",
        "min_counts(user=2, item=1)",
    ]


def test_duplicates_are_dropped_by_a_rule() -> None:
    ratings = read([*ROWS, (5, "a", 1, 50)]).take(np.array([0, 1, 2, 3, 1]))
    once = ratings.deduplicated()
    assert len(once) == 4
    assert "rule 'last'" in once.notes[-1]
    assert "rows dropped: 1" in once.notes[-1]
    with pytest.raises(DataError, match="user 5 rated item 'a' 2 times, in rows 1, 4"):
        ratings.deduplicated("error")
    with pytest.raises(ConfigError, match="is for interactions"):
        ratings.deduplicated("count")


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("min_counts", {"user": 0}, "user must be an integer of at least 1, got 0"),
        ("k_core", {"item": -1}, "item must be an integer of at least 1, got -1"),
        ("dated", {}, "dated needs since, before or both"),
        ("dated", {"since": "soon"}, "'soon' is no date"),
    ],
)
def test_filters_that_cannot_be_are_refused(method: str, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        getattr(read(ROWS), method)(**options)


def test_a_filtered_table_is_split_and_fitted(movielens: Ratings) -> None:
    core = movielens.k_core(20, 20)
    assert core.user_counts.min() >= 20
    assert core.item_counts.min() >= 20
    split = tm.split.random(core, seed=1)
    assert tm.BiasesOnly().fit(split.train, split.valid).evaluation is not None


SOME = st.lists(st.tuples(st.integers(5, 7), st.sampled_from("abcd")), min_size=1, max_size=20)


@settings(deadline=None)
@given(SOME, st.integers(1, 3), st.integers(1, 3))
def test_a_core_is_what_leaving_out_one_by_one_leaves(
    pairs: list[tuple[int, str]], user: int, item: int
) -> None:
    rows: list[Row] = [(*pair, 3, 0) for pair in dict.fromkeys(pairs)]
    left = list(rows)
    while True:
        users, items = Counter(row[0] for row in left), Counter(row[1] for row in left)
        bad = next((row for row in left if users[row[0]] < user or items[row[1]] < item), None)
        if bad is None:
            break
        left.remove(bad)
    if left:
        is_what_reading_gives(read(rows).k_core(user, item), left)
    else:
        with pytest.raises(DataError, match="is left"):
            read(rows).k_core(user, item)
