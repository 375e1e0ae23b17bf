"""tastemap and its peers on the same data, split and machine, in turn.

    python benchmarks/compare.py bundled 1M 10M
    python benchmarks/compare.py ml-100k --ml-100k FOLDER
    python benchmarks/compare.py 25M 100M --repeat 1

Each fit is a process of its own, in the peer's environment (`environments`), A B C A B C, with a
new seed each round; who took more than a minute is not run again. The folds of ML-100K are its
rounds. All predictions get the same fallback and are clipped to the scale of the training
ratings. Writes results/compare-NAME.md, .json and .png.

What was run before with the same data, settings and code is taken from .cache/runs, except with
``--again``, so that a run that was broken off goes on where it was. The table shows every variant
that has results.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import data_sets
import numpy as np
from environments import pins, python_of
from run_peer import load_peer
from tables import write_tables

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src"
PEERS = sorted(file.stem for file in (HERE / "peers").glob("*.py"))
SLOW_SECONDS = 60.0
LIMIT_SECONDS = 600.0
"""LIBMF sometimes waits for itself for ever."""


@dataclass(frozen=True)
class Run:
    """One fit that is wanted; `benchmarks/lists.py` has another kind of it.

    Attributes:
        peer: name of the file in peers/.
        variant: its name in the table.
        settings: what the peer is given.
        folder: of the data.
        seed: of the fit.
    """

    peer: str
    variant: str
    settings: dict[str, Any]
    folder: Path
    seed: int

    KIND: ClassVar[str] = "peers"
    """The folder of the peers, and what keeps results of different kinds apart."""
    PROGRAM: ClassVar[str] = "run_peer.py"

    @property
    def environment(self) -> str:
        """The name of the file of pins."""
        return self.peer

    @property
    def blas_threads(self) -> str | None:
        """Threads of the linear algebra library; None: every core."""
        # A library that runs several threads over rows must not start more of them in BLAS.
        return "1"

    @property
    def file(self) -> Path:
        """Where its result is kept; another one as soon as anything it depends on changes."""
        about = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        code = (HERE / self.KIND / f"{self.peer}.py").read_text(encoding="utf-8")
        # Settings of the other variants may change without anything changing here.
        code = "def prepare" + code.partition("def prepare")[2]
        depends = [about["content"], code, pins(self.environment), self.settings, self.seed]
        if self.peer == "tastemap":
            depends.append(_own_code())
        key = hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:16]
        kind = "" if self.KIND == "peers" else f"{self.KIND}-"
        return data_sets.CACHE / "runs" / f"{kind}{self.folder.name}-{self.peer}-{key}.json"

    def result(self) -> dict[str, Any] | None:
        """What was measured before."""
        return json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else None

    def measure(self) -> dict[str, Any] | None:
        """Fit and score, and keep the result; None, after a message, if the peer failed."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        out = self.file.with_suffix(".part")
        python = python_of(self.environment)
        command = [python, HERE / self.PROGRAM, self.peer, self.folder, out]
        environment = os.environ | {"PYTHONPATH": str(SOURCE)}
        if self.blas_threads is not None:
            environment["OPENBLAS_NUM_THREADS"] = self.blas_threads
        try:
            done = subprocess.run(
                [*command, json.dumps(self.settings), str(self.seed)],
                env=environment,
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            print(f"  {self.variant}: more than {LIMIT_SECONDS:.0f} s, broken off", flush=True)
            return None
        if done.returncode or not out.exists():
            print(f"  {self.variant} failed:\n{done.stderr[-2000:]}", flush=True)
            return None
        result = json.loads(out.read_text(encoding="utf-8"))
        predictions = out.with_suffix(".npy")
        if predictions.exists():
            result |= self.measures(np.load(predictions))
            predictions.unlink()
        out.unlink()
        self.file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        return result

    def measures(self, predicted: np.ndarray) -> dict[str, float]:
        """How good the predictions are."""
        return {"mse": score(self.folder, predicted)}


@cache
def _own_code() -> str:
    files = sorted((SOURCE / "tastemap").rglob("*.py"))
    kept = [file for file in files if file.parent.name in ("training", "models")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in kept)).hexdigest()


def score(folder: Path, predicted: np.ndarray) -> float:
    """Mean squared error with the fallback where a prediction is NaN, clipped to the scale."""
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    values = np.load(folder / "test_values.npy").astype(np.float64)
    filled = np.where(np.isnan(predicted), np.load(folder / "fallback.npy"), predicted)
    return float(np.mean((np.clip(filled, *about["scale"]) - values) ** 2))


def runs_of(name: str, folders: list[Path], peers: list[str], repeat: int) -> list[list[Run]]:
    """Rounds of runs. Folds, where there are several, are rounds; else seeds are."""
    rounds = [(folder, seed) for folder in folders for seed in range(repeat)]
    if len(folders) > 1:
        rounds = [(folder, 0) for folder in folders]
    return [
        [
            Run(peer, variant, settings, folder, seed)
            for peer in peers
            for variant, settings in load_peer(peer).variants(name).items()
        ]
        for folder, seed in rounds
    ]


def compare(name: str, arguments: argparse.Namespace) -> None:
    """Run what is missing on one data set and write its tables."""
    started = time.perf_counter()
    try:
        folders = [data_sets.folder_of(one, arguments.ml_100k) for one in data_sets.parts(name)]
    except FileNotFoundError as error:
        print(f"{name} left out: {error}; give its folder with --ml-100k")
        return
    slow: set[str] = set()
    for turn, runs in enumerate(runs_of(name, folders, arguments.peers, arguments.repeat), 1):
        for run in runs:
            if run.variant in slow and len(folders) == 1:
                continue
            before = run.result()
            result = run.measure() if before is None or arguments.again else before
            if result is None:
                slow.add(run.variant)
                continue
            if result["seconds"] > SLOW_SECONDS:
                slow.add(run.variant)
            told = f"{result['mse'] ** 0.5:.4f}" if "mse" in result else "  -   "
            print(
                f"{name} {turn}  {told} {result['seconds']:8.2f} s {result['cpu_seconds']:8.2f} "
                f"CPU s  {run.variant}{' (before)' if result is before else ''}",
                flush=True,
            )
    results: dict[str, dict[str, Any]] = {}
    for run in chain.from_iterable(runs_of(name, folders, PEERS, arguments.repeat)):
        if (result := run.result()) is not None:
            row = results.setdefault(
                run.variant, {"peer": run.peer, "settings": run.settings, "runs": []}
            )
            row["runs"].append(result)
    about = [json.loads((folder / "about.json").read_text(encoding="utf-8")) for folder in folders]
    write_tables(HERE / "results" / f"compare-{name}", name, about, results)
    print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data_sets", nargs="+", metavar="NAME", help=", ".join(data_sets.NAMES))
    parser.add_argument("--ml-100k", type=Path, help="folder with u1.base ... of MovieLens 100K")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, help="run only these")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--again", action="store_true", help="run what was run before as well")
    arguments = parser.parse_args()
    for name in arguments.data_sets:
        if name not in data_sets.NAMES:
            sys.exit(f"no data set {name!r}; there are {', '.join(data_sets.NAMES)}")
    for name in arguments.data_sets:
        compare(name, arguments)


if __name__ == "__main__":
    main()
