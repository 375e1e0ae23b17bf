"""What the durability tests kill: a process with a store, and eight clients that post to it."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from tastemap.errors import StoreError
from tastemap.web import FeedbackStore

CLIENTS = 8


def rating_of(client: int, n: int) -> float:
    """What a client says of its n-th item."""
    return float(client * 1_000_000 + n)


def post(address: str, acknowledged: Path, begin: Sequence[int]) -> None:
    """Rate one item after the other until killed; note each that is acknowledged.

    Args:
        address: of the store.
        acknowledged: a file that gets a line with client, n, and whether the key was known.
        begin: the first n of each client.
    """
    log = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    store = FeedbackStore.open(address)

    def run(client: int) -> None:
        n = begin[client]
        while True:
            rating = rating_of(client, n)
            try:
                receipt = store.rate(
                    f"user{client}", f"item{n}", rating, at=n, key=f"{client}-{n}"
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
