"""Expected ratings behind cut-points, against sums over the values."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from tastemap.errors import DataError
from tastemap.models.thresholds import Thresholds, normal_cdf

CDF = np.vectorize(NormalDist().cdf)
LINK = Thresholds(
    values=np.array([1, 2, 2.5, 4]),
    begins=np.array([100]),
    cuts=np.array([[1.2, 2.4, 2.4], [1.0, 2.1, 3.3]]),
    noise=0.7,
    spread=0.9,
)


def chances(latent: np.ndarray, era: int, deviation: float) -> np.ndarray:
    below = CDF((LINK.cuts[era] - latent[:, None]) / deviation)
    ends = np.concatenate([np.zeros((len(latent), 1)), below, np.ones((len(latent), 1))], axis=1)
    return np.diff(ends, axis=1)


def test_expectations_and_moments_are_sums_over_values() -> None:
    latent = np.linspace(-3, 8, 50).astype(np.float32)
    for era, time in ((0, 99), (1, 100)):
        times = np.full(50, time)
        expected = chances(latent, era, 0.9) @ LINK.values
        np.testing.assert_allclose(LINK.expected(latent, times), expected, atol=2e-5)
        mean, variance = LINK.moments(np.stack([latent, latent]), times)
        own = chances(latent, era, 0.7)
        np.testing.assert_allclose(mean[1], own @ LINK.values, atol=2e-5)
        np.testing.assert_allclose(mean[1], LINK.expected_if_known(latent)[era], atol=2e-5)
        squares = own @ LINK.values**2 - (own @ LINK.values) ** 2
        np.testing.assert_allclose(variance[0], squares, atol=1e-4)
    # Without a time in the last era.
    np.testing.assert_array_equal(LINK.expected(latent), LINK.expected(latent, np.full(50, 500)))
    above, below = (
        LINK.expected(latent + np.float32(0.01)),
        LINK.expected(latent - np.float32(0.01)),
    )
    np.testing.assert_allclose(LINK.slope(latent), (above - below) / 0.02, atol=2e-3)


def test_far_out_the_ends_of_the_scale_are_expected() -> None:
    assert LINK.expected(np.float32([-1e6, 1e6])).tolist() == pytest.approx([1, 4], abs=1e-6)


def test_a_table_of_the_normal_distribution_is_good_for_seven_digits() -> None:
    x = np.random.default_rng(0).uniform(-9, 9, 1000)
    np.testing.assert_allclose(normal_cdf(x), CDF(x), atol=2e-7)


def test_what_lies_behind_a_rating_is_the_mean_of_a_cut_normal_distribution() -> None:
    grid = np.linspace(-9, 15, 200_001)
    for era, values in ((0, [1, 2, 4]), (1, [1, 2, 2.5, 4])):
        cuts = np.concatenate([[-np.inf], LINK.cuts[era], [np.inf]])
        for latent in (-1.0, 1.5, 2.2, 6.0):
            times = np.full(len(values), 100 * era)
            means = np.full((2, len(values)), latent)
            mean, variance = LINK.behind(np.array(values), means, times)
            for value, found, spread in zip(values, mean[1], variance[1], strict=True):
                step = LINK.values.tolist().index(value)
                inside = (grid > cuts[step]) & (grid < cuts[step + 1])
                density = np.exp(-(((grid - latent) / LINK.noise) ** 2) / 2) * inside
                if density.sum() * (grid[1] - grid[0]) < 1e-5:
                    continue  # the test below
                density /= density.sum()
                assert found == pytest.approx(density @ grid, abs=2e-3)
                assert spread == pytest.approx(density @ (grid - found) ** 2, abs=5e-3)


def test_a_step_that_was_not_on_offer_or_is_far_away_is_its_nearest_cut_point() -> None:
    mean, variance = LINK.behind(np.array([2.5]), np.array([3.0]), np.array([0]))
    assert (mean[0], variance[0]) == (pytest.approx(2.4), 0)
    mean, variance = LINK.behind(np.array([1, 4]), np.array([50.0, -50.0]))
    np.testing.assert_allclose(mean, [1.0, 3.3])
    np.testing.assert_array_equal(variance, 0)


def test_a_rating_that_is_no_step_is_refused() -> None:
    with pytest.raises(DataError, match=r"rating 3 is not one of .*: 1, 2, 2.5, 4"):
        LINK.behind(np.array([1, 3]), np.zeros(2))
