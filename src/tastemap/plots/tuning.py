"""Pictures of a search for better settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tastemap import arguments
from tastemap.arrays import Float64s
from tastemap.errors import DataError, require
from tastemap.evaluation.spaces import Choices
from tastemap.plots.look import ACCENT, HIGH, INK, LINE, MUTED, styled
from tastemap.plots.parts import figure_of, new_axes
from tastemap.plots.text import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tastemap.evaluation.tuning import Trial, Tuning


@styled
def tuning_history(tuning: Tuning, *, ax: Axes | None = None) -> Figure:
    """The value of each trial as a dot, and the best so far as a line.

    Trials that were stopped early or failed are ticks on the axis below.

    Args:
        tuning: what `tastemap.tune` found.
        ax: draw into these axes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    finished = _finished(tuning)
    ax = ax or new_axes(7.2, 3.6)
    numbers = np.array([one.number for one in finished])
    values = np.array([one.value for one in finished], float)
    so_far = np.minimum.accumulate if tuning.measure.smaller else np.maximum.accumulate
    best = so_far(values)
    ax.step(
        [*numbers, tuning.trials[-1].number], [*best, best[-1]], where="post", color=ACCENT,
        linewidth=2.2, zorder=2,
    )  # fmt: skip
    ax.plot(numbers, values, "o", color=MUTED, markersize=4.5, alpha=0.8, zorder=3)
    if finished[0].number == 0:
        _as_given(ax, values[0])
    others = [one.number for one in tuning.trials if one.value is None]
    ax.plot(others, np.zeros(len(others)), "|", color=HIGH, markersize=9, clip_on=False,
            transform=ax.get_xaxis_transform())  # fmt: skip
    _limit(ax, tuning, values)
    ax.xaxis.set_major_locator(require("matplotlib.ticker", "report").MaxNLocator(integer=True))
    ax.yaxis.grid(visible=True)
    ax.set_xlabel("trial" + (" (on the axis: stopped early, or failed)" if others else ""))
    ax.set_ylabel(tuning.measure.label)
    return figure_of(ax)


@styled
def tuning_slices(tuning: Tuning) -> Figure:
    """The value of each finished trial against each setting, the best in colour.

    Where the dots lie at the same height wherever they stand, the setting does not matter; where
    the best stands at an end of its range, a wider range may have a better one.

    Args:
        tuning: what `tastemap.tune` found.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    finished = _finished(tuning)
    names = list(tuning.space)
    figure = figure_of(new_axes(3.0 * len(names) + 0.6, 3.3))
    figure.clear()
    panels = np.atleast_1d(figure.subplots(1, len(names), sharey=True))
    values = np.array([one.value for one in finished], float)
    best = next(row for row, one in enumerate(finished) if one.number == tuning.best_trial)
    for ax, name in zip(panels, names, strict=True):
        across = _places(ax, tuning, name, finished)
        ax.plot(across, values, "o", color=MUTED, markersize=4.5, alpha=0.8)
        ax.plot(across[best], values[best], "o", color=ACCENT, markersize=9)
        ax.yaxis.grid(visible=True)
        ax.set_xlabel(name)
    _limit(panels[0], tuning, values)
    panels[0].set_ylabel(tuning.measure.label)
    return figure


def _finished(tuning: Tuning) -> list[Trial]:
    arguments.result("tuning", tuning, "Tuning", "tm.tune(recipe, train) gives one")
    finished = [one for one in tuning.trials if one.value is not None]
    if not finished:
        raise DataError("there is no finished trial to draw")
    return finished


def _as_given(ax: Axes, value: float) -> None:
    ax.axhline(value, color=LINE, linewidth=1.2, zorder=1)
    ax.annotate(
        "as given", (1, value), (8, 0), xycoords=("axes fraction", "data"),
        textcoords="offset points", va="center", color=INK,
    )  # fmt: skip


def _limit(ax: Axes, tuning: Tuning, values: Float64s) -> None:
    """Let the worst leave the picture rather than flatten all the others."""
    sign = 1 if tuning.measure.smaller else -1
    best, middle, worst = (float(np.quantile(sign * values, share)) for share in (0, 0.5, 1))
    worst = min(worst, middle + 2.5 * max(middle - best, 1e-9))
    room = 0.06 * (worst - best or abs(best) or 1.0)
    ax.set_ylim(*sorted((sign * (best - room), sign * (worst + room))))


def _places(ax: Axes, tuning: Tuning, name: str, finished: list[Trial]) -> Float64s:
    """Where each trial stands along a setting; choices stand side by side."""
    across = tuning.space[name]
    settings = [one.settings[name] for one in finished]
    if isinstance(across, Choices) or not all(isinstance(one, int | float) for one in settings):
        written = [str(one) for one in getattr(across, "values", ())]
        written += sorted({str(one) for one in settings} - set(written))
        ax.set_xticks(range(len(written)), [short(one, 14) for one in written], rotation=30)
        ax.set_xlim(-0.5, len(written) - 0.5)
        return np.array([written.index(str(one)) for one in settings], float)
    log = across.log and min(settings) > 0
    middle = np.sqrt(across.low * across.high) if log else (across.low + across.high) / 2
    if log:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(require("matplotlib.ticker", "report").NullLocator())
    # The ends are named: a best one at an end may have a better one beyond.
    ends = (across.low, float(across.value(middle)), across.high)
    ax.set_xticks(ends, [f"{one:g}" for one in ends])
    return np.array(settings, float)
