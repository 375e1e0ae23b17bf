import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tastemap as tm
from tastemap.errors import DataError, NotFittedFor, UnknownUserError
from tastemap.explanation.crosstab import Crosstab
from tastemap.explanation.small_model import SmallModel, learning_rate, start, taken_from
from tests.explanation.worlds import factor_model, network_model, recommender, some_ratings

RATINGS = some_ratings(20, 25)
TABLE = tm.crosstab(RATINGS, 8, 6)


def half_squares(small: SmallModel, table: Crosstab) -> float:
    """½ Σ error² in plain loops."""
    total = 0.0
    for u in range(len(table.user_codes)):
        for i in range(len(table.item_codes)):
            rating = float(table.values[u, i])
            if not np.isnan(rating):
                predicted = small.mean + small.user_bias[u] + small.item_bias[i]
                predicted += sum(small.user_factors[u] * small.item_factors[i])
                total += 0.5 * (predicted - rating) ** 2
    return total


@given(seed=st.integers(0, 1000))
def test_slopes_are_derivatives_of_the_squared_errors(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = {"user_bias": 8, "item_bias": 6, "user_factors": (8, 3), "item_factors": (6, 3)}
    numbers = {name: random.normal(0, 0.5, size) for name, size in sizes.items()}
    small = SmallModel(mean=3.5, **numbers, source="")
    slopes = small.slopes(TABLE.values)
    for name, array in numbers.items():
        place = tuple(random.integers(0, array.shape))
        step = 1e-5
        sides = []
        for change in (step, -step):
            moved = array.copy()
            moved[place] += change
            sides.append(
                half_squares(SmallModel(mean=3.5, **numbers | {name: moved}, source=""), TABLE)
            )
        expected = (sides[0] - sides[1]) / (2 * step)
        assert getattr(slopes, name)[place] == pytest.approx(expected, abs=1e-6)


def test_rmse_counts_only_ratings_there_are() -> None:
    small = start(TABLE, 4)
    n = np.sum(~np.isnan(TABLE.values))
    assert n < TABLE.values.size
    expected = np.sqrt(2 * half_squares(small, TABLE) / n)
    assert small.rmse(TABLE.values) == pytest.approx(expected)
    assert np.isnan(small.rmse(np.full((8, 6), np.nan)))


def test_training_starts_from_the_same_small_numbers_and_a_step_makes_it_better() -> None:
    for n_users, n_items, factors in ((8, 6, 5), (20, 25, 3), (1, 1, 1)):
        table = tm.crosstab(RATINGS, n_users, n_items)
        small, again = start(table, factors), start(table, factors)
        np.testing.assert_array_equal(small.user_factors, again.user_factors)
        assert small.item_factors.shape == (len(table.item_codes), factors)
        after = small.step(table.values, learning_rate(*table.values.shape))
        assert after.rmse(table.values) <= small.rmse(table.values)
    assert learning_rate(15, 15) == 0.01


def test_few_factors_are_the_models_own() -> None:
    model = factor_model(RATINGS, 4)
    small = taken_from(recommender(model, RATINGS), TABLE, 5)
    expected = model.predict_users(TABLE.user_codes)[:, TABLE.item_codes]
    np.testing.assert_allclose(small.predictions(), expected, atol=1e-5)
    np.testing.assert_array_equal(small.user_factors, model.user_factors[TABLE.user_codes])
    assert "so are the predictions" in small.source


def test_many_factors_become_the_best_few_and_the_sheet_says_how_good() -> None:
    for biases in (True, False):
        model = factor_model(RATINGS, 12, biases=biases)
        small = taken_from(recommender(model, RATINGS), TABLE, 3)
        exact = model.predict_users(TABLE.user_codes)[:, TABLE.item_codes].astype(float)
        apart = np.abs(small.predictions() - exact)
        assert f"at most {apart.max():.3f}." in small.source
        # No other three factors with biases of row and column come nearer in the mean square.
        centred = exact - exact.mean(1, keepdims=True) - exact.mean(0) + exact.mean()
        left = np.linalg.svd(centred, compute_uv=False)[3:]
        assert np.sum(apart**2) == pytest.approx(np.sum(left**2), rel=1e-4)


def test_more_factors_than_the_table_has_rank_leave_nothing_out() -> None:
    table = tm.crosstab(RATINGS, 3, 2)
    small = taken_from(recommender(factor_model(RATINGS, 12), RATINGS), table, 5)
    assert small.user_factors.shape == (3, 2)
    assert "at most 0.000." in small.source


def test_ids_are_matched_not_codes() -> None:
    """The crosstab may be of all ratings and the model of some, coded otherwise."""
    other = some_ratings(20, 25, seed=5, fill=0.9, cold=0)
    model = factor_model(other, 2)
    table = tm.crosstab(some_ratings(10, 12), 4, 4)
    known = {raw for raw in table.users if raw in other.user_ids}
    if known != set(table.users) or any(raw not in other.item_ids for raw in table.items):
        pytest.fail("the two worlds must share ids")
    small = taken_from(recommender(model, other), table, 2)
    users = [other.user_ids.code(raw) for raw in table.users]
    np.testing.assert_array_equal(small.user_factors, model.user_factors[users])


def test_models_that_do_not_fit_are_refused() -> None:
    with pytest.raises(NotFittedFor, match="'network' model has no factors of users and items"):
        taken_from(recommender(network_model(RATINGS), RATINGS), TABLE, 5)
    biases = tm.BiasesOnly().fit(RATINGS)
    with pytest.raises(NotFittedFor, match="fitted by DotProduct or BiasedMF, or none"):
        taken_from(biases, TABLE, 5)
    scores = tm.ImplicitALS(factors=2).fit(RATINGS)
    with pytest.raises(NotFittedFor, match="scores items and predicts no ratings"):
        taken_from(scores, TABLE, 2)
    fewer = RATINGS.take(RATINGS.users != TABLE.user_codes[0])
    raw = TABLE.users[0]
    with pytest.raises(DataError, match=f"no training ratings of user {raw}"):
        taken_from(recommender(factor_model(fewer, 2), fewer), TABLE, 5)
    others = some_ratings(3, 25)
    with pytest.raises(UnknownUserError):
        taken_from(recommender(factor_model(others, 2), others), TABLE, 5)
