"""A model in fewer factors predicts the same."""

from dataclasses import replace

import numpy as np

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.models.compact import compact
from tastemap.models.factors import FactorModel
from tests.models.test_fold_in import make_model


def test_factors_that_say_nothing_are_left_out() -> None:
    chance, small = np.random.default_rng(0), make_model(n_users=300, n_items=5000, k=3)
    # Turned into 12 factors, and rounded: no single one of them is zero.
    turn = np.linalg.qr(chance.normal(size=(12, 12)))[0][:3].astype(np.float32)
    wide = replace(
        small, user_factors=small.user_factors @ turn, item_factors=small.item_factors @ turn
    )
    found = compact(wide)
    assert isinstance(found, FactorModel)
    assert found.item_factors.shape == (5000, 3)
    users = np.arange(300, dtype=np.int32)
    np.testing.assert_allclose(found.predict_users(users), wide.predict_users(users), atol=1e-5)


def test_a_rare_item_that_needs_a_factor_keeps_it() -> None:
    model = make_model(n_users=300, n_items=5000, k=8)
    factors = model.item_factors.copy()
    factors[:, 2:] = 0
    factors[4321, 7] = 1e-3
    few = compact(replace(model, item_factors=factors))
    assert isinstance(few, FactorModel)
    assert few.item_factors.shape[1] == 3


def test_models_that_need_their_factors_stay_as_they_are(movielens: Ratings) -> None:
    full = make_model(k=6)
    assert compact(full) is full
    for recipe in (tm.BayesianMF(factors=4, sweeps=12, burn_in=6, draws=6), tm.BiasesOnly()):
        model = recipe.fit(movielens.take(movielens.users < 50)).model
        assert compact(model) is model


def test_a_model_without_any_taste_keeps_one_factor() -> None:
    model = make_model(k=4)
    nothing = np.zeros_like(model.item_factors)
    found = compact(replace(model, item_factors=nothing))
    assert isinstance(found, FactorModel)
    assert found.item_factors.shape[1] == 1


def test_alternating_least_squares_leaves_factors_unused(movielens: Ratings) -> None:
    model = tm.BiasedMF(solver="als", factors=64).fit(movielens).model
    found = compact(model)
    assert isinstance(found, FactorModel)
    assert 10 < found.item_factors.shape[1] <= 32
    users = np.arange(0, 600, 7, dtype=np.int32)
    np.testing.assert_allclose(found.predict_users(users), model.predict_users(users), atol=1e-5)
