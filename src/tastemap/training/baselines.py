"""The two baselines every model must beat: the mean, and biases alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from tastemap.arrays import Codes, Float64s
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError
from tastemap.models.bias import BiasModel
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.recipe import Recipe


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
        sweeps: how many times both sides are solved.
    """

    name: ClassVar[str] = "biases"

    user_damping: float = 5.0
    item_damping: float = 5.0
    sweeps: int = 10

    def __post_init__(self) -> None:
        if self.user_damping < 0 or self.item_damping < 0:
            raise ConfigError("user_damping and item_damping must not be negative")
        if self.sweeps < 1:
            raise ConfigError(f"sweeps must be at least 1, got {self.sweeps}")

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
        weights = np.ones(len(train)) if train.weights is None else train.weights.astype(float)
        residual = train.values - train.mean
        user_bias, item_bias = np.zeros(train.n_users), np.zeros(train.n_items)

        def damped(codes: Codes, rest: Float64s, n: int, damping: float) -> Float64s:
            # b = Σ w (r - rest) / (damping + Σ w), 0 where there is nothing to divide by
            total = np.bincount(codes, weights * rest, minlength=n)
            count = np.bincount(codes, weights, minlength=n) + damping
            bias: Float64s = np.divide(total, count, out=np.zeros(n), where=count > 0)
            return bias

        for _ in range(self.sweeps):
            rest = residual - user_bias[train.users]
            item_bias = damped(train.items, rest, train.n_items, self.item_damping)
            rest = residual - item_bias[train.items]
            user_bias = damped(train.users, rest, train.n_users, self.user_damping)
        return BiasModel(
            mean=train.mean,
            user_bias=user_bias.astype(np.float32),
            item_bias=item_bias.astype(np.float32),
        )
