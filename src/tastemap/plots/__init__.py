"""Pictures of results, as matplotlib figures.

Every function takes a result and gives a `matplotlib.figure.Figure` (with ``ax=``, the figure of
those axes). Nothing touches pyplot or its state, and `save` writes the same bytes every time.
matplotlib is loaded when the first picture is made.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from tastemap.arrays import AnyArray, Float64s
from tastemap.errors import DataError, require
from tastemap.evaluation.compare import baseline_of, best_first
from tastemap.evaluation.evaluate import label_of
from tastemap.plots import labels
from tastemap.plots.look import ACCENT, HIGH, INK, LINE, LOW, MUTED, PAPER, SERIES, styled
from tastemap.plots.text import fonts, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from tastemap.evaluation.compare import Comparison
    from tastemap.explanation.biases import BiasRanking
    from tastemap.explanation.components import TasteMap
    from tastemap.explanation.crosstab import Crosstab
    from tastemap.training.history import TrainingHistory

_ALIGN: dict[int, Literal["left", "center", "right"]] = {-1: "left", 0: "center", 1: "right"}


class LearningRates(Protocol):
    """What a learning-rate finder found."""

    @property
    def learning_rates(self) -> Sequence[float] | AnyArray:
        """The rates tried, rising, shape (n,)."""

    @property
    def losses(self) -> Sequence[float] | AnyArray:
        """The loss at each, shape (n,)."""

    @property
    def suggestion(self) -> float | None:
        """The rate to take; None when no rate made the loss fall."""


@styled
def save(figure: Figure, path: str | Path, *, transparent: bool = False) -> Path:
    """Write a figure to a file: the same figure gives the same bytes.

    Args:
        figure: what a function of this module gave, or any other figure.
        path: ends in ``.svg`` (text stays text), ``.png`` or another format matplotlib writes.
        transparent: leave the background out.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    # A date or a version number inside would make every run's file differ.
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
    figure.savefig(
        path, dpi=200, transparent=transparent, bbox_inches="tight", metadata=undated.get(kind)
    )
    return path


@styled
def learning_curve(
    history: TrainingHistory | Mapping[str, TrainingHistory], *, ax: Axes | None = None
) -> Figure:
    """Training loss (thin) and validation error (thick) after each epoch.

    Args:
        history: of one model, or of several by name.
        ax: draw into these axes.

    Raises:
        DataError: no epoch was recorded, as with models that are solved in one go.
    """
    named = history if isinstance(history, Mapping) else {"": history}
    named = {name: one for name, one in named.items() if one.epochs}
    if not named:
        raise DataError("there is no epoch to draw: this model is not trained in epochs")
    ax = ax or _axes(7.2, 3.6)
    ends: list[tuple[float, str, str]] = []
    seen: list[float] = []
    for (name, one), colour in zip(named.items(), itertools.cycle(SERIES)):
        columns = {key: np.array(values, float) for key, values in one.columns().items()}
        epochs, loss, valid = (columns[key] for key in ("epoch", "training_loss", "validation_mse"))
        has_valid = bool(np.isfinite(valid).any())
        ax.plot(epochs, loss, color=colour, linewidth=1.1, alpha=0.65)
        ax.plot(epochs[-1:], loss[-1:], "o", color=colour, markersize=2.5, alpha=0.65)
        ax.plot(epochs, valid, color=colour, linewidth=2.4)
        ax.plot(epochs[-1:], valid[-1:], "o", color=colour, markersize=4.5)
        if one.best_epoch is not None and one.best_epoch != epochs[-1]:
            best = epochs == one.best_epoch
            ax.plot(epochs[best], valid[best], "o", color=colour, markersize=7)
        if name:
            ends.append((float(valid[-1] if has_valid else loss[-1]), name, colour))
        else:
            ends.append((float(loss[-1]), "training loss", colour))
            ends += [(float(valid[-1]), "validation error", colour)] if has_valid else []
        seen += [float(value) for value in (*loss, *valid) if np.isfinite(value)]
    _limit_to_the_interesting(ax, np.array(seen))
    ax.set_xlim(0.75, max(len(one.epochs) for one in named.values()) + 0.25)
    ax.xaxis.set_major_locator(require("matplotlib.ticker", "report").MaxNLocator(integer=True))
    ax.yaxis.grid(visible=True)
    ax.set_xlabel("epoch")
    ax.set_ylabel("mean squared error")
    _label_ends(ax, ends)
    return _figure(ax)


@styled
def comparison(
    comparison: Comparison, measure: str | None = None, *, ax: Axes | None = None
) -> Figure:
    """A measure of each model as a dot, best on top; the axis does not begin at zero.

    Args:
        comparison: the models.
        measure: such as ``"rmse"`` or ``"ndcg@10"``; None: the first that is there of the two.
        ax: draw into these axes.

    Raises:
        DataError: there is no model that was measured so.
        MissingExtraError: matplotlib is not installed.
    """
    measure = measure or next(iter(comparison.compared_by), "rmse")
    shown = best_first(comparison.evaluations, measure)
    if not shown:
        raise DataError(f"there is no model with {label_of(measure)} to draw")
    ax = ax or _axes(7.2, 0.9 + 0.42 * len(shown))
    rows = -np.arange(len(shown))
    values = np.array([one.measures[measure] for one in shown])
    ax.hlines(rows, values[0], values, color=LINE, linewidth=2)
    ax.plot(values, rows, "o", color=MUTED, markersize=8)
    ax.plot(values[:1], rows[:1], "o", color=ACCENT, markersize=8)
    for row, value in zip(rows, values, strict=True):
        ax.annotate(
            f"{value:.4f}", (value, row), (9, 0), textcoords="offset points", va="center", color=INK
        )
    spread = float(np.ptp(values)) or 0.01
    ax.set_xlim(values.min() - 0.08 * spread, values.max() + 0.2 * spread)
    _rows(ax, rows, [one.model for one in shown])
    ax.set_xlabel(
        f"{label_of(measure)} on ratings not seen in training ({_good(measure)} is better)"
    )
    return _figure(ax)


@styled
def differences(
    comparison: Comparison, measure: str | None = None, *, ax: Axes | None = None
) -> Figure:
    """How much better than the baseline each model is, with the interval of that.

    Left of the line at zero it is worse; what is grey may be luck. Without a baseline among the
    models, how much better than each of them the best is.

    Args:
        comparison: the models.
        measure: as of `comparison`.
        ax: draw into these axes.

    Raises:
        DataError: there are no two models to draw the difference of.
        MissingExtraError: matplotlib is not installed.
    """
    measure = measure or next(iter(comparison.compared_by), "rmse")
    base = baseline_of(comparison.evaluations, measure)
    found = comparison.differences.each if comparison.differences else ()
    shown = [one for one in found if one.measure == measure]
    shown = [one for one in shown if base is None or one.against == base.model]
    if not shown:
        raise DataError(f"there are no two models with {label_of(measure)} to draw")
    ax = ax or _axes(7.2, 0.9 + 0.42 * len(shown))
    rows = -np.arange(len(shown))
    ax.axvline(0, color=LINE, linewidth=1)
    for row, one in zip(rows, shown, strict=True):
        colour = MUTED if not one.sure else ACCENT if one.better_by > 0 else HIGH
        ax.hlines(row, one.low, one.high, color=colour, linewidth=2)
        ax.plot([one.better_by], [row], "o", color=colour, markersize=7)
    _rows(ax, rows, [one.model if base else one.against for one in shown])
    than = f"than {base.model}" if base else f"{shown[0].model} is"
    ax.set_xlabel(f"how much better {than} by {label_of(measure)} (lines: 95 % intervals)")
    return _figure(ax)


def _good(measure: str) -> str:
    return "smaller" if measure == "rmse" else "larger"


@styled
def item_biases(ranking: BiasRanking, n: int = 15, *, ax: Axes | None = None) -> Figure:
    """The ``n`` highest and ``n`` lowest item biases as dots beside their titles.

    Where the model knows how sure it is, a line reaches two posterior standard deviations to
    either side.
    """
    columns = {name: list(values) for name, values in ranking.columns().items()}
    total = len(columns["bias"])
    if not total:
        raise DataError("there is no item bias to draw")
    shown = list(range(total)) if total <= 2 * n else [*range(n), *range(total - n, total)]
    gap = 1.0 if total > 2 * n else 0.0
    rows = np.array([-row - (gap if row >= n else 0.0) for row in range(len(shown))])
    biases = np.array([columns["bias"][row] for row in shown], float)
    ax = ax or _axes(7.2, 0.8 + 0.22 * (len(shown) + gap))
    colours = np.where(biases < 0, LOW, HIGH)
    ax.axvline(0, color=LINE, linewidth=1)
    label = "item bias, in units of the ratings"
    if "deviation" in columns:
        margins = 2 * np.array([columns["deviation"][row] for row in shown], float)
        ax.hlines(rows, 0, biases, color=LINE, linewidth=1)
        ax.hlines(rows, biases - margins, biases + margins, color=list(colours), linewidth=2)
        label += " (lines: two standard deviations to either side)"
    else:
        ax.hlines(rows, 0, biases, color=list(colours), linewidth=1.2)
    ax.scatter(biases, rows, s=26, c=list(colours), zorder=3)
    _rows(ax, rows, [short(columns["title"][row]) for row in shown], size=8.5)
    ax.set_xlabel(label)
    return _figure(ax)


@styled
def taste_map(points: TasteMap, *, ax: Axes | None = None) -> Figure:
    """Items on two components of taste with their titles; no two titles overlap.

    A title that cannot stand beside its point gets a thin line to it.

    Args:
        points: some fifty items, such as ``components.map(x=0, y=2).popular(50, 100)``.
        ax: draw into these axes.

    Raises:
        DataError: there is no item to draw.
        MissingExtraError: matplotlib is not installed.
    """
    columns = points.columns()
    x, y = np.array(columns["x"], float), np.array(columns["y"], float)
    if not len(x):
        raise DataError("there is no item to draw")
    ax = ax or _axes(9.6, 7.4)
    for line in (ax.axhline, ax.axvline):
        line(0, color=LINE, linewidth=1, zorder=0)
    ax.scatter(x, y, s=22, color=ACCENT, zorder=3)
    ax.margins(0.09, 0.06)
    names = [str(getattr(points, f"{side}_label", f"component {side}")) for side in "xy"]
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    titles = [short(title) for title in columns["title"]]
    texts = [
        ax.text(0, 0, title, fontsize=8.2, va="center", fontfamily=fonts(title), in_layout=False)
        for title in titles
    ]
    _name_points(ax, texts, np.column_stack([x, y]))
    return _figure(ax)


@styled
def learning_rate(curve: LearningRates, *, ax: Axes | None = None) -> Figure:
    """Loss against learning rate while the rate grows, and the rate to take."""
    rates, losses = np.array(curve.learning_rates, float), np.array(curve.losses, float)
    finite = np.isfinite(losses) & (rates > 0)
    if not finite.any():
        raise DataError("there is no finite loss to draw: every learning rate tried was too large")
    ax = ax or _axes(7.2, 3.6)
    ax.plot(rates[finite], losses[finite], color=ACCENT, linewidth=2.2)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_formatter(require("matplotlib.ticker", "report").NullFormatter())
    _limit_to_the_interesting(ax, losses[finite])
    if curve.suggestion is not None:
        here = float(np.interp(np.log(curve.suggestion), np.log(rates[finite]), losses[finite]))
        ax.axvline(curve.suggestion, color=HIGH, linewidth=1, linestyle=(0, (4, 3)))
        ax.plot(curve.suggestion, here, "o", color=HIGH, markersize=7)
        ax.annotate(
            f"take {curve.suggestion:.2g}",
            (curve.suggestion, here),
            (10, 10),
            textcoords="offset points",
            color=INK,
        )
    ax.yaxis.grid(visible=True)
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    return _figure(ax)


@styled
def crosstab(table: Crosstab, *, ax: Axes | None = None) -> Figure:
    """Ratings of the most active users of the most rated items; what nobody rated is blank."""
    values = np.array(table.values, float)
    if not values.size:
        raise DataError("there is no rating to draw")
    n_rows, n_columns = values.shape
    ax = ax or _axes(1.6 + 0.5 * n_columns, 1.6 + 0.32 * n_rows)
    colours = require("matplotlib.colors", "report").LinearSegmentedColormap.from_list(
        "tastemap", ["#8fb5dc", "#e9e7e2", "#eda968"]
    )
    colours = colours.with_extremes(bad="none")
    ax.pcolormesh(np.ma.masked_invalid(values), cmap=colours, edgecolor=PAPER, linewidth=1.5)
    for row, column in np.argwhere(np.isfinite(values)):
        text = f"{values[row, column]:g}"
        ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8, color=INK)
    ax.invert_yaxis()
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    titles = [short(title, 26) for title in table.titles]
    ax.set_xticks(np.arange(n_columns) + 0.5, titles, rotation=50, ha="left", fontsize=8)
    ax.set_yticks(np.arange(n_rows) + 0.5, [str(user) for user in table.users], fontsize=8)
    for label, title in zip(ax.get_xticklabels(), titles, strict=True):
        label.set_fontfamily(fonts(title))
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_ylabel("user")
    return _figure(ax)


# Parts of pictures


def _axes(width: float, height: float) -> Axes:
    figure = require("matplotlib.figure", "report").Figure((width, height), layout="constrained")
    require("matplotlib.backends.backend_agg", "report").FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    return axes


def _figure(ax: Axes) -> Figure:
    figure: Figure | None = ax.get_figure(root=True)
    if figure is None:
        raise DataError("these axes belong to no figure")
    return figure


def _rows(ax: Axes, rows: AnyArray, names: Sequence[str], size: float = 9.5) -> None:
    """Names on the left of a plot that has one row for each."""
    ax.set_yticks(rows, names, fontsize=size)
    ax.set_ylim(rows.min() - 0.7, rows.max() + 0.7)
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.spines["left"].set_visible(False)
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set_fontfamily(fonts(name))


def _limit_to_the_interesting(ax: Axes, values: AnyArray) -> None:
    """Let a first or a diverging value leave the picture rather than flatten all the others."""
    low, middle = float(values.min()), float(np.median(values))
    high = min(float(values.max()), middle + 2.5 * max(middle - low, 0.05 * abs(middle), 1e-9))
    room = 0.06 * (high - low or abs(high) or 1.0)
    ax.set_ylim(low - room, high + room)


def _label_ends(ax: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Names of lines to the right of the plot, where no line runs, moved apart if they are close.

    Args:
        ax: the axes, their limits already set.
        ends: height, name and colour of each line.
    """
    low, high = ax.get_ylim()
    height = _figure(ax).get_size_inches()[1] * 72 * 0.78  # of the axes, about, in points
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


def _name_points(ax: Axes, texts: Sequence[Text], points: Float64s) -> None:
    """Put each text beside its point; a thin line leads to one that had to go farther."""
    figure = _figure(ax)
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
