"""RP3beta: a random walk of three steps from a user over items and users to items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tastemap import arguments
from tastemap.arrays import Float64s, Values
from tastemap.models.interactions import Interactions
from tastemap.models.similarity import SimilarityModel
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.lists import ListRecipe
from tastemap.training.neighbours import as_matrix, nearest


@dataclass(frozen=True, kw_only=True)
class RP3beta(ListRecipe):
    """Scores from random walks, with popular items held back (Paudel et al. 2017).

    s(u, i) = Σ_j x_uj B_ji over those j that i is among the nearest of, with

    B_ji = Σ_v (x_vj / Σ_v' x_v'j)^α (x_vi / Σ_i' x_vi')^α / (Σ_v x_vi)^β:

    from item j to one of its users v and on to one of their items, by chance ("Updatable,
    accurate, diverse, and scalable recommendations for interactive applications").

    Attributes:
        neighbours: how many items are near.
        alpha: α, at least 0: below 1, active users and popular items count for more.
        beta: β, at least 0: 0 leaves popular items as near to everything as they are.
        min_rating: only ratings of at least this say that the user took the item; None: any does.

    Raises:
        ConfigError: a setting is out of its range.
    """

    name: ClassVar[str] = "rp3beta"

    neighbours: int = 100
    alpha: float = 0.6
    beta: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        arguments.integer("neighbours", self.neighbours, 1)
        arguments.number("alpha", self.alpha, least=0)
        arguments.number("beta", self.beta, least=0)

    def _fit(
        self, taken: Interactions, n_items: int, *, seed: int, on_epoch: OnEpoch | None
    ) -> tuple[SimilarityModel, TrainingHistory]:
        x = as_matrix(taken, n_items)
        of_user = np.bincount(taken.users, taken.values, minlength=len(taken))
        of_item = np.bincount(taken.items, taken.values, minlength=n_items)
        to_item, to_user = x.copy(), x.copy()
        to_item.data = self._chances(taken.values / of_user[taken.users])
        to_user.data = self._chances(taken.values / of_item[taken.items])
        hold_back = np.zeros(n_items, np.float32)
        hold_back[of_item > 0] = of_item[of_item > 0] ** -self.beta

        def adjust(products: Values, _: slice) -> None:
            products *= hold_back

        weights = nearest(to_user.T.tocsr(), to_item, self.neighbours, adjust)
        return SimilarityModel(users=taken, weights=weights), TrainingHistory()

    def _chances(self, shares: Float64s) -> Values:
        return np.asarray(shares**self.alpha, np.float32)
