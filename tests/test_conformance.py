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


@pytest.mark.parametrize("check", conformance.LIST_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("recipe", conformance.LISTS, ids=lambda recipe: recipe.name)
def test_a_model_of_lists(
    recipe: Recipe, check: Callable[[Recommender, Path], None], small: Ratings, tmp_path: Path
) -> None:
    check(conformance.fit(recipe, small), tmp_path)


def test_every_recipe_is_checked() -> None:
    checked = [*conformance.RECIPES, *conformance.LISTS]
    assert {recipe.name for recipe in checked} == set(RECIPES)
