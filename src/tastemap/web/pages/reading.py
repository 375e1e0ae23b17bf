"""What the explorer says of a whole model: worked out when first asked for, then kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Generic, TypeVar, overload

import numpy as np
import pyarrow as pa

from tastemap.arrays import AnyArray, Float64s, Int64s, Mask
from tastemap.data.audit import Finding, audit, scale_step
from tastemap.errors import ConfigError, NotFittedFor
from tastemap.explanation.biases import BiasRanking
from tastemap.explanation.components import Components
from tastemap.maps.data import Describing, describing
from tastemap.maps.ends import shown_components, tendency
from tastemap.recommender import Recommender
from tastemap.web.pages.charts import Scatter
from tastemap.web.pages.finding import prepared
from tastemap.web.pages.site import Asset
from tastemap.web.reading import COMPONENTS, map_json

_DRAWN = 3000
"""Items drawn on a picture of the map, the most rated ones; the interactive map has all."""
_MOST_STEPS = 12
"""With more distinct ratings than this, they are not steps to choose from."""

_SHARE, _ENOUGH = 0.8, 20
"""An item nearly nobody rated is a leap in the dark, above all for somebody who rated little. So
lists keep to the items that have this share of all ratings, or that many ratings."""

_KNOWN = 300
"""Most rated items among which those are chosen that tell what a component is."""

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801  # used like property
    """A property worked out once: whoever asks meanwhile waits for it instead of doing the same."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        self.function, self.__doc__ = function, function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> once[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        with instance.lock:
            if self.name not in instance.__dict__:
                instance.__dict__[self.name] = self.function(instance)
        return instance.__dict__[self.name]


@dataclass(frozen=True, eq=False)
class Ranked:
    """All items with training ratings by their bias.

    Attributes:
        ranking: best liked first.
        row_of: where an item code is in it, -1 for an item without; shape (n_items,).
    """

    ranking: BiasRanking
    row_of: Int64s


class Reading:
    """A model, read. Every attribute is computed when first asked for.

    Args:
        recommender: the model.
    """

    def __init__(self, recommender: Recommender) -> None:
        self.recommender, self.ratings = recommender, recommender.ratings
        self.lock = threading.RLock()

    @once
    def components(self) -> Components | None:
        """The first components, in standard deviations of items; None: the model has none."""
        try:
            return shown_components(self.recommender, COMPONENTS)
        except (NotFittedFor, ConfigError):
            return None

    @once
    def tendencies(self) -> list[dict[str, Any] | None]:
        """Which categories lie towards the two ends of each component."""
        found = self.components
        return [] if found is None else [tendency(found, one) for one in found]

    @once
    def _user_spread(self) -> Float64s | None:
        """Standard deviation of the users' places on each component."""
        model, found = self.recommender.model, self.components
        if found is None or found.maps.user_map is None:
            return None
        factors = getattr(model, "user_factors")[self.ratings.user_counts > 0]  # noqa: B009
        spread = found.maps.of_users(factors).std(axis=0)
        return np.where(spread > 0, spread, 1.0)

    def place(self, factors: AnyArray) -> Float64s | None:
        """Where a user is on each component, in standard deviations of all users.

        Args:
            factors: of the user, shape (k,).

        Returns:
            Shape (components,); None where the model's components have no place for users.
        """
        found, spread = self.components, self._user_spread
        if found is None or spread is None:
            return None
        places: Float64s = found.maps.of_users(factors[None].astype(np.float64))[0] / spread
        return places

    @once
    def ranked(self) -> Ranked | None:
        """Every item with training ratings by its bias; None where the model has no biases."""
        try:
            ranking = self.recommender.item_biases(most_rated=max(1, self.ratings.n_items))
        except NotFittedFor:
            return None
        if not np.ptp(ranking.biases) > 0:
            return None  # a model that knows no biases gives everything the same
        row_of = np.full(self.ratings.n_items, -1)
        row_of[ranking.codes] = np.arange(len(ranking))
        return Ranked(ranking, row_of)

    @once
    def columns(self) -> list[Describing]:
        """What is known about items in a few words or a number."""
        return describing(self.ratings.catalog)

    @once
    def categories(self) -> dict[str, list[str]]:
        """Columns with categories, and these in order."""
        found: dict[str, list[str]] = {}
        for column in self.columns:
            if column.n_categories > 1:
                parts = {part for value in column.values if value for part in value.split("|")}
                found[column.name] = sorted(parts - {""})
        return found

    @once
    def numbers(self) -> dict[str, tuple[float, float]]:
        """Columns of numbers, with the smallest and the largest."""
        found: dict[str, tuple[float, float]] = {}
        for column in self.columns:
            known = [value for value in column.values if value is not None]
            if column.is_number and len(set(known)) > 1:
                found[column.name] = min(known), max(known)
        return found

    def about(self, code: int) -> str:
        """The categories of an item, in a few words; empty where none are known."""
        for column in self.columns:
            if column.n_categories > 1 and column.values[code]:
                return ", ".join(column.values[code].split("|"))
        return ""

    @once
    def searchable(self) -> pa.Array:
        """Titles by item code, as searches compare them."""
        return prepared(self.ratings.catalog.titles)

    @once
    def steps(self) -> list[float]:
        """The ratings there are to choose from; none where they are on no scale of steps.

        Steps that nobody happened to give are among them, unless the model knows given ones only.
        """
        values = np.unique(self.ratings.values)
        step = scale_step(values) if len(values) > 1 else None
        if step is not None and getattr(self.recommender.model, "thresholds", None) is None:
            # Rounded as ratings are, so that the steps are the ratings that were given.
            low, high = float(values[0]), float(values[-1])
            values = np.linspace(low, high, round((high - low) / step) + 1, dtype=np.float32)
        return [] if len(values) > _MOST_STEPS else values.tolist()

    @once
    def shares(self) -> Float64s:
        """How often each step was given, as a share; shape (steps,)."""
        return self.shares_of(self.ratings.values)

    def shares_of(self, values: AnyArray) -> Float64s:
        """How often each step occurs among some ratings, as a share; shape (steps,)."""
        counts = np.array([np.isclose(values, step).sum() for step in self.steps], np.float64)
        return counts / max(len(values), 1)

    @once
    def rated(self) -> Mask:
        """Items with training ratings, shape (n_items,)."""
        return self.ratings.item_counts > 0

    @once
    def enough(self) -> int:
        """Ratings an item needs to be recommended on a page, unless asked otherwise.

        The items with that many have `_SHARE` of all ratings, as far as `_ENOUGH` do not suffice.
        """
        counts = np.sort(self.ratings.item_counts)[::-1]
        at = int(np.searchsorted(np.cumsum(counts), _SHARE * counts.sum()))
        return int(np.clip(counts[min(at, len(counts) - 1)], 1, _ENOUGH))

    @once
    def means(self) -> Float64s:
        """Mean rating of each item, NaN for one without ratings; shape (n_items,)."""
        ratings = self.ratings
        sums = np.bincount(ratings.items, ratings.values, minlength=ratings.n_items)
        counts = ratings.item_counts
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    @once
    def ends(self) -> list[tuple[str, str]]:
        """Of each component a title at its low and one at its high end, that many know."""
        found = self.components
        if found is None:
            return []
        known = found.ranked[:_KNOWN]
        title = self.ratings.catalog.title
        return [
            (title(known[np.argmin(along[known])]), title(known[np.argmax(along[known])]))
            for along in found.coordinates
        ]

    @property
    def axes(self) -> tuple[int, int]:
        """The two components that maps begin with: the first, and the third, as in reports."""
        found = self.components
        return 0, 0 if found is None else min(2, len(found) - 1)

    @once
    def scatter(self) -> Scatter | None:
        """The picture of the map; None where there are no two components."""
        found = self.components
        if found is None or len(found) < 2:
            return None
        points = found.map(*self.axes).popular(0, _DRAWN)
        xy = np.column_stack([points.x, points.y]).astype(np.float64)
        return Scatter.of(xy, points.counts, points.titles)

    @once
    def map_data(self) -> Asset | None:
        """What the interactive map draws, as JSON; None where there are no two components."""
        found = self.components
        if found is None or len(found) < 2:
            return None
        # Ids as text: a browser has no whole numbers above 2^53.
        return Asset.of(map_json(found, str), "application/json")

    @once
    def audit(self) -> tuple[Finding, ...]:
        """What the audit of the training ratings found."""
        return audit(self.ratings).findings

    @cached_property
    def name(self) -> str:
        """What the ratings are called."""
        return self.ratings.name or "ratings"

    def prepare(self) -> None:
        """Work out what pages ask for first, and the data of the map while they are read."""
        _ = self.components, self.ranked, self.scatter, self.map_data


@lru_cache(maxsize=1)
def reading_of(recommender: Recommender) -> Reading:
    """The reading of a model; that of the one before is let go."""
    reading = Reading(recommender)
    threading.Thread(target=reading.prepare, name="tastemap reading", daemon=True).start()
    return reading
