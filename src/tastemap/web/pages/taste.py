"""Your taste: rate a few items, and see what follows.

The form holds all that was said. The service keeps nothing of it unless the visitor asks for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.responses import RedirectResponse, Response

from tastemap.data.vocabulary import UNKNOWN
from tastemap.errors import ConfigError, NotFittedFor
from tastemap.web.feedback.store import NewRating
from tastemap.web.pages.finding import find
from tastemap.web.pages.people import on_axes, place_of, places
from tastemap.web.pages.recommended import recommended
from tastemap.web.pages.site import user_url
from tastemap.web.pages.visit import Visit, page
from tastemap.web.people import Person
from tastemap.web.schemas.lists import QuestionOptions, Rated
from tastemap.web.schemas.ratings import NewRating as Checked
from tastemap.web.security.keys import Scope

_QUESTIONS = 4
_FOUND = 4
_RECOMMENDED = 10
_BUTTONS = 6
"""Ratings to choose from where the scale has no steps."""
_SKIP = "skip"
_LONGEST = 200
_WAIT = 10.0
"""Seconds that storing may take."""


@dataclass(frozen=True, eq=False)
class Said:
    """What a visitor has said so far.

    Attributes:
        ratings: by item id, as text; the latest first.
        skipped: ids of items they do not know.
        query: titles they look for.
        user: the id to keep the ratings under, if they ask for that.
    """

    ratings: dict[str, float]
    skipped: tuple[str, ...] = ()
    query: str = ""
    user: str = ""

    @classmethod
    def of(cls, form: Sequence[tuple[str, str]]) -> Said:
        """Read the form: fields with what was said before, and the button that was pressed.

        Raises:
            ConfigError: a rating is no number.
        """
        fields = {name: value.strip()[:_LONGEST] for name, value in form}
        ratings = {name[2:]: _number(text) for name, text in form if name.startswith("r.")}
        skipped = [text for name, text in form if name == _SKIP]
        for name, text in form:
            item = name.removeprefix("rate.")
            if name == "drop":
                ratings.pop(text, None)
            elif name.startswith("rate.") and text == _SKIP:
                skipped.append(item)
            elif name.startswith("rate.") and item in ratings:
                ratings[item] = _number(text)  # where it stood before
            elif name.startswith("rate."):
                ratings = {item: _number(text), **ratings}
        return cls(ratings, tuple(skipped), fields.get("q", ""), fields.get("user", ""))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"a rating must be a number, not {text!r}") from None


@page
def taste(visit: Visit) -> Response:
    """What is asked, what was said, and what follows."""
    said = Said.of(visit.form)
    try:
        person = visit.service.people.newcomer(list(said.ratings.items()))
    except NotFittedFor as error:
        return visit.show("taste.html", "taste", missing=f"{error}.")
    place, scatter = place_of(visit, person), visit.reading.scatter
    marks = {} if place is None else {"You": on_axes(visit, place)}
    return visit.show(
        "taste.html",
        "taste",
        missing="",
        said=said,
        rated=[_card(visit, item, value) for item, value in said.ratings.items()],
        questions=_questions(visit, said, person),
        found=_found(visit, said),
        telling=person.solved,
        steps=_steps(visit),
        recommended=recommended(visit, person, _RECOMMENDED),
        places=[] if place is None else places(visit, place),
        picture=scatter.draw("You on the map of taste", marks) if scatter and marks else None,
        can_keep=visit.service.store is not None and visit.may(Scope.WRITE),
    )


@page
def keep(visit: Visit) -> Response:
    """Store what was said, since the visitor asks for it."""
    said, service = Said.of(visit.form), visit.service
    if service.store is None:
        raise ConfigError("this service keeps no ratings")
    if not said.user:
        raise ConfigError("give a user id to keep the ratings under")
    if not said.ratings:
        raise ConfigError("rate something first")
    rows = []
    for item, value in said.ratings.items():
        user, known, _ = service.held.check(Checked(user=said.user, item=item, rating=value))
        rows.append(NewRating(user, known, value))
    service.store.rate_all(rows).result(timeout=_WAIT)
    return RedirectResponse(user_url(said.user), 303)


def _steps(visit: Visit) -> list[tuple[str, str]]:
    """Ratings to choose from: as they are sent, and as they are called."""
    if not visit.reading.ratings.explicit:
        return [("1", "I took it")]
    low, high = visit.reading.ratings.scale
    steps = visit.reading.steps or np.linspace(low, high, _BUTTONS).tolist()
    return [(f"{step:.6g}", f"{step:.3g}") for step in steps]


def _card(visit: Visit, item: str, value: float | None = None) -> dict[str, Any]:
    """An item to be rated, with its rating if it has one."""
    code = visit.service.people.item_code(item)
    return {
        "item": visit.reading.ratings.item_ids.raw(code),
        "title": visit.reading.ratings.catalog.title(code),
        "about": visit.reading.about(code),
        "value": "" if value is None else f"{value:.6g}",
    }


def _questions(visit: Visit, said: Said, person: Person) -> list[dict[str, Any]]:
    """The items to ask about next: the most telling ones, or the best known."""
    known = [Rated(item=item, rating=value) for item, value in said.ratings.items()]
    if person.solved:
        options = QuestionOptions(ratings=known, skip=list(said.skipped), n=_QUESTIONS)
        return [
            _card(visit, str(one.item)) for one in visit.service.next_questions(options).questions
        ]
    ratings = visit.reading.ratings
    gone = {*said.ratings, *said.skipped}
    codes = ratings.most_rated_items(_QUESTIONS + len(gone))
    left = [raw for raw in map(str, ratings.item_ids.raws(codes)) if raw not in gone]
    return [_card(visit, raw) for raw in left[:_QUESTIONS]]


def _found(visit: Visit, said: Said) -> list[dict[str, Any]]:
    """The items a visitor looked for, as far as they are not rated."""
    ratings = visit.reading.ratings
    codes, _ = find(visit.reading.searchable, ratings.item_counts, said.query, 4 * _FOUND)
    raws = [str(ratings.item_ids.raw(code)) for code in codes if code != UNKNOWN]
    return [_card(visit, raw) for raw in raws if raw not in said.ratings][:_FOUND]
