"""The look of the pictures: colours, fonts, and everything else matplotlib is told once."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from tastemap.errors import require
from tastemap.plots.text import FAMILY

P = ParamSpec("P")
R = TypeVar("R")

INK, MUTED, LINE, PAPER = "#16181d", "#666a74", "#e2e2de", "#fefefe"
ACCENT, LOW, HIGH = "#0f6e84", "#3f7fc4", "#d36f22"
SERIES = ("#0f6e83", "#d36f21", "#8a5fb4", "#3f8f4f", "#b8456b", "#7a6a1f")
"""Colours. The report turns them into those of the page, light or dark."""

_STYLE: dict[str, Any] = {
    "font.family": [FAMILY],
    "font.size": 9.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 14,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "figure.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "tastemap",
    "path.simplify": False,
}


@contextmanager
def style() -> Iterator[None]:
    """The look of tastemap's pictures, for as long as a ``with`` lasts.

    Characters that no installed font has are drawn as boxes, without the warning matplotlib gives
    for each of them; a browser that shows the SVG has fonts of its own.
    """
    matplotlib = require("matplotlib", "report")
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=r"Glyph \d+ .* missing from", category=UserWarning
        )
        yield


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Draw what a function draws in this style; a figure it gives is finished before it leaves."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with style():
            result = function(*args, **kwargs)
            if hasattr(result, "draw_without_rendering"):
                result.draw_without_rendering()  # ticks are made now, or they miss the style
            return result

    return wrapped
