"""Measures of predicted ratings against other libraries, and against counting one by one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score, roc_auc_score

from tastemap.metrics import rating

Row = tuple[int, int, int]
ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(0, 4)), max_size=30)


def test_measures_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    actual = random.normal(3, 1, 500).astype(np.float32)
    predicted = (actual / 2 + random.normal(1.5, 0.5, 500)).astype(np.float32)
    assert rating.mse(actual, predicted) == pytest.approx(mean_squared_error(actual, predicted))
    assert rating.rmse(actual, predicted) ** 2 == pytest.approx(rating.mse(actual, predicted))
    assert rating.mae(actual, predicted) == pytest.approx(mean_absolute_error(actual, predicted))
    assert rating.r2(actual, predicted) == pytest.approx(r2_score(actual, predicted), rel=1e-5)


def test_log_likelihood_agrees_with_scipy() -> None:
    random = np.random.default_rng(1)
    actual, mean = random.normal(size=(2, 50)).astype(np.float32)
    deviation = random.uniform(0.3, 2, 50).astype(np.float32)
    expected = norm(mean, deviation).logpdf(actual).mean()
    assert rating.log_likelihood(actual, mean, deviation) == pytest.approx(expected, rel=1e-6)


def test_measures_of_nothing_are_not_numbers() -> None:
    nothing = np.zeros(0, np.float32)
    for measure in (rating.mse, rating.rmse, rating.mae, rating.r2):
        assert np.isnan(measure(nothing, nothing))
    assert np.isnan(rating.concordance(nothing, nothing, nothing))
    assert np.isnan(rating.log_likelihood(nothing, nothing, nothing))


def test_equal_ratings_have_no_variance_to_explain() -> None:
    same = np.full(3, 4, np.float32)
    assert np.isnan(rating.r2(same, same + 1))
    assert np.isnan(rating.concordance(np.zeros(3), same, same))


@given(ROWS)
def test_concordance_is_a_count_of_pairs(rows: list[Row]) -> None:
    pairs, right = 0, 0.0
    for (u, r, p), (v, s, q) in combinations(rows, 2):
        if u == v and r != s:
            pairs += 1
            right += 0.5 if p == q else float((p < q) == (r < s))
    users, actual, predicted = np.array(rows, np.int32).reshape(-1, 3).T
    found = rating.concordance(users, actual / np.float32(2), predicted)
    assert found == pytest.approx(right / pairs if pairs else np.nan, nan_ok=True)


def test_concordance_of_two_values_is_the_area_under_the_curve() -> None:
    random = np.random.default_rng(2)
    liked = random.random(300) < 0.3
    scores = np.round(random.normal(size=300) + liked, 1)
    found = rating.concordance(np.zeros(300), liked, scores)
    assert found == pytest.approx(roc_auc_score(liked, scores))
