"""How many ratings lie inside their intervals, in bins of users by items, as pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap.evaluation.coverage import BIN_NAMES, FAR
from tastemap.plots import numbers

if TYPE_CHECKING:
    from tastemap.evaluation.coverage import Coverage

_SPAN = 0.1
"""How far from the level the picture in a cell reaches to either side, as a share."""
_WIDTH = 100
_EDGE = 6


def grid(found: Coverage, scale: tuple[float, float]) -> dict[str, Any]:
    """The shares in bins of users by items, ready for a page."""
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
