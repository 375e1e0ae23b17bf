import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import ConfigError, NotFittedFor, UnknownItemError, UnknownUserError
from tastemap.models.factors import FactorModel
from tastemap.models.similarity import SimilarityModel
from tastemap.recommender import Recommender
from tastemap.training.baselines import BiasesOnly
from tastemap.training.history import TrainingHistory
from tastemap.training.recipe import Recipe
from tests.conftest import SCRIPT, make_ratings


def with_factors(train: Ratings, seed: int = 1) -> Recommender:
    """A model with known, hand-made factors: the recommender is what is tested."""
    random = np.random.default_rng(seed)
    model = FactorModel(
        mean=train.mean,
        user_bias=random.normal(size=train.n_users).astype(np.float32),
        item_bias=random.normal(size=train.n_items).astype(np.float32),
        user_factors=random.normal(size=(train.n_users, 3)).astype(np.float32),
        item_factors=random.normal(size=(train.n_items, 3)).astype(np.float32),
    )
    return Recommender.of(
        model, train, None, recipe=BiasesOnly(), seed=0, history=TrainingHistory(), seconds=0.0
    )


@pytest.fixture
def model(small: Ratings) -> Recommender:
    return with_factors(small)


def test_one_pair_is_the_equation_clipped_to_the_scale(model: Recommender) -> None:
    fitted = model.model
    user, item = 1, 3
    score = (
        fitted.mean
        + fitted.user_bias[user]
        + fitted.item_bias[item]
        + fitted.user_factors[user] @ fitted.item_factors[item]
    )
    prediction = model.predict(20, 4)
    assert prediction.pairs.unclipped[0] == pytest.approx(score, abs=1e-5)
    assert float(prediction) == pytest.approx(np.clip(score, 1, 5), abs=1e-5)
    assert prediction.sources == ["model"]


def test_a_title_is_as_good_as_an_id(model: Recommender) -> None:
    assert float(model.predict(20, "Alien (1979)")) == float(model.predict(20, 1))
    assert float(model.predict(20, "Alien  (1979)")) == float(model.predict(20, 1))
    assert model.predict(20, SCRIPT).items == [3]


def test_pairs_broadcast_one_user_or_one_item(model: Recommender) -> None:
    one_by_one = [float(model.predict(user, 5)) for user in (10, 20, 30)]
    assert model.predict([10, 20, 30], 5).values.tolist() == one_by_one
    assert model.predict([10, 20, 30], [5, 5, 5]).values.tolist() == one_by_one
    assert len(model.predict(10)) == 5
    every = model.predict([10, 20])
    assert every.users == [10] * 5 + [20] * 5
    assert every.values[5:].tolist() == model.predict(20).values.tolist()
    with pytest.raises(ConfigError, match="2 users and 3 items are not pairs"):
        model.predict([10, 20], [1, 2, 3])


def test_newcomers_fall_back_in_the_documented_order_and_the_result_says_so(
    model: Recommender,
) -> None:
    prediction = model.predict([10, 99, 10, 99], [1, 1, 77, 77])
    assert prediction.sources == ["model", "item bias", "user bias", "global mean"]
    fallback = model.fallback
    expected = [
        fallback.mean + fallback.item_bias[0],
        fallback.mean + fallback.user_bias[0],
        fallback.mean,
    ]
    np.testing.assert_allclose(prediction.pairs.unclipped[1:], expected, atol=1e-6)
    assert "1 from the item bias, 1 from the user bias, 1 from the global mean" in str(prediction)


def test_a_code_without_training_ratings_falls_back_too(small: Ratings) -> None:
    without_heat = small.take(small.items != 3)
    prediction = with_factors(without_heat).predict(20, 4)
    assert prediction.sources == ["user bias"]


def test_a_slip_in_a_title_or_an_id_of_another_type_is_an_error(model: Recommender) -> None:
    with pytest.raises(UnknownItemError, match="did you mean 'Alien"):
        model.predict(10, "Alein (1979)")
    with pytest.raises(UnknownUserError, match="user ids are integers here, such as 10"):
        model.predict("10", 1)
    with pytest.raises(
        UnknownItemError, match=r"2 items are called 'Heat .1995.': use an id, 4, 5"
    ):
        model.predict(10, "Heat (1995)")


def test_clipping_is_told(model: Recommender) -> None:
    everything = model.predict([10, 20, 30, 40, 50, 60])
    n = int(everything.pairs.clipped.sum())
    assert n > 0
    assert f"{n} outside the scale, shown as 1 or 5" in str(everything)


@pytest.mark.parametrize("many", [1, 1 << 24])  # chosen by compiled code, and by NumPy
def test_lists_in_codes_are_those_in_ids(
    model: Recommender, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemap.ranking._MANY", many)
    everyone = np.arange(model.ratings.n_users, dtype=np.int32)
    for seen in (False, True):
        items, scores = model.recommend_codes(everyone, 3, seen=seen)
        for code in everyone:
            user = model.ratings.user_ids.raw(code)
            expected = model.recommend(user, 3, seen=seen)
            there = items[code] >= 0
            assert model.ratings.item_ids.raws(items[code][there]) == expected.items
            low, high = model.ratings.scale
            np.testing.assert_allclose(scores[code][there].clip(low, high), expected.scores)
            assert np.isnan(scores[code][~there]).all()
    items, _ = model.recommend_codes(np.array([-1], np.int32), 2)
    assert (items >= 0).all()


def test_recommendations_are_the_unseen_items_best_first(model: Recommender) -> None:
    result = model.recommend(20, 10)
    assert set(result.items) == {3, 5}
    scores = model.model.predict_users(np.array([1]))[0]
    assert result.items == sorted([3, 5], key=lambda item: -scores[item - 1])
    assert result.ranks == [1, 2]
    assert result.filtered["already rated"] == 3
    assert "3 already rated" in str(result)
    assert set(model.recommend(20, 10, seen=True).items) == {1, 2, 3, 4, 5}


def test_filters_on_metadata_say_what_they_left_out(model: Recommender) -> None:
    crime = model.recommend(30, include={"genres": "Crime"})
    assert crime.items == [4]
    assert crime.filtered["not genres Crime"] == 4
    old = model.recommend(30, include={"year": (None, 1990)}, exclude={"genres": "Comedy"})
    assert old.items == [1]
    assert "2 not year up to 1990" in str(old)
    either = model.recommend(40, include={"genres": ["Comedy", "Crime"]})
    assert set(either.items) == {2, 4}
    with pytest.raises(ConfigError, match="no column 'genre': the columns are title, year, genres"):
        model.recommend(30, include={"genre": "Crime"})


def test_a_genre_is_matched_whole() -> None:
    rows = [(1, 1, 3.0), (1, 2, 4.0), (2, 1, 5.0)]
    model = with_factors(make_ratings(rows, metadata={"genres": ["Sci-Fi", "Sci-Fi-Noir|War"]}))
    assert model.recommend(2, include={"genres": "Sci-Fi"}).items == []
    assert model.recommend(2, include={"genres": "War"}).items == [2]


def test_rarely_rated_items_can_be_left_out(model: Recommender) -> None:
    assert model.recommend(20, min_ratings=3).items == [3]
    assert model.recommend(20, min_ratings=3).filtered["with fewer than 3 training ratings"] == 2


def test_a_batch_of_users_is_each_of_them_alone(model: Recommender) -> None:
    batch = model.recommend([10, 20, 60], 2)
    alone = [model.recommend(user, 2) for user in (10, 20, 60)]
    assert batch.items == [item for one in alone for item in one.items]
    assert batch.users == [10, 10, 20, 20, 60, 60]
    scores = np.concatenate([one.scores for one in alone])
    np.testing.assert_allclose(batch.scores, scores, atol=1e-5)


def test_a_batch_goes_through_bounded_blocks(
    model: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model.recommend([10, 20, 30, 40, 50, 60], 3)
    monkeypatch.setattr("tastemap.ranking.SCORES_AT_ONCE", 10)
    assert model.recommend([10, 20, 30, 40, 50, 60], 3).to_dicts() == whole.to_dicts()


def test_an_unknown_user_is_refused_and_a_user_without_ratings_is_told(small: Ratings) -> None:
    model = with_factors(small.take(small.users != 5))
    with pytest.raises(UnknownUserError, match="unknown user 7: there are 6 users"):
        model.recommend(7)
    result = model.recommend(60, 2)
    assert "user 60 has no training ratings: ranked by item bias" in str(result)
    best = np.argsort(-model.fallback.item_bias)[:2] + 1
    assert result.items == best.tolist()


def test_similar_items_are_ranked_by_cosine_and_leave_the_item_out(model: Recommender) -> None:
    vectors = model.model.item_factors
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    result = model.similar_items("Alien (1979)", 3)
    order = [code for code in np.argsort(-(unit @ unit[0])) if code != 0][:3]
    assert result.items == [code + 1 for code in order]
    np.testing.assert_allclose(result.similarities, (unit @ unit[0])[order], atol=1e-6)
    batch = model.similar_items([1, 2], 2)
    assert batch.of == [1, 1, 2, 2]
    assert batch.items[:2] == result.items[:2]


@pytest.mark.parametrize(
    "recipe",
    [tm.ItemKNN(neighbours=2, shrinkage=0), tm.RP3beta(neighbours=2), tm.EASE(regularization=2)],
    ids=lambda recipe: recipe.name,
)
def test_item_neighbours_are_similar_by_what_one_says_of_the_other(
    small: Ratings, recipe: Recipe
) -> None:
    model = recipe.fit(small)
    assert isinstance(model.model, SimilarityModel)
    for item in (1, 2, 5):
        # Who took this item alone has its weights as scores.
        scores = model.model.predict_new(np.array([item - 1], np.int32), np.ones(1, np.float32))
        scores[item - 1] = 0
        found = model.similar_items(item, 10)
        order = [code for code in np.argsort(-scores, kind="stable") if scores[code] > 0]
        assert list(found.items) == [code + 1 for code in order]
        np.testing.assert_allclose(found.similarities, scores[order], atol=1e-6)
    both = model.similar_items([1, 2], 2)
    assert both.to_dicts() == [
        *model.similar_items(1, 2).to_dicts(), *model.similar_items(2, 2).to_dicts()
    ]  # fmt: skip
    none = model.similar_items(1, min_ratings=99)
    assert len(none) == 0


def test_similarity_needs_item_vectors(small: Ratings) -> None:
    with pytest.raises(NotFittedFor, match="a BiasesOnly model does not say what items are like"):
        tm.BiasesOnly().fit(small).similar_items(1)


def test_numbers_of_items_are_checked(model: Recommender) -> None:
    with pytest.raises(ConfigError, match="n must be an integer of at least 1, got 0"):
        model.recommend(10, 0)


def test_string_ids_stay_strings() -> None:
    model = with_factors(make_ratings([("a", "x1", 1.0), ("b", "x2", 5.0), ("b", "x1", 2.0)]))
    assert model.recommend("a").items == ["x2"]
    assert model.predict("newcomer", "x1").sources == ["item bias"]
    with pytest.raises(UnknownUserError, match="user ids are strings here"):
        model.predict(3, "x1")
    named = with_factors(make_ratings([("alice", "x1", 1.0), ("bob", "x2", 5.0)]))
    with pytest.raises(UnknownUserError, match="did you mean 'alice'"):
        named.recommend("alise")


@pytest.fixture(scope="module")
def bayes(notebook_split: Split) -> Recommender:
    recipe = tm.BayesianMF(factors=8, sweeps=60, burn_in=20, draws=16)
    return recipe.fit(notebook_split.train, notebook_split.valid)


def test_intervals_hold_what_they_say(bayes: Recommender, notebook_split: Split) -> None:
    valid = notebook_split.valid
    pairs = bayes.predict_codes(valid.users, valid.items)
    interval = bayes.interval_codes(valid.users, valid.items, pairs, 0.8)
    own = ~np.isnan(interval.low)
    assert 734 == np.sum(~own) == np.sum(pairs.source != 0)
    inside = (valid.values >= interval.low) & (valid.values <= interval.high)
    assert 0.78 < inside[own].mean() < 0.84
    assert np.all(interval.low[own] <= pairs.values[own])
    assert np.all(pairs.values[own] <= interval.high[own])
    assert interval.low[own].min() >= 0.5
    assert interval.high[own].max() <= 5


def test_an_interval_is_shown_and_missing_where_the_model_does_not_say(
    bayes: Recommender,
) -> None:
    result = bayes.predict([4, 999_999], "Heat (1995)", interval=0.9)
    assert "low to high holds the rating in 90% of cases" in str(result)
    first, second = result.to_dicts()
    assert first["low"] < first["prediction"] < first["high"]
    assert np.isnan(second["low"])
    wider = bayes.predict(4, "Heat (1995)", interval=0.99).to_dicts()[0]
    assert wider["high"] - wider["low"] >= first["high"] - first["low"]
    with pytest.raises(ConfigError, match="above 0 and below 1, got 80"):
        bayes.predict(4, "Heat (1995)", interval=80)


def test_only_a_posterior_gives_intervals(model: Recommender) -> None:
    for user in (10, model.fold_in({1: 5.0})):
        with pytest.raises(NotFittedFor, match="cannot say how sure it is: fit BayesianMF"):
            model.predict(user, 1, interval=0.8)


def test_somebody_new_is_recommended_what_people_like_them_like(bayes: Recommender) -> None:
    liked = {"Star Wars: Episode IV - A New Hope (1977)": 5, "Alien (1979)": 5, 1196: 5}
    hated = dict.fromkeys(liked, 0.5)
    fans = bayes.recommend(ratings=liked, n=500, min_ratings=50)
    others = bayes.recommend(ratings=hated, n=500, min_ratings=50)
    assert not {260, 1196, 1214} & set(fans.items)
    assert fans.filtered["already rated"] == 3
    jedi = "Star Wars: Episode VI - Return of the Jedi (1983)"
    assert fans.titles.index(jedi) < others.titles.index(jedi)
    assert bayes.ratings.user_ids.find("new") == -1


def test_recommend_wants_a_user_or_ratings(bayes: Recommender) -> None:
    with pytest.raises(ConfigError, match="not both"):
        bayes.recommend()
    with pytest.raises(ConfigError, match="not both"):
        bayes.recommend(4, ratings={1: 5.0})
    with pytest.raises(UnknownItemError, match="did you mean"):
        bayes.recommend(ratings={"Alein (1979)": 5})


def test_a_newcomer_is_asked_about_items_people_know_one_after_the_other(
    bayes: Recommender,
) -> None:
    first = bayes.ask_next(n=3)
    assert len(first) == 3
    assert min(first.chances) > 0.1
    then = bayes.ask_next({first.items[0]: 4.0}, n=3)
    assert first.items[0] not in then.items
    with pytest.raises(ConfigError, match="n must be an integer of at least 1, got 0"):
        bayes.ask_next(n=0)
