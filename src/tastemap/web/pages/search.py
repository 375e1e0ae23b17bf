"""Finding an item by its title, or a user by their id."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from tastemap.data.vocabulary import UNKNOWN
from tastemap.errors import UnknownIdError
from tastemap.web.pages.finding import find
from tastemap.web.pages.site import user_url
from tastemap.web.pages.visit import Visit, page

_SHOWN = 50
_LONGEST = 200


@page
def search(visit: Visit) -> Response:
    """What a search found. ``user`` asks for a user by their id."""
    user = visit.query.get("user", "").strip()[:_LONGEST]
    if user:
        return RedirectResponse(user_url(user), 303)
    text = visit.query.get("q", "").strip()[:_LONGEST]
    reading, ratings = visit.reading, visit.reading.ratings
    codes, total = find(reading.searchable, ratings.item_counts, text, _SHOWN)
    return visit.show(
        "search.html",
        "",
        text=text,
        total=total,
        rows=[
            {
                "item": ratings.item_ids.raw(code),
                "title": ratings.catalog.title(code),
                "about": reading.about(code),
                "ratings": int(ratings.item_counts[code]),
            }
            for code in codes
        ],
        near=[] if codes or not text else _near(visit, text),
        user=_user(visit, text),
    )


def _near(visit: Visit, text: str) -> list[tuple[object, str]]:
    """Titles that are spelt nearly so."""
    ratings = visit.reading.ratings
    codes = ratings.catalog.search(text, 5)
    return [(ratings.item_ids.raw(code), ratings.catalog.title(code)) for code in codes]


def _user(visit: Visit, text: str) -> object | None:
    """The user with this id, if there is one."""
    try:
        raw = visit.service.people.user_id(text) if text else None
    except UnknownIdError:
        return None
    known = raw is not None and visit.reading.ratings.user_ids.find(raw) != UNKNOWN
    return raw if known else None
