"""Chances of liking held against ratings, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError, NotFittedFor
from tastemap.models.liking import Liking
from tastemap.recommender import Recommender
from tests.conftest import interactions, make_ratings


@pytest.fixture
def model(small: Ratings) -> Recommender:
    """Biases, whose chance is that of what is predicted above 4."""
    liking = Liking(liked_from=4.0, weights=(0.0, 1.0), rows=100, share=0.5)
    return replace(tm.BiasesOnly().fit(small), liking=liking)


TEST = make_ratings(
    [(10, 4, 5.0), (10, 5, 3.0), (20, 3, 4.0), (30, 1, 2.0), (60, 2, 4.5), (60, 1, 3.0),
     (99, 1, 5.0), (10, 77, 5.0)]
)  # fmt: skip


def test_numbers_are_those_of_a_naive_twin(model: Recommender) -> None:
    found = tm.reliability(model, TEST)
    pairs = []
    for user, item, value in zip(TEST.users[:6], TEST.items[:6], TEST.values, strict=False):
        expected = model.predict(TEST.user_ids.raw(user), TEST.item_ids.raw(item))
        above = float(expected.pairs.unclipped[0]) - 4
        pairs.append((1 / (1 + np.exp(-above)), float(value >= 4)))
    pairs.sort()
    # Six rows in ten bins: one each.
    np.testing.assert_array_equal(found.rows, np.ones(6))
    np.testing.assert_allclose(found.chances, [chance for chance, _ in pairs], atol=1e-6)
    np.testing.assert_array_equal(found.shares, [liked for _, liked in pairs])
    assert found.brier == pytest.approx(np.mean([(c - liked) ** 2 for c, liked in pairs]), abs=1e-6)
    usual = np.mean(model.ratings.values >= 4)
    assert found.brier_without == pytest.approx(np.mean([(usual - y) ** 2 for _, y in pairs]))
    assert found.error == pytest.approx(np.mean([abs(c - y) for c, y in pairs]), abs=1e-6)
    assert (found.without_chance, found.overlap) == (2, 1)


def test_a_bin_is_a_tenth_of_the_rows(model: Recommender) -> None:
    found = tm.reliability(model, model.ratings)
    assert len(found.rows) == 10
    assert found.rows.sum() == len(model.ratings)
    assert np.all(np.diff(found.chances) >= 0)


def test_what_is_shown(model: Recommender) -> None:
    shown = str(tm.reliability(model, TEST, name="mine"))
    assert "chance of mine that a rating is 4 or higher" in shown
    assert "2 rows without a chance: the model knows nothing of their user or item" in shown
    assert "1 test rows were also trained on" in shown


def test_what_cannot_be_held_against_ratings_is_refused(model: Recommender, small: Ratings) -> None:
    with pytest.raises(NotFittedFor, match="with_liking"):
        tm.reliability(replace(model, liking=None), TEST)
    with pytest.raises(DataError, match="no ratings to test on"):
        tm.reliability(model, TEST.take(np.zeros(len(TEST), bool)))
    with pytest.raises(DataError, match="only interactions"):
        tm.reliability(model, interactions(small))
    with pytest.raises(DataError, match="knows nothing of any"):
        tm.reliability(model, make_ratings([(99, 1, 5.0)]))
