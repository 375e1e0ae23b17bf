"""The table of ratings: checked when it is made, immutable, grouped both ways."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import DataError

USERS = Vocabulary([30, 10, 20], "user")
ITEMS = Vocabulary(["b", "a", "c", "never"], "item")


def make(**change: Any) -> Ratings:
    columns: dict[str, Any] = {
        "users": np.array([0, 1, 0, 2, 1]),
        "items": np.array([0, 0, 1, 2, 1]),
        "values": np.array([5.0, 3.0, 4.0, 1.0, 2.0]),
        "times": np.array([5, 4, 3, 2, 1]),
        "weights": np.array([1.0, 1.0, 2.0, 1.0, 1.0]),
    }
    columns |= {"user_ids": USERS, "item_ids": ITEMS, "catalog": Catalog(ITEMS)}
    return Ratings(**columns | change)


def test_columns_have_the_documented_types_and_cannot_be_written() -> None:
    ratings = make()
    kinds = {"users": "int32", "items": "int32", "values": "float32"}
    kinds |= {"times": "int64", "weights": "float32"}
    for name, kind in kinds.items():
        column = getattr(ratings, name)
        assert str(column.dtype) == kind
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        ratings.name = "x"  # type: ignore[misc]


def test_ratings_do_not_change_with_the_arrays_they_were_made_of() -> None:
    values = np.array([5, 3, 4, 1, 2], np.float32)
    ratings = make(values=values)
    values[:] = 0
    assert ratings.values.tolist() == [5, 3, 4, 1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": np.array([0, 1])}, r"users has shape \(2,\), the ratings \(5,\)"),
        ({"times": np.zeros((5, 1), int)}, "times has shape"),
        ({"users": np.array([0, 1, 2, 3, 0])}, "user codes must be 0 to 2"),
        ({"items": np.array([0, 1, 2, -1, 0])}, "item codes must be 0 to 3"),
        ({"users": np.array([0, 1, 2, 2**32, 0])}, "user codes must be 0 to 2"),
        ({"users": np.array([0, 1, 2, 0.5, 0])}, "users must be integers, not float64"),
        ({"times": np.array([0, 1, 2, np.nan, 0])}, "times must be integers, not float64"),
        ({"values": np.array([1, 2, np.nan, 4, 5])}, "a rating is not a finite number"),
        ({"values": np.array([1, 2, 1e300, 4, 5])}, "a rating is not a finite number"),
        ({"weights": np.array([1, 2, 0, 4, 5])}, "a weight is not positive"),
        ({"weights": np.array([1, 2, np.nan, 4, 5])}, "a weight is not positive"),
        ({"weights": np.array([1, 2, np.inf, 4, 5])}, "a weight is not finite"),
    ],
)
def test_what_are_no_ratings_is_refused(change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make(**change)


def test_numbers_of_the_whole() -> None:
    ratings = make()
    assert repr(ratings) == "<Ratings 'ratings': 5 ratings of 4 items by 3 users>"
    assert (len(ratings), ratings.n_users, ratings.n_items) == (5, 3, 4)
    assert ratings.mean == pytest.approx((5 + 3 + 2 * 4 + 1 + 2) / 6)
    assert make(weights=None).mean == pytest.approx(3.0)
    assert ratings.scale == (1.0, 5.0)
    assert ratings.user_counts.tolist() == [2, 2, 1]
    assert ratings.item_counts.tolist() == [2, 2, 1, 0]


def test_the_most_rated_come_first_and_ties_go_to_the_smaller_id() -> None:
    ratings = make()
    # Items b and a have two ratings each; a is the smaller id and has code 1.
    assert ratings.most_rated_items().tolist() == [1, 0, 2, 3]
    assert ratings.most_rated_items(2).tolist() == [1, 0]
    assert ratings.most_active_users().tolist() == [1, 0, 2]


def test_no_ratings_have_no_mean_and_no_scale() -> None:
    nothing = make().take(np.zeros(5, np.bool_))
    assert len(nothing) == 0
    assert np.isnan(nothing.mean)
    assert np.isnan(nothing.scale).all()
    assert nothing.item_counts.tolist() == [0, 0, 0, 0]
    assert len(nothing.by_user) == 3
    empty = Ratings(
        users=[], items=[], values=[], user_ids=USERS, item_ids=ITEMS, catalog=Catalog(ITEMS)
    )
    assert len(empty) == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(1, 5)), max_size=20))
def test_rows_of_users_and_items_hold_their_ratings_in_order(rows: list[tuple[int, ...]]) -> None:
    users, items, values = (np.array([row[k] for row in rows], int) for k in range(3))
    ratings = make(users=users, items=items, values=values, times=None, weights=None)
    for user in range(3):
        columns, found = ratings.by_user.row(user)
        assert columns.tolist() == [row[1] for row in rows if row[0] == user]
        assert found.tolist() == [row[2] for row in rows if row[0] == user]
    for item in range(4):
        columns, found = ratings.by_item.row(item)
        assert columns.tolist() == [row[0] for row in rows if row[1] == item]
        assert found.tolist() == [row[2] for row in rows if row[1] == item]


def test_some_ratings_are_taken_by_row_or_mask() -> None:
    ratings = make()
    part = ratings.take(np.array([4, 0]))
    assert part.values.tolist() == [2.0, 5.0]
    assert part.times.tolist() == [1, 5]
    assert part.weights.tolist() == [1.0, 1.0]
    assert part.user_ids is ratings.user_ids
    mask = np.array([True, False, False, False, True])
    assert ratings.take(mask).values.tolist() == [5.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        part.values[0] = 1
    bare = make(times=None, weights=None).take(mask)
    assert bare.times is None
    assert bare.weights is None


def test_the_fingerprint_changes_with_everything_that_matters() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"values": np.array([5.0, 3.0, 4.0, 1.0, 2.5])},
        {"times": None},
        {"times": np.array([5, 4, 3, 2, 0])},
        {"weights": None},
        {"users": np.array([0, 1, 0, 2, 2])},
        {"user_ids": Vocabulary([30, 10, 21], "user")},
    ]
    assert len({make(**change).fingerprint for change in changes}) == len(changes)
    assert make(name="x", notes=("y",)).fingerprint == make().fingerprint


def test_ratings_go_to_arrow_with_raw_ids() -> None:
    assert make().to_arrow().to_pydict() == {
        "user": [30, 10, 30, 20, 10],
        "item": ["b", "b", "a", "c", "a"],
        "rating": [5.0, 3.0, 4.0, 1.0, 2.0],
        "time": [5, 4, 3, 2, 1],
        "weight": [1.0, 1.0, 2.0, 1.0, 1.0],
    }
    assert make(times=None, weights=None).to_arrow().column_names == ["user", "item", "rating"]
