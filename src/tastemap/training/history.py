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
        unit: what an epoch is called: ``"epoch"``, or ``"sweep"`` where rows are solved or drawn
            one after the other and there is no learning rate.
        loss: what the training loss is, in words.
        burn_in: sweeps at the beginning from which nothing is kept: a chain that is drawn from
            has yet to find its place.
    """

    epochs: tuple[Epoch, ...] = ()
    best_epoch: int | None = None
    stopped: str = "finished"
    search: tuple[Epoch, ...] = ()
    unit: str = "epoch"
    loss: str = "what training minimised, penalty included"
    burn_in: int = 0

    def columns(self) -> dict[str, list[Any]]:
        """Epoch, learning rate, training loss, validation MSE and seconds."""
        return {
            "epoch": [epoch.number for epoch in self.epochs],
            "learning_rate": [epoch.learning_rate for epoch in self.epochs],
            "training_loss": [epoch.training_loss for epoch in self.epochs],
            "validation_mse": [epoch.validation_mse for epoch in self.epochs],
            "seconds": [epoch.seconds for epoch in self.epochs],
        }

    def text_columns(self) -> dict[str, list[str]]:
        """The columns as text, under the name of the unit, and without rates where all are 1."""
        shown = super().text_columns()
        if all(epoch.learning_rate == 1 for epoch in self.epochs):
            del shown["learning_rate"]
        return {self.unit: shown.pop("epoch"), **shown}

    def numeric_columns(self) -> set[str]:
        """All columns hold numbers."""
        return {self.unit, *super().numeric_columns()}

    @property
    def notes(self) -> list[str]:
        """What the training loss is, and what of the beginning is not kept."""
        if not self.epochs:
            return []
        said = [f"training_loss: {self.loss}"]
        if self.burn_in:
            said.append(
                f"{self.unit}s 1 to {self.burn_in} are the burn-in, of which nothing is kept; "
                "validation_mse is of one draw there, and of the mean of all draws since then on"
            )
        return said

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
            **{name: stored[name] for name in ("unit", "loss", "burn_in") if name in stored},
        )
