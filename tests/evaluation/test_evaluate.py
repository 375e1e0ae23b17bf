import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error

import tastemap as tm
from tastemap import metrics
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError
from tests.conftest import make_ratings
from tests.test_recommender import with_factors


def test_metrics_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    actual = random.normal(size=500).astype(np.float32)
    predicted = random.normal(size=500).astype(np.float32)
    assert metrics.mse(actual, predicted) == pytest.approx(mean_squared_error(actual, predicted))
    assert metrics.rmse(actual, predicted) ** 2 == pytest.approx(metrics.mse(actual, predicted))
    assert metrics.mae(actual, predicted) == pytest.approx(mean_absolute_error(actual, predicted))


def test_metrics_of_nothing_are_not_numbers() -> None:
    nothing = np.zeros(0, np.float32)
    assert all(np.isnan(f(nothing, nothing)) for f in (metrics.mse, metrics.rmse, metrics.mae))


def test_an_evaluation_is_of_what_users_get(small: Ratings) -> None:
    train = small.take(small.items != 3)
    model = with_factors(train)
    result = tm.evaluate(model, small)
    given = [
        float(model.predict(small.user_ids.raw(u), small.item_ids.raw(i)))
        for u, i in zip(small.users, small.items, strict=True)
    ]
    assert result.rmse == pytest.approx(np.sqrt(np.mean((small.values - given) ** 2)), abs=1e-6)
    assert result.made_from == {"model": 12, "item bias": 0, "user bias": 2, "global mean": 0}
    assert result.overlap == 12
    assert "2 from the user bias" in str(result)
    assert "12 test rows were also trained on" in str(result)


def test_ids_are_matched_by_name_not_by_code(small: Ratings) -> None:
    model = tm.BiasesOnly().fit(small)
    rows = [(60, 1, 3.0), (20, 2, 1.0), (999, 5, 4.0)]
    result = tm.evaluate(model, make_ratings(rows))
    given = model.predict([60, 20, 999], [1, 2, 5]).values
    assert result.mse == pytest.approx(np.mean((np.array([3, 1, 4]) - given) ** 2), abs=1e-6)
    assert result.made_from["item bias"] == 1
    assert result.overlap == 2


def test_a_comparison_puts_the_best_first(small: Ratings) -> None:
    mean, biases = tm.GlobalMean().fit(small), tm.BiasesOnly().fit(small)
    table = tm.compare([mean, biases], small)
    assert [one.model for one in table.evaluations] == ["biases", "mean"]
    assert table.to_dicts()[0]["rmse"] == tm.evaluate(biases, small).rmse
    assert table.to_dicts()[1]["mse"] == pytest.approx(np.var(small.values), rel=1e-5)


def test_models_may_be_given_names(small: Ratings) -> None:
    two = {"mild": tm.BiasesOnly(), "strict": tm.BiasesOnly(user_damping=100, item_damping=100)}
    table = tm.compare({name: recipe.fit(small) for name, recipe in two.items()}, small)
    assert [one.model for one in table.evaluations] == ["mild", "strict"]


def test_nothing_to_test_on_is_an_error(small: Ratings) -> None:
    model = tm.GlobalMean().fit(small)
    with pytest.raises(DataError, match="no ratings to test on"):
        tm.evaluate(model, small.take(np.zeros(0, np.int64)))
    with pytest.raises(DataError, match="no models to compare"):
        tm.compare([], small)
