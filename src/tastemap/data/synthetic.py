"""Ratings drawn from a known model, to measure what cannot be measured on real ones.

    rating = round to half stars(mean + b_u + c_i + p_u · q_i + noise), kept within the scale,

with normal biases and factors; as in real tastes, the first components count most. Who rates what
follows power laws: the chance of the user (or item) of rank n is as (n + offset)^-exponent. No
predictor has a smaller error in the long run than the true mean of each rating, rounding and the
ends of the scale included: its error is the floor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tastemap.arrays import Codes, Float64s, Int64s, Values, frozen
from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ConfigError
from tastemap.randomness import stream

SIZES: dict[str, tuple[int, int, int]] = {
    "1M": (6_040, 3_706, 1_000_000),
    "10M": (70_000, 10_700, 10_000_000),
    "25M": (162_000, 59_000, 25_000_000),
    "100M": (480_000, 17_800, 100_000_000),
}
"""Users, items and ratings of the MovieLens sets of these names, and of the Netflix prize."""

_AT_ONCE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class SyntheticModel:
    """What the ratings are drawn from, in units of stars.

    Attributes:
        mean: of all ratings.
        user_bias_deviation, item_bias_deviation: standard deviations of the biases.
        rank: numbers for each user and each item.
        taste_deviation: standard deviation of p_u · q_i.
        taste_decay: the j-th component of p_u · q_i has a standard deviation as j^-taste_decay.
        noise_deviation: standard deviation of the noise.
        user_exponent, item_exponent: of the power laws of activity and popularity.
        user_offset, item_offset: ranks before the power law sets in.
        scale: lowest and highest rating.
    """

    mean: float = 3.5
    user_bias_deviation: float = 0.4
    item_bias_deviation: float = 0.4
    rank: int = 20
    taste_deviation: float = 0.4
    taste_decay: float = 1.0
    noise_deviation: float = 0.857
    user_exponent: float = 0.6
    item_exponent: float = 0.9
    user_offset: float = 50.0
    item_offset: float = 30.0
    scale: tuple[float, float] = (0.5, 5.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class SyntheticRatings:
    """Ratings with the truth behind them.

    Attributes:
        ratings: half stars, one a pair of user and item at most, in order of user and item.
        expected: the true mean of each rating before it was drawn, shape (n_ratings,), float32.
    """

    ratings: Ratings
    expected: Values

    @property
    def floor(self) -> float:
        """Root mean squared error of the expected ratings, in stars."""
        difference = self.expected - self.ratings.values
        return float(np.sqrt(np.mean(np.square(difference, dtype=np.float64))))


def synthetic_ratings(
    n_users: int,
    n_items: int,
    n_ratings: int,
    *,
    model: SyntheticModel | None = None,
    seed: int = 0,
) -> SyntheticRatings:
    """Draw ratings of distinct pairs.

    Args:
        n_users: how many users; some may get no rating.
        n_items: how many items; some may get no rating.
        n_ratings: how many ratings.
        model: what to draw from; None for the defaults.
        seed: of everything drawn.

    Raises:
        ConfigError: a number is not positive, or the ratings would fill more than half of all
            pairs.

    Example:
        >>> made = synthetic_ratings(100, 50, 1000)
        >>> len(made.ratings)
        1000
    """
    model = model or SyntheticModel()
    if min(n_users, n_items, n_ratings) < 1:
        raise ConfigError(f"need at least 1 of each: {n_users=}, {n_items=}, {n_ratings=}")
    if n_ratings > n_users * n_items / 2:
        raise ConfigError(
            f"{n_ratings:,} ratings would fill more than half of {n_users:,} x {n_items:,} pairs"
        )
    user_chance = _power_law(
        n_users, model.user_exponent, model.user_offset, stream(seed, "synthetic/users")
    )
    item_chance = _power_law(
        n_items, model.item_exponent, model.item_offset, stream(seed, "synthetic/items")
    )
    pairs = _distinct_pairs(user_chance, item_chance, n_ratings, stream(seed, "synthetic/pairs"))
    users = (pairs // n_items).astype(np.int32)
    items = (pairs % n_items).astype(np.int32)
    centers = _centers(users, items, n_users, n_items, model, seed)
    noise = stream(seed, "synthetic/noise").standard_normal(n_ratings, np.float32)
    values = np.rint((centers + noise * np.float32(model.noise_deviation)) * 2) / 2
    user_ids = Vocabulary(np.arange(1, n_users + 1).tolist(), "user")
    item_ids = Vocabulary(np.arange(1, n_items + 1).tolist(), "item")
    ratings = Ratings(
        users=frozen(users, np.int32),
        items=frozen(items, np.int32),
        values=frozen(np.clip(values, *model.scale), np.float32),
        user_ids=user_ids,
        item_ids=item_ids,
        catalog=Catalog(item_ids),
        name=f"synthetic {n_users:,} x {n_items:,}",
    )
    return SyntheticRatings(
        ratings=ratings, expected=frozen(_mean_ratings(centers, model), np.float32)
    )


def _power_law(n: int, exponent: float, offset: float, chance: np.random.Generator) -> Float64s:
    """Cumulated chances of ``n`` codes, whose ranks are in random order, shape (n,)."""
    weights = chance.permutation((np.arange(n) + offset) ** -exponent)
    return np.asarray(np.cumsum(weights) / weights.sum())


def _distinct_pairs(
    users: Float64s, items: Float64s, n: int, chance: np.random.Generator
) -> Int64s:
    """``n`` different pairs, as user * n_items + item, in rising order."""
    pairs = np.empty(0, np.int64)
    while len(pairs) < n:
        wanted = int((n - len(pairs)) * 1.3) + 100
        user = np.searchsorted(users, chance.random(wanted))
        item = np.searchsorted(items, chance.random(wanted))
        # Rounding can leave the last chance a hair below 1.
        user, item = np.minimum(user, len(users) - 1), np.minimum(item, len(items) - 1)
        pairs = np.unique(np.concatenate([pairs, user * len(items) + item]))
    chosen = chance.choice(len(pairs), n, replace=False, shuffle=False)
    return np.sort(pairs[chosen])


def _centers(
    users: Codes, items: Codes, n_users: int, n_items: int, model: SyntheticModel, seed: int
) -> Values:
    """What each pair is rated before noise: mean + b_u + c_i + p_u · q_i, shape (n,)."""
    chance = stream(seed, "synthetic/model")
    user_bias = chance.standard_normal(n_users, np.float32) * model.user_bias_deviation
    item_bias = chance.standard_normal(n_items, np.float32) * model.item_bias_deviation
    user_factors = chance.standard_normal((n_users, model.rank), np.float32)
    item_factors = chance.standard_normal((n_items, model.rank), np.float32)
    # p · q has variance Σ decay², as a sum of products of standard normals.
    decay = np.arange(1.0, model.rank + 1) ** -model.taste_decay
    item_factors *= (model.taste_deviation * decay / np.linalg.norm(decay)).astype(np.float32)
    centers = np.empty(len(users), np.float32)
    for first in range(0, len(users), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        user, item = users[part], items[part]
        centers[part] = np.einsum("nk,nk->n", user_factors[user], item_factors[item])
        centers[part] += user_bias[user] + item_bias[item] + np.float32(model.mean)
    return centers


def _mean_ratings(centers: Values, model: SyntheticModel) -> Values:
    """Mean of the half stars that noise around each centre is rounded to, shape (n,).

    lowest + Σ ½ P(center + noise is nearer to this half star or a higher one than to a lower
    one), over the half stars above the lowest; from a table of 4001 centres.
    """
    low, high = model.scale
    edges = np.arange(low + 0.25, high, 0.5)
    grid = np.linspace(low - 5, high + 5, 4001)
    apart = grid[:, None] - edges
    if model.noise_deviation > 0:
        erf = np.vectorize(math.erf)
        above = (1 + erf(apart / (model.noise_deviation * math.sqrt(2)))) / 2
    else:
        above = (apart > 0).astype(np.float64)
    table = low + 0.5 * above.sum(axis=1)
    return np.asarray(np.interp(centers, grid, table), np.float32)
