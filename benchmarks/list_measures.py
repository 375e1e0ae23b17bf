"""Time and memory of measuring lists: every user of a million ratings, all items ranked.

    OPENBLAS_NUM_THREADS=1 python benchmarks/list_measures.py

Made ratings of the size of MovieLens 1M (`tastemap.data.synthetic`), 80 % to train on. Prints CPU
and wall seconds of all measures of lists at k=10, scores included, and what memory that takes.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from epoch_speed import machine

import tastemap as tm
from tastemap.data.synthetic import SIZES, synthetic_ratings
from tastemap.evaluation.evaluate import codes_of
from tastemap.evaluation.lists import rank
from tastemap.evaluation.memory import PeakMemory
from tastemap.models.bias import BiasModel
from tastemap.models.factors import FactorModel

FACTORS = 50
REPEATS = 5


def main() -> None:
    ratings = synthetic_ratings(*SIZES["1M"]).ratings
    split = tm.split.random(ratings)
    biases = tm.BiasesOnly().fit(split.train)
    assert isinstance(biases.model, BiasModel)
    random = np.random.default_rng(0)
    # What the factors are does not matter for the time it takes.
    factors = FactorModel(
        mean=biases.model.mean,
        user_bias=biases.model.user_bias,
        item_bias=biases.model.item_bias,
        user_factors=random.normal(0, 0.1, (ratings.n_users, FACTORS)),
        item_factors=random.normal(0, 0.1, (ratings.n_items, FACTORS)),
    )
    print(machine())
    for name, model in (("50 factors", replace(biases, model=factors)), ("biases", biases)):
        for _ in range(REPEATS):
            users, items = codes_of(split.valid, split.train)
            wall, cpu = time.perf_counter(), time.process_time()
            with PeakMemory() as memory:
                found = rank(model, split.valid, users, items, k=(10,))
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            assert found is not None
            added = "unknown" if memory.bytes is None else f"{memory.bytes / 1e6:.0f} MB"
            print(f"{name}: {found.measures.users:,} lists, {cpu:.2f} CPU s, {wall:.2f} s, {added}")


if __name__ == "__main__":
    main()
