"""Ids, titles and names that try to be something else: markup, SQL, paths, lines of a log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import numpy as np
import pytest
from starlette.testclient import TestClient

import tastemap as tm
from tastemap.web.app import create_app
from tastemap.web.pages.site import item_url, user_url
from tastemap.web.security import logs
from tastemap.web.service import Service
from tastemap.web.settings import Settings
from tests.conftest import SCRIPT, make_ratings

IDS = (
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE feedback; --",
    "%' OR '1'='1",
    "../../etc/passwd",
    "..\\..\\windows",
    "a/b/../c",
    ".hidden",
    "two\r\nSet-Cookie: evil=1",
    "2026-01-01 00:00:00 ERROR forged",
    '=HYPERLINK("http://evil.example")',
    "{{7*7}} ${7*7} {% raw %}",
    "%s%n%00",
    "\u202egnp.exe",
    "漢字 🎬",
    " ",
    "null",
    "1e999",
)
STEPS = (".", "..")
"""Steps in a path, which browsers and most clients take before they ask."""


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service whose users, items, titles and genres are all of these."""
    chance = np.random.default_rng(0)
    rows = [
        (user, item, float(chance.integers(1, 6)))
        for user in IDS + STEPS
        for item in IDS + STEPS
        if user == item or chance.random() < 0.6
    ]
    items = list(dict.fromkeys(item for _, item, _ in rows))
    metadata: dict[str, list[object]] = {"title": [*items], "genres": [*items]}
    root = tmp_path_factory.mktemp("hostile")
    ratings = make_ratings(rows, metadata=metadata)
    tm.BiasedMF(solver="als", factors=4).fit(ratings).save(root / "m")
    app = create_app(Settings(root=root, model="m"))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("name", IDS)
def test_the_api_takes_any_id_for_what_it_is(asking: TestClient, name: str) -> None:
    part = quote(name, safe="")
    listed = asking.get(f"/users/{part}/recommendations", params={"n": 3, "seen": "true"})
    assert listed.status_code == 200, listed.text
    assert listed.json()["user"] == name
    assert len(listed.json()["items"]) == 3
    assert asking.get(f"/items/{part}").json()["title"] == name
    given = asking.post("/ratings", json={"user": name, "item": name, "rating": 5})
    assert given.status_code == 200, given.text
    held = asking.get(f"/users/{part}/export").json()
    assert [one["item"] for one in held["feedback"]] == [name]
    assert asking.delete(f"/ratings/{part}/{part}").status_code in (200, 204)
    assert asking.get(f"/users/{part}/export").json()["removed"] == [name]
    assert asking.get("/items", params={"search": name}).status_code in (200, 422)


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("place", ["users", "items"])
def test_pages_show_any_id_as_text(asking: TestClient, place: str, name: str) -> None:
    page = asking.get(f"/explore/{place}/{quote(name, safe='')}")
    assert page.status_code in (200, 404)
    for markup in ("<script>alert", "<img src=x", "49 "):
        assert markup not in page.text
    assert "set-cookie" not in page.headers
    assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(("place", "url"), [("items", item_url), ("users", user_url)])
def test_steps_in_a_path_have_pages_that_browsers_find(
    asking: TestClient, place: str, url: Callable[[str], str], name: str
) -> None:
    asked = urljoin("http://localhost/explore/map", url(name))
    page = asking.get(asked)
    assert page.status_code == 200
    assert f"/explore/{place}?id={name}" in asked
    if place == "users":
        assert f'href="/explore/users?id={name}&amp;order=title#rated-h"' in page.text
        titled = asking.get(asked, params={"id": name, "order": "title"})
        assert titled.status_code == 200
    assert asking.get(f"/explore/{place}").status_code == 404


@pytest.mark.parametrize("name", STEPS)
def test_the_api_takes_steps_in_a_path_as_they_are_sent(asking: TestClient, name: str) -> None:
    async def as_sent(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path = scope["path"].replace("STEP", name)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await asking.app(scope, receive, send)

    plain = TestClient(as_sent, base_url="http://localhost")
    assert plain.get("/items/STEP").json()["title"] == name
    assert plain.get("/users/STEP/recommendations?seen=true").json()["user"] == name
    asked = {"pairs": [{"user": name, "item": name}]}
    assert asking.post("/predict", json=asked).json()["predictions"][0]["made_from"] == "model"


PARTS = (
    "%00", "%ff%fe", "%ed%a0%80", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a" * 5000, "%25%25", "%",
    "\u0000".encode().hex(), "..%5c", "%0d%0aX: y", "%F0%9F%8E%AC", ";", "?", "#", "-1", "9" * 50,
)  # fmt: skip
ROUTES = (
    "/users/{}/recommendations", "/users/{}/ratings", "/users/{}/export", "/items/{}",
    "/items/{}/similar", "/explore/users/{}", "/explore/items/{}", "/explore/components/{}",
    "/static/{}/map.js", "/static/x/{}", "/items?search={}", "/explore/search?q={}",
    "/explore/rankings?genres={}", "/explore/map?x={}", "/biases?include={}", "/{}",
)  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_no_part_of_an_address_is_an_error_of_ours(asking: TestClient, route: str) -> None:
    for part in PARTS:
        got = asking.get(route.format(part))
        assert got.status_code < 500, part
        assert "root:" not in got.text
        assert "x" not in got.headers


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"1" * 400, b"\xff\xfe", b"[" * 100_000, b'{"user": 1, "user": 2}',
     b'{"user": "a", "item": "b", "rating": NaN}', b'{"user": "a", "item": "b", "rating": 1e999}',
     b'{"user": "\\ud800", "item": "b", "rating": 3}',
     b'{"user": "\\u0000", "item": "b", "rating": 3}',
     b'{"ratings": [{"item": {"$ne": 1}, "rating": 3}]}', b'{"model": "../m"}'],
)  # fmt: skip
def test_no_body_is_an_error_of_ours(asking: TestClient, method: str, body: bytes) -> None:
    for path in ("/ratings", "/predict", "/recommendations", "/next-questions", "/admin/reload"):
        if not body and path in ("/admin/reload", "/next-questions"):
            continue  # which ask nothing in particular then
        got = asking.request(method, path, content=body)
        assert 400 <= got.status_code < 500, (path, got.text)


@pytest.mark.parametrize(
    "name", ["..", ".", "../m", "m/", "/etc", "m/../m", "", "*", "away", "\u0000"]
)
def test_models_are_taken_from_one_folder_by_name(asking: TestClient, name: str) -> None:
    root: Path = asking.app.state.settings.root  # type: ignore[attr-defined]
    outside = root.parent / f"{root.name}-outside"
    if not outside.exists():
        asking.app.state.shelf.live.recommender.save(outside)  # type: ignore[attr-defined]
        (root / "away").symlink_to(outside)
    got = asking.post("/admin/reload", json={"model": name})
    assert got.status_code in (409, 422)
    assert str(root) not in got.text
    assert [one["name"] for one in asking.get("/admin/models").json()["models"]] == ["m"]


@pytest.mark.parametrize("name", IDS)
def test_a_line_of_the_log_is_one_line(name: str) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.OneLine("%(message)s"))
    log = logging.Logger("hostile")
    log.addHandler(handler)
    log.warning("no item %r, no item %s", name, name)
    assert len(out.getvalue().splitlines()) == 1
    assert "\u202e" not in out.getvalue()


def test_the_configuration_of_logs_is_one(capfd: pytest.CaptureFixture[str]) -> None:
    import subprocess
    import sys

    program = (
        "import logging, logging.config\n"
        "from tastemap.web.security import logs\n"
        "logging.config.dictConfig(logs.config(access=False))\n"
        "logging.getLogger('tastemap.web').error('bad \\n line')\n"
        "logging.getLogger('tastemap.web.access').info('unseen')\n"
        "logging.getLogger('uvicorn.error').info('unseen')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(r"ERROR tastemap.web bad \n line" + "\n")


def test_answers_take_so_much_memory_and_no_more(models: Path) -> None:
    service = Service(tm.load(models / "biased"), cache=1_000_000)
    for number in range(3000):
        service.remember(number, b"n=10", None, b"x" * 1000)
        assert service.answered(0, b"n=10", None)
    assert service.answered(1, b"n=10", None) is None
    assert service.answered(2999, b"n=10", None) == b"x" * 1000
    assert len(service._answers) == 500  # each also takes the memory of its question
    service.remember(1, b"n=1000", None, b"x" * 100_000)
    assert service.answered(1, b"n=1000", None) is None
    service.remember(1, b"n=1" + b"0" * 100_000, None, b"x")
    assert len(service._answers) == 500


def test_answers_are_json_whatever_they_hold(asking: TestClient) -> None:
    for path in ("/items?search=a", "/biases", "/components", "/map"):
        got = asking.get(path)
        assert got.headers["content-type"].startswith("application/json")
        json.loads(got.text)
        assert got.headers["x-content-type-options"] == "nosniff"
