"""Reading matrix factorization with biases, fitted to the bundled ratings."""

from pathlib import Path

import numpy as np
import openpyxl
import pytest
from sklearn.decomposition import PCA

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.recommender import Recommender

pytestmark = pytest.mark.slow


def test_explanations_of_many_pairs_add_up_to_what_is_predicted(biased: Recommender) -> None:
    users = biased.ratings.user_ids.ids.to_pylist()[::45]
    titles = [biased.catalog.title(item) for item in range(0, biased.ratings.n_items, 650)]
    for user in users:
        for title in titles:
            explanation = biased.explain(user, title)
            prediction = biased.predict(user, title)
            score = float(prediction.pairs.unclipped[0])
            assert explanation.contributions.sum() == pytest.approx(score, abs=1e-4)
            assert explanation.score == pytest.approx(score, abs=1e-6)
            assert explanation.clipped == pytest.approx(float(prediction), abs=1e-6)
            assert explanation.made_from == prediction.sources[0]


def test_biases_find_what_is_liked_and_what_is_not(biased: Recommender) -> None:
    ranking = biased.item_biases(most_rated=2000)
    assert "Shawshank Redemption, The (1994)" in ranking.top(15).titles
    assert "Battlefield Earth (2000)" in ranking.bottom(15).titles
    assert np.corrcoef(ranking.biases, ranking.means)[0, 1] > 0.8


def test_the_first_component_parts_the_acclaimed_from_the_light(biased: Recommender) -> None:
    axes = biased.components(3)
    place = dict(zip(axes[0].titles, axes[0].coordinates.tolist(), strict=True))
    acclaimed = "General, The (1926)", "Brokeback Mountain (2005)", "Sideways (2004)"
    light = "Scary Movie 3 (2003)", "Police Academy 3: Back in Training (1986)", "Jack (1996)"
    gaps = [place[one] - place[other] for one in acclaimed for other in light]
    # Which end is which is the business of another test.
    assert min(gaps) > 0 or max(gaps) < 0
    assert axes.share[0] > 2 * axes.share[1]
    picture = axes.map(x=0, y=2).popular(50, 100)
    assert len(picture) == 50
    assert np.isfinite([picture.x, picture.y, picture.biases]).all()


def test_the_notebooks_lines_give_the_notebook_basis(biased: Recommender) -> None:
    axes = biased.components(3, basis="notebook")
    item_factors = np.asarray(biased.model.item_vectors())[axes.ranked]
    expected = PCA(3, svd_solver="full").fit(item_factors.T).components_
    np.testing.assert_allclose(axes.coordinates[:, axes.ranked], expected, atol=1e-4)


def test_the_workbook_of_the_course_comes_near_the_model(
    biased: Recommender, movielens: Ratings, tmp_path: Path
) -> None:
    table = tm.crosstab(movielens, 15, 15)
    table.to_excel(tmp_path / "crosstab.xlsx", model=biased)
    book = openpyxl.load_workbook(tmp_path / "crosstab.xlsx", data_only=True)
    sheet, cells = next(iter(book.defined_names["predictions"].destinations))
    shown = np.array([[cell.value for cell in row] for row in book[sheet][cells]], float)
    users, items = (np.repeat(table.user_codes, 15), np.tile(table.item_codes, 15))
    predicted = biased.predict_codes(users, items).unclipped.reshape(15, 15)
    assert np.abs(shown - predicted).max() < 0.15
