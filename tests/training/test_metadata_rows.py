"""Metadata as side information: coefficients with the moments of the book, and some use."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("numba")

import tastemap as tm
from tastemap.data.catalog import Catalog
from tastemap.data.features import features
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ConfigError
from tastemap.metrics.rating import mse
from tastemap.training import metadata_rows
from tastemap.training.metadata_rows import MetadataFeatures

N = 40


def catalog(n: int = N) -> Catalog:
    kinds = ["a", "b", "c", "b|c"]
    table = pa.table({"kind": [kinds[one % 4] for one in range(n)], "year": list(range(n))})
    return Catalog(Vocabulary(list(range(n)), "item"), table)


def dense(found: object) -> np.ndarray:
    values = np.zeros((len(found), len(found.names)))
    values[np.repeat(np.arange(len(found)), np.diff(found.start)), found.columns] = found.values
    return values


def test_coefficients_have_the_moments_of_the_book(monkeypatch: pytest.MonkeyPatch) -> None:
    own = np.array([[9.0, 2.0], [2.0, 6.0]])
    monkeypatch.setattr(metadata_rows, "draw_metadata_precision", lambda *_: own)
    precision = np.array([[3.0, -1.0], [-1.0, 2.0]])
    found = features(catalog())
    rated = np.arange(N) % 5 > 0
    block = MetadataFeatures.of(found, rated, 2)
    chance = np.random.default_rng(0)
    x = chance.standard_normal((N, 2)).astype(np.float32)
    draws = []
    for _ in range(4000):
        block.draw(x, precision, 1.0, chance)
        draws.append(block.explained.ravel().copy())
    # All coefficients at once, from the rows with ratings: x = (F ⊗ 1) y + e.
    design = dense(found)
    known = np.kron(design[rated], np.eye(2))
    noise = np.kron(np.eye(int(rated.sum())), precision)
    inverse = np.linalg.inv(known.T @ noise @ known + np.kron(np.eye(design.shape[1]), own))
    mean = inverse @ known.T @ noise @ x[rated].ravel()
    whole = np.kron(design, np.eye(2))
    np.testing.assert_allclose(np.mean(draws, axis=0), whole @ mean, atol=0.05)
    variance = np.einsum("nk,kl,nl->n", whole, inverse, whole)
    np.testing.assert_allclose(np.var(draws, axis=0), variance, rtol=0.2)


def ratings_of_kinds(seed: int = 0) -> tuple[Ratings, np.ndarray]:
    """Few ratings an item, whose quality is that of its kind; and the true means."""
    chance = np.random.default_rng(seed)
    n_users, n_items = 100, 600
    items = catalog(n_items)
    good = np.array([0.0, 1.0, 2.0, 1.5])[np.arange(n_items) % 4]
    pairs = chance.choice(n_users * n_items, 3000, replace=False)
    users, codes = pairs // n_items, pairs % n_items
    values = 2 + good[codes] + 0.8 * chance.standard_normal(3000)
    ratings = Ratings(
        users=users.astype(np.int32), items=codes.astype(np.int32),
        values=values.astype(np.float32), user_ids=Vocabulary(list(range(n_users)), "user"),
        item_ids=items.ids, catalog=items,
    )  # fmt: skip
    return ratings, 2 + good[codes]


def test_metadata_tell_what_items_are_like() -> None:
    ratings, expected = ratings_of_kinds()
    train = np.arange(3000) % 3 > 0
    quick = {"factors": 2, "sweeps": 100, "burn_in": 40, "draws": 20, "calibration": 0}
    errors = []
    for wanted in (False, ("kind",), True):
        fitted = tm.BayesianMF(item_features=wanted, **quick).fit(ratings.take(train))
        test = ratings.take(~train)
        errors.append(mse(expected[~train], fitted.model.predict_pairs(test.users, test.items)))
    assert errors[1] < 0.6 * errors[0]
    assert errors[2] < 0.6 * errors[0]


def test_metadata_that_are_not_there() -> None:
    ratings, _ = ratings_of_kinds()
    quick = {"factors": 2, "sweeps": 12, "burn_in": 4, "draws": 4, "calibration": 0}
    with pytest.raises(ConfigError, match="no column 'colour'"):
        tm.BayesianMF(item_features=("colour",), **quick).fit(ratings)
    with pytest.raises(ConfigError, match="nothing is known of the users but ids"):
        tm.BayesianMF(user_features=("age",), **quick).fit(ratings)
    with pytest.raises(ConfigError, match="True, False or a tuple of columns, got 'kind'"):
        tm.BayesianMF(item_features="kind", **quick)
    with_true = tm.BayesianMF(user_features=True, **quick).fit(ratings)
    without = tm.BayesianMF(**quick).fit(ratings)
    np.testing.assert_array_equal(with_true.model.user_draws, without.model.user_draws)
