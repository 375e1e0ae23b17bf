"""Lists for everybody: the ten best unseen items of each user, against the bare matrix product.

    python benchmarks/top_n.py

A million made ratings (6,040 users, 3,706 items), factors of `BiasedMF`; on one core and on all,
medians of 21 runs, in turn, each after a pause. The bare product is what no exact list can do
without: user factors times item factors, written to memory. Writes results/top-n.md.
"""

from __future__ import annotations

import datetime
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np
from epoch_speed import machine
from threadpoolctl import threadpool_limits

import tastemap as tm
from tastemap.data.synthetic import SIZES, synthetic_ratings

RUNS = 21
PAUSE = 0.4
"""Seconds before each run: after a product on all cores, the threads of the linear algebra library
go on waiting busily for more than 0.1 s, on the cores that what comes next would use."""


def main() -> None:
    ratings = synthetic_ratings(*SIZES["1M"]).ratings
    model = tm.BiasedMF(solver="als").fit(ratings)
    rows = []
    available = os.sched_getaffinity(0)
    for cores in sorted({1, len(available)}):
        os.sched_setaffinity(0, sorted(available)[:cores])
        with threadpool_limits(cores):
            bare, lists = measure(model)
        times = f"{1000 * bare:.1f} | {1000 * lists:.1f} | {bare / lists:.0%}"
        rows.append(f"| {cores} | {times} |\n")
    today = datetime.datetime.now(datetime.UTC).date()
    text = (
        "# Lists for everybody\n\n"
        f"{today}, {machine()}, python {platform.python_version()}, numpy {np.__version__}. "
        f"`python benchmarks/top_n.py`: the ten best unseen items of each of {ratings.n_users:,} "
        f"users among {ratings.n_items:,}, {model.model.user_factors.shape[1]} factors, medians of "
        f"{RUNS} runs.\n\n"
        "| cores | bare matrix product, ms | lists, ms | share of the bare product's speed |\n"
        "|---:|---:|---:|---:|\n" + "".join(rows)
    )
    (Path(__file__).parent / "results" / "top-n.md").write_text(text, encoding="utf-8")
    print(text)


def measure(model: tm.Recommender) -> tuple[float, float]:
    """Seconds of the bare product, and of lists for everybody."""
    users = np.arange(model.ratings.n_users, dtype=np.int32)
    left, right = model.model.user_factors, model.model.item_factors.T
    model.recommend_codes(users)  # compiles, or loads what was compiled
    ways = {"bare product": lambda: left @ right, "lists": lambda: model.recommend_codes(users)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, way in ways.items():
            time.sleep(PAUSE)
            started = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - started)
    bare, lists = (statistics.median(one) for one in times.values())
    return bare, lists


if __name__ == "__main__":
    main()
