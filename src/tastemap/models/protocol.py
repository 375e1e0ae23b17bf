"""What every fitted model can do: codes in, numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Values
from tastemap.data.ratings import Ratings

Predicts: TypeAlias = Literal["ratings", "scores"]
"""What numbers come out: ``"ratings"`` in units of the ratings; ``"scores"`` that rank the items of
one user, higher meaning more likely to be taken, with no unit and no meaning between users."""

PAIRS_AT_ONCE = 1 << 16
"""Pairs predicted in one go, so that memory stays bounded however many are asked for."""

SCORES_AT_ONCE = 1 << 22
"""Scores of all items for users held at a time where only pairs are asked for (16 MB)."""


class Model(Protocol):
    """Fitted arrays, immutable. Codes are those of the training ratings and never -1 here.

    Attributes:
        kind: name of the class in a model folder.
        predicts: ``"ratings"`` or ``"scores"``.
        n_users, n_items: how many codes there are.
    """

    kind: ClassVar[str]
    predicts: ClassVar[Predicts]

    @property
    def n_users(self) -> int:
        """Number of user codes."""
        ...

    @property
    def n_items(self) -> int:
        """Number of item codes."""
        ...

    def predict_pairs(self, users: Codes, items: Codes) -> Values:
        """Predicted rating, or score, of each pair, both of shape (n,)."""
        ...

    def predict_users(self, users: Codes) -> Values:
        """The same of all items for each user, shape (len(users), n_items)."""
        ...

    def item_vectors(self) -> Factors | None:
        """What `similar_items` compares, shape (n_items, k); None where items have no vector."""
        ...

    def parameters(self) -> Mapping[str, AnyArray]:
        """Every array of the model by name: with `from_parameters` the whole of its state."""
        ...

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The model with these arrays."""
        ...


@runtime_checkable
class ListModel(Model, Protocol):
    """A model of scores: it ranks items, and takes in somebody new by what they took."""

    def predict_new(self, items: Codes, values: Values) -> Values:
        """Scores of all items for somebody new, shape (n_items,).

        Args:
            items: codes of what they rated, shape (n,).
            values: the ratings, shape (n,); 1 where the model was fitted to interactions.
        """
        ...

    def taken_in(self, ratings: Ratings, changed: Codes) -> Self:
        """The same for users as they are now; what it learnt of items stays.

        Args:
            ratings: those of training and new ones. Codes go on where those of training end.
            changed: users with new ratings.

        Raises:
            DataError: no rating says anything any more.
        """
        ...


def pairs_by_user(model: Model, users: Codes, items: Codes) -> Values:
    """Scores of pairs by a model that scores all items of a user at once, shape (n,)."""
    scores = np.empty(len(users), np.float32)
    distinct, which = np.unique(users, return_inverse=True)
    order = np.argsort(which, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(which, minlength=len(distinct)))])
    for part in blocks(len(distinct), max(1, SCORES_AT_ONCE // max(1, model.n_items))):
        rows = order[ends[part.start] : ends[part.stop]]
        scored = model.predict_users(distinct[part])
        scores[rows] = scored[which[rows] - part.start, items[rows]]
    return scores


def blocks(n: int, size: int = PAIRS_AT_ONCE) -> Iterator[slice]:
    """Slices that cover ``range(n)``, ``size`` at a time."""
    for first in range(0, n, size):
        yield slice(first, min(first + size, n))
