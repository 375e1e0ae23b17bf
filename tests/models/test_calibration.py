"""Intervals hold the share they say, whatever the model is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemap.errors import ConfigError
from tastemap.models.calibration import LEVELS, Calibration, _quantiles, bins_of
from tastemap.models.posterior import PosteriorModel


def make(n: int = 20_000, seed: int = 0) -> tuple[Calibration, np.ndarray, np.ndarray, np.ndarray]:
    """Scores that are larger for users and items with few ratings, and a calibration on half."""
    chance = np.random.default_rng(seed)
    user_counts, item_counts = np.arange(1, 61), np.arange(1, 91)
    users = chance.choice(60, n, p=user_counts / user_counts.sum()).astype(np.int32)
    items = chance.choice(90, n, p=item_counts / item_counts.sum()).astype(np.int32)
    wide = 1 + 2 / user_counts[users] ** 0.5 + (items < 40)
    scores = np.abs(chance.standard_normal(n) * wide)
    half = n // 2
    made = Calibration.of(user_counts, item_counts, users[:half], items[:half], scores[:half])
    return made, users[half:], items[half:], scores[half:]


@pytest.mark.parametrize("level", [0.5, 0.8, 0.83, 0.95])
def test_each_bin_holds_what_it_says(level: float) -> None:
    made, users, items, scores = make()
    inside = scores <= made.multiplier(users, items, level)
    bins = made.user_bins[users].astype(int) * 3 + made.item_bins[items]
    assert len(np.unique(bins)) == 9
    for one in range(9):
        here = inside[bins == one]
        assert here.mean() == pytest.approx(level, abs=4 * np.sqrt(0.25 / len(here)) + 0.01)


def test_wider_intervals_hold_more() -> None:
    made, users, items, _ = make()
    wide = [made.multiplier(users, items, level) for level in (0.01, 0.1, 0.5, 0.9, 0.999)]
    assert np.all(np.diff(wide, axis=0) >= 0)


def test_few_scores_take_the_quantiles_of_all() -> None:
    counts = np.array([1, 100, 10_000])
    users = np.repeat([0, 1, 2], [5, 500, 500]).astype(np.int32)
    items = np.full(1005, 2, np.int32)
    scores = np.repeat([50.0, 1.0, 2.0], [5, 500, 500])
    made = Calibration.of(counts, counts, users, items, scores)
    assert made.counts.sum() == 1005
    at = LEVELS.index(0.5)
    few = made.counts < 100
    np.testing.assert_array_equal(made.multipliers[few][:, at], np.median(scores))


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_quantiles_are_those_of_split_conformal_prediction(scores: list[float]) -> None:
    found = _quantiles(np.array(scores))
    for level, quantile in zip(LEVELS, found, strict=True):
        # In exact numbers: so many of n + 1 that the next one is within with chance `level`.
        needed = min(int(np.ceil((len(scores) + 1) * round(level * 1000) / 1000)), len(scores))
        assert np.sum(np.array(scores) <= quantile) >= needed


def test_thirds_of_the_ratings_not_of_the_users() -> None:
    counts = np.array([1] * 300 + [10] * 30 + [300])
    bins = bins_of(counts)
    assert [int(counts[bins == one].sum()) for one in range(3)] == [300, 300, 300]
    np.testing.assert_array_equal(bins_of(np.zeros(4, np.int64)), 0)


def posterior(n_users: int = 60, n_items: int = 90) -> PosteriorModel:
    chance = np.random.default_rng(0)
    return PosteriorModel(
        user_bias=np.zeros(n_users, np.float32),
        item_bias=np.zeros(n_items, np.float32),
        user_factors=np.zeros((n_users, 1), np.float32),
        item_factors=np.zeros((n_items, 1), np.float32),
        user_draws=chance.standard_normal((3, n_users, 3)).astype(np.float32),
        item_draws=chance.standard_normal((3, n_items, 3)).astype(np.float32),
        draws_mean=3.0,
        noise_variance=np.ones(3),
    )


def test_intervals_of_a_model_are_deviations_times_multipliers() -> None:
    made, users, items, _ = make()
    plain = posterior()
    low, high = plain.interval_pairs(users[:50], items[:50], 0.8)
    deviation = plain.posterior_pairs(users[:50], items[:50]).rating_deviation
    np.testing.assert_allclose(high - low, 2 * 1.28155 * deviation, rtol=1e-4)
    low, high = replace(plain, calibration=made).interval_pairs(users[:50], items[:50], 0.8)
    expected = 2 * deviation * made.multiplier(users[:50], items[:50], 0.8)
    np.testing.assert_allclose(high - low, expected, rtol=1e-4)
    for level in (0, 1, -0.5, 80):
        with pytest.raises(ConfigError, match="above 0 and below 1"):
            plain.interval_pairs(users[:1], items[:1], level)


def test_calibration_is_kept_with_the_model() -> None:
    made, users, items, _ = make()
    model = replace(posterior(), calibration=made)
    again = PosteriorModel.from_parameters(model.parameters())
    for ours, its in zip(
        model.interval_pairs(users, items, 0.9),
        again.interval_pairs(users, items, 0.9),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, its)
    assert PosteriorModel.from_parameters(posterior().parameters()).calibration is None
    assert all(not array.flags.writeable for array in made.parameters().values())
