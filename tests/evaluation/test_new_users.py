"""Strong generalisation: users kept out of training, folded in, and measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import ConfigError, DataError, NotFittedFor
from tastemap.evaluation.new_users import check_recipes, with_new_users
from tastemap.models.bias import BiasModel
from tastemap.training.registry import RECIPES


@pytest.fixture(scope="module")
def parts(movielens: Ratings) -> Split:
    return tm.split.new_users(movielens)


def test_new_users_are_in_no_training_rating(movielens: Ratings, parts: Split) -> None:
    assert parts.known is not None
    train, known, valid = (set(part.users.tolist()) for part in (parts.train, parts.known,
                                                                 parts.valid))  # fmt: skip
    assert not train & (known | valid)
    assert 0.15 < len(known | valid) / movielens.n_users < 0.25
    assert len(parts.train) + len(parts.known) + len(parts.valid) == len(movielens)
    assert 0.47 < len(parts.known) / (len(parts.known) + len(parts.valid)) < 0.53


def test_a_folded_user_is_predicted_as_by_fold_in(parts: Split) -> None:
    model = tm.BiasedMF(solver="als", factors=4, sweeps=3).fit(parts.train)
    assert parts.known is not None
    ready = with_new_users(model, parts.known)
    user = int(parts.known.users[0])
    items, values = parts.known.by_user.row(user)
    raw = model.ratings.item_ids.raws(items)
    alone = model.fold_in(dict(zip(raw, map(float, values), strict=True)))
    scores = ready.model.predict_users(np.array([user]))[0]
    np.testing.assert_allclose(scores, alone.predict(), atol=1e-4)
    old = int(parts.train.users[0])
    before, after = (one.model.predict_users(np.array([old])) for one in (model, ready))
    np.testing.assert_allclose(before, after, atol=1e-5)


def test_users_are_better_known_than_without_their_ratings(parts: Split) -> None:
    models = {
        "mf": tm.BiasedMF(solver="als", factors=8).fit(parts.train),
        "biases": tm.BiasesOnly().fit(parts.train),
        "mean": tm.GlobalMean().fit(parts.train),
    }
    cold = {name: tm.evaluate(one, parts.valid, k=None) for name, one in models.items()}
    told = tm.compare(models, parts.valid, known=parts.known)
    found = {one.model: one for one in told.evaluations}
    assert [one.model for one in told.evaluations] == ["mf", "biases", "mean"]
    assert found["biases"].rmse < cold["biases"].rmse - 0.02
    assert found["mf"].folded_in == len(np.unique(parts.known.users))
    assert cold["mf"].folded_in is None
    assert cold["mf"].made_from["model"] == 0
    assert found["mf"].made_from["model"] > 0.9 * len(parts.valid)
    assert "users were new, and folded in" in str(told)


def test_the_bias_of_a_new_user_is_their_damped_mean(parts: Split) -> None:
    model = tm.BiasesOnly().fit(parts.train)
    assert parts.known is not None
    ready = with_new_users(model, parts.known)
    assert isinstance(model.model, BiasModel)
    assert isinstance(ready.model, BiasModel)
    user = int(parts.known.users[0])
    rows = (parts.known.users == user) & (parts.train.item_counts[parts.known.items] > 0)
    rest = parts.known.values[rows] - model.model.mean
    rest = rest - model.model.item_bias[parts.known.items[rows]]
    assert ready.model.user_bias[user] == pytest.approx(rest.sum() / (5 + rows.sum()), abs=1e-5)


def test_recipes_are_compared_on_new_users_with_their_known_ratings(parts: Split) -> None:
    recipe = tm.BiasedMF(solver="als", factors=4, sweeps=3)
    found = tm.compare_recipes([recipe], parts, seeds=(0,), k=5)
    own = next(one for one in found.evaluations if one.model == "biased")
    alone = tm.evaluate(recipe.fit(parts.train), parts.valid, k=5, known=parts.known)
    assert own.measures == pytest.approx(alone.measures)
    assert own.folded_in == alone.folded_in


@pytest.mark.parametrize(
    "recipe",
    [tm.ItemKNN(min_rating=4), tm.ImplicitALS(factors=4, sweeps=2), tm.Popularity()],
    ids=lambda recipe: recipe.name,
)
def test_lists_of_new_users_are_those_that_recommend_gives(
    parts: Split, recipe: tm.ItemKNN | tm.ImplicitALS | tm.Popularity
) -> None:
    model = recipe.fit(parts.train)
    assert parts.known is not None
    ready = with_new_users(model, parts.known)
    users = np.unique(parts.known.users)[:20]
    listed, _ = ready.recommend_codes(users, 5)
    for user, given in zip(users, listed, strict=True):
        items, values = parts.known.by_user.row(user)
        told = dict(zip(model.ratings.item_ids.raws(items), map(float, values), strict=True))
        assert model.ratings.item_ids.raws(given) == model.recommend(ratings=told, n=5).items
    old = parts.train.users[:1]
    np.testing.assert_array_equal(*(x.recommend_codes(old)[0] for x in (model, ready)))
    found = tm.evaluate(model, parts.valid, known=parts.known)
    assert found.folded_in == len(np.unique(parts.known.users))
    with pytest.raises(NotFittedFor, match="measured only"):
        ready.model.parameters()


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipes_that_cannot_fold_in_are_refused_before_they_are_fitted(
    parts: Split, name: str
) -> None:
    small = {"biased": {"solver": "als"}, "dot": {"schedule": ((0.01, 1),)}, "neural": {
        "schedule": ((0.01, 1),)}, "bayesian": {"sweeps": 4, "burn_in": 2, "draws": 2}}  # fmt: skip
    recipe = RECIPES[name](**small.get(name, {}))  # type: ignore[arg-type]
    assert parts.known is not None
    try:
        with_new_users(recipe.fit(parts.train), parts.known)
    except NotFittedFor:
        with pytest.raises(NotFittedFor, match="cannot take in new users"):
            tm.compare_recipes([recipe], parts, on_fit=pytest.fail)
        with pytest.raises(NotFittedFor, match="cannot take in new users"):
            tm.tune(recipe, [parts], trials=1, on_trial=pytest.fail)  # type: ignore[arg-type]
    else:
        check_recipes([recipe], parts)


def test_lists_by_known_ratings_beat_the_list_for_everybody(parts: Split) -> None:
    models = {x.name: x.fit(parts.train) for x in (tm.ItemKNN(), tm.Popularity())}
    found = {
        name: tm.evaluate(one, parts.valid, known=parts.known).measures["ndcg@10"]
        for name, one in models.items()
    }
    assert found["item-knn"] > found["popularity"] + 0.02


def test_of_a_new_item_a_folded_user_is_predicted_as_by_predict(parts: Split) -> None:
    model = tm.BiasedMF(solver="als", factors=4, sweeps=3).fit(parts.train)
    assert parts.known is not None
    ready = with_new_users(model, parts.known)
    cold = np.flatnonzero(parts.train.item_counts == 0)[:1].astype(np.int32)
    rated_cold = parts.known.users[parts.train.item_counts[parts.known.items] == 0]
    for user in {int(parts.known.users[0]), int(rated_cold[0])}:
        items, values = parts.known.by_user.row(user)
        raw = model.ratings.item_ids.raws(items)
        alone = model.fold_in(dict(zip(raw, map(float, values), strict=True)))
        expected = model.predict(alone, model.ratings.item_ids.raws(cold))
        pairs = ready.predict_codes(np.array([user], np.int32), cold)
        assert pairs.source.tolist() == expected.pairs.source.tolist()
        np.testing.assert_allclose(pairs.unclipped, expected.pairs.unclipped, atol=1e-5)


def test_what_cannot_be_folded_in_is_refused(parts: Split, notebook_split: Split) -> None:
    dot = tm.DotProduct(factors=2, schedule=((1e-2, 1),), holdout=0.0).fit(parts.train)
    with pytest.raises(NotFittedFor, match="cannot take in new users or ratings: fit BayesianMF"):
        tm.evaluate(dot, parts.valid, known=parts.known)
    model = tm.BiasesOnly().fit(notebook_split.train)
    with pytest.raises(DataError, match="has training ratings"):
        tm.evaluate(model, parts.valid, known=notebook_split.valid)
    assert parts.known is not None
    taken = replace(parts.known, explicit=False, values=np.ones(len(parts.known), np.float32))
    with pytest.raises(DataError, match="one has ratings and one interactions"):
        tm.evaluate(tm.BiasesOnly().fit(parts.train), parts.valid, known=taken)
    with pytest.raises(ConfigError, match="known_fraction"):
        tm.split.new_users(parts.train, known_fraction=1.0)
    with pytest.raises(DataError, match="part empty"):
        tm.split.new_users(parts.train.take(np.arange(3)), 0.5)
