"""Lists against a twin that ranks one user after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tastemap as tm
from tastemap.arrays import best_columns
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError
from tastemap.evaluation import lists
from tastemap.evaluation.evaluate import codes_of
from tastemap.recommender import Recommender
from tests.conftest import interactions, make_ratings
from tests.explanation.worlds import factor_model, recommender, some_ratings


def world(seed: int = 0) -> tuple[Recommender, Ratings]:
    """A model of random numbers, and test ratings that know more users and items than it."""
    ratings = some_ratings(30, 25, seed=seed, cold=0)
    split = tm.split.random(ratings, 0.4, seed=seed)
    warm = (split.train.users > 1) & (split.train.items > 1)  # two users and items become cold
    train = split.train.take(warm)
    return recommender(factor_model(train, 3, seed=seed), train), split.valid


def naive(model: Recommender, test: Ratings, k: int, liked: float) -> dict[int, list[int]]:
    """Best items of each user with something to find, from sorting Python lists."""
    train = model.ratings
    found = {}
    for user in range(test.n_users):
        rated = set(train.items[train.users == user].tolist())
        mine = (test.users == user) & (test.values >= liked)
        if not set(test.items[mine].tolist()) - rated:
            continue
        cold = not rated
        scores = (
            model.fallback.item_bias if cold else model.model.predict_users(np.array([user]))[0]
        )
        could = [i for i in range(train.n_items) if train.item_counts[i] and i not in rated]
        found[user] = sorted(could, key=lambda i: -scores[i])[:k]
    return found


@pytest.mark.parametrize("at_once", [1, 60, 1 << 22])
def test_lists_are_those_of_a_naive_twin(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "SCORES_AT_ONCE", at_once)
    model, test = world()
    ranked = lists.rank(model, test, *codes_of(test, model.ratings), k=(3, 7))
    assert ranked is not None
    expected = naive(model, test, 7, liked=4.0)
    assert ranked.users.tolist() == list(expected)
    assert ranked.items.tolist() == list(expected.values())
    said = ranked.measures
    assert said.relevant_from == 4.0
    assert said.users + said.left_out == len(np.unique(test.users))
    assert said.new_users == np.sum(model.ratings.user_counts[list(expected)] == 0) > 0
    assert said.without_ratings == np.sum((test.items < 2) & (test.values >= 4))
    train = model.ratings
    for row, (user, given) in enumerate(expected.items()):
        wanted = set(test.items[(test.users == user) & (test.values >= 4)].tolist())
        wanted -= set(train.items[train.users == user].tolist())
        hits = [item in wanted for item in given]
        assert ranked.each["precision@3"][row] == pytest.approx(sum(hits[:3]) / 3)
        assert ranked.each["recall@7"][row] == pytest.approx(sum(hits) / len(wanted))
        gains = [hit / np.log2(place + 2) for place, hit in enumerate(hits)]
        best = sum(1 / np.log2(place + 2) for place in range(min(7, len(wanted))))
        assert ranked.each["ndcg@7"][row] == pytest.approx(sum(gains) / best)
    for name, values in ranked.each.items():
        assert said.measures[name] == pytest.approx(np.nanmean(values))
    shown = {item for given in expected.values() for item in given}
    assert said.measures["catalog@7"] == len(shown) / np.count_nonzero(train.item_counts)


def test_lists_are_those_that_recommend_gives(small: Ratings) -> None:
    model = recommender(factor_model(small, 2), small)
    test = make_ratings([(10, 4, 5.0), (20, 5, 5.0), (60, 3, 4.0), (60, 2, 4.5)])
    ranked = lists.rank(model, test, *codes_of(test, small), k=(2,))
    assert ranked is not None
    for user, given in zip(ranked.users, ranked.items, strict=True):
        shown = model.recommend(test.user_ids.raw(user), 2).items
        assert small.item_ids.raws(given[given >= 0]) == shown


def test_what_was_trained_on_is_nothing_to_find(small: Ratings) -> None:
    model = recommender(factor_model(small, 2), small)
    assert lists.rank(model, small, *codes_of(small, small), k=(2,)) is None
    assert tm.evaluate(model, small).lists is None


def test_a_pair_that_is_there_twice_is_found_once(small: Ratings) -> None:
    model = recommender(factor_model(small, 2), small)
    test = make_ratings([(60, 2, 4.0), (60, 2, 5.0), (60, 3, 5.0)])
    ranked = lists.rank(model, test, *codes_of(test, small), k=(4,))
    assert ranked is not None
    assert ranked.measures.relevant == 2
    assert ranked.measures.measures["recall@4"] == 1


def test_relevant_is_the_upper_quarter_of_the_scale(small: Ratings, movielens: Ratings) -> None:
    assert lists.threshold(small, small) == 4.0  # of 1 to 5, where 4 occurs
    assert lists.threshold(movielens, movielens) == 4.0  # of half stars
    ten = make_ratings([(1, item, float(value)) for item, value in enumerate(range(1, 11))])
    assert lists.threshold(ten, ten) == 8.0


def test_of_a_model_of_interactions_the_scale_is_that_of_the_test_ratings() -> None:
    rated = some_ratings(30, 25, seed=3, cold=0)
    split = tm.split.random(rated, 0.4)
    taken = replace(split.train, explicit=False, values=np.ones(len(split.train), np.float32))
    model = tm.Popularity().fit(taken)
    found = tm.evaluate(model, split.valid).lists
    assert found is not None
    assert found.relevant_from == lists.threshold(split.valid, split.valid) > 1
    clicks = replace(split.valid, explicit=False, values=np.ones(len(split.valid), np.float32))
    with pytest.raises(ConfigError, match="relevant_from=4 asks for ratings"):
        tm.evaluate(model, clicks, relevant_from=4)


def test_what_is_said_of_interactions_does_not_call_them_ratings() -> None:
    taken = interactions(some_ratings(30, 25, seed=3, cold=2))
    split = tm.split.random(taken, 0.4)
    found = tm.evaluate(tm.Popularity().fit(split.train), split.valid)
    assert found.noun == "interactions"
    said = " ".join(found.notes)
    assert "training interactions" in said
    assert "rating" not in said


def test_a_lower_bar_makes_more_test_rows_relevant(small: Ratings) -> None:
    model = recommender(factor_model(small, 2), small)
    test = make_ratings([(60, 2, 2.0), (60, 3, 4.0)])
    strict, mild = tm.evaluate(model, test), tm.evaluate(model, test, relevant_from=2)
    assert strict.lists is not None
    assert mild.lists is not None
    assert (strict.lists.relevant, mild.lists.relevant) == (1, 2)
    assert "relevant: rated 2 or higher" in str(mild)


def test_equal_scores_get_no_credit_for_the_order_of_the_file() -> None:
    # The first items are the ones everybody likes; a constant knows nothing of that.
    rows = [(user, item, 5.0 if item < 5 else 1.0) for user in range(40) for item in range(40)]
    ratings = make_ratings(rows)
    split = tm.split.random(ratings, 0.5)
    found = tm.evaluate(tm.GlobalMean().fit(split.train), split.valid, k=5)
    assert found.measures["auc"] == 0.5
    assert found.measures["precision@5"] < 0.3  # in the order of the file it would be 0.5
    assert tm.evaluate(tm.BiasesOnly().fit(split.train), split.valid).measures["auc"] == 1


def test_the_best_columns_with_ties_are_those_that_come_first_in_the_order() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        scores = random.integers(0, 4, (6, 9)).astype(np.float32)
        scores[random.random(scores.shape) < 0.4] = -np.inf
        order = random.permutation(9)
        found = best_columns(scores, 4, order)
        for row, given in zip(scores, found, strict=True):
            there = [i for i in order if row[i] > -np.inf]
            expected = sorted(there, key=lambda i: -row[i])[:4]
            assert given[given >= 0].tolist() == expected


def test_sampled_ranking_is_easier_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    model, test = world()
    full, few = tm.evaluate(model, test, k=3), tm.evaluate(model, test, k=3, sampled=2)
    assert "worse of two models" in caplog.text
    assert few.measures["ndcg@3"] > full.measures["ndcg@3"]
    assert "sampled ranking, among 2 random items a user" in str(few)
    assert "catalog@3" not in few.measures
    # Among as many as there are, it is full ranking.
    whole = tm.evaluate(model, test, k=3, sampled=1000)
    for name in ("ndcg@3", "auc", "mrr@3"):
        assert whole.measures[name] == pytest.approx(full.measures[name])


def test_sampled_auc_is_that_of_full_ranking_on_average() -> None:
    model, test = world()
    users, items = codes_of(test, model.ratings)
    drawn = [
        lists.rank(model, test, users, items, k=(3,), sampled=4, seed=seed) for seed in range(200)
    ]
    mean = np.mean([one.measures.measures["auc"] for one in drawn if one])
    assert mean == pytest.approx(tm.evaluate(model, test).measures["auc"], abs=0.01)


def test_lengths_and_numbers_out_of_range_are_refused() -> None:
    model, test = world()
    for wrong in (0, (5, -1), ()):
        with pytest.raises(ConfigError, match=r"at least 1, got|no lengths of lists"):
            tm.evaluate(model, test, k=wrong)
    with pytest.raises(ConfigError, match="sampled must be an integer of at least 1"):
        tm.evaluate(model, test, sampled=0)


def test_a_list_longer_than_the_catalog_is_as_long_as_it_can_be() -> None:
    model, test = world()
    found = tm.evaluate(model, test, k=1000)
    assert found.lists is not None
    reachable = found.lists.relevant - found.lists.without_ratings
    assert found.measures["precision@1000"] * 1000 * found.lists.users == pytest.approx(reachable)


def test_scores_that_are_no_number_are_never_listed(small: Ratings) -> None:
    whole = factor_model(small, 2)
    factors = whole.item_factors.copy()
    factors[3] = np.nan
    model = recommender(replace(whole, item_factors=factors), small)
    test = make_ratings([(60, 2, 4.0), (60, 4, 5.0)])
    ranked = lists.rank(model, test, *codes_of(test, small), k=(4,))
    assert ranked is not None
    assert 3 not in ranked.items
