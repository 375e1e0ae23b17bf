"""Item neighbours: what is taken by the same users belongs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tastemap import arguments
from tastemap.arrays import Values
from tastemap.errors import ConfigError
from tastemap.models.interactions import Interactions, Signal
from tastemap.models.similarity import SimilarityModel
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.lists import ListRecipe
from tastemap.training.neighbours import as_matrix, nearest, transposed

Similarity = Literal["cosine", "adjusted cosine"]


@dataclass(frozen=True, kw_only=True)
class ItemKNN(ListRecipe):
    """Scores from the nearest neighbours of each item (Sarwar et al. 2001).

    s(u, i) = Σ_j x_uj B_ji over those j that are among the nearest of i, with

    B_ji = x_j · x_i / (|x_j| |x_i| + shrinkage)

    for the columns x of what users took. Never more than ``neighbours`` numbers an item are kept
    ("Item-based collaborative filtering recommendation algorithms").

    Attributes:
        neighbours: how many items are near.
        similarity: ``"cosine"``: x is 1 for what a user took. ``"adjusted cosine"``: x is how far
            the rating is from the user's mean, so that lists are of what a user will rate high;
            needs ratings.
        shrinkage: pulls items that few users took towards being like nothing, at least 0.
        min_rating: only ratings of at least this say that the user took the item; None: any does.

    Raises:
        ConfigError: a setting is out of its range, or adjusted cosine with ``min_rating``.
    """

    name: ClassVar[str] = "item-knn"

    neighbours: int = 200
    similarity: Similarity = "cosine"
    shrinkage: float = 30.0

    def __post_init__(self) -> None:
        super().__post_init__()
        arguments.integer("neighbours", self.neighbours, 1)
        arguments.number("shrinkage", self.shrinkage, least=0)
        if self.similarity not in ("cosine", "adjusted cosine"):
            raise ConfigError(
                f'similarity must be "cosine" or "adjusted cosine", got {self.similarity!r}'
            )
        if self.similarity != "cosine" and self.min_rating is not None:
            raise ConfigError("adjusted cosine reads low ratings too: leave min_rating out")

    @property
    def signal(self) -> Signal:
        """What a rating says."""
        return super().signal if self.similarity == "cosine" else Signal(centred=True)

    def _fit(
        self, taken: Interactions, n_items: int, *, seed: int, on_epoch: OnEpoch | None
    ) -> tuple[SimilarityModel, TrainingHistory]:
        x = as_matrix(taken, n_items)
        squares = np.bincount(taken.items, np.square(taken.values), minlength=n_items)
        length = np.sqrt(squares).astype(np.float32)

        def adjust(products: Values, part: slice) -> None:
            size = length[part, None] * length + np.float32(self.shrinkage)
            np.divide(products, size, out=products, where=size > 0)

        weights = transposed(nearest(x.T.tocsr(), x, self.neighbours, adjust))
        return SimilarityModel(users=taken, weights=weights), TrainingHistory()
