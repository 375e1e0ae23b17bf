"""Predictions from draws, and the few factors that stand for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemap.arrays import Factors
from tastemap.models.distil import distil
from tastemap.models.posterior import PosteriorModel


def make_draws(
    n_draws: int = 5, n_users: int = 7, n_items: int = 9, k: int = 3, seed: int = 0
) -> tuple[Factors, Factors]:
    chance = np.random.default_rng(seed)
    users = chance.standard_normal((n_draws, n_users, k + 1)).astype(np.float32)
    items = chance.standard_normal((n_draws, n_items, k + 1)).astype(np.float32)
    return users, items


def make_model(**sizes: int) -> PosteriorModel:
    users, items = make_draws(**sizes)
    counts = np.arange(users.shape[1]), np.arange(items.shape[1])
    noise = np.linspace(0.5, 0.7, len(users))
    return PosteriorModel.of(distil(users, items, 3.5, *counts), users, items, 3.5, noise)


def whole(users: Factors, items: Factors, mean: float) -> np.ndarray:
    """The prediction of every draw for every pair, shape (draws, users, items), in float64."""
    users, items = users.astype(np.float64), items.astype(np.float64)
    dots = np.einsum("suk,sik->sui", users[:, :, :-1], items[:, :, :-1])
    return np.asarray(mean + dots + users[:, :, None, -1] + items[:, None, :, -1])


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 6), st.integers(1, 8), st.integers(1, 8), st.integers(1, 4), st.integers(0, 99)
)
def test_all_factors_distilled_are_the_mean_of_the_draws(
    n_draws: int, n_users: int, n_items: int, k: int, seed: int
) -> None:
    users, items = make_draws(n_draws, n_users, n_items, k, seed)
    model = distil(users, items, 3.5, np.arange(n_users), np.arange(n_items), kept=1)
    found = model.predict_users(np.arange(n_users, dtype=np.int32))
    np.testing.assert_allclose(found, whole(users, items, 3.5).mean(axis=0), atol=3e-3)
    assert model.user_factors.shape[1] <= n_draws * k


def test_what_distilling_loses_is_what_it_may_lose() -> None:
    users, items = make_draws(8, 40, 50, 4)
    counts = np.arange(40) ** 2, np.arange(50) ** 2
    exact = whole(users, items, 0).mean(axis=0)
    pairs = np.outer(counts[0] + 1.0, counts[1] + 1.0)
    pairs /= pairs.sum()
    variance = float(np.sum(pairs * np.square(exact - np.sum(pairs * exact))))
    ranks = []
    for kept in (0.5, 0.9, 0.99, 0.999):
        model = distil(users, items, 0, *counts, kept=kept)
        found = model.predict_users(np.arange(40, dtype=np.int32))
        lost = float(np.sum(pairs * np.square(found - exact)))
        assert lost <= (1 - kept) * variance * 1.2 + 1e-6
        ranks.append(model.user_factors.shape[1])
    assert ranks == sorted(ranks)
    assert ranks[0] < ranks[-1] <= 32


def test_equal_draws_need_as_many_factors_as_one() -> None:
    users, items = make_draws(1, 20, 30, 3)
    model = distil(
        np.repeat(users, 6, axis=0), np.repeat(items, 6, axis=0), 3, np.ones(20), np.ones(30),
        kept=1 - 1e-5,
    )  # fmt: skip
    assert model.user_factors.shape[1] == 3
    found = model.predict_users(np.arange(20, dtype=np.int32))
    np.testing.assert_allclose(found, whole(users, items, 3)[0], atol=1e-3)


def test_factors_that_are_all_zero_are_no_trouble() -> None:
    model = distil(
        np.zeros((2, 3, 2), np.float32), np.zeros((2, 4, 2), np.float32), 3, np.ones(3), np.ones(4)
    )
    np.testing.assert_array_equal(model.predict_users(np.arange(3, dtype=np.int32)), 3)


def test_pairs_have_mean_and_deviation_of_their_draws() -> None:
    model = make_model()
    users, items = np.array([0, 3, 6], np.int32), np.array([8, 0, 2], np.int32)
    draws = whole(model.user_draws, model.item_draws, 3.5)[:, users, items]
    np.testing.assert_allclose(model.predict_draws(users, items), draws, rtol=1e-5, atol=1e-5)
    found = model.posterior_pairs(users, items)
    np.testing.assert_array_equal(found.mean, model.predict_pairs(users, items))
    np.testing.assert_allclose(found.deviation, draws.std(axis=0, ddof=1), rtol=1e-4)
    expected = np.sqrt(draws.var(axis=0, ddof=1) + 0.6)
    np.testing.assert_allclose(found.rating_deviation, expected, rtol=1e-4)


def test_one_draw_is_sure_of_itself() -> None:
    model = make_model(n_draws=1)
    one = np.array([2], np.int32)
    found = model.posterior_pairs(one, one)
    assert found.deviation[0] == 0
    assert found.rating_deviation[0] == pytest.approx(np.sqrt(0.5))


def test_bias_deviation_is_that_of_the_average_user() -> None:
    model = make_model()
    draws = whole(model.user_draws, model.item_draws, 0).mean(axis=1)
    draws -= model.user_draws[:, :, -1].mean(axis=1, dtype=np.float64)[:, None]
    np.testing.assert_allclose(model.item_bias_deviation(), draws.std(axis=0, ddof=1), rtol=1e-4)


def test_pairs_and_users_are_predicted_alike() -> None:
    model = make_model()
    users = np.arange(7, dtype=np.int32)
    whole_users = model.predict_users(users)
    assert whole_users.shape == (7, 9)
    assert whole_users.dtype == np.float32
    pairs = model.predict_pairs(np.repeat(users, 9), np.tile(np.arange(9, dtype=np.int32), 7))
    np.testing.assert_allclose(pairs, whole_users.ravel(), rtol=1e-5)
    vectors = model.item_vectors()
    assert vectors is not None
    assert len(vectors) == model.n_items == 9
    assert (model.n_users, model.n_draws) == (7, 5)


def test_parameters_are_the_whole_state() -> None:
    model = make_model()
    again = PosteriorModel.from_parameters(model.parameters())
    for name, array in model.parameters().items():
        np.testing.assert_array_equal(array, again.parameters()[name])
    assert not again.user_draws.flags.writeable
