"""How wide an interval must be to hold what it says, for each kind of user and item.

Deviations of a model are right on average at best: for those who rated little they are too small
here, too large there. On ratings held out of training, score = |rating - prediction| / deviation
says how wide an interval would have had to be. The p-quantile of the scores makes intervals that
hold a share p of new ratings whatever the model is worth (split conformal prediction: Lei et al.
2018, "Distribution-free predictive inference for regression", section 2.2, with the normalised
scores of section 5.2). Taken within bins of the user's activity and the item's popularity, the
share is right in each bin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Float64s, Int64s, Values, frozen

LEVELS = (*np.arange(1, 20) / 20, 0.975, 0.99)
"""Shares whose quantiles are kept; others are interpolated."""
FEWEST_SCORES = 100
"""A bin with fewer scores takes the quantiles of all of them."""
BINS = 3
"""Bins of users, and of items."""
_PREFIX = "calibration."


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration:
    """Multipliers of deviations by bins of users and items.

    Attributes:
        user_bins: bin of each user by number of ratings, 0 for the fewest, shape (n_users,).
        item_bins: the same for items, shape (n_items,).
        multipliers: quantiles of the scores, shape (user bins, item bins, levels).
        counts: scores in each bin, shape (user bins, item bins).
    """

    user_bins: AnyArray
    item_bins: AnyArray
    multipliers: Float64s
    counts: Int64s

    def __post_init__(self) -> None:
        object.__setattr__(self, "user_bins", frozen(self.user_bins, np.uint8))
        object.__setattr__(self, "item_bins", frozen(self.item_bins, np.uint8))
        object.__setattr__(self, "multipliers", frozen(self.multipliers, np.float64))
        object.__setattr__(self, "counts", frozen(self.counts, np.int64))

    @classmethod
    def of(
        cls,
        user_counts: Int64s,
        item_counts: Int64s,
        users: Codes,
        items: Codes,
        scores: Values,
    ) -> Self:
        """Take quantiles of scores on ratings held out of training.

        Args:
            user_counts: ratings of each user that the model to be calibrated was trained on.
            item_counts: the same of each item.
            users: user of each score, shape (n,).
            items: item of each score, shape (n,).
            scores: |rating - prediction| / deviation, shape (n,), n at least 1.
        """
        user_bins, item_bins = bins_of(user_counts), bins_of(item_counts)
        bins = user_bins[users].astype(np.int64) * BINS + item_bins[items]
        counts = np.bincount(bins, minlength=BINS**2)
        multipliers = np.empty((BINS**2, len(LEVELS)))
        for one, count in enumerate(counts):
            multipliers[one] = _quantiles(scores[bins == one] if count >= FEWEST_SCORES else scores)
        return cls(
            user_bins=user_bins,
            item_bins=item_bins,
            multipliers=multipliers.reshape(BINS, BINS, -1),
            counts=counts.reshape(BINS, BINS),
        )

    def multiplier(self, users: Codes, items: Codes, level: float) -> Float64s:
        """What to multiply the deviation of each pair by, shape (n,).

        Args:
            users: codes, shape (n,).
            items: codes, shape (n,).
            level: share of new ratings that the interval is to hold, above 0 and below 1.
        """
        flat = self.multipliers.reshape(-1, len(LEVELS))
        here = np.array([np.interp(level, LEVELS, quantiles) for quantiles in flat])
        bins = self.user_bins[users].astype(np.int64) * self.counts.shape[1]
        return np.asarray(here[bins + self.item_bins[items]])

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays by name."""
        names = ("user_bins", "item_bins", "multipliers", "counts")
        return {_PREFIX + name: getattr(self, name) for name in names}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self | None:
        """The calibration among the arrays of a model; None if it has none."""
        if _PREFIX + "counts" not in parameters:
            return None
        names = ("user_bins", "item_bins", "multipliers", "counts")
        return cls(**{name: parameters[_PREFIX + name] for name in names})


def bins_of(counts: Int64s) -> AnyArray:
    """Bin of each user or item by number of ratings, 0 for the fewest, shape (n,).

    About a third of all ratings is in each. Calibration and what tests it share these.
    """
    order = np.argsort(counts, kind="stable")
    total = np.cumsum(counts[order])
    edges = counts[order][
        np.searchsorted(total, total[-1] * np.arange(1, BINS) / BINS).clip(max=len(counts) - 1)
    ]
    return np.searchsorted(edges, counts, side="left").astype(np.uint8)


def bins_like(bins: AnyArray, counts: Int64s, others: Int64s) -> AnyArray:
    """Bin of others by number of ratings, divided where ``bins`` of ``counts`` are, shape (n,)."""
    edges = [counts[bins <= one].max(initial=0) for one in range(BINS - 1)]
    return np.searchsorted(edges, others, side="left").astype(np.uint8)


def _quantiles(scores: Values) -> Float64s:
    """The ⌈(n + 1) p⌉-th smallest score for each level p, or the largest, shape (levels,)."""
    ordered = np.sort(scores.astype(np.float64))
    at = np.ceil((len(scores) + 1) * np.array(LEVELS) - 1e-9).astype(np.int64) - 1
    return np.asarray(ordered[at.clip(0, len(scores) - 1)])
