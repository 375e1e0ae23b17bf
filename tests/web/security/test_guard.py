"""The middleware: who is let in, to what, and how much."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tastemap.web.security import guard, scopes
from tastemap.web.security.guard import MAX_HEADERS
from tastemap.web.security.keys import KeyFile, Scope
from tests.web.security.conftest import Keyed, guarded, send

REQUESTS = [
    ("GET", "/health", ""),
    ("GET", "/ready", ""),
    ("GET", "/static/1/map.js", ""),
    ("GET", "/metrics", "read"),
    ("GET", "/users/1/recommendations", "read"),
    ("GET", "/users/admin/export", "read"),
    ("GET", "/openapi.json", "read"),
    ("GET", "/", "read"),
    ("POST", "/predict", "read"),
    ("POST", "/recommendations", "read"),
    ("POST", "/next-questions", "read"),
    ("POST", "/explore/taste", "read"),
    ("POST", "/explore/taste/keep", "write"),
    ("POST", "/admin/serve", "admin"),
    ("POST", "/ratings", "write"),
    ("DELETE", "/ratings/1/2", "write"),
    ("DELETE", "/users/1", "write"),
    ("PUT", "/predict", "write"),
    ("POST", "/predict/", "write"),
    ("POST", "/static/1/map.js", "write"),
    ("PATCH", "/nobody/thought/of/this", "write"),
    ("GET", "/admin/models", "admin"),
    ("POST", "/admin/reload", "admin"),
    ("DELETE", "/admin", "admin"),
]


@pytest.mark.parametrize(("method", "path", "needed"), REQUESTS)
def test_each_route_needs_its_scope(keyed: Keyed, method: str, path: str, needed: str) -> None:
    allowed = {"": True} if not needed else {"": False}
    for scope in Scope:
        allowed[scope] = not needed or scope.includes(Scope(needed))
    for scope, right in allowed.items():
        got = keyed.ask(scope).request(method, path)
        assert got.status_code == (200 if right else 403 if scope else 401), scope
        if not right:
            assert got.headers["content-type"] == "application/problem+json"
            assert got.json()["status"] == got.status_code
        if not right and not scope:
            assert got.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path", ["/%61dmin/reload", "/admin%2Freload", "/a/../admin/x", "//admin/x", "/static/../admin"]
)
def test_no_spelling_of_a_path_is_open(keyed: Keyed, path: str) -> None:
    assert keyed.ask().post(path).status_code == 401


@given(st.sampled_from(["POST", "PUT", "DELETE", "PATCH", "X"]), st.text())
def test_what_nobody_thought_of_needs_a_key(method: str, path: str) -> None:
    assert scopes.needed(method, path) is not None or path in scopes.OPEN


def test_without_keys_everything_is_open_to_this_machine(keyless: TestClient) -> None:
    assert keyless.post("/admin/reload").json()["key"] is None


def test_a_key_made_while_it_runs_closes_it(tmp_path: Any) -> None:
    file = KeyFile(tmp_path / "keys.json")
    asking = TestClient(guarded(file), base_url="http://localhost")
    assert asking.get("/users/1").status_code == 200
    _, token = file.add("new", Scope.READ)
    assert asking.get("/users/1").status_code == 401
    allowed = asking.get("/users/1", headers={"Authorization": f"bearer {token}"})
    assert allowed.json()["key"] == "new"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer \xff", "a b c"])
def test_malformed_credentials_are_refused(keyed: Keyed, value: str) -> None:
    headers = {"Authorization": value.encode("latin-1")}
    assert keyed.ask().get("/users/1", headers=headers).status_code == 401  # type: ignore[arg-type]


def test_other_names_are_not_answered(keyless: TestClient) -> None:
    got = keyless.get("/health", headers={"Host": "evil.example"})
    assert (got.status_code, got.json()["type"]) == (421, "urn:tastemap:problem:unknown-host")


@pytest.mark.parametrize("rate", [1, 5])
def test_each_key_has_its_own_rate(keyed: Keyed, rate: float) -> None:
    app = guarded(keyed.file, rate=rate)

    def ask(scope: str, path: str = "/users/1") -> list[int]:
        headers = {"Authorization": f"Bearer {keyed.tokens[scope]}"} if scope else {}
        asking = TestClient(app, base_url="http://localhost", headers=headers)
        answers = [asking.get(path) for _ in range(int(2 * rate) + 3)]
        for got in answers:
            if got.status_code == 429:
                assert 1 <= int(got.headers["retry-after"]) <= 2
                assert got.json()["type"] == "urn:tastemap:problem:too-many-requests"
        return [got.status_code for got in answers]

    wanted = [200] * int(2 * rate) + [429]
    assert ask("read")[: len(wanted)] == wanted
    assert ask("write")[: len(wanted)] == wanted
    assert ask("", "/health")[: len(wanted)] == wanted


def test_who_has_no_key_is_limited_too(keyed: Keyed) -> None:
    asking = keyed.ask(rate=2)
    codes = [asking.get("/users/1").status_code for _ in range(6)]
    assert codes[:5] == [401, 401, 401, 401, 429]


def test_the_default_rate_holds_where_keys_are_needed_only(
    keyed: Keyed, keyless: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "RATE", 1.0)
    asking = keyed.ask("read")
    assert [asking.get("/x").status_code for _ in range(3)] == [200, 200, 429]
    assert {keyless.get("/x").status_code for _ in range(300)} == {200}


@pytest.mark.parametrize("size", [1000, 1001])
def test_a_body_may_have_so_many_bytes(keyed: Keyed, size: int) -> None:
    got = keyed.ask("write", max_body=1000).post("/ratings", content=b"x" * size)
    assert got.status_code == (200 if size <= 1000 else 413)
    if size <= 1000:
        assert got.json()["bytes"] == size
    else:
        assert got.headers["connection"] == "close"


@pytest.mark.parametrize("parts", [[b"x" * 600] * 2, [b"x" * 999, b"", b"xx"], [b"x"] * 1001])
def test_parts_without_a_length_may_not_have_more(keyed: Keyed, parts: list[bytes]) -> None:
    app = guarded(keyed.file, max_body=1000)
    headers = {
        "authorization": f"Bearer {keyed.tokens['read']}",
        "transfer-encoding": "chunked",
    }
    got = asyncio.run(send(app, headers=headers, parts=list(parts)))
    assert got[0] == 413
    got = asyncio.run(send(app, headers=headers, parts=[b"x" * 400] * 2))
    assert (got[0], got[2]["bytes"]) == (200, 800)


@pytest.mark.parametrize("told", ["-1", "x", "1e3", "", "9" * 400, "１"])
def test_a_length_is_a_number(keyed: Keyed, told: str) -> None:
    app = guarded(keyed.file)
    headers = {"authorization": f"Bearer {keyed.tokens['read']}", "content-length": told}
    assert asyncio.run(send(app, headers=headers))[0] in (400, 413)


def test_nothing_is_read_of_who_may_not_ask(keyed: Keyed) -> None:
    app = guarded(keyed.file)
    parts = [b"x", b"y"]
    got = asyncio.run(send(app, headers={"transfer-encoding": "chunked"}, parts=parts))
    assert got[0] == 401


def test_a_body_that_does_not_come_is_not_waited_for(
    keyed: Keyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.01)

    async def ask() -> list[Any]:
        answers: list[Any] = []

        async def receive() -> Any:
            await asyncio.sleep(60)

        async def take(message: Any) -> None:
            answers.append(message)

        headers = {
            "host": "localhost",
            "content-length": "5",
            "authorization": f"Bearer {keyed.tokens['read']}",
        }
        scope = {
            "type": "http", "method": "POST", "path": "/predict", "query_string": b"",
            "headers": [(a.encode(), b.encode()) for a, b in headers.items()],
        }  # fmt: skip
        await guarded(keyed.file)(scope, receive, take)
        return answers

    assert asyncio.run(ask())[0]["status"] == 408


def test_headers_and_address_may_have_so_many_bytes(keyless: TestClient) -> None:
    assert keyless.get("/x", headers={"X": "y" * (MAX_HEADERS - 1000)}).status_code == 200
    assert keyless.get("/x", headers={"X": "y" * MAX_HEADERS}).status_code == 431
    assert keyless.get("/" + "y" * MAX_HEADERS).status_code == 431
    assert keyless.get("/x?" + "y" * MAX_HEADERS).status_code == 431


@pytest.mark.parametrize("path", ["/health", "/x", "/broken", "/sign-in"])
def test_every_answer_is_protected(keyed: Keyed, path: str) -> None:
    answers = [keyed.ask("read").get(path), keyed.ask().get(path)]
    answers.append(keyed.ask().get(path, headers={"Host": "evil.example"}))
    for got in answers:
        policy = got.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["cache-control"] == "no-store"
        assert got.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in got.headers


def test_a_bug_is_answered_without_its_inside(keyed: Keyed) -> None:
    got = keyed.ask("read").get("/broken")
    assert (got.status_code, got.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in got.text
    assert "Traceback" not in got.text


def test_pages_of_other_origins_may_ask_only_if_allowed(keyed: Keyed) -> None:
    shop = {"Origin": "https://shop.example"}
    asked = {**shop, "Access-Control-Request-Method": "POST"}
    closed = keyed.ask("write").options("/ratings", headers=asked)
    assert closed.status_code == 403 or "access-control-allow-origin" not in closed.headers
    settings = {"origins": ("https://shop.example",)}
    preflight = keyed.ask(**settings).options("/ratings", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-credentials" not in preflight.headers
    given = keyed.ask("write", **settings).post("/ratings", headers=shop)
    assert given.status_code == 200
    assert given.headers["access-control-allow-origin"] == "https://shop.example"
    refused = keyed.ask(**settings).post("/ratings", headers=shop)
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"
    evil = keyed.ask("write", **settings).post(
        "/ratings", headers={"Origin": "https://evil.example"}
    )
    assert evil.status_code == 403
    assert "access-control-allow-origin" not in evil.headers


def test_logs_have_no_keys_ids_or_questions(keyed: Keyed, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tastemap")
    keyed.ask("read").get("/users/alice/export?token=very-secret")
    keyed.ask("read").post("/ratings?item=Heat")
    keyed.ask().get("/users/alice", headers={"Authorization": "Bearer tm_guess"})
    keyed.ask("read").get("/users/bob%0a2026-01-01 forged line")
    text = "\n".join(record.getMessage() for record in caplog.records)
    for secret in (*keyed.tokens.values(), "alice", "very-secret", "Heat", "tm_guess", "forged"):
        assert secret not in text
    lines = [line for line in text.splitlines() if " ms " in line]
    assert len(lines) == len(caplog.records) - 2 == 4
    assert lines[0].startswith("GET /{path:path} 200 ")
    assert lines[1].endswith(" ms key " + keyed.tokens["read"].split("_")[1])


def test_websockets_are_closed(keyless: TestClient) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), keyless.websocket_connect("/x"):
        pass
