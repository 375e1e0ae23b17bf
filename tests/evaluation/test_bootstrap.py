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


@pytest.mark.parametrize("users", [2, 3, 5, 10, 80])
def test_intervals_of_no_difference_miss_it_one_time_in_twenty(users: int) -> None:
    # Quantiles of the draws missed it in half of all cases with 2 users, in a fifth with 5.
    random = np.random.default_rng(2)
    missed = 0
    for seed in range(400):
        values = random.normal(size=(2, users))
        means = bootstrap.resampled_means(values, np.ones_like(values), resamples=400, seed=seed)
        apart = values[0].mean() - values[1].mean()
        low, high, p = bootstrap.evidence(apart, means[:, 0] - means[:, 1], users)
        assert low < apart < high
        missed += not low <= 0 <= high
        assert (p < 0.05) == (not low <= 0 <= high)
    assert 8 <= missed <= 34


def test_evidence_is_that_of_a_t_test() -> None:
    from scipy.stats import ttest_rel

    values = np.random.default_rng(4).normal([[0.6], [0.0]], size=(2, 12))
    means = bootstrap.resampled_means(values, np.ones_like(values), resamples=20_000)
    apart = float(values[0].mean() - values[1].mean())
    low, high, p = bootstrap.evidence(apart, means[:, 0] - means[:, 1], 12)
    test = ttest_rel(values[0], values[1])
    assert p == pytest.approx(test.pvalue, rel=0.1)
    ends = test.confidence_interval(0.95)
    np.testing.assert_allclose([low, high], [ends.low, ends.high], atol=0.03)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 10, 670, 6039])
def test_students_t_is_that_of_scipy(freedom: int) -> None:
    from scipy.stats import t

    for value in (0.0, 0.1, 1.0, 2.5, 7.0, 20.0):
        expected = 2 * t.sf(value, freedom)
        assert bootstrap._t_beyond(freedom, value) == pytest.approx(expected, rel=1e-6)
    assert bootstrap._t_reach(freedom, 0.95) == pytest.approx(t.ppf(0.975, freedom), rel=1e-6)


def test_no_difference_is_no_evidence_and_one_user_tells_nothing() -> None:
    assert bootstrap.evidence(0.0, np.zeros(10), 20) == (0.0, 0.0, 1.0)
    assert bootstrap.evidence(0.5, np.full(10, 0.5), 20) == (0.5, 0.5, 0.0)
    low, high, p = bootstrap.evidence(0.5, np.full(10, 0.5), 1)
    assert np.isnan([low, high]).all()
    assert p == 1


def test_holm_raises_p_values_by_hand() -> None:
    # Smallest times 4, next times 3, ... and never below one before it; 1 at the most.
    found = bootstrap.holm([0.01, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(found, [0.04, 0.09, 0.09, 0.5])
    assert bootstrap.holm([]) == []
    assert bootstrap.holm([0.9, 0.8]) == [1.0, 1.0]
