"""Repeated pairs of user and item: found, resolved by a named rule, counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings
from tastemap.data.reading.duplicates import repeated_rows
from tastemap.errors import DataError

HEAD = "user,item,rating,time,weight\n"
ROWS = "1,2,3,90,1\n1,3,1,40,1\n1,2,5,40,3\n2,2,4,10,1\n1,2,1,90,2\n2,2,2,10,1\n"


def read(tmp_path: Path, content: str = HEAD + ROWS, **options: Any) -> Ratings:
    (tmp_path / "r.csv").write_text(content)
    return read_ratings(tmp_path / "r.csv", **options)


def rows_of(ratings: Ratings) -> list[tuple[Any, ...]]:
    table = ratings.to_arrow()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_last_keeps_the_latest_and_of_equal_times_the_last_row(tmp_path: Path) -> None:
    ratings = read(tmp_path)
    assert rows_of(ratings) == [(1, 3, 1, 40, 1), (1, 2, 1, 90, 2), (2, 2, 2, 10, 1)]
    assert (
        "repeated pairs of user and item: 2; rule 'last': the last by time of each is kept; "
        "rows dropped: 3"
    ) in ratings.notes


def test_without_times_last_keeps_the_last_row(tmp_path: Path) -> None:
    ratings = read(tmp_path, "user,item,rating\n1,2,3\n1,2,5\n1,3,1\n")
    assert rows_of(ratings) == [(1, 2, 5), (1, 3, 1)]
    assert any("the last row of each is kept; rows dropped: 1" in note for note in ratings.notes)


def test_mean_averages_by_weight_and_keeps_the_latest_time(tmp_path: Path) -> None:
    ratings = read(tmp_path, duplicates="mean")
    # (3·1 + 5·3 + 1·2) / 6, mean weight 2
    assert rows_of(ratings)[1] == (1, 2, pytest.approx(20 / 6), 90, 2)
    assert rows_of(ratings)[2] == (2, 2, 3, 10, 1)
    assert any("rule 'mean'" in note and "rows dropped: 3" in note for note in ratings.notes)


def test_mean_without_weights_and_times_is_the_plain_mean(tmp_path: Path) -> None:
    content = "user,item,rating\n1,2,3\n1,2,4\n1,3,1\n"
    assert rows_of(read(tmp_path, content, duplicates="mean")) == [(1, 2, 3.5), (1, 3, 1)]


def test_error_names_the_first_pair_and_its_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, HEAD + "\n" + ROWS, duplicates="error")
    assert str(error.value) == (
        "r.csv: user 1 rated item 2 3 times, in lines 3, 5, 7 (such pairs in all: 2); correct "
        'them, or pass duplicates="last" or "mean"'
    )


def test_error_lets_ratings_without_duplicates_pass(tmp_path: Path) -> None:
    ratings = read(tmp_path, "user,item,rating\n1,2,3\n", duplicates="error")
    assert "no user rated an item twice" in ratings.notes


def test_error_names_rows_of_frames() -> None:
    frame = pa.table({"user": ["a", "a"], "item": [1, 1], "rating": [1, 2]})
    with pytest.raises(DataError, match="user 'a' rated item 1 2 times, in rows 0, 1"):
        read_ratings(frame, duplicates="error")


PAIRS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 5), st.integers(0, 9)),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@given(PAIRS)
def test_last_is_what_a_dictionary_filled_by_time_holds(rows: list[tuple[int, ...]]) -> None:
    users, items, values, times = map(list, zip(*rows, strict=True))
    ratings = read_ratings(
        pa.table({"user": users, "item": items, "rating": values, "time": times})
    )
    expected = {}
    for user, item, value, time in sorted(rows, key=lambda row: row[3]):
        expected[user, item] = (value, time)
    assert {row[:2]: row[2:] for row in rows_of(ratings)} == expected
    assert len(ratings) == len(expected)
    assert not len(repeated_rows(ratings))


@settings(deadline=None)
@given(PAIRS)
def test_mean_is_the_mean_of_each_pair(rows: list[tuple[int, ...]]) -> None:
    users, items, values, _ = map(list, zip(*rows, strict=True))
    table = pa.table({"user": users, "item": items, "rating": values})
    ratings = read_ratings(table, duplicates="mean")
    given_values: dict[tuple[int, int], list[int]] = {}
    for user, item, value, _ in rows:
        given_values.setdefault((user, item), []).append(value)
    expected = {pair: pytest.approx(sum(v) / len(v)) for pair, v in given_values.items()}
    assert {row[:2]: row[2] for row in rows_of(ratings)} == expected
