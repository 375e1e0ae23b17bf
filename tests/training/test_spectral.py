"""The start of ALS: the main directions of what biases leave of the ratings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastemap.data.ratings import Ratings
from tastemap.data.synthetic import SyntheticModel, synthetic_ratings
from tastemap.training.rows import group_both
from tastemap.training.schedule import Workers
from tastemap.training.spectral import DAMPING, spectral_items

MODEL = SyntheticModel(rank=2, taste_deviation=0.8, noise_deviation=0.5)


def start(ratings: Ratings, factors: int, threads: int | None = None) -> NDArray[np.float32]:
    with Workers(threads) as workers:
        users, items = group_both(ratings, ratings.mean, factors, workers)
        return spectral_items(users, items, factors, 0, workers)


def test_it_finds_the_singular_vectors_of_the_scaled_residuals() -> None:
    ratings = synthetic_ratings(200, 80, 6000, model=MODEL, seed=1).ratings
    found = start(ratings, 2)
    apart = ratings.values - ratings.mean
    n_users, n_items = ratings.user_counts + DAMPING, ratings.item_counts + DAMPING
    own = np.bincount(ratings.users, apart, ratings.n_users) / n_users
    theirs = np.bincount(ratings.items, apart - own[ratings.users], ratings.n_items) / n_items
    np.testing.assert_allclose(found[:, -1], theirs, atol=1e-4)
    matrix = np.zeros((ratings.n_users, ratings.n_items))
    matrix[ratings.users, ratings.items] = apart - own[ratings.users] - theirs[ratings.items]
    matrix /= np.sqrt(n_users)[:, None] * np.sqrt(n_items)
    _, values, vectors = np.linalg.svd(matrix)
    expected = vectors[:2].T / np.sqrt(n_items)[:, None] * np.sqrt(len(ratings) * values[:2])
    expected *= np.sign((expected * found[:, :2]).sum(axis=0))
    np.testing.assert_allclose(found[:, :2], expected, atol=0.05 * np.abs(expected).max())
    # Of the size of the components' deviations, 0.72 and 0.36, and apart from the noise.
    assert 0.7 > values[0] > values[1] > 1.2 * values[2] > 0


def test_more_factors_than_directions_are_zero() -> None:
    ratings = synthetic_ratings(30, 4, 50, seed=1).ratings
    found = start(ratings, 6)
    assert np.all(np.isfinite(found))
    assert np.any(found[:, 0])
    assert not found[:, 4:6].any()


def test_the_number_of_threads_changes_no_bit() -> None:
    ratings = synthetic_ratings(3000, 2000, 200_000, seed=1).ratings
    assert start(ratings, 16, 1).tobytes() == start(ratings, 16, 2).tobytes()
