"""Alternating least squares that finds its regularization, against the best of a grid.

    python benchmarks/regularization.py [--ml-100k FOLDER]

λ is weighted by the ratings of each row, as in most libraries; the best of the grid is chosen on a
fifth of the training rows, then fitted to all of them. 16 factors. Writes
results/regularization.md.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from pathlib import Path

import data_sets
from epoch_speed import machine

import tastemap as tm

GRID = (0.02, 0.03, 0.05, 0.08, 0.12, 0.2)
FACTORS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ml-100k", type=Path, help="folder with u1.base ... of MovieLens 100K")
    arguments = parser.parse_args()
    names = ["bundled", "1M", "10M"]
    if arguments.ml_100k:
        names.insert(1, "ml-100k-1")
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [
        "# Regularization found by itself, against the best of a grid",
        "",
        f"{today}, {machine()}, python {platform.python_version()}. "
        f"`python benchmarks/regularization.py`: {FACTORS} factors, λ one of {GRID}, chosen on a "
        "fifth of the training rows; RMSE on the test rows.",
        "",
        '| data | `regularization="auto"` | best λ of the grid | with it |',
        "|---|---:|---:|---:|",
    ]
    for name in names:
        train, test = _parts(name, arguments.ml_100k)
        auto = _error("auto", train, test)
        inner = tm.split.random(train, valid_fraction=0.2, seed=1)
        best = min(GRID, key=lambda one: _error(one, inner.train, inner.valid))
        lines.append(f"| {name} | {auto:.4f} | {best} | {_error(best, train, test):.4f} |")
        print(lines[-1], flush=True)
    file = Path(__file__).parent / "results" / "regularization.md"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _parts(name: str, ml_100k: Path | None) -> tuple[tm.Ratings, tm.Ratings]:
    folder = data_sets.folder_of(name, ml_100k)
    parts = (data_sets.load_rows(folder, part) for part in ("train", "test"))
    train, test = (data_sets.as_ratings(rows) for rows in parts)
    return train, test


def _error(regularization: object, train: tm.Ratings, test: tm.Ratings) -> float:
    recipe = tm.BiasedMF(solver="als", factors=FACTORS, regularization=regularization)
    return tm.evaluate(recipe.fit(train), test, k=None).rmse


if __name__ == "__main__":
    main()
