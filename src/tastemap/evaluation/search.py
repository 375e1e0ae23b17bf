"""The search itself: which settings are tried next, and what comes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from tastemap.data.splits import Split
from tastemap.errors import ConfigError, MissingExtraError, TastemapError, TrainingError
from tastemap.evaluation import evaluate as evaluation
from tastemap.evaluation.budget import Budget
from tastemap.evaluation.evaluate import Measured
from tastemap.evaluation.spaces import Choices, Dimension, Range
from tastemap.evaluation.studies import RANDOM_TRIALS, TOLD, as_drawn, distribution, stored
from tastemap.evaluation.tuning import Measure, OnTrial, Trial, TuningStep
from tastemap.randomness import stream
from tastemap.training.history import Epoch
from tastemap.training.recipe import Recipe

if TYPE_CHECKING:
    import optuna

FOLDS = 5
"""Parts the ratings are divided into: one to choose settings on, the others to check them."""
RUNGS = (1 / 8, 1 / 4, 1 / 2)
"""Shares of the planned epochs after which a trial is stopped whose error is above the median of
the others. Not numbers of epochs: a low learning rate needs more of them to be as good."""
MOST_FAILURES = 10
"""So many trials without one that could be fitted end a search."""
_MOST_COMBINATIONS = 10_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """What is searched, and how settings are judged."""

    recipe: Recipe
    split: Split
    space: dict[str, Dimension]
    measure: Measure
    relevant_from: float | None
    seed: int

    @property
    def given(self) -> dict[str, Any]:
        """The settings of the recipe as it was given."""
        return {name: getattr(self.recipe, name) for name in self.space}

    @property
    def watched(self) -> bool:
        """Whether what a recipe tells of its epochs is what settings are judged by."""
        by_error = self.measure.name in ("rmse", "mse") and self.split.valid.explicit
        return by_error and self.split.known is None

    def measured(self, recipe: Recipe, split: Split, seed: int, on_epoch: Any = None) -> Measured:
        """Fit a recipe to one split and measure it on what is kept back."""
        # Only its curve is of use: lists of the kept-back ratings are measured below, once.
        valid = split.valid if on_epoch is not None else None
        model = recipe.fit(split.train, valid, seed=seed, on_epoch=on_epoch)
        if model.history.stopped == "interrupted":
            raise KeyboardInterrupt  # some recipes give what they have; a search wants to end
        return evaluation.measure(
            model,
            split.valid,
            k=self.measure.k,
            relevant_from=self.relevant_from,
            known=split.known,
        )

    def value(self, measured: Measured) -> float:
        """The measure settings are judged by.

        Raises:
            ConfigError: the model has none.
        """
        found = measured.evaluation.measures
        if self.measure.name not in found:
            other = f"only by {', '.join(found)}" if found else "but by lists: measure='ndcg@10'"
            raise ConfigError(
                f"{self.recipe.name} cannot be judged by {self.measure.name!r} on these ratings, "
                f"{other}"
            )
        return found[self.measure.name]


class Search:
    """One search: what has been tried, and what is tried next.

    Args:
        task: what is searched.
        study: where it is kept.
        budget: the seconds it may take, the check included.
        parts: of the ratings that the best can be checked on.
        of: trials it ends after; None: the budget ends it.
        on_trial: called after each.

    Attributes:
        trials: that have ended, in the order they were tried.
        interrupted: whether Ctrl-C ended it.
    """

    def __init__(
        self,
        task: Task,
        study: optuna.Study,
        budget: Budget,
        parts: int,
        of: int | None,
        on_trial: OnTrial | None,
    ) -> None:
        self._task = task
        self._study = study
        self._budget, self._parts = budget, parts
        self._share = 0.0
        self._of = of
        self._on_trial = on_trial
        self.trials = stored(task, study)
        self.interrupted = False

    @property
    def best(self) -> Trial | None:
        """The finished trial with the best value, of equal ones the first."""
        sign = 1 if self._task.measure.smaller else -1
        finished = [one for one in self.trials if one.value is not None]
        return min(finished, key=lambda one: sign * (one.value or 0.0), default=None)

    def run(self) -> str:
        """Try settings until the budget has no time for another; gives the reason why it ended."""
        before = f", {len(self.trials)} of them before" if self.trials else ""
        try:
            while True:
                if self._of is not None and len(self.trials) >= self._of:
                    return f"all {self._of} trials were made{before}"
                if self._budget.spent > self._budget.latest(self.trials, self._parts):
                    seconds = f"{self._budget.seconds:g} s"
                    return f"the budget of {seconds} has no time for another trial{before}"
                if len(self.trials) >= MOST_FAILURES and self.best is None:
                    return "nothing could be fitted"
                asked = self._ask()
                if asked is None:
                    return f"every setting of the space was tried{before}"
                self._try(*asked)
                self._tell()
        except KeyboardInterrupt:
            self.interrupted = True
            return "interrupted"

    def _ask(self) -> tuple[optuna.Trial, dict[str, Any]] | None:
        """The next settings; None when all there are have been tried."""
        import optuna

        task, number = self._task, len(self.trials)
        drawn = {name: distribution(one) for name, one in task.space.items()}
        if number == 0:
            if all(one.holds(task.given[name]) for name, one in task.space.items()):
                self._study.enqueue_trial(as_drawn(task, task.given))
                return self._study.ask(drawn), task.given
            return self._study.ask(), task.given
        # A generator of its own for each trial: stopped and gone on with, a search is the same.
        chance = stream(task.seed, f"tune/trial-{number}")
        self._study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=RANDOM_TRIALS, seed=int(chance.integers(2**31))
        )
        tried = {repr(one.settings) for one in self.trials}
        trial = self._study.ask(drawn)
        settings = {name: one.value(trial.params[name]) for name, one in task.space.items()}
        if repr(settings) not in tried:
            return trial, settings
        # Tried before: take any other.
        self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        everything = combinations(task.space)
        if everything is not None:
            free = [one for one in everything if repr(one) not in tried]
            if not free:
                return None
            self._study.enqueue_trial(as_drawn(task, free[chance.integers(len(free))]))
        else:
            self._study.sampler = optuna.samplers.RandomSampler(int(chance.integers(2**31)))
        trial = self._study.ask(drawn)
        return trial, {name: one.value(trial.params[name]) for name, one in task.space.items()}

    def _try(self, trial: optuna.Trial, settings: dict[str, Any]) -> None:
        """Fit and measure one setting, and write down what came of it."""
        import optuna

        task, state = self._task, optuna.trial.TrialState
        inside = bool(trial.params)
        started = self._budget.spent
        value, said, ended = None, "", "finished"
        try:
            recipe = replace(task.recipe, **settings)
            watch = _Watch(trial) if task.watched and inside else None
            value = task.value(task.measured(recipe, task.split, task.seed, watch))
            if not math.isfinite(value):
                raise TrainingError(f"{task.measure.name} is {value}")
        except optuna.TrialPruned:
            ended = "stopped early"
        except (TastemapError, MemoryError) as error:
            mine = not self.trials and not isinstance(error, TrainingError | MemoryError)
            if mine or isinstance(error, MissingExtraError):
                raise
            value, said, ended = None, str(error) or "out of memory", "failed"
        told: dict[str, Any] = {
            "state": ended,
            "value": value,
            "seconds": self._budget.spent - started,
            "said": said,
        }
        trial.set_user_attr(TOLD, told)
        if value is not None and inside:
            self._study.tell(trial, value)
        else:
            # One with other settings than the space has says nothing of the space.
            pruned = ended == "stopped early"
            self._study.tell(trial, state=state.PRUNED if pruned else state.FAIL)
        self.trials.append(Trial(number=len(self.trials), settings=settings, **told))

    def _tell(self) -> None:
        if self._on_trial is None:
            return
        spent, latest = self._budget.spent, self._budget.latest(self.trials, self._parts)
        shares = [self._share, 1.0 if spent >= latest else spent / latest]
        if self._of is not None:
            shares.append(min(1.0, len(self.trials) / self._of))
        self._share = max(shares)
        best = self.best
        self._on_trial(
            TuningStep(
                trial=self.trials[-1],
                measure=self._task.measure.label,
                best=None if best is None else best.value,
                trials=len(self.trials),
                of=self._of,
                share=self._share,
            )
        )


class _Watch:
    """Stops a trial whose error is above the median of the others after as many epochs."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self._reached = 0
        self._rung = 0

    def __call__(self, epoch: Epoch) -> None:
        """Hear of an epoch."""
        import optuna

        # Some recipes train twice, the second time as far as was best the first time.
        if epoch.validation_mse is None or epoch.number <= self._reached:
            return
        self._reached = epoch.number
        rung = sum(epoch.number >= share * epoch.of for share in RUNGS)
        if rung == self._rung:
            return
        self._rung = rung
        self._trial.report(epoch.validation_mse, rung)
        if self._trial.should_prune():
            raise optuna.TrialPruned


def combinations(space: dict[str, Dimension]) -> list[dict[str, Any]] | None:
    """All settings of a space; None where there are too many."""
    axes = []
    for one in space.values():
        if isinstance(one, Range) and not one.whole:
            return None
        axes.append(
            one.values if isinstance(one, Choices) else range(int(one.low), int(one.high) + 1)
        )
    if math.prod(len(axis) for axis in axes) > _MOST_COMBINATIONS:
        return None
    return [dict(zip(space, values, strict=True)) for values in product(*axes)]
