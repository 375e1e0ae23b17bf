import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tastemap as tm
from tastemap.arrays import Codes, Values
from tastemap.data.ratings import Ratings
from tastemap.explanation import own_ratings
from tastemap.explanation.basis import Centres
from tastemap.explanation.own_ratings import OWN, REST, GroupWhys, Reason, Why
from tastemap.models.bias import BiasModel
from tastemap.models.fold_in import FoldedUser
from tastemap.models.preference import PreferenceModel
from tastemap.models.similarity import SimilarityModel
from tastemap.newcomers import Newcomers
from tastemap.recommender import Recommender
from tests.conftest import interactions
from tests.explanation.worlds import factor_model, recommender, some_ratings

RATINGS = some_ratings(30, 40, cold=2)
ITEMS = np.array([0, 7, 39, 5, 11], np.int32)


def some_model(k: int, seed: int) -> tuple[Recommender, Newcomers, Centres]:
    model = factor_model(RATINGS, k, seed=seed, biases=True, offset=0.5)
    by = recommender(model, RATINGS)
    return by, Newcomers.of(by), Centres.of(model, RATINGS)


def folded(by: Recommender, newcomers: Newcomers, n: int, seed: int) -> FoldedUser:
    return newcomers.fold(by, *drawn(n, seed))


def drawn(n: int, seed: int) -> tuple[Codes, Values]:
    chance = np.random.default_rng(seed)
    items = chance.choice(RATINGS.n_items, n, replace=False).astype(np.int32)
    return items, chance.choice(np.arange(0.5, 5.1, 0.5), n).astype(np.float32)


def why_folded(
    by: Recommender, newcomers: Newcomers, user: FoldedUser, items: Codes, shown: int
) -> list[Why]:
    """Of one user, as `Why`s."""
    ((_, group),) = newcomers.fold_together(by, [(user.items, user.values)])
    centres = Centres.of(newcomers.model, by.ratings)
    return whys(own_ratings.of_folded(group, centres, items[None], shown), 0)


def whys(found: GroupWhys, row: int) -> list[Why]:
    count = int(found.counts[row])
    return [
        Why(
            score=float(found.scores[row, at]),
            parts={name: float(part[row, at]) for name, part in found.parts.items()},
            reasons=[
                Reason(*one)
                for one in zip(
                    found.items[row, at, :count].tolist(),
                    found.values[row, at, :count].tolist(),
                    found.contributions[row, at, :count].tolist(),
                    found.without[row, at, :count].tolist(),
                    strict=True,
                )
            ],
            exact=found.exact,
            remarks=found.remarks,
        )
        for at in range(found.scores.shape[1])
    ]


def check_sums(found: list[Why], scores: Values) -> None:
    for why, score in zip(found, scores.tolist(), strict=True):
        assert why.score == pytest.approx(score, abs=1e-4)
        assert sum(why.parts.values()) == pytest.approx(why.score, abs=1e-6)


@given(seed=st.integers(0, 10_000), k=st.integers(1, 9), n=st.integers(0, 20))
def test_parts_add_up_to_the_score_of_somebody_folded_in(seed: int, k: int, n: int) -> None:
    by, newcomers, _ = some_model(k, seed)
    user = folded(by, newcomers, n, seed)
    found = why_folded(by, newcomers, user, ITEMS, 99)
    check_sums(found, user.predict()[ITEMS])
    for why in found:
        assert why.exact
        assert REST not in why.parts
        assert sum(one.contribution for one in why.reasons) == pytest.approx(why.parts[OWN])
        assert len(why.reasons) == n


@given(seed=st.integers(0, 10_000), k=st.integers(1, 9))
def test_users_together_get_the_reasons_they_get_alone(seed: int, k: int) -> None:
    by, newcomers, centres = some_model(k, seed)
    lengths = [3, 0, 12, 4, 30, 1]
    rated = [drawn(n, seed + n) for n in lengths]
    seen = 0
    for places, group in newcomers.fold_together(by, rated):
        items = np.tile(ITEMS, (len(group), 1))
        found = own_ratings.of_folded(group, centres, items, 5)
        for row, place in enumerate(places.tolist()):
            seen += 1
            user = newcomers.fold(by, *rated[place])
            np.testing.assert_allclose(group.predict()[row], user.predict(), atol=1e-4)
            alone = why_folded(by, newcomers, user, ITEMS, 5)
            for one, other in zip(whys(found, row), alone, strict=True):
                assert one.score == pytest.approx(other.score, abs=1e-6)
                assert one.parts == pytest.approx(other.parts, abs=1e-6)
                assert len(one.reasons) == len(other.reasons) == min(lengths[place], 5)
                for reason, wanted in zip(one.reasons, other.reasons, strict=True):
                    assert reason[2:] == pytest.approx(wanted[2:], abs=1e-5)
    assert seen == len(lengths)


@given(seed=st.integers(0, 10_000), k=st.integers(1, 9), n=st.integers(1, 12))
def test_without_a_rating_is_what_folding_in_the_others_gives(seed: int, k: int, n: int) -> None:
    by, newcomers, _ = some_model(k, seed)
    user = folded(by, newcomers, n, seed)
    found = why_folded(by, newcomers, user, ITEMS, 99)
    for item, why in zip(ITEMS, found, strict=True):
        for one in why.reasons:
            others = user.items != one.item
            left = newcomers.fold(by, user.items[others], user.values[others])
            assert one.without == pytest.approx(left.predict()[item], abs=2e-3)
        moved = [abs(why.score - one.without) for one in why.reasons]
        assert moved == pytest.approx(sorted(moved, reverse=True), abs=1e-9)


def test_a_contribution_is_what_a_change_of_the_rating_changes() -> None:
    by, newcomers, centres = some_model(5, seed=3)
    user = folded(by, newcomers, 8, seed=3)

    def taste(values: Values) -> float:
        one = newcomers.fold(by, user.items, values)
        p = one.factors.astype(np.float64) - centres.user
        return float(p @ (by.model.item_factors[7] - centres.item))  # type: ignore[attr-defined]

    (why,) = why_folded(by, newcomers, user, np.array([7], np.int32), 8)
    for one in why.reasons:
        place = int(np.flatnonzero(user.items == one.item)[0])
        item_bias = by.model.item_bias[one.item]  # type: ignore[attr-defined]
        z = np.append(by.model.item_factors[one.item], 1)  # type: ignore[attr-defined]
        surprise = one.value - by.model.mean - item_bias - z @ newcomers.prior.mean  # type: ignore[attr-defined]
        values = user.values.copy()
        values[place] -= surprise  # as the average user would have it
        assert taste(user.values) - taste(values) == pytest.approx(one.contribution, abs=1e-3)


def test_a_rating_of_an_item_the_model_does_not_know_adds_nothing() -> None:
    by, newcomers, _ = some_model(4, seed=1)
    cold = np.flatnonzero(RATINGS.item_counts == 0).astype(np.int32)
    assert len(cold)
    items = np.concatenate([cold[:1], ITEMS[:2]]).astype(np.int32)
    user = newcomers.fold(by, items, np.array([5, 1, 2], np.float32))
    (why,) = why_folded(by, newcomers, user, ITEMS[3:4], 9)
    by_item = {one.item: one for one in why.reasons}
    assert by_item[int(cold[0])].contribution == 0
    assert by_item[int(cold[0])].without == why.score


@given(seed=st.integers(0, 10_000), k=st.integers(1, 9))
def test_parts_of_a_user_in_training_add_up_and_are_named_approximate(seed: int, k: int) -> None:
    by, newcomers, centres = some_model(k, seed)
    model, code = newcomers.model, seed % 28
    rated = RATINGS.by_user.row(code)
    ((_, group),) = newcomers.fold_together(by, [rated])
    codes = np.array([code], np.int32)
    found = whys(own_ratings.of_trained(model, codes, group, centres, ITEMS[None], 3), 0)
    check_sums(found, model.predict_pairs(np.full(len(ITEMS), code, np.int32), ITEMS))
    assert all(not why.exact and why.remarks and len(why.reasons) == 3 for why in found)


def test_what_training_adds_is_small_for_a_model_solved_in_closed_form(movielens: Ratings) -> None:
    by = tm.BiasedMF(solver="als", factors=8).fit(movielens)
    newcomers, centres = Newcomers.of(by), Centres.of(by.model, movielens)  # type: ignore[arg-type]
    rest, spread = [], []
    for code in range(0, 600, 30):
        ((_, group),) = newcomers.fold_together(by, [movielens.by_user.row(code)])
        items, scores = by.recommend_codes(np.array([code], np.int32), 5)
        codes = np.array([code], np.int32)
        found = whys(own_ratings.of_trained(newcomers.model, codes, group, centres, items, 3), 0)
        check_sums(found, scores[0])
        rest += [why.parts[REST] for why in found]
        spread += [why.parts[OWN] for why in found]
    assert np.abs(rest).mean() < np.abs(spread).mean()


def test_a_bias_model_has_two_biases() -> None:
    model = BiasModel(mean=3.5, user_bias=np.array([0.5]), item_bias=np.array([-0.25, 0.75]))
    known, unknown = (
        own_ratings.of_biases(model, code, np.array([1, 0], np.int32)) for code in (0, -1)
    )
    assert [why.score for why in known] == [4.75, 3.75]
    assert [why.score for why in unknown] == [4.25, 3.25]
    assert known[0].parts == {"mean": 3.5, "user bias": 0.5, "item bias": 0.75}


@pytest.fixture(scope="module")
def lists() -> list[Recommender]:
    """Models that rank items, of interactions and of ratings."""
    taken = interactions(RATINGS)
    recipes = (tm.EASE(), tm.ItemKNN(), tm.ImplicitALS(factors=4))
    fitted = [one.fit(taken) for one in recipes]
    return [*fitted, tm.ItemKNN(similarity="adjusted cosine").fit(RATINGS)]


def test_lists_of_somebody_new_are_taken_apart_exactly(lists: list[Recommender]) -> None:
    for by in lists:
        model = by.model
        assert isinstance(model, SimilarityModel | PreferenceModel)
        explicit = by.ratings.explicit
        rated = np.array([2, 9, 17, 30], np.int32), np.array([1, 1, 1, 1], np.float32)
        if explicit:
            rated = rated[0], np.array([5, 1, 3, 4.5], np.float32)
        scores = model.predict_new(*rated)
        found = own_ratings.of_list(model, -1, rated, scores[ITEMS], ITEMS, shown=9)
        check_sums(found, scores[ITEMS])
        for item, why in zip(ITEMS, found, strict=True):
            assert why.exact
            for one in why.reasons:
                others = rated[0] != one.item
                left = model.predict_new(rated[0][others], rated[1][others])
                assert one.without == pytest.approx(float(left[item]), abs=1e-4)


def test_lists_of_users_in_training_add_up(lists: list[Recommender]) -> None:
    for by in lists:
        model = by.model
        assert isinstance(model, SimilarityModel | PreferenceModel)
        code = 3
        scores = model.predict_users(np.array([code], np.int32))[0]
        rated = by.ratings.by_user.row(code)
        found = own_ratings.of_list(model, code, rated, scores[ITEMS], ITEMS, shown=2)
        check_sums(found, scores[ITEMS])


def test_a_list_by_popularity_says_so() -> None:
    (why,) = own_ratings.of_count(RATINGS, np.array([4], np.int32))
    assert why.parts == {"ratings of this item": float(RATINGS.item_counts[4])}
