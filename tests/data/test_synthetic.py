"""Ratings from a known model have the properties the model says."""

from __future__ import annotations

import numpy as np
import pytest

from tastemap.data.synthetic import (
    SIZES,
    SyntheticModel,
    SyntheticRatings,
    synthetic_ratings,
)
from tastemap.errors import ConfigError


@pytest.fixture(scope="module")
def made() -> SyntheticRatings:
    return synthetic_ratings(2000, 1000, 100_000, seed=3)


def test_as_many_distinct_pairs_as_asked(made: SyntheticRatings) -> None:
    ratings = made.ratings
    assert (len(ratings), ratings.n_users, ratings.n_items) == (100_000, 2000, 1000)
    pairs = ratings.users.astype(np.int64) * 1000 + ratings.items
    assert np.all(np.diff(pairs) > 0)


def test_ratings_are_half_stars_within_the_scale(made: SyntheticRatings) -> None:
    assert sorted(set(made.ratings.values.tolist())) == [n / 2 for n in range(1, 11)]


def test_the_floor_is_noise_and_rounding(made: SyntheticRatings) -> None:
    # Rounding to halves adds a variance of 0.5² / 12; the ends of the scale take some away.
    assert 0.92 * 0.85 < made.floor < np.sqrt(0.85**2 + 0.25 / 12)


def test_no_shift_or_stretch_of_the_expected_ratings_is_nearer(made: SyntheticRatings) -> None:
    apart = made.ratings.values - made.expected.astype(np.float64)
    assert abs(apart.mean()) < 4 * made.floor / np.sqrt(len(apart))
    slope = np.polyfit(made.expected.astype(np.float64), made.ratings.values, 1)[0]
    assert slope == pytest.approx(1, abs=0.02)
    # Near the upper end as well, where what is drawn above it is cut off.
    high = made.expected > 4.5
    assert abs(apart[high].mean()) < 4 * made.floor / np.sqrt(high.sum())


def test_ratings_vary_as_the_model_says() -> None:
    model = SyntheticModel(scale=(-8, 12))
    made = synthetic_ratings(2000, 1000, 100_000, model=model)
    taste = 0.4**2 + 0.4**2 + 0.4**2
    assert float(np.var(made.expected)) == pytest.approx(taste, rel=0.1)
    assert float(made.expected.mean()) == pytest.approx(3.5, abs=0.1)
    assert made.floor == pytest.approx(np.sqrt(0.85**2 + 0.25 / 12), rel=0.02)


def test_without_noise_everything_is_known() -> None:
    made = synthetic_ratings(50, 40, 500, model=SyntheticModel(noise_deviation=0))
    assert made.floor < 0.05


def test_popularity_follows_a_power_law(made: SyntheticRatings) -> None:
    counts = np.sort(made.ratings.item_counts)[::-1]
    # (30 / 330) ** 0.9 is 0.12; distinct pairs flatten the top.
    assert 0.08 < counts[300] / counts[:5].mean() < 0.25


def test_the_same_seed_gives_the_same_ratings(made: SyntheticRatings) -> None:
    again = synthetic_ratings(2000, 1000, 100_000, seed=3).ratings
    other = synthetic_ratings(2000, 1000, 100_000, seed=4).ratings
    assert again.fingerprint == made.ratings.fingerprint != other.fingerprint


def test_half_of_all_pairs_can_be_drawn() -> None:
    assert len(synthetic_ratings(20, 10, 100).ratings) == 100


@pytest.mark.parametrize("numbers", [(0, 5, 5), (5, 5, 0), (10, 10, 51)])
def test_impossible_numbers_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError):
        synthetic_ratings(*numbers)


def test_known_sizes_can_be_drawn() -> None:
    for n_users, n_items, n_ratings in SIZES.values():
        assert n_ratings < n_users * n_items / 20
