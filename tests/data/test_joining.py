"""Ratings put to ratings: nothing lost, and said what was done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import tastemap as tm
from tastemap.data.catalog import Catalog
from tastemap.data.joining import join
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError
from tests.conftest import interactions, make_ratings


def pairs(ratings: Ratings) -> dict[tuple[object, object], float]:
    rows = ratings.to_arrow().to_pylist()
    return {(row["user"], row["item"]): row["rating"] for row in rows}


def test_new_ratings_replace_old_ones_of_the_same_pair_and_follow_the_others(
    small: Ratings,
) -> None:
    new = make_ratings([(60, 1, 5.0), (70, 9, 2.0), (10, 5, 1.0), (20, 1, 4.0)])
    joined = join(small, new)
    expected = {**pairs(small), (60, 1): 5.0, (70, 9): 2.0, (10, 5): 1.0, (20, 1): 4.0}
    assert pairs(joined.ratings) == expected
    assert joined.ratings.user_ids.ids.to_pylist() == [10, 20, 30, 40, 50, 60, 70]
    assert joined.ratings.item_ids.ids.to_pylist() == [1, 2, 3, 4, 5, 9]
    assert joined.fresh.tolist() == [False] * 14 + [True] * 2
    assert np.flatnonzero(joined.changed).tolist() == [3, 13, 14, 15]
    assert joined.before[13] == 3.0
    assert joined.before[14:].tolist() == [2.0, 1.0]
    assert joined.ratings.notes[-1] == ("ratings added: 2, replaced: 2, new users: 1, new items: 1")
    np.testing.assert_array_equal(joined.ratings.users[:14], small.users)


def test_of_a_pair_twice_among_the_new_the_last_counts_and_that_is_said(small: Ratings) -> None:
    joined = join(small, make_ratings([(60, 1, 5.0), (60, 1, 2.0), (60, 2, 4.0)]))
    assert pairs(joined.ratings)[60, 1] == 2.0
    assert "among the new ratings, repeated pairs of user and item: 1" in joined.ratings.notes[-1]


def test_metadata_of_new_items_and_users_comes_along(small: Ratings) -> None:
    new = make_ratings(
        [(70, 9, 2.0), (70, 1, 2.0)], metadata={"year": [1999, 1], "color": ["r", "g"]}
    )
    joined = join(small, new).ratings
    assert joined.catalog.table.column("year").to_pylist() == [1979, 1988, None, 1995, 1986, 1999]
    assert joined.catalog.columns == ["title", "year", "genres"]
    assert joined.catalog.title(5) == "9"
    ages = [Catalog(one.user_ids, pa.table({"age": range(one.n_users)})) for one in (small, new)]
    known, more = replace(small, user_catalog=ages[0]), replace(new, user_catalog=ages[1])
    users = join(known, more).ratings.user_catalog
    assert users is not None
    assert users.table.column("age").to_pylist() == [0, 1, 2, 3, 4, 5, 0]
    with pytest.raises(DataError, match="the column 'year' of items holds int64 in the model"):
        join(small, make_ratings([(70, 9, 2.0)], metadata={"year": ["last"]}))


def test_times_and_weights_are_kept_or_their_loss_is_said() -> None:
    plain = make_ratings([(1, 1, 3.0), (2, 1, 4.0)])
    timed = make_ratings([(2, 1, 5.0), (2, 2, 1.0)], times=[7, 8])
    notes = join(plain, timed).ratings.notes
    assert "the times of added ratings are left out: the others have none" in notes
    with pytest.raises(DataError, match="have times, and the new ones have none"):
        join(timed, plain)
    both = join(replace(plain, times=np.array([1, 2])), timed).ratings
    assert both.times is not None
    assert both.times.tolist() == [1, 7, 8]
    weighted = replace(timed, times=None, weights=np.array([2, 3], np.float32))
    joined = join(plain, weighted)
    assert joined.ratings.weights is not None
    assert joined.weights_before is not None
    assert joined.ratings.weights.tolist() == [1, 2, 3]
    assert joined.weights_before.tolist() == [1, 1, 3]


def test_what_does_not_go_together_is_refused(small: Ratings) -> None:
    with pytest.raises(DataError, match="user ids are integers in the model, and text in the new"):
        join(small, make_ratings([("a", 1, 3.0)]))
    clicks = tm.read_ratings(pa.table({"user": [1], "item": [1]}), rating=False)
    with pytest.raises(DataError, match="the model has ratings, and interactions cannot be put"):
        join(small, clicks)


def test_interactions_of_a_pair_that_is_there_add_to_its_weight(small: Ratings) -> None:
    old, new = interactions(small), interactions(make_ratings([(60, 1, 1.0), (60, 2, 1.0)]))
    joined = join(old, new)
    found = {
        (row["user"], row["item"]): row["weight"] for row in joined.ratings.to_arrow().to_pylist()
    }
    assert found[60, 1] == 2
    assert found[60, 2] == found[10, 1] == 1
    assert sum(found.values()) == len(old) + len(new)
    assert joined.ratings.notes[-1] == (
        "interactions added: 1, counted again: 1, new users: 0, new items: 0"
    )
    weighted = replace(new, weights=np.array([3.0, 4.0], np.float32))
    twice = join(joined.ratings, weighted.take(np.array([0, 0, 1]))).ratings
    assert twice.weights is not None
    assert float(twice.weights.sum()) == len(old) + len(new) + 3 + 3 + 4
    # Nothing to add to: weights stay out.
    alone = join(old, interactions(make_ratings([(60, 2, 1.0)]))).ratings
    assert alone.weights is None


def test_a_scale_that_grows_is_said(small: Ratings) -> None:
    joined = join(small, make_ratings([(60, 2, 10.0)]))
    assert joined.ratings.scale == (1, 10)
    assert joined.ratings.notes[-1] == "the scale of ratings was 1 to 5: now 1 to 10"
