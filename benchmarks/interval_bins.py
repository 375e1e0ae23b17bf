"""Which share of held-out ratings lies inside the 80 % intervals, by activity and popularity.

    python benchmarks/interval_bins.py [--ml-100k FOLDER]

`BayesianMF` as it is by default, fitted to 80 % of the bundled ratings in twelve random splits, and
to the five published folds of MovieLens 100K when its folder is given. One split says little of a
bin: its rows are of few users, whose errors are not independent. Writes results/interval-bins.md.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from pathlib import Path

import data_sets
import numpy as np
from epoch_speed import machine
from run_peer import load_rows

import tastemap as tm
from tastemap.evaluation.coverage import Coverage

SPLITS, LEVEL = 12, 0.8


def bundled() -> list[Coverage]:
    ratings = tm.load_dataset("movielens-small")
    found = []
    for seed in range(SPLITS):
        split = tm.split.random(ratings, valid_fraction=0.2, seed=100 + seed)
        model = tm.BayesianMF().fit(split.train, seed=seed)
        found.append(tm.coverage(model, split.valid, level=LEVEL))
    return found


def folds(folder: Path) -> list[Coverage]:
    found = []
    for name in data_sets.FOLDS:
        rows = data_sets.folder_of(name, folder)
        train, test = (data_sets.as_ratings(load_rows(rows, part)) for part in ("train", "test"))
        found.append(tm.coverage(tm.BayesianMF().fit(train), test, level=LEVEL))
    return found


def table(what: str, found: list[Coverage]) -> str:
    shares = np.array([one.shares for one in found])
    rows = np.mean([one.rows for one in found], axis=0)
    text = f"## {what}\n\n| users | items | rows | mean held | deviation | lowest | highest |\n"
    text += "|---|---|---:|---:|---:|---:|---:|\n"
    names = ("few ratings", "some", "many")
    for user, item in np.ndindex(shares.shape[1:]):
        cell = shares[:, user, item]
        text += f"| {names[user]} | {names[item]} | {rows[user, item]:,.0f} | {cell.mean():.1%} "
        text += f"| {cell.std(ddof=1):.1%} | {cell.min():.1%} | {cell.max():.1%} |\n"
    overall = np.mean([one.share for one in found])
    return text + f"\nOver all rows: {overall:.1%} on average.\n\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ml-100k", type=Path)
    folder = parser.parse_args().ml_100k
    today = datetime.datetime.now(datetime.UTC).date()
    text = (
        "# Ratings inside their 80 % intervals\n\n"
        f"{today}, {machine()}, python {platform.python_version()}, numpy {np.__version__}. "
        "`python benchmarks/interval_bins.py`: `BayesianMF()`; bins of the model's calibration.\n\n"
        + table(f"Bundled ratings, {SPLITS} random splits", bundled())
    )
    if folder is not None:
        text += table("MovieLens 100K, five folds", folds(folder))
    out = Path(__file__).parent / "results" / "interval-bins.md"
    out.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
