"""The main components of taste: what lies at both ends of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from starlette.responses import Response

from tastemap.explanation.components import Component
from tastemap.web.pages import asking
from tastemap.web.pages.charts import Axis
from tastemap.web.pages.reading import Reading
from tastemap.web.pages.site import capital
from tastemap.web.pages.visit import Visit, not_found, page

_ENDS = 8
_ROWS = 50
_ORDERS = ("high", "low", "ratings", "title")


@page
def components(visit: Visit) -> Response:
    """Both ends of every component."""
    reading = visit.reading
    found = reading.components
    if found is None:
        return visit.show("components.html", "components", missing=_missing(reading))
    n = min(_ENDS, len(found.ranked) // 2)
    return visit.show(
        "components.html",
        "components",
        missing="",
        ranked=len(found.ranked),
        total=float(np.sum(found.share)),
        list=[
            {
                "number": one.number,
                "share": one.share,
                "tendency": reading.tendencies[one.number - 1],
                "low": _rows(reading, one.bottom(n)),
                "high": _rows(reading, one.top(n)),
            }
            for one in found
        ],
    )


@page
def component(visit: Visit) -> Response:
    """All well known items along one component, in any order."""
    reading, found = visit.reading, visit.reading.components
    if found is None:
        return visit.show("components.html", "components", missing=_missing(reading))
    number = visit.request.path_params["number"]
    if not 1 <= number <= len(found):
        not_found(f"There are components 1 to {len(found)}.")
    one = found[number - 1]
    order = asking.one_of(visit.query, "order", _ORDERS)
    path = f"/explore/components/{number}"
    pages = asking.paged(visit.query, path, {"order": order}, len(one), _ROWS)
    axis = Axis.around(one.coordinates, one.coordinates, 180)
    rows = one.rows(_ordered(one, order)[pages.rows])
    return visit.show(
        "component.html",
        "components",
        number=number,
        of=len(found),
        share=one.share,
        tendency=reading.tendencies[number - 1],
        orders={name: asking.address(path, {"order": name}) for name in _ORDERS},
        order=order,
        pages=pages,
        rows=_rows(reading, rows, axis),
    )


def _missing(reading: Reading) -> str:
    return (
        f"{capital(reading.recommender.recipe.called)} model is no product of factors, "
        "so it has no components and no map. BayesianMF and BiasedMF have."
    )


def _ordered(one: Component, order: str) -> Any:
    """Rows of a component, which come highest first, in the order asked for."""
    at = np.arange(len(one))
    if order == "low":
        return at[::-1]
    if order == "ratings":
        return np.argsort(-one.counts, kind="stable")
    if order == "title":
        titles = [title.casefold() for title in one.titles]
        return np.array(sorted(at.tolist(), key=titles.__getitem__), np.int64)
    return at


def _rows(reading: Reading, one: Component, axis: Axis | None = None) -> list[dict[str, Any]]:
    return [
        {
            "rank": int(one.ranks[row]),
            "item": one.items[row],
            "title": one.titles[row],
            "about": reading.about(one.codes[row]),
            "at": at,
            "picture": "" if axis is None else axis.range(at, 0.0, at),
            "ratings": int(one.counts[row]),
        }
        for row, at in enumerate(one.coordinates.tolist())
    ]
