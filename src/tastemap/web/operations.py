"""One operation of the API: how it is asked, what it answers, and who may ask.

An operation is plain ASGI: FastAPI's own handling of a request costs more than most answers here.
What FastAPI would read from annotations, `tastemap.web.openapi` reads from the operation.
"""

from __future__ import annotations

import functools
import re
import time
import typing
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from tastemap.web.metrics import Meter
from tastemap.web.problems import problem_of

Handler = Callable[[Request], Awaitable[Response]]
Asked = TypeVar("Asked", bound=msgspec.Struct)


class Access(StrEnum):
    """What a key must allow for an operation."""

    OPEN = "open"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """One operation.

    Attributes:
        method: of HTTP.
        path: such as ``/items/{id}``.
        handler: what answers.
        summary: one line for the documentation; the handler's docstring has the rest.
        access: what a key must allow.
        query: what may stand behind the question mark.
        body: what is sent; None: nothing.
        answer: what comes back.
        status: of an answer that is no problem.
        media_type: of the answer.
        idempotent: whether it takes a header ``Idempotency-Key``.
        problems: statuses of the problems there may be, besides those of every operation.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    access: Access = Access.READ
    query: type[msgspec.Struct] | None = None
    body: Any = None
    answer: Any = None
    status: int = 200
    media_type: str = "application/json"
    idempotent: bool = False
    problems: tuple[int, ...] = ()

    @cached_property
    def _meter(self) -> Meter:
        return Meter(self.method, self.path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = time.perf_counter()
        try:
            request = Request(scope, receive)
            if self.query is None and request.query_params:
                raise msgspec.ValidationError(
                    f"{self.path} takes no parameters, got {', '.join(request.query_params)}"
                )
            response = await self.handler(request)
        except Exception as error:
            response = problem_of(error, self.method)
        await response(scope, receive, send)
        self._meter.count(response.status_code, time.perf_counter() - began)

    def route(self) -> Route:
        """The operation as a route of an application."""
        return _RawRoute(self.path, self, methods=[self.method], name=self.handler.__name__)


class _RawRoute(Route):
    """Matches the path as it was sent, so that an id may hold a slash (``a%2Fb``)."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        raw = scope.get("raw_path")
        if scope["type"] != "http" or not raw:
            return super().matches(scope)
        path = raw.decode("latin-1").removeprefix(scope.get("root_path", ""))
        found = self.path_regex.match(path)
        if not found:
            return Match.NONE, {}
        inside = {name: unquote(text) for name, text in found.groupdict().items()}
        allowed = not self.methods or scope["method"] in self.methods
        given = {"endpoint": self.endpoint, "path_params": inside, "route": self}
        return (Match.FULL if allowed else Match.PARTIAL), given


def names_in(path: str) -> list[str]:
    """The parameters of a path such as ``/users/{id}/ratings``."""
    return re.findall(r"{(\w+)}", path)


def query_of(request: Request, kind: type[Asked]) -> Asked:
    """What stands behind the question mark of a request; not to be changed.

    Raises:
        msgspec.ValidationError: a parameter is unknown, or its value is not what it may be.
    """
    found: Asked = _read_query(request.scope["query_string"], kind)
    return found


@functools.lru_cache(maxsize=256)  # users differ, what a program wants to know of them does not
def _read_query(query: bytes, kind: Any) -> Any:
    given: dict[str, Any] = {}
    many = _lists_of(kind)
    for name, value in QueryParams(query).multi_items():
        if name in many:
            given.setdefault(name, []).append(value)
        elif name in given:
            raise msgspec.ValidationError(f"{name} is given twice")
        else:
            given[name] = value
    with _naming_fields(kind):
        return msgspec.convert(given, kind, strict=False)


@functools.cache
def _lists_of(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The parameters that may be given several times."""
    hints = typing.get_type_hints(kind)  # without what is annotated
    return frozenset(name for name, hint in hints.items() if typing.get_origin(hint) is list)


async def body_of(request: Request, kind: Any) -> Any:
    """What a request sends; nothing is as good as an empty object.

    Raises:
        msgspec.DecodeError: it is no JSON, or not what is asked for.
    """
    content = await request.body() or b"{}"
    with _naming_fields(kind):
        return _decoder(kind).decode(content)


@contextmanager
def _naming_fields(kind: Any) -> Iterator[None]:
    """Say which fields there are, where one is given that there is not."""
    try:
        yield
    except msgspec.ValidationError as error:
        said = str(error)
        there = _fields_of(kind)
        if not there or not re.search(r"unknown field `[^`]*`( - at `\$\[[\d.]*\]`)?$", said):
            raise
        raise msgspec.ValidationError(f"{said}: the fields are {', '.join(there)}") from error


@functools.cache
def _fields_of(kind: Any) -> tuple[str, ...]:
    """Fields of a structure, or of that in a list or a choice."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return tuple(one.encode_name for one in msgspec.structs.fields(kind))
    return next(filter(None, map(_fields_of, typing.get_args(kind))), ())


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


encode = msgspec.json.Encoder().encode


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return json_bytes(encode(value), headers, status)


def json_bytes(body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    """An answer that is JSON already."""
    return Response(body, status, headers=headers, media_type="application/json")
