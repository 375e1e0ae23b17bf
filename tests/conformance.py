"""What every recipe's model must do. A new recipe is added by a line in `RECIPES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.recommender import Recommender
from tastemap.training.recipe import Recipe
from tests.conftest import make_ratings

QUICK = {"factors": 4, "schedule": ((1e-2, 3),), "batch_size": 4, "holdout": 0.0}

RECIPES: list[Recipe] = [
    tm.GlobalMean(),
    tm.BiasesOnly(),
    tm.DotProduct(**QUICK),
    tm.BiasedMF(**QUICK),
    tm.NeuralNet(**QUICK),
    tm.BiasedMF(solver="als", factors=3, sweeps=5),
    tm.BayesianMF(factors=3, sweeps=20, burn_in=4, draws=4),
    tm.BayesianMF(factors=3, sweeps=20, burn_in=4, draws=4, likelihood="ordinal"),
]

_FACTORS = tm.ImplicitALS(factors=3, sweeps=3)
LISTS: list[Recipe] = [
    tm.Popularity(),
    tm.ItemKNN(neighbours=2),
    tm.ItemKNN(similarity="adjusted cosine"),
    tm.RP3beta(neighbours=2),
    tm.EASE(regularization=2),
    tm.EASE(regularization=2, min_rating=4),
    _FACTORS,
    tm.ImplicitALS(factors=6, sweeps=3, block=2),
    tm.Blend(recipes=(tm.EASE(regularization=1), _FACTORS), weights=(2, 1)),
]
"""Recipes whose models rank items and predict no ratings."""


def predicts_finite_ratings_within_the_scale(model: Recommender, tmp_path: Path) -> None:
    everyone = model.predict(model.ratings.user_ids.ids.to_pylist())
    assert len(everyone) == model.ratings.n_users * model.ratings.n_items
    assert np.all(np.isfinite(everyone.pairs.unclipped))
    low, high = model.ratings.scale
    assert np.all((everyone.values >= low) & (everyone.values <= high))


def predicts_pairs_and_whole_users_alike(model: Recommender, tmp_path: Path) -> None:
    users = np.arange(model.ratings.n_users, dtype=np.int32)
    items = np.arange(model.ratings.n_items, dtype=np.int32)
    whole = model.model.predict_users(users)
    assert whole.shape == (len(users), len(items))
    assert whole.dtype == np.float32
    pairs = model.model.predict_pairs(np.repeat(users, len(items)), np.tile(items, len(users)))
    np.testing.assert_allclose(whole.ravel(), pairs, atol=1e-5)


def never_recommends_what_was_rated(model: Recommender, tmp_path: Path) -> None:
    for user in model.ratings.user_ids.ids.to_pylist():
        rated, _ = model.ratings.by_user.row(model.ratings.user_ids.code(user))
        given = [model.ratings.item_ids.code(item) for item in model.recommend(user, 99).items]
        assert len(given) == model.ratings.n_items - len(rated)
        assert not set(given) & set(rated.tolist())


def explains_in_parts_that_add_up(model: Recommender, tmp_path: Path) -> None:
    for user, item in ((10, 5), (20, 1), (60, 4)):
        explanation = model.explain(user, item)
        total = sum(row["contribution"] for row in explanation.to_dicts())
        unclipped = model.predict(user, item).pairs.unclipped[0]
        assert total == pytest.approx(float(unclipped), abs=1e-4)


def is_the_same_after_saving_and_loading(model: Recommender, tmp_path: Path) -> None:
    loaded = tm.load(model.save(tmp_path / "model"))
    everyone = model.ratings.user_ids.ids.to_pylist()
    before, after = model.predict(everyone), loaded.predict(everyone)
    assert before.pairs.unclipped.tobytes() == after.pairs.unclipped.tobytes()
    assert loaded.recipe == model.recipe
    assert loaded.history == model.history
    assert loaded.evaluation == model.evaluation


def is_the_same_with_the_same_seed(model: Recommender, tmp_path: Path) -> None:
    again = model.recipe.fit(model.ratings, seed=model.seed)
    for name, array in model.model.parameters().items():
        np.testing.assert_array_equal(array, again.model.parameters()[name])


def cannot_be_changed(model: Recommender, tmp_path: Path) -> None:
    for name, array in model.model.parameters().items():
        if name != "mean":
            assert not array.flags.writeable, name


def stays_in_its_vocabularies(model: Recommender, tmp_path: Path) -> None:
    assert model.model.n_users == model.ratings.n_users
    assert model.model.n_items == model.ratings.n_items


CHECKS: list[Callable[[Recommender, Path], None]] = [
    predicts_finite_ratings_within_the_scale,
    predicts_pairs_and_whole_users_alike,
    never_recommends_what_was_rated,
    explains_in_parts_that_add_up,
    is_the_same_after_saving_and_loading,
    is_the_same_with_the_same_seed,
    cannot_be_changed,
    stays_in_its_vocabularies,
]


def refuses_to_predict_ratings(model: Recommender, tmp_path: Path) -> None:
    assert model.model.predicts == "scores"
    with pytest.raises(tm.errors.NotFittedFor, match="predicts no ratings"):
        model.predict(10, 5)


def gives_scores_as_they_are(model: Recommender, tmp_path: Path) -> None:
    for user in model.ratings.user_ids.ids.to_pylist():
        code = np.array([model.ratings.user_ids.code(user)], np.int32)
        given = model.recommend(user, 99, seen=True)
        items = [model.ratings.item_ids.code(item) for item in given.items]
        assert len(items) == model.ratings.n_items
        np.testing.assert_array_equal(given.scores, model.score_codes(code)[0, items])
        assert np.all(np.diff(given.scores) <= 0)


def explains_scores_in_parts_that_add_up(model: Recommender, tmp_path: Path) -> None:
    everyone = np.arange(model.ratings.n_users, dtype=np.int32)
    scores = model.score_codes(everyone)
    for user, item in np.ndindex(scores.shape):
        raw = model.ratings.user_ids.raw(user), model.ratings.item_ids.raw(item)
        explanation = model.explain(*raw)
        assert explanation.score == pytest.approx(scores[user, item], abs=1e-5)
        assert explanation.contributions.sum() == pytest.approx(scores[user, item], abs=1e-4)


def ranks_the_same_after_saving_and_loading(model: Recommender, tmp_path: Path) -> None:
    loaded = tm.load(model.save(tmp_path / "model"))
    everyone = np.arange(model.ratings.n_users, dtype=np.int32)
    assert loaded.score_codes(everyone).tobytes() == model.score_codes(everyone).tobytes()
    assert loaded.recipe == model.recipe
    assert loaded.history == model.history


def takes_in_a_known_user_as_it_knows_them(model: Recommender, tmp_path: Path) -> None:
    # In training or new, the same ratings say the same: nothing of users is learnt but by them.
    for user in range(model.ratings.n_users):
        codes, values = model.ratings.by_user.row(user)
        titles = model.ratings.item_ids.raws(codes)
        new = model.recommend(ratings=dict(zip(titles, values.tolist(), strict=True)), n=99)
        known = model.recommend(model.ratings.user_ids.raw(user), n=99)
        np.testing.assert_allclose(new.scores, known.scores, rtol=1e-3, atol=1e-4)
        assert not set(new.items) & set(titles)


def fits_interactions_as_it_fits_ratings(model: Recommender, tmp_path: Path) -> None:
    taken = replace(model.ratings, values=np.ones(len(model.ratings), np.float32), explicit=False)
    asks = getattr(model.recipe, "min_rating", None) is not None
    if asks or getattr(model.recipe, "similarity", "cosine") != "cosine":
        with pytest.raises(tm.errors.DataError, match="interactions without ratings"):
            model.recipe.fit(taken)
        return
    again = model.recipe.fit(taken, seed=model.seed)
    for name, array in model.model.parameters().items():
        np.testing.assert_array_equal(array, again.model.parameters()[name])


def takes_in_new_ratings(model: Recommender, tmp_path: Path) -> None:
    new = make_ratings([(70, 1, 5.0), (70, 4, 4.0), (10, 5, 4.5), (20, 2, 5.0), (50, 99, 5.0)])
    found = model.with_ratings(new)
    notes = " ".join(found.ratings.notes)
    assert "ratings added: 4, replaced: 1, new users: 1, new items: 1" in notes
    popular = isinstance(model.recipe, tm.Popularity)
    assert ("the model knows nothing until it is trained again" in notes) != popular
    # Whatever holds after training holds now.
    never_recommends_what_was_rated(found, tmp_path)
    predicts_pairs_and_whole_users_alike(found, tmp_path)
    stays_in_its_vocabularies(found, tmp_path)
    cannot_be_changed(found, tmp_path)
    explains_scores_in_parts_that_add_up(found, tmp_path)
    ranks_the_same_after_saving_and_loading(found, tmp_path)
    takes_in_a_known_user_as_it_knows_them(found, tmp_path)
    if not isinstance(model.recipe, tm.Popularity | tm.Blend):
        # Who has nothing new, and all items that were there, are as they were.
        same = np.array([2, 3, 5], np.int32)
        before, after = model.model.predict_users(same), found.model.predict_users(same)
        np.testing.assert_allclose(after[:, :-1], before, atol=1e-6)
        assert not after[:, -1].any()


def takes_in_somebody_new(model: Recommender, tmp_path: Path) -> None:
    told = {"Alien (1979)": 5, 5: 4.5}
    folded = model.fold_in(told)
    assert repr(folded) == "<FoldedHistory with 2 ratings>"
    assert model.recommend(folded, 9).to_dicts() == model.recommend(ratings=told, n=9).to_dicts()
    again = model.with_ratings(make_ratings([(70, 1, 5.0), (70, 5, 4.5)])).recommend(70, 9)
    if not isinstance(model.recipe, tm.Popularity):
        assert again.items == model.recommend(folded, 9).items
    with pytest.raises(tm.errors.NotFittedFor, match="predicts no ratings"):
        model.predict(folded)
    with pytest.raises(tm.errors.NotFittedFor, match="has no questions"):
        model.ask_next(told)


LIST_CHECKS: list[Callable[[Recommender, Path], None]] = [
    predicts_pairs_and_whole_users_alike,
    never_recommends_what_was_rated,
    is_the_same_with_the_same_seed,
    cannot_be_changed,
    stays_in_its_vocabularies,
    refuses_to_predict_ratings,
    gives_scores_as_they_are,
    explains_scores_in_parts_that_add_up,
    ranks_the_same_after_saving_and_loading,
    takes_in_a_known_user_as_it_knows_them,
    fits_interactions_as_it_fits_ratings,
    takes_in_new_ratings,
    takes_in_somebody_new,
]


def fit(recipe: Recipe, small: Ratings) -> Recommender:
    """The recipe on the hand-written ratings, measured on some of them."""
    return recipe.fit(small, small.take(np.arange(4)), seed=3)
