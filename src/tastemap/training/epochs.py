"""The road from a recipe to parameters: epochs, early stopping, checkpoints, Ctrl-C.

With a hold-out, training has two phases. In the *search*, a part of the training ratings is held
out, and training ends when the error on them has not fallen for `patience` epochs. In the *fit*,
the model is trained anew on all training ratings for as many epochs as gave the smallest error.
The validation ratings take no part in either: they are only measured.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap.arrays import AnyArray
from tastemap.data.ratings import Ratings
from tastemap.errors import TrainingError
from tastemap.models.protocol import Model
from tastemap.randomness import stream
from tastemap.training import checkpoint as checkpoints
from tastemap.training import gradient
from tastemap.training.history import Epoch, OnEpoch, TrainingHistory
from tastemap.training.holdout import hold_out

if TYPE_CHECKING:
    from tastemap.training.gradient_recipes import GradientRecipe

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Progress:
    """Everything of a run but the state of Adam, after some epoch.

    Attributes:
        phase: ``"search"``, ``"fit"``, or ``"done"``.
        epochs: of this phase, or of the last one when done.
        search: of the search, once it has ended and the fit begun.
        kept: the parameters that would be the result now, by name.
        kept_epoch: the epoch they are of.
    """

    phase: str
    epochs: tuple[Epoch, ...] = ()
    search: tuple[Epoch, ...] = ()
    kept: Mapping[str, AnyArray] = field(default_factory=dict)
    kept_epoch: int = 0

    def to_json(self) -> dict[str, Any]:
        return {**asdict(replace(self, kept={})), "kept": None}

    @staticmethod
    def from_json(stored: Mapping[str, Any], kept: Mapping[str, AnyArray]) -> _Progress:
        epochs = {
            name: tuple(Epoch(**one) for one in stored[name]) for name in ("epochs", "search")
        }
        return _Progress(
            phase=stored["phase"], kept=kept, kept_epoch=stored["kept_epoch"], **epochs
        )


class Training:
    """One run of a recipe.

    Args:
        recipe: the hyper-parameters.
        train: ratings to learn from.
        valid: ratings to measure after each epoch, or None.
        seed: of everything random.
        on_epoch: called after each epoch.
        checkpoint: folder that keeps the state, or None.
    """

    def __init__(
        self,
        recipe: GradientRecipe,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> None:
        self._recipe = recipe
        self._train = train
        self._valid = valid if valid is not None and len(valid) else None
        self._seed = seed
        self._on_epoch = on_epoch
        self._checkpoint = checkpoint
        self._mean = train.mean if recipe.mean_term else 0.0
        self._key = {
            "recipe": {"name": recipe.name, **asdict(recipe)},
            "seed": seed,
            "training ratings": train.fingerprint if checkpoint else "",
            "validation ratings": valid.fingerprint if checkpoint and valid is not None else None,
        }
        self._learning_rates = [rate for rate, epochs in recipe.schedule for _ in range(epochs)]
        # Both phases use arrays of one shape, so that they are compiled once.
        self._batch_size = min(recipe.batch_size, len(train))
        self._capacity = -(-len(train) // self._batch_size)
        # One rating can only be trained on.
        self._holds_out = recipe.holdout > 0 and len(train) > 1
        self._progress = _Progress(phase="search" if self._holds_out else "fit")
        self._state: gradient.State | None = None

    def run(self) -> tuple[Model, TrainingHistory]:
        """Train, or go on with the run in the checkpoint folder.

        Raises:
            TrainingError: the loss is no longer a finite number, or the checkpoint is of
                something else.
            KeyboardInterrupt: before the first epoch had ended.
        """
        self._restore()
        interrupted = False
        try:
            if self._progress.phase == "search":
                self._search()
            if self._progress.phase == "fit":
                self._fit()
        except KeyboardInterrupt:
            if not self._progress.kept:
                raise
            interrupted = True
        progress = self._progress
        model = self._recipe.model(self._mean, progress.kept)
        return model, self._history(progress, interrupted=interrupted)

    def _search(self) -> None:
        chance = stream(self._seed, "adam/holdout")
        rest, held = hold_out(self._train, self._recipe.holdout, chance)
        for number in range(len(self._progress.epochs) + 1, len(self._learning_rates) + 1):
            if number > self._progress.kept_epoch + self._recipe.patience and number > 1:
                break
            self._epoch(number, len(self._learning_rates), rest, held)
        after = "fit" if self._recipe.refit else "done"
        self._state = None
        if after == "done":
            self._advance(replace(self._progress, phase="done"))
        else:
            progress = self._progress
            self._progress = replace(progress, phase="fit", search=progress.epochs, epochs=())

    def _fit(self) -> None:
        n_epochs = self._progress.kept_epoch if self._holds_out else len(self._learning_rates)
        for number in range(len(self._progress.epochs) + 1, n_epochs + 1):
            self._epoch(number, n_epochs, self._train, None)
        state = self._state
        kept = gradient.result(state) if state is not None else self._progress.kept
        self._advance(replace(self._progress, phase="done", kept=kept, kept_epoch=n_epochs))

    def _epoch(self, number: int, of: int, ratings: Ratings, held: Ratings | None) -> None:
        """One pass over ``ratings``; afterwards state, progress and checkpoint are one further."""
        started = time.perf_counter()
        recipe, progress = self._recipe, self._progress
        chance = f"adam/{progress.phase}/epoch-{number}"
        if self._state is None:
            self._state = gradient.start(recipe.initial(ratings, self._seed), recipe.form)
        order = stream(self._seed, f"{chance}/shuffle").permutation(len(ratings))
        batches, sizes = batched(ratings, order, self._batch_size, self._capacity)
        rate = self._learning_rates[number - 1]
        state, self._state = self._state, None  # used up, even when interrupted
        state, losses = gradient.run(
            state,
            batches,
            np.full(len(sizes), rate, np.float32),
            form=recipe.form,
            mean=self._mean,
            l2=recipe.l2_of_batch(len(ratings)),
            averaging=recipe.averaging,
            dropout_seed=int(stream(self._seed, f"{chance}/dropout").integers(2**31)),
        )
        loss = float(np.average(losses, weights=sizes))
        if not np.isfinite(loss):
            raise TrainingError(
                f"training diverged in epoch {number}: the loss is {loss} at learning rate {rate}. "
                "Lower the learning rate (schedule), or init_scale"
            )
        parameters = gradient.result(state)
        model = recipe.model(self._mean, parameters)
        epoch = Epoch(
            number=number,
            of=of,
            learning_rate=rate,
            training_loss=loss,
            validation_mse=None if self._valid is None else _mse(model, self._valid),
            seconds=time.perf_counter() - started,
            holdout_mse=None if held is None else _mse(model, held),
            phase=progress.phase,
        )
        self._state = state
        if held is None:
            # In the fit after a search the measured weights stay, until the whole fit has ended.
            better = not progress.search
        else:
            smallest = min((one.holdout_mse or np.inf for one in progress.epochs), default=np.inf)
            better = epoch.holdout_mse is not None and epoch.holdout_mse < smallest
        advanced = replace(progress, epochs=(*progress.epochs, epoch))
        if better:
            advanced = replace(advanced, kept=parameters, kept_epoch=number)
        self._advance(advanced)
        _log.info("%s", epoch)
        if self._on_epoch is not None:
            self._on_epoch(epoch)

    def _advance(self, progress: _Progress) -> None:
        self._progress = progress
        if self._checkpoint is not None:
            arrays = {f"kept/{name}": array for name, array in progress.kept.items()}
            if self._state is not None and progress.phase != "done":
                arrays |= gradient.to_arrays(self._state)
            checkpoints.save(self._checkpoint, arrays, progress.to_json(), self._key)

    def _restore(self) -> None:
        found = None if self._checkpoint is None else checkpoints.load(self._checkpoint, self._key)
        if found is None:
            return
        arrays, progress = found
        kept = {name[5:]: array for name, array in arrays.items() if name.startswith("kept/")}
        self._progress = _Progress.from_json(progress, kept)
        if "steps" in arrays:
            self._state = gradient.from_arrays(arrays)
        _log.info("going on after epoch %d of the checkpoint", len(self._progress.epochs))

    def _history(self, progress: _Progress, *, interrupted: bool) -> TrainingHistory:
        planned = len(self._learning_rates)
        from_search = progress.phase == "search" or (progress.phase == "fit" and progress.search)
        epochs = progress.epochs
        if interrupted:
            stopped = "interrupted"
            if progress.phase == "fit" and progress.search:
                epochs = progress.search
            _log.warning("interrupted: the weights of epoch %d are kept", progress.kept_epoch)
        else:
            stopped = "early" if progress.kept_epoch < planned else "finished"
        searched = bool(from_search) or (self._holds_out and not self._recipe.refit)
        return TrainingHistory(
            epochs=epochs,
            best_epoch=progress.kept_epoch if searched else None,
            stopped=stopped,
            search=progress.search if epochs is progress.epochs else (),
        )


def batched(
    ratings: Ratings, order: AnyArray, size: int, capacity: int | None = None
) -> tuple[gradient.Batches, AnyArray]:
    """Ratings in a given order, cut into batches.

    Args:
        ratings: any.
        order: row numbers, shape (n,).
        size: ratings in a batch; the last holds the rest.
        capacity: batches to make room for; None for as many as there are.

    Returns:
        The batches, and how many ratings each holds, shape (n_batches,).
    """
    n = len(order)
    n_batches = -(-n // size)
    capacity = n_batches if capacity is None else capacity
    sizes = np.full(n_batches, size)
    sizes[-1] = n - size * (n_batches - 1)
    # The last batch is filled up with its last rating at weight 0: nobody else takes part in it.
    filled = np.concatenate([order, np.full(capacity * size - n, order[-1])])
    if ratings.weights is None:
        weights = np.ones(len(filled), np.float32)
    else:
        weights = ratings.weights[filled] / np.float32(ratings.weights.mean(dtype=np.float64))
    weights[n:] = 0
    shape = (capacity, size)
    weights = weights.reshape(shape)
    weights[:n_batches] /= sizes[:, None]
    batches = gradient.Batches(
        users=ratings.users[filled].reshape(shape),
        items=ratings.items[filled].reshape(shape),
        values=ratings.values[filled].reshape(shape),
        weights=weights,
    )
    return batches, sizes


def _mse(model: Model, ratings: Ratings) -> float:
    error = model.predict_pairs(ratings.users, ratings.items).astype(np.float64) - ratings.values
    return float(np.average(error**2, weights=ratings.weights))
