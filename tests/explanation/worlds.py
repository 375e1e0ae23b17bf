"""Ratings and models made by hand or by chance, for the tests of reading a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.models.calibration import Calibration
from tastemap.models.distil import distil
from tastemap.models.factors import FactorModel
from tastemap.models.network import NetworkModel
from tastemap.models.posterior import PosteriorModel
from tastemap.recommender import Recommender
from tastemap.training.baselines import BiasesOnly
from tastemap.training.history import TrainingHistory


def some_ratings(
    n_users: int, n_items: int, *, seed: int = 0, fill: float = 0.4, cold: int = 1
) -> Ratings:
    """Ratings at random; the last ``cold`` users and items have none."""
    random = np.random.default_rng(seed)
    given = random.random((n_users, n_items)) < fill
    given[0, : n_items - cold] = given[: n_users - cold, 0] = True
    if cold:
        given[-cold:] = given[:, -cold:] = False
    users, items = np.nonzero(given)
    order = random.permutation(len(users))
    item_ids = Vocabulary(pa.array(100 + random.permutation(n_items)), "item")
    titles = [f"Film {raw}" for raw in item_ids.ids.to_pylist()]
    return Ratings(
        users=users[order],
        items=items[order],
        values=random.integers(1, 11, len(users)) / 2,
        user_ids=Vocabulary(pa.array(10 + random.permutation(n_users)), "user"),
        item_ids=item_ids,
        catalog=Catalog(item_ids, pa.table({"title": titles})),
    )


def factor_model(
    ratings: Ratings, k: int, *, seed: int = 0, biases: bool = True, offset: float = 0.4
) -> FactorModel:
    """Factors at random, the first of them the largest, with means away from zero."""
    random = np.random.default_rng(seed)
    sizes = 1 / np.arange(1, k + 1)
    n_users, n_items = ratings.n_users, ratings.n_items
    return FactorModel(
        mean=3.5 if biases else 0.0,
        user_bias=random.normal(0, 0.4, n_users) if biases else None,
        item_bias=random.normal(0, 0.5, n_items) if biases else None,
        user_factors=random.normal(offset, sizes, (n_users, k)),
        item_factors=random.normal(offset, sizes, (n_items, k)),
    )


def posterior_model(
    ratings: Ratings,
    k: int,
    *,
    draws: int = 6,
    seed: int = 0,
    calibration: Calibration | None = None,
) -> PosteriorModel:
    """Draws at random around factors at random."""
    random = np.random.default_rng(seed)
    centre = factor_model(ratings, k, seed=seed)
    sides = []
    for factors, bias in (
        (centre.user_factors, centre.user_bias),
        (centre.item_factors, centre.item_bias),
    ):
        assert bias is not None
        both = np.column_stack([factors, bias])
        sides.append((both + random.normal(0, 0.2, (draws, *both.shape))).astype(np.float32))
    users, items = sides
    distilled = distil(users, items, 3.5, ratings.user_counts, ratings.item_counts)
    noise = random.uniform(0.5, 0.7, draws)
    model = PosteriorModel.of(distilled, users, items, 3.5, noise)
    return replace(model, calibration=calibration)


def network_model(ratings: Ratings, k: int = 4, *, seed: int = 0) -> NetworkModel:
    random = np.random.default_rng(seed)
    return NetworkModel(
        mean=3.5,
        user_factors=random.normal(0, 1, (ratings.n_users, k)),
        item_factors=random.normal(0, 1, (ratings.n_items, k)),
        weights=(random.normal(0, 0.5, (2 * k, 6)), random.normal(0, 0.5, (6, 1))),
        offsets=(random.normal(0, 0.5, 6), random.normal(0, 0.5, 1)),
    )


def recommender(model: FactorModel | NetworkModel, ratings: Ratings) -> Recommender:
    return Recommender(
        model=model,
        ratings=ratings,
        recipe=BiasesOnly(),
        seed=0,
        history=TrainingHistory(),
        seconds=0.0,
        fallback=BiasesOnly().solve(ratings),
    )


def rotated(model: FactorModel, *, seed: int = 1) -> FactorModel:
    """The same predictions in another basis: P A and Q A⁻ᵀ for an invertible A."""
    k = model.user_factors.shape[1]
    random = np.random.default_rng(seed)
    q, _ = np.linalg.qr(random.normal(size=(k, k)))
    a = q * random.uniform(0.5, 2, k)  # invertible, and not a rotation
    return FactorModel(
        mean=model.mean,
        user_bias=model.user_bias,
        item_bias=model.item_bias,
        user_factors=model.user_factors.astype(np.float64) @ a,
        item_factors=model.item_factors.astype(np.float64) @ np.linalg.inv(a).T,
    )
