"""Drawing users anew, against the mathematics of it."""

from __future__ import annotations

import numpy as np
import pytest

from tastemap.evaluation import bootstrap


def test_means_are_of_drawn_users_the_same_for_every_model() -> None:
    random = np.random.default_rng(0)
    sums = random.normal(size=(2, 40))
    counts = random.integers(1, 5, (2, 40)).astype(float)
    twice = bootstrap.resampled_means(np.vstack([sums, sums]), np.vstack([counts, counts]))
    assert twice.shape == (bootstrap.RESAMPLES, 4)
    np.testing.assert_allclose(twice[:, :2], twice[:, 2:])
    assert len(np.unique(twice[:, 0])) > 1900


def test_the_spread_is_that_of_the_mean() -> None:
    values = np.random.default_rng(1).normal(size=(1, 300))
    means = bootstrap.resampled_means(values, np.ones_like(values))
    assert means.std() == pytest.approx(values.std() / np.sqrt(300), rel=0.06)
    assert means.mean() == pytest.approx(values.mean(), abs=0.01)


def test_users_without_a_part_in_it_do_not_count() -> None:
    sums, counts = np.array([[1.0, 2, 3, 0]]), np.array([[1.0, 1, 1, 0]])
    without = bootstrap.resampled_means(sums[:, :3], counts[:, :3], seed=4)
    np.testing.assert_array_equal(bootstrap.resampled_means(sums, counts, seed=4), without)


def test_draws_in_blocks_are_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(1).normal(size=(1, 30))
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 70)
    means = bootstrap.resampled_means(sums, np.ones_like(sums), resamples=101)
    assert means.shape == (101, 1)
    assert means.std() == pytest.approx(sums.std() / np.sqrt(30), rel=0.2)


def test_intervals_of_no_difference_miss_it_one_time_in_twenty() -> None:
    random = np.random.default_rng(2)
    missed = small = 0
    for seed in range(300):
        values = random.normal(size=(2, 80))
        means = bootstrap.resampled_means(values, np.ones_like(values), resamples=400, seed=seed)
        apart = means[:, 0] - means[:, 1]
        low, high = bootstrap.interval(apart)
        missed += not low <= 0 <= high
        small += bootstrap.p_value(apart) < 0.05
    assert 5 <= missed <= 32
    assert 3 <= small <= 32


def test_p_values_are_two_sided_and_never_none() -> None:
    assert bootstrap.p_value(np.ones(99)) == pytest.approx(0.02)
    assert bootstrap.p_value(-np.ones(99)) == pytest.approx(0.02)
    assert bootstrap.p_value(np.array([-1.0, 1.0] * 50)) == 1
    assert bootstrap.p_value(np.zeros(10)) == 1


def test_holm_raises_p_values_by_hand() -> None:
    # Smallest times 4, next times 3, ... and never below one before it; 1 at the most.
    found = bootstrap.holm([0.01, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(found, [0.04, 0.09, 0.09, 0.5])
    assert bootstrap.holm([]) == []
    assert bootstrap.holm([0.9, 0.8]) == [1.0, 1.0]
