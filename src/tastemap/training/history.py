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
        training_loss: mean over the training ratings of what was minimised, penalty included.
        validation_mse: mean squared error on the validation ratings, without penalty, unclipped;
            None without validation ratings.
        seconds: wall time of the epoch, compilation included.
        holdout_mse: the same error on the training ratings held out to choose the number of
            epochs; None when all were trained on.
        phase: ``"search"`` while the number of epochs is being chosen, ``"fit"`` otherwise.
    """

    number: int
    of: int
    learning_rate: float
    training_loss: float
    validation_mse: float | None
    seconds: float
    holdout_mse: float | None = None
    phase: str = "fit"


OnEpoch = Callable[[Epoch], None]
"""Called after each epoch: how progress bars hear of progress."""


@dataclass(frozen=True, kw_only=True)
class TrainingHistory(Table):
    """The learning curve.

    Attributes:
        epochs: of the run that gave the model, in order.
        best_epoch: number of the epoch whose weights were kept; None when the last were.
        stopped: why training ended: ``"finished"``, ``"early"`` (more epochs were planned, but
            the error on held-out ratings no longer fell) or ``"interrupted"``.
        search: the epochs that chose how many there should be, when the model was then trained
            anew on all ratings.
    """

    epochs: tuple[Epoch, ...] = ()
    best_epoch: int | None = None
    stopped: str = "finished"
    search: tuple[Epoch, ...] = ()

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
        return cls(
            epochs=tuple(Epoch(**epoch) for epoch in stored["epochs"]),
            best_epoch=stored["best_epoch"],
            stopped=stored["stopped"],
            search=tuple(Epoch(**epoch) for epoch in stored.get("search", ())),
        )
