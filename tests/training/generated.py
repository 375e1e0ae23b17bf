"""Generated ratings with taste in them, small enough to train on in a moment."""

from __future__ import annotations

import numpy as np

from tastemap.data.ratings import Ratings
from tests.conftest import make_ratings


def ratings_with_taste(n_users: int = 30, n_items: int = 40, n_ratings: int = 600) -> Ratings:
    """Ratings of known biases and factors, with noise, rounded to half stars from 0.5 to 5."""
    chance = np.random.default_rng(11)
    pairs = chance.permutation(n_users * n_items)[:n_ratings]
    users, items = pairs // n_items, pairs % n_items
    taste, kind = chance.normal(0, 0.7, (n_users, 3)), chance.normal(0, 0.7, (n_items, 3))
    bias = chance.normal(0, 0.5, n_users)[users] + chance.normal(0, 0.5, n_items)[items]
    exact = 3.3 + bias + np.sum(taste[users] * kind[items], axis=1)
    values = np.clip(np.round(2 * (exact + chance.normal(0, 0.3, n_ratings))) / 2, 0.5, 5)
    return make_ratings(
        [(int(u), int(i), float(r)) for u, i, r in zip(users, items, values, strict=True)]
    )
