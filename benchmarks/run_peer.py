"""Fit one peer once, in the peer's own environment; write down predictions, times and memory.

compare.py calls it: ``python run_peer.py PEER DATA_FOLDER OUT SETTINGS SEED``. This file may
import nothing but NumPy and the standard library; peers/README.md says what a peer is.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np

WARM_UP_ROWS = 5_000


@dataclasses.dataclass(frozen=True)
class Rows:
    """Ratings in random order. Codes count from 0; some may have no rating.

    Attributes:
        users, items: codes, int32.
        values: in stars, float32.
        times: seconds since 1970 UTC, int64, or None.
        n_users, n_items: how many codes there are.
    """

    users: np.ndarray
    items: np.ndarray
    values: np.ndarray
    times: np.ndarray | None
    n_users: int
    n_items: int

    def take(self, rows: np.ndarray | slice) -> Rows:
        """Some of the rows."""
        times = None if self.times is None else self.times[rows]
        columns = {"users": self.users[rows], "items": self.items[rows], "times": times}
        return dataclasses.replace(self, values=self.values[rows], **columns)


def load_rows(folder: Path, part: str) -> Rows:
    """The training or the test rows of a folder that data_sets.py wrote."""
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    files = {name: folder / f"{part}_{name}.npy" for name in ("users", "items", "values", "times")}
    columns = {name: np.load(file) if file.exists() else None for name, file in files.items()}
    return Rows(n_users=about["n_users"], n_items=about["n_items"], **columns)


def load_peer(name: str, kind: str = "peers") -> ModuleType:
    """peers/NAME.py, under a name that does not hide the library it is about."""
    file = Path(__file__).parent / kind / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"peer_{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def few(rows: Rows) -> Rows:
    """A small set of the same kind, to load and compile everything with."""
    part = rows.take(slice(WARM_UP_ROWS))
    users, user_codes = np.unique(part.users, return_inverse=True)
    items, item_codes = np.unique(part.items, return_inverse=True)
    return dataclasses.replace(
        part,
        users=user_codes.astype(np.int32),
        items=item_codes.astype(np.int32),
        n_users=len(users),
        n_items=len(items),
    )


def processes() -> list[int]:
    """This process and all it has started."""
    found = [os.getpid()]
    for process in found:
        for task in Path(f"/proc/{process}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu_seconds() -> float:
    """Of all processes."""
    ticks = 0
    for process in processes()[1:]:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def memory(kind: str) -> int:
    """Bytes of all processes: ``"VmRSS"``, now in use, or ``"VmHWM"``, the most there was."""
    total = 0
    for process in processes():
        status = Path(f"/proc/{process}/status").read_text()
        # A process that has ended and was not waited for has none.
        total += sum(int(line.split()[1]) for line in status.splitlines() if kind in line) * 1024
    return total


def forget_peak() -> None:
    """Let "VmHWM" begin anew at what is in use now."""
    for process in processes():
        Path(f"/proc/{process}/clear_refs").write_text("5")


def main() -> None:
    name, folder, out, settings, seed = sys.argv[1:]
    peer, chosen = load_peer(name), json.loads(settings)
    train = load_rows(Path(folder), "train")
    tiny = few(train)
    peer.predict(peer.fit(peer.prepare(tiny, chosen), chosen, 0), tiny, chosen)

    started = time.perf_counter()
    prepared = peer.prepare(train, chosen)
    result = {"prepare_seconds": time.perf_counter() - started, "load": os.getloadavg()[0]}
    forget_peak()
    result["memory_before"] = memory("VmRSS")
    cpu, started = cpu_seconds(), time.perf_counter()
    fitted = peer.fit(prepared, chosen, int(seed))
    result |= {"seconds": time.perf_counter() - started, "cpu_seconds": cpu_seconds() - cpu}
    result["memory_peak"] = memory("VmHWM")

    test = load_rows(Path(folder), "test")
    predicted = np.full(len(test.values), np.nan, np.float32)
    known = np.bincount(train.users, minlength=test.n_users)[test.users] > 0
    known &= np.bincount(train.items, minlength=test.n_items)[test.items] > 0
    answer = peer.predict(fitted, test.take(known), chosen)
    if answer is not None:
        predicted[known] = answer
        np.save(Path(out).with_suffix(".npy"), predicted)
    Path(out).write_text(json.dumps(result), encoding="utf-8")
    # Some libraries leave threads behind that never end.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
