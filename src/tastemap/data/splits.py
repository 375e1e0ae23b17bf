"""Dividing ratings into training, validation and test sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from tastemap import arguments
from tastemap.arrays import Float64s, Int64s, Mask
from tastemap.data.moments import Moment, seconds_of, written
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, DataError
from tastemap.randomness import stream


@dataclass(frozen=True)
class Split:
    """Train, valid and test ratings of one `Ratings`, over the same vocabularies.

    Attributes:
        train: what is learnt from.
        valid: what models are measured on, such as while settings are chosen.
        test: what is looked at once, at the end; None where there is no third part.
        description: how the division was made, for reports.
        known: ratings of users who are new to train, that a model may be told before it is
            measured on their other ratings (`new_users`); None where valid is of known users.
    """

    train: Ratings
    valid: Ratings
    test: Ratings | None = None
    description: str = field(default="")
    known: Ratings | None = None

    def __repr__(self) -> str:
        test = "" if self.test is None else f", {len(self.test):,} test"
        return (
            f"<Split: {len(self.train):,} train, {len(self.valid):,} valid{test}; "
            f"{self.description}>"
        )

    @property
    def leaks_time(self) -> bool | None:
        """Whether training has seen the future of what it is judged by.

        True if a training rating is later than the earliest rating of valid or test, None if
        there are no times. A split that leaks time flatters every model a little: in use, a
        model never knows later ratings.
        """
        held = [part for part in (self.valid, self.test) if part is not None and len(part)]
        if self.train.times is None or not len(self.train) or not held:
            return None
        earliest = min(int(part.times.min()) for part in held if part.times is not None)
        return bool(self.train.times.max() > earliest)


def random(ratings: Ratings, valid_fraction: float = 0.2, seed: int = 42) -> Split:
    """Each rating goes to valid by chance.

    On the bundled MovieLens set, ``valid_fraction=0.2`` and ``seed=42`` give the 80,099 training
    and 19,905 validation ratings of the course notebook tastemap starts from.

    Args:
        ratings: what to divide.
        valid_fraction: chance of a rating to be in valid, between 0 and 1.
        seed: 0 to 2**32 - 1.

    Returns:
        Two parts; their sizes vary around the fraction.

    Raises:
        ConfigError: the fraction is not between 0 and 1, or the seed is out of its range.
    """
    arguments.ratings("ratings", ratings)
    _check_fraction("valid_fraction", valid_fraction)
    arguments.integer("seed", seed, 0, 2**32 - 1)
    # NumPy's legacy generator, here alone: published results of the notebook are drawn with it,
    # and only the same draws give the same sets.
    draws = np.random.RandomState(seed).rand(len(ratings))
    in_train = draws < 1 - valid_fraction
    said = f"random, {valid_fraction:g} of the ratings in valid, seed {seed}"
    return _split(ratings, in_train, ~in_train, said)


def k_fold(ratings: Ratings, k: int = 5, seed: int = 0) -> Iterator[Split]:
    """Each rating is in valid exactly once, in one of ``k`` splits.

    Args:
        ratings: what to divide.
        k: how many splits, at least 2.
        seed: which rating goes where.

    Returns:
        The splits one after the other, so that only one is in memory; sizes of valid differ by
        at most one.

    Raises:
        ConfigError: ``k`` is below 2 or above the number of ratings.
    """
    arguments.ratings("ratings", ratings)
    arguments.integer("k", k, 2)
    arguments.integer("seed", seed, 0)
    if k > len(ratings):
        raise ConfigError(f"k={k}: must lie between 2 and the number of ratings, {len(ratings):,}")
    order = stream(seed, "split/k-fold").permutation(len(ratings))
    folds = np.empty(len(ratings), np.int32)
    folds[order] = np.arange(len(ratings)) % k
    return (
        _split(ratings, folds != fold, folds == fold, f"fold {fold + 1} of {k}, seed {seed}")
        for fold in range(k)
    )


def per_user(
    ratings: Ratings, valid_fraction: float = 0.2, test_fraction: float = 0.0, seed: int = 0
) -> Split:
    """The same share of every user's ratings goes to valid (and test), by chance.

    A user with n ratings has ``round(n * fraction)`` in each held-out part, but always at least
    one in train.

    Args:
        ratings: what to divide.
        valid_fraction: share in valid, between 0 and 1.
        test_fraction: share in test, from 0 (no test) to below 1; with valid below 1.
        seed: which ratings are held out.

    Raises:
        ConfigError: a fraction is out of its range.
    """
    arguments.ratings("ratings", ratings)
    arguments.integer("seed", seed, 0)
    _check_fractions(valid_fraction, test_fraction)
    draws = stream(seed, "split/per-user").random(len(ratings))
    counts = ratings.user_counts
    # Valid has the first places of each user, test the next ones, and the last stays in train.
    last = np.maximum(counts - 1, 0)
    n_valid = np.minimum(np.floor(counts * valid_fraction + 0.5).astype(np.int64), last)
    n_test = np.minimum(np.floor(counts * test_fraction + 0.5).astype(np.int64), last - n_valid)
    said = f"per user, {valid_fraction:g} of each user's ratings in valid"
    said += f" and {test_fraction:g} in test" if test_fraction else ""
    said += f", seed {seed}" + _without(counts, n_valid)
    valid, test = _first_places(ratings, _places(ratings, draws), n_valid, n_test)
    return _split(ratings, ~valid & ~test, valid, said, test if test_fraction else None)


def new_users(
    ratings: Ratings, user_fraction: float = 0.2, known_fraction: float = 0.5, seed: int = 0
) -> Split:
    """Some users are kept out of training altogether: strong generalisation.

    Of each of them a share of the ratings is in ``known``, which a model may be told before it is
    measured (`tastemap.evaluate` with ``known=``), and the others are in ``valid``.

    Args:
        ratings: what to divide.
        user_fraction: chance of a user to be kept out, between 0 and 1.
        known_fraction: chance of a rating of theirs to be known, between 0 and 1.
        seed: which users and ratings.

    Raises:
        ConfigError: a fraction is out of its range.
        DataError: chance has left nobody in one of the parts: take another fraction or seed.
    """
    arguments.ratings("ratings", ratings)
    arguments.integer("seed", seed, 0)
    _check_fraction("user_fraction", user_fraction)
    _check_fraction("known_fraction", known_fraction)
    chance = stream(seed, "split/new-users")
    new = (chance.random(ratings.n_users) < user_fraction)[ratings.users]
    known = new & (chance.random(len(ratings)) < known_fraction)
    if new.all() or not known.any() or not (new & ~known).any():
        raise DataError("chance has left a part empty: take another fraction or seed")
    said = (
        f"new users, {user_fraction:g} of the users kept out, {known_fraction:g} of their ratings "
        f"known, seed {seed}"
    )
    parts = _split(ratings, ~new, new & ~known, said)
    return replace(parts, known=replace(ratings.take(known), part=f"known of {said}"))


def leave_last_out(ratings: Ratings, n: int = 1, test: int = 0) -> Split:
    """The last ratings of every user go to valid (and test), by time.

    It asks: knowing what somebody rated so far, what comes next? Across users it may still leak
    time (see `Split.leaks_time`): one user's training can be later than another's validation.

    Args:
        ratings: what to divide; they need times. Of equal times the later row is the later one.
        n: how many of each user's ratings are in valid, at least 1.
        test: how many after those are in test; 0 for no test.

    Returns:
        Two or three parts. Users with too few ratings to leave one in train have none in valid.

    Raises:
        DataError: the ratings have no times.
        ConfigError: ``n`` is below 1 or ``test`` below 0.
    """
    arguments.ratings("ratings", ratings)
    arguments.integer("n", n, 1)
    arguments.integer("test", test, 0)
    times = _times(ratings, "leave_last_out")
    counts = ratings.user_counts
    enough = counts > n + test
    n_test, n_valid = np.where(enough, test, 0), np.where(enough, n, 0)
    said = f"leave last out, the last {n} of each user in valid"
    if test:
        said = f"leave last out, the last {test} of each user in test, the {n} before in valid"
    said += _without(counts, n_valid)
    # Counted from the end: test has the first places, valid the next.
    places = _places(ratings, times, from_end=True)
    in_test, valid = _first_places(ratings, places, n_test, n_valid)
    return _split(ratings, ~valid & ~in_test, valid, said, in_test if test else None)


def time_cut(
    ratings: Ratings,
    valid_fraction: float = 0.2,
    test_fraction: float = 0.0,
    *,
    at: Moment | None = None,
    test_at: Moment | None = None,
) -> Split:
    """One moment for all: ratings before it train, those from it on validate.

    The only split here that never leaks time. Many users and items of valid may be new to train.

    Args:
        ratings: what to divide; they need times.
        valid_fraction: share of the latest ratings in valid, if ``at`` is not given. Ratings of
            one second stay together, so the share is met only about.
        test_fraction: share of the very latest in test, if ``test_at`` is not given; 0: no test.
        at: where valid begins: seconds since 1970, or a date such as ``"2015-03-09"`` (UTC).
        test_at: where test begins, in the same forms.

    Raises:
        DataError: the ratings have no times, or all ratings lie on one side of a cut.
        ConfigError: a fraction is out of its range, a date cannot be read, or test begins before
            valid.
    """
    arguments.ratings("ratings", ratings)
    times = _times(ratings, "time_cut")
    _check_fractions(valid_fraction, test_fraction)
    if not len(ratings):
        raise DataError("there are no ratings to divide")
    cut_test = None if test_at is None else seconds_of(test_at)
    if cut_test is None and test_fraction:
        cut_test = _cut(times, test_fraction)
    cut = None if at is None else seconds_of(at)
    if cut is None:
        cut = _cut(times, valid_fraction + (test_fraction if cut_test is not None else 0.0))
    if cut_test is not None and cut_test <= cut:
        raise ConfigError(f"test begins at {written(cut_test)}, not after valid at {written(cut)}")
    train, rest = times < cut, times >= cut
    test = None if cut_test is None else times >= cut_test
    valid = rest if test is None else rest & ~test
    if not train.any() or not valid.any() or (test is not None and not test.any()):
        raise DataError(
            f"the cut at {written(cut)} leaves a part empty: times go from "
            f"{written(times.min())} to {written(times.max())}; choose another moment"
        )
    said = f"time cut, valid from {written(cut)} on"
    said += "" if cut_test is None else f", test from {written(cut_test)} on"
    return _split(ratings, train, valid, said, test)


def _split(
    ratings: Ratings, train: Mask, valid: Mask, said: str, test: Mask | None = None
) -> Split:
    def part(name: str, rows: Mask) -> Ratings:
        return replace(ratings.take(rows), part=f"{name} of {said}")

    return Split(
        train=part("train", train),
        valid=part("valid", valid),
        test=None if test is None else part("test", test),
        description=said,
    )


def _places(ratings: Ratings, key: Float64s | Int64s, from_end: bool = False) -> Int64s:
    # The place of each rating among its user's, ordered by key, of equal keys by row.
    order = np.lexsort((key, ratings.users))  # stable
    start = np.concatenate([[0], np.cumsum(ratings.user_counts)])
    places = np.empty(len(key), np.int64)
    places[order] = np.arange(len(key)) - start[ratings.users[order]]
    return ratings.user_counts[ratings.users] - 1 - places if from_end else places


def _first_places(
    ratings: Ratings, places: Int64s, first: Int64s, second: Int64s
) -> tuple[Mask, Mask]:
    # The ratings in the first places of each user, and those in the next.
    end = first[ratings.users]
    in_first: Mask = places < end
    in_second: Mask = (places < end + second[ratings.users]) & ~in_first
    return in_first, in_second


def _without(counts: Int64s, n_valid: Int64s) -> str:
    left = int(np.count_nonzero((counts > 0) & (n_valid == 0)))
    return f"; users with too few ratings to have any in valid: {left:,}" if left else ""


def _times(ratings: Ratings, name: str) -> Int64s:
    if ratings.times is None:
        raise DataError(
            f"split.{name} needs times, and these ratings have none: read them with their time "
            "column, or use split.random or split.per_user"
        )
    return ratings.times


def _cut(times: Int64s, fraction: float) -> int:
    place = min(int(np.ceil((1 - fraction) * len(times))), len(times) - 1)
    return int(np.partition(times, place)[place])


def _check_fractions(valid: float, test: float) -> None:
    _check_fraction("valid_fraction", valid)
    arguments.number("test_fraction", test, least=0, below=1)
    if valid + test >= 1:
        raise ConfigError(
            f"test_fraction={test}: must be at least 0, and below 1 together with "
            f"valid_fraction={valid}"
        )


def _check_fraction(name: str, value: float) -> None:
    arguments.number(name, value, above=0, below=1)
