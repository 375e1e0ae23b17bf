"""Pictures of results, as matplotlib figures.

Every function takes a result and gives a `matplotlib.figure.Figure` (with ``ax=``, the figure of
those axes). Nothing touches pyplot or its state, and `save` writes the same bytes every time.
matplotlib is loaded when the first picture is made.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tastemap import arguments
from tastemap.arrays import AnyArray
from tastemap.errors import ArgumentError, DataError, require
from tastemap.evaluation.compare import baseline_of, best_first
from tastemap.evaluation.evaluate import label_of
from tastemap.plots.look import ACCENT, HIGH, INK, LINE, LOW, MUTED, PAPER, SERIES, styled
from tastemap.plots.parts import (
    figure_of,
    label_ends,
    limit_to_the_interesting,
    name_points,
    name_rows,
    new_axes,
)
from tastemap.plots.text import fonts, short
from tastemap.plots.tuning import tuning_history as tuning_history
from tastemap.plots.tuning import tuning_slices as tuning_slices

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tastemap.evaluation.compare import Comparison
    from tastemap.explanation.biases import BiasRanking
    from tastemap.explanation.components import TasteMap
    from tastemap.explanation.crosstab import Crosstab
    from tastemap.training.history import TrainingHistory

_COMPARED = "tm.compare(models, split.valid) gives one"


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
    arguments.path("path", path)
    if not hasattr(figure, "savefig"):
        raise ArgumentError(
            f"figure must be a figure, got a {type(figure).__name__}: tm.plots draws them"
        )
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
    """Training loss (thin) and validation error (thick) after each epoch or sweep.

    The end of the burn-in, where there is one, is an upright in the model's colour.

    Args:
        history: of one model, or of several by name.
        ax: draw into these axes.

    Raises:
        DataError: no epoch was recorded, as with models that are solved in one go.
    """
    named = history if isinstance(history, Mapping) else {"": history}
    for one in named.values():
        arguments.result("history", one, "TrainingHistory", "it is model.history")
    named = {name: one for name, one in named.items() if one.epochs}
    if not named:
        raise DataError("there is no epoch to draw: this model is not trained in epochs")
    ax = ax or new_axes(7.2, 3.6)
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
        if one.burn_in:
            ax.axvline(
                one.burn_in + 0.5,
                color=colour if len(named) > 1 else MUTED,
                linewidth=1,
                linestyle=(0, (4, 3)),
            )
        if name:
            ends.append((float(valid[-1] if has_valid else loss[-1]), name, colour))
        else:
            ends.append((float(loss[-1]), "training loss", colour))
            ends += [(float(valid[-1]), "validation error", colour)] if has_valid else []
        seen += [float(value) for value in (*loss, *valid) if np.isfinite(value)]
    limit_to_the_interesting(ax, np.array(seen))
    ax.set_xlim(0.75, max(len(one.epochs) for one in named.values()) + 0.25)
    ax.xaxis.set_major_locator(require("matplotlib.ticker", "report").MaxNLocator(integer=True))
    ax.yaxis.grid(visible=True)
    ax.set_xlabel(" or ".join(sorted({one.unit for one in named.values()})))
    ax.set_ylabel("mean squared error")
    label_ends(ax, ends)
    return figure_of(ax)


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
    arguments.result("comparison", comparison, "Comparison", _COMPARED)
    arguments.optional_text("measure", measure)
    measure = measure or next(iter(comparison.compared_by), "rmse")
    shown = best_first(comparison.evaluations, measure)
    if not shown:
        raise DataError(f"there is no model with {label_of(measure)} to draw")
    ax = ax or new_axes(7.2, 0.9 + 0.42 * len(shown))
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
    name_rows(ax, rows, [one.model for one in shown])
    ax.set_xlabel(
        f"{label_of(measure)} on ratings not seen in training ({_good(measure)} is better)"
    )
    return figure_of(ax)


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
    arguments.result("comparison", comparison, "Comparison", _COMPARED)
    arguments.optional_text("measure", measure)
    measure = measure or next(iter(comparison.compared_by), "rmse")
    base = baseline_of(comparison.evaluations, measure)
    found = comparison.differences.each if comparison.differences else ()
    shown = [one for one in found if one.measure == measure]
    shown = [one for one in shown if base is None or one.against == base.model]
    if not shown:
        raise DataError(f"there are no two models with {label_of(measure)} to draw")
    ax = ax or new_axes(7.2, 0.9 + 0.42 * len(shown))
    rows = -np.arange(len(shown))
    ax.axvline(0, color=LINE, linewidth=1)
    for row, one in zip(rows, shown, strict=True):
        colour = MUTED if not one.sure else ACCENT if one.better_by > 0 else HIGH
        ax.hlines(row, one.low, one.high, color=colour, linewidth=2)
        ax.plot([one.better_by], [row], "o", color=colour, markersize=7)
    name_rows(ax, rows, [one.model if base else one.against for one in shown])
    than = f"than {base.model}" if base else f"{shown[0].model} is"
    ax.set_xlabel(f"how much better {than} by {label_of(measure)} (lines: 95 % intervals)")
    return figure_of(ax)


def _good(measure: str) -> str:
    return "smaller" if measure == "rmse" else "larger"


@styled
def item_biases(ranking: BiasRanking, n: int = 15, *, ax: Axes | None = None) -> Figure:
    """The ``n`` highest and ``n`` lowest item biases as dots beside their titles.

    Where the model knows how sure it is, a line reaches two posterior standard deviations to
    either side.
    """
    arguments.result("ranking", ranking, "BiasRanking", "model.item_biases() gives one")
    arguments.integer("n", n, 1)
    columns = {name: list(values) for name, values in ranking.columns().items()}
    total = len(columns["bias"])
    if not total:
        raise DataError("there is no item bias to draw")
    shown = list(range(total)) if total <= 2 * n else [*range(n), *range(total - n, total)]
    gap = 1.0 if total > 2 * n else 0.0
    rows = np.array([-row - (gap if row >= n else 0.0) for row in range(len(shown))])
    biases = np.array([columns["bias"][row] for row in shown], float)
    ax = ax or new_axes(7.2, 0.8 + 0.22 * (len(shown) + gap))
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
    name_rows(ax, rows, [short(columns["title"][row]) for row in shown], size=8.5)
    ax.set_xlabel(label)
    return figure_of(ax)


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
    arguments.result("points", points, "TasteMap", "model.components(3).map() gives one")
    columns = points.columns()
    x, y = np.array(columns["x"], float), np.array(columns["y"], float)
    if not len(x):
        raise DataError("there is no item to draw")
    ax = ax or new_axes(9.6, 7.4)
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
    name_points(ax, texts, np.column_stack([x, y]))
    return figure_of(ax)


@styled
def learning_rate(curve: LearningRates, *, ax: Axes | None = None) -> Figure:
    """Loss against learning rate while the rate grows, and the rate to take."""
    if not hasattr(curve, "learning_rates"):
        raise ArgumentError(
            f"curve must be what a learning-rate finder found, got a {type(curve).__name__}: "
            "recipe.find_learning_rate(train) gives one"
        )
    rates, losses = np.array(curve.learning_rates, float), np.array(curve.losses, float)
    finite = np.isfinite(losses) & (rates > 0)
    if not finite.any():
        raise DataError("there is no finite loss to draw: every learning rate tried was too large")
    ax = ax or new_axes(7.2, 3.6)
    ax.plot(rates[finite], losses[finite], color=ACCENT, linewidth=2.2)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_formatter(require("matplotlib.ticker", "report").NullFormatter())
    limit_to_the_interesting(ax, losses[finite])
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
    return figure_of(ax)


@styled
def crosstab(table: Crosstab, *, ax: Axes | None = None) -> Figure:
    """Ratings of the most active users of the most rated items; what nobody rated is blank."""
    arguments.result("table", table, "Crosstab", "tm.crosstab(ratings) gives one")
    values = np.array(table.values, float)
    if not values.size:
        raise DataError("there is no rating to draw")
    n_rows, n_columns = values.shape
    ax = ax or new_axes(1.6 + 0.5 * n_columns, 1.6 + 0.32 * n_rows)
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
    return figure_of(ax)
