"""A guarded application that says what reached it, and keys for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message

from tastemap.web.security import sign_in
from tastemap.web.security.auth import Authenticator
from tastemap.web.security.guard import Guard
from tastemap.web.security.keys import KeyFile, Scope


async def echo(request: Request) -> Response:
    """What came through."""
    body = await request.body()
    key = request.scope["tastemap.key"]
    return JSONResponse(
        {"path": request.url.path, "bytes": len(body), "key": None if key is None else key.name}
    )


async def broken(_: Request) -> Response:
    """A bug."""
    raise RuntimeError("secret of the inside")


def guarded(keys: KeyFile, **settings: Any) -> Starlette:
    """An application whose every path but ``/broken`` tells what reached it."""
    auth = Authenticator(keys)
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    routes = [
        *sign_in.routes(auth),
        Route("/broken", broken),
        Route("/{path:path}", echo, methods=methods),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, auth=auth, **settings)])


@dataclass(frozen=True)
class Keyed:
    """A service with a key of each scope."""

    file: KeyFile
    tokens: dict[str, str]

    def ask(self, scope: str = "", **settings: Any) -> TestClient:
        """A client with a key of that scope, or none."""
        headers = {"Authorization": f"Bearer {self.tokens[scope]}"} if scope else {}
        return TestClient(
            guarded(self.file, **settings),
            base_url="http://localhost",
            headers=headers,
            follow_redirects=False,
        )


@pytest.fixture
def keyed(tmp_path: Path) -> Keyed:
    """Keys named as their scopes."""
    file = KeyFile(tmp_path / "keys.json")
    return Keyed(file, {str(scope): file.add(str(scope), scope)[1] for scope in Scope})


@pytest.fixture
def keyless(tmp_path: Path) -> TestClient:
    """A client of a service without keys."""
    return TestClient(
        guarded(KeyFile(tmp_path / "none.json")),
        base_url="http://localhost",
        follow_redirects=False,
    )


async def send(
    app: Any,
    path: str = "/predict",
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    parts: list[bytes] | None = None,
    client: tuple[str, int] | None = ("127.0.0.1", 1),
) -> tuple[int, dict[str, str], Any]:
    """Ask an application without a client library: what it cannot be made to send."""
    given = {"host": "localhost"} | (headers or {})
    answers: list[Message] = []
    waiting = list(parts or [b""])

    async def receive() -> Message:
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def take(message: Message) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": client,
        "scheme": "http",
        "server": ("localhost", 80),
        "root_path": "",
    }
    await app(scope, receive, take)
    body = b"".join(one.get("body", b"") for one in answers)
    told = {name.decode(): value.decode() for name, value in answers[0]["headers"]}
    content = json.loads(body) if "json" in told.get("content-type", "") else body.decode()
    return answers[0]["status"], told, content
