"""What a search for better settings found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tastemap.errors import ConfigError
from tastemap.evaluation.compare import Difference
from tastemap.evaluation.evaluate import label_of
from tastemap.evaluation.spaces import Dimension
from tastemap.tables import Table
from tastemap.training.recipe import Recipe

SMALLER_IS_BETTER = frozenset({"rmse", "mse", "mae", "gini"})
LARGER_IS_BETTER = frozenset({"r2", "concordance", "log_likelihood", "auc"})
OF_LISTS = frozenset(
    {"ndcg", "recall", "precision", "map", "mrr", "hit_rate", "catalog", "novelty", "diversity"}
)
"""Larger is better; each has a length, as ``"ndcg@10"`` has."""
_SHOWN = 10
"""Trials a printed table shows; frames have all."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What settings are judged by.

    Attributes:
        name: of a measure of `tastemap.evaluate`, such as ``"rmse"`` or ``"ndcg@10"``.
        k: length of the lists it is of; None where it is of ratings.
        smaller: whether smaller is better.
    """

    name: str
    k: int | None
    smaller: bool

    @classmethod
    def of(cls, name: str) -> Measure:
        """The measure of this name.

        Raises:
            ConfigError: there is none, or it says nothing about better and worse.
        """
        kind, at, k = name.partition("@")
        of_lists = kind in OF_LISTS or kind == "gini"
        if kind == "inside":
            raise ConfigError(
                "inside is best at its level, not where it is largest: tune by log_likelihood"
            )
        if of_lists and at and k.isdecimal() and int(k) > 0:
            return cls(name=name, k=int(k), smaller=kind in SMALLER_IS_BETTER)
        if of_lists:
            raise ConfigError(f"{name!r} needs the length of the lists: {kind}@10")
        if at or kind not in SMALLER_IS_BETTER | LARGER_IS_BETTER:
            known = sorted(SMALLER_IS_BETTER | LARGER_IS_BETTER - {"gini"})
            lists = sorted(f"{one}@10" for one in OF_LISTS | {"gini"})
            raise ConfigError(f"{name!r} is none of {', '.join([*known, *lists])}")
        return cls(name=name, k=10 if kind == "auc" else None, smaller=kind in SMALLER_IS_BETTER)

    @property
    def label(self) -> str:
        """As it is written: nDCG@10."""
        return label_of(self.name)

    def better(self, one: float, other: float) -> float:
        """How much better one value is than another; below 0: worse."""
        return other - one if self.smaller else one - other


State = Literal["finished", "stopped early", "failed"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One setting that was tried.

    Attributes:
        number: 0 for the recipe as it was given.
        settings: what was varied, by name.
        state: ``"finished"``; ``"stopped early"``, because others were better after as many
            epochs; or ``"failed"``.
        value: of the measure, on the ratings settings are chosen on; None unless finished.
        seconds: of fitting and measuring.
        said: why it failed.
    """

    number: int
    settings: Mapping[str, Any]
    state: State
    value: float | None
    seconds: float
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class TuningStep:
    """How far a search is after a trial: what ``on_trial`` is told.

    Attributes:
        trial: the one that has ended.
        measure: name of the measure.
        best: the best value so far; None before there is one.
        trials: how many there have been, those of a search that is gone on with included.
        of: how many there are to be; None where seconds end the search.
        share: share of the budget that is used up, 0 to 1.
    """

    trial: Trial
    measure: str
    best: float | None
    trials: int
    of: int | None
    share: float


OnTrial = Callable[[TuningStep], None]
"""Called after each trial: how progress bars hear of progress."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Check(Table):
    """The best setting and the recipe as it was given, on ratings that had no part in the choice.

    Whatever was chosen for its value on some ratings has a value there that is too good: the best
    of many is also the luckiest (the winner's curse). Here both are fitted and measured anew.

    Attributes:
        measure: what was measured.
        parts: how each part of the ratings was kept back.
        seeds: of training, one for each part; none is that of the search.
        given, tuned: values of the measure, one for each part.
        difference: over all parts, with its interval from drawing users anew; None where the
            measure is not a mean over users.
    """

    measure: Measure
    parts: tuple[str, ...]
    seeds: tuple[int, ...]
    given: tuple[float, ...]
    tuned: tuple[float, ...]
    difference: Difference | None = None

    def columns(self) -> dict[str, list[Any]]:
        """Part of the ratings, seed, both values, and how much better the best is."""
        return {
            "part": list(self.parts),
            "seed": list(self.seeds),
            "given": list(self.given),
            "tuned": list(self.tuned),
            "better_by": self.better_by,
        }

    def text_columns(self) -> dict[str, list[str]]:
        """The columns as text, with the digits that settings differ in."""
        values = ("given", "tuned", "better_by")
        digits = {name: [f"{one:.4f}" for one in self.columns()[name]] for name in values}
        return super().text_columns() | digits

    @property
    def better_by(self) -> list[float]:
        """How much better the best is on each part; below 0: worse."""
        pairs = zip(self.tuned, self.given, strict=True)
        return [self.measure.better(tuned, given) for tuned, given in pairs]

    @property
    def caption(self) -> str:
        """What was measured."""
        return f"{self.measure.label} on ratings that had no part in the choice"

    @property
    def said(self) -> str:
        """Whether the best is better than the recipe as given, in one sentence."""
        name, parts = self.measure.label, self.better_by
        wins = f"better on {sum(one > 0 for one in parts)} of {len(parts)} parts of the ratings"
        wins = wins.replace("1 parts", "1 part") + " that had no part in the choice"
        found = self.difference
        if found is None:
            mean = sum(parts) / len(parts)
            return f"{name} is better by {mean:.4f} than as given, {wins}; how sure is not known"
        by = f"{found.better_by:.4f} [{found.low:.4f}, {found.high:.4f}]"
        if found.few:
            return f"too few users to tell, {found.users}: {name} is better by {by}, {wins}"
        if not found.sure:
            return f"no evidence that it is better than as given: {name} by {by}, {wins}"
        if found.better_by < 0:
            return f"it is worse than as given: {name} by {by}, {wins}"
        return f"it beats the recipe as given: {name} by {by}, {wins}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Tuning(Table):
    """Settings that were tried, the best first.

    Attributes:
        given: the recipe as it was given.
        best: the recipe with the best settings, ready to fit.
        measure: what settings were judged by.
        space: what was varied, by name.
        trials: in the order they were tried; the first is the recipe as it was given.
        best_trial: number of the best.
        check: best and given on other ratings; None where there are none, or the best is the
            recipe as it was given.
        importance: share of the settings in how values differ, largest first; empty where there
            were too few trials to tell.
        chosen_on: how the ratings were kept back that settings were chosen on.
        stopped: why the search ended.
        seconds: that it took, with the check.
        budget: seconds it was to take; None where the number of trials ended it.
        unchecked: why there is no check; empty if there is one.
        interrupted: whether Ctrl-C ended the search or the check.
    """

    given: Recipe
    best: Recipe
    measure: Measure
    space: Mapping[str, Dimension]
    trials: tuple[Trial, ...]
    best_trial: int
    check: Check | None
    importance: Mapping[str, float]
    chosen_on: str
    stopped: str
    seconds: float
    budget: float | None
    unchecked: str = ""
    interrupted: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """The best settings by name, of those that were varied."""
        return {name: getattr(self.best, name) for name in self.space}

    @property
    def verdict(self) -> str:
        """One plain sentence: is the best better than the recipe as it was given?"""
        if self.check is not None:
            return self.check.said
        return self.unchecked

    def columns(self) -> dict[str, list[Any]]:
        """Trial, settings, state, value, seconds and why it failed; best first."""
        ordered = self._ordered()
        columns: dict[str, list[Any]] = {"trial": [one.number for one in ordered]}
        for name in self.space:
            columns[name] = _of_one_kind([one.settings[name] for one in ordered])
        return columns | {
            self.measure.name: [one.value for one in ordered],
            "state": [one.state for one in ordered],
            "seconds": [one.seconds for one in ordered],
            "said": [one.said for one in ordered],
        }

    def text_columns(self) -> dict[str, list[str]]:
        """The first rows as text, and without what `notes` say; `columns` has all."""
        shown = super().text_columns()
        digits = [f"{one.value:.4f}" if one.value is not None else "-" for one in self._ordered()]
        shown[self.measure.name] = digits
        return {name: cells[:_SHOWN] for name, cells in shown.items() if name != "said"}

    @property
    def caption(self) -> str:
        """Which recipe, by what, and how many settings were tried."""
        counts = [
            (sum(one.state == state for one in self.trials), state)
            for state in ("finished", "stopped early", "failed")
        ]
        said = ", ".join(f"{count:,} {state}" for count, state in counts if count)
        return (
            f"{self.given.name} tuned by {self.measure.label}: {len(self.trials)} trials ({said})"
        )

    @property
    def notes(self) -> list[str]:
        """Best settings, verdict, what matters, what failed, how it was done, a budget passed."""
        first, best = self.trials[0], self.trials[self.best_trial]
        notes = [f"best: {_written(self.best)}"]
        if first.value is not None and best.value is not None and best is not first:
            by = self.measure.better(best.value, first.value)
            notes.append(
                f"where it was chosen, {self.measure.label} is {best.value:.4f} instead of "
                f"{first.value:.4f} as given: better by {by:.4f}; the best of many is also lucky"
            )
        notes.append(self.verdict)
        if self.importance:
            shares = [f"{name} {share:.0%}" for name, share in self.importance.items()]
            notes.append(f"what tells the better half of the trials: {', '.join(shares)}")
        failed = [one for one in self.trials if one.state == "failed"]
        if failed:
            notes.append(f"{len(failed)} failed; the last of them: {failed[-1].said}")
        if len(self.trials) > _SHOWN:
            notes.append(f"the best {_SHOWN} of {len(self.trials)} trials are shown")
        if self.budget is not None and self.seconds > self.budget:
            over = f"{self.seconds - self.budget:.1f} s more than the budget of {self.budget:g} s"
            notes.append(f"it took {self.seconds:.1f} s, {over}")
        return [*notes, f"chosen on: {self.chosen_on}; {self.stopped}"]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        check = self.check
        return {
            "recipe": self.given.name,
            "measure": self.measure.name,
            "space": {name: dataclasses.asdict(one) for name, one in self.space.items()},
            "given": self.given.settings(),
            "best": self.best.settings(),
            "best_trial": self.best_trial,
            "verdict": self.verdict,
            "trials": [dataclasses.asdict(one) for one in self.trials],
            "check": None
            if check is None
            else {
                "parts": check.to_dicts(),
                "difference": check.difference and dataclasses.asdict(check.difference),
            },
            "importance": dict(self.importance),
            "chosen_on": self.chosen_on,
            "stopped": self.stopped,
            "seconds": self.seconds,
            "budget": self.budget,
        }

    def _ordered(self) -> list[Trial]:
        """Finished trials best first, then the others as they were tried."""
        sign = 1 if self.measure.smaller else -1
        finished = [one for one in self.trials if one.value is not None]
        finished.sort(key=lambda one: sign * (one.value or 0.0))
        return finished + [one for one in self.trials if one.value is None]


def _written(recipe: Recipe) -> str:
    """The call that makes a recipe, without what it has by itself."""
    own = {
        field.name: getattr(recipe, field.name)
        for field in dataclasses.fields(recipe)
        if getattr(recipe, field.name) != field.default
    }
    settings = ", ".join(f"{name}={value!r}" for name, value in own.items())
    return f"{type(recipe).__name__}({settings})"


def _of_one_kind(values: list[Any]) -> list[Any]:
    """A column that Arrow can hold: numbers as they are, all else as text."""
    if all(value is None or isinstance(value, bool) for value in values):
        return values
    if all(isinstance(one, int | float | None) and not isinstance(one, bool) for one in values):
        return values
    return [None if value is None else str(value) for value in values]
