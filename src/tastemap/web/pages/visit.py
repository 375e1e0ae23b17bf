"""One look at a page: who asks, of which model, and what is shown."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tastemap.errors import NotFittedFor, StoreError, TastemapError, UnknownIdError
from tastemap.web.pages.reading import Reading, reading_of
from tastemap.web.pages.site import render
from tastemap.web.problems import problem_of
from tastemap.web.security.keys import Key, Scope
from tastemap.web.service import Service

_LOG = logging.getLogger("tastemap.web")
_MOST_FIELDS = 2000
_SECTIONS = (
    ("map", "/explore/map", "Map"),
    ("rankings", "/explore/rankings", "Rankings"),
    ("components", "/explore/components", "Components"),
    ("taste", "/explore/taste", "Your taste"),
    ("model", "/explore/model", "Model"),
)


@dataclass(frozen=True, eq=False)
class Visit:
    """A request for a page.

    Attributes:
        request: as it came.
        service: the live model, at the moment of asking.
        reading: the same model, read.
        form: the fields that were sent, in their order.
    """

    request: Request
    service: Service
    reading: Reading
    form: Sequence[tuple[str, str]] = ()

    @property
    def query(self) -> Any:
        """What stands behind the question mark."""
        return self.request.query_params

    @property
    def id(self) -> str:
        """Whose page it is: in the path, or behind the question mark (`site.item_url`)."""
        found: str = self.request.path_params.get("id") or self.query.get("id", "")
        return found

    @property
    def key(self) -> Key | None:
        """The key of who asks; None where none is needed."""
        found: Key | None = self.request.scope.get("tastemap.key")
        return found

    def may(self, scope: Scope) -> bool:
        """Whether who asks may do what needs this scope."""
        return self.key is None or self.key.scope.includes(scope)

    def show(self, template: str, section: str = "", status: int = 200, **content: Any) -> Response:
        """A page of this model.

        Args:
            template: its file.
            section: which part of the navigation it belongs to.
            status: of the answer.
            content: what the template asks for.
        """
        return render(
            template,
            status,
            section=section,
            sections=_SECTIONS,
            ratings_name=self.reading.name,
            asked=self.query.get("q", ""),
            noun=self.reading.ratings.noun,
            explicit=self.reading.ratings.explicit,
            key=self.key,
            **content,
        )


def page(view: Callable[[Visit], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A view as an endpoint. Views take their time in a thread, not in the event loop."""

    @wraps(view)
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_seen, view, request, body)

    return endpoint


def _seen(view: Callable[[Visit], Response], request: Request, body: bytes) -> Response:
    service: Service = request.app.state.shelf.current()
    visit = Visit(request, service, reading_of(service.recommender))
    try:
        return view(replace(visit, form=_fields(body)) if body else visit)
    except (TastemapError, HTTPException, TimeoutError) as error:
        return _failed(visit, error)
    except Exception as error:
        _LOG.error("a page failed", exc_info=error)
        return _failed(visit, error)


def _fields(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form.

    Raises:
        HTTPException: they cannot be read, or are too many.
    """
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise HTTPException(400, "This form cannot be read.") from error


def _failed(visit: Visit, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return error_page(error.status_code, str(error.detail), visit)
    if isinstance(error, UnknownIdError):
        return error_page(404, str(error), visit)
    if isinstance(error, NotFittedFor):
        return error_page(409, str(error), visit)
    if isinstance(error, StoreError | TimeoutError):
        return error_page(503, str(error), visit)
    if isinstance(error, TastemapError):
        return error_page(422, str(error), visit)
    return error_page(500, "", visit)


_SAID = {
    400: ("That cannot be read", "The form or the address is not what this page can read."),
    401: ("Please sign in", "This service asks for a key."),
    403: ("Not allowed", "The key does not allow this."),
    404: ("There is no such page", "The address may have a slip, or what it showed is gone."),
    409: ("This model cannot do that", "Another kind of model can."),
    422: ("That does not work", "Something that was asked for is not there."),
    500: ("Something went wrong here", "It is not your mistake. The log of the server has more."),
    503: ("Too busy at the moment", "Please try again in a few seconds."),
}


def error_page(status: int, detail: str = "", visit: Visit | None = None) -> HTMLResponse:
    """A page that says what went wrong, and where to go on.

    Args:
        status: of the answer.
        detail: what was seen, for a person; empty: what can be said in general.
        visit: who asked; None where there is no model to speak of.
    """
    heading, general = _SAID.get(status, ("That did not work", ""))
    return render(
        "error.html",
        status,
        section="",
        sections=_SECTIONS,
        ratings_name=visit.reading.name if visit else "",
        asked="",
        key=visit.key if visit else None,
        heading=heading,
        detail=detail or general,
        code=status,
    )


async def on_http_error(request: Request, error: Any) -> Response:
    """For an application: errors of routing, such as 404, as who asks can read them."""
    reads = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
    return error_page(error.status_code) if reads else problem_of(error, request.method)


def not_found(detail: str) -> NoReturn:
    """End a view with a page that says that something is not there."""
    raise HTTPException(404, detail)


@page
def lost(visit: Visit) -> Response:
    """For an address under ``/explore`` that leads nowhere."""
    return error_page(404, visit=visit)
