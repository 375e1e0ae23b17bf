"""What went wrong, as a client reads it: problem details of RFC 9457, never a traceback."""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tastemap import errors

MEDIA_TYPE = "application/problem+json"

_LOG = logging.getLogger("tastemap.web")

_STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (errors.UnknownUserError, 404, "unknown-user"),
    (errors.UnknownItemError, 404, "unknown-item"),
    (errors.NotFittedFor, 409, "not-fitted-for"),
    (errors.ModelFolderError, 409, "model-folder"),
    (errors.StoreFullError, 503, "store-full"),
    (errors.KeyReuseError, 422, "key-reuse"),
    (errors.StoreError, 503, "store"),
    (errors.DataError, 422, "invalid"),
    (errors.ConfigError, 422, "invalid"),
    (errors.ArgumentError, 422, "invalid"),
    (msgspec.ValidationError, 422, "invalid"),
    (msgspec.DecodeError, 400, "not-json"),
)
"""What each error means to a client: status, and what the type of the problem ends in."""

_ROUTING = {
    404: "nothing is at this address: see /openapi.json for what there is",
    405: "this address takes other methods: the header Allow names them",
}
"""What there is to say where routing alone went wrong."""


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Problem details (RFC 9457).

    Attributes:
        type: names the kind of problem: ``urn:tastemap:problem:`` and a word; for a program.
        title: the status in words.
        status: of the answer.
        detail: what was seen, where, and what to do; for a person.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""


def problem(
    status: int, detail: str = "", kind: str = "", headers: dict[str, str] | None = None
) -> Response:
    """An answer that says what went wrong."""
    said = Problem(
        type=f"urn:tastemap:problem:{kind}" if kind else "about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
    )
    return Response(msgspec.json.encode(said), status, headers=headers, media_type=MEDIA_TYPE)


def problem_of(error: Exception, method: str = "GET") -> Response:
    """The answer to a request that ended in an error.

    An unknown id is 404 where the address names it, 422 where the body does. An error that is
    nobody's mistake but ours is logged with its traceback and answered without.
    """
    if isinstance(error, HTTPException):
        headers = dict(error.headers) if error.headers else None
        said = error.detail != HTTPStatus(error.status_code).phrase
        detail = error.detail if said else _ROUTING.get(error.status_code, "")
        return problem(error.status_code, detail, headers=headers)
    for kind, status, name in _STATUS:
        if isinstance(error, kind):
            if status == 503:
                _LOG.error("%s", error)
                return problem(503, str(error), name, {"Retry-After": "1"})
            in_body = status == 404 and method not in ("GET", "HEAD", "DELETE")
            return problem(422 if in_body else status, str(error), name)
    _LOG.error("a request failed", exc_info=error)
    return problem(500, "this is a bug of tastemap, or its disk is full: see the log of the server")
