"""The middleware that every request passes: who asks, how much, how often."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tastemap.web.problems import problem, problem_of
from tastemap.web.security import scopes
from tastemap.web.security.auth import Refused, too_many, unauthorized
from tastemap.web.security.headers import guarded
from tastemap.web.security.hosts import Hosts, network_of, same_origin
from tastemap.web.security.rates import RateLimiter

if TYPE_CHECKING:
    from tastemap.web.security.auth import Authenticator
    from tastemap.web.security.keys import Key

MAX_HEADERS = 16 * 1024
"""Bytes of a request's headers, with its address, at most."""

BODY_SECONDS = 20.0
"""How long a request's body may take to come."""

RATE = 100.0
"""Requests a second that one key, or one address without a key, may make if nothing else is set."""

_SAFE = ("GET", "HEAD", "OPTIONS")
_LOG = logging.getLogger("tastemap.web.security")
_ACCESS = logging.getLogger("tastemap.web.access")


class Guard:
    """Lets a request through to an application, or answers it with what is wrong.

    Args:
        app: what is guarded.
        auth: who has a key.
        hosts: names that the service answers to, besides this machine's own.
        origins: pages of other origins that may ask.
        max_body: bytes of a body at most.
        rate: requests a second of one key, or of one address without; 0: any number. None: `RATE`
            where keys are needed; where none are, only this machine asks, as often as it likes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        auth: Authenticator,
        hosts: tuple[str, ...] = (),
        origins: tuple[str, ...] = (),
        max_body: int = 1 << 20,
        rate: float | None = None,
    ) -> None:
        self.auth, self.origins, self.max_body, self.rate = auth, origins, max_body, rate
        self.hosts = Hosts(hosts)
        each = RATE if rate is None else rate
        self._rates = RateLimiter(each, max(2 * each, 1)) if each else None
        self.app = app
        self._enter: ASGIApp = self._guard
        if origins:
            # Answers preflights, which browsers send without a key, before anything is asked.
            self._enter = CORSMiddleware(
                self._guard,
                allow_origins=origins,
                allow_methods=("GET", "POST", "DELETE"),
                allow_headers=("Authorization", "Idempotency-Key"),
                expose_headers=("Retry-After",),
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started = time.perf_counter()
        status = 0

        async def protected(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = guarded(list(message.get("headers", ())))
            await send(message)

        try:
            keyed = scope["tastemap.keyed"] = self.auth.needed
            if not self.hosts.allow(_header(scope, b"host"), keyed=keyed):
                detail = "this service does not answer to the name in the header Host"
                raise Refused(421, "unknown-host", detail)
            await self._enter(scope, receive, protected)
        except Refused as refused:
            await _answer(refused)(scope, receive, protected)
        except Exception as error:
            if status:  # too late for another answer: the connection is closed
                raise
            await problem_of(error, scope["method"])(scope, receive, protected)
        if _ACCESS.isEnabledFor(logging.INFO):
            _log_access(scope, status, time.perf_counter() - started)

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        try:
            self._check_size(scope)
            self._check_origin(scope, headers)
            self._check_key(scope, headers)
            self._check_rate(scope, scope["tastemap.key"])
            if b"content-length" in headers or b"transfer-encoding" in headers:
                receive = await self._read_body(headers, receive)
        except Refused as refused:
            await self._refuse(refused, scope, headers)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check_size(self, scope: Scope) -> None:
        size = len(scope["query_string"]) + len(scope.get("raw_path") or scope["path"])
        for name, value in scope["headers"]:
            size += len(name) + len(value)
        if size > MAX_HEADERS:
            detail = f"address and headers have {size} bytes, at most {MAX_HEADERS} may come"
            raise Refused(431, "headers-too-large", detail, {"Connection": "close"})

    def _check_origin(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if scope["method"] in _SAFE:
            return
        origin, site, host = (
            headers.get(name, b"").decode("latin-1")
            for name in (b"origin", b"sec-fetch-site", b"host")
        )
        if not same_origin(origin, site, host, allowed=self.origins):
            raise Refused(403, "foreign-origin", "a page of another origin may not do this")

    def _check_key(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        key: Key | None = None
        scope["tastemap.key"] = None
        needed = scopes.needed(scope["method"], _path(scope)) if scope["tastemap.keyed"] else None
        if needed is None:
            return
        given = headers.get(b"authorization")
        if given is not None:
            key = self.auth.by_header(given.decode("latin-1"), client_of(scope))
        elif b"cookie" in headers:
            key = self.auth.by_cookies(headers[b"cookie"].decode("latin-1"))
        if key is None:
            self._check_rate(scope, None)
            raise unauthorized("this needs a key: give the header Authorization: Bearer and a key")
        scope["tastemap.key"] = key
        if not key.scope.includes(needed):
            _LOG.warning("key %s, of scope %s, tried what needs %s", key.id, key.scope, needed)
            detail = f"this needs a key of scope {needed}, the given one has scope {key.scope}"
            raise Refused(403, "scope", detail)

    def _check_rate(self, scope: Scope, key: Key | None) -> None:
        if self._rates is None or (self.rate is None and not scope["tastemap.keyed"]):
            return
        wait = self._rates.wait(client_of(scope) if key is None else key.id)
        if wait:
            raise too_many(wait, "too many requests")

    async def _read_body(self, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """Read the whole body, which is small, so that no part of the application can overrun."""
        told = headers.get(b"content-length", b"0")
        if not told.isdigit():
            raise Refused(400, "content-length", "the header Content-Length is no number")
        if len(told) > 18 or int(told) > self.max_body:
            raise self._too_large()
        body = bytearray()
        more = True
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        break
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self.max_body:
                        raise self._too_large()
        except TimeoutError:
            detail = f"the body did not come within {BODY_SECONDS:g} s"
            raise Refused(408, "timeout", detail, {"Connection": "close"}) from None
        first: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]
        if more:
            first = [{"type": "http.disconnect"}]

        async def again() -> Message:
            return first.pop() if first else await receive()

        return again

    def _too_large(self) -> Refused:
        detail = f"the body has more than {self.max_body} bytes: send it in parts"
        return Refused(413, "body-too-large", detail, {"Connection": "close"})

    def _refuse(self, refused: Refused, scope: Scope, headers: dict[bytes, bytes]) -> Response:
        reads = scope["method"] == "GET" and b"text/html" in headers.get(b"accept", b"")
        if refused.status == 401 and reads and b"authorization" not in headers:
            there = _path(scope)
            return RedirectResponse(f"/sign-in?next={quote(there, safe='/')}", 303)
        return _answer(refused)


def _answer(refused: Refused) -> Response:
    return problem(refused.status, refused.detail, refused.kind, refused.headers)


def _header(scope: Scope, wanted: bytes) -> str:
    found = [value for name, value in scope["headers"] if name == wanted]
    value: str = found[0].decode("latin-1") if len(found) == 1 else ""
    return value


def _path(scope: Scope) -> str:
    """The path as the application's router sees it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if path.startswith(root + "/") else path


def client_of(scope: Scope) -> str:
    """Whom a request comes from, as far as its address tells."""
    client = scope.get("client")
    return network_of(client[0]) if client else "unknown"


def _log_access(scope: Scope, status: int, seconds: float) -> None:
    """One line a request, without what is about people: the route, not the address asked for."""
    route = getattr(scope.get("route"), "path", "-")
    key = scope.get("tastemap.key")
    _ACCESS.info(
        "%s %s %d %.1f ms key %s",
        scope["method"], route, status, 1000 * seconds, "-" if key is None else key.id,
    )  # fmt: skip
