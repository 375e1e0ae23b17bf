"""New users and new ratings, from the question to the answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import ConfigError, DataError, NotFittedFor, UnknownItemError
from tastemap.metrics.rating import rmse
from tastemap.newcomers import Newcomers
from tastemap.recommender import Recommender
from tests.conftest import interactions, make_ratings
from tests.test_recommender import with_factors

LIKED = {"Star Wars: Episode IV - A New Hope (1977)": 5, "Alien (1979)": 4.5, 1196: 5}


@pytest.fixture(scope="module")
def bayes(notebook_split: Split) -> Recommender:
    return tm.BayesianMF(factors=8, sweeps=60, burn_in=20, draws=16).fit(notebook_split.train)


def test_somebody_new_is_predicted_as_the_equations_say(bayes: Recommender) -> None:
    fan = bayes.fold_in(LIKED)
    assert repr(fan) == "<FoldedUser with 3 ratings>"
    found = bayes.predict(fan, ["Heat (1995)", 1210])
    assert found.users == ["new", "new"]
    assert found.items == [6, 1210]
    assert found.sources == ["model", "model"]
    codes = bayes.ratings.item_ids.codes([6, 1210])
    model = bayes.model
    expected = model.mean + fan.bias + model.item_bias[codes]
    expected = expected + model.item_factors[codes] @ fan.factors
    np.testing.assert_allclose(found.pairs.unclipped, expected, atol=1e-5)
    assert len(bayes.predict(fan)) == bayes.ratings.n_items


def test_recommend_takes_somebody_new_or_their_ratings(bayes: Recommender) -> None:
    by_user = bayes.recommend(bayes.fold_in(LIKED), 5, min_ratings=20)
    by_ratings = bayes.recommend(ratings=LIKED, n=5, min_ratings=20)
    assert by_user.to_dicts() == by_ratings.to_dicts()
    assert by_user.filtered == by_ratings.filtered
    assert by_user.filtered["already rated"] == 3


def test_an_item_nobody_rated_is_predicted_by_the_bias_of_the_newcomer(small: Ratings) -> None:
    model = with_factors(small.take(small.items != 3))
    fallback = model.fallback
    user = model.fold_in({1: 5.0, 2: 4.0, 4: 1.0})  # item 4 has no training ratings
    found = model.predict(user, [4, 77, 1])
    assert found.sources == ["user bias", "user bias", "model"]
    rest = [5 - fallback.item_bias[0], 4 - fallback.item_bias[1], 1.0]
    bias = sum(value - fallback.mean for value in rest) / (3 + 5)
    assert found.pairs.unclipped[0] == pytest.approx(fallback.mean + bias, abs=1e-5)
    nobody = model.predict(model.fold_in({}), [77, 1])
    assert nobody.sources == ["global mean", "model"]
    same = model.fold_in({1: 5.0, 2: 4.0})
    np.testing.assert_array_equal(same.factors, user.factors)


@pytest.mark.parametrize("value", [5.5, 0.5, float("nan"), "5", True, None])
def test_a_rating_off_the_scale_is_refused(small: Ratings, value: object) -> None:
    with pytest.raises(DataError, match=r"rating .* of 'Alien .*' is not on the scale .* 1 to 5"):
        with_factors(small).fold_in({"Alien (1979)": value})


def test_other_slips_are_told(small: Ratings, bayes: Recommender) -> None:
    model = with_factors(small)
    with pytest.raises(DataError, match="by its id and by its title"):
        model.fold_in({"Alien (1979)": 5.0, 1: 4.0})
    with pytest.raises(UnknownItemError, match="did you mean"):
        model.fold_in({"Alein (1979)": 5.0})
    stranger = bayes.fold_in(LIKED)
    for ask in (model.predict, model.recommend):
        with pytest.raises(ConfigError, match="folded into another model: use fold_in of this"):
            ask(stranger)


def test_models_without_biases_take_nobody_in(small: Ratings) -> None:
    recipes = (tm.BiasesOnly(), tm.DotProduct(factors=2, schedule=((0.01, 1),), holdout=0))
    for fitted in (recipe.fit(small) for recipe in recipes):
        for ask in (fitted.fold_in, fitted.with_ratings, fitted.ask_next):
            with pytest.raises(NotFittedFor, match="cannot take in new users or ratings: fit Baye"):
                ask({1: 5.0})


def held_out(train: Ratings, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some users, all of their rows, and half of each one's rows."""
    users = np.random.default_rng(seed).choice(train.n_users, n, replace=False)
    theirs = np.isin(train.users, users)
    known = theirs & (np.random.default_rng(seed).random(len(train)) < 0.5)
    return users, theirs, known


def folded_errors(
    without: Recommender, train: Ratings, users: np.ndarray, known: np.ndarray, rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ``rest`` and what folding in their users predicts, clipped."""
    rows, found = [], []
    raws = np.array(train.item_ids.ids.to_pylist())
    for user in users:
        mine = known & (train.users == user)
        ratings = dict(
            zip(raws[train.items[mine]].tolist(), train.values[mine].tolist(), strict=True)
        )
        asked = np.flatnonzero(rest & (train.users == user))
        if len(asked):
            folded = without.fold_in(ratings)
            rows.append(asked)
            found.append(without.predict(folded, raws[train.items[asked]].tolist()).values)
    return np.concatenate(rows), np.concatenate(found)


@pytest.mark.parametrize(
    "recipe",
    [
        tm.BayesianMF(factors=8, sweeps=100, burn_in=30, draws=20, calibration=0),
        tm.BayesianMF(
            factors=8, sweeps=100, burn_in=30, draws=20, calibration=0, likelihood="ordinal"
        ),
        tm.BiasedMF(solver="als", factors=16),
    ],
    ids=["bayesian", "ordinal", "als"],
)
def test_folding_in_predicts_as_well_as_training_again(
    notebook_split: Split, recipe: tm.BayesianMF | tm.BiasedMF
) -> None:
    train = notebook_split.train
    users, theirs, known = held_out(train, 150)
    without = recipe.fit(train.take(~theirs))
    again = recipe.fit(train.take(~theirs | known))
    rows, folded = folded_errors(without, train, users, known, theirs & ~known)
    assert len(rows) > 7_000
    refitted = again.predict_codes(train.users[rows], train.items[rows]).values
    assert rmse(train.values[rows], folded) < rmse(train.values[rows], refitted) + 0.01


def test_intervals_of_newcomers_hold_about_what_they_say(notebook_split: Split) -> None:
    train = notebook_split.train
    users, theirs, known = held_out(train, 100)
    recipe = tm.BayesianMF(factors=8, sweeps=60, burn_in=20, draws=16)
    without = recipe.fit(train.take(~theirs))
    raws = np.array(train.item_ids.ids.to_pylist())
    inside, n = 0, 0
    for user in users:
        mine, rest = known & (train.users == user), ~known & (train.users == user)
        rated = zip(raws[train.items[mine]].tolist(), train.values[mine].tolist(), strict=True)
        found = without.predict(
            without.fold_in(dict(rated)), raws[train.items[rest]].tolist(), interval=0.8
        )
        assert found.interval is not None
        own = np.isfinite(found.interval.low)
        assert own.tolist() == [source == "model" for source in found.sources]
        values = train.values[rest]
        within = (found.interval.low <= values) & (values <= found.interval.high)
        inside, n = inside + int(within[own].sum()), n + int(own.sum())
    assert 0.75 < inside / n < 0.84
    wide = [
        without.predict(
            without.fold_in(dict.fromkeys(raws[:many].tolist(), 4.0)), [1], interval=0.8
        )
        for many in (0, 40)
    ]
    assert wide[0].interval.deviation[0] > wide[1].interval.deviation[0]


@pytest.mark.parametrize(
    "recipe",
    [
        tm.BayesianMF(factors=8, sweeps=80, burn_in=20, draws=16),
        tm.BayesianMF(factors=8, sweeps=80, burn_in=20, draws=16, likelihood="ordinal"),
        tm.BiasedMF(solver="als", factors=16),
    ],
    ids=["bayesian", "ordinal", "als"],
)
def test_new_ratings_bring_a_model_close_to_training_again(
    notebook_split: Split, recipe: tm.BayesianMF | tm.BiasedMF
) -> None:
    """The last 5 % of the training ratings: most are by users the model has never seen."""
    train, valid = notebook_split.train, notebook_split.valid
    late = train.times >= np.quantile(train.times, 0.95)
    before = recipe.fit(train.take(~late))
    after = before.with_ratings(train.take(late))
    again = recipe.fit(train)
    touched = valid.take(np.isin(valid.users, train.users[late]))
    errors = [tm.evaluate(model, touched).rmse for model in (before, after, again)]
    assert errors[1] < errors[2] + 0.01
    assert errors[1] < errors[0] - 0.05
    others = valid.take(~np.isin(valid.users, train.users[late]))
    errors = [tm.evaluate(model, others).rmse for model in (before, after, again)]
    assert errors[1] < errors[0] + 0.002
    assert after.ratings.fingerprint != before.ratings.fingerprint
    assert len(after.ratings) == len(train)
    assert "replaced: 0, new users: 0" in after.ratings.notes[-1]
    assert after.evaluation is None


@pytest.mark.parametrize(
    ("recipe", "better"),
    [(tm.ItemKNN(), 0.02), (tm.RP3beta(), 0.04), (tm.ImplicitALS(factors=32), 0.05)],
    ids=["item-knn", "rp3beta", "implicit-als"],
)
def test_new_ratings_bring_lists_close_to_training_again(
    notebook_split: Split, recipe: tm.ItemKNN | tm.RP3beta | tm.ImplicitALS, better: float
) -> None:
    train, valid = notebook_split.train, notebook_split.valid
    late = train.times >= np.quantile(train.times, 0.95)
    before = recipe.fit(train.take(~late))
    after, again = before.with_ratings(train.take(late)), recipe.fit(train)
    touched = np.isin(valid.users, train.users[late])

    def found(model: Recommender, rows: np.ndarray) -> float:
        return tm.evaluate(model, valid.take(rows), level=None).measures["ndcg@10"]

    assert found(after, touched) > found(before, touched) + better
    assert found(after, touched) > found(again, touched) - 0.03
    assert found(after, ~touched) == pytest.approx(found(before, ~touched), abs=1e-3)


@pytest.mark.parametrize(
    "recipe",
    [tm.Popularity(min_rating=4), tm.Blend(recipes=(tm.Popularity(min_rating=4),))],
    ids=["alone", "in a blend"],
)
def test_popularity_counts_new_ratings_as_training_again_does(
    small: Ratings, recipe: tm.Popularity | tm.Blend, tmp_path: Path
) -> None:
    new = make_ratings([(70, 1, 5.0), (70, 4, 2.0), (10, 1, 1.0), (70, 99, 4.0)])
    loaded = tm.load(recipe.fit(small).save(tmp_path / "m"))
    found = loaded.with_ratings(new)
    again = recipe.fit(found.ratings)
    everyone = np.arange(found.ratings.n_users, dtype=np.int32)
    np.testing.assert_array_equal(found.score_codes(everyone), again.score_codes(everyone))


def test_new_interactions_are_read_as_such(small: Ratings, tmp_path: Path) -> None:
    model = tm.ItemKNN(neighbours=3).fit(interactions(small))
    path = tmp_path / "new.csv"
    path.write_text("user,item\n60,1\n60,2\n70,1\n", encoding="utf-8")
    found = model.with_ratings(path)
    assert "interactions added: 2, counted again: 1" in " ".join(found.ratings.notes)
    # Taken twice, an item says twice as much.
    scores = found.model.predict_users(np.array([5], np.int32))[0]
    once = model.model.predict_new(np.array([0, 1], np.int32), np.ones(2, np.float32))
    first = model.model.predict_new(np.array([0], np.int32), np.ones(1, np.float32))
    np.testing.assert_allclose(scores, once + first, atol=1e-6)
    with pytest.raises(DataError, match="no rating is at least 5"):
        tm.EASE(regularization=2, min_rating=5).fit(small).with_ratings(
            make_ratings([(10, 1, 1.0), (20, 4, 1.0), (40, 5, 1.0)])
        )


def test_new_ratings_come_from_any_table_and_bring_users_and_items(
    small: Ratings, tmp_path: Path
) -> None:
    model = tm.BayesianMF(factors=2, sweeps=20, burn_in=4, draws=4).fit(small)
    table = pa.table({"user": [70, 70, 10, 70], "item": [1, 4, 1, 99], "rating": [5.0, 4, 1, 2]})
    found = model.with_ratings(table)
    assert found.ratings.notes[-1] == ("ratings added: 3, replaced: 1, new users: 1, new items: 1")
    assert found.predict(70, 99).sources == ["model"]
    assert 70 not in model.ratings.user_ids
    assert float(found.predict(10, 1)) < float(model.predict(10, 1))
    assert found.recommend(70, 5).filtered["already rated"] == 3
    path = tmp_path / "new.csv"
    path.write_text("user,item,rating\n70,1,5\n70,4,4\n10,1,1\n70,99,2\n", encoding="utf-8")
    for same in (model.with_ratings(path), tm.load(model.save(tmp_path / "m")).with_ratings(table)):
        np.testing.assert_array_equal(same.model.user_draws, found.model.user_draws)
    other = model.with_ratings(table, seed=1)
    assert not np.array_equal(other.model.user_draws, found.model.user_draws)
    np.testing.assert_array_equal(other.model.user_factors, found.model.user_factors)
    again = tm.load(found.save(tmp_path / "updated"))
    everyone = found.ratings.user_ids.ids.to_pylist()
    np.testing.assert_array_equal(again.predict(everyone).values, found.predict(everyone).values)
    assert again.ratings.notes == found.ratings.notes
    assert found.explain(70, 4).made_from == "model"
    assert len(found.item_biases()) == 6
    assert model.with_ratings(make_ratings([(10, 2, 4.0)])).ratings.n_users == 6


@pytest.mark.parametrize("likelihood", ["normal", "ordinal"])
def test_users_folded_in_together_are_as_alone(small: Ratings, likelihood: str) -> None:
    recipe = tm.BayesianMF(factors=2, sweeps=8, burn_in=4, draws=4, likelihood=likelihood)
    model = recipe.fit(small)
    expects, n_items = Newcomers.of(model), model.ratings.n_items
    chance = np.random.default_rng(0)
    rated = [
        (
            chance.choice(n_items, n, replace=False).astype(np.int32),
            chance.integers(1, 6, n).astype(np.float32),
        )
        for n in (2, 0, 4, 1, 3)
    ]
    places = []
    for some, group in expects.fold_together(model, rated):
        places += some.tolist()
        predicted = group.predict()
        for row, place in enumerate(some):
            alone = expects.fold(model, *rated[place])
            np.testing.assert_allclose(group.user(row).factors, alone.factors, atol=1e-4)
            np.testing.assert_allclose(predicted[row], alone.predict(), atol=1e-4)
            np.testing.assert_allclose(group.user(row).covariance, alone.covariance, atol=1e-4)
    assert sorted(places) == list(range(5))


def test_only_users_with_about_as_many_ratings_are_folded_in_together(biased: Recommender) -> None:
    lengths = [300, 10, 2, 200, 4000, 12, 31]
    codes = np.arange(4000, dtype=np.int32)
    rated = [(codes[:n], np.full(n, 4, np.float32)) for n in lengths]
    groups = Newcomers.of(biased).fold_together(biased, rated)
    found = [sorted(lengths[place] for place in places) for places, _ in groups]
    assert found == [[2, 10, 12, 31], [200, 300], [4000]]
