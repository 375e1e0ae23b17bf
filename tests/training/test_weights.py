"""Weights count in every recipe that predicts ratings, or are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError
from tastemap.training.recipe import Recipe
from tests.conformance import RECIPES
from tests.conftest import make_ratings


@pytest.fixture
def ones_and_fives() -> Ratings:
    rng = np.random.default_rng(5)
    pairs = [(user, item) for user in range(30) for item in range(20) if rng.random() < 0.6]
    return make_ratings([(*pair, float(rng.choice([1, 5]))) for pair in pairs])


@pytest.mark.parametrize(
    "recipe",
    [recipe for recipe in RECIPES if not recipe.fits_interactions],
    ids=lambda recipe: f"{recipe.name}-{getattr(recipe, 'solver', '')}".rstrip("-"),
)
def test_predictions_go_towards_the_heavier_ratings(
    recipe: Recipe, ones_and_fives: Ratings
) -> None:
    heavy_fives = np.where(ones_and_fives.values == 5, 9, 1)
    weighted = dataclasses.replace(ones_and_fives, weights=heavy_fives)
    users, items = ones_and_fives.users, ones_and_fives.items
    plain = recipe.fit(ones_and_fives, seed=1).predict_codes(users, items).values.mean()
    if getattr(recipe, "likelihood", "normal") == "ordinal":
        with pytest.raises(ConfigError, match="these have weights"):
            recipe.fit(weighted, seed=1)
        return
    drawn = recipe.fit(weighted, seed=1).predict_codes(users, items).values.mean()
    # Of as many ones as fives, a ninth as heavy, the mean is 4.6 instead of 3.
    assert plain == pytest.approx(3, abs=0.3)
    assert drawn > 3.8
