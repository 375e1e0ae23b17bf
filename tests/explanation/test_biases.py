import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, DataError, NotFittedFor
from tastemap.explanation.biases import item_biases
from tastemap.models.bias import BiasModel
from tastemap.recommender import Recommender
from tests.conftest import make_ratings
from tests.explanation.worlds import factor_model, network_model, posterior_model, some_ratings


@given(seed=st.integers(0, 10_000), most_rated=st.integers(1, 12))
def test_the_ranking_is_a_sort_by_bias_of_the_most_rated_items(seed: int, most_rated: int) -> None:
    ratings = some_ratings(8, 10, seed=seed, cold=2)
    model = factor_model(ratings, 2, seed=seed)

    given_to: dict[int, list[float]] = {}
    for item, value in zip(ratings.items.tolist(), ratings.values.tolist(), strict=True):
        given_to.setdefault(item, []).append(value)
    raw = ratings.item_ids.raw
    popular = sorted(given_to, key=lambda item: (-len(given_to[item]), raw(item)))[:most_rated]
    assert model.item_bias is not None
    expected = sorted(popular, key=lambda item: -model.item_bias[item])

    ranking = item_biases(model, ratings, most_rated=most_rated)
    assert ranking.codes.tolist() == expected
    for rank, (row, item) in enumerate(zip(ranking.to_dicts(), expected, strict=True), 1):
        assert row == {
            "rank": rank,
            "item": raw(item),
            "title": f"Film {raw(item)}",
            "bias": model.item_bias[item],
            "mean": pytest.approx(np.mean(given_to[item])),
            "ratings": len(given_to[item]),
        }


def test_top_is_best_first_and_bottom_worst_first_with_the_ranks_of_all(small: Ratings) -> None:
    bias = [0.5, -0.5, 0.1, 0.9, -0.2]
    model = BiasModel(mean=3.5, user_bias=np.zeros(6), item_bias=np.array(bias))
    ranking = item_biases(model, small)
    assert ranking.top(2).columns()["item"] == [4, 1]
    assert ranking.top(2).columns()["rank"].tolist() == [1, 2]
    assert ranking.bottom(2).columns()["item"] == [2, 5]
    assert ranking.bottom(2).columns()["rank"].tolist() == [5, 4]
    assert len(ranking.top(100)) == len(ranking.bottom(100)) == len(ranking) == 5
    assert len(ranking.top(0)) == 0
    with pytest.raises(ConfigError, match="at least 0, got -1"):
        ranking.top(-1)


def test_equal_biases_go_to_the_more_often_rated_item_and_then_to_the_smaller_id() -> None:
    ratings = make_ratings([(1, 9, 3.0), (1, 3, 3.0), (1, 5, 3.0), (2, 5, 3.0)])
    model = BiasModel(mean=3.0, user_bias=np.zeros(2), item_bias=np.zeros(3))
    ranking = item_biases(model, ratings)
    assert ranking.columns()["item"] == [5, 3, 9]
    assert ranking.notes == ("all biases are equal: this ranks nothing",)


def test_a_model_that_knows_how_sure_it_is_says_so_of_each_bias() -> None:
    ratings = some_ratings(8, 10, seed=3, cold=2)
    model = posterior_model(ratings, 2)
    assert model.item_bias is not None
    ranking = item_biases(model, ratings)
    assert list(ranking.columns()) == [
        "rank", "item", "title", "bias", "deviation", "mean", "ratings",
    ]  # fmt: skip
    # What each draw says the average user would give an item more than the mean.
    offsets = np.array(
        [
            [np.mean([q[-1] + p[:-1] @ q[:-1] for p in users]) for q in items]
            for users, items in zip(model.user_draws, model.item_draws, strict=True)
        ]
    )
    for shown in (ranking, ranking.top(3), ranking.bottom(3)):
        assert shown.deviations is not None
        np.testing.assert_array_equal(shown.biases, model.item_bias[shown.codes])
        naive = offsets.std(axis=0, ddof=1)[shown.codes]
        np.testing.assert_allclose(shown.deviations, naive, rtol=1e-4)


def test_a_model_that_does_not_know_how_sure_it_is_has_no_deviations(small: Ratings) -> None:
    ranking = item_biases(factor_model(small, 2), small)
    assert ranking.deviations is None
    assert ranking.top(2).deviations is None
    assert "deviation" not in ranking.columns()


def test_deviations_are_small_where_there_are_many_ratings(bayesian: Recommender) -> None:
    ranking = bayesian.item_biases(2000)
    assert ranking.deviations is not None
    order = np.argsort(-ranking.counts)
    often, seldom = (ranking.deviations[order[part]] for part in (slice(100), slice(-500, None)))
    assert 0.04 < np.median(often) < 0.12
    assert 0.15 < np.median(seldom) < 0.4


def test_a_model_without_item_biases_is_refused_with_what_to_fit(small: Ratings) -> None:
    for model in (factor_model(small, 2, biases=False), network_model(small)):
        with pytest.raises(NotFittedFor, match="fit BayesianMF, BiasedMF or BiasesOnly"):
            item_biases(model, small)


def test_wrong_settings_and_ratings_are_refused(small: Ratings) -> None:
    model = factor_model(small, 2)
    with pytest.raises(ConfigError, match="most_rated must be an integer of at least 1, got 0"):
        item_biases(model, small, most_rated=0)
    with pytest.raises(DataError, match="6 users and 5 items, the ratings 1 and 1"):
        item_biases(model, make_ratings([(1, 1, 3.0)]))
    with pytest.raises(DataError, match="there are no ratings"):
        item_biases(model, small.take(np.zeros(0, np.int64)))


def test_a_recommender_ranks_by_title(movielens: Ratings) -> None:
    ranking = tm.BiasesOnly().fit(movielens).item_biases(most_rated=2000)
    assert len(ranking) == 2000
    assert "Shawshank Redemption, The (1994)" in ranking.top(15).columns()["title"]
    assert "Battlefield Earth (2000)" in ranking.bottom(15).columns()["title"]
    assert min(ranking.counts) == movielens.item_counts[movielens.most_rated_items(2000)[-1]]
