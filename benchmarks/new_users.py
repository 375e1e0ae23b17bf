"""How long it takes to take in somebody new: 10,000 items, 64 factors, 50 ratings.

    OPENBLAS_NUM_THREADS=1 python benchmarks/new_users.py

A model of made-up factors is asked as a service would ask it: ratings by id in, the ten best items
with their titles out. Prints CPU milliseconds of a call, the median of five rounds of 200.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

import tastemap as tm
from tastemap.models.factors import FactorModel
from tastemap.training.history import TrainingHistory

N_USERS, N_ITEMS, FACTORS, RATED = 2_000, 10_000, 64, 50


def main() -> None:
    chance = np.random.default_rng(0)
    pairs = [(user, item) for user in range(N_USERS)
             for item in chance.choice(N_ITEMS, RATED, replace=False)]  # fmt: skip
    users, items = np.transpose(pairs)
    values = chance.integers(1, 11, len(pairs)) / 2
    ratings = tm.read_ratings(pa.table({"user": users, "item": items, "rating": values}))
    model = FactorModel(
        mean=3.5,
        user_bias=chance.normal(0, 0.3, ratings.n_users),
        item_bias=chance.normal(0, 0.3, ratings.n_items),
        user_factors=chance.normal(0, 0.2, (ratings.n_users, FACTORS)),
        item_factors=chance.normal(0, 0.2, (ratings.n_items, FACTORS)),
    )
    fitted = tm.Recommender.of(
        model, ratings, None, recipe=tm.BiasedMF(factors=FACTORS), seed=0,
        history=TrainingHistory(), seconds=0,
    )  # fmt: skip
    chosen = chance.choice(ratings.item_ids.ids.to_pylist(), RATED, replace=False)
    mine = {int(item): float(chance.integers(1, 11) / 2) for item in chosen}
    print(f"fold in {RATED} ratings: {milliseconds(lambda: fitted.fold_in(mine)):.2f} ms")
    both = milliseconds(lambda: fitted.recommend(ratings=mine, n=10))
    print(f"fold in and list the best ten: {both:.2f} ms")


def milliseconds(call: Callable[[], object]) -> float:
    call()
    rounds = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(200):
            call()
        rounds.append((time.process_time() - started) / 200 * 1000)
    return statistics.median(rounds)


if __name__ == "__main__":
    main()
