"""The map: all items on two components of taste, and where somebody is among them."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from tastemap.arrays import Float64s
from tastemap.plots.text import short
from tastemap.web.pages.people import known, on_axes, place_of
from tastemap.web.pages.site import capital
from tastemap.web.pages.visit import Visit, not_found, page

DATA = "/explore/map.json"


@page
def taste_map(visit: Visit) -> Response:
    """The page of the map. ``item`` asks for an item, ``user`` for somebody's place."""
    scatter = visit.reading.scatter
    if scatter is None:
        return visit.show("map.html", "map", missing=_missing(visit))
    user = visit.query.get("user", "")
    place = place_of(visit, known(visit, user)) if user else None
    name = f"User {user}"
    marks = {} if place is None else {name: on_axes(visit, place)}
    return visit.show(
        "map.html",
        "map",
        missing="",
        source=DATA,
        item=visit.query.get("item", ""),
        mark=None if place is None else mark(name, place),
        picture=scatter.draw("The most rated items on the map of taste", marks),
        axes=tuple(number + 1 for number in visit.reading.axes),
        count=int(visit.reading.rated.sum()),
    )


@page
def map_data(visit: Visit) -> Response:
    """What the interactive map draws."""
    data = visit.reading.map_data
    if data is None:
        not_found(_missing(visit))
    return data.response(visit.request, "private, no-cache")


def mark(name: str, place: Float64s) -> dict[str, Any]:
    """Somebody's place as ``setMark`` of ``map.js`` takes it."""
    return {
        "label": short(name, 32),
        "at": {str(n): round(at, 3) for n, at in enumerate(place.tolist(), 1)},
    }


def _missing(visit: Visit) -> str:
    if visit.reading.components is None:
        return (
            f"{capital(visit.reading.recommender.recipe.called)} model is no product of factors, "
            "so it has no components and no map. "
            "BayesianMF and BiasedMF have."
        )
    return "A map needs two components, and this model has one."
