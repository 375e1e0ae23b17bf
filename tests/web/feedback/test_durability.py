"""Nothing that was acknowledged is lost, whenever the process is killed."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tastemap.web import FeedbackStore
from tests.servers import Server, postgresql
from tests.web.feedback.conftest import new_database
from tests.web.feedback.hosting import CLIENTS, post, rating_of

KILLS = 20
# Processes are forked from one that has imported all, so that twenty take seconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.web.feedback.hosting", "tastemap.web.feedback.store"])


class Witness:
    """Compares what was acknowledged with what is stored."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.acknowledged = folder / "acknowledged"
        self.begin = [0] * CLIENTS
        self.stored = [0] * CLIENTS  # how many each client has in the store

    def start(self) -> multiprocessing.process.BaseProcess:
        process = PROCESSES.Process(
            target=post, args=(self.address, self.acknowledged, tuple(self.begin)), daemon=True
        )
        process.start()
        return process

    def lines(self) -> list[tuple[int, int, bool]]:
        text = self.acknowledged.read_text() if self.acknowledged.exists() else ""
        rows = [tuple(map(int, line.split())) for line in text.splitlines()]
        return [(client, n, bool(replayed)) for client, n, replayed in rows]

    def check(self) -> None:
        """Call when no process runs."""
        with FeedbackStore.open(self.address) as store:
            with store._database.writing():  # waits for what the server still does for the dead
                pass
            table = store.table().to_pylist()
        found: list[dict[int, float]] = [{} for _ in range(CLIENTS)]
        for row in table:
            client, n = int(row["user"][4:]), int(row["item"][4:])
            assert n not in found[client], f"{row} is there twice"
            found[client][n] = row["rating"]
        lines = self.lines()
        for client in range(CLIENTS):
            mine = [(n, replayed) for who, n, replayed in lines if who == client]
            assert [n for n, _ in mine] == list(range(len(mine))), "acknowledged once, in order"
            # All that was acknowledged, and at most the one that was under way.
            assert len(found[client]) in (len(mine), len(mine) + 1)
            assert found[client] == {n: rating_of(client, n) for n in range(len(found[client]))}
            # What was under way was repeated with its key: known if, and only if, it was stored.
            first = self.begin[client]
            for n, replayed in mine[first:]:
                assert replayed == (n == first < self.stored[client]), (client, n)
            self.begin[client] = len(mine)
            self.stored[client] = len(found[client])


@pytest.fixture(scope="module")
def careful_server() -> Iterator[Server]:
    """A server as in production: what it commits is on disk."""
    with postgresql() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def witness(request: pytest.FixtureRequest, tmp_path: Path) -> Witness:
    if request.param == "sqlite":
        return Witness(str(tmp_path / "feedback.db"), tmp_path)
    return Witness(new_database(request.getfixturevalue("careful_server")), tmp_path)


def test_what_was_acknowledged_is_there_once_after_a_kill_at_any_moment(witness: Witness) -> None:
    moments = random.Random(5)  # noqa: S311 - moments to kill at
    for _ in range(KILLS):
        process = witness.start()
        time.sleep(moments.uniform(0.01, 0.4))
        process.kill()
        process.join()
        witness.check()
    assert min(witness.begin) > KILLS  # it was not idle when it was killed


def test_a_server_that_crashes_and_starts_again_has_all_that_was_acknowledged(
    careful_server: Server, tmp_path: Path
) -> None:
    witness = Witness(new_database(careful_server), tmp_path)
    process = witness.start()
    _wait_for(witness, 500)
    careful_server.stop(at_once=True)
    before = len(witness.lines())
    careful_server.start()
    _wait_for(witness, before + 500)  # the same process goes on
    assert process.is_alive()
    process.kill()
    process.join()
    with FeedbackStore.open(witness.address) as store:
        rows = store.table()
    assert len(rows) >= before + 500
    acknowledged = {(f"user{client}", f"item{n}") for client, n, _ in witness.lines()}
    there = rows.select(["user", "item"]).to_pydict()
    assert acknowledged <= set(zip(there["user"], there["item"], strict=True))


def _wait_for(witness: Witness, n: int) -> None:
    end = time.monotonic() + 30
    while len(witness.lines()) < n:
        assert time.monotonic() < end, f"only {len(witness.lines())} of {n} were acknowledged"
        time.sleep(0.02)
