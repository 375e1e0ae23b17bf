"""Chances of liking beside scores: are they kept, alike in every way to ask, and right?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import DataError, NotFittedFor
from tastemap.liking import nearness
from tastemap.models.liking import Liking
from tastemap.recommender import Recommender
from tastemap.training.recipe import Recipe
from tests.conftest import interactions, make_ratings


@pytest.fixture(scope="module")
def split(movielens: Ratings) -> Split:
    """Of the items with 20 ratings or more: 1,300 films, so that EASE takes no time."""
    return tm.split.random(movielens.min_counts(item=20))


@pytest.fixture(scope="module")
def knn(split: Split) -> Recommender:
    return tm.ItemKNN().fit(split.train).with_liking()


@pytest.mark.parametrize(
    "recipe",
    [
        tm.ItemKNN(),
        tm.EASE(min_rating=4),
        tm.ImplicitALS(factors=16, sweeps=5),
        tm.BiasesOnly(),
        tm.BiasedMF(solver="als", factors=8),
        tm.BayesianMF(factors=8, sweeps=60, burn_in=20, draws=16),
    ],
    ids=lambda recipe: recipe.name,
)
def test_items_are_liked_as_often_as_is_said(recipe: Recipe, split: Split) -> None:
    model = recipe.fit(split.train).with_liking()
    valid = split.valid
    found = tm.reliability(model, valid)
    assert found.liked_from == 4
    assert found.error < 0.03
    assert np.abs(found.chances - found.shares).max() < 0.06
    assert found.brier < found.brier_without - 0.04
    # Of recommended items above all, those that were held out and are in the first ten.
    lists, _ = model.recommend_codes(np.arange(valid.n_users, dtype=np.int32))
    listed = np.any(lists[valid.users] == valid.items[:, None], axis=1)
    chances = model.liking_codes(valid.users[listed], valid.items[listed])
    liked = valid.values[listed] >= 4
    luck = 2.5 * np.sqrt(liked.mean() * (1 - liked.mean()) / len(liked))
    assert np.nanmean(chances) == pytest.approx(liked.mean(), abs=0.02 + luck)


def test_lists_show_the_chances_of_their_pairs(knn: Recommender) -> None:
    users = knn.ratings.user_ids.raws(range(5))
    shown = knn.recommend(users, 7, min_ratings=30)
    asked = knn.liking_codes(
        knn.ratings.user_ids.codes(list(shown.users)), knn.ratings.item_ids.codes(list(shown.items))
    )
    np.testing.assert_array_equal(shown.chances, asked)
    assert "chance_liked: to be rated 4 or higher, once rated" in shown.notes
    assert shown.to_dicts()[0]["chance_liked"] == pytest.approx(float(asked[0]))


@pytest.mark.parametrize(
    "recipe", [tm.ItemKNN(), tm.BayesianMF(factors=4, sweeps=20, burn_in=4, draws=4)]
)
def test_somebody_new_has_the_chances_of_a_user_with_their_ratings(
    recipe: Recipe, split: Split
) -> None:
    model = recipe.fit(split.train).with_liking()
    train = model.ratings
    items, _ = train.by_user.row(3)
    own = {train.item_ids.raw(item): float(value)
           for item, value in zip(items, train.values[train.users == 3], strict=True)}  # fmt: skip
    assert model.model.predicts == "scores" or len(own) > 20
    new = model.recommend(ratings=own, n=20)
    everyone = model.liking_codes(
        np.full(20, 3, np.int32), model.ratings.item_ids.codes(list(new.items))
    )
    assert new.chances is not None
    np.testing.assert_allclose(
        new.chances, everyone, atol=0.005 if recipe.name != "bayesian" else 0.1
    )


@pytest.fixture(scope="module")
def bayesian(split: Split) -> Recommender:
    """One that knows how sure it is, and what users were like from day to day."""
    recipe = tm.BayesianMF(days=True, factors=4, sweeps=20, burn_in=4, draws=4)
    return recipe.fit(split.train).with_liking()


def test_predictions_show_the_chances_of_lists(bayesian: Recommender) -> None:
    user = bayesian.ratings.user_ids.raw(3)
    listed = bayesian.recommend(user, 20)
    found = bayesian.predict(user, listed.items, interval=0.8)
    assert found.chances is not None
    np.testing.assert_array_equal(found.chances, listed.chances)
    assert list(found.columns())[-2:] == ["chance_liked", "made_from"]
    assert "chance_liked: to be rated 4 or higher, once rated" in found.notes
    # Of somebody new as well.
    some = dict(zip(listed.items[:5], (5, 4.5, 2, 3, 5), strict=True))
    listed = bayesian.recommend(ratings=some)
    np.testing.assert_array_equal(
        bayesian.predict(bayesian.fold_in(some), listed.items).chances, listed.chances
    )


def test_a_chance_is_of_the_day_that_is_asked_for(bayesian: Recommender) -> None:
    train, liking = bayesian.ratings, bayesian.liking
    assert train.times is not None
    assert liking is not None
    users, items, times = train.users[:50], train.items[:50], train.times[:50]
    for user, item, time in zip(users[::10], items[::10], times[::10].tolist(), strict=True):
        ids = train.user_ids.raw(user), train.item_ids.raw(item)
        found = bayesian.predict(*ids, at=time, interval=0.8)
        assert found.interval is not None
        assert found.chances is not None
        above = (float(found.pairs.unclipped[0]) - 4) / float(found.interval.deviation[0])
        constant, weight = liking.weights
        expected = 1 / (1 + np.exp(-(constant + weight * above)))
        assert float(found.chances[0]) == pytest.approx(expected, rel=1e-4)
        usual = bayesian.predict(*ids).chances
        assert usual is not None
        assert found.chances[0] != usual[0]


def test_a_prediction_that_fell_back_has_no_chance(bayesian: Recommender) -> None:
    ids = bayesian.ratings.item_ids
    found = bayesian.predict(bayesian.ratings.user_ids.raw(0), [ids.raw(0), 987_654])
    unknown = bayesian.predict(987_654, ids.raw(0))
    assert found.chances is not None
    assert unknown.chances is not None
    assert np.isnan([*found.chances, *unknown.chances]).tolist() == [False, True, True]


def test_nearness_is_the_rank_among_what_is_not_rated() -> None:
    scores = np.array([[3, 1, 2, 5], [0, 0, 0, 0], [1, 1, 0, 9]], np.float32)
    rated = np.array([0, 2]), np.array([3, 0], np.int32)
    near = nearness(scores, rated)
    np.testing.assert_allclose(near[0, :3], -np.log(np.array([1, 3, 2]) / 4), rtol=1e-6)
    assert np.all(np.isnan(near[1]))
    np.testing.assert_allclose(near[2, 1:], -np.log(np.array([2, 3, 1]) / 4), rtol=1e-6)


def test_of_whom_the_model_knows_nothing_it_says_no_chance(split: Split) -> None:
    train = split.train
    kept = (train.users != 7) & (train.items != 5)
    model = tm.ItemKNN(min_rating=4).fit(train.take(kept)).with_liking()
    cold = model.recommend(train.user_ids.raw(7), 3)
    assert cold.chances is not None
    assert np.all(np.isnan(cold.chances))
    assert {row[-1] for row in zip(*cold.text_columns().values(), strict=True)} == {"-"}
    asked = model.liking_codes(
        np.array([7, -1, 0, 0, 0], np.int32), np.array([0, 0, -1, 5, 0], np.int32)
    )
    assert np.isnan(asked).tolist() == [True, True, True, True, False]


def test_they_are_kept_in_a_model_folder_and_when_ratings_are_added(
    knn: Recommender, tmp_path: Path
) -> None:
    loaded = tm.load(knn.save(tmp_path / "m"))
    assert loaded.liking == knn.liking
    user = knn.ratings.user_ids.raw(0)
    np.testing.assert_array_equal(loaded.recommend(user).chances, knn.recommend(user).chances)


def test_they_are_the_same_with_the_same_seed(knn: Recommender) -> None:
    assert knn.recipe.fit(knn.ratings).with_liking().liking == knn.liking


def test_another_rating_can_be_the_lowest_like(knn: Recommender, split: Split) -> None:
    easy = knn.with_liking(3)
    found = tm.reliability(easy, split.valid)
    assert found.liked_from == 3
    assert found.error < 0.03
    assert found.chances.mean() > tm.reliability(knn, split.valid).chances.mean() + 0.2


def test_without_it_lists_have_no_chances(split: Split) -> None:
    model = tm.Popularity().fit(split.train)
    assert "chance_liked" not in model.recommend(model.ratings.user_ids.raw(0)).columns()
    biases = tm.BiasesOnly().fit(split.train)
    assert "chance_liked" not in biases.predict(biases.ratings.user_ids.raw(0)).columns()
    with pytest.raises(NotFittedFor, match="has not learnt what users like"):
        model.liking_codes(np.zeros(1, np.int32), np.zeros(1, np.int32))


def test_what_cannot_be_learnt_is_refused(split: Split) -> None:
    with pytest.raises(NotFittedFor, match="what users took and not what they liked"):
        tm.ItemKNN().fit(interactions(split.train)).with_liking()
    with pytest.raises(DataError, match="a chance of liking takes 50 that are"):
        tm.ItemKNN().fit(split.train).with_liking(5.5)
    alone = make_ratings([(1, 1, 4.0)])
    with pytest.raises(DataError, match="too few"):
        tm.BiasesOnly().fit(alone).with_liking()


def test_many_ratings_are_those_of_whole_users(
    knn: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemap.liking._ROWS", 2000)
    fewer = knn.with_liking().liking
    assert isinstance(fewer, Liking)
    assert isinstance(knn.liking, Liking)
    assert 1000 < fewer.rows <= 2000 < knn.liking.rows
    np.testing.assert_allclose(fewer.weights, knn.liking.weights, atol=0.6)
