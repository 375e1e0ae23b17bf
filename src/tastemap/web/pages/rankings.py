"""Items by how much they are liked beyond what their audience and its taste explain."""

from __future__ import annotations

from typing import Any

import numpy as np
from starlette.responses import Response

from tastemap.arrays import Int64s, Mask, Values
from tastemap.data.catalog import Wanted
from tastemap.explanation.biases import BiasRanking
from tastemap.web.pages import asking
from tastemap.web.pages.charts import Axis
from tastemap.web.pages.reading import Reading
from tastemap.web.pages.site import capital
from tastemap.web.pages.visit import Visit, page

_ROWS = 50
_ORDERS = ("best", "worst", "mean", "ratings", "title")
_ENOUGH = 20
"""Ratings an item needs to be ranked, unless asked otherwise: with fewer, most is luck."""


@page
def rankings(visit: Visit) -> Response:
    """The ranking, filtered."""
    reading, query = visit.reading, visit.query
    ranked = reading.ranked
    if ranked is None:
        return visit.show("rankings.html", "rankings", missing=_missing(visit))
    order = asking.one_of(query, "order", _ORDERS)
    most = int(reading.ratings.item_counts.max(initial=1))
    enough = min(_ENOUGH, max(1, most // 10))
    least = asking.whole(query, "least", enough, 1, 10**12)
    wanted, filters = _filters(reading, query)
    keep = (ranked.ranking.counts >= least) & reading.ratings.catalog.matches(wanted)[
        ranked.ranking.codes
    ]
    at = _ordered(ranked.ranking, keep, order)
    asked = {"order": order, "least": least if least != enough else None}
    asked |= {name: value for one in filters for name, value in one["asked"].items()}
    pages = asking.paged(query, "/explore/rankings", asked, len(at), _ROWS)
    biases, margins = ranked.ranking.biases[at], _margins(ranked.ranking)[at]
    axis = Axis.around(biases - margins, biases + margins)
    return visit.show(
        "rankings.html",
        "rankings",
        missing="",
        order=order,
        orders=[
            (name, asking.address("/explore/rankings", {**asked, "order": name}))
            for name in _ORDERS
        ],
        least=least,
        filters=filters,
        filtered=bool(wanted),
        pages=pages,
        rows=rows_of(reading, ranked.ranking.rows(at[pages.rows]), axis),
        unsure=ranked.ranking.deviations is not None,
    )


def _missing(visit: Visit) -> str:
    if not visit.service.rates:
        return (
            f"{capital(visit.reading.recommender.recipe.called)} model ranks items for each user, "
            "and has no biases to rank them for all. BayesianMF and BiasedMF have."
        )
    return (
        f"{capital(visit.reading.recommender.recipe.called)} model has no item biases to rank by. "
        "BayesianMF and BiasedMF have."
    )


def _filters(reading: Reading, query: Any) -> tuple[Wanted, list[dict[str, Any]]]:
    """What the metadata must be, and the same as the form shows it."""
    wanted: dict[str, Any] = {}
    filters: list[dict[str, Any]] = []
    for column in reading.columns:
        name, key = column.name, f"f.{column.name}"
        if name in reading.categories:
            choices = reading.categories[name]
            chosen = query.get(key, "")
            if chosen:
                wanted[name] = chosen
            filters.append(
                {"key": key, "label": column.label, "choices": choices, "chosen": chosen}
                | {"asked": {key: chosen}}
            )
        elif name in reading.numbers:
            low, high = (asking.number(query, f"{key}.{end}") for end in ("from", "to"))
            if (low, high) != (None, None):
                wanted[name] = (low, high)
            said = {f"{key}.from": _plain(low), f"{key}.to": _plain(high)}
            span = tuple(f"{end:g}" for end in reading.numbers[name])
            filters.append({"key": key, "label": column.label, "span": span, "asked": said})
    return wanted, filters


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"


def _ordered(ranking: BiasRanking, keep: Mask, order: str) -> Int64s:
    """Rows that are kept, in the order asked for."""
    at = np.flatnonzero(keep)
    if order == "worst":
        return at[::-1]
    if order == "mean":
        return at[np.argsort(-ranking.means[at], kind="stable")]
    if order == "ratings":
        return at[np.argsort(-ranking.counts[at], kind="stable")]
    if order == "title":
        titles = [ranking.titles[row].casefold() for row in at.tolist()]
        return at[sorted(range(len(at)), key=titles.__getitem__)]
    return at


def _margins(ranking: BiasRanking) -> Values:
    """Two posterior standard deviations of each bias, 0 where the model does not know them."""
    deviations = ranking.deviations
    return np.zeros_like(ranking.biases) if deviations is None else 2 * deviations


def rows_of(
    reading: Reading, ranking: BiasRanking, axis: Axis | None = None, *, width: float = 150.0
) -> list[dict[str, Any]]:
    """Rows of a ranking as tables show them.

    Args:
        reading: of the model.
        ranking: some of its items.
        axis: where biases are drawn; None: one that holds them.
        width: of that, in pixels.
    """
    margins = _margins(ranking)
    axis = axis or Axis.around(ranking.biases - margins, ranking.biases + margins, width)
    about = [reading.about(code) for code in ranking.codes]
    return [
        {
            "item": ranking.items[row],
            "title": ranking.titles[row],
            "about": about[row],
            "bias": float(bias),
            "margin": float(margin),
            "picture": axis.range(bias, bias - margin, bias + margin),
            "mean": float(ranking.means[row]),
            "ratings": int(ranking.counts[row]),
        }
        for row, (bias, margin) in enumerate(
            zip(ranking.biases.tolist(), margins.tolist(), strict=True)
        )
    ]
