"""What the durability tests kill, and who watches: eight clients, and what they were told."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from tastemap.errors import StoreError
from tastemap.web import FeedbackStore

CLIENTS = 8
KILLS = 20

# Processes are forked from one that has imported all, so that twenty take seconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["tests.web.feedback.witness", "tastemap.web.feedback.store", "tastemap.web.app", "uvicorn"]
)


def rating_of(client: int, n: int) -> float:
    """What a client says of its n-th item."""
    return float(client * 1_000_000 + n)


class Witness:
    """Compares what was acknowledged with what is stored.

    Each client rates one item after the other, with a key of its own each time. What it was told
    is a line of the file ``acknowledged``: client, n, and whether the key was known.
    """

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.acknowledged = folder / "acknowledged"
        self.acknowledged.touch()
        self.begin = [0] * CLIENTS
        self.stored = [0] * CLIENTS  # how many each client has in the store

    def lines(self) -> list[tuple[int, int, bool]]:
        rows = [
            tuple(map(int, line.split())) for line in self.acknowledged.read_text().splitlines()
        ]
        return [(client, n, bool(replayed)) for client, n, replayed in rows]

    def check(self) -> None:
        """Call after a kill, when no process runs."""
        found = self.found()
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

    def found(self) -> list[dict[int, float]]:
        """What is stored: the rating of each n, by client."""
        with FeedbackStore.open(self.address) as store:
            with store._database.writing():  # waits for what the server still does for the dead
                pass
            table = store.table().to_pylist()
        found: list[dict[int, float]] = [{} for _ in range(CLIENTS)]
        for row in table:
            client, n = int(row["user"]), int(row["item"])
            assert n not in found[client], f"{row} is there twice"
            found[client][n] = row["rating"]
        return found


def post(address: str, acknowledged: Path, begin: Sequence[int]) -> None:
    """A process with a store, and its clients: rate until killed.

    Args:
        address: of the store.
        acknowledged: the file of the witness.
        begin: the first n of each client.
    """
    log = os.open(acknowledged, os.O_WRONLY | os.O_APPEND)
    store = FeedbackStore.open(address)

    def run(client: int) -> None:
        n = begin[client]
        while True:
            try:
                receipt = store.rate(
                    str(client), str(n), rating_of(client, n), at=n, key=f"{client}-{n}"
                ).result()
            except StoreError:
                continue  # as a client does: the same again, with the same key
            os.write(log, f"{client} {n} {int(receipt.replayed)}\n".encode())
            n += 1

    threads = [threading.Thread(target=run, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
