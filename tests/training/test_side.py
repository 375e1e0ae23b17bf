"""Side information of who rated what: coefficients with the moments of the book, and some use."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.synthetic import synthetic_ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.metrics.rating import mse
from tastemap.training import hyperpriors, kernels_passes, side
from tastemap.training.gibbs import GibbsSettings, fit_gibbs
from tastemap.training.hyperpriors import draw_coefficient_precision
from tastemap.training.rows import group_both
from tastemap.training.schedule import Workers
from tastemap.training.side import RatedFeatures


@pytest.fixture(scope="module")
def small() -> Ratings:
    """A few ratings, with users and items that have none."""
    ratings = synthetic_ratings(12, 9, 50, seed=3).ratings
    return ratings.take((ratings.items != 4) & (ratings.users != 5))


def features_of(ratings: Ratings, width: int) -> tuple[RatedFeatures, np.ndarray]:
    """The users' features, and their values as a matrix, users by items."""
    with Workers(1) as workers:
        by_user, by_item = group_both(ratings, ratings.mean, width - 1, workers)
    design = np.zeros((ratings.n_users, ratings.n_items))
    design[ratings.users, ratings.items] = 1 / np.sqrt(ratings.user_counts[ratings.users])
    return RatedFeatures.of(by_user, by_item, width), design


@pytest.mark.parametrize("width", [2, 3, kernels_passes.GROUP, kernels_passes.GROUP + 1])
def test_what_features_explain_is_the_sum_of_their_coefficients(small: Ratings, width: int) -> None:
    features, design = features_of(small, width)
    chance = np.random.default_rng(0)
    for _ in range(50):
        x = chance.standard_normal((small.n_users, width)).astype(np.float32)
        draw = features.begin(x, np.eye(width) * 3, 1.0, chance)
        for group in range(len(draw.rest)):
            draw.work(group)
        draw.finish()
    expected = design @ features.coefficients
    np.testing.assert_allclose(features.explained, expected, atol=1e-5)
    assert np.all(features.coefficients[4] == 0)  # nobody rated it
    assert np.all(features.explained[5] == 0)  # rated nothing
    assert np.abs(features.coefficients).sum() > 0


def test_coefficients_have_the_moments_of_the_book(
    small: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = np.array([[9.0, 2.0], [2.0, 6.0]])
    monkeypatch.setattr(side, "draw_coefficient_precision", lambda *_: own)
    precision = np.array([[3.0, -1.0], [-1.0, 2.0]])
    features, design = features_of(small, 2)
    chance = np.random.default_rng(1)
    x = chance.standard_normal((small.n_users, 2)).astype(np.float32)
    x[small.user_counts == 0] = 0
    draws = []
    for _ in range(8000):
        draw = features.begin(x, precision, 1.0, chance)
        draw.work(0)
        draw.finish()
        draws.append(features.coefficients[features.used].ravel())
    # All coefficients at once: of the rows stacked, x = (F ⊗ 1) y + e.
    design = np.kron(design[:, features.used], np.eye(2))
    noise = np.kron(np.eye(small.n_users), precision)
    inverse = np.linalg.inv(design.T @ noise @ design + np.kron(np.eye(features.used.sum()), own))
    mean = inverse @ design.T @ noise @ x.ravel()
    np.testing.assert_allclose(np.mean(draws, axis=0), mean, atol=0.025)
    np.testing.assert_allclose(np.cov(np.array(draws).T), inverse, atol=0.015)


def test_precision_of_coefficients_has_the_mean_of_the_book() -> None:
    chance = np.random.default_rng(0)
    x = chance.multivariate_normal([0, 0], [[0.5, 0.2], [0.2, 0.3]], 3000).astype(np.float32)
    found = np.mean([draw_coefficient_precision(x, 2.0, chance) for _ in range(400)], axis=0)
    degrees = hyperpriors.COEFFICIENT_ROWS + 2
    variance = hyperpriors.PRIOR_VARIANCE * hyperpriors.COEFFICIENT_VARIANCE
    inverse = x.T.astype(np.float64) @ x + degrees * variance * np.diag([2.0, 4.0])
    np.testing.assert_allclose(found, (degrees + 3000) * np.linalg.inv(inverse), rtol=0.01)


def test_who_rated_an_item_tells_what_it_is() -> None:
    chance = np.random.default_rng(0)
    n_users, n_items, n = 200, 600, 3000
    kind, good = np.arange(n_users) % 2, np.arange(n_items) % 2
    # Items are rated four times as often by users of their kind; those of kind 1 are better.
    users = chance.integers(0, n_users, 8 * n)
    items = chance.integers(0, n_items, 8 * n)
    chosen = (kind[users] == good[items]) | (chance.random(8 * n) < 0.25)
    pairs = np.unique(np.column_stack([users, items])[chosen], axis=0)
    pairs = chance.permutation(pairs)[:n].astype(np.int32)
    values = 2.5 + good[pairs[:, 1]] + 0.7 * chance.standard_normal(n)
    user_ids = Vocabulary([str(one) for one in range(n_users)], "user")
    item_ids = Vocabulary([str(one) for one in range(n_items)], "item")
    ratings = Ratings(
        users=pairs[:, 0], items=pairs[:, 1], values=values.astype(np.float32),
        user_ids=user_ids, item_ids=item_ids, catalog=Catalog(item_ids),
    )  # fmt: skip
    train, valid = ratings.take(np.arange(n) % 4 > 0), ratings.take(np.arange(n) % 4 == 0)
    errors = []
    for raters in (False, True):
        settings = GibbsSettings(factors=2, sweeps=160, draws=16, raters=raters)
        model, _ = fit_gibbs(train, settings=settings)
        predicted = model.predict_pairs(valid.users, valid.items)
        errors.append(mse(2.5 + good[valid.items], predicted))
    assert errors[1] < 0.85 * errors[0]
