"""Whether intervals hold as many ratings as they say, for each kind of user and item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tastemap import arguments
from tastemap.arrays import AnyArray, Float64s, Int64s, Mask
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError
from tastemap.evaluation.evaluate import by_day_said, codes_of
from tastemap.evaluation.lists import seen_rows
from tastemap.models.calibration import BINS, bins_of
from tastemap.tables import Table

if TYPE_CHECKING:
    from tastemap.recommender import Recommender

BIN_NAMES = ("few", "more", "many")
"""What bins are called, by number of training ratings of the user or the item."""
FAR = 0.02
"""A share is far from the level if it is off by more than this, and by more than chance explains:
two standard errors of a share of as many rows."""
FEWEST_ROWS = 30
"""Of a share of fewer rows than this nothing is said."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Coverage(Table):
    """Which share of test ratings lies inside their intervals.

    Bins are those of the model's calibration: three of users by number of training ratings, three
    of items, about a third of the training ratings in each.

    Attributes:
        model: name of the recipe, or what the caller called the model.
        level: share that the intervals are to hold, such as 0.8.
        rows: test ratings with an interval, shape (user bins, item bins), fewest ratings first.
        inside: how many of them lie inside it; its ends belong to it, shape (user bins, item bins).
        widths: mean width of the intervals in units of the ratings, as far as they lie on the
            scale; NaN in a bin without rows, shape (user bins, item bins).
        user_ranges, item_ranges: fewest and most training ratings of those in each bin; None for
            a bin without any.
        without_interval: test ratings of a user or item without training ratings: what is
            predicted there is a fallback, and has no interval.
        overlap: test rows that are also training rows: a model has seen these.
        by_day: test rows predicted by what the user was like on the day of the rating; None where
            users are the same on all days.
    """

    model: str
    level: float
    rows: Int64s
    inside: Int64s
    widths: Float64s
    user_ranges: tuple[tuple[int, int] | None, ...]
    item_ranges: tuple[tuple[int, int] | None, ...]
    without_interval: int
    overlap: int
    by_day: int | None = None

    @property
    def share(self) -> float:
        """Share of all test ratings with an interval that lie inside it; NaN if there are none."""
        total = int(self.rows.sum())
        return int(self.inside.sum()) / total if total else np.nan

    @property
    def shares(self) -> Float64s:
        """The same in each bin, shape (user bins, item bins)."""
        return _ratio(self.inside, self.rows)

    @property
    def mean_width(self) -> float:
        """Mean width of all intervals, in units of the ratings; NaN if there are none."""
        total = int(self.rows.sum())
        return float(np.nansum(self.rows * self.widths)) / total if total else np.nan

    @property
    def far(self) -> Mask:
        """Bins whose share is far from the level (see `FAR`), shape (user bins, item bins)."""
        chance = 2 * np.sqrt(self.level * (1 - self.level) / np.maximum(self.rows, 1))
        off = np.nan_to_num(np.abs(self.shares - self.level))
        far: Mask = (self.rows >= FEWEST_ROWS) & (off > FAR) & (off > chance)
        return far

    def to_json(self) -> dict[str, Any]:
        """The counts as plain values, for a manifest."""
        widths = [[None if np.isnan(one) else one for one in row] for row in self.widths.tolist()]
        return asdict(self) | {
            "rows": self.rows.tolist(),
            "inside": self.inside.tolist(),
            "widths": widths,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The counts that `to_json` gave."""
        arrays: dict[str, Any] = {
            "rows": np.array(stored["rows"], np.int64),
            "inside": np.array(stored["inside"], np.int64),
            "widths": np.array(stored["widths"], np.float64),
        }
        for name in ("user_ranges", "item_ranges"):
            arrays[name] = tuple(one and tuple(one) for one in stored[name])
        return cls(**{**stored, **arrays})

    def columns(self) -> dict[str, Any]:
        """Bins of user and item, rows, share inside, mean width: one row for all, one a bin."""
        names = [(user, item) for user in BIN_NAMES for item in BIN_NAMES]
        return {
            "user_ratings": ["all", *(user for user, _ in names)],
            "item_ratings": ["all", *(item for _, item in names)],
            "rows": [int(self.rows.sum()), *self.rows.ravel().tolist()],
            "inside": [self.share, *self.shares.ravel().tolist()],
            "mean_width": [self.mean_width, *self.widths.ravel().tolist()],
        }

    @property
    def caption(self) -> str:
        """What is shown, and of which model."""
        return f"ratings inside the {percent(self.level)} intervals of {self.model}"

    @property
    def notes(self) -> list[str]:
        """What the bins are, which are far from the level, and rows left out or seen before."""
        notes = [
            f"{side}: {'; '.join(map(_ranged, BIN_NAMES, ranges))} training ratings"
            for side, ranges in (("users", self.user_ranges), ("items", self.item_ranges))
        ]
        far = [
            f"{self.shares[bin_]:.1%} where users have {BIN_NAMES[bin_[0]]} and items "
            f"{BIN_NAMES[bin_[1]]}"
            for bin_ in map(tuple, np.argwhere(self.far).tolist())
        ]
        if far:
            notes.append(f"far from {percent(self.level)}: {', '.join(far)}")
        if self.without_interval:
            notes.append(
                f"{self.without_interval:,} rows without an interval: "
                "their user or item has no training ratings"
            )
        if self.by_day is not None:
            notes.append(by_day_said(self.by_day))
        if self.overlap:
            notes.append(f"{self.overlap:,} test rows were also trained on")
        return notes


def coverage(
    model: Recommender, test: Ratings, *, level: float = 0.8, name: str | None = None
) -> Coverage:
    """Count the ratings that lie inside their intervals.

    Intervals are those users get (`Recommender.predict`): clipped to the scale, so that one that
    reaches an end of the scale holds the ratings there. Ids need not be those of the training
    ratings. Where the model knows what users were like on single days, the times of the test
    ratings are made use of.

    Args:
        model: a fitted model that knows how sure it is.
        test: ratings it was not trained on.
        level: share of the ratings that the intervals are to hold, above 0 and below 1.
        name: what to call the model; None for the name of its recipe.

    Raises:
        NotFittedFor: the model does not know how sure it is: fit BayesianMF.
        DataError: there are no test ratings, or they are interactions.
        ConfigError: ``level`` is out of its range.
    """
    arguments.model("model", model)
    arguments.ratings("test", test)
    arguments.optional_text("name", name)
    arguments.number("level", level, above=0, below=1)
    if not len(test):
        raise DataError("there are no ratings to test on")
    if not test.explicit:
        raise DataError(
            "intervals are of ratings, and there are only interactions to test on: give ratings, "
            "or measure lists with tastemap.evaluate"
        )
    train = model.ratings
    users, items = codes_of(test, train)
    pairs = model.predict_codes(users, items, test.times)
    interval = model.interval_codes(users, items, pairs, level, test.times)
    own = np.isfinite(interval.low)
    users, items, values = users[own], items[own], test.values[own]
    low, high = interval.low[own], interval.high[own]
    user_bins, item_bins = _bins(model)
    bins = user_bins[users].astype(np.int64) * BINS + item_bins[items]

    def summed(what: AnyArray | None = None) -> AnyArray:
        return np.bincount(bins, what, minlength=BINS**2).reshape(BINS, BINS)

    rows = summed()
    return Coverage(
        model=model.recipe.name if name is None else name,
        level=level,
        rows=rows,
        inside=summed((low <= values) & (values <= high)).astype(np.int64),
        widths=_ratio(summed(high - low), rows),
        user_ranges=_ranges(user_bins, train.user_counts),
        item_ranges=_ranges(item_bins, train.item_counts),
        without_interval=int(np.sum(~own)),
        overlap=int(seen_rows(train, users, items).sum()),
        by_day=None if pairs.by_day is None else int(pairs.by_day.sum()),
    )


def percent(level: float) -> str:
    """``0.8`` as ``80%``, ``0.975`` as ``97.5%``."""
    return f"{100 * level:g}%"


def _bins(model: Recommender) -> tuple[AnyArray, AnyArray]:
    """Bin of each user and item: those of the calibration, or what it would have made."""
    calibration = getattr(model.model, "calibration", None)
    if calibration is not None:
        return calibration.user_bins, calibration.item_bins
    return bins_of(model.ratings.user_counts), bins_of(model.ratings.item_counts)


def _ranges(bins: AnyArray, counts: Int64s) -> tuple[tuple[int, int] | None, ...]:
    """Fewest and most ratings in each bin, of those that have any."""
    each = [counts[(bins == one) & (counts > 0)] for one in range(BINS)]
    return tuple((int(one.min()), int(one.max())) if len(one) else None for one in each)


def _ranged(name: str, ends: tuple[int, int] | None) -> str:
    return f"{name} none" if ends is None else f"{name} {ends[0]:,} to {ends[1]:,}"


def _ratio(above: AnyArray, below: AnyArray) -> Float64s:
    """A quotient, NaN where it would be of nothing."""
    quotient = np.full(above.shape, np.nan)
    return np.asarray(np.divide(above, below, out=quotient, where=below > 0))
