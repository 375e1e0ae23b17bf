"""Alternating least squares: the equations are solved, and what is fitted predicts."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

import pyarrow.parquet as pq

import tastemap as tm
from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ConfigError, TrainingError
from tastemap.metrics.rating import mse
from tastemap.models.factors import FactorModel
from tastemap.training import rows
from tastemap.training.als import AlsSettings, fit_als
from tastemap.training.history import Epoch
from tastemap.training.schedule import Workers


def random_ratings(n: int = 400, n_users: int = 30, n_items: int = 20, seed: int = 0) -> Ratings:
    """Ratings of two kinds of users, with one user and one item nobody meets."""
    chance = np.random.default_rng(seed)
    pairs = chance.choice(n_users * n_items, n, replace=False)
    users, items = (pairs // n_items).astype(np.int32), (pairs % n_items).astype(np.int32)
    like = np.where(users % 2 == items % 2, 1.0, -1.0)
    values = np.clip(np.rint(6 + 2 * like + chance.normal(size=n)) / 2, 0.5, 5)
    user_ids = Vocabulary(list(range(n_users + 1)), "user")
    item_ids = Vocabulary(list(range(n_items + 1)), "item")
    return Ratings(
        users=users, items=items, values=values.astype(np.float32),
        user_ids=user_ids, item_ids=item_ids, catalog=Catalog(item_ids),
    )  # fmt: skip


def same(one: FactorModel, other: FactorModel, **tolerance: float) -> None:
    for name, array in one.parameters().items():
        np.testing.assert_allclose(array, other.parameters()[name], **tolerance)


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return random_ratings()


@pytest.mark.parametrize("weighted", [True, False])
def test_the_gradient_is_zero_at_the_solution(ratings: Ratings, weighted: bool) -> None:
    chance = np.random.default_rng(1)
    weights = chance.uniform(0.5, 2, len(ratings)).astype(np.float32)
    ratings = replace(ratings, weights=weights)
    settings = AlsSettings(
        factors=3, regularization=0.1, weighted=weighted, sweeps=400, tolerance=0
    )
    model, _ = fit_als(ratings, settings=settings)
    residual = ratings.values - model.predict_pairs(ratings.users, ratings.items)
    assert model.user_bias is not None
    assert model.item_bias is not None
    p = np.column_stack([model.user_factors, model.user_bias]).astype(float)
    q = np.column_stack([model.item_factors, model.item_bias]).astype(float)
    for mine, other, codes, others in (
        (p, q, ratings.users, ratings.items),
        (q, p, ratings.items, ratings.users),
    ):
        z = np.column_stack([other[others, :-1], np.ones(len(ratings))])
        gradient = np.zeros_like(mine)
        np.add.at(gradient, codes, (weights * residual)[:, None] * z)
        total = np.bincount(codes, weights, minlength=len(mine))
        scale = np.maximum(total, 1) if weighted else np.ones(len(mine))
        gradient -= 0.1 * scale[:, None] * mine
        assert np.abs(gradient).max() < 2e-2


@pytest.mark.parametrize("nonnegative", [False, True])
def test_the_error_that_is_minimised_never_rises(ratings: Ratings, nonnegative: bool) -> None:
    losses = []
    for sweeps in range(1, 8):
        settings = AlsSettings(
            factors=4, regularization=0.05, sweeps=sweeps, tolerance=0, nonnegative=nonnegative
        )
        model, _ = fit_als(ratings, settings=settings)
        residual = ratings.values - model.predict_pairs(ratings.users, ratings.items)
        loss = float(np.sum(residual.astype(float) ** 2))
        sides = (
            (model.user_factors, model.user_bias, ratings.user_counts),
            (model.item_factors, model.item_bias, ratings.item_counts),
        )
        for factors, bias, counts in sides:
            assert bias is not None
            loss += 0.05 * float(counts @ (np.square(factors).sum(axis=1) + np.square(bias)))
        losses.append(loss)
    assert np.all(np.diff(losses) < 1e-3)


def test_auto_finds_taste_and_noise(ratings: Ratings) -> None:
    hidden = random_ratings(600, seed=0)
    seen = {(int(u), int(i)) for u, i in zip(ratings.users, ratings.items, strict=True)}
    new = [(int(u), int(i)) not in seen for u, i in zip(hidden.users, hidden.items, strict=True)]
    valid = hidden.take(np.array(new))
    model, history = fit_als(ratings, settings=AlsSettings(factors=4))
    # Noise of standard deviation 0.5 and rounding to halves.
    assert 0.2 < history.epochs[-1].training_loss < 0.4
    found = mse(valid.values, model.predict_pairs(valid.users, valid.items))
    assert found < 0.45 < np.var(valid.values)


@pytest.mark.parametrize("regularization", ["auto", 0.1])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_the_number_of_threads_changes_no_bit(
    ratings: Ratings,
    regularization: float | str,
    nonnegative: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tastemap.training.schedule.SMALLEST_BLOCK", 100)
    models = []
    for threads in (1, 2, 3):
        settings = AlsSettings(
            factors=5, sweeps=4, threads=threads, nonnegative=nonnegative,
            regularization=regularization,  # type: ignore[arg-type]
        )  # fmt: skip
        models.append(fit_als(ratings, settings=settings)[0])
    same(models[0], models[1], rtol=0, atol=0)
    same(models[0], models[2], rtol=0, atol=0)


def test_order_of_rows_hardly_matters(ratings: Ratings) -> None:
    settings = AlsSettings(factors=3, regularization=0.1, sweeps=5)
    shuffled = ratings.take(np.random.default_rng(0).permutation(len(ratings)))
    one, other = (fit_als(some, settings=settings)[0] for some in (ratings, shuffled))
    same(one, other, rtol=1e-3, atol=1e-3)


def test_a_weight_of_two_is_the_same_rating_twice(ratings: Ratings) -> None:
    twice = ratings.take(np.concatenate([np.arange(len(ratings)), np.arange(50)]))
    weights = np.ones(len(ratings), np.float32)
    weights[:50] = 2
    settings = AlsSettings(factors=3, regularization=0.1, sweeps=5)
    one, _ = fit_als(twice, settings=settings)
    other, _ = fit_als(replace(ratings, weights=weights), settings=settings)
    same(one, other, rtol=1e-3, atol=1e-3)


def test_ratings_that_fit_no_byte_give_the_same(ratings: Ratings) -> None:
    odd = replace(ratings, values=ratings.values + np.float32(1e-5) * (ratings.users % 3))
    settings = AlsSettings(factors=3, regularization=0.1, sweeps=5)
    one, other = (fit_als(some, settings=settings)[0] for some in (ratings, odd))
    same(one, other, rtol=1e-2, atol=1e-3)


def test_who_has_no_ratings_is_average(ratings: Ratings) -> None:
    for regularization in ("auto", 0.1):
        model, _ = fit_als(ratings, settings=AlsSettings(factors=3, regularization=regularization))  # type: ignore[arg-type]
        last = np.array([30], np.int32), np.array([20], np.int32)
        np.testing.assert_allclose(model.predict_pairs(*last), ratings.mean, rtol=1e-6)


@pytest.mark.parametrize("regularization", ["auto", 0.1])
def test_nonnegative_factors_are_not_negative(
    ratings: Ratings, regularization: float | str
) -> None:
    settings = AlsSettings(factors=4, regularization=regularization, nonnegative=True)  # type: ignore[arg-type]
    model, _ = fit_als(ratings, settings=settings)
    assert model.user_factors.min() >= 0
    assert model.item_factors.min() >= 0


def test_patience_keeps_the_best_sweep(ratings: Ratings) -> None:
    held = random_ratings(200, seed=5)
    settings = AlsSettings(factors=8, regularization=0.001, sweeps=50, tolerance=0)
    heard: list[Epoch] = []
    model, history = fit_als(ratings, settings=settings, held=held, on_epoch=heard.append)
    assert tuple(heard) == history.epochs
    errors = [epoch.holdout_mse for epoch in history.epochs]
    assert history.stopped == "early"
    assert history.best_epoch == int(np.argmin(errors)) + 1
    assert len(errors) == history.best_epoch + 3
    best = mse(held.values, model.predict_pairs(held.users, held.items))
    assert best == pytest.approx(min(one for one in errors if one is not None), rel=1e-5)


def test_nothing_is_learnt_from_validation(ratings: Ratings) -> None:
    one, _ = fit_als(ratings, settings=AlsSettings(factors=3))
    other, _ = fit_als(ratings, random_ratings(200, seed=5), AlsSettings(factors=3))
    same(one, other, rtol=0, atol=0)


OVERFITTING: Any = {"solver": "als", "factors": 8, "regularization": 0.01, "tolerance": 0}


def test_held_out_training_ratings_say_how_long_to_fit(ratings: Ratings) -> None:
    valid = random_ratings(200, seed=5)
    recipe = tm.BiasedMF(stopping="holdout", sweeps=50, holdout=0.2, patience=2, **OVERFITTING)
    heard: list[Epoch] = []
    fitted = recipe.fit(ratings, valid, on_epoch=heard.append)
    history = fitted.history
    assert tuple(heard) == (*history.search, *history.epochs)
    errors = [epoch.holdout_mse for epoch in history.search]
    best = int(np.argmin(errors)) + 1
    assert len(errors) == best + 2 < 50
    assert {epoch.phase for epoch in history.search} == {"search"}
    assert history.stopped == "early"
    assert (len(history.epochs), history.best_epoch) == (best, None)
    assert all(epoch.holdout_mse is None and epoch.validation_mse for epoch in history.epochs)
    same(fitted.model, tm.BiasedMF(sweeps=best, **OVERFITTING).fit(ratings).model, rtol=0, atol=0)


def test_what_was_fitted_on_the_rest_is_kept_without_a_refit(ratings: Ratings) -> None:
    recipe = tm.BiasedMF(stopping="holdout", refit=False, **OVERFITTING)
    history = recipe.fit(ratings, random_ratings(200, seed=5)).history
    errors = [epoch.holdout_mse for epoch in history.epochs]
    assert history.best_epoch == int(np.argmin(errors)) + 1
    assert not history.search
    assert all(epoch.validation_mse for epoch in history.epochs)


def test_one_rating_cannot_be_held_out(ratings: Ratings) -> None:
    history = tm.BiasedMF(stopping="holdout", **OVERFITTING).fit(ratings.take([3])).history
    assert not history.search


def test_same_ratings_everywhere_are_no_trouble(ratings: Ratings) -> None:
    flat = replace(ratings, values=np.full(len(ratings), 3, np.float32))
    model, _ = fit_als(flat, settings=AlsSettings(factors=2))
    np.testing.assert_allclose(model.predict_pairs(flat.users, flat.items), 3, atol=1e-3)


def test_one_rating_is_enough(ratings: Ratings) -> None:
    one = ratings.take(np.array([3]))
    model, _ = fit_als(one, settings=AlsSettings(factors=2))
    assert np.all(np.isfinite(model.predict_pairs(one.users, one.items)))


@pytest.mark.parametrize(
    "settings",
    [
        {"factors": 0}, {"factors": 257}, {"regularization": 0}, {"regularization": "much"},
        {"regularization": np.inf}, {"sweeps": 0}, {"tolerance": -1}, {"patience": 0},
        {"threads": 0},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        AlsSettings(**settings)  # type: ignore[arg-type]


def test_a_row_that_cannot_be_solved_is_named(ratings: Ratings) -> None:
    with Workers(1) as workers:
        users, _ = rows.group_both(ratings, ratings.mean, 2, workers)
    objective = np.zeros(len(users), np.float32)
    objective[[4, 9]] = np.nan
    with pytest.raises(TrainingError, match="2 users could not be solved, the first with code 4"):
        rows.check_solved(users, objective)


def test_codes_take_one_byte_where_they_can() -> None:
    values = np.array([0.5, 5, 3.5, 0.5], np.float32)
    codes, step, low = rows.coded(values)
    assert (codes.dtype, step, low) == (np.uint8, 0.5, 0.5)
    np.testing.assert_array_equal(codes * step + low, values)
    assert rows.coded(np.array([1, 2, 100], np.float32))[1:] == (1.0, 1.0)
    for wide in ([0, 256], [0.1, 0.2], [0, 1e9]):
        codes, step, low = rows.coded(np.array(wide, np.float32))
        assert (codes.dtype, step, low) == (np.float32, 1.0, 0.0)


def test_accuracy_on_the_bundled_ratings() -> None:
    folder = files("tastemap") / "data" / "bundled" / "movielens-small"
    table = pq.read_table(str(folder / "ratings.parquet"))
    users, user_codes = Vocabulary.encode(table["userId"], "user")
    items, item_codes = Vocabulary.encode(table["movieId"], "item")
    everything = Ratings(
        users=user_codes, items=item_codes, values=table["rating"].to_numpy(),
        user_ids=users, item_ids=items, catalog=Catalog(items),
    )  # fmt: skip
    in_train = np.random.RandomState(42).rand(len(everything)) < 0.8
    train, valid = everything.take(in_train), everything.take(~in_train)
    model, _ = fit_als(train, settings=AlsSettings(factors=16))
    predicted = np.clip(model.predict_pairs(valid.users, valid.items), *train.scale)
    assert 0.75 < mse(valid.values, predicted) < 0.768


def test_the_recipe_fits_in_closed_form(notebook_split: Split) -> None:
    fitted = tm.BiasedMF(solver="als", factors=16).fit(notebook_split.train, notebook_split.valid)
    assert fitted.evaluation is not None
    assert 0.74 < fitted.evaluation.mse < 0.775


def test_the_recipe_refuses_settings_of_the_other_solver() -> None:
    with pytest.raises(ConfigError, match="l2 is not a setting of solver='als'"):
        tm.BiasedMF(solver="als", l2=3.0)
    with pytest.raises(ConfigError, match="sweeps is not a setting of solver='adam'"):
        tm.BiasedMF(sweeps=3)
    with pytest.raises(ConfigError, match="patience is not a setting of solver='als'"):
        tm.BiasedMF(solver="als", patience=2)
    with pytest.raises(ConfigError, match="one of 'objective', 'holdout', got 'early'"):
        tm.BiasedMF(solver="als", stopping="early")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="holdout must be a number above 0 and below 1, got 0"):
        tm.BiasedMF(solver="als", stopping="holdout", holdout=0)
    with pytest.raises(ConfigError, match="solver must be one of 'adam', 'als', got 'sgd'"):
        tm.BiasedMF(solver="sgd")  # type: ignore[arg-type]


def test_the_recipe_keeps_no_checkpoints_of_it(small: Ratings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keeps no checkpoints"):
        tm.BiasedMF(solver="als", factors=2).fit(small, checkpoint=tmp_path)
