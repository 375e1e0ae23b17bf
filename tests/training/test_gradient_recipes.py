"""Settings of the gradient recipes, what they refuse, and what they need."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, MissingExtraError
from tastemap.models.factors import FactorModel
from tastemap.models.network import NetworkModel
from tastemap.training.gradient_recipes import GradientRecipe
from tastemap.training.registry import RECIPES

KINDS: list[type[GradientRecipe]] = [tm.DotProduct, tm.BiasedMF, tm.NeuralNet]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("factors", 0, "factors must be an integer of at least 1, got 0"),
        ("factors", 2.5, "factors must be an integer of at least 1, got 2.5"),
        ("factors", True, "factors must be an integer of at least 1, got True"),
        ("init_scale", 0, "init_scale must be a number above 0, got 0"),
        ("l2", -1, "l2 must be a number at least 0, got -1"),
        ("l2", float("nan"), "l2 must be a number at least 0, got nan"),
        ("l2", "much", "l2 must be a number at least 0, got 'much'"),
        ("l2_per", "row", "l2_per must be 'rating', 'model' or 'batch', got 'row'"),
        ("batch_size", 0, "batch_size must be an integer of at least 1, got 0"),
        ("schedule", (), r"schedule must be stages of \(learning rate, epochs\) such as"),
        ("schedule", 0.1, r"schedule must be stages of \(learning rate, epochs\) such as"),
        ("schedule", ((0.1,),), r"schedule must be stages of \(learning rate, epochs\) such as"),
        ("schedule", ((0.0, 3),), "the learning rate in schedule must be a number above 0, got 0"),
        ("schedule", ((0.1, 0),), "the epochs of a stage in schedule must be an integer of at"),
        ("averaging", 1, "averaging must be a number at least 0 and below 1, got 1"),
        ("holdout", 1.0, "holdout must be a number at least 0 and below 1, got 1.0"),
        ("holdout", -0.1, "holdout must be a number at least 0 and below 1, got -0.1"),
        ("patience", 0, "patience must be an integer of at least 1, got 0"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_settings_out_of_range_are_named(
    kind: type[GradientRecipe], setting: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**{setting: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": (0,)}, "hidden must be an integer of at least 1, got 0"),
        ({"dropout": (0.1, 1.0)}, "dropout must be a number at least 0 and below 1, got 1.0"),
        ({"dropout": (0.1,)}, "dropout needs 2 rates, of the factors and of each of 1 hidden"),
        ({"hidden": (8, 4)}, "dropout needs 3 rates, .*, got 2"),
    ],
)
def test_layers_that_do_not_fit_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tm.NeuralNet(**settings)


@pytest.mark.parametrize("kind", KINDS)
def test_notebook_is_what_the_notebook_ran(kind: type[GradientRecipe]) -> None:
    recipe = kind.notebook()
    assert (recipe.factors, recipe.init_scale, recipe.batch_size) == (50, 0.05, 64)
    assert (recipe.l2, recipe.l2_per) == (1e-4, "batch")
    assert {rate for rate, _ in recipe.schedule} == {1e-3}
    # No early stopping, no mean, no averaging: the notebook had none.
    assert (recipe.holdout, recipe.mean_term, recipe.averaging) == (0, False, 0)
    if isinstance(recipe, tm.NeuralNet):
        assert (recipe.hidden, recipe.dropout) == ((70,), (0.2, 0.75))
        assert recipe.schedule == ((1e-3, 8),)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_survive_a_manifest(kind: type[GradientRecipe]) -> None:
    for recipe in (kind(), kind.notebook()):
        stored = json.loads(json.dumps(dataclasses.asdict(recipe)))
        assert kind.from_settings(stored) == recipe
        assert RECIPES[recipe.name] is kind
        assert hash(kind.from_settings(stored)) == hash(recipe)


@pytest.mark.parametrize("kind", KINDS)
def test_without_jax_the_extra_is_named(
    kind: type[GradientRecipe], small: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingExtraError, match=r'pip install "tastemap\[gradient\]"'):
        kind().fit(small)
    with pytest.raises(MissingExtraError, match="jax"):
        kind().find_learning_rate(small)


def test_recipes_and_fitted_models_do_not_need_jax() -> None:
    script = """
import sys
sys.modules["jax"] = None
import numpy as np
import tastemap as tm
from tastemap.models.network import NetworkModel

tm.BiasedMF.notebook(), tm.NeuralNet()
ones = np.ones((2, 1))
model = NetworkModel(
    user_factors=ones, item_factors=ones, weights=(np.ones((2, 1)),), offsets=(np.zeros(1),)
)
print(model.predict_pairs(np.array([0]), np.array([1])))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[2.]\n", done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_term_is_the_mean_of_the_training_ratings(
    kind: type[GradientRecipe], small: Ratings
) -> None:
    one_epoch = {"factors": 2, "schedule": ((1e-3, 1),)}
    for settings, mean in (({}, small.mean), ({"mean_term": False}, 0.0)):
        model = kind(**one_epoch, **settings).fit(small).model  # type: ignore[arg-type]
        assert isinstance(model, FactorModel | NetworkModel)
        assert model.mean == pytest.approx(mean)


def test_factors_begin_in_their_range_and_differ(movielens: Ratings) -> None:
    parameters = tm.DotProduct.notebook().initial(movielens, seed=0)
    users, items = parameters["user_factors"], parameters["item_factors"]
    assert users.shape == (671, 50)
    assert items.shape == (9066, 50)
    for table in (users, items):
        assert -0.05 <= table.min() < -0.0499
        assert 0.0499 < table.max() <= 0.05
    assert not np.allclose(users, items[:671])
