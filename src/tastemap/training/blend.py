"""Several list models as one, by the ranks they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np

from tastemap import arguments
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError
from tastemap.models.blend import BlendModel
from tastemap.models.interactions import Interactions, Signal
from tastemap.models.protocol import ListModel
from tastemap.training.ease import EASE
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.implicit_als import ImplicitALS
from tastemap.training.item_knn import ItemKNN
from tastemap.training.lists import ListRecipe
from tastemap.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Blend(Recipe):
    """Lists of several models as one, by rank: s(u, i) = Σ_m w_m / (60 + rank_m(u, i)).

    What several models rank high comes first (reciprocal rank fusion, `tastemap.models.blend`).

    Attributes:
        recipes: of the models; each ranks items, such as `EASE` and `ImplicitALS`.
        weights: w, one for each, above 0; None: all the same.

    Raises:
        ConfigError: there are no recipes, one of them predicts ratings or is itself a blend, or
            there are not as many weights.
    """

    name: ClassVar[str] = "blend"
    fits_interactions: ClassVar[bool] = True

    recipes: tuple[Recipe, ...] = (EASE(), ImplicitALS(), ItemKNN())
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.recipes, tuple) or not self.recipes:
            raise ConfigError(f"recipes must be a tuple of recipes, got {self.recipes!r}")
        for recipe in self.recipes:
            if not isinstance(recipe, ListRecipe):
                raise ConfigError(
                    f"a blend is of recipes that rank items, such as EASE, got {recipe!r}"
                )
        if self.weights is not None:
            if not isinstance(self.weights, tuple) or len(self.weights) != len(self.recipes):
                raise ConfigError(
                    f"weights must be a tuple of {len(self.recipes)}, one a recipe, got "
                    f"{self.weights!r}"
                )
            for weight in self.weights:
                arguments.number("a weight of a blend", weight, above=0)

    def settings(self) -> dict[str, Any]:
        """The fields as plain values; each recipe by its name and its settings."""
        recipes = [{"name": one.name, "settings": one.settings()} for one in self.recipes]
        return {"recipes": recipes, "weights": self.weights}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The blend with these fields, as `settings` gives them."""
        from tastemap.training.registry import RECIPES

        recipes = [
            RECIPES[one["name"]].from_settings(one["settings"]) for one in settings["recipes"]
        ]
        weights = settings["weights"]
        return cls(recipes=tuple(recipes), weights=None if weights is None else tuple(weights))

    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[BlendModel, TrainingHistory]:
        models = []
        for recipe in self.recipes:
            model, _ = recipe._train(
                train, valid, seed=seed, on_epoch=on_epoch, checkpoint=checkpoint
            )
            models.append(cast(ListModel, model))
        weights = self.weights or (1.0,) * len(models)
        blend = BlendModel(
            models=tuple(models),
            weights=np.array(weights),
            users=Interactions.of(train, Signal()),
        )
        return blend, TrainingHistory()
