"""What the recipes of list models share: which ratings count, and as what."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tastemap import arguments
from tastemap.data.ratings import Ratings
from tastemap.models.interactions import Interactions, Signal
from tastemap.models.protocol import ListModel
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class ListRecipe(Recipe):
    """A recipe whose model ranks items by what users took. Ratings need not have values.

    Attributes:
        min_rating: only ratings of at least this say that the user took the item; None: any
            rating does. Without, lists are of what a user will rate; with it, of what they will
            rate so high. What a user rated in any way is left out of their lists.

    Raises:
        ConfigError: a setting is out of its range.
    """

    fits_interactions: ClassVar[bool] = True

    min_rating: float | None = None

    def __post_init__(self) -> None:
        if self.min_rating is not None:
            arguments.number("min_rating", self.min_rating)

    @property
    def signal(self) -> Signal:
        """What a rating says."""
        return Signal() if self.min_rating is None else Signal(least=float(self.min_rating))

    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[ListModel, TrainingHistory]:
        taken = Interactions.of(train, self.signal)
        return self._fit(taken, train.n_items, seed=seed, on_epoch=on_epoch)

    @abstractmethod
    def _fit(
        self, taken: Interactions, n_items: int, *, seed: int, on_epoch: OnEpoch | None
    ) -> tuple[ListModel, TrainingHistory]:
        """Fit a model to what users took."""
