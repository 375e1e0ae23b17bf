"""Users that differ from day to day: grouping, residuals, and what it is good for."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

pytest.importorskip("numba")

import pyarrow.parquet as pq

from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.synthetic import synthetic_ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ConfigError
from tastemap.metrics.rating import mse
from tastemap.models.posterior import PosteriorModel
from tastemap.training.bayesian import BayesianMF
from tastemap.training.day_rows import DayRows
from tastemap.training.gibbs import GibbsSettings, fit_gibbs
from tastemap.training.rows import group_both
from tastemap.training.schedule import Workers

DAY = 86_400


@pytest.fixture(scope="module")
def moody() -> Ratings:
    """Ratings on about six days a user, each with a mood worth a star or so, shuffled."""
    chance = np.random.default_rng(0)
    ratings = synthetic_ratings(120, 120, 5000, seed=4).ratings
    days = chance.integers(-3, 3, len(ratings))
    mood = chance.standard_normal((120, 6))
    values = np.clip(ratings.values + mood[ratings.users, days + 3], 0.5, 5).astype(np.float32)
    order = chance.permutation(len(ratings))
    times = days * DAY + chance.integers(0, DAY, len(ratings))
    weights = chance.uniform(0.5, 2, len(ratings)).astype(np.float32)
    return replace(ratings, values=values, times=times, weights=weights).take(order)


def dated(sweeps: int = 60, **settings: int) -> GibbsSettings:
    return GibbsSettings(
        factors=3, sweeps=sweeps, burn_in=sweeps // 2, draws=2, days=True, rated_items=True,
        raters=True, **settings,
    )  # fmt: skip


def test_days_hold_the_ratings_they_are_of(moody: Ratings) -> None:
    with Workers(1) as workers:
        by_user, by_item = group_both(moody, moody.mean, 2, workers)
        days = DayRows.group(moody, by_user, 3, 1)
        chance = np.random.default_rng(1)
        own, users, items = (
            chance.standard_normal((n, 3)).astype(np.float32)
            for n in (len(days), moody.n_users, moody.n_items)
        )
        values = (moody.values - moody.mean).astype(np.float32)
        of_users = days.left_for_users(moody, values, own, items, workers).ratings
        of_days = days.left_for_days(moody, values, users, items, workers).ratings
    assert moody.times is not None
    np.testing.assert_array_equal(days.users[days.of], moody.users)
    np.testing.assert_array_equal(days.numbers[days.of], moody.times // DAY)
    weights = moody.weights
    assert weights is not None
    for day in (0, 7, len(days) - 1):
        mine = np.flatnonzero(days.of == day)
        part = slice(of_days.start[day], of_days.start[day + 1])
        np.testing.assert_array_equal(of_days.columns[part], moody.items[mine])
        np.testing.assert_allclose(of_days.roots[part] ** 2, weights[mine], rtol=1e-5)
        assert days.by_day.totals[day] == pytest.approx(weights[mine].sum())
        q = items[moody.items[mine]]
        x = users[days.users[day]]
        expected = moody.values[mine] - moody.mean - x[2] - q[:, :2] @ x[:2]
        np.testing.assert_allclose(of_days.values[part], expected, atol=1e-4)
    mine = np.flatnonzero(moody.users == 5)
    part = slice(of_users.start[5], of_users.start[6])
    x, q = own[days.of[mine]], items[moody.items[mine]]
    expected = moody.values[mine] - moody.mean - x[:, 2] - (x * q)[:, :2].sum(axis=1)
    np.testing.assert_allclose(of_users.values[part], expected, atol=1e-4)
    item = days.facing_items(by_item).ratings
    mine = np.flatnonzero(moody.items == 4)
    np.testing.assert_array_equal(item.columns[item.start[4] : item.start[5]], days.of[mine])


def test_the_error_of_a_dated_draw_is_what_the_kernel_says(moody: Ratings) -> None:
    settings = GibbsSettings(factors=3, sweeps=5, burn_in=4, draws=1, days=True)
    train = replace(moody, weights=None)
    model, history = fit_gibbs(train, settings=settings)
    days = model.days
    assert days is not None
    assert train.times is not None
    rows = days.rows(0, train.users, train.times)
    p, q = days.draws[0][rows], model.item_draws[0][train.items]
    predicted = train.mean + p[:, 3] + q[:, 3] + (p * q)[:, :3].sum(axis=1)
    found = history.epochs[-1].training_loss
    assert found == pytest.approx(mse(train.values, predicted), rel=1e-3)


def test_ratings_of_a_known_day_are_predicted_better(moody: Ratings) -> None:
    n = np.arange(len(moody))
    train, valid = moody.take(n % 5 > 0), moody.take(n % 5 == 0)
    assert valid.times is not None
    model, history = fit_gibbs(train, valid, dated(120))
    by_date = mse(valid.values, model.predict_dated(valid.users, valid.items, valid.times))
    usual = mse(valid.values, model.predict_pairs(valid.users, valid.items))
    assert by_date < 0.8 * usual
    assert history.epochs[-1].validation_mse == pytest.approx(by_date, rel=0.1)
    # On a day without ratings everybody is as usual.
    later = np.full(len(valid), 1000 * DAY)
    np.testing.assert_array_equal(
        model.predict_dated(valid.users, valid.items, later),
        model.predict_pairs(valid.users, valid.items),
    )


def test_the_number_of_threads_changes_no_bit_with_days(
    moody: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemap.training.schedule.SMALLEST_BLOCK", 1000)
    found = []
    for threads in (1, 3):
        model, _ = fit_gibbs(moody, settings=dated(6, threads=threads))
        found.append({name: array.tobytes() for name, array in model.parameters().items()})
    assert found[0] == found[1]


def test_days_of_ratings_without_times_are_refused(moody: Ratings) -> None:
    with pytest.raises(ConfigError, match="days=True needs ratings with times"):
        fit_gibbs(replace(moody, times=None), settings=dated(6))


def test_the_recipe_measures_dated_intervals_by_themselves(moody: Ratings) -> None:
    n = np.arange(len(moody))
    train, valid = moody.take(n % 5 > 0), moody.take(n % 5 == 0)
    recipe = BayesianMF(factors=2, sweeps=240, burn_in=60, draws=20, days=True)
    model = recipe.fit(train).model
    assert isinstance(model, PosteriorModel)
    widths = []
    for times in (None, valid.times):
        low, high = model.interval_pairs(valid.users, valid.items, 0.8, times)
        assert 0.74 < np.mean((valid.values >= low) & (valid.values <= high)) < 0.86
        widths.append(float(np.mean(high - low)))
    assert widths[1] < 0.95 * widths[0]


def test_accuracy_on_the_bundled_ratings_with_their_days() -> None:
    folder = files("tastemap") / "data" / "bundled" / "movielens-small"
    table = pq.read_table(str(folder / "ratings.parquet"))
    users, user_codes = Vocabulary.encode(table["userId"], "user")
    items, item_codes = Vocabulary.encode(table["movieId"], "item")
    everything = Ratings(
        users=user_codes, items=item_codes, values=table["rating"].to_numpy(),
        times=table["timestamp"].to_numpy().astype(np.int64),
        user_ids=users, item_ids=items, catalog=Catalog(items),
    )  # fmt: skip
    in_train = np.random.RandomState(42).rand(len(everything)) < 0.8
    train, valid = everything.take(in_train), everything.take(~in_train)
    assert valid.times is not None
    settings = GibbsSettings(sweeps=120, rated_items=True, raters=True, days=True)
    model, _ = fit_gibbs(train, settings=settings)
    found = model.predict_dated(valid.users, valid.items, valid.times)
    assert 0.685 < mse(valid.values, np.clip(found, *train.scale)) < 0.708
