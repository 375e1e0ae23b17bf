"""Ratings put together with feedback, against a plain dictionary."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

import tastemap as tm
from tastemap.data.feedback import COLUMNS
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError
from tests.conftest import interactions, make_ratings


def feedback_of(*rows: tuple[Any, ...]) -> pa.Table:
    """A table of feedback from (action, user, item, rating), a minute after 1970 began."""
    made = [
        {"action": action, "user": user, "item": item, "rating": rating, "time": 60_500_000}
        for action, user, item, rating in rows
    ]
    return pa.Table.from_pylist(made, pa.schema(COLUMNS))


def pairs_of(ratings: Ratings) -> dict[tuple[Any, Any], float]:
    rows = ratings.to_arrow().to_pydict()
    pairs = zip(rows["user"], rows["item"], strict=True)
    return dict(zip(pairs, rows["rating"], strict=True))


def test_ratings_are_replaced_added_removed_and_forgotten_and_it_is_said(small: Ratings) -> None:
    merged = small.with_feedback(
        feedback_of(
            ("rate", "10", "1", 2.5),  # replaced
            ("rate", "20", "3", 1),  # added
            ("rate", "70", "9", 4),  # by somebody new, of something new
            ("remove", "10", "2", None),
            ("remove", "10", "5", None),  # which nobody rated
            ("forget", "30", None, None),
            ("rate", "30", "4", 3),  # afterwards
            ("forget", "80", None, None),  # whom nobody knows
        )
    )
    expected = {pair: value for pair, value in pairs_of(small).items() if pair[0] != 30}
    expected |= {(10, 1): 2.5, (20, 3): 1.0, (70, 9): 4.0, (30, 4): 3.0}
    del expected[10, 2]
    assert pairs_of(merged) == expected
    assert len(merged) == len(expected)
    assert merged.notes == (
        "feedback: users forgotten: 2, with 3 ratings; removed: 1 of 2 that were to be",
        "ratings added: 3, replaced: 1, new users: 2, new items: 1",
        "the times of added ratings are left out: the others have none",
    )
    assert merged.catalog.titles[:5] == small.catalog.titles
    assert merged.item_ids.raw(5) == 9


def test_who_is_forgotten_is_in_no_vocabulary_and_no_catalog() -> None:
    ratings = make_ratings([("anna", "a", 1), ("ben", "a", 2), ("carl", "b", 3)])
    table = pa.table({"job": ["cook", "nurse", "smith"]})
    known = tm.Ratings(
        users=ratings.users,
        items=ratings.items,
        values=ratings.values,
        user_ids=ratings.user_ids,
        item_ids=ratings.item_ids,
        catalog=ratings.catalog,
        user_catalog=tm.data.catalog.Catalog(ratings.user_ids, table),
    )
    merged = known.with_feedback(feedback_of(("forget", "ben", None, None)))
    assert merged.user_ids.ids.to_pylist() == ["anna", "carl"]
    assert merged.user_catalog is not None
    assert merged.user_catalog.table.to_pydict() == {"job": ["cook", "smith"]}
    assert pairs_of(merged) == {("anna", "a"): 1.0, ("carl", "b"): 3.0}


def test_times_are_taken_where_there_are_some() -> None:
    timed = make_ratings([(1, 1, 3), (2, 1, 4)], times=[10, 20])
    merged = timed.with_feedback(feedback_of(("rate", "2", "1", 5), ("rate", "3", "1", 5)))
    assert merged.times is not None
    assert merged.times.tolist() == [10, 60, 60]
    plain = make_ratings([(1, 1, 3)]).with_feedback(feedback_of(("rate", "3", "1", 5)))
    assert plain.times is None


def test_nothing_said_changes_nothing(small: Ratings) -> None:
    assert small.with_feedback(feedback_of()).fingerprint == small.fingerprint


def test_interactions_take_interactions(small: Ratings) -> None:
    clicks = interactions(small)
    merged = clicks.with_feedback(feedback_of(("rate", "60", "2", 1), ("remove", "10", "1", None)))
    assert len(merged) == len(clicks)
    assert not merged.explicit
    with pytest.raises(DataError, match="has ratings such as 4, and the others are interactions"):
        clicks.with_feedback(feedback_of(("rate", "60", "2", 4)))


def test_what_does_not_fit_is_refused(small: Ratings) -> None:
    with pytest.raises(DataError, match="has no column 'action'; export it with"):
        small.with_feedback(feedback_of().drop_columns("action"))
    with pytest.raises(DataError, match="column 'rating' of the feedback must be double, not int"):
        small.with_feedback(feedback_of().set_column(2, "rating", pa.array([], pa.int64())))
    with pytest.raises(DataError, match="1 rows of the feedback have no rating"):
        small.with_feedback(feedback_of(("rate", "10", "1", None)))
    with pytest.raises(DataError, match="1 rows of the feedback have an action other than"):
        small.with_feedback(feedback_of(("like", "10", "1", None)))
    with pytest.raises(DataError, match="the user 'anna', and user ids of the ratings are int"):
        small.with_feedback(feedback_of(("forget", "anna", None, None)))
    with pytest.raises(DataError, match=r"the item 9{20}, and item ids"):
        small.with_feedback(feedback_of(("rate", "10", "9" * 20, 3)))
    with pytest.raises(DataError, match="1 rows of the feedback have no item"):
        small.with_feedback(feedback_of(("remove", "10", None, None)))
    everybody = [("forget", str(user), None, None) for user in small.user_ids.ids.to_pylist()]
    with pytest.raises(DataError, match="none of the 14 ratings is left"):
        small.with_feedback(feedback_of(*everybody))


SOME = st.sampled_from(["a", "b", "c", "d"])
PAIRS = st.dictionaries(st.tuples(SOME, SOME), st.sampled_from([1.0, 2.0, 3.0]), max_size=16)


@given(PAIRS, PAIRS, st.sets(st.tuples(SOME, SOME)), st.sets(SOME))
def test_it_does_what_a_dictionary_does(
    old: dict[tuple[str, str], float],
    new: dict[tuple[str, str], float],
    removed: set[tuple[str, str]],
    forgotten: set[str],
) -> None:
    kept = {("z", "z"): 2.0}  # so that something is left
    before = make_ratings([(*pair, value) for pair, value in (old | kept).items()])
    removed -= set(new)  # a store has a pair once
    rows: list[tuple[Any, ...]] = [("rate", *pair, value) for pair, value in new.items()]
    rows += [("remove", *pair, None) for pair in removed]
    rows += [("forget", user, None, None) for user in forgotten]
    expected = {
        pair: value
        for pair, value in old.items()
        if pair not in removed and pair[0] not in forgotten
    }
    expected |= new | kept
    merged = before.with_feedback(feedback_of(*rows))
    assert pairs_of(merged) == expected
    assert len(merged) == len(expected)
    silent = forgotten - {user for user, _ in new}
    assert not silent & set(merged.user_ids.ids.to_pylist())
