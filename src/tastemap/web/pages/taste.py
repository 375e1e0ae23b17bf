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
from tastemap.errors import ConfigError, NotFittedFor, StoreError, UnknownUserError
from tastemap.web.feedback.store import NewRating
from tastemap.web.pages.finding import find
from tastemap.web.pages.people import on_axes, place_of, places
from tastemap.web.pages.recommended import least_of, recommended
from tastemap.web.pages.site import sentence, user_url
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
        least: ratings an item needs to be shown, as it was written.
    """

    ratings: dict[str, float]
    skipped: tuple[str, ...] = ()
    query: str = ""
    user: str = ""
    least: str = ""

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
        written = (fields.get(name, "") for name in ("q", "user", "least"))
        return cls(ratings, tuple(skipped), *written)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"a rating must be a number, not {text!r}") from None


@page
def taste(visit: Visit) -> Response:
    """What is asked, what was said, and what follows."""
    return _shown(visit, Said.of(visit.form))


def _shown(visit: Visit, said: Said, problem: str = "", status: int = 200) -> Response:
    """The page, with all that was said.

    Args:
        visit: who looks.
        said: what they said.
        problem: why the ratings could not be kept; empty: nothing was to be.
        status: of the answer.
    """
    try:
        person = visit.service.people.newcomer(list(said.ratings.items()))
    except NotFittedFor as error:
        return visit.show("taste.html", "taste", missing=sentence(error))
    place, scatter = place_of(visit, person), visit.reading.scatter
    marks = {} if place is None else {"You": on_axes(visit, place)}
    least, wrong = visit.reading.enough, ""
    try:
        least = least_of({"least": said.least}, visit.reading)
    except ConfigError as error:  # a page of its own would lose what was said
        wrong, status = sentence(error), 422
    return visit.show(
        "taste.html",
        "taste",
        status,
        missing="",
        problem=problem,
        wrong=wrong,
        numbered=visit.reading.ratings.user_ids.holds_integers,
        said=said,
        rated=[_card(visit, item, value) for item, value in said.ratings.items()],
        questions=_questions(visit, said, person),
        found=_found(visit, said),
        telling=person.solved,
        steps=_steps(visit),
        recommended=recommended(visit, person, _RECOMMENDED, least),
        places=[] if place is None else places(visit, place),
        picture=scatter.draw("You on the map of taste", marks) if scatter and marks else None,
        can_keep=visit.service.store is not None and visit.may(Scope.WRITE),
    )


@page
def keep(visit: Visit) -> Response:
    """Store what was said, since the visitor asks for it.

    What keeps it from being stored is said beside the field: another page would lose the ratings.
    """
    if visit.request.method != "POST":  # the address of such a page, asked for again
        return RedirectResponse("/explore/taste", 303)
    said, service = Said.of(visit.form), visit.service
    if service.store is None:
        raise ConfigError("this service keeps no ratings")
    if not said.ratings:
        raise ConfigError("rate something first")
    if not said.user:
        return _shown(visit, said, "Write the user id to keep the ratings under.", 422)
    rows = []
    try:
        for item, value in said.ratings.items():
            user, known, _ = service.held.check(Checked(user=said.user, item=item, rating=value))
            rows.append(NewRating(user, known, value))
        service.store.rate_all(rows).result(timeout=_WAIT)
    except UnknownUserError as error:
        return _shown(visit, said, sentence(error), 422)
    except (StoreError, TimeoutError) as error:
        why = str(error) or "it took too long"
        return _shown(visit, said, f"They could not be stored: {why}. Please try again.", 503)
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
