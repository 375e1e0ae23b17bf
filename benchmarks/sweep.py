"""Seconds of one sweep of alternating least squares: every user, then every item.

    python benchmarks/sweep.py

10 million made ratings, nine tenths of which are trained on, 32 factors and a bias, on every core;
median of the sweeps after the first. The arithmetic of the normal equations alone stands beside it:
one multiplication with addition for each rating, side and entry of a triangle of 34 (factors, bias
and target). Writes results/sweep.md.
"""

from __future__ import annotations

import datetime
import platform
import statistics
from pathlib import Path

import data_sets
from epoch_speed import machine

import tastemap as tm

FACTORS, SWEEPS = 32, 9


def main() -> None:
    train = data_sets.as_ratings(data_sets.load_rows(data_sets.folder_of("10M"), "train"))
    operations = 2 * len(train) * (FACTORS + 2) * (FACTORS + 3) // 2
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [
        "# One sweep of alternating least squares",
        "",
        f"{today}, {machine()}, python {platform.python_version()}. `python benchmarks/sweep.py`: "
        f"{len(train):,} ratings of {train.n_users:,} users and {train.n_items:,} items, "
        f"{FACTORS} factors, median of {SWEEPS - 1} sweeps on every core. The normal equations "
        f"take {operations / 1e9:.0f} billion multiplications with addition a sweep.",
        "",
        "| regularization | seconds a sweep | billions a second |",
        "|---|---:|---:|",
    ]
    for named, regularization in (("a given λ", 0.05), ("found (`auto`)", "auto")):
        recipe = tm.BiasedMF(
            solver="als", factors=FACTORS, regularization=regularization, sweeps=SWEEPS,
            tolerance=0,
        )  # fmt: skip
        epochs = recipe.fit(train).history.epochs
        seconds = statistics.median(epoch.seconds for epoch in epochs[1:])
        lines.append(f"| {named} | {seconds:.2f} | {operations / seconds / 1e9:.0f} |")
        print(lines[-1], flush=True)
    file = Path(__file__).parent / "results" / "sweep.md"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
