"""What a `Recommender` answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tastemap.arrays import AnyArray, Float64s, Mask, Values
from tastemap.data.moments import written
from tastemap.tables import Table

MODEL, ITEM_BIAS, USER_BIAS, GLOBAL_MEAN = range(4)
SOURCES = ("model", "item bias", "user bias", "global mean")
"""What a prediction was made from, in the order of falling back: the model, where user and item
have training ratings; mean + item bias, where the user has none; mean + user bias, where the item
has none; the mean, where neither has."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PairPredictions:
    """Predictions by code, before ids and titles are put to them.

    Attributes:
        values: predicted ratings, clipped to the scale, shape (n,).
        unclipped: the same before clipping, shape (n,).
        source: index into `SOURCES` of each, shape (n,), uint8.
        by_day: which are of the user as they were on the day of the rating, shape (n,); None
            where no times were given, or the model's users are the same on all days.
    """

    values: Values
    unclipped: Values
    source: AnyArray
    by_day: Mask | None = None

    @property
    def clipped(self) -> Mask:
        """Which predictions were outside the scale, shape (n,)."""
        outside: Mask = self.values != self.unclipped
        return outside


@dataclass(frozen=True, eq=False, kw_only=True)
class Interval:
    """How sure predictions are; NaN where the model does not say.

    Attributes:
        level: chance that the interval holds the rating, such as 0.8.
        deviation: standard deviation of the rating around the prediction, shape (n,).
        low, high: ends in units of the ratings, clipped to the scale, shape (n,).
    """

    level: float
    deviation: Values
    low: Values
    high: Values


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction(Table):
    """Predicted ratings of pairs.

    Attributes:
        users: raw user ids, n of them.
        items: raw item ids.
        titles: what the items are called.
        pairs: the predictions, shape (n,).
        scale: smallest and largest rating.
        interval: how sure the predictions are; None unless asked for.
        at: when the ratings are given, in seconds since 1970 UTC; None unless asked for.
        chances: chance of each item to be liked by the user if they rate it, shape (n,), NaN where
            the prediction is not the model's own; None unless it learnt so
            (`Recommender.with_liking`).
        liked_from: the lowest rating that is a like.
    """

    users: Sequence[Any]
    items: Sequence[Any]
    titles: Sequence[str]
    pairs: PairPredictions
    scale: tuple[float, float]
    interval: Interval | None = None
    at: int | None = None
    chances: Values | None = None
    liked_from: float | None = None

    @property
    def values(self) -> Values:
        """Predicted ratings in units of the ratings, clipped to the scale, shape (n,)."""
        return self.pairs.values

    @property
    def sources(self) -> list[str]:
        """What each prediction was made from: one of `SOURCES`."""
        return [SOURCES[code] for code in self.pairs.source]

    def __float__(self) -> float:
        if len(self.values) != 1:
            raise TypeError(f"{len(self.values)} predictions are not one number: use .values")
        return float(self.values[0])

    def columns(self) -> dict[str, Any]:
        """User, item, title, prediction, interval if asked for, chance of liking, and source."""
        columns: dict[str, Any] = {
            "user": self.users,
            "item": self.items,
            "title": self.titles,
            "prediction": self.values,
        }
        if self.interval is not None:
            columns |= {
                "deviation": self.interval.deviation,
                "low": self.interval.low,
                "high": self.interval.high,
            }
        if self.chances is not None:
            columns["chance_liked"] = self.chances
        return {**columns, "made_from": self.sources}

    @property
    def notes(self) -> list[str]:
        """Date, level of the interval, what a like is, how many fell back, how many were cut."""
        notes = []
        if self.at is not None and self.pairs.by_day is not None:
            n, n_by_day = len(self.values), int(self.pairs.by_day.sum())
            notes.append(
                f"at {written(self.at)} UTC: {n_by_day:,} of {n:,} by what the user was like that "
                "day, the others as usual: no training ratings of that day"
                if n_by_day < n
                else f"at {written(self.at)} UTC: by what the user was like that day"
            )
        if self.interval is not None:
            notes.append(f"low to high holds the rating in {self.interval.level:.0%} of cases")
        if self.liked_from is not None:
            notes.append(_liked(self.liked_from))
        counts = np.bincount(self.pairs.source, minlength=len(SOURCES))
        fell_back = [f"{counts[k]:,} from the {SOURCES[k]}" for k in range(1, 4) if counts[k]]
        if fell_back:
            notes.append("without training ratings of user or item: " + ", ".join(fell_back))
        n_clipped = int(self.pairs.clipped.sum())
        if n_clipped:
            low, high = self.scale
            notes.append(f"{n_clipped:,} outside the scale, shown as {low:g} or {high:g}")
        return notes


@dataclass(frozen=True, eq=False, kw_only=True)
class Recommendations(Table):
    """The items a user would rate highest, best first.

    Attributes:
        users: raw user id of each row; one user's rows stand together.
        ranks: 1 for the best.
        items, titles: raw ids and names of the items.
        scores: predicted ratings, clipped to the scale.
        filtered: how many items were left out, by reason.
        remarks: what else to know, such as a user without training ratings.
        chances: chance of each item to be liked by the user if they rate it, NaN where the model
            has no word of its own; None unless it learnt so (`Recommender.with_liking`).
        liked_from: the lowest rating that is a like.
    """

    users: Sequence[Any]
    ranks: Sequence[int]
    items: Sequence[Any]
    titles: Sequence[str]
    scores: Values
    filtered: dict[str, int]
    remarks: tuple[str, ...] = ()
    chances: Values | None = None
    liked_from: float | None = None

    def columns(self) -> dict[str, Any]:
        """User, rank, item, title, score, and the chance of liking where the model knows it."""
        columns: dict[str, Any] = {
            "user": self.users,
            "rank": self.ranks,
            "item": self.items,
            "title": self.titles,
            "score": self.scores,
        }
        return columns if self.chances is None else {**columns, "chance_liked": self.chances}

    @property
    def notes(self) -> list[str]:
        """What was left out, what a like is, and remarks."""
        left_out = [f"{count:,} {reason}" for reason, count in self.filtered.items() if count]
        lines = ["left out: " + ", ".join(left_out)] if left_out else []
        if self.liked_from is not None:
            lines.append(_liked(self.liked_from))
        return lines + list(self.remarks)


@dataclass(frozen=True, eq=False, kw_only=True)
class SimilarItems(Table):
    """The items most like another, best first.

    Attributes:
        of: raw id of the item each row is compared with.
        ranks: 1 for the most similar.
        items, titles: raw ids and names.
        similarities: cosine of the item vectors, -1 to 1; of a model that compares items itself,
            what the one item says of the other, above 0 (`tastemap.models.similarity`).
    """

    of: Sequence[Any]
    ranks: Sequence[int]
    items: Sequence[Any]
    titles: Sequence[str]
    similarities: Values

    def columns(self) -> dict[str, Any]:
        """Item compared with, rank, item, title and similarity."""
        return {
            "of": self.of,
            "rank": self.ranks,
            "item": self.items,
            "title": self.titles,
            "similarity": self.similarities,
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class Questions(Table):
    """Items to ask somebody new about, most telling first.

    Attributes:
        items, titles: raw ids and names.
        chances: share of the users who rated the item, shape (n,).
    """

    items: Sequence[Any]
    titles: Sequence[str]
    chances: Float64s

    def columns(self) -> dict[str, Any]:
        """Item, title, and the chance that somebody knows it."""
        return {"item": self.items, "title": self.titles, "chance_known": self.chances}


def _liked(liked_from: float) -> str:
    return f"chance_liked: to be rated {liked_from:g} or higher, once rated"
