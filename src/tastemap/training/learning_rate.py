"""The learning-rate finder: one short run in which the rate grows, and what the loss does.

Smith 2017, "Cyclical learning rates for training neural networks", section 3.3. Of the ways to
read the curve, this is the one that noise disturbs least: a tenth of the rate at which the loss is
smallest (Howard & Gugger 2020, "Deep learning for coders", chapter 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap.arrays import Float64s, frozen
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError
from tastemap.randomness import stream
from tastemap.tables import Table

if TYPE_CHECKING:
    from tastemap.training.gradient_recipes import GradientRecipe

_SMOOTHING = 0.9
# Below the rate of the smallest loss, the loss still falls and nothing is about to diverge.
_BELOW = 10.0
# A loss that falls by less than this share has not fallen: batches differ by as much.
_FALLS = 0.01
# A loss of this many times the smallest has diverged.
_DIVERGED = 4.0


@dataclass(frozen=True, eq=False, kw_only=True)
class LearningRateCurve(Table):
    """Loss against learning rate while the rate grows from batch to batch.

    Attributes:
        learning_rates: rising by a constant factor, shape (n,); the curve ends where the loss
            diverges.
        losses: of the batch at each rate before its step, penalty included, smoothed
            exponentially, shape (n,).
        suggestion: a tenth of the rate at which the loss is smallest; None when no rate made it
            fall by more than a hundredth.
    """

    learning_rates: Float64s
    losses: Float64s
    suggestion: float | None

    def __post_init__(self) -> None:
        for name in ("learning_rates", "losses"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float64))

    def columns(self) -> dict[str, Any]:
        """Learning rate and loss."""
        return {"learning_rate": self.learning_rates, "loss": self.losses}

    @property
    def notes(self) -> list[str]:
        """The rate to take."""
        if self.suggestion is None:
            return ["no rate made the loss fall"]
        return [f"take {self.suggestion:.2g}"]


def find_learning_rate(
    recipe: GradientRecipe,
    train: Ratings,
    *,
    seed: int,
    lowest: float = 1e-6,
    highest: float = 1.0,
    n_batches: int = 1000,
) -> LearningRateCurve:
    """Train on ``n_batches`` batches while the rate grows, and look where the loss is smallest.

    Args:
        recipe: what is to be trained; its schedule plays no part.
        train: ratings; they are used more than once when there are few.
        seed: of everything random.
        lowest: rate of the first batch.
        highest: rate of the last.
        n_batches: how many steps.

    Raises:
        DataError: there are no training ratings.
        MissingExtraError: JAX or optax is not installed.
    """
    gradient = recipe.trainer()
    from tastemap.training.epochs import batched

    if not len(train):
        raise DataError("there are no ratings to train on")
    order = stream(seed, "adam/learning-rate/shuffle").permutation(len(train))
    size = min(recipe.batch_size, len(train))
    batches, sizes = batched(train, np.resize(order, n_batches * size), size)
    rates = np.geomspace(lowest, highest, len(sizes))
    _, losses = gradient.run(
        gradient.start(recipe.initial(train, seed), recipe.form),
        batches,
        rates.astype(np.float32),
        form=recipe.form,
        mean=train.mean if recipe.mean_term else 0.0,
        l2=recipe.l2_of_batch(len(train)),
        averaging=recipe.averaging,
        dropout_seed=int(stream(seed, "adam/learning-rate/dropout").integers(2**31)),
    )
    return curve(rates, losses)


def curve(learning_rates: Float64s, losses: Float64s) -> LearningRateCurve:
    """Smooth the losses, end the curve where they diverge, and read the rate to take from it.

    Args:
        learning_rates: rising by a constant factor, shape (n,).
        losses: of the batch at each rate, shape (n,); may end in infinities or NaN.
    """
    smoothed = np.empty(len(losses))
    sum_of_losses = 0.0
    for step, loss in enumerate(losses):
        # Exponential mean, corrected for its start at 0 (Kingma & Ba 2015, section 3).
        sum_of_losses = _SMOOTHING * sum_of_losses + (1 - _SMOOTHING) * loss
        smoothed[step] = sum_of_losses / (1 - _SMOOTHING ** (step + 1))
    lost = ~(smoothed <= _DIVERGED * np.fmin.accumulate(smoothed))
    end = int(np.argmax(lost)) if lost.any() else len(losses)
    rates, smoothed = learning_rates[:end], smoothed[:end]
    suggestion = None
    if end and smoothed.min() < (1 - _FALLS) * smoothed[0]:
        suggestion = float(rates[np.argmin(smoothed)] / _BELOW)
    return LearningRateCurve(learning_rates=rates, losses=smoothed, suggestion=suggestion)
