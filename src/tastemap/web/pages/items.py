"""One item: what is known of it, where it stands, and what is like it."""

from __future__ import annotations

from typing import Any

import numpy as np
from starlette.responses import Response

from tastemap.data.vocabulary import UNKNOWN
from tastemap.errors import NotFittedFor, UnknownItemError
from tastemap.models.similarity import SimilarityModel
from tastemap.web.pages.charts import Axis, bar, columns
from tastemap.web.pages.reading import Reading
from tastemap.web.pages.visit import Visit, not_found, page

_NEIGHBOURS = 12
_FEWEST = 5
"""Ratings a neighbour needs: vectors of items with fewer are mostly chance."""


@page
def item(visit: Visit) -> Response:
    """The page of an item."""
    reading, ratings = visit.reading, visit.reading.ratings
    text = visit.id
    try:
        code = ratings.item_ids.find(visit.service.people.item_id(text))
    except UnknownItemError:  # not even the kind of id that items have
        code = UNKNOWN
    if code == UNKNOWN:
        not_found(f"No item has the id {text}. Titles are found by the box at the top.")
    title = ratings.catalog.title(code)
    _, values = ratings.by_item.row(code)
    return visit.show(
        "item.html",
        "",
        item=ratings.item_ids.raw(code),
        title=title,
        about=[
            (column.label, column.values[code])
            for column in reading.columns
            if column.values[code] not in (None, "")
        ],
        count=len(values),
        mean=float(np.mean(values, dtype=np.float64)) if len(values) else None,
        mean_of_all=ratings.mean,
        histogram=_histogram(reading, values),
        standing=_standing(reading, code),
        places=_places(reading, code),
        picture=_picture(reading, code, title),
        neighbours=_neighbours(visit, code),
        cosines=_has_cosines(reading),
    )


def _histogram(reading: Reading, values: Any) -> dict[str, Any] | None:
    """How often each rating was given, beside how often it is given at all."""
    if not reading.steps or not reading.ratings.explicit or not len(values):
        return None
    own = reading.shares_of(values)
    names = [f"{step:g}" for step in reading.steps]
    return {
        "picture": columns(own.tolist(), reading.shares.tolist(), names),
        "rows": list(zip(names, own.tolist(), reading.shares.tolist(), strict=True)),
    }


def _standing(reading: Reading, code: int) -> dict[str, Any] | None:
    """The bias of an item, and its rank among all with training ratings."""
    ranked = reading.ranked
    row = -1 if ranked is None else int(ranked.row_of[code])
    if ranked is None or row < 0:
        return None
    one = ranked.ranking
    bias = float(one.biases[row])
    margin = None if one.deviations is None else 2 * float(one.deviations[row])
    low, high = float(one.biases.min()), float(one.biases.max())
    axis = Axis(min(low, 0), max(high, 0), 320)
    return {
        "bias": bias,
        "margin": margin,
        "rank": row + 1,
        "of": len(one),
        "better_than": 1 - (row + 0.5) / len(one),
        "picture": axis.range(bias, bias - (margin or 0), bias + (margin or 0)),
    }


def _places(reading: Reading, code: int) -> list[dict[str, Any]]:
    """Where an item is on each component, in standard deviations of items."""
    found = reading.components
    if found is None or not np.isfinite(found.coordinates[0, code]):
        return []
    axis = Axis(-3.5, 3.5, 180)
    return [
        {
            "number": number,
            "at": at,
            "picture": axis.range(at, 0.0, at),
            "low": low,
            "high": high,
        }
        for number, (at, (low, high)) in enumerate(
            zip(found.coordinates[:, code].tolist(), reading.ends, strict=True), 1
        )
    ]


def _picture(reading: Reading, code: int, title: str) -> Any:
    found, scatter = reading.components, reading.scatter
    if found is None or scatter is None or not np.isfinite(found.coordinates[0, code]):
        return None
    x, y = (float(found.coordinates[axis, code]) for axis in reading.axes)
    return scatter.draw(f"{title} on the map of taste", {title: (x, y)})


def _has_cosines(reading: Reading) -> bool:
    """Whether items are compared by the cosine of their vectors."""
    return not isinstance(reading.recommender.model, SimilarityModel)


def _neighbours(visit: Visit, code: int) -> list[dict[str, Any]] | str:
    """The items most like this one, or why there are none."""
    reading, ratings = visit.reading, visit.reading.ratings
    if not reading.rated[code]:
        return "Nobody has rated this, so the model does not know what it is like."
    try:
        found = visit.service.recommender.similar_items(
            ratings.item_ids.raw(code), _NEIGHBOURS, min_ratings=_FEWEST
        )
    except NotFittedFor as error:
        return f"There are no neighbours: {error}."
    rows = zip(found.items, found.titles, found.similarities.tolist(), strict=True)
    codes = [ratings.item_ids.find(raw) for raw in found.items]
    # A cosine is beside 1; what a model of items says of one another has no such end.
    whole = 1.0 if _has_cosines(reading) else float(max(found.similarities, default=1.0))
    return [
        {
            "item": raw,
            "title": name,
            "about": reading.about(at),
            "similarity": similarity,
            "picture": bar(similarity / whole, 90),
            "ratings": int(ratings.item_counts[at]),
        }
        for (raw, name, similarity), at in zip(rows, codes, strict=True)
    ]
