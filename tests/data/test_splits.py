"""Dividing ratings: every rating in one part, times respected where they are the point."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tastemap as tm
from tastemap.data import splits
from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings
from tastemap.data.splits import Split
from tastemap.errors import ConfigError, DataError


def make(n: int = 200, users: int = 12, seed: int = 0, times: bool = True) -> Ratings:
    rng = np.random.default_rng(seed)
    pairs = np.unique(rng.integers(0, (users, 40), (n, 2)), axis=0)
    pairs = rng.permutation(pairs)
    columns = {"user": pairs[:, 0], "item": pairs[:, 1], "rating": rng.integers(1, 6, len(pairs))}
    columns["weight"] = rng.random(len(pairs)) + 0.5
    if times:
        columns["time"] = rng.integers(1_000_000_000, 1_000_000_060, len(pairs))
    return read_ratings(pa.table(columns))


def keys(ratings: Ratings) -> list[tuple[int, int]]:
    return list(zip(ratings.users.tolist(), ratings.items.tolist(), strict=True))


EVERY: list[Callable[[Ratings], Split]] = [
    lambda r: splits.random(r),
    lambda r: splits.random(r, 0.5, seed=3),
    lambda r: next(splits.k_fold(r, 4)),
    lambda r: splits.per_user(r),
    lambda r: splits.per_user(r, 0.3, 0.2, seed=1),
    lambda r: splits.leave_last_out(r),
    lambda r: splits.leave_last_out(r, 2, test=1),
    lambda r: splits.time_cut(r),
    lambda r: splits.time_cut(r, 0.2, 0.1),
    lambda r: splits.time_cut(r, at=1_000_000_030),
]


@pytest.mark.parametrize("divide", EVERY)
def test_every_rating_is_in_exactly_one_part_with_all_its_columns(
    divide: Callable[[Ratings], Split],
) -> None:
    ratings = make()
    split = divide(ratings)
    parts = [split.train, split.valid] + ([split.test] if split.test is not None else [])
    assert all(len(part) for part in parts)
    assert sorted(chain.from_iterable(map(keys, parts))) == sorted(keys(ratings))
    places = {key: row for row, key in enumerate(keys(ratings))}
    for part in parts:
        rows = np.array([places[key] for key in keys(part)])
        assert np.all(np.diff(rows) > 0)
        assert np.array_equal(part.values, ratings.values[rows])
        assert np.array_equal(part.times, ratings.times[rows])
        assert np.array_equal(part.weights, ratings.weights[rows])
        assert part.user_ids is ratings.user_ids
        assert part.item_ids is ratings.item_ids
        assert part.catalog is ratings.catalog
    assert split.description
    assert f"{len(split.train):,} train" in repr(split)


@pytest.mark.parametrize("divide", EVERY)
def test_the_same_call_divides_the_same_way(divide: Callable[[Ratings], Split]) -> None:
    assert divide(make()).train.fingerprint == divide(make()).train.fingerprint


def test_random_gives_the_notebooks_sets_on_the_bundled_ratings(movielens: Ratings) -> None:
    split = tm.split.random(movielens, valid_fraction=0.2, seed=42)
    assert (len(split.train), len(split.valid)) == (80_099, 19_905)
    assert split.test is None
    drawn = np.random.RandomState(42).rand(100_004) < 0.8
    assert np.array_equal(split.train.values, movielens.values[drawn])
    assert split.train.user_ids == movielens.user_ids
    # Items that only valid has keep their codes.
    assert np.count_nonzero(split.train.item_counts == 0) > 0
    assert split.leaks_time is True


def test_another_seed_divides_otherwise() -> None:
    ratings = make()
    assert splits.random(ratings, seed=1).train.fingerprint != (
        splits.random(ratings, seed=2).train.fingerprint
    )
    assert splits.per_user(ratings, seed=1).train.fingerprint != (
        splits.per_user(ratings, seed=2).train.fingerprint
    )


def test_folds_hold_each_rating_once_in_valid() -> None:
    ratings = make()
    folds = list(splits.k_fold(ratings, 7, seed=3))
    assert len(folds) == 7
    assert sorted(chain.from_iterable(keys(fold.valid) for fold in folds)) == sorted(keys(ratings))
    sizes = [len(fold.valid) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    assert folds[0].description == "fold 1 of 7, seed 3"


@settings(deadline=None)
@given(st.integers(1, 300), st.floats(0.05, 0.6), st.sampled_from([0.0, 0.1, 0.3]))
def test_per_user_holds_out_the_same_share_of_each(n: int, valid: float, test: float) -> None:
    ratings = make(n)
    split = splits.per_user(ratings, valid, test)
    counts = ratings.user_counts
    assert np.all(split.train.user_counts[counts > 0] >= 1)
    enough = np.floor(counts * valid + 0.5) + np.floor(counts * test + 0.5) < counts
    assert np.array_equal(split.valid.user_counts[enough], np.floor(counts[enough] * valid + 0.5))
    if split.test is not None:
        assert np.array_equal(split.test.user_counts[enough], np.floor(counts[enough] * test + 0.5))


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(0, 3), st.integers(0, 5))
def test_leave_last_out_holds_out_the_last_of_each_user(n: int, test: int, seed: int) -> None:
    ratings = make(60, seed=seed)
    split = splits.leave_last_out(ratings, n, test=test)
    for user in range(ratings.n_users):
        rows = np.flatnonzero(ratings.users == user)
        rows = rows[np.argsort(ratings.times[rows], kind="stable")]
        ordered = [(user, int(item)) for item in ratings.items[rows]]
        held = n + test if len(rows) > n + test else 0
        end = len(ordered) - held
        part = [key for key in keys(split.train) if key[0] == user]
        assert sorted(part) == sorted(ordered[:end])
        valid = [key for key in keys(split.valid) if key[0] == user]
        assert sorted(valid) == sorted(ordered[end : end + n] if held else [])


def test_users_without_enough_ratings_are_counted() -> None:
    ratings = read_ratings(
        pa.table({"user": [1, 1, 2], "item": [1, 2, 1], "rating": [1, 2, 3], "time": [1, 2, 3]})
    )
    for split in (splits.leave_last_out(ratings), splits.per_user(ratings, 0.5)):
        assert split.description.endswith("; users with too few ratings to have any in valid: 1")
        assert split.valid.user_counts.tolist() == [1, 0]


@settings(deadline=None)
@given(st.floats(0.05, 0.4), st.sampled_from([0.0, 0.1, 0.3]), st.integers(0, 9))
def test_a_time_cut_never_leaks(valid: float, test: float, seed: int) -> None:
    ratings = make(300, seed=seed)
    split = splits.time_cut(ratings, valid, test)
    assert split.train.times.max() < split.valid.times.min()
    assert split.leaks_time is False
    if split.test is not None:
        assert split.valid.times.max() < split.test.times.min()
    # Ratings of one second stay together: the share is met but for one second.
    largest = np.unique(ratings.times, return_counts=True)[1].max()
    held = len(ratings) - len(split.train)
    assert abs(held - (valid + test) * len(ratings)) <= largest + 1


def test_a_time_cut_can_be_told() -> None:
    ratings = make()
    moment = 1_000_000_030
    date = datetime.fromtimestamp(moment, UTC)
    ways = [moment, date, date.replace(tzinfo=None), date.isoformat(), "2001-09-09 01:47:10"]
    for at in ways:
        split = splits.time_cut(ratings, at=at)
        assert split.description == "time cut, valid from 2001-09-09 01:47:10 on"
        assert split.valid.times.min() >= moment > split.train.times.max()
    split = splits.time_cut(ratings, at=moment, test_at=moment + 10)
    assert split.test is not None
    assert split.test.times.min() >= moment + 10
    assert split.description.endswith(", test from 2001-09-09 01:47:20 on")


def test_leaks_time_is_unknown_without_times_or_parts() -> None:
    ratings = make(times=False)
    assert splits.random(ratings).leaks_time is None
    ratings = make()
    nothing = ratings.take(np.array([], np.int64))
    assert Split(ratings, nothing).leaks_time is None


def test_leave_last_out_leaks_across_users() -> None:
    ratings = read_ratings(
        pa.table(
            {"user": [1, 1, 2, 2], "item": [1, 2, 1, 2], "rating": [1] * 4, "time": [1, 2, 3, 4]}
        )
    )
    assert splits.leave_last_out(ratings).leaks_time is True


@pytest.mark.parametrize("divide", [splits.leave_last_out, splits.time_cut])
def test_splits_by_time_need_times(divide: Callable[[Ratings], Split]) -> None:
    with pytest.raises(DataError, match="needs times, and these ratings have none: read them"):
        divide(make(times=False))


def test_a_cut_that_leaves_a_part_empty_is_refused() -> None:
    with pytest.raises(DataError, match="leaves a part empty: times go from 2001-09-09"):
        splits.time_cut(make(), at="1999-01-01")
    same = read_ratings(
        pa.table({"user": [1, 2], "item": [1, 2], "rating": [1, 2], "time": [7, 7]})
    )
    with pytest.raises(DataError, match="leaves a part empty"):
        splits.time_cut(same)
    with pytest.raises(DataError, match="no ratings to divide"):
        splits.time_cut(same.take(np.array([], np.int64)))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda r: splits.random(r, 0),
        lambda r: splits.random(r, 1.0),
        lambda r: splits.random(r, seed=-1),
        lambda r: splits.random(r, seed=2**32),
        lambda r: splits.k_fold(r, 1),
        lambda r: splits.k_fold(r, len(r) + 1),
        lambda r: splits.per_user(r, 0.5, 0.5),
        lambda r: splits.per_user(r, 0.5, -0.1),
        lambda r: splits.leave_last_out(r, 0),
        lambda r: splits.leave_last_out(r, 1, test=-1),
        lambda r: splits.time_cut(r, 1.5),
        lambda r: splits.time_cut(r, at="soon"),
        lambda r: splits.time_cut(r, at=1_000_000_030, test_at=1_000_000_030),
    ],
)
def test_settings_out_of_range_are_refused(wrong: Callable[[Ratings], Split]) -> None:
    with pytest.raises(ConfigError):
        wrong(make())


def test_each_part_knows_what_it_is_of(movielens: Ratings) -> None:
    divided = splits.random(movielens, valid_fraction=0.2, seed=42)
    assert divided.train.part == "train of random, 0.2 of the ratings in valid, seed 42"
    assert divided.valid.part.startswith("valid of random")
    assert movielens.part == ""
