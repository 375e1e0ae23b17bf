"""Nothing that was acknowledged is lost, whenever the process is killed."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

import tastemap as tm
from tastemap.cli import serve
from tastemap.web.settings import Settings
from tests.conftest import make_ratings
from tests.servers import Server, postgresql
from tests.web.feedback.conftest import new_database
from tests.web.feedback.witness import CLIENTS, KILLS, PROCESSES, Witness, post, rating_of

MOMENTS = random.Random(5)  # noqa: S311 - moments to kill at


@pytest.fixture(scope="module")
def careful_server() -> Iterator[Server]:
    """A server as in production: what it commits is on disk."""
    # After a crash one call brings all files to disk, instead of one for each of a thousand.
    with postgresql("recovery_init_sync_method=syncfs") as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def witness(request: pytest.FixtureRequest, tmp_path: Path) -> Witness:
    if request.param == "sqlite":
        return Witness(str(tmp_path / "feedback.db"), tmp_path)
    return Witness(new_database(request.getfixturevalue("careful_server")), tmp_path)


def _start(witness: Witness) -> BaseProcess:
    given = (witness.address, witness.acknowledged, tuple(witness.begin))
    process = PROCESSES.Process(target=post, args=given, daemon=True)
    process.start()
    return process


def _kill(process: BaseProcess) -> None:
    process.kill()
    process.join()


def _wait_for(witness: Witness, n: int) -> None:
    end = time.monotonic() + 60
    while len(witness.lines()) < n:
        assert time.monotonic() < end, f"only {len(witness.lines())} of {n} were acknowledged"
        time.sleep(0.02)


def test_what_was_acknowledged_is_there_once_after_a_kill_at_any_moment(witness: Witness) -> None:
    for _ in range(KILLS):
        process = _start(witness)
        time.sleep(MOMENTS.uniform(0.01, 0.3))
        _kill(process)
        witness.check()
    process = _start(witness)  # so that it was not idle, however slow the machine
    _wait_for(witness, len(witness.lines()) + 100)
    _kill(process)
    witness.check()


def test_a_database_server_that_crashes_and_starts_again_has_all_that_was_acknowledged(
    careful_server: Server, tmp_path: Path
) -> None:
    witness = Witness(new_database(careful_server), tmp_path)
    process = _start(witness)
    _wait_for(witness, 300)
    careful_server.stop(at_once=True)
    before = len(witness.lines())
    careful_server.start()
    _wait_for(witness, before + 300)  # the same process goes on
    assert process.is_alive()
    _kill(process)
    found = witness.found()
    for client, n, _ in witness.lines():
        assert found[client][n] == rating_of(client, n)


class Clients:
    """Eight connections to an HTTP server, each of which posts until the server is gone."""

    def __init__(self, port: int, witness: Witness) -> None:
        self.port, self.witness = port, witness
        self.gone = threading.Event()
        self.log = os.open(witness.acknowledged, os.O_WRONLY | os.O_APPEND)
        self.faults: list[str] = []
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _run(self, client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        n = self.witness.begin[client]
        posted = 0
        while not (self.gone.is_set() and not posted):
            rating = {"user": client, "item": n, "rating": rating_of(client, n)}
            headers = {"Content-Type": "application/json", "Idempotency-Key": f"{client}-{n}"}
            try:
                connection.request("POST", "/ratings", json.dumps(rating), headers)
                answer = connection.getresponse()
                said = json.load(answer)
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                if self.gone.is_set() or posted:
                    return
                time.sleep(0.01)  # it has not begun
                continue
            if answer.status != 200:
                self.faults.append(f"{answer.status}: {said}")
                return
            os.write(self.log, f"{client} {n} {int(said['replayed'])}\n".encode())
            n, posted = n + 1, posted + 1

    def join(self) -> None:
        for thread in self.threads:
            thread.join()
        os.close(self.log)
        assert not self.faults


def test_what_a_server_acknowledged_is_there_once_after_a_kill_at_any_moment(
    witness: Witness, tmp_path: Path
) -> None:
    # Values up to those that the clients give, so that they are on the scale.
    ratings = make_ratings([(0, 0, 0), (1, 1, 1e7)])
    tm.BiasesOnly().fit(ratings).save(tmp_path / "model")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(root=tmp_path, model="model", database=witness.address, port=port)
    for number in range(KILLS):
        process = PROCESSES.Process(target=serve.run, args=(settings,), daemon=True)
        before = len(witness.lines())
        process.start()
        clients = Clients(port, witness)
        if number % 5:  # else perhaps before it has begun to answer
            _wait_for(witness, before + 1)
        time.sleep(MOMENTS.uniform(0, 0.2))
        _kill(process)
        clients.gone.set()
        clients.join()
        witness.check()
    assert len(witness.lines()) > KILLS
