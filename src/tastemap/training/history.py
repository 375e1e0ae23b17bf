"""What happened while a model was trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tastemap.tables import Table


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass over the training ratings.

    Attributes:
        number: 1 for the first.
        of: planned number of epochs.
        learning_rate: step size during this epoch.
        training_loss: mean over the batches of what was minimised, penalty included.
        validation_mse: mean squared error on the validation ratings, without penalty, unclipped;
            None without validation ratings.
        seconds: wall time of the epoch, compilation included.
    """

    number: int
    of: int
    learning_rate: float
    training_loss: float
    validation_mse: float | None
    seconds: float


OnEpoch = Callable[[Epoch], None]
"""Called after each epoch: how progress bars hear of progress."""


@dataclass(frozen=True, kw_only=True)
class TrainingHistory(Table):
    """The learning curve.

    Attributes:
        epochs: in order.
        best_epoch: number of the epoch whose weights were kept; None when the last were.
        stopped: why training ended: ``"finished"``, ``"early"`` or ``"interrupted"``.
    """

    epochs: tuple[Epoch, ...] = ()
    best_epoch: int | None = None
    stopped: str = "finished"

    def columns(self) -> dict[str, list[Any]]:
        """Epoch, learning rate, training loss, validation MSE and seconds."""
        return {
            "epoch": [epoch.number for epoch in self.epochs],
            "learning_rate": [epoch.learning_rate for epoch in self.epochs],
            "training_loss": [epoch.training_loss for epoch in self.epochs],
            "validation_mse": [epoch.validation_mse for epoch in self.epochs],
            "seconds": [epoch.seconds for epoch in self.epochs],
        }

    def to_json(self) -> dict[str, Any]:
        """The history as plain values, for a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TrainingHistory:
        """The history that `to_json` gave."""
        epochs = tuple(Epoch(**epoch) for epoch in stored["epochs"])
        return cls(epochs=epochs, best_epoch=stored["best_epoch"], stopped=stored["stopped"])
