from collections.abc import Callable
from pathlib import Path

import pytest

from tastemap.data.ratings import Ratings
from tastemap.recommender import Recommender
from tastemap.training.recipe import Recipe
from tastemap.training.registry import RECIPES
from tests import conformance


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "recipe",
    conformance.RECIPES,
    ids=lambda recipe: f"{recipe.name}-{getattr(recipe, 'solver', '')}".rstrip("-"),
)
def test_a_model(
    recipe: Recipe, check: Callable[[Recommender, Path], None], small: Ratings, tmp_path: Path
) -> None:
    check(conformance.fit(recipe, small), tmp_path)


def test_every_recipe_is_checked() -> None:
    assert {recipe.name for recipe in conformance.RECIPES} == set(RECIPES)
