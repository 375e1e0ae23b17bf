"""What a report says about how sure a model is: whether its intervals hold what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap.evaluation.coverage import BIN_NAMES, FAR, Coverage, coverage
from tastemap.models.posterior import PosteriorModel
from tastemap.plots import numbers

if TYPE_CHECKING:
    from tastemap.data.ratings import Ratings
    from tastemap.recommender import Recommender

_LEVEL = 0.8
_SPAN = 0.1
"""How far from the level the picture in a cell reaches to either side, as a share."""
_WIDTH = 100
_EDGE = 6


def measured(
    models: Mapping[str, Recommender], best_first: Sequence[str], valid: Ratings | None
) -> Coverage | str:
    """Coverage of the best model that says how sure it is, or why there is none."""
    posteriors = [name for name in best_first if isinstance(models[name].model, PosteriorModel)]
    if not posteriors:
        return "No model here says how sure it is; a BayesianMF does."
    name = posteriors[0]
    if valid is None or not len(valid):
        return (
            f"Whether the intervals of {name} hold what they say was not measured: no validation "
            "ratings were given."
        )
    if not valid.explicit:
        return (
            f"Whether the intervals of {name} hold what they say was not measured: intervals are "
            "of ratings, and the validation ratings are interactions."
        )
    found = coverage(models[name], valid, level=_LEVEL, name=name)
    if not found.rows.sum():
        return (
            f"Whether the intervals of {name} hold what they say was not measured: no validation "
            "rating is of a user and an item with training ratings."
        )
    return found


def grid(found: Coverage | str, scale: tuple[float, float]) -> dict[str, Any] | str:
    """The shares in bins of users by items, ready for the page."""
    if isinstance(found, str):
        return found
    return {
        "model": found.model,
        "level": numbers.percent(found.level, 0),
        "share": numbers.percent(found.share),
        "rows": numbers.count(found.rows.sum()),
        "width": numbers.decimal(found.mean_width, 2),
        "scale": tuple(f"{end:g}" for end in scale),
        "without": numbers.count(found.without_interval) if found.without_interval else "",
        "overlap": numbers.count(found.overlap) if found.overlap else "",
        "far": bool(found.far.any()),
        "tolerance": f"{100 * FAR:g}",
        "middle": _WIDTH / 2,
        "columns": list(zip(BIN_NAMES, map(_range, found.item_ranges), strict=True)),
        "cells": [
            {
                "name": name,
                "range": _range(found.user_ranges[user]),
                "items": [_cell(found, user, item) for item in range(len(BIN_NAMES))],
            }
            for user, name in enumerate(BIN_NAMES)
        ],
    }


def _cell(found: Coverage, user: int, item: int) -> dict[str, Any] | None:
    rows, share = int(found.rows[user, item]), float(found.shares[user, item])
    if not rows:
        return None
    off = np.clip((share - found.level) / _SPAN, -1, 1)
    mark = "too narrow" if share < found.level else "too wide"
    return {
        "share": numbers.percent(share),
        "rows": numbers.count(rows),
        "width": numbers.decimal(float(found.widths[user, item]), 2),
        "place": round(_WIDTH / 2 + float(off) * (_WIDTH / 2 - _EDGE), 1),
        "mark": mark if found.far[user, item] else "",
    }


def _range(ends: tuple[int, int] | None) -> str:
    """Fewest and most ratings of a bin in words."""
    if ends is None:
        return "none"
    low, high = map(numbers.count, ends)
    return low if low == high else f"{low} to {high}"
