"""What searches are tested on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import MissingExtraError, TrainingError
from tastemap.evaluation.tuning import Tuning
from tastemap.models.bias import BiasModel
from tastemap.randomness import stream
from tastemap.training.history import Epoch, OnEpoch, TrainingHistory
from tastemap.training.recipe import Recipe

DAMPING = {"user_damping": (0.5, 500.0, "log"), "item_damping": (0.5, 500.0, "log")}


tune_biases = partial(tm.tune, tm.BiasesOnly(user_damping=400, item_damping=300), space=DAMPING)


def tried(tuning: Tuning) -> list[tuple[dict[str, Any], float | None]]:
    return [(dict(one.settings), one.value) for one in tuning.trials]


@dataclass(frozen=True, kw_only=True)
class Made(Recipe):
    """The mean and item biases that depend on a setting in a way the test knows.

    Attributes:
        bad: how far predictions are off.
        luck: with it, item biases are drawn by setting and seed: nothing is better than another.
        breaks: raises this.
        takes: seconds, of the clock that tests turn.
    """

    name: ClassVar[str] = "made"
    ran: ClassVar[list[tuple[float, int]]] = []
    now: ClassVar[float] = 0.0

    bad: float = 0.0
    luck: int | None = None
    breaks: str = ""
    takes: float = 0.0

    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[BiasModel, TrainingHistory]:
        Made.now += self.takes
        if self.breaks == "memory":
            raise MemoryError
        if self.breaks == "extra":
            raise MissingExtraError("no such library")
        if self.breaks:
            raise TrainingError(self.breaks)
        for number in range(1, 17):
            self.ran.append((self.bad, number))
            error = None if valid is None else self.bad + 1 / number
            epoch = Epoch(number=number, of=16, learning_rate=1, training_loss=1,
                          validation_mse=error, seconds=0)  # fmt: skip
            if on_epoch is not None:
                on_epoch(epoch)
        items = np.full(train.n_items, self.bad)
        if self.luck is not None:
            items = stream(seed, f"luck {self.luck}").normal(0, 0.2, train.n_items)
        model = BiasModel(
            mean=train.mean,
            user_bias=np.zeros(train.n_users, np.float32),
            item_bias=items.astype(np.float32),
        )
        return model, TrainingHistory()


def sixty_users(movielens: Ratings) -> Ratings:
    """The first sixty users of MovieLens, and what some of them have in common."""
    return movielens.take(movielens.users < 60).k_core(3, 3)
