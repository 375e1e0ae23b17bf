"""Ratings acknowledged a second: by the store alone, and by a running server.

    python benchmarks/feedback.py
    python benchmarks/feedback.py --postgresql postgresql://owner@127.0.0.1/empty

Eight clients wait for the receipt of each rating before they give the next, so that a rating is
counted when it is on disk. The store alone is used by eight threads of one process; the server is
`tastemap serve` with one worker, loaded by wrk with eight connections, one rating a request. The
first row is what SQLite does with a commit a rating. On a machine where others are at work look at
the seconds of processor time too: wrk's are not in them. Writes results/feedback.md.

Needs wrk (`apt-get install wrk`).
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil
from epoch_speed import machine

import tastemap as tm
from tastemap.web import FeedbackStore
from tastemap.web.feedback.database import connect

CLIENTS = 8
# A rating of its own in each request; ids are those of the bundled ratings.
POST = """
local n, thread = 0, 0
function setup(one) thread = thread + 1; one:set("thread", thread) end
wrk.headers["Content-Type"] = "application/json"
request = function()
  n = n + 1
  local body = string.format('{"user": "%d", "item": "%s", "rating": %d}',
    (n * 7919 + thread) % 671 + 1, items[n % #items + 1], n % 5 + 1)
  return wrk.format("POST", "/ratings", nil, body)
end
"""


@dataclass(frozen=True)
class Run:
    """What one run measured: ratings a second, milliseconds, and processor time a rating."""

    rate: float
    median: float
    p99: float
    cpu: float


def plain_sqlite(folder: Path, seconds: float) -> Run:
    """A commit a rating, without anything around it."""
    connect(folder / "plain.db").engine.dispose()
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    connection.execute("pragma synchronous = full")
    insert = "insert into tastemap_feedback values (?, ?, ?, ?)"

    def one(client: int, n: int) -> None:
        connection.execute(insert, (str(client), str(n), 3.0, 0.0))

    return timed(one, 1, seconds)


def store(address: str, clients: int, seconds: float) -> Run:
    """The store, used by threads."""
    with FeedbackStore.open(address) as opened:
        start = opened.counts().ratings  # so that each run rates pairs of its own

        def one(client: int, n: int) -> None:
            opened.rate(str(client), str(start + n), 3.0).result()

        return timed(one, clients, seconds)


def timed(one: Callable[[int, int], None], clients: int, seconds: float) -> Run:
    waits: list[list[float]] = [[] for _ in range(clients)]
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        n, now = 0, time.perf_counter()
        while now < end:
            one(number, n)
            n, before, now = n + 1, now, time.perf_counter()
            waits[number].append(now - before)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    begun, used = time.perf_counter(), time.process_time()
    if clients == 1:
        client(0)
    else:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    took, used = time.perf_counter() - begun, time.process_time() - used
    every = sorted(wait for of_client in waits for wait in of_client)
    return Run(
        len(every) / took,
        1e3 * statistics.median(every),
        1e3 * every[int(0.99 * len(every))],
        used / len(every),
    )


@contextmanager
def served(model: Path, address: str) -> Iterator[tuple[str, psutil.Process]]:
    """A running server with a store of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("tastemap"), "serve", model]
    server = subprocess.Popen(
        [*command, "--port", str(port), "--database", address],
        stdout=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/ready").close()  # noqa: S310 - our own server
                break
            except OSError:
                time.sleep(0.1)
        yield url, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()


def http(model: Path, address: str, folder: Path, seconds: float) -> Run:
    """A running server, loaded by wrk."""
    items = tm.load(model).ratings.item_ids.ids.to_pylist()
    script = folder / "post.lua"
    script.write_text(f"items = {{{', '.join(map(str, items))}}}\n{POST}")
    with served(model, address) as (url, server):
        call = ["wrk", "--latency", "-t1", f"-c{CLIENTS}", "-s", str(script), url]
        subprocess.run([*call[:-1], "-d1s", url], check=True, stdout=subprocess.DEVNULL)
        before = sum(server.cpu_times()[:2])
        done = subprocess.run(
            [*call, f"-d{seconds:g}s"], check=True, capture_output=True, text=True
        )
        used = sum(server.cpu_times()[:2]) - before
    said = done.stdout
    assert not re.search("Non-2xx|Socket errors", said), said
    requests = int(re.search(r"(\d+) requests in", said)[1])
    p50, p99 = (re.search(rf"{part}%\s+([\d.]+)(us|ms|s)", said).groups() for part in (50, 99))
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    return Run(
        float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]),
        float(p50[0]) * unit[p50[1]],
        float(p99[0]) * unit[p99[1]],
        used / requests,
    )


def reading(address: str) -> float:
    """Microseconds to read the 20 ratings of one user."""
    with FeedbackStore.open(address) as opened:
        for n in range(20):
            last = opened.rate("reader", str(n), 3.0)
        last.result()
        times = []
        for _ in range(2_000):
            begun = time.perf_counter()
            opened.of_user("reader")
            times.append(time.perf_counter() - begun)
    return 1e6 * statistics.median(times)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    asked.add_argument("--postgresql", metavar="ADDRESS", help="an empty database to use")
    asked.add_argument("--seconds", type=float, default=5, help="of one run")
    asked.add_argument("--rounds", type=int, default=3, help="runs of each kind, in turn")
    given = asked.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("this needs wrk: apt-get install wrk")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = folder / "model"
        tm.BiasedMF(solver="als").fit(tm.load_dataset("movielens-small")).save(model)
        file, server_file = str(folder / "store.db"), str(folder / "served.db")
        seconds = given.seconds
        kinds: dict[str, Callable[[], Run]] = {
            "SQLite itself, a commit a rating": lambda: plain_sqlite(folder, seconds),
            "store in SQLite, 1 client": lambda: store(file, 1, seconds),
            f"store in SQLite, {CLIENTS} clients": lambda: store(file, CLIENTS, seconds),
            f"server with SQLite, {CLIENTS} connections": lambda: http(
                model, server_file, folder, seconds
            ),
        }
        reads = {"SQLite": reading(file)}
        if given.postgresql:
            kinds |= {
                f"store in PostgreSQL, {CLIENTS} clients": lambda: store(
                    given.postgresql, CLIENTS, seconds
                ),
                f"server with PostgreSQL, {CLIENTS} connections": lambda: http(
                    model, given.postgresql, folder, seconds
                ),
            }
            reads["PostgreSQL"] = reading(given.postgresql)
        runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
        for _ in range(given.rounds):
            for kind, run in kinds.items():
                runs[kind].append(run())
                print(kind, runs[kind][-1], flush=True)
                (folder / "plain.db").unlink(missing_ok=True)
    today = datetime.datetime.now(datetime.UTC).date()
    versions = ", ".join(f"{name} {version(name)}" for name in ("sqlalchemy", "uvicorn", "fastapi"))
    lines = [
        "# Feedback",
        "",
        f"{today}, {machine()} (load {load:.1f} before, "
        f"{os.getloadavg()[0]:.1f} after), python {platform.python_version()}, {versions}, SQLite "
        f"{sqlite3.sqlite_version}. `python benchmarks/feedback.py`: runs of {seconds:g} seconds "
        f"in turn, medians of {given.rounds} (and the best rate). Each rating is on disk before "
        "its client gives the next. wrk runs on the same cores as the server.",
        "",
        "| what | ratings/s | best | median ms | p99 ms | µs of processor a rating |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for kind, some in runs.items():
        rate, median, p99, cpu = (
            statistics.median(getattr(run, name) for run in some)
            for name in ("rate", "median", "p99", "cpu")
        )
        best = max(run.rate for run in some)
        lines.append(
            f"| {kind} | {rate:,.0f} | {best:,.0f} | {median:.2f} | {p99:.2f} | {1e6 * cpu:.0f} |"
        )
    said = ", ".join(f"{where} {micro:.0f} µs" for where, micro in reads.items())
    text = "\n".join([*lines, "", f"Reading what one user said (20 ratings): {said}.", ""])
    (Path(__file__).parent / "results" / "feedback.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
