"""Time of one epoch: tastemap against a plain PyTorch loop doing the same mathematics.

    python benchmarks/epoch_speed.py --torch-python PATH     # an environment with peers/torch.txt
    python benchmarks/epoch_speed.py                         # makes that environment first

Both train what the presets `notebook()` describe, on the same rows, from the same initial
weights, in batches of 64. They run in turn, A B A B, each in its own process and environment, so
that both meet the same noise of the machine; an epoch's time is its wall time, shuffling and
reading the loss included. The median over the epochs of all rounds is compared, with the first
epoch of tastemap (which compiles) reported apart. The PyTorch loop is what a tutorial writes; a
third column has what PyTorch can do when tuned (fused Adam, denormal numbers flushed to zero).

Both use all cores, or with `--cores 1` one. PyTorch's threads wait for each other by spinning, so
on a machine where others are at work its times on several cores are not worth much: `--quiet 300`
waits up to that many seconds before each run until the machine is idle.

Writes results/epoch-speed.md and .json (or epoch-speed-1-core).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).parent
MODELS = ("DotProduct", "BiasedMF", "NeuralNet")
KINDS = ("tastemap", "PyTorch", "PyTorch, tuned")


def run_tastemap(model: str, folder: Path, epochs: int) -> dict[str, object]:
    import dataclasses

    import jax
    import numpy as np
    import optax

    import tastemap as tm
    from tastemap.data.ratings import Ratings

    recipe = getattr(tm, model).notebook()
    recipe = dataclasses.replace(recipe, schedule=((recipe.schedule[0][0], epochs),))
    whole = tm.load_dataset("movielens-small")
    with np.load(folder / "data.npz") as data:
        train: Ratings = whole.take(data["rows"])
    started = time.perf_counter()
    history = recipe.fit(train).history
    return {
        "fit_seconds": time.perf_counter() - started,
        "epoch_seconds": [epoch.seconds for epoch in history.epochs],
        "losses": [epoch.training_loss for epoch in history.epochs],
        "versions": {"jax": jax.__version__, "optax": optax.__version__, "numpy": np.__version__},
    }


def run_torch(model: str, folder: Path, epochs: int, tuned: bool) -> dict[str, object]:
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(0)
    if tuned:
        torch.set_flush_denormal(True)
    with np.load(folder / "data.npz") as data:
        users, items = (torch.from_numpy(data[name]).long() for name in ("users", "items"))
        ratings = torch.from_numpy(data["ratings"])
    with np.load(folder / f"{model}.npz") as data:
        initial = {name: torch.from_numpy(data[name]) for name in data.files}

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.user = nn.Embedding.from_pretrained(initial["user_factors"], freeze=False)
            self.item = nn.Embedding.from_pretrained(initial["item_factors"], freeze=False)
            if model == "BiasedMF":
                self.user_bias = nn.Parameter(initial["user_bias"])
                self.item_bias = nn.Parameter(initial["item_bias"])
            if model == "NeuralNet":
                factors, hidden = initial["weight_0"].shape
                self.layers = nn.Sequential(
                    nn.Dropout(0.2),
                    nn.Linear(factors, hidden),
                    nn.ReLU(),
                    nn.Dropout(0.75),
                    nn.Linear(hidden, 1),
                )
                with torch.no_grad():
                    for layer, index in enumerate((1, 4)):
                        self.layers[index].weight.copy_(initial[f"weight_{layer}"].T)
                        self.layers[index].bias.zero_()

        def forward(self, user, item):  # type: ignore[no-untyped-def]
            p, q = self.user(user), self.item(item)
            if model == "NeuralNet":
                return self.layers(torch.cat([p, q], dim=1))[:, 0]
            predicted = (p * q).sum(dim=1)
            if model == "BiasedMF":
                predicted = predicted + self.user_bias[user] + self.item_bias[item]
            return predicted

    network = Model()
    adam = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=tuned or None)
    seconds, losses = [], []
    for _ in range(epochs):
        started = time.perf_counter()
        order, total = torch.randperm(len(ratings)), 0.0
        for first in range(0, len(ratings), 64):
            rows = order[first : first + 64]
            adam.zero_grad()
            error = network(users[rows], items[rows]) - ratings[rows]
            squares = (network.user.weight**2).sum() + (network.item.weight**2).sum()
            loss = (error**2).mean() + 1e-4 * squares
            loss.backward()
            adam.step()
            total += loss.item() * len(rows)
        seconds.append(time.perf_counter() - started)
        losses.append(total / len(ratings))
    return {
        "fit_seconds": sum(seconds),
        "epoch_seconds": seconds,
        "losses": losses,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }


def write_inputs(folder: Path) -> None:
    """The training rows of the notebook's split, and initial weights: the same for both."""
    import numpy as np

    import tastemap as tm

    whole = tm.load_dataset("movielens-small")
    rows = np.flatnonzero(np.random.RandomState(42).rand(len(whole)) < 0.8)
    train = whole.take(rows)
    columns = {"users": train.users, "items": train.items, "ratings": train.values}
    np.savez(folder / "data.npz", rows=rows, **columns)
    for model in MODELS:
        recipe = getattr(tm, model).notebook()
        np.savez(folder / f"{model}.npz", **recipe.initial(train, 0))


def wait_until_quiet(seconds: float) -> None:
    """Wait, for a limited time, until other processes leave 95 % of the cores idle for 3 s."""

    def times() -> tuple[int, int]:
        ticks = [int(one) for one in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        idle, total = times()
        time.sleep(3)
        idle_later, total_later = times()
        if idle_later - idle > 0.95 * (total_later - total):
            return


def measure(given: argparse.Namespace, torch_python: str) -> dict[str, dict[str, list[dict]]]:  # type: ignore[type-arg]
    results: dict[str, dict[str, list[dict]]] = {m: {k: [] for k in KINDS} for m in MODELS}  # type: ignore[type-arg]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder)
        for model in MODELS:
            for turn in range(given.rounds):
                for kind in KINDS:
                    wait_until_quiet(given.quiet)
                    python = sys.executable if kind == "tastemap" else torch_python
                    worker = [python, __file__, "--worker", kind, model, name]
                    worker += [str(given.epochs), str(given.cores)]
                    done = subprocess.run(worker, check=True, capture_output=True, text=True)
                    result = json.loads(done.stdout.splitlines()[-1])
                    results[model][kind].append(result)
                    times = ", ".join(f"{one:.2f}" for one in result["epoch_seconds"])
                    print(f"{model} {kind}, round {turn + 1}: {times} s", flush=True)
    return results


def summary(results: dict[str, dict[str, list[dict]]]) -> list[dict[str, object]]:  # type: ignore[type-arg]
    rows = []
    for model, kinds in results.items():
        medians = {}
        for kind, runs in kinds.items():
            skipped = 1 if kind == "tastemap" else 0  # the first epoch compiles; told apart
            times = [one for run in runs for one in run["epoch_seconds"][skipped:]]
            medians[kind] = statistics.median(times)
        first = statistics.median(run["epoch_seconds"][0] for run in kinds["tastemap"])
        last = {
            kind: statistics.fmean(r["losses"][-1] for r in runs) for kind, runs in kinds.items()
        }
        fit = statistics.median(run["fit_seconds"] for run in kinds["tastemap"])
        rows.append(
            {"model": model, "median": medians, "first": first, "fit": fit, "last_loss": last}
        )
    return rows


def machine() -> str:
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


def write(results: dict[str, dict[str, list[dict]]], given: argparse.Namespace) -> None:  # type: ignore[type-arg]
    rows = summary(results)
    runs = [run for kinds in results.values() for by_kind in kinds.values() for run in by_kind]
    versions = {"python": platform.python_version()}
    for run in runs:
        versions |= run["versions"]
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    command = f"python benchmarks/epoch_speed.py --rounds {given.rounds} --epochs {given.epochs}"
    command += f" --cores {given.cores}" if given.cores else ""
    used = f"{given.cores or os.cpu_count()} of them used"
    lines = [
        "# Seconds an epoch at batches of 64",
        "",
        f"{date}, {machine()}, {used}; " + ", ".join(f"{k} {v}" for k, v in versions.items()),
        "",
        f"`{command}`: {given.rounds} rounds in turn of {given.epochs} epochs each; medians. The "
        "first epoch of tastemap, which compiles, is left out of its median and stands in a column "
        "of its own.",
        "",
        "| model | tastemap | PyTorch | ratio | PyTorch, tuned | ratio | first epoch of tastemap "
        "| whole fit of tastemap |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        ours, plain, tuned = (row["median"][kind] for kind in KINDS)  # type: ignore[index]
        lines.append(
            f"| {row['model']} | {ours:.2f} | {plain:.2f} | {plain / ours:.1f} | {tuned:.2f} "
            f"| {tuned / ours:.1f} | {row['first']:.2f} | {row['fit']:.1f} |"
        )
    lines += [
        "",
        "Training loss of the last epoch, mean over the rounds: the same mathematics.",
        "",
        "| model | " + " | ".join(KINDS) + " |",
        "|---|---:|---:|---:|",
    ]
    for row in rows:
        cells = " | ".join(f"{row['last_loss'][kind]:.3f}" for kind in KINDS)  # type: ignore[index]
        lines.append(f"| {row['model']} | {cells} |")
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    stem = "epoch-speed" + (f"-{given.cores}-core" if given.cores else "")
    (folder / f"{stem}.md").write_text("\n".join(lines) + "\n")
    record = {
        "date": date,
        "machine": machine(),
        "load": os.getloadavg(),
        "versions": versions,
        "command": command,
        "summary": rows,
        "runs": results,
    }
    (folder / f"{stem}.json").write_text(json.dumps(record, indent=1) + "\n")
    print("\n".join(lines))


def torch_environment() -> str:
    folder = Path(tempfile.gettempdir()) / "tastemap-benchmark-torch"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        requirements = str(HERE / "peers" / "torch.txt")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
    return str(python)


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        kind, model, folder, epochs, cores = sys.argv[2:]
        if int(cores):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
        if kind == "tastemap":
            result = run_tastemap(model, Path(folder), int(epochs))
        else:
            result = run_torch(model, Path(folder), int(epochs), tuned=kind != "PyTorch")
        print(json.dumps(result))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", help="Python of an environment with peers/torch.txt")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--cores", type=int, default=0, help="0: all")
    parser.add_argument(
        "--quiet", type=float, default=0, help="seconds to wait for an idle machine"
    )
    given = parser.parse_args()
    python = given.torch_python or torch_environment()
    write(measure(given, python), given)


if __name__ == "__main__":
    main()
