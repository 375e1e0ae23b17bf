"""Several models as one list, by the ranks they give.

s(u, i) = Σ_m w_m / (60 + rank_m(u, i))

Ranks are among the items that the user did not take, so that what they took does not push others
down. Scores of different models cannot be added, ranks can: reciprocal rank fusion (Cormack,
Clarke & Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
methods").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Float64s, Int64s, Values, frozen
from tastemap.data.ratings import Ratings
from tastemap.models.interactions import Interactions
from tastemap.models.popularity import PopularityModel
from tastemap.models.preference import PreferenceModel
from tastemap.models.protocol import ListModel, Predicts, pairs_by_user
from tastemap.models.similarity import SimilarityModel

RANKS_BEFORE = 60
"""How slowly a rank loses weight: the 61st counts half as much as the first."""

_PARTS: dict[str, type[ListModel]] = {
    part.kind: part for part in (PopularityModel, PreferenceModel, SimilarityModel)
}


@dataclass(frozen=True, eq=False, kw_only=True)
class BlendModel:
    """Scores from the ranks of other models' scores.

    Attributes:
        models: the others.
        weights: w, shape (len(models),).
        users: what the users took.
    """

    kind: ClassVar[str] = "blend"
    predicts: ClassVar[Predicts] = "scores"

    models: tuple[ListModel, ...]
    weights: Float64s
    users: Interactions

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", frozen(self.weights, np.float64))

    @property
    def n_users(self) -> int:
        """Number of user codes."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of item codes."""
        return self.models[0].n_items

    def predict_pairs(self, users: Codes, items: Codes) -> Values:
        """Score of each pair, shape (n,)."""
        return pairs_by_user(self, users, items)

    def predict_users(self, users: Codes) -> Values:
        """Scores of all items for each user, shape (len(users), n_items)."""
        scored = [model.predict_users(users) for model in self.models]
        blended = np.empty_like(scored[0])
        for place, user in enumerate(users):
            taken, _ = self.users.row(user)
            blended[place] = self._blend([scores[place] for scores in scored], taken)
        return blended

    def predict_new(self, items: Codes, values: Values) -> Values:
        """Scores of all items for somebody new, shape (n_items,).

        Args:
            items: codes of what they rated, shape (n,).
            values: the ratings, shape (n,).
        """
        taken, _ = self.users.signal.read(items, values)
        return self._blend([model.predict_new(items, values) for model in self.models], taken)

    def taken_in(self, ratings: Ratings, changed: Codes) -> Self:
        """The same of models that have taken the ratings in (see `ListModel`)."""
        return replace(
            self,
            models=tuple(model.taken_in(ratings, changed) for model in self.models),
            users=Interactions.of(ratings, self.users.signal),
        )

    def _blend(self, scored: list[Values], taken: Codes) -> Values:
        blended = np.zeros(self.n_items)
        for weight, scores in zip(self.weights, scored, strict=True):
            ranks = ranks_of(scores, taken)
            if ranks is not None:
                blended += weight / (RANKS_BEFORE + ranks)
        return blended.astype(np.float32)

    def item_vectors(self) -> Factors | None:
        """None: ranks say nothing of what an item is like."""
        return None

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays of the model by name; those of part 0 begin with ``"0.similarity."``."""
        parts = {
            f"{number}.{model.kind}.{name}": array
            for number, model in enumerate(self.models)
            for name, array in model.parameters().items()
        }
        return {"blend_weights": self.weights, **self.users.parameters(), **parts}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The model with these arrays."""
        parts: dict[int, tuple[str, dict[str, AnyArray]]] = {}
        for name, array in parameters.items():
            number, dot, rest = name.partition(".")
            if dot:
                kind, _, own = rest.partition(".")
                parts.setdefault(int(number), (kind, {}))[1][own] = array
        models = [_PARTS[parts[k][0]].from_parameters(parts[k][1]) for k in range(len(parts))]
        return cls(
            models=tuple(models),
            weights=parameters["blend_weights"],
            users=Interactions.from_parameters(parameters),
        )


def ranks_of(scores: Values, taken: Codes) -> Int64s | None:
    """Rank of each item by its score among those that were not taken; 1 is the best.

    Args:
        scores: shape (n_items,).
        taken: codes of the items that were.

    Returns:
        Shape (n_items,); equal scores have the rank of the first of them. None where all scores
        are 0: a model that knows nothing of a user.
    """
    if not scores.any():
        return None
    new = np.ones(len(scores), bool)
    new[taken] = False
    ordered = np.sort(scores[new])
    return 1 + len(ordered) - np.searchsorted(ordered, scores, "right")
