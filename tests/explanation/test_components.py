import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from tastemap.arrays import Float64s
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, DataError, NotFittedFor
from tastemap.explanation.components import components
from tastemap.models.bias import BiasModel
from tastemap.models.factors import FactorModel
from tests.conftest import make_ratings
from tests.explanation.worlds import (
    factor_model,
    network_model,
    recommender,
    rotated,
    some_ratings,
)

RATINGS = some_ratings(40, 60, cold=3)
MODEL = factor_model(RATINGS, 6)


def known_users(ratings: Ratings) -> Float64s:
    return np.flatnonzero(ratings.user_counts > 0)


def centred_products(model: FactorModel, ratings: Ratings, items: Float64s) -> Float64s:
    """The predictions of all pairs with the mean of every row and column taken out, naively."""
    predictions = np.array(
        [
            [
                np.dot(model.user_factors[user].astype(float), model.item_factors[item])
                for item in items
            ]
            for user in known_users(ratings)
        ]
    )
    rows, columns = predictions.mean(1, keepdims=True), predictions.mean(0, keepdims=True)
    return predictions - rows - columns + predictions.mean()


# The notebook's basis


@pytest.mark.parametrize("most_rated", [20, 2000])
def test_the_notebook_basis_is_pca_of_the_transposed_item_factors_signs_included(
    most_rated: int,
) -> None:
    found = components(MODEL, RATINGS, 3, most_rated=most_rated, basis="notebook")
    item_factors = MODEL.item_factors[found.ranked]
    exact = PCA(3, svd_solver="full").fit(item_factors.T.astype(np.float64))
    ours = found.coordinates[:, found.ranked]
    np.testing.assert_allclose(ours, exact.components_, atol=1e-6)
    np.testing.assert_allclose(found.share, exact.explained_variance_ratio_, rtol=1e-9)
    as_written = PCA(3).fit(item_factors.T).components_
    np.testing.assert_allclose(ours, as_written, atol=1e-4)


def test_the_notebook_basis_gives_items_outside_it_a_place_by_the_same_map() -> None:
    # Twice the same item: once in the basis, once not.
    factors = np.array(MODEL.item_factors)
    ranked = RATINGS.most_rated_items()
    factors[ranked[30]] = factors[ranked[0]]
    model = FactorModel(user_factors=MODEL.user_factors, item_factors=factors)
    found = components(model, RATINGS, 2, most_rated=20, basis="notebook")
    np.testing.assert_allclose(
        found.coordinates[:, ranked[30]], found.coordinates[:, ranked[0]], atol=1e-6
    )


def test_the_notebook_basis_works_on_a_network_and_has_no_place_for_users() -> None:
    model = network_model(RATINGS, 5)
    found = components(model, RATINGS, 2, basis="notebook")
    exact = PCA(2).fit(model.item_factors[found.ranked].T.astype(np.float64))
    np.testing.assert_allclose(found.coordinates[:, found.ranked], exact.components_, atol=1e-5)
    with pytest.raises(NotFittedFor, match='basis="canonical"'):
        found.maps.of_users(model.user_factors)


# The canonical basis


def test_the_canonical_basis_is_the_svd_of_the_centred_products() -> None:
    found = components(MODEL, RATINGS, 4, most_rated=25)
    products = centred_products(MODEL, RATINGS, found.ranked)
    u, s, v_t = np.linalg.svd(products, full_matrices=False)
    # Q_item Y S / √items, where Q_item Y are the right singular vectors
    expected = v_t[:4].T * s[:4] / np.sqrt(25)
    ours = found.coordinates[:, found.ranked].T
    sign = np.sign(np.sum(expected * ours, axis=0))
    np.testing.assert_allclose(ours, expected * sign, atol=1e-6)
    users = found.maps.of_users(MODEL.user_factors[known_users(RATINGS)])
    np.testing.assert_allclose(users, u[:, :4] * np.sqrt(25) * sign, atol=1e-5)


def test_an_invertible_change_of_basis_leaves_the_canonical_picture_and_not_the_notebooks() -> None:
    other = rotated(MODEL)
    np.testing.assert_allclose(
        other.predict_users(np.arange(40)), MODEL.predict_users(np.arange(40)), atol=1e-5
    )
    ours, theirs = (components(model, RATINGS, 4, most_rated=30) for model in (MODEL, other))
    np.testing.assert_allclose(ours.coordinates, theirs.coordinates, atol=1e-5)
    np.testing.assert_allclose(ours.share, theirs.share, atol=1e-6)
    for one, another in zip(ours, theirs, strict=True):
        assert one.top(5).titles == another.top(5).titles
    ours, theirs = (components(model, RATINGS, 3, basis="notebook") for model in (MODEL, other))
    assert np.nanmax(np.abs(np.abs(ours.coordinates) - np.abs(theirs.coordinates))) > 0.05


@given(seed=st.integers(0, 10_000), k=st.integers(1, 6), most_rated=st.integers(2, 40))
def test_shares_are_parts_of_the_variance_of_predictions_and_add_up_to_it(
    seed: int, k: int, most_rated: int
) -> None:
    ratings = some_ratings(12, 30, seed=seed, fill=0.9, cold=2)
    model = factor_model(ratings, k, seed=seed)
    rank = min(k, most_rated - 1)
    found = components(model, ratings, rank, most_rated=most_rated)
    assert found.maps.spread is not None
    variance = np.var(centred_products(model, ratings, found.ranked))
    assert found.share.sum() == pytest.approx(1)
    assert np.all(np.diff(found.share) <= 0)
    np.testing.assert_allclose(found.maps.spread**2, found.share * variance, rtol=1e-6)
    with pytest.raises(ConfigError, match=f"from 1 to {rank}"):
        components(model, ratings, rank + 1, most_rated=most_rated)


def test_products_of_coordinates_add_up_for_items_outside_the_basis_too() -> None:
    found = components(MODEL, RATINGS, 6, most_rated=20)
    users, items = known_users(RATINGS), np.flatnonzero(RATINGS.item_counts > 0)
    of_users = found.maps.of_users(MODEL.user_factors[users])
    of_items = found.maps.of_items(MODEL.item_factors[items])
    np.testing.assert_allclose(of_items.T, found.coordinates[:, items], atol=1e-6)
    p = MODEL.user_factors[users] - found.maps.user_centre
    q = MODEL.item_factors[items] - found.maps.item_centre
    np.testing.assert_allclose(of_users @ of_items.T, p @ q.T, atol=1e-6)


@pytest.mark.parametrize("basis", ["canonical", "notebook"])
def test_users_and_items_without_ratings_take_no_part(basis: str) -> None:
    cold_users = RATINGS.user_counts == 0
    cold_items = RATINGS.item_counts == 0
    assert cold_users.sum() == cold_items.sum() == 3
    users, items = np.array(MODEL.user_factors), np.array(MODEL.item_factors)
    users[cold_users], items[cold_items] = 1e3, -1e3
    wild = FactorModel(user_factors=users, item_factors=items)
    ours, theirs = (components(model, RATINGS, 3, basis=basis) for model in (MODEL, wild))
    np.testing.assert_array_equal(ours.coordinates, theirs.coordinates)
    assert np.isnan(ours.coordinates[:, cold_items]).all()
    assert not np.isnan(ours.coordinates[:, ~cold_items]).any()
    assert not set(np.flatnonzero(cold_items)) & set(ours.map().codes)


def test_components_point_to_the_more_often_rated_items() -> None:
    for seed in range(5):
        found = components(factor_model(RATINGS, 6, seed=seed), RATINGS, 6)
        counts = RATINGS.item_counts[found.ranked]
        assert np.all(found.coordinates[:, found.ranked] @ counts > 0)


def test_the_signs_of_factors_do_not_matter() -> None:
    turned = FactorModel(user_factors=-MODEL.user_factors, item_factors=-MODEL.item_factors)
    np.testing.assert_allclose(
        components(turned, RATINGS, 6).coordinates,
        components(MODEL, RATINGS, 6).coordinates,
        atol=1e-6,
    )


def test_a_rank_below_the_number_of_factors_gives_as_many_components() -> None:
    factors = MODEL.user_factors[:, :2], MODEL.item_factors[:, :2]
    # Three columns of factors that are mixtures of two.
    mix = np.array([[1.0, 0.5, -2.0], [0.0, 1.0, 3.0]], np.float32)
    model = FactorModel(user_factors=factors[0] @ mix, item_factors=factors[1] @ mix)
    found = components(model, RATINGS, 2)
    assert found.share.sum() == pytest.approx(1)
    products = centred_products(model, RATINGS, found.ranked)
    of_users = found.maps.of_users(model.user_factors[known_users(RATINGS)])
    np.testing.assert_allclose(of_users @ found.coordinates[:, found.ranked], products, atol=1e-4)
    with pytest.raises(ConfigError, match="from 1 to 2, the rank here, got 3"):
        components(model, RATINGS, 3)


@pytest.mark.parametrize("basis", ["canonical", "notebook"])
def test_a_model_that_makes_no_difference_has_no_components(basis: str) -> None:
    model = FactorModel(
        user_factors=np.ones((RATINGS.n_users, 2)), item_factors=np.ones((RATINGS.n_items, 2))
    )
    with pytest.raises(ConfigError, match="there is no component"):
        components(model, RATINGS, 1, basis=basis)


# What can be asked of components


def test_top_and_bottom_are_the_ends_of_the_most_rated_items() -> None:
    axes = components(MODEL, RATINGS, 3, most_rated=25)
    assert len(axes) == len(list(axes)) == 3
    along = axes.coordinates[2, axes.ranked]
    order = axes.ranked[np.argsort(-along)]
    assert axes[2].codes.tolist() == axes[-1].codes.tolist() == order.tolist()
    assert axes[2].number == 3
    assert axes[2].share == axes.share[2]
    top, bottom = axes[2].top(10), axes[2].bottom(10)
    assert top.codes.tolist() == order[:10].tolist()
    assert bottom.codes.tolist() == order[::-1][:10].tolist()
    assert bottom.ranks.tolist() == list(range(25, 15, -1))
    row = top.to_dicts()[0]
    raw = RATINGS.item_ids.raw(order[0])
    assert row == {
        "rank": 1,
        "item": raw,
        "title": f"Film {raw}",
        "coordinate": along.max(),
        "ratings": RATINGS.item_counts[order[0]],
    }
    assert top.caption.startswith("component 3: ")
    with pytest.raises(IndexError, match="there are 3 components, from 0: not 3"):
        axes[3]
    with pytest.raises(ConfigError, match="at least 0"):
        axes[0].top(-1)


def test_components_print_as_a_table_of_their_ends() -> None:
    axes = components(MODEL, RATINGS, 2)
    rows = axes.to_dicts()
    assert [row["component"] for row in rows] == [1, 2]
    assert rows[1]["highest"] == axes[1].top(1).titles[0]
    assert rows[1]["lowest"] == axes[1].bottom(1).titles[0]
    assert str(axes).startswith("canonical components of the 57 most rated items")


def test_a_map_holds_all_rated_items_by_popularity() -> None:
    axes = components(MODEL, RATINGS, 3, most_rated=10)
    taste = axes.map(x=0, y=2)
    assert taste.codes.tolist() == RATINGS.most_rated_items(57).tolist()
    np.testing.assert_array_equal(taste.x, axes.coordinates[0, taste.codes])
    np.testing.assert_array_equal(taste.y, axes.coordinates[2, taste.codes])
    assert MODEL.item_bias is not None
    np.testing.assert_array_equal(taste.biases, MODEL.item_bias[taste.codes])
    assert list(taste.columns()) == ["item", "title", "x", "y", "ratings", "bias"]
    assert taste.x_label == f"component 1 ({axes.share[0]:.1%} of the variance)"
    assert taste.y_label in taste.caption
    part = taste.popular(50, 100)
    assert len(part) == 7
    assert part.to_dicts() == taste.to_dicts()[50:]
    assert taste.popular(5, 9).codes.tolist() == taste.codes[5:9].tolist()
    with pytest.raises(ConfigError, match="0 <= first <= last"):
        taste.popular(9, 5)
    with pytest.raises(ConfigError, match="y must be from 0 to 2, got 3"):
        axes.map(x=0, y=3)


def test_a_map_of_a_model_without_biases_has_none() -> None:
    model = factor_model(RATINGS, 3, biases=False)
    assert np.isnan(components(model, RATINGS, 2).map().biases).all()


def test_what_cannot_be_asked_is_refused_with_what_to_do(small: Ratings) -> None:
    nothing = np.zeros(6), np.zeros(5)
    biases = BiasModel(mean=3.5, user_bias=nothing[0], item_bias=nothing[1])
    with pytest.raises(NotFittedFor, match=r"no item factors .*: fit DotProduct or BiasedMF"):
        components(biases, small)
    with pytest.raises(NotFittedFor, match=r'no dot product .* basis="notebook"'):
        components(network_model(small), small)
    model = factor_model(small, 3)
    with pytest.raises(ConfigError, match="one of 'canonical', 'notebook', got 'pca'"):
        components(model, small, basis="pca")
    with pytest.raises(ConfigError, match="n must be from 1 to 3, the rank here, got 4"):
        components(model, small, 4)
    with pytest.raises(ConfigError, match="most_rated must be an integer of at least 1"):
        components(model, small, most_rated=0)
    with pytest.raises(DataError, match="pass those it was trained on"):
        components(model, make_ratings([(1, 1, 3.0)]))


def test_a_recommender_gives_them_by_the_same_names() -> None:
    axes = recommender(MODEL, RATINGS).components(2, most_rated=30, basis="notebook")
    assert axes.basis == "notebook"
    assert len(axes) == 2
    assert len(axes.ranked) == 30
