"""Every operation is documented, and what it answers is what the documentation says."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from tastemap.web.app import OPERATIONS
from tastemap.web.openapi import document
from tastemap.web.operations import Access, Operation
from tastemap.web.security.scopes import needed
from tests.web.conftest import Serve

DOCUMENT = document(OPERATIONS)
NEWCOMER = [{"item": 1, "rating": 5}, {"item": "2", "rating": 2.5}]
REQUESTS: dict[tuple[str, str], list[tuple[str, Any]]] = {
    ("GET", "/users/{id}/recommendations"): [
        ("/users/4/recommendations", None),
        ("/users/4/recommendations?n=3&why=0&seen=true&min_ratings=5", None),
        ("/users/4/recommendations?include=genres=Comedy&exclude=genres=Drama", None),
    ],
    ("POST", "/recommendations"): [
        ("/recommendations", {"ratings": NEWCOMER, "n": 5, "include": ["year=1990..1999"]}),
        ("/recommendations", {"ratings": []}),
    ],
    ("POST", "/predict"): [
        (
            "/predict",
            {
                "pairs": [
                    {"user": 4, "item": 1},
                    {"user": 987654, "item": 1},
                    {"user": "4", "item": 987654},
                    {"user": 987654, "item": 987654},
                ],
                "why": 2,
            },
        )
    ],
    ("POST", "/next-questions"): [
        ("/next-questions", {"ratings": NEWCOMER, "skip": [3], "n": 4}),
        ("/next-questions", {}),
    ],
    ("POST", "/ratings"): [
        ("/ratings", {"user": 4, "item": 1, "rating": 3.5}),
        ("/ratings", [{"user": "987654", "item": 987654, "rating": 2, "time": 1.5e9}]),
    ],
    ("DELETE", "/ratings/{user}/{item}"): [("/ratings/4/1", None)],
    ("GET", "/users/{id}/ratings"): [("/users/4/ratings", None), ("/users/987654/ratings", None)],
    ("GET", "/users/{id}/export"): [("/users/4/export", None)],
    ("DELETE", "/users/{id}"): [("/users/4", None)],
    ("GET", "/items/{id}/similar"): [("/items/1/similar?n=3&min_ratings=2", None)],
    ("GET", "/items/{id}"): [("/items/1", None)],
    ("GET", "/items"): [("/items?search=star+wars&n=3", None), ("/items?offset=5", None)],
    ("GET", "/components"): [("/components?n=2&items=3&most_rated=500", None)],
    ("GET", "/map"): [("/map", None)],
    ("GET", "/biases"): [("/biases?n=4&include=genres=Drama&min_ratings=3", None)],
    ("POST", "/admin/reload"): [("/admin/reload", {"model": "ease"}), ("/admin/reload", {})],
    ("POST", "/admin/refit"): [("/admin/refit", {"seed": 1, "holdout": 0.2})],
    ("GET", "/admin/refit"): [("/admin/refit", None)],
    ("GET", "/admin/models"): [("/admin/models", None)],
    ("GET", "/health"): [("/health", None)],
    ("GET", "/ready"): [("/ready", None)],
    ("GET", "/metrics"): [("/metrics", None)],
    ("GET", "/model"): [("/model", None)],
}


def key(operation: Operation) -> tuple[str, str]:
    return operation.method, operation.path


def check(answer: Any, schema: dict[str, Any]) -> None:
    """See that an answer is what a schema of the document allows, and nothing besides."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(answer)


def test_every_operation_is_asked_here() -> None:
    assert {key(one) for one in OPERATIONS} == set(REQUESTS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: " ".join(key(one)))
def test_an_answer_is_as_documented(
    operation: Operation, serve: Serve, models: Path, tmp_path: Path
) -> None:
    shutil.copytree(models, tmp_path / "models")
    client = serve("biased", tmp_path / "models")
    said = DOCUMENT["paths"][operation.path][operation.method.lower()]
    assert said["summary"]
    assert said["description"]
    assert {one["name"] for one in said.get("parameters", ()) if not one["description"]} == set()
    for path, body in REQUESTS[key(operation)]:
        if body is not None:
            check(body, said["requestBody"]["content"]["application/json"]["schema"])
        answer = client.request(operation.method, path, json=body)
        assert answer.status_code == operation.status, answer.text
        content = said["responses"][str(operation.status)]["content"]
        kind = answer.headers["content-type"].partition(";")[0]
        assert list(content) == [kind]
        check(answer.json() if "json" in kind else answer.text, content[kind]["schema"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: " ".join(key(one)))
def test_a_mistake_is_answered_as_documented(operation: Operation, client: TestClient) -> None:
    said = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"]
    path = operation.path.replace("{id}", "jane").replace("{user}", "4").replace("{item}", "x")
    asked = [("?colour=red" if operation.query else "", None)]
    if operation.body is not None:
        asked = [("", b"{"), ("", b'{"colour": 1}'), ("", b"[]"), ("", b"\xff")]
    for query, body in asked if operation.query or operation.body or "{" in path else []:
        answer = client.request(operation.method, path + query, content=body)
        assert answer.headers["content-type"] == "application/problem+json"
        assert 400 <= answer.status_code < 500
        content = said[str(answer.status_code)]["content"]["application/problem+json"]
        check(answer.json(), content["schema"])
        assert answer.json()["detail"]


def test_keys_are_asked_for_as_documented() -> None:
    for one in OPERATIONS:
        scope = needed(one.method, one.path.replace("{id}", "4"))
        assert (Access.OPEN.value if scope is None else scope.value) == one.access.value, one.path


def test_fields_are_explained() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["description"], name
        for field, inside in schema["properties"].items():
            assert inside.get("description"), f"{name}.{field}"


def test_the_document_is_served(client: TestClient) -> None:
    assert client.get("/openapi.json").json() == DOCUMENT


def test_a_bug_is_answered_without_a_traceback(
    client: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = client.app.state.shelf.live  # type: ignore[attr-defined]
    monkeypatch.setattr(service.reading, "item", lambda _: 1 / 0)
    answer = client.get("/items/1")
    assert answer.status_code == 500
    assert "division" not in answer.text
    assert "Traceback" not in answer.text
    assert any("ZeroDivisionError" in str(one.exc_info) for one in caplog.records)


def test_requests_are_counted_by_operation(serve: Serve) -> None:
    client = serve()

    def counted(line: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(one.split()[-1]) for one in lines if one.startswith(line))

    line = 'tastemap_requests_total{method="GET",path="/items/{id}",status="404"}'
    before = counted(line)
    client.get("/items/987654")
    client.get("/items/<script>")
    assert counted(line) == before + 2


def test_an_id_may_hold_a_slash_or_a_percent_sign(client: TestClient) -> None:
    for text, path in (("a/b", "a%2Fb"), ("50%", "50%25"), ("é", "%C3%A9"), ("a b", "a%20b")):
        detail = client.get(f"/items/{path}/similar").json()["detail"]
        assert repr(text) in detail


@pytest.mark.parametrize(
    ("method", "path", "sent", "said"),
    [
        (
            "POST",
            "/ratings",
            {"ratings": [{"user": 1, "item": 2, "rating": 3}]},
            "unknown field `ratings`: the fields are user, item, rating, time",
        ),
        (
            "POST",
            "/ratings",
            [{"user": 1, "item": 2, "rating": 3}, {"user": 1, "itme": 2, "rating": 3}],
            "`itme` - at `$[1]`: the fields are user, item, rating, time",
        ),
        ("GET", "/items?serach=heat", None, "unknown field `serach`: the fields are search"),
        ("GET", "/map?foo=1", None, "/map takes no parameters, got foo"),
        (
            "GET",
            "/users/1/recommendations?include=genres%3DComdy",
            None,
            "no item has genres='Comdy': did you mean 'Comedy'?",
        ),
    ],
)
def test_a_slip_is_answered_with_what_there_is(
    method: str, path: str, sent: object, said: str, client: TestClient
) -> None:
    answer = client.request(method, path, json=sent)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_title_for_an_id_is_told_where_to_look(client: TestClient) -> None:
    for path in ("/items/Heat%20(1995)", "/items/Heat%20(1995)/similar"):
        assert "look for titles with /items?search=" in client.get(path).json()["detail"]
