"""The main components of taste: axes along which predictions differ most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tastemap import arguments
from tastemap.arrays import Float64s, Int64s, Values, frozen, top_n
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, NotFittedFor
from tastemap.explanation.basis import MOST_RATED, Basis, canonical_basis, notebook_basis
from tastemap.explanation.biases import checked, item_bias_of, most_rated_items
from tastemap.models.protocol import Model
from tastemap.tables import Table

BASES = ("canonical", "notebook")


@dataclass(frozen=True, eq=False, kw_only=True)
class Component(Table):
    """Items along one component, in the order of the rows.

    Attributes:
        number: 1 for the component with the largest share.
        share: of the variance (see `components`), 0 to 1.
        ranks: 1 for the largest coordinate among the most rated items, shape (n,).
        codes: item codes, shape (n,).
        items, titles: raw ids and names.
        coordinates: places on the component, shape (n,).
        counts: training ratings of each item, shape (n,).
    """

    number: int
    share: float
    ranks: Int64s
    codes: Int64s
    items: Sequence[Any]
    titles: Sequence[str]
    coordinates: Values
    counts: Int64s

    def top(self, n: int = 10) -> Component:
        """The ``n`` items with the largest coordinates, largest first.

        Raises:
            ConfigError: ``n`` is negative.
        """
        return self.rows(np.arange(len(self))[: checked(n)])

    def bottom(self, n: int = 10) -> Component:
        """The ``n`` items with the smallest coordinates, smallest first.

        Raises:
            ConfigError: ``n`` is negative.
        """
        return self.rows(np.arange(len(self))[::-1][: checked(n)])

    def columns(self) -> dict[str, Any]:
        """Rank, item, title, coordinate, and number of ratings."""
        return {
            "rank": self.ranks,
            "item": self.items,
            "title": self.titles,
            "coordinate": self.coordinates,
            "ratings": self.counts,
        }

    @property
    def caption(self) -> str:
        """The number and the share."""
        return f"component {self.number}: {self.share:.1%} of the variance"

    def rows(self, rows: Int64s) -> Component:
        """Some rows, by position, in that order."""
        return replace(
            self,
            ranks=self.ranks[rows],
            codes=self.codes[rows],
            items=[self.items[row] for row in rows],
            titles=[self.titles[row] for row in rows],
            coordinates=self.coordinates[rows],
            counts=self.counts[rows],
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class TasteMap(Table):
    """Items in the plane of two components, most rated first.

    Attributes:
        codes: item codes, shape (n,).
        items, titles: raw ids and names.
        x, y: coordinates, shape (n,).
        counts: training ratings of each item, shape (n,).
        biases: item biases of the model, shape (n,), in units of the ratings; NaN where it has
            none.
        x_label, y_label: what to write at the axes.
    """

    codes: Int64s
    items: Sequence[Any]
    titles: Sequence[str]
    x: Values
    y: Values
    counts: Int64s
    biases: Values
    x_label: str
    y_label: str

    def popular(self, first: int, last: int) -> TasteMap:
        """The items between two ranks of popularity: rows ``first:last``, as a slice counts them.

        ``popular(50, 100)`` leaves out the fifty most rated items and keeps the next fifty.

        Raises:
            ConfigError: not 0 <= first <= last.
        """
        if not 0 <= first <= last:
            raise ConfigError(f"popular({first}, {last}): need 0 <= first <= last")
        rows = slice(first, last)
        return replace(
            self,
            codes=self.codes[rows],
            items=self.items[rows],
            titles=self.titles[rows],
            x=self.x[rows],
            y=self.y[rows],
            counts=self.counts[rows],
            biases=self.biases[rows],
        )

    def columns(self) -> dict[str, Any]:
        """Item, title, x, y, number of ratings, and bias."""
        return {
            "item": self.items,
            "title": self.titles,
            "x": self.x,
            "y": self.y,
            "ratings": self.counts,
            "bias": self.biases,
        }

    @property
    def caption(self) -> str:
        """What the axes are."""
        return f"x: {self.x_label}; y: {self.y_label}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Components(Table):
    """The first components of taste; ``components[0]`` is component 1.

    Attributes:
        basis: ``"canonical"`` or ``"notebook"``.
        coordinates: of every item, shape (n, n_items), float32; NaN for an item without training
            ratings, whose factors are only what is left of their random start.
        share: of the variance (see `components`), shape (n,), float64.
        ranked: codes of the most rated items, most first: those the basis was computed on and
            the tables list.
        maps: the linear maps behind the coordinates, for users and newcomers.
        item_biases: of the model, shape (n_items,), or None.
        ratings: the training ratings, for ids, titles and counts.
    """

    basis: str
    coordinates: Values
    share: Float64s
    ranked: Int64s
    maps: Basis
    item_biases: Values | None
    ratings: Ratings

    def __len__(self) -> int:
        return len(self.coordinates)

    def __getitem__(self, position: int) -> Component:
        if not -len(self) <= position < len(self):
            raise IndexError(f"there are {len(self)} components, from 0: not {position}")
        position %= len(self)
        along = self.coordinates[position]
        codes = self.ranked[top_n(along[self.ranked], len(self.ranked))]
        return Component(
            number=position + 1,
            share=float(self.share[position]),
            ranks=np.arange(1, len(codes) + 1),
            codes=codes,
            items=self.ratings.item_ids.raws(codes),
            titles=[self.ratings.catalog.title(code) for code in codes],
            coordinates=along[codes],
            counts=self.ratings.item_counts[codes],
        )

    def __iter__(self) -> Iterator[Component]:
        return (self[position] for position in range(len(self)))

    def map(self, x: int = 0, y: int = 1) -> TasteMap:
        """All items with training ratings in the plane of two components, most rated first.

        Args:
            x: position of the horizontal component, from 0.
            y: position of the vertical one.

        Raises:
            ConfigError: there is no such component.
        """
        for name, position in (("x", x), ("y", y)):
            if not 0 <= position < len(self):
                raise ConfigError(f"{name} must be from 0 to {len(self) - 1}, got {position}")
        codes = self.ratings.most_rated_items()
        codes = codes[self.ratings.item_counts[codes] > 0]
        none = np.full(len(codes), np.nan, np.float32)
        return TasteMap(
            codes=codes,
            items=self.ratings.item_ids.raws(codes),
            titles=[self.ratings.catalog.title(code) for code in codes],
            x=self.coordinates[x, codes],
            y=self.coordinates[y, codes],
            counts=self.ratings.item_counts[codes],
            biases=none if self.item_biases is None else self.item_biases[codes],
            x_label=self.label(x),
            y_label=self.label(y),
        )

    def label(self, position: int) -> str:
        """What to write at an axis: the component's number and share."""
        return f"component {position + 1} ({self.share[position]:.1%} of the variance)"

    def columns(self) -> dict[str, Any]:
        """For each component its number, share, and the items at its two ends."""
        ends = [(one.titles[-1], one.titles[0]) for one in self]
        return {
            "component": np.arange(1, len(self) + 1),
            "share": self.share,
            "lowest": [low for low, _ in ends],
            "highest": [high for _, high in ends],
        }

    @property
    def caption(self) -> str:
        """The basis and how many items it was computed on."""
        return f"{self.basis} components of the {len(self.ranked):,} most rated items"


def components(
    model: Model,
    ratings: Ratings,
    n: int = 3,
    *,
    most_rated: int = MOST_RATED,
    basis: str = "canonical",
) -> Components:
    """The main components of taste.

    Args:
        model: a fitted model with item factors.
        ratings: the ratings it was trained on. Users and items without ratings take no part.
        n: how many components.
        most_rated: compute the basis on this many items with the most ratings (ties go to the
            smaller raw id); all items then get coordinates by the same linear map.
        basis: ``"canonical"``: the singular value decomposition of the predictions, which does
            not depend on the basis that training ended in (see `tastemap.explanation.basis`).
            A component's share is its part of the variance that predictions have over all pairs
            of a user with ratings and one of the most rated items, once the mean of every user
            and of every item is taken out: s² / Σ s². Shares of all components sum to 1.
            A component points towards the more often rated items: Σ ratings·coordinate > 0 over
            the most rated items. ``"notebook"``: ``PCA(n).fit(item_factors.T).components_`` of
            scikit-learn, its signs included. The k factors are the samples there and the items
            the features; shares are its explained variance ratios.

    Raises:
        NotFittedFor: the model has no item factors, or for the canonical basis no dot product.
        ConfigError: there is no such basis, ``n`` is less than 1 or more than there are
            components, or ``most_rated`` is less than 1.
        DataError: model and ratings are not of the same users and items.
    """
    if basis not in BASES:
        raise ConfigError(f"basis must be one of {', '.join(map(repr, BASES))}, got {basis!r}")
    vectors = model.item_vectors()
    if vectors is None:
        raise NotFittedFor(
            f"a {model.kind!r} model has no item factors to find components in: "
            "fit DotProduct or BiasedMF"
        )
    ranked = most_rated_items(model, ratings, most_rated)
    maps = (
        canonical_basis(model, ratings, ranked)
        if basis == BASES[0]
        else notebook_basis(vectors[ranked])
    )
    if not len(maps.share):
        raise ConfigError("there is no component: by the factors, all users or all items are alike")
    arguments.integer("n", n, 1)
    if n > len(maps.share):
        raise ConfigError(f"n must be from 1 to {len(maps.share)}, the rank here, got {n}")
    maps = maps.first(n)
    coordinates = maps.of_items(vectors).T
    coordinates[:, ratings.item_counts == 0] = np.nan
    return Components(
        basis=basis,
        coordinates=frozen(coordinates, np.float32),
        share=maps.share,
        ranked=ranked,
        maps=maps,
        item_biases=item_bias_of(model),
        ratings=ratings,
    )
