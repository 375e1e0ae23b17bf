"""How accurate the recipes are on the bundled ratings, with their defaults, and how long they take.

    python benchmarks/accuracy.py [--ml-100k FOLDER]

The notebook's split: 80,099 ratings to train on, 19,905 to measure on, from which nothing was
chosen by this script; and the published folds of MovieLens 100K with all that is known of movies
and users. Predictions are those users get: clipped to the scale, with the fallback for items
without training ratings. Writes results/accuracy.md.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from epoch_speed import machine

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.training.recipe import Recipe

SEEDS = (0, 1, 2)
RECIPES: dict[str, Recipe] = {
    "GlobalMean()": tm.GlobalMean(),
    "BiasesOnly()": tm.BiasesOnly(),
    "DotProduct()": tm.DotProduct(),
    "NeuralNet()": tm.NeuralNet(),
    "BiasedMF()": tm.BiasedMF(),
    'BiasedMF(solver="als", factors=16)': tm.BiasedMF(solver="als", factors=16),
    "BayesianMF(rated_items=False, raters=False, item_features=False)": tm.BayesianMF(
        rated_items=False, raters=False, item_features=False
    ),
    "BayesianMF(item_features=False)": tm.BayesianMF(item_features=False),
    "BayesianMF()": tm.BayesianMF(),
    "BayesianMF(days=True)": tm.BayesianMF(days=True),
    'BayesianMF(days=True, likelihood="ordinal")': tm.BayesianMF(days=True, likelihood="ordinal"),
}

WITH_COLUMNS: dict[str, Recipe] = {
    "BayesianMF(user_features=True)": tm.BayesianMF(user_features=True),
    "BayesianMF(user_features=True, days=True)": tm.BayesianMF(user_features=True, days=True),
    'BayesianMF(user_features=True, days=True, likelihood="ordinal")': tm.BayesianMF(
        user_features=True, days=True, likelihood="ordinal"
    ),
}
"""Recipes for ratings of users of whom more is known than their ids."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ml-100k", type=Path, help="folder with u1.base, u.item, u.user ...")
    arguments = parser.parse_args()
    ratings = tm.load_dataset("movielens-small")
    split = tm.split.random(ratings, valid_fraction=0.2, seed=42)
    names = ("numpy", "numba", "jax", "optax")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [
        "# Accuracy on the bundled ratings",
        "",
        f"{today}, {machine()}; python {platform.python_version()}, {versions}",
        "",
        f"`python benchmarks/accuracy.py`: the notebook's split, seeds {SEEDS}; medians of "
        "seconds of fitting, intervals included, and of CPU seconds of all cores together; "
        "compiled before.",
        "",
        *measured(RECIPES, [(split.train, split.valid, seed) for seed in SEEDS], "seeds"),
    ]
    if arguments.ml_100k:
        lines += [
            "",
            "## MovieLens 100K, its five folds, with what is known of movies and users",
            "",
            *measured(WITH_COLUMNS, [(*fold, 0) for fold in folds(arguments.ml_100k)], "folds"),
        ]
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "accuracy.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def measured(
    recipes: dict[str, Recipe], rounds: list[tuple[Ratings, Ratings, int]], over: str
) -> list[str]:
    """A table: errors of ratings to test on, means over rounds of train, test and seed."""
    lines = [
        f"| recipe | RMSE | MSE | spread of MSE over {over} | seconds | CPU seconds |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for recipe in recipes.values():
        recipe.fit(rounds[0][0])  # compiles
    for name, recipe in recipes.items():
        errors, seconds, cpu = [], [], []
        for train, test, seed in rounds:
            started, used = time.perf_counter(), time.process_time()
            model = recipe.fit(train, seed=seed)
            seconds.append(time.perf_counter() - started)
            cpu.append(time.process_time() - used)
            errors.append(tm.evaluate(model, test).mse)
        rmse, mse = statistics.mean(np.sqrt(errors)), statistics.mean(errors)
        spread = max(errors) - min(errors)
        times = " | ".join(f"{statistics.median(one):.2f}" for one in (seconds, cpu))
        lines.append(f"| `{name}` | {rmse:.4f} | {mse:.4f} | {spread:.4f} | {times} |")
        print(lines[-1], flush=True)
    return lines


def folds(folder: Path) -> Iterator[tuple[Ratings, Ratings]]:
    """Train and test of each published fold of MovieLens 100K, with the columns of the whole."""
    with tempfile.TemporaryDirectory() as parent:
        whole = Path(parent) / "ml-100k"
        shutil.copytree(folder, whole)
        parts = [(folder / f"u1.{part}").read_bytes() for part in ("base", "test")]
        (whole / "u.data").write_bytes(b"".join(parts))
        ratings = tm.load_dataset("movielens-100k", whole)
    pairs = ratings.users.astype(np.int64) * ratings.n_items + ratings.items
    for fold in range(1, 6):
        rows = np.loadtxt(folder / f"u{fold}.test", np.int64, usecols=(0, 1))
        users, items = ratings.user_ids.codes(rows[:, 0]), ratings.item_ids.codes(rows[:, 1])
        tested = np.isin(pairs, users.astype(np.int64) * ratings.n_items + items)
        yield ratings.take(~tested), ratings.take(tested)


if __name__ == "__main__":
    main()
