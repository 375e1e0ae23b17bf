"""The learning-rate finder."""

from __future__ import annotations

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError
from tastemap.training.learning_rate import curve
from tests.training.generated import ratings_with_taste

RATES = np.geomspace(1e-6, 1, 200)


def test_the_suggestion_is_a_tenth_of_the_rate_of_the_smallest_loss() -> None:
    # A valley at 0.05 on a logarithmic axis; smoothing moves it a few steps to the right.
    losses = 1 + np.log10(RATES / 0.05) ** 2
    found = curve(RATES, losses)
    assert found.suggestion == pytest.approx(found.learning_rates[np.argmin(found.losses)] / 10)
    assert 0.005 <= found.suggestion < 0.012
    assert len(found) == 200
    assert found.losses[0] == pytest.approx(losses[0])


def test_the_curve_ends_where_the_loss_diverges() -> None:
    losses = np.where(RATES < 0.01, 1 + 0.1 / (1 + RATES / 1e-4), 1e6)
    losses[-20:] = np.nan
    found = curve(RATES, losses)
    assert found.learning_rates[-1] < 0.012
    assert np.isfinite(found.losses).all()
    assert found.suggestion == pytest.approx(1e-3, rel=0.1)


def test_a_loss_that_never_falls_gives_no_suggestion() -> None:
    found = curve(RATES, np.linspace(1, 2, 200))
    assert found.suggestion is None
    assert "no rate made the loss fall" in str(found)
    assert len(curve(RATES, np.full(200, np.nan))) == 0


def test_a_recipe_finds_a_rate_it_can_learn_with() -> None:
    train = ratings_with_taste()
    recipe = tm.BiasedMF(factors=4, batch_size=32)
    found = recipe.find_learning_rate(train, seed=3)
    assert found.suggestion is not None
    assert 1e-3 < found.suggestion < 0.1
    assert f"take {found.suggestion:.2g}" in str(found)
    again = recipe.find_learning_rate(train, seed=3)
    np.testing.assert_array_equal(found.losses, again.losses)
    assert set(found.to_dicts()[0]) == {"learning_rate", "loss"}
    assert not found.losses.flags.writeable


def test_there_must_be_ratings(small: Ratings) -> None:
    with pytest.raises(DataError, match="no ratings to train on"):
        tm.NeuralNet().find_learning_rate(small.take(np.zeros(0, np.int64)))
