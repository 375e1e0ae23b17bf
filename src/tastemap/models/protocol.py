"""What every fitted model can do: codes in, numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Protocol, Self

from tastemap.arrays import AnyArray, Codes, Factors, Values

PAIRS_AT_ONCE = 1 << 16
"""Pairs predicted in one go, so that memory stays bounded however many are asked for."""


class Model(Protocol):
    """Fitted arrays, immutable. Codes are those of the training ratings and never -1 here.

    Attributes:
        kind: name of the class in a model folder.
        n_users, n_items: how many codes there are.
    """

    kind: ClassVar[str]

    @property
    def n_users(self) -> int:
        """Number of user codes."""
        ...

    @property
    def n_items(self) -> int:
        """Number of item codes."""
        ...

    def predict_pairs(self, users: Codes, items: Codes) -> Values:
        """Predicted rating of each pair, both of shape (n,), in units of the ratings."""
        ...

    def predict_users(self, users: Codes) -> Values:
        """Predicted ratings of all items by each user, shape (len(users), n_items)."""
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


def blocks(n: int, size: int = PAIRS_AT_ONCE) -> Iterator[slice]:
    """Slices that cover ``range(n)``, ``size`` at a time."""
    for first in range(0, n, size):
        yield slice(first, min(first + size, n))
