"""The program itself, as a process: several workers, and from a file to a service."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

TASTEMAP = Path(sys.executable).with_name("tastemap")
HEAVY = ("jax", "numba", "scipy", "matplotlib", "typer", "rich")


class Running:
    """A server, by its address."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, path: str, body: object = None, method: str | None = None) -> Any:
        """What it answers."""
        sent = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.address + path, sent, method=method)  # noqa: S310
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
            content = answer.read()
            return json.loads(content) if "json" in answer.headers["content-type"] else content


@contextmanager
def running(*arguments: object, folder: Path, seconds: float = 120) -> Iterator[Running]:
    """A process of the program that serves, until it is not needed any more."""
    log = folder / "log.txt"
    with log.open("wb") as said:
        child = subprocess.Popen(
            [TASTEMAP, *map(str, arguments), "--port", "0"], cwd=folder, stdout=said, stderr=said
        )
    try:
        end = time.monotonic() + seconds
        while True:
            assert child.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            found = re.search(r"^http://\S+$", log.read_text(), re.MULTILINE)
            if found and answers(Running(found[0])):
                break
            time.sleep(0.05)
        yield Running(found[0])
    finally:
        child.send_signal(signal.SIGINT)
        try:
            assert child.wait(timeout=60) in (0, 130, -signal.SIGINT), log.read_text()
        finally:
            child.kill()
        assert "Traceback" not in log.read_text(), log.read_text()


def answers(server: Running) -> bool:
    try:
        return server.ask("/ready")["status"] == "ready"
    except (urllib.error.URLError, OSError):
        return False


def until(true: Callable[[], bool]) -> None:
    for _ in range(200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    for name in ("biased", "ease"):
        shutil.copytree(models / name, tmp_path / "models" / name)
    return tmp_path / "models"


def test_workers_agree_on_models_ratings_and_counts(root: Path) -> None:
    with running("serve", root / "biased", "--workers", 2, folder=root.parent) as server:
        for rating in (1.0, 5.0, 2.0):
            server.ask("/ratings", {"user": 4, "item": 1, "rating": rating})
            for _ in range(12):  # of both workers
                held = server.ask("/users/4/ratings")["ratings"]
                assert {one["item"]: one["rating"] for one in held}[1] == rating
                assert server.ask("/users/4/recommendations")["feedback"] == 1
        server.ask("/admin/reload", {"model": "ease"})
        until(lambda: all(server.ask("/ready")["model"] == "ease" for _ in range(20)))
        counts = server.ask("/metrics").decode()
        line = 'path="/users/{id}/recommendations",status="200"} 36.0'
        assert line in counts, counts
    assert (root / "feedback.sqlite").exists()


def test_nothing_heavy_is_loaded_in_what_serves(root: Path) -> None:
    program = f"""
import sys
from starlette.testclient import TestClient
from tastemap.web import Settings, create_app
settings = Settings(root=__import__("pathlib").Path({str(root)!r}), model="biased")
with TestClient(create_app(settings), base_url="http://localhost") as client:
    for path in ("/users/4/recommendations", "/map", "/biases", "/components", "/items/1/similar"):
        assert client.get(path).status_code == 200, path
    client.post("/ratings", json={{"user": 4, "item": 1, "rating": 5}}).raise_for_status()
    client.get("/users/4/recommendations").raise_for_status()
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_up_leads_from_a_file_to_a_service(csv_files: Path, tmp_path: Path) -> None:
    files = (csv_files / "ratings.csv", "--items", csv_files / "movies.csv")
    quick = ("--model", "biases", "--out", tmp_path / "out")
    with running("up", *files, *quick, folder=tmp_path) as server:
        model = server.ask("/model")
        assert model["manifest"]["recipe"]["name"] == "biases"
        assert model["manifest"]["evaluation"]["rmse"] < 1.2
        assert len(server.ask("/users/1/recommendations")["items"]) == 10
        assert "Toy Story" in server.ask("/items/1")["title"]
    assert (tmp_path / "out" / "report.html").exists()
    said = (tmp_path / "log.txt").read_text()
    assert "rmse" in said
    assert (tmp_path / "out" / "models" / "feedback.sqlite").exists()


def test_a_model_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [TASTEMAP, "serve", tmp_path / "nowhere"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == f"error: there is no model folder {tmp_path / 'nowhere'}\n"


def test_nobody_is_let_in_from_elsewhere_without_keys(root: Path) -> None:
    done = subprocess.run(
        [TASTEMAP, "serve", root / "biased", "--host", "0.0.0.0"],  # noqa: S104
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "key" in done.stderr
