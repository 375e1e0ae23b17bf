"""What is varied of each recipe."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError
from tastemap.evaluation.spaces import SPACES, Choices, Range, default_space, dimensions
from tastemap.training.recipe import Recipe
from tastemap.training.registry import RECIPES
from tests.conftest import interactions
from tests.explanation.worlds import some_ratings

GIVEN: list[Recipe] = [
    *(recipe() for recipe in RECIPES.values()),
    tm.DotProduct.notebook(),
    tm.DotProduct(l2=0, factors=7, schedule=((0.5, 3), (0.1, 2))),
    tm.DotProduct(l2_per="model", l2=3),
    tm.BiasedMF(solver="als"),
    tm.BiasedMF(solver="als", regularization=0.7, factors=300 - 44),
    tm.NeuralNet(hidden=(), dropout=(0.3,)),
    tm.NeuralNet(hidden=(9, 8), dropout=(0.3, 0.2, 0.1)),
    tm.ItemKNN(similarity="adjusted cosine"),
    tm.ItemKNN(shrinkage=0),
    tm.EASE(regularization=5, min_rating=2),
    tm.Blend(recipes=(tm.EASE(), tm.ItemKNN()), weights=(3, 1)),
]


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return some_ratings(30, 20, seed=2, cold=0)


def test_every_recipe_has_a_space() -> None:
    assert set(SPACES) == set(RECIPES)


@pytest.mark.parametrize("recipe", GIVEN, ids=repr)
@pytest.mark.parametrize("explicit", [True, False])
def test_every_setting_of_a_space_makes_a_recipe(
    recipe: Recipe, explicit: bool, ratings: Ratings
) -> None:
    space = default_space(recipe, ratings if explicit else interactions(ratings))
    if not space:
        with pytest.raises(ConfigError, match="nothing to vary of"):
            dimensions(recipe, space)
        assert recipe.name == "mean" or (recipe.name == "popularity" and not explicit)
        return
    checked = dimensions(recipe, space)
    assert list(checked) == list(space)
    for name, one in checked.items():
        own = getattr(recipe, name)
        zero_of_factors = isinstance(one, Range) and one.log and own == 0
        assert one.holds(own) or zero_of_factors
        values = one.values if isinstance(one, Choices) else (one.value(one.low), one.high)
        for value in values:
            assert getattr(dataclasses.replace(recipe, **{name: value}), name) == value
    if not explicit:
        assert "min_rating" not in checked


def test_ranges_and_choices_are_written_in_plain_python() -> None:
    found = dimensions(
        tm.ImplicitALS(),
        {"factors": (8, 64, "log"), "regularization": (1, 3), "min_rating": [None, 4.0]},
    )
    assert found == {
        "factors": Range(8, 64, log=True, whole=True),
        "regularization": Range(1, 3, log=False, whole=False),
        "min_rating": Choices((None, 4.0)),
    }


def test_numbers_have_three_digits_and_stay_between_the_ends() -> None:
    one = Range(0.012345, 987.654, log=True, whole=False)
    drawn = np.geomspace(one.low, one.high, 200)
    values = [one.value(number) for number in drawn]
    assert values[0] == one.low
    assert values[-1] == one.high
    assert all(float(f"{value:.3g}") == value for value in values[1:-1])
    np.testing.assert_allclose(values, drawn, rtol=0.006)
    assert Range(1, 9, log=False, whole=True).value(4.0) == 4
    assert isinstance(Range(1, 9, log=False, whole=True).value(4.0), int)


def test_a_choice_is_found_by_how_it_is_written() -> None:
    one = Choices((None, "None", 4.0, (1, 2)))
    assert [one.value(repr(value)) for value in one.values] == list(one.values)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({}, "nothing to vary of EASE: name some of its settings, min_rating, regularization"),
        ({"lambda": (1, 2)}, "'lambda' is not a setting of EASE, which has min_rating"),
        ({"regularization": 3}, "write a range"),
        ({"regularization": {1, 2}}, "write a range"),
        ({"regularization": (1,)}, r"a range is \(low, high\)"),
        ({"regularization": (1, 2, "lin")}, r"a range is \(low, high\)"),
        ({"regularization": (1, 2, "log", 3)}, r"a range is \(low, high\)"),
        ({"regularization": ("1", "2")}, r"a range is \(low, high\)"),
        ({"regularization": (True, 2)}, r"a range is \(low, high\)"),
        ({"regularization": (2, 1)}, "first end must be below"),
        ({"regularization": (1, float("inf"))}, "first end must be below"),
        ({"regularization": (0, 1, "log")}, "begin above 0"),
        ({"regularization": []}, "at least one choice"),
        ({"regularization": [1.0, 1.0]}, "a choice is there twice"),
    ],
)
def test_a_wrong_space_is_refused(space: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        dimensions(tm.EASE(), space)


def test_whole_numbers_have_whole_ends() -> None:
    with pytest.raises(ConfigError, match="neighbours is a whole number"):
        dimensions(tm.ItemKNN(), {"neighbours": (1.5, 9)})
