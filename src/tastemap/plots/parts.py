"""Parts that several pictures share: axes, names of rows, lines and points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from tastemap.arrays import AnyArray, Float64s
from tastemap.errors import DataError, require
from tastemap.plots import labels
from tastemap.plots.look import INK, MUTED
from tastemap.plots.text import fonts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_ALIGN: dict[int, Literal["left", "center", "right"]] = {-1: "left", 0: "center", 1: "right"}


def new_axes(width: float, height: float) -> Axes:
    """Axes of a new figure, of this size in inches."""
    figure = require("matplotlib.figure", "report").Figure((width, height), layout="constrained")
    require("matplotlib.backends.backend_agg", "report").FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    return axes


def figure_of(ax: Axes) -> Figure:
    """The figure that axes belong to."""
    figure: Figure | None = ax.get_figure(root=True)
    if figure is None:
        raise DataError("these axes belong to no figure")
    return figure


def name_rows(ax: Axes, rows: AnyArray, names: Sequence[str], size: float = 9.5) -> None:
    """Names on the left of a plot that has one row for each."""
    ax.set_yticks(rows, names, fontsize=size)
    ax.set_ylim(rows.min() - 0.7, rows.max() + 0.7)
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.spines["left"].set_visible(False)
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set_fontfamily(fonts(name))


def limit_to_the_interesting(ax: Axes, values: AnyArray) -> None:
    """Let a first or a diverging value leave the picture rather than flatten all the others."""
    low, middle = float(values.min()), float(np.median(values))
    high = min(float(values.max()), middle + 2.5 * max(middle - low, 0.05 * abs(middle), 1e-9))
    room = 0.06 * (high - low or abs(high) or 1.0)
    ax.set_ylim(low - room, high + room)


def label_ends(ax: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Names of lines to the right of the plot, where no line runs, moved apart if they are close.

    Args:
        ax: the axes, their limits already set.
        ends: height, name and colour of each line.
    """
    low, high = ax.get_ylim()
    height = figure_of(ax).get_size_inches()[1] * 72 * 0.78  # of the axes, about, in points
    step = 12 * (high - low) / height
    below = -np.inf
    for y, name, colour in sorted(ends):
        below = max(min(y, high), below + step)
        ax.annotate(
            name,
            (1, below),
            (8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            color=colour,
            fontfamily=fonts(name),
            annotation_clip=False,
        )


def name_points(ax: Axes, texts: Sequence[Text], points: Float64s) -> None:
    """Put each text beside its point; a thin line leads to one that had to go farther."""
    figure = figure_of(ax)
    # Places are found for axes of one size and one pair of limits: settle both, then measure.
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    sizes = np.array([(box.width, box.height) for box in boxes])
    anchors = ax.transData.transform(points)
    frame = np.array(ax.get_window_extent().extents)
    dot = 2.6 * figure.dpi / 72
    centres, shown = labels.place(sizes, anchors, frame, dot)
    edges = labels.nearest_edge(centres, sizes / 2, anchors)
    to_data = ax.transData.inverted().transform
    for row, text in enumerate(texts):
        # Held at the end that is nearer to the point: in a narrower font it still stands beside it.
        side = int(np.sign(anchors[row, 0] - edges[row, 0]))  # -1: the text is on the right
        at = to_data(centres[row] + (side * sizes[row, 0] / 2, 0))
        text.set_horizontalalignment(_ALIGN[side])
        text.set_position((float(at[0]), float(at[1])))
        text.set_visible(bool(shown[row]))
        if shown[row] and np.hypot(*(edges[row] - anchors[row])) > 4 * dot:
            line = to_data([anchors[row], edges[row]])
            ax.plot(*line.T, color=MUTED, linewidth=0.6, alpha=0.8, zorder=2)
    if not shown.all():
        ax.annotate(
            f"{np.sum(~shown):,} titles left out for want of room",
            (1, 0),
            (0, -22),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=MUTED,
            in_layout=False,
        )
