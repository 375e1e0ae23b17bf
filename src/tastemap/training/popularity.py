"""The baseline that every list must beat: what most users took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tastemap.models.interactions import Interactions
from tastemap.models.popularity import PopularityModel
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.lists import ListRecipe


@dataclass(frozen=True, kw_only=True)
class Popularity(ListRecipe):
    """The same list for everybody: the items most users took, without those they know.

    s(u, i) = Σ of the weights of the ratings of item i

    Attributes:
        min_rating: only ratings of at least this count; None: all do.
    """

    name: ClassVar[str] = "popularity"

    def _fit(
        self, taken: Interactions, n_items: int, *, seed: int, on_epoch: OnEpoch | None
    ) -> tuple[PopularityModel, TrainingHistory]:
        return PopularityModel.of(taken, n_items), TrainingHistory()
