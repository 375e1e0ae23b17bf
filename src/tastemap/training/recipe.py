"""What every recipe is: hyper-parameters with a ``fit``."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from tastemap import arguments
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, DataError
from tastemap.models.protocol import Model
from tastemap.training.history import OnEpoch, TrainingHistory

if TYPE_CHECKING:
    from tastemap.recommender import Recommender


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """Hyper-parameters of one way to fit ratings; holds no data and no state."""

    name: ClassVar[str]
    """The name of the recipe on the command line and in a model folder."""
    keeps_checkpoints: ClassVar[bool] = False
    """Whether `fit` can be given a checkpoint folder."""
    fits_interactions: ClassVar[bool] = False
    """Whether `fit` takes interactions, which have no ratings, and ranks items by them."""

    @property
    def called(self) -> str:
        """The class with its article, as sentences need it: ``an EASE``, ``a BiasesOnly``."""
        name = type(self).__name__
        return f"{'an' if name.startswith(('A', 'E', 'I', 'O', 'RP')) else 'a'} {name}"

    def fit(
        self,
        train: Ratings,
        valid: Ratings | None = None,
        *,
        seed: int = 0,
        on_epoch: OnEpoch | None = None,
        checkpoint: str | Path | None = None,
    ) -> Recommender:
        """Train on ratings.

        Args:
            train: the ratings to learn from.
            valid: ratings to measure the learning curve on, over the same vocabularies. Nothing
                is learnt or chosen from them.
            seed: of everything random; the same seed gives the same model.
            on_epoch: called after each epoch with an `Epoch`.
            checkpoint: a folder that keeps the state of training after each epoch. When it holds
                one of the same recipe, seed and ratings, training goes on from there.

        Returns:
            The fitted model with its ids, titles and history.

        Raises:
            DataError: there are no training ratings, ``valid`` has other vocabularies, or they are
                interactions and the recipe predicts ratings.
            ArgumentError: ``train`` or ``valid`` are no `Ratings`.
            ConfigError: the seed is no integer of at least 0, or the recipe keeps no checkpoints.
            TrainingError: training diverged, or the checkpoint is of something else.
            MissingExtraError: the recipe needs a library that is not installed.
        """
        from tastemap.recommender import Recommender

        arguments.ratings("train", train)
        arguments.optional_ratings("valid", valid)
        arguments.integer("seed", seed, 0)
        arguments.callback("on_epoch", on_epoch)
        if checkpoint is not None:
            arguments.path("checkpoint", checkpoint)
        if not len(train):
            raise DataError("there are no ratings to train on")
        if valid is not None and (
            valid.user_ids != train.user_ids or valid.item_ids != train.item_ids
        ):
            raise DataError(
                "training and validation ratings have different ids: "
                "make both from one table with tastemap.split"
            )
        if not (train.explicit or self.fits_interactions):
            raise DataError(f"{type(self).__name__} predicts ratings, {_no_ratings(train)}")
        if valid is not None and valid.explicit != train.explicit:
            raise DataError("of training and validation, one has ratings and one interactions")
        if checkpoint is not None and not self.keeps_checkpoints:
            raise ConfigError(f"{type(self).__name__} is solved in one go and keeps no checkpoints")
        seed = int(seed)
        started = time.perf_counter()
        model, history = self._train(
            train,
            valid,
            seed=seed,
            on_epoch=on_epoch,
            checkpoint=None if checkpoint is None else Path(checkpoint),
        )
        seconds = time.perf_counter() - started
        return Recommender.of(
            model, train, valid, recipe=self, seed=seed, history=history, seconds=seconds
        )

    def settings(self) -> dict[str, Any]:
        """The fields as plain values, for a manifest."""
        return {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The recipe whose fields are ``settings``, as a manifest holds them.

        Raises:
            TypeError: a setting is not one of the recipe's.
            ConfigError: a setting is out of its range.
        """
        return cls(**{name: _with_tuples(value) for name, value in settings.items()})

    @abstractmethod
    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[Model, TrainingHistory]:
        """Do the work of `fit` on checked arguments."""


def _no_ratings(train: Ratings) -> str:
    from tastemap.training.registry import RECIPES

    fitting = [recipe.__name__ for recipe in RECIPES.values() if recipe.fits_interactions]
    return (
        f"and {train.name} has interactions without any: for lists of items fit one of "
        f"{', '.join(fitting)}"
    )


def _with_tuples(value: Any) -> Any:
    """JSON knows lists only; recipes hold tuples, so that they cannot change."""
    return tuple(_with_tuples(one) for one in value) if isinstance(value, list) else value
