"""A server as users start it: a process with keys, asked over a socket."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tastemap.web.security.keys import KeyFile, Scope

TASTEMAP = Path(sys.executable).with_name("tastemap")


class Served:
    """A running server, its keys and what it writes."""

    def __init__(self, models: Path, place: Path) -> None:
        self.keys = KeyFile(place / "keys.json")
        _, self.token = self.keys.add("shop", Scope.READ)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = place / "log.txt"
        command = [TASTEMAP, "serve", models / "biases", "--port", self.port, "--access-log",
                   "--keys", self.keys.path, "--database", place / "feedback.sqlite"]  # fmt: skip
        with self.log.open("w") as log:
            self.process = subprocess.Popen([str(one) for one in command], stdout=log, stderr=log)

    def ask(self, path: str, token: str = "", **headers: str) -> tuple[int, str]:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait(self) -> None:
        for _ in range(600):
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.ask("/ready")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError(self.log.read_text())


@pytest.fixture
def served(models: Path, tmp_path: Path) -> Iterator[Served]:
    server = Served(models, tmp_path)
    try:
        server.wait()
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def test_a_server_with_keys_answers_nobody_without(served: Served) -> None:
    list_ = "/users/4/recommendations?n=3&secret-question=1"
    assert served.ask("/users/4/recommendations")[0] == 401
    status, body = served.ask("/users/4/recommendations?n=3", served.token)
    assert (status, len(json.loads(body)["items"])) == (200, 3)
    assert served.ask("/admin/models", served.token)[0] == 403
    assert served.ask("/users/4/recommendations", "tm_made_up")[0] == 401
    assert served.ask("/health", Host="evil.example")[0] == 421
    assert served.ask(list_, served.token)[0] == 422
    served.keys.remove("shop")
    assert served.ask("/users/4/recommendations", served.token)[0] == 401
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(30) in (0, -signal.SIGTERM)
    log = served.log.read_text()
    for secret in (served.token, "made_up", "secret-question", "users/4"):
        assert secret not in log
    assert "a wrong key from 127.0.0.1" in log
    assert "GET /users/{id}/recommendations 200" in log
    assert "Traceback" not in log
