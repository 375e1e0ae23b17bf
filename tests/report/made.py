"""A small model made by hand, whose titles are hostile: quick to make, and it has everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import tastemap as tm
from tastemap.models.distil import distil
from tastemap.models.factors import FactorModel
from tastemap.models.posterior import PosteriorModel
from tastemap.training.history import Epoch, TrainingHistory
from tests.conftest import SCRIPT, make_ratings

if TYPE_CHECKING:
    from tastemap.data.ratings import Ratings
    from tastemap.recommender import Recommender
    from tastemap.training.recipe import Recipe

HOSTILE = [
    SCRIPT,
    '"><img src=x onerror=alert(2)>',
    "</script><script>alert(3)</script>",
    "<!-- & --> {{ 7 * 7 }} &lt;b&gt;",
    "Cost $5 or $x^2$ (1999)",
    "七人の侍 (1954)",
    "שלום וברכה",
    "New\nline\tand \x07 bell",
    "A title that goes on and on, " * 4 + "(2001)",
]


def hostile_ratings(n_users: int = 40, n_items: int = 120, seed: int = 3) -> Ratings:
    """Ratings of items, the first rated most; titles 0 and on, 60 and on are hostile."""
    rng = np.random.default_rng(seed)
    often = 0.95 - 0.85 * np.arange(n_items) / n_items
    rows = [
        (user, item, float(rng.integers(1, 11)) / 2)
        for user in range(n_users)
        for item in range(n_items)
        if rng.random() < often[item] or user == 0
    ]
    titles: list[object] = [f"Film {number} (1999)" for number in range(n_items)]
    for start in (0, 60):
        titles[start : start + len(HOSTILE)] = HOSTILE
    genres: list[object] = [("Drama|War", SCRIPT, "Comedy", None)[k % 4] for k in range(n_items)]
    years: list[object] = [None if k % 9 == 0 else 1950 + k % 60 for k in range(n_items)]
    return make_ratings(rows, metadata={"title": titles, "genres": genres, "year": years})


def history(n: int = 6) -> TrainingHistory:
    """A learning curve whose best epoch is the last but one."""
    epochs = tuple(
        Epoch(
            number=number,
            of=n,
            learning_rate=0.01,
            training_loss=0.7 + 1 / number,
            validation_mse=0.8 + 0.5 / number,
            seconds=0.1,
        )
        for number in range(1, n + 1)
    )
    return TrainingHistory(epochs=epochs, best_epoch=n - 1)


def unsure(train: Ratings, *, factors: int = 4, draws: int = 5, seed: int = 0) -> Recommender:
    """A posterior of random numbers that passes for a BayesianMF trained on ``train``."""
    rng = np.random.default_rng(seed)
    users, items = (
        (rng.normal(0, 0.3, (n, factors + 1)) + rng.normal(0, 0.1, (draws, n, factors + 1))).astype(
            np.float32
        )
        for n in (train.n_users, train.n_items)
    )
    distilled = distil(users, items, train.mean, train.user_counts, train.item_counts)
    model = PosteriorModel.of(distilled, users, items, train.mean, np.full(draws, 2.0))
    return tm.Recommender.of(
        model,
        train,
        None,
        recipe=tm.BayesianMF(factors=factors),
        seed=seed,
        history=history(),
        seconds=1.5,
    )


def made(
    train: Ratings,
    valid: Ratings | None = None,
    *,
    recipe: Recipe | None = None,
    factors: int = 4,
    seed: int = 0,
) -> Recommender:
    """A factor model of random numbers that passes for one trained on ``train``."""
    rng = np.random.default_rng(seed)
    model = FactorModel(
        mean=train.mean,
        user_bias=rng.normal(0, 0.3, train.n_users).astype(np.float32),
        item_bias=rng.normal(0, 0.3, train.n_items).astype(np.float32),
        user_factors=rng.normal(0, 0.4, (train.n_users, factors)).astype(np.float32),
        item_factors=rng.normal(0, 0.4, (train.n_items, factors)).astype(np.float32),
    )
    return tm.Recommender.of(
        model,
        train,
        valid,
        recipe=recipe or tm.BiasedMF(factors=factors),
        seed=seed,
        history=history(),
        seconds=1.5,
    )
