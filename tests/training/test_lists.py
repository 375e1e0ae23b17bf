"""List models against their formulas, written out slowly and in double precision."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

import tastemap as tm
from tastemap.arrays import AnyArray
from tastemap.data.ratings import CompressedRows, Ratings
from tastemap.models import similarity
from tastemap.models.blend import ranks_of
from tastemap.models.preference import PreferenceModel
from tastemap.models.similarity import SimilarityModel
from tastemap.training import ease, neighbours
from tastemap.training.kernels_products import multiply_rows
from tests import oracles
from tests.conftest import make_ratings


def dense(ratings: Ratings, *, weighted: bool = False) -> AnyArray:
    x = np.zeros((ratings.n_users, ratings.n_items))
    weights = ratings.weights if weighted and ratings.weights is not None else 1.0
    x[ratings.users, ratings.items] = weights
    return x


def whole(weights: AnyArray | CompressedRows) -> AnyArray:
    if not isinstance(weights, CompressedRows):
        return weights
    out = np.zeros((len(weights), len(weights)))
    for row in range(len(weights)):
        columns, values = weights.row(row)
        out[row, columns] = values
    return out


def fitted(recipe: tm.EASE | tm.ItemKNN | tm.RP3beta, ratings: Ratings) -> SimilarityModel:
    model = recipe.fit(ratings).model
    assert isinstance(model, SimilarityModel)
    return model


@pytest.fixture
def weighted(small: Ratings) -> Ratings:
    weights = np.linspace(0.5, 3, len(small)).astype(np.float32)
    return replace(small, weights=weights)


@pytest.mark.parametrize("regularization", [0.5, 20.0])
def test_ease_minimises_its_error_under_a_diagonal_of_0(
    weighted: Ratings, regularization: float
) -> None:
    b = whole(fitted(tm.EASE(regularization=regularization), weighted).weights)
    x = dense(weighted, weighted=True)
    # Each column by itself is a ridge regression on the other items.
    for item in range(weighted.n_items):
        others = np.delete(np.arange(weighted.n_items), item)
        rest = x[:, others]
        left = rest.T @ rest + regularization * np.eye(len(others))
        expected = np.linalg.solve(left, rest.T @ x[:, item])
        np.testing.assert_allclose(b[others, item], expected, atol=1e-5)
        assert b[item, item] == 0


@pytest.mark.parametrize("more_users_than_items", [True, False])
def test_ease_in_single_precision_is_as_in_double_on_real_ratings(
    movielens: Ratings, more_users_than_items: bool
) -> None:
    if more_users_than_items:
        some = movielens.min_counts(item=50)
    else:
        some = movielens.take(movielens.item_counts[movielens.items] >= 50)
    assert (2 * some.n_users > some.n_items) == more_users_than_items
    kept, items = np.unique(some.items, return_inverse=True)
    b = whole(fitted(tm.EASE(), some).weights)[np.ix_(kept, kept)]
    x = np.zeros((some.n_users, len(kept)))
    x[some.users, items] = 1
    inverse = np.linalg.inv(x.T @ x + 400 * np.eye(len(kept)))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(b, expected, atol=1e-5)


def test_ease_refuses_before_it_runs_out_of_memory(small: Ratings) -> None:
    with pytest.raises(tm.errors.TrainingError, match=r"5 items needs 0\.0 GB.*ItemKNN or RP3beta"):
        tm.EASE(memory=1e-6).fit(small)
    assert ease.bytes_needed(100_000) == pytest.approx(4e10, rel=0.02)
    assert ease.bytes_needed(100_000, 40_000) == pytest.approx(4e10 + 1.6e10 + 6.4e9, rel=0.02)
    free = ease.available_memory()
    assert free is None or free > 1e8


def test_ease_says_that_its_equations_are_singular() -> None:
    pairs = [(user, item, 1.0) for user in range(60) for item in range(40)]
    with pytest.raises(tm.errors.TrainingError, match="singular"):
        tm.EASE(regularization=1e-9).fit(make_ratings(pairs))


@pytest.mark.parametrize("shrinkage", [0.0, 3.0])
def test_neighbours_are_by_shrunk_cosine(small: Ratings, shrinkage: float) -> None:
    recipe = tm.ItemKNN(neighbours=2, shrinkage=shrinkage)
    b, x = whole(fitted(recipe, small).weights), dense(small)
    for item in range(small.n_items):
        size = np.linalg.norm(x, axis=0) * np.linalg.norm(x[:, item]) + shrinkage
        cosine = x.T @ x[:, item] / size
        cosine[item] = 0
        best = sorted(cosine, reverse=True)[:2]
        assert np.count_nonzero(b[:, item]) == np.count_nonzero(best)
        kept = np.flatnonzero(b[:, item])
        np.testing.assert_allclose(b[kept, item], cosine[kept], rtol=1e-5)
        np.testing.assert_allclose(
            sorted(b[kept, item], reverse=True), best[: len(kept)], rtol=1e-5
        )


def test_adjusted_cosine_is_of_what_is_beyond_the_mean_of_the_user(small: Ratings) -> None:
    model = fitted(tm.ItemKNN(similarity="adjusted cosine", shrinkage=0), small)
    x = np.zeros((small.n_users, small.n_items))
    x[small.users, small.items] = small.values
    for user in range(small.n_users):
        x[user, x[user] > 0] -= x[user, x[user] > 0].mean()
    lengths = np.linalg.norm(x, axis=0)
    expected = x.T @ x / np.outer(lengths, lengths)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(whole(model.weights), expected, atol=1e-5)
    np.testing.assert_allclose(
        model.predict_users(np.arange(small.n_users, dtype=np.int32)), x @ expected, atol=1e-5
    )


def test_rp3beta_is_a_walk_of_three_steps(weighted: Ratings) -> None:
    recipe = tm.RP3beta(neighbours=99, alpha=0.7, beta=0.4)
    x = dense(weighted, weighted=True)
    to_user = (x / x.sum(axis=0)).T ** 0.7
    to_item = (x / x.sum(axis=1, keepdims=True)) ** 0.7
    expected = to_user @ to_item / x.sum(axis=0) ** 0.4
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(whole(fitted(recipe, weighted).weights), expected, rtol=1e-5)
    few = whole(fitted(replace(recipe, neighbours=2), weighted).weights)
    for row, all_of_it in zip(few, expected, strict=True):
        np.testing.assert_allclose(sorted(row)[-2:], sorted(all_of_it)[-2:], rtol=1e-5)
        assert np.count_nonzero(row) <= 2


def test_few_weights_score_as_the_whole_matrix_does(
    small: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fitted(tm.ItemKNN(neighbours=3), small)
    everyone = np.arange(small.n_users, dtype=np.int32)
    expected = dense(small) @ whole(model.weights)
    np.testing.assert_allclose(model.predict_users(everyone), expected, atol=1e-6)
    monkeypatch.setattr(similarity, "_SMALL", 0)
    monkeypatch.setattr(similarity, "_TERMS_AT_ONCE", 4)
    again = SimilarityModel(users=model.users, weights=model.weights)
    np.testing.assert_allclose(again.predict_users(everyone), expected, atol=1e-6)


def test_the_largest_are_kept_and_the_first_of_equals() -> None:
    scores = np.array([0, 2, 5, 2, -1, 2, 0], np.float32)
    assert neighbours.largest(scores, 3).tolist() == [1, 2, 3]
    assert neighbours.largest(scores, 9).tolist() == [1, 2, 3, 4, 5]


def implicit_error(ratings: Ratings, recipe: tm.ImplicitALS, p: AnyArray, q: AnyArray) -> float:
    """The error of the head of `tastemap.training.implicit`, pair by pair."""
    w, a, lam = dense(ratings, weighted=True), recipe.unobserved, recipe.regularization
    scores = p @ q.T
    error = np.sum(w * (1 - scores) ** 2) + a * np.sum(scores**2)
    of_user = lam * (w.sum(axis=1) + a * len(q)) if recipe.weighted else np.full(len(p), lam)
    of_item = lam * (w.sum(axis=0) + a * len(p)) if recipe.weighted else np.full(len(q), lam)
    return float(error + of_user @ (p**2).sum(axis=1) + of_item @ (q**2).sum(axis=1))


@pytest.mark.parametrize("block", [1, 2, 5])
@pytest.mark.parametrize("by_row", [True, False])
def test_implicit_als_comes_to_rest_where_its_error_does(
    weighted: Ratings, block: int, by_row: bool
) -> None:
    recipe = tm.ImplicitALS(
        factors=5, unobserved=0.3, regularization=0.05, weighted=by_row, sweeps=400, block=block
    )
    model = recipe.fit(weighted)
    fitted_model = model.model
    assert isinstance(fitted_model, PreferenceModel)
    p = fitted_model.user_factors.astype(float)
    q = fitted_model.item_factors.astype(float)
    least = implicit_error(weighted, recipe, p, q)
    losses = [epoch.training_loss * len(weighted) for epoch in model.history.epochs]
    assert losses[-1] == pytest.approx(least, rel=1e-4)
    assert np.all(np.diff(losses) < 1e-4)
    step = 1e-4
    for factors in (p, q):
        slopes = np.empty(factors.shape)
        for at in np.ndindex(factors.shape):
            factors[at] += step
            above = implicit_error(weighted, recipe, p, q)
            factors[at] -= 2 * step
            slopes[at] = (above - implicit_error(weighted, recipe, p, q)) / (2 * step)
            factors[at] += step
        assert np.abs(slopes).max() < 5e-3


def test_popularity_counts_weights(weighted: Ratings) -> None:
    scores = tm.Popularity().fit(weighted).score_codes(np.array([0], np.int32))
    np.testing.assert_allclose(scores[0], dense(weighted, weighted=True).sum(axis=0), rtol=1e-6)


def test_ranks_are_among_what_was_not_taken() -> None:
    scores = np.array([9, 3, 7, 7, 1], np.float32)
    assert ranks_of(scores, np.array([0], np.int32)).tolist() == [1, 3, 1, 1, 4]
    assert ranks_of(np.zeros(3, np.float32), np.array([], np.int32)) is None


def test_low_ratings_say_nothing_but_stay_out_of_the_list(small: Ratings) -> None:
    model = tm.ItemKNN(min_rating=4).fit(small)
    assert isinstance(model.model, SimilarityModel)
    assert len(model.model.users.items) == np.sum(small.values >= 4)
    assert 2 not in model.recommend(20, 99).items  # rated 1
    with pytest.raises(tm.errors.DataError, match="no rating is at least 6: the highest is 5"):
        tm.EASE(min_rating=6).fit(small)


def test_of_whom_the_model_knows_nothing_popularity_ranks(small: Ratings) -> None:
    model = tm.EASE(min_rating=4).fit(small)
    # User 60 gave one rating, of 3.
    assert model.recommend(60, 4).scores.tolist() == [3, 3, 2, 2]
    assert model.explain(60, 2).made_from == "popularity"
    nobody = model.recommend(ratings={})
    assert nobody.scores.tolist() == sorted(small.item_counts.tolist(), reverse=True)


def test_it_is_said_for_whom_popularity_ranks(small: Ratings) -> None:
    model = tm.EASE(min_rating=4).fit(small)
    (said,) = model.recommend([10, 60]).remarks
    assert said == "the ratings of user 60 say nothing to the model: ranked by popularity"
    (said,) = model.recommend(ratings={1: 3.0}).remarks
    assert said == "the ratings of user 'new' say nothing to the model: ranked by popularity"
    (said,) = model.recommend(ratings={}).remarks
    assert said == "user 'new' has no training ratings: ranked by popularity"
    assert not model.recommend(ratings={1: 5.0}).remarks


def test_interactions_are_taken_and_have_no_ratings(small: Ratings) -> None:
    taken = replace(small, values=np.ones_like(small.values), explicit=False)
    model = tm.ItemKNN().fit(taken)
    assert model.recommend(ratings={1: 1, 2: 1}).filtered["already taken"] == 2
    assert "already taken" in str(model.recommend(20))
    with pytest.raises(tm.errors.DataError, match="give 1 for each item taken, not 5 for 2"):
        model.recommend(ratings={2: 5})
    assert "the user took this; the model was trained on that" in model.explain(20, 1).notes


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: tm.EASE(regularization=0), "regularization must be a number above 0"),
        (lambda: tm.EASE(memory=-1), "memory must be"),
        (lambda: tm.ItemKNN(neighbours=0), "neighbours must be an integer of at least 1"),
        (lambda: tm.ItemKNN(similarity="jaccard"), "similarity must be"),
        (lambda: tm.ItemKNN(similarity="adjusted cosine", min_rating=3), "leave min_rating out"),
        (lambda: tm.RP3beta(alpha=-1), "alpha must be"),
        (lambda: tm.ImplicitALS(block=300), "block must be at most 256"),
        (lambda: tm.ImplicitALS(unobserved=0), "unobserved must be a number above 0"),
        (lambda: tm.Blend(recipes=()), "must be a tuple of recipes, got"),
        (lambda: tm.Blend(recipes=(tm.BayesianMF(),)), "recipes that rank items"),
        (lambda: tm.Blend(weights=(1.0,)), "weights must be a tuple of 3"),
    ],
)
def test_settings_out_of_range_are_named(make: object, said: str) -> None:
    assert callable(make)
    with pytest.raises(tm.errors.ConfigError, match=said):
        make()


def test_lists_are_better_than_popularity_on_real_ratings(movielens: Ratings) -> None:
    some = movielens.take(movielens.item_counts[movielens.items] >= 20)
    split = tm.split.random(some, valid_fraction=0.2, seed=1)
    found: dict[str, float] = {}
    for recipe in (tm.Popularity(), tm.ItemKNN(), tm.RP3beta(), tm.EASE(), tm.ImplicitALS()):
        model = recipe.fit(split.train)
        users = np.unique(split.valid.users)
        scores = model.score_codes(users)
        hits = []
        for user, mine in zip(users, scores, strict=True):
            mine[split.train.by_user.row(user)[0]] = -np.inf
            hits.append(np.isin(np.argsort(-mine)[:10], split.valid.by_user.row(user)[0]).mean())
        found[recipe.name] = float(np.mean(hits))
    popular = found.pop("popularity")
    assert all(precision > 1.3 * popular for precision in found.values()), (popular, found)


def test_a_blend_keeps_its_recipes(small: Ratings, tmp_path: Path) -> None:
    recipe = tm.Blend(recipes=(tm.Popularity(min_rating=3), tm.RP3beta(beta=0.1)), weights=(1, 3))
    loaded = tm.load(recipe.fit(small).save(tmp_path / "blend"))
    assert loaded.recipe == recipe


def _random_matrix(shape: tuple[int, int], seed: int) -> sparse.csr_array:
    chance = np.random.default_rng(seed)
    full = chance.normal(size=shape) * (chance.random(shape) < 0.3)
    return sparse.csr_array(full.astype(np.float32))


@pytest.mark.parametrize(("first", "last"), [(0, 9), (2, 5), (4, 4)])
def test_rows_of_a_product_are_those_of_a_naive_twin(first: int, last: int) -> None:
    left, right = _random_matrix((9, 14), 0), _random_matrix((14, 11), 1)
    out = np.zeros((9, 11), np.float32)
    parts = [*neighbours._parts(left), *neighbours._parts(right)]
    multiply_rows(*parts, out, 0, first, last)
    expected = oracles.multiply_rows(left.toarray(), right.toarray(), first, last)
    np.testing.assert_allclose(out[first:last], expected, atol=1e-5)
    assert not out[:first].any()
    assert not out[last:].any()
    moved = np.zeros((last - first, 11), np.float32)
    multiply_rows(*parts, moved, first, first, last)
    np.testing.assert_array_equal(moved, out[first:last])


def test_neighbours_are_the_same_to_the_last_bit_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbours, "_CELLS_AT_ONCE", 40 * 90)  # several blocks of rows
    x = _random_matrix((200, 90), 2)

    def halve(products: AnyArray, _: slice) -> None:
        products *= np.float32(0.5)

    found = [neighbours.nearest(x.T.tocsr(), x, 7, halve, threads) for threads in (1, 2, 5)]
    for one in found[1:]:
        for name in ("start", "columns", "values"):
            assert getattr(one, name).tobytes() == getattr(found[0], name).tobytes()
    products = (x.T @ x).toarray() * np.float32(0.5)
    np.fill_diagonal(products, 0)
    np.testing.assert_allclose(whole(found[0])[3].max(), products[3].max(), rtol=1e-6)
