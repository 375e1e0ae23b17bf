"""Users on single days: found by their date, and kept with the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tastemap.models.calibration import Calibration
from tastemap.models.days import UserDays, day_keys
from tastemap.models.factors import FactorModel
from tastemap.models.posterior import PosteriorModel

DAY = 86_400
USERS = np.array([0, 0, 2], np.int32)
NUMBERS = np.array([-3, 10, 10], np.int32)


def calibration(width: float) -> Calibration:
    counts = np.array([1, 5, 9])
    codes = np.zeros(3, np.int32)
    return Calibration.of(counts, counts, codes, codes, np.full(3, width, np.float32))


@pytest.fixture
def model() -> PosteriorModel:
    """Three users, two of them with days; three items; four draws."""
    chance = np.random.default_rng(0)
    users, items, days = (
        chance.standard_normal((4, n, 3)).astype(np.float32) for n in (3, 3, len(USERS))
    )
    mean = FactorModel(
        mean=3.0, user_bias=users[0, :, 2], item_bias=items[0, :, 2],
        user_factors=users[0, :, :2], item_factors=items[0, :, :2],
    )  # fmt: skip
    own = UserDays(
        users=USERS, numbers=NUMBERS, bias=days[0, :, 2], factors=days[0, :, :2], draws=days,
        calibration=calibration(3.0),
    )  # fmt: skip
    whole = PosteriorModel.of(mean, users, items, 3.0, np.full(4, 0.5))
    return replace(whole, days=own, calibration=calibration(1.0))


def test_a_day_is_found_by_user_and_date(model: PosteriorModel) -> None:
    assert model.days is not None
    users = np.array([0, 0, 0, 2, 1, 2, 0], np.int32)
    times = np.array(
        [-3 * DAY, -2 * DAY - 1, 10 * DAY + 5, 11 * DAY - 1, 10 * DAY, 0, 2**62], np.int64
    )
    rows = model.days.rows(3, users, times)
    assert rows.tolist() == [3, 3, 4, 5, 1, 2, 0]
    assert np.all(np.diff(day_keys(USERS, NUMBERS)) > 0)


def test_what_is_predicted_is_of_that_day(model: PosteriorModel) -> None:
    assert model.days is not None
    users, items = np.array([0, 2, 2], np.int32), np.array([1, 0, 2], np.int32)
    times = np.array([10, 10, 99], np.int64) * DAY
    found = model.predict_dated(users, items, times)
    q, c = model.item_factors, model.item_bias
    assert c is not None
    for at, day in ((0, 1), (1, 2)):
        item = items[at]
        expected = 3 + model.days.bias[day] + c[item] + model.days.factors[day] @ q[item]
        assert found[at] == pytest.approx(expected, abs=1e-5)
    assert found[2] == model.predict_pairs(users, items)[2]
    spread = model.posterior_pairs(users, items, times).deviation
    products = [
        p[2] + q[2] + p[:2] @ q[:2]
        for p, q in zip(model.days.draws[:, 1], model.item_draws[:, 1], strict=True)
    ]
    assert spread[0] == pytest.approx(np.std(products, ddof=1), abs=1e-5)
    assert spread[2] == model.posterior_pairs(users, items).deviation[2]


def test_intervals_of_dated_ratings_have_a_calibration_of_their_own(model: PosteriorModel) -> None:
    pair = np.array([1], np.int32), np.array([1], np.int32)
    low, high = model.interval_pairs(*pair, 0.8)
    dated_low, dated_high = model.interval_pairs(*pair, 0.8, np.array([0], np.int64))
    assert dated_high - dated_low == pytest.approx(3 * (high - low), rel=1e-4)


def test_on_an_unknown_day_a_rating_is_less_sure(model: PosteriorModel) -> None:
    assert model.days is not None
    pair = np.array([0], np.int32), np.array([1], np.int32)
    more = []
    for users, days, items in zip(
        model.user_draws, model.days.draws, model.item_draws, strict=True
    ):
        apart = days - users[USERS]
        more.append(np.mean((apart[:, 2] + apart[:, :2] @ items[1, :2]) ** 2))
    plain = replace(model, days=None).posterior_pairs(*pair).rating_deviation
    expected = np.sqrt(plain**2 + np.mean(more))
    for times in (None, np.array([99 * DAY])):
        found = model.posterior_pairs(*pair, times).rating_deviation
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    known = model.posterior_pairs(*pair, np.array([10 * DAY]))
    np.testing.assert_allclose(known.rating_deviation**2, known.deviation**2 + 0.5, rtol=1e-5)


def test_a_model_without_days_takes_dates_as_well(model: PosteriorModel) -> None:
    pairs = np.array([0, 2], np.int32), np.array([1, 1], np.int32)
    times = np.array([10, 10], np.int64) * DAY
    plain = replace(model, days=None)
    np.testing.assert_array_equal(plain.predict_dated(*pairs, times), plain.predict_pairs(*pairs))
    for one, other in zip(
        plain.interval_pairs(*pairs, 0.5, times), plain.interval_pairs(*pairs, 0.5), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("calibrated", [True, False])
def test_parameters_keep_the_days(model: PosteriorModel, calibrated: bool) -> None:
    assert model.days is not None
    if not calibrated:
        model = replace(model, days=replace(model.days, calibration=None))
    again = PosteriorModel.from_parameters(model.parameters())
    assert again.parameters().keys() == model.parameters().keys()
    for name, array in model.parameters().items():
        np.testing.assert_array_equal(again.parameters()[name], array)
    assert again.days is not None
    assert (again.days.calibration is not None) == calibrated
    assert replace(model, days=None).parameters().keys() < model.parameters().keys()
