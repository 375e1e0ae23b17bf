"""What a report says about what a model learnt: biases, components, the map, the crosstab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import plots
from tastemap.errors import ConfigError, DataError, NotFittedFor
from tastemap.explanation.biases import item_bias_of
from tastemap.explanation.crosstab import crosstab
from tastemap.maps.ends import shown_components, tendency
from tastemap.models.bias import BiasModel
from tastemap.plots import numbers
from tastemap.plots.text import short
from tastemap.report.svg import inline

if TYPE_CHECKING:
    from tastemap.arrays import Values
    from tastemap.data.ratings import Ratings
    from tastemap.explanation.biases import BiasRanking
    from tastemap.explanation.components import Component, Components
    from tastemap.recommender import Recommender

_PICTURED = (50, 100)
_CROSSTAB = 15
_SHADES = 8
_BAR = 64


def biases(models: Mapping[str, Recommender], best_first: Sequence[str]) -> dict[str, Any] | str:
    """The items with the largest and the smallest biases, from the best model that has any."""
    with_biases = [name for name in best_first if item_bias_of(models[name].model) is not None]
    # Biases next to factors tell more: they leave taste out. Plain ones will do.
    with_biases.sort(key=lambda name: isinstance(models[name].model, BiasModel))
    for name in with_biases:
        ranking = models[name].item_biases()
        if np.ptp(ranking.biases) > 0:
            break
    else:
        return "There is no ranking by bias: no model here has item biases."
    n = min(15, len(ranking) // 2)
    both = [ranking.top(n), ranking.bottom(n)]
    widest = float(max((np.abs(end.biases) + _margins(end)).max() for end in both)) or 1.0
    return {
        "model": name,
        "ranked": numbers.count(len(ranking)),
        "unsure": ranking.deviations is not None,
        "ends": [_bars(end, widest) for end in both],
    }


def _bars(end: BiasRanking, widest: float) -> list[dict[str, Any]]:
    """One end of the ranking, each bias as a bar with a line for how unsure it is."""

    def length(stars: float) -> float:
        return round(_BAR * max(stars, 0.0) / widest, 1)

    return [
        {
            "rank": numbers.count(rank),
            "title": title,
            "bias": numbers.signed(bias),
            "margin": numbers.decimal(margin, 2),
            "width": length(abs(bias)),
            "line": (length(abs(bias) - margin), length(abs(bias) + margin)),
            "up": bias >= 0,
            "mean": numbers.decimal(mean, 2),
            "ratings": numbers.count(ratings),
        }
        for rank, title, bias, margin, mean, ratings in zip(
            end.ranks,
            end.titles,
            end.biases.tolist(),
            _margins(end).tolist(),
            end.means,
            end.counts,
            strict=True,
        )
    ]


def _margins(end: BiasRanking) -> Values:
    """Two standard deviations of each bias, 0 where the model does not know them."""
    return np.zeros_like(end.biases) if end.deviations is None else 2 * end.deviations


def components_of(
    models: Mapping[str, Recommender], best_first: Sequence[str]
) -> tuple[Components | None, str]:
    """The components of the best model that has any, as many as it has up to three."""
    for name in best_first:
        try:
            return shown_components(models[name], 3), name
        except (NotFittedFor, ConfigError):
            continue
    return None, ""


def ends(components: Components | None, read_from: str) -> dict[str, Any] | str:
    """The items at both ends of each component."""
    if components is None:
        return "There are no components and no map: no model here is a product of factors."

    def rows(end: Component) -> list[dict[str, str]]:
        return [
            {"title": title, "at": numbers.signed(at), "ratings": numbers.count(ratings)}
            for title, at, ratings in zip(
                end.titles, end.coordinates.tolist(), end.counts, strict=True
            )
        ]

    n = min(10, len(components.ranked) // 2)
    return {
        "model": read_from,
        "ranked": numbers.count(len(components.ranked)),
        "list": [
            {
                "number": one.number,
                "share": numbers.percent(one.share),
                "low": rows(one.bottom(n)),
                "high": rows(one.top(n)),
                "tendency": tendency(components, one),
            }
            for one in components
        ],
    }


def picture(components: Components | None) -> dict[str, Any] | None:
    """The static map of fifty items and the table beside it."""
    if components is None or len(components) < 2:
        return None
    points = components.map(0, min(2, len(components) - 1))
    first, last = _PICTURED
    if len(points) <= first:  # too few items to leave out the best known
        first, last = 0, last - first
    shown = points.popular(first, last)
    return {
        "svg": inline(
            plots.taste_map(shown), "map", f"{len(shown)} items on two components of taste"
        ),
        "first": first + 1,
        "last": first + len(shown),
        "axes": [points.x_label, points.y_label],
        "rows": [
            {
                "title": title,
                "x": numbers.signed(x),
                "y": numbers.signed(y),
                "bias": numbers.signed(bias),
                "ratings": numbers.count(ratings),
            }
            for title, x, y, bias, ratings in zip(
                shown.titles,
                shown.x.tolist(),
                shown.y.tolist(),
                shown.biases.tolist(),
                shown.counts,
                strict=True,
            )
        ],
        "has_bias": bool(np.isfinite(points.biases).all()),
    }


def crossed(ratings: Ratings) -> dict[str, Any] | str:
    """The crosstab, with a shade of 0 to 8 for each rating."""
    try:
        table = crosstab(ratings, _CROSSTAB, _CROSSTAB)
    except DataError as error:
        return f"There is no crosstab: {error}."
    low, high = ratings.scale
    shades = np.nan_to_num((table.values - low) / ((high - low) or 1.0) * _SHADES).round()
    return {
        "titles": [(title, short(title, 26)) for title in table.titles],
        "rows": [
            {
                "user": str(user),
                "cells": [
                    {"text": "" if np.isnan(value) else f"{value:g}", "shade": int(shade)}
                    for value, shade in zip(values, row, strict=True)
                ],
            }
            for user, values, row in zip(table.users, table.values, shades, strict=True)
        ],
        "low": f"{low:g}",
        "high": f"{high:g}",
        "filled": numbers.percent(float(np.isfinite(table.values).mean()), 0),
    }
