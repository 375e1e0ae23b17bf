"""A running server against a bare FastAPI endpoint, on one core each, with the load on another.

    python benchmarks/serve.py                    # all, about nine minutes once models are made
    python benchmarks/serve.py --only routes      # one part: routes, large, start, soak

Needs wrk (`apt-get install wrk`), two cores, and the extra `nearest` for the index of a million
items, which takes ten minutes to make: keep it with `--models`. The server is `tastemap serve` as
users start it, with feedback on disk; the bare endpoint is FastAPI's `async def bare(): return
{"status": "ok"}` in the same uvicorn, with the same event loop and parser; beside it one that gives
a list as long as the server's, the same each time, and one that also checks 20 ratings before. All
servers are pinned to one core, wrk to another. Runs take turns, medians are shown. Where the
machine is not idle, requests per second of processor time say more than those per second of wall
time: both are shown. Writes results/serve.md and .json.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from epoch_speed import machine

import tastemap as tm
from tastemap.data.catalog import Catalog
from tastemap.data.synthetic import synthetic_ratings
from tastemap.models.factors import FactorModel
from tastemap.recommender import Recommender
from tastemap.training.history import TrainingHistory
from tastemap.web.nearest import Nearest

SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS = 8
FILLING = 20
"""Seconds in which the caches of answers and users fill up, before memory is watched."""
SETS = {
    "10,000 items": (20_000, 10_000, 1_000_000),
    "10,000 items, drawn": (20_000, 10_000, 1_000_000),
    "60,000 items": (20_000, 60_000, 2_000_000),
    "1,000,000 items": (20_000, 1_000_000, 5_000_000),
}
"""Users, items and made ratings. One model, and that of a million items, is drawn, not fitted: it
needs all its factors, where a fitted one needs few of them, so that lists take as long as they can.
"""

BARE = """
import json
import pathlib
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
LIST = json.loads((pathlib.Path(__file__).parent / "list.json").read_text())

class Rating(BaseModel):
    item: int
    rating: float

class Newcomer(BaseModel):
    ratings: list[Rating]

@app.get("/bare")
async def bare():
    return {"status": "ok"}

@app.get("/bare/list")
async def bare_list():
    return LIST

@app.post("/bare/list")
async def bare_newcomer(newcomer: Newcomer):
    return LIST
"""
BARE_ROW, BARE_LIST, BARE_NEWCOMER = (
    "bare endpoint",
    "bare endpoint, a list as long",
    "bare endpoint, 20 ratings checked, a list as long",
)
# Answers that were given before are kept, so nobody asks the same twice: after everybody has asked,
# items with one training rating, then two ... are left out, which hardly changes the work.
USERS = """
local n = FIRST
request = function()
  n = n + 1
  local user, turn = (n * 7919) %% %(users)d + 1, math.floor(n / %(users)d)
  return wrk.format("GET",
    "/users/" .. user .. "/recommendations?n=10%(more)s&min_ratings=" .. (turn + 1))
end
"""
AGAIN = """
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", "/users/" .. (n %% 200 + 1) .. "/recommendations?n=10")
end
"""
NEWCOMERS = """
local n = FIRST
wrk.headers["Content-Type"] = "application/json"
request = function()
  n = n + 1
  local ratings, apart = {}, 37 + math.floor(n / 1000) %% 400
  for k = 1, 20 do
    ratings[k] = string.format('{"item":%%d,"rating":%%.1f}',
      (n * 131 + k * apart) %% %(items)d + 1, (n + k) %% 10 / 2 + 0.5)
  end
  return wrk.format("POST", "%(path)s", nil,
    '{"ratings":[' .. table.concat(ratings, ",") .. ']%(more)s}')
end
"""
RATINGS = """
local n = 0
wrk.headers["Content-Type"] = "application/json"
request = function()
  n = n + 1
  return wrk.format("POST", "/ratings", nil, string.format(
    '{"user":%%d,"item":%%d,"rating":4}', n %% %(users)d + 1, (n * 31) %% %(items)d + 1))
end
"""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    asked.add_argument("--only", choices=["routes", "large", "start", "soak"])
    asked.add_argument("--rounds", type=int, default=7, help="turns of each kind of request")
    asked.add_argument("--seconds", type=int, default=4, help="of one turn")
    asked.add_argument("--soak-seconds", type=int, default=60)
    asked.add_argument("--models", type=Path, help="keep the made models here, and use them again")
    given = asked.parse_args()
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            sys.exit(f"this needs {tool}: apt-get install wrk util-linux")
    results: dict[str, Any] = {}
    with contextlib.ExitStack() as until_the_end:
        root = given.models or Path(until_the_end.enter_context(tempfile.TemporaryDirectory()))
        parts = {"routes": routes, "large": large, "start": start, "soak": soak}
        for name, part in parts.items():
            if given.only in (None, name):
                results[name] = part(root, given)
                print(json.dumps({name: results[name]}, indent=1), flush=True)
    about = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "load": [round(one, 1) for one in os.getloadavg()],
        "python": platform.python_version(),
        **{name: version(name) for name in ("fastapi", "uvicorn", "numpy")},
        "command": f"python benchmarks/serve.py --rounds {given.rounds} --seconds {given.seconds}",
    }
    if given.only is None:
        write(Path(__file__).parent / "results" / "serve", about, results)


def routes(root: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The hot routes with 10,000 items, in turn with the bare endpoints."""
    asking = scripts("10,000 items")
    again = "GET /users/{id}/recommendations, asked again"
    newcomers = NEWCOMERS % {"items": SETS["10,000 items"][1], "path": "/bare/list", "more": ""}
    with (
        served(made(root, "10,000 items")) as fitted,
        bare(root, fitted) as plain,
        served(made(root, "10,000 items, drawn")) as drawn,
    ):
        kinds = {
            BARE_ROW: (plain, "/bare"),
            BARE_LIST: (plain, "/bare/list"),
            BARE_NEWCOMER: (plain, newcomers),
            "GET /health": (fitted, "/health"),
            again: (fitted, AGAIN % {}),
            **{kind: (fitted, what) for kind, what in asking.items()},
            **{f"{kind}, all factors needed": (drawn, what) for kind, what in asking.items()},
        }
        runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
        for turn in range(given.rounds + 1):
            for kind, (server, what) in kinds.items():
                if kind == again:
                    load(server, what, 1, turn)  # the other kinds have pushed these lists out
                seconds = 1 if turn == 0 else given.seconds  # the first only warms up
                run = load(server, what, seconds, turn)
                if turn:
                    runs[kind].append(run)
    return {kind: middle(of_kind) for kind, of_kind in runs.items()}


def large(root: Path, given: argparse.Namespace) -> dict[str, Any]:
    """A million items: lists of all scores, and out of an index, one request at a time."""
    folder = made(root, "1,000,000 items")
    index = Nearest.make(tm.load(folder), folder.parent, folder.name)
    found: dict[str, Any] = {"recall": index.recall}
    for how, options in (("exact", []), ("approximate", ["--approximate"])):
        with served(folder, options=options) as server:
            for kind, script in scripts("1,000,000 items").items():
                load(server, script, 2, 0, connections=1)
                runs = [
                    load(server, script, given.seconds, turn, connections=1) for turn in (1, 2, 3)
                ]
                found[f"{kind}, {how}"] = middle(runs)
            found[f"memory in MB, {how}"] = round(server.process.memory_info().rss / 1e6)
    return found


def scripts(name: str) -> dict[str, str]:
    """What wrk sends, by kind of request; FIRST is still to be filled in."""
    users, items, _ = SETS[name]
    every = {"users": users, "items": items, "path": "/recommendations"}
    return {
        "GET /users/{id}/recommendations": USERS % {**every, "more": ""},
        "the same without reasons": USERS % {**every, "more": "&why=0"},
        "POST /recommendations, 20 ratings": NEWCOMERS % {**every, "more": ""},
        "the same without reasons, 20 ratings": NEWCOMERS % {**every, "more": ',"why":0'},
    }


def start(root: Path, given: argparse.Namespace) -> dict[str, Any]:
    """From the command to the first list, with 60,000 items."""
    folder = made(root, "60,000 items")
    wall, processor = [], []
    for _ in range(given.rounds):
        began = time.perf_counter()
        with served(folder, "/users/4/recommendations") as server:
            wall.append(time.perf_counter() - began)
            processor.append(spent(server.process))
    return {
        "seconds": statistics.median(wall),
        "seconds at most": max(wall),
        "seconds of processor time": statistics.median(processor),
    }


def soak(root: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Lists, newcomers and ratings at once, for a minute: errors, and memory.

    It is watched when the caches are full: they fill in the first seconds, and take what they may.
    """
    folder = made(root, "10,000 items")
    users, items, _ = SETS["10,000 items"]
    kinds = scripts("10,000 items")
    what = [
        kinds["GET /users/{id}/recommendations"].replace("FIRST", "0"),
        kinds["POST /recommendations, 20 ratings"].replace("FIRST", "0"),
        RATINGS % {"users": users, "items": items},
    ]
    seconds = FILLING + given.soak_seconds
    with served(folder) as server, contextlib.ExitStack() as running:
        asking = [running.enter_context(_wrk(server.port, one, seconds, 3)) for one in what]
        memory: list[float] = []
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            time.sleep(1)
            memory.append(server.process.memory_info().rss / 1e6)
        outs = [one.communicate(timeout=60)[0] for one in asking]
        parsed = [_parsed(out) for out in outs]
    memory = memory[FILLING:]
    return {
        "seconds": given.soak_seconds,
        "requests": round(sum(one["requests"] for one in parsed)),
        "errors": round(sum(one["errors"] for one in parsed)),
        "memory in MB at the start, half, end": [
            round(memory[0]), round(memory[len(memory) // 2]), round(memory[-1])],
        "memory in MB at most": round(max(memory)),
    }  # fmt: skip


class Server:
    """A process that answers at a port."""

    def __init__(self, process: psutil.Process, port: int) -> None:
        self.process, self.port = process, port


@contextlib.contextmanager
def served(folder: Path, path: str = "/ready", options: Sequence[str] = ()) -> Iterator[Server]:
    """`tastemap serve` on one core, until it has answered once."""
    port = free_port()
    program = Path(sys.executable).with_name("tastemap")
    with tempfile.TemporaryDirectory() as place:
        command = [program, "serve", folder, "--port", port,
                   "--database", f"{place}/feedback.sqlite", *options]  # fmt: skip
        with _running(command, port, path) as server:
            yield server


@contextlib.contextmanager
def bare(root: Path, like: Server) -> Iterator[Server]:
    """The bare endpoints on one core, with a list that another server gives."""
    address = f"http://127.0.0.1:{like.port}/users/4/recommendations?n=10"
    (root / "list.json").write_bytes(urllib.request.urlopen(address, timeout=60).read())
    (root / "bare.py").write_text(BARE, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bare:app", "--app-dir", root, "--port", port,
               "--log-level", "warning", "--no-access-log", "--http", "httptools",
               "--loop", "uvloop"]  # fmt: skip
    with _running(command, port, "/bare") as server:
        yield server


@contextlib.contextmanager
def _running(command: list[Any], port: int, path: str) -> Iterator[Server]:
    process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *map(str, command)])  # noqa: S607
    try:
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60).read()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{command[0]} does not answer")
            time.sleep(0.01)
        yield Server(psutil.Process(process.pid), port)
    finally:
        process.terminate()
        process.wait(30)


def load(
    server: Server, what: str, seconds: int, turn: int, connections: int = CONNECTIONS
) -> dict[str, float]:
    """Ask as fast as it answers: a path, or what a script says."""
    script = what.replace("FIRST", str(turn * 20_000))
    before = spent(server.process)
    with _wrk(server.port, script, seconds, connections) as asking:
        found = _parsed(asking.communicate()[0])
    found["per_processor_second"] = found["requests"] / (spent(server.process) - before)
    return found


@contextlib.contextmanager
def _wrk(port: int, what: str, seconds: int, connections: int) -> Iterator[subprocess.Popen[str]]:
    path, script = (what, "") if what.startswith("/") else ("/", what)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script + DONE)
        file.flush()
        at = f"http://127.0.0.1:{port}{path}"
        command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
        command += ["--timeout", "30s", "-s", file.name, at]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            yield process


DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("found %d %d %d %f %f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def _parsed(out: str) -> dict[str, float]:
    found = re.search(r"found (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)", out)
    if not found:
        sys.exit(f"wrk says:\n{out}")
    requests, microseconds, errors, p50, p99 = map(float, found.groups())
    return {"requests": requests, "errors": errors, "per_second": requests / microseconds * 1e6,
            "p50_ms": p50 / 1000, "p99_ms": p99 / 1000}  # fmt: skip


def middle(runs: list[dict[str, float]]) -> dict[str, float]:
    """Medians, and all errors."""
    found = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return found | {"errors": sum(run["errors"] for run in runs)}


def spent(process: psutil.Process) -> float:
    """Seconds of processor time."""
    times = process.cpu_times()
    return times.user + times.system


def made(root: Path, name: str) -> Path:
    """The folder of a model of 64 factors, of made ratings with titles."""
    folder = root / name.replace(",", "").replace(" ", "-")
    if folder.exists():
        return folder
    print(f"making the model of {name}", flush=True)
    ratings = synthetic_ratings(*SETS[name]).ratings
    titles = pa.table({"title": [f"Film {code}" for code in range(ratings.n_items)]})
    ratings = replace(ratings, catalog=Catalog(ratings.item_ids, titles))
    recipe = tm.BiasedMF(solver="als", factors=64)
    if ratings.n_items < 1_000_000 and not name.endswith("drawn"):
        recipe.fit(ratings).save(folder)
        return folder
    chance = np.random.default_rng(0)
    user_side, item_side = (
        chance.normal(0, 0.1, (rows, 65)).astype(np.float32)
        for rows in (ratings.n_users, ratings.n_items)
    )
    model = FactorModel(
        mean=3.5,
        user_bias=user_side[:, 0],
        item_bias=item_side[:, 0],
        user_factors=user_side[:, 1:],
        item_factors=item_side[:, 1:],
    )
    drawn = Recommender.of(
        model, ratings, None, recipe=recipe, seed=0, history=TrainingHistory(), seconds=0.0
    )
    drawn.save(folder)
    return folder


def write(out: Path, about: dict[str, Any], results: dict[str, Any]) -> None:
    """Write ``out``.json and ``out``.md."""
    document = {"about": about, **results}
    out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    bare = results["routes"][BARE_ROW]
    lines = [
        "# A running server",
        "",
        f"{about['date']}, {about['machine']}, load average {about['load'][0]} at the end, python "
        f"{about['python']}, fastapi {about['fastapi']}, uvicorn {about['uvicorn']}, numpy "
        f"{about['numpy']}. `{about['command']}`: one worker on one core, wrk with {CONNECTIONS} "
        "connections on the other; medians. *Share* is of the bare FastAPI endpoint, in requests "
        "per second of the server's processor time; beside it in requests per second of wall time, "
        "and by processor time of the bare endpoint that gives a list as long, the same each time, "
        "and checks 20 ratings before where ratings are sent.",
        "",
        "Lists asked again are asked once before they are measured: what else is measured pushes "
        "them out of the cache between two turns. *All factors needed* is a model of drawn "
        "factors, of which none can be left out; of the fitted one few are needed.",
        "",
        "## 10,000 items, 64 factors",
        "",
        "| request | per second | p50, ms | p99, ms | p99, times the bare one | share "
        "| by wall time | of one as long | errors |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for kind, run in results["routes"].items():
        share = run["per_processor_second"] / bare["per_processor_second"]
        as_long = results["routes"][BARE_NEWCOMER if "20 ratings" in kind else BARE_LIST]
        of_it = f"{run['per_processor_second'] / as_long['per_processor_second']:.0%}"
        if "without" in kind or "/health" in kind or kind == BARE_ROW:
            of_it = "–"
        lines.append(
            f"| {kind} | {run['per_second']:,.0f} | {run['p50_ms']:.2f} | {run['p99_ms']:.2f} | "
            f"{run['p99_ms'] / bare['p99_ms']:.1f} | {share:.0%} | "
            f"{run['per_second'] / bare['per_second']:.0%} | {of_it} | {run['errors']:.0f} |"
        )
    lines += ["", "## 1,000,000 items, one request at a time", ""]
    lines += [
        "| request | processor, ms | p50, ms | p99, ms | errors |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind, run in results["large"].items():
        if isinstance(run, dict):
            numbers = f"{1000 / run['per_processor_second']:.1f} | {run['p50_ms']:.1f} | "
            numbers += f"{run['p99_ms']:.1f} | {run['errors']:.0f}"
            lines.append(f"| {kind} | {numbers} |")
    begun, soaked = results["start"], results["soak"]
    early, half, late = soaked["memory in MB at the start, half, end"]
    lines += [
        "",
        "*Exact* lists are the best of all scores; *approximate* ones are out of the candidates of "
        f"an index (`--approximate`), which finds {results['large']['recall']:.1%} of the ten "
        "best, measured when it was made. The process takes "
        f"{results['large']['memory in MB, exact']:,} MB without, "
        f"{results['large']['memory in MB, approximate']:,} MB with the index.",
        "",
        "## Start and soak",
        "",
        f"From `tastemap serve` to the first list with 60,000 items: {begun['seconds']:.2f} s "
        f"(at most {begun['seconds at most']:.2f} s), of it "
        f"{begun['seconds of processor time']:.2f} s of processor time.",
        "",
        f"{FILLING} s in which the caches fill up, then {soaked['seconds']} s in which memory is "
        "watched, of lists, lists for newcomers and ratings at once, each from three connections: "
        f"{soaked['requests']:,} requests, {soaked['errors']} errors; memory {early} MB at the "
        f"start of the {soaked['seconds']} s, {half} MB at half time, {late} MB at the end, "
        f"{soaked['memory in MB at most']} MB at most.",
    ]
    out.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
