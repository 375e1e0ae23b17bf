"""The date of a rating, from the question to the answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.splits import Split
from tastemap.errors import ConfigError, NotFittedFor
from tastemap.models.posterior import PosteriorModel
from tastemap.recommender import Recommender


@pytest.fixture(scope="module")
def dated(notebook_split: Split) -> Recommender:
    recipe = tm.BayesianMF(factors=6, sweeps=40, burn_in=20, draws=8, days=True)
    return recipe.fit(notebook_split.train, notebook_split.valid)


def first_day(model: Recommender) -> tuple[int, int]:
    """A user and one of their days."""
    days = model.model.days
    return model.ratings.user_ids.raw(days.users[0]), int(days.numbers[0])


def test_a_date_asks_for_the_user_of_that_day(dated: Recommender) -> None:
    user, day = first_day(dated)
    usual = dated.predict(user, [1, 10], interval=0.8)
    then = dated.predict([user] * 2, [1, 10], interval=0.8, at=day * 86_400 + 5)
    codes = dated.ratings.item_ids.codes([1, 10])
    model = dated.model
    assert isinstance(model, PosteriorModel)
    expected = model.predict_dated(
        dated.ratings.user_ids.codes([user] * 2), codes, np.full(2, day * 86_400)
    )
    np.testing.assert_array_equal(then.pairs.unclipped, expected)
    assert not np.array_equal(then.pairs.unclipped, usual.pairs.unclipped)
    assert not np.array_equal(then.interval.deviation, usual.interval.deviation)
    assert then.pairs.by_day.tolist() == [True, True]
    assert "by what the user was like that day" in str(then)
    for same in (date(1970, 1, 1).fromordinal(719_163 + day), np.datetime64(day, "D")):
        again = dated.predict(user, [1, 10], at=same)
        np.testing.assert_array_equal(again.values, then.values)


def test_on_another_day_users_are_as_usual_and_the_result_says_so(dated: Recommender) -> None:
    user, _ = first_day(dated)
    found = dated.predict([user, 999_999], 1, at="2031-05-01")
    np.testing.assert_array_equal(found.values, dated.predict([user, 999_999], 1).values)
    assert found.pairs.by_day.tolist() == [False, False]
    assert "at 2031-05-01 UTC: 0 of 2 by what the user was like that day" in str(found)


def test_a_date_needs_days_and_must_be_one(dated: Recommender, biased: Recommender) -> None:
    with pytest.raises(
        NotFittedFor, match=r"BiasedMF model are the same .* BayesianMF\(days=True\)"
    ):
        biased.predict(1, 1, at="2004-05-01")
    with pytest.raises(ConfigError, match="'today' is no date"):
        dated.predict(1, 1, at="today")


def test_errors_and_coverage_are_measured_by_date(
    dated: Recommender, biased: Recommender, notebook_split: Split
) -> None:
    valid = notebook_split.valid
    model = dated.model
    assert isinstance(model, PosteriorModel)
    found = tm.evaluate(dated, valid)
    pairs = dated.predict_codes(valid.users, valid.items, valid.times)
    n_by_day = int(pairs.by_day.sum())
    assert 17_000 < n_by_day == found.by_day < len(valid)
    own = pairs.source == 0
    by_date = model.predict_dated(valid.users[own], valid.items[own], valid.times[own])
    np.testing.assert_array_equal(pairs.unclipped[own], by_date)
    undated = tm.evaluate(dated, replace(valid, times=None))
    assert undated.by_day is None
    assert found.mse < undated.mse - 0.01
    assert f"bayesian: {n_by_day:,} rows by what the user was like that day" in str(found)
    assert dated.evaluation == tm.evaluate(dated, valid, k=None)
    assert tm.evaluate(biased, valid).by_day is None
    covered = tm.coverage(dated, valid)
    assert covered.by_day == n_by_day
    assert 0.78 < covered.share < 0.83
    assert f"{n_by_day:,} rows by what the user was like" in str(covered)
