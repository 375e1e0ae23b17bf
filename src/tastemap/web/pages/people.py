"""One user: what they rated, what the model would give them next and why, and their place."""

from __future__ import annotations

from typing import Any

import numpy as np
from starlette.responses import Response

from tastemap.arrays import Float64s, Int64s
from tastemap.data.vocabulary import UNKNOWN
from tastemap.web.pages import asking
from tastemap.web.pages.charts import Axis
from tastemap.web.pages.recommended import least_of, recommended
from tastemap.web.pages.visit import Visit, not_found, page
from tastemap.web.people import Person

_RECOMMENDED = 12
_ROWS = 25
_ORDERS = ("high", "low", "surprise", "title")


@page
def user(visit: Visit) -> Response:
    """The page of a user."""
    person = known(visit, visit.id)
    place = place_of(visit, person)
    name = f"User {person.id}"
    scatter = visit.reading.scatter
    table, pages, orders = _rated(visit, person)
    least = least_of(visit.query, visit.reading)
    return visit.show(
        "user.html",
        "",
        user=person.id,
        same=visit.query.get("id"),
        facts=_facts(visit, person),
        remarks=person.remarks,
        recommended=recommended(visit, person, _RECOMMENDED, least),
        rated=table,
        pages=pages,
        order=asking.one_of(visit.query, "order", _ORDERS),
        orders=orders,
        places=[] if place is None else places(visit, place),
        picture=None
        if place is None or scatter is None
        else scatter.draw(f"{name} on the map of taste", {name: on_axes(visit, place)}),
    )


def known(visit: Visit, text: str) -> Person:
    """The person with this id; where nobody has it, a page says so instead."""
    person = visit.service.people.person(text)
    there = visit.reading.ratings.user_ids.find(person.id) != UNKNOWN
    if not there and not person.feedback:
        not_found(f"No user has the id {text}.")
    return person


def place_of(visit: Visit, person: Person) -> Float64s | None:
    """Where a person is on each component, in standard deviations of users; None: unknown."""
    folded = visit.service.people.folded(person)
    if folded is not None:
        return visit.reading.place(folded.factors)
    factors = getattr(visit.service.recommender.model, "user_factors", None)
    if person.code == UNKNOWN or factors is None:
        return None
    return visit.reading.place(factors[person.code])


def on_axes(visit: Visit, place: Float64s) -> tuple[float, float]:
    """Somebody's place on the two components that pictures show."""
    x, y = visit.reading.axes
    return float(place[x]), float(place[y])


def places(visit: Visit, place: Float64s) -> list[dict[str, Any]]:
    """Somebody's place on each component, with what lies at its ends."""
    axis = Axis(-3, 3, 180)
    return [
        {
            "number": number,
            "at": at,
            "picture": axis.range(at, 0.0, at),
            "low": low,
            "high": high,
        }
        for number, (at, (low, high)) in enumerate(
            zip(place.tolist(), visit.reading.ends, strict=True), 1
        )
    ]


def _facts(visit: Visit, person: Person) -> list[tuple[str, str]]:
    ratings = visit.reading.ratings
    facts = [(ratings.noun, f"{len(person.items):,}")]
    if ratings.explicit and len(person.items):
        facts.append(
            (f"mean, of all {ratings.mean:.2f}", f"{np.mean(person.values, dtype=np.float64):.2f}")
        )
    if person.feedback:
        facts.append(("changed since training", f"{person.feedback:,}"))
    return facts


def _rated(
    visit: Visit, person: Person
) -> tuple[list[dict[str, Any]], asking.Pages, dict[str, str]]:
    """A page of what somebody rated, beside what others made of it."""
    ratings, path = visit.reading.ratings, visit.request.url.path
    order = asking.one_of(visit.query, "order", _ORDERS)
    said = person.said.ratings if person.said is not None else {}
    means = visit.reading.means[person.items]
    values = person.values.astype(np.float64)
    at = _ordered(visit, person, values, means, order)
    whose = {name: visit.query.get(name) for name in ("id", "least")}
    pages = asking.paged(visit.query, path, {**whose, "order": order}, len(at), _ROWS)
    rows = [
        {
            "item": ratings.item_ids.raw(code),
            "title": ratings.catalog.title(code),
            "about": visit.reading.about(code),
            "value": f"{value:g}",
            "mean": mean,
            "more": value - mean,
            "ratings": int(ratings.item_counts[code]),
            "new": str(ratings.item_ids.raw(code)) in said,
        }
        for code, value, mean in zip(
            person.items[at[pages.rows]], values[at[pages.rows]], means[at[pages.rows]], strict=True
        )
    ]
    orders = {name: asking.address(path, {**whose, "order": name}) for name in _ORDERS}
    return rows, pages, orders


def _ordered(visit: Visit, person: Person, values: Float64s, means: Float64s, order: str) -> Int64s:
    counts = visit.reading.ratings.item_counts[person.items]
    if order == "title":
        titles = [visit.reading.ratings.catalog.title(code).casefold() for code in person.items]
        return np.array(sorted(range(len(titles)), key=titles.__getitem__), np.int64)
    keys = {"high": -values, "low": values, "surprise": -np.abs(values - np.nan_to_num(means))}
    return np.lexsort((-counts, keys[order]))
