"""The two baselines every model must beat: the mean, and biases alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from tastemap import arguments
from tastemap.arrays import Codes, Float64s, Int64s, Values
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import UNKNOWN
from tastemap.models.bias import BiasModel
from tastemap.models.protocol import blocks
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.recipe import Recipe

_AT_ONCE = 1 << 20
"""Ratings that a thread takes in one go, so that memory does not grow with them."""
_SETTLED = 1e-5
"""Of the width of the scale: biases that move by less are taken as solved."""


@dataclass(frozen=True, kw_only=True)
class GlobalMean(Recipe):
    """Predict the mean rating for everybody and everything."""

    name: ClassVar[str] = "mean"

    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[BiasModel, TrainingHistory]:
        model = BiasModel(
            mean=train.mean,
            user_bias=np.zeros(train.n_users, np.float32),
            item_bias=np.zeros(train.n_items, np.float32),
        )
        return model, TrainingHistory()


@dataclass(frozen=True, kw_only=True)
class BiasesOnly(Recipe):
    """Predict mean + user bias + item bias, fitted by damped least squares.

    Minimises Σ (r - μ - b_u - c_i)² + user_damping Σ b² + item_damping Σ c² by solving for all
    users and all items in turn; each half-step has a closed form (Koren, Bell & Volinsky 2009,
    "Matrix factorization techniques for recommender systems", the baseline of equation 3).

    Attributes:
        user_damping: the bias of a user with this many ratings is half what the ratings say.
        item_damping: the same for items.
        sweeps: at most so many times both sides are solved; fewer when nothing moves any more.
    """

    name: ClassVar[str] = "biases"

    user_damping: float = 5.0
    item_damping: float = 5.0
    sweeps: int = 10

    def __post_init__(self) -> None:
        arguments.number("user_damping", self.user_damping, least=0)
        arguments.number("item_damping", self.item_damping, least=0)
        arguments.integer("sweeps", self.sweeps, 1)

    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[BiasModel, TrainingHistory]:
        return self.solve(train), TrainingHistory()

    def solve(self, train: Ratings) -> BiasModel:
        """The fitted biases themselves; also the fallback of every other model."""
        users, items, values = train.users, train.items, train.values

        def above_mean(part: slice) -> Float64s:
            return values[part].astype(np.float64) - train.mean

        with _Sums(train) as sums:
            user_total = sums.of(users, train.n_users, above_mean)
            item_total = sums.of(items, train.n_items, above_mean)
            user_weight = sums.weights(users, train.user_counts) + self.user_damping
            item_weight = sums.weights(items, train.item_counts) + self.item_damping
            user_bias, item_bias = np.zeros(train.n_users), np.zeros(train.n_items)
            low, high = train.scale
            for _ in range(self.sweeps):
                # b = Σ w (r - μ - the other's bias) / (damping + Σ w)
                before = user_bias
                rest = item_total - sums.of(items, train.n_items, partial(_of, before, users))
                item_bias = _divided(rest, item_weight)
                rest = user_total - sums.of(users, train.n_users, partial(_of, item_bias, items))
                user_bias = _divided(rest, user_weight)
                if np.max(np.abs(user_bias - before), initial=0) <= _SETTLED * (high - low):
                    break
        return BiasModel(
            mean=train.mean,
            user_bias=user_bias.astype(np.float32),
            item_bias=item_bias.astype(np.float32),
        )


class _Sums:
    """Sums over the ratings of each code, on every core; use it in a ``with`` statement.

    NumPy lets go of Python's lock in all of this. The parts are added in order, so that the sums
    are the same on any number of threads.
    """

    def __init__(self, train: Ratings) -> None:
        self._ratings = train
        self._parts = list(blocks(len(train), _AT_ONCE))

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(os.cpu_count()) if len(self._parts) > 1 else None
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def of(self, codes: Codes, n: int, value: Callable[[slice], Float64s]) -> Float64s:
        """Σ w value of each code, shape (n,), from the values of a part of the ratings."""
        weights = self._ratings.weights

        def sums(part: slice) -> Float64s:
            weighted = value(part) if weights is None else value(part) * weights[part]
            return np.bincount(codes[part], weighted, minlength=n).astype(np.float64, copy=False)

        total = np.zeros(n)
        for some in self._pool.map(sums, self._parts) if self._pool else map(sums, self._parts):
            total += some
        return total

    def weights(self, codes: Codes, counts: Int64s) -> Float64s:
        """Σ w of each code."""
        if self._ratings.weights is None:
            return counts.astype(np.float64)
        return self.of(codes, len(counts), lambda part: np.ones(part.stop - part.start))


def _of(bias: Float64s, codes: Codes, part: slice) -> Float64s:
    return bias[codes[part]]


def _divided(total: Float64s, weight: Float64s) -> Float64s:
    """0 where there is nothing to divide by."""
    return np.divide(total, weight, out=np.zeros(len(total)), where=weight > 0)


def newcomer_bias(of: BiasModel, items: Codes, values: Values) -> float:
    """The user bias that a model of biases would have of somebody with these ratings.

    Args:
        of: the model.
        items: item code of each rating, shape (n,).
        values: the ratings, shape (n,).
    """
    # Σ (r - μ - c) / (n + damping)
    rest = values - of.predict_pairs(np.full(len(items), UNKNOWN), items)
    return float(rest.sum()) / (len(rest) + BiasesOnly().user_damping)
