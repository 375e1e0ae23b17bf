"""Lists of tastemap and its peers: the same interactions, split, lists' code and machine, in turn.

    python benchmarks/lists.py bundled 1M
    python benchmarks/lists.py ml-100k --ml-100k FOLDER

An interaction is a rating of 4 or higher; a list is right where the user took its items among the
test rows. Settings are chosen first, for tastemap and for the others from grids of a like size:
each is fitted to four fifths of the training rows, of the first fold where there are folds, and the
one with the highest nDCG@10 on the rest is taken. Each fit is a process of its own, in the peer's
environment, with a new seed each round; the folds of ML-100K are its rounds. Writes
results/lists.json, and results/lists.md of all data sets in it.

What was run before with the same data, settings and code is taken from .cache/runs, except with
``--again``: a run that was broken off goes on where it was, and ``--again`` measures times anew
with the settings chosen before.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import data_sets
import numpy as np
from compare import HERE, Run
from epoch_speed import machine
from run_list_peer import LIKED_FROM, interactions
from run_peer import load_peer

from tastemap.metrics import ranking

PEERS = sorted(file.stem for file in (HERE / "list_peers").glob("*.py"))
LENGTHS = (10, 100)
RESULTS = HERE / "results" / "lists.json"


class ListRun(Run):
    """One fit of a model for lists."""

    KIND: ClassVar[str] = "list_peers"
    PROGRAM: ClassVar[str] = "run_list_peer.py"

    @property
    def environment(self) -> str:
        """The name of the file of pins."""
        return "tastemap-lists" if self.peer == "tastemap" else self.peer

    @property
    def blas_threads(self) -> str | None:
        """Threads of the linear algebra library; None: every core."""
        return None if self.settings.get("blas") == "all" else "1"

    def measures(self, predicted: np.ndarray) -> dict[str, float]:
        """The nDCG and recall of the lists, whose user is in the first column."""
        test = interactions(self.folder, "test")
        users, lists = predicted[:, 0], predicted[:, 1:]
        counts = np.bincount(test.users, minlength=test.n_users)[users]
        pairs = test.users.astype(np.int64) * test.n_items + test.items
        hits = np.isin(users[:, None].astype(np.int64) * test.n_items + lists, pairs)
        found: dict[str, float] = {"lists": len(users)}
        for k in LENGTHS:
            found[f"ndcg@{k}"] = float(ranking.ndcg(hits[:, :k], counts).mean())
            found[f"recall@{k}"] = float(ranking.recall(hits[:, :k], counts).mean())
        return found


def run(wanted: Run, again: bool) -> dict[str, Any] | None:
    """What was measured before, or now."""
    before = wanted.result()
    result = wanted.measure() if before is None or again else before
    if result is not None:
        print(
            f"{wanted.folder.name}  {result['ndcg@10']:.4f} {result['seconds']:8.2f} s "
            f"{result['cpu_seconds']:8.2f} CPU s  {wanted.variant}"
            f"{' (before)' if result is before else ''}",
            flush=True,
        )
    return result


def chosen(peer: str, variant: str, grid: list[dict[str, Any]], inner: Path) -> dict[str, Any]:
    """The settings with the best lists of rows held out of training."""
    if len(grid) == 1:
        return grid[0]
    found = [run(ListRun(peer, variant, settings, inner, 0), False) for settings in grid]
    return max(zip(grid, found, strict=True), key=lambda one: one[1]["ndcg@10"] if one[1] else 0)[0]


def compare(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run what is missing on one data set."""
    folders = [data_sets.folder_of(one, arguments.ml_100k) for one in data_sets.parts(name)]
    inner = data_sets.folder_of(data_sets.parts(name)[0] + data_sets.INNER, arguments.ml_100k)
    variants = {
        variant: (peer, grid)
        for peer in arguments.peers
        for variant, grid in load_peer(peer, "list_peers").variants(name).items()
    }
    settings = {one: chosen(*(of[0], one, of[1], inner)) for one, of in variants.items()}
    rounds = [(folder, seed) for folder in folders for seed in range(arguments.repeat)]
    if len(folders) > 1:
        rounds = [(folder, 0) for folder in folders]
    runs: dict[str, list[dict[str, Any]]] = {}
    for folder, seed in rounds:
        for variant, (peer, _) in variants.items():
            wanted = ListRun(peer, variant, settings[variant], folder, seed)
            if (result := run(wanted, arguments.again)) is not None:
                runs.setdefault(variant, []).append(result)
    train, test = (interactions(folders[0], part) for part in ("train", "test"))
    return {
        "date": str(datetime.datetime.now(datetime.UTC).date()),
        "machine": machine(),
        "python": platform.python_version(),
        "command": "python benchmarks/lists.py " + name,
        "n_users": train.n_users,
        "n_items": train.n_items,
        "n_train": len(train.users),
        "n_test": len(test.users),
        "rows": [
            _row(variant, variants[variant], settings[variant], of) for variant, of in runs.items()
        ],
    }


def _row(
    variant: str,
    of: tuple[str, list[dict[str, Any]]],
    settings: dict[str, Any],
    runs: list[dict[str, Any]],
) -> dict[str, Any]:
    def median(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    # Means of measures, as folds and seeds are samples; medians of times, as noise only adds.
    names = [f"{measure}@{k}" for k in LENGTHS for measure in ("ndcg", "recall")]
    return {
        "variant": variant,
        "peer": of[0],
        "tried": len(of[1]),
        "settings": settings,
        **{name: statistics.mean(run[name] for run in runs) for name in names},
        "seconds": median("seconds"),
        "cpu_seconds": median("cpu_seconds"),
        "peak_megabytes": median("memory_peak") / 2**20,
        "load": max(run["load"] for run in runs),
        "runs": runs,
    }


def write(documents: dict[str, Any]) -> None:
    """results/lists.json and lists.md."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(documents, indent=1) + "\n", encoding="utf-8")
    parts = [_markdown(name, document) for name, document in documents.items()]
    text = "# Lists, against others\n\n" + "\n".join(parts)
    RESULTS.with_suffix(".md").write_text(text, encoding="utf-8")


def _markdown(name: str, document: dict[str, Any]) -> str:
    rows = sorted(document["rows"], key=lambda row: -row["ndcg@10"])
    load = max(row["load"] for row in rows)
    busy = (
        f" **The machine had other work (load {load:.1f}): read no seconds.**" if load > 2 else ""
    )
    lines = [
        f"## {name}\n",
        f"{document['date']}, {document['machine']}, python {document['python']}. "
        f"`{document['command']}`: {document['n_users']:,} users, {document['n_items']:,} items, "
        f"{document['n_train']:,} interactions (ratings of {LIKED_FROM:g} or higher) to train on, "
        f"{document['n_test']:,} to test on.{busy}\n",
        "| model | nDCG@10 | recall@10 | nDCG@100 | seconds | CPU seconds | peak MB | runs "
        "| settings tried |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        model = f"**{row['variant']}**" if row["peer"] == "tastemap" else row["variant"]
        measures = [f"{row[name]:.4f}" for name in ("ndcg@10", "recall@10", "ndcg@100")]
        cost = [f"{row['seconds']:.2f}", f"{row['cpu_seconds']:.2f}"]
        cost += [f"{row['peak_megabytes']:,.0f}", f"{len(row['runs'])}", f"{row['tried']}"]
        lines.append(f"| {' | '.join([model, *measures, *cost])} |")
    lines += ["", "Settings, chosen on a fifth of the training rows:", ""]
    for row in rows:
        told = ", ".join(f"{name}={value!r}" for name, value in row["settings"].items())
        lines.append(f"- {row['variant']}: `{told}`")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data_sets", nargs="+", metavar="NAME", help=", ".join(data_sets.NAMES))
    parser.add_argument("--ml-100k", type=Path, help="folder with u1.base ... of MovieLens 100K")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, help="run only these")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured")
    arguments = parser.parse_args()
    for name in arguments.data_sets:
        if name not in data_sets.NAMES:
            sys.exit(f"no data set {name!r}; there are {', '.join(data_sets.NAMES)}")
    documents: dict[str, Any] = {}
    if RESULTS.exists():
        documents = json.loads(RESULTS.read_text(encoding="utf-8"))
    for name in arguments.data_sets:
        started = time.perf_counter()
        documents[name] = compare(name, arguments)
        write(documents)
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
