"""Lists for everybody: the ten best unseen items of each user, against the bare matrix product.

    python benchmarks/top_n.py

A million made ratings (6,040 users, 3,706 items), factors of `BiasedMF`; one thread, medians of 21
runs, in turn. The bare product is what no exact list can do without: user factors times item
factors, written to memory. Writes results/top-n.md.
"""

from __future__ import annotations

import datetime
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


def main() -> None:
    ratings = synthetic_ratings(*SIZES["1M"]).ratings
    model = tm.BiasedMF(solver="als").fit(ratings)
    users = np.arange(ratings.n_users, dtype=np.int32)
    left, right = model.model.user_factors, model.model.item_factors.T
    times: dict[str, list[float]] = {"bare product": [], "lists": []}
    with threadpool_limits(1):
        for _ in range(RUNS):
            started = time.perf_counter()
            left @ right
            between = time.perf_counter()
            model.recommend_codes(users)
            times["bare product"].append(between - started)
            times["lists"].append(time.perf_counter() - between)
    bare, lists = (statistics.median(one) for one in times.values())
    today = datetime.datetime.now(datetime.UTC).date()
    text = (
        "# Lists for everybody\n\n"
        f"{today}, {machine()}, python {platform.python_version()}, numpy {np.__version__}. "
        f"`python benchmarks/top_n.py`: {ratings.n_users:,} users, {ratings.n_items:,} items, "
        f"{left.shape[1]} factors, one thread, medians of {RUNS} runs.\n\n"
        "| what | milliseconds | share of the bare product's speed |\n|---|---:|---:|\n"
        f"| bare matrix product | {1000 * bare:.1f} | 100 % |\n"
        f"| the ten best unseen items of each user | {1000 * lists:.1f} | {bare / lists:.0%} |\n"
    )
    (Path(__file__).parent / "results" / "top-n.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
