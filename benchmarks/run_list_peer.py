"""Fit one list peer once, in its own environment; write down lists, times and memory.

lists.py calls it: ``python run_list_peer.py PEER DATA_FOLDER OUT SETTINGS SEED``. This file may
import nothing but NumPy and the standard library; list_peers/README.md says what a peer is.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from run_peer import Rows, cpu_seconds, few, forget_peak, load_peer, load_rows, memory

LIKED_FROM = 4.0
"""An interaction is a rating of at least this; the other rows are left out."""
LENGTH = 100
"""Of the lists written down."""
USERS_AT_ONCE = 512


def interactions(folder: Path, part: str) -> Rows:
    """The rows of a part of the data that are interactions."""
    rows = load_rows(folder, part)
    return rows.take(rows.values >= LIKED_FROM)


def lists(peer, fitted, train: Rows, users: np.ndarray) -> np.ndarray:
    """The items with the highest scores that each user has not taken, shape (len(users), k)."""
    order = np.argsort(train.users, kind="stable")
    starts = np.searchsorted(train.users[order], np.arange(train.n_users + 1))
    found = []
    for first in range(0, len(users), USERS_AT_ONCE):
        some = users[first : first + USERS_AT_ONCE]
        scores = np.array(peer.scores(fitted, some), np.float32)
        for row, user in enumerate(some):
            scores[row, train.items[order[starts[user] : starts[user + 1]]]] = -np.inf
        k = min(LENGTH, train.n_items)
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        falling = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        found.append(np.take_along_axis(best, falling, axis=1).astype(np.int32))
    return np.concatenate(found)


def main() -> None:
    name, folder, out, settings, seed = sys.argv[1:]
    peer, chosen = load_peer(name, "list_peers"), json.loads(settings)
    train, test = interactions(Path(folder), "train"), interactions(Path(folder), "test")
    tiny = few(train)
    warm = peer.fit(peer.prepare(tiny, chosen), chosen, 0)
    peer.scores(warm, np.arange(2))

    started = time.perf_counter()
    prepared = peer.prepare(train, chosen)
    result = {"prepare_seconds": time.perf_counter() - started, "load": os.getloadavg()[0]}
    forget_peak()
    result["memory_before"] = memory("VmRSS")
    cpu, started = cpu_seconds(), time.perf_counter()
    fitted = peer.fit(prepared, chosen, int(seed))
    result |= {"seconds": time.perf_counter() - started, "cpu_seconds": cpu_seconds() - cpu}
    result["memory_peak"] = memory("VmHWM")

    users = np.unique(test.users)
    users = users[np.bincount(train.users, minlength=train.n_users)[users] > 0]
    listed = lists(peer, fitted, train, users)
    np.save(Path(out).with_suffix(".npy"), np.column_stack([users, listed]))
    Path(out).write_text(json.dumps(result), encoding="utf-8")
    # Some libraries leave threads behind that never end.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
