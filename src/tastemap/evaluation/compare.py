"""Several models on the same ratings: which is better, and whether that is more than luck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import arguments
from tastemap.arrays import Float64s
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError
from tastemap.evaluation import bootstrap
from tastemap.evaluation.evaluate import Evaluation, Measured, label_of, measure, notes
from tastemap.tables import Table

if TYPE_CHECKING:
    from tastemap.recommender import Recommender
    from tastemap.training.recipe import Recipe

BASELINES: Mapping[str, tuple[str, ...]] = {
    "rmse": ("biases", "mean"),
    "ndcg": ("popularity", "biases"),
}
"""The recipes a model must beat, by measure: the first of them that is there."""
ALL_BASELINES = frozenset({"mean", "biases", "popularity"})
"""Recipes that know nothing of taste."""
_SHOWN = ("rmse", "mse", "mae", "ndcg", "recall", "catalog")
"""Measures a printed comparison shows, those of lists at the shortest length; frames have all."""
_ROUNDING = 1e-6
"""A difference below this is none: predictions are float32."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How two models differ on the same users.

    Attributes:
        measure: ``"rmse"``, or ``"ndcg@10"`` of the first length of lists.
        model: the one.
        against: the other, a baseline or the best of all.
        better_by: how much better the one is, in units of the measure; below 0: worse.
        low, high: ends of the interval of that, of level `bootstrap.LEVEL`; NaN of one user.
        p: corrected for the number of differences in a comparison.
        users: how many the two were compared on.
    """

    measure: str
    model: str
    against: str
    better_by: float
    low: float
    high: float
    p: float
    users: int

    @property
    def few(self) -> bool:
        """Whether there are too few users to tell."""
        return self.users < bootstrap.FEWEST_USERS

    @property
    def sure(self) -> bool:
        """Whether it is more than luck."""
        evident = self.p < 1 - bootstrap.LEVEL and abs(self.better_by) > _ROUNDING
        return evident and not self.few

    def __str__(self) -> str:
        # A small difference that is sure must not read as none.
        digits = 3 if abs(self.better_by) >= 0.0005 or not self.sure else 6
        ends = f"[{self.low:.{digits}f}, {self.high:.{digits}f}]"
        return f"{self.better_by:.{digits}f} {ends}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Differences(Table):
    """Differences of models, each with its interval.

    Attributes:
        each: against the baseline, and against the best, of each measure.
    """

    each: tuple[Difference, ...]

    @property
    def users(self) -> int:
        """How many users the models were compared on; by lists it may be fewer."""
        return max(one.users for one in self.each)

    def columns(self) -> dict[str, list[Any]]:
        """Measure, model, the other, how much better, interval, p-value, and what that means."""
        return {
            "measure": [one.measure for one in self.each],
            "model": [one.model for one in self.each],
            "against": [one.against for one in self.each],
            "better_by": [one.better_by for one in self.each],
            "low": [one.low for one in self.each],
            "high": [one.high for one in self.each],
            "p": [one.p for one in self.each],
            "verdict": [_verdict(one) for one in self.each],
        }

    @property
    def notes(self) -> list[str]:
        """How intervals and p-values were made."""
        return [
            f"{bootstrap.LEVEL:.0%} intervals from {bootstrap.RESAMPLES:,} draws of "
            f"{self.users:,} users, both models on the same; p-values corrected for "
            f"{len(self.each)} {'difference' if len(self.each) == 1 else 'differences'} "
            "by Holm's method"
        ]


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison(Table):
    """Several models on the same test ratings, best first.

    Best is the smallest RMSE; models without one follow, by nDCG.

    Attributes:
        evaluations: one for each model. Where recipes were fitted several times, means.
        differences: of each model from the baseline and from the best; None for one model, and
            where a model was trained on ratings it was tested on.
        spreads: by model and measure, the standard deviation from seed to seed; empty where
            models were given as they are, or there is one seed.
        memory: by model, what fitting added to the memory of the process at most, in bytes; None
            where the system does not tell. Empty where models were given as they are.
        recipes: by model, what was fitted. Empty where models were given as they are.
        said: how the models were fitted, in words.
    """

    evaluations: tuple[Evaluation, ...]
    differences: Differences | None = None
    spreads: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    memory: Mapping[str, int | None] = field(default_factory=dict)
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    said: str = ""

    def columns(self) -> dict[str, list[Any]]:
        """Model, every measure, its spread over seeds, rows, seconds and memory: a row a model."""
        named = dict.fromkeys(name for one in self.evaluations for name in one.measures)
        columns: dict[str, list[Any]] = {"model": [one.model for one in self.evaluations]}
        for name in named:
            columns[name] = [one.measures.get(name) for one in self.evaluations]
            spread = [self.spreads.get(one.model, {}).get(name) for one in self.evaluations]
            if any(value is not None for value in spread):
                columns[f"{name}_spread"] = spread
        columns["rows"] = [one.rows for one in self.evaluations]
        if self.memory:
            bytes_ = [self.memory.get(one.model) for one in self.evaluations]
            columns["fit_mb"] = [None if n is None else round(n / 1e6) for n in bytes_]
        columns["fit_seconds"] = [round(one.fit_seconds, 2) for one in self.evaluations]
        return columns

    def text_columns(self) -> dict[str, list[str]]:
        """The columns a reader looks at first, as text; `columns` has all."""
        shown = {"model", "fit_seconds", "fit_mb"} | set(self.main_measures)
        shown |= {f"{name}_spread" for name in self.compared_by}
        return {name: cells for name, cells in super().text_columns().items() if name in shown}

    @property
    def main_measures(self) -> list[str]:
        """Names of the measures that are printed, such as ``"rmse"`` and ``"ndcg@10"``."""
        return first_columns(self.evaluations)

    @property
    def compared_by(self) -> list[str]:
        """Names of the measures whose differences are told."""
        return [name for name in self.main_measures if name.split("@")[0] in BASELINES]

    @property
    def verdicts(self) -> list[str]:
        """One plain sentence for each measure: what is better, by how much, how surely."""
        if self.differences is None:
            return []
        found = []
        for name in self.compared_by:
            ordered = best_first(self.evaluations, name)
            rows = [one for one in self.differences.each if one.measure == name]
            if len(ordered) > 1 and rows:
                found.append(f"{label_of(name)}: {_sentence(ordered, rows, name)}")
        return found

    @property
    def notes(self) -> list[str]:
        """The verdicts, or why there is none; how reached, and what to know of measurements."""
        made = [self.said] if self.said else []
        how = list(self.differences.notes) if self.verdicts and self.differences else []
        return [*self.verdicts, *how, *made, *notes(self.evaluations)]

    @property
    def overlap(self) -> int:
        """Test rows that a model was also trained on, of the model with most: no fair test."""
        return max((one.overlap for one in self.evaluations), default=0)


def compare(
    models: Sequence[Recommender] | Mapping[str, Recommender],
    test: Ratings,
    *,
    k: int | Iterable[int] | None = 10,
    relevant_from: float | None = None,
    known: Ratings | None = None,
) -> Comparison:
    """Measure several models on the same ratings, best first.

    Nothing is trained. To fit recipes and compare what comes out, baselines included, see
    `tastemap.compare_recipes`.

    Args:
        models: fitted models; in a mapping, under the names they are to have.
        test: ratings none was trained on.
        k: lengths of the lists to measure; None: measure no lists.
        relevant_from: as of `tastemap.evaluate`.
        known: as of `tastemap.evaluate`.

    Raises:
        DataError: there are no models or no test ratings.
        ConfigError: a length is not positive.
    """
    arguments.models("models", models)
    if not models:
        raise DataError("there are no models to compare")
    named = models if isinstance(models, Mapping) else by_recipe(models)
    lengths = arguments.lengths("k", k)
    measured = [
        measure(model, test, name=name, k=lengths, relevant_from=relevant_from, known=known)
        for name, model in named.items()
    ]
    return comparison_of(measured)


def by_recipe(models: Sequence[Recommender]) -> dict[str, Recommender]:
    """Models by the names of their recipes, numbered where several share one."""
    return dict(zip(numbered([model.recipe.name for model in models]), models, strict=True))


def numbered(names: Sequence[str]) -> list[str]:
    """Names with a number behind each that was there before: biased, biased 2, biased 3."""
    before = [names[:place].count(name) for place, name in enumerate(names)]
    return [f"{name} {n + 1}" if n else name for name, n in zip(names, before, strict=True)]


def comparison_of(measured: Sequence[Measured], **rest: Any) -> Comparison:
    """Put measurements on the same test ratings together, best first."""
    order = best_first([one.evaluation for one in measured])
    sums = {one.evaluation.model: one.sums for one in measured}
    return Comparison(evaluations=tuple(order), differences=_differences(order, sums), **rest)


def first_columns(evaluations: Sequence[Evaluation]) -> list[str]:
    """Names of the measures a printed table shows, those of lists at the shortest length."""
    k = next((min(one.lists.k) for one in evaluations if one.lists), None)
    there = {name for one in evaluations for name in one.measures}
    named = [name if name in there else f"{name}@{k}" for name in _SHOWN]
    return [name for name in named if name in there]


def best_first(evaluations: Iterable[Evaluation], measure: str | None = None) -> list[Evaluation]:
    """Evaluations by one measure, those that lack it left out; None: by RMSE, then by nDCG."""
    if measure is not None:
        there = [one for one in evaluations if measure in one.measures]
        sign = 1 if measure == "rmse" else -1
        return sorted(there, key=lambda one: sign * one.measures[measure])

    def key(one: Evaluation) -> tuple[float, float]:
        gains = [value for name, value in one.measures.items() if name.startswith("ndcg@")]
        return (np.inf if one.rmse is None else one.rmse, -gains[0] if gains else 0.0)

    return sorted(evaluations, key=key)


def baseline_of(evaluations: Iterable[Evaluation], measure: str) -> Evaluation | None:
    """The model the others must beat by a measure; None where no baseline is among them."""
    by_recipe = {one.recipe: one for one in evaluations if measure in one.measures}
    names = BASELINES.get(measure.split("@")[0], ())
    return next((by_recipe[name] for name in names if name in by_recipe), None)


def _differences(
    evaluations: Sequence[Evaluation], sums: Mapping[str, Mapping[str, tuple[Float64s, Float64s]]]
) -> Differences | None:
    """Of each measure: every model against the baseline, and against the best."""
    if len(evaluations) < 2:
        return None
    if any(one.overlap for one in evaluations):  # who remembers best is not who predicts best
        return None
    rows: list[tuple[str, str, str, int, float, tuple[float, float, float]]] = []
    for name in Comparison(evaluations=tuple(evaluations)).compared_by:
        key = "mse" if name == "rmse" else name
        there = [one for one in best_first(evaluations, name) if key in sums[one.model]]
        if len(there) < 2:
            continue
        names = [one.model for one in there]
        parts = [sums[one][key] for one in names]
        totals, counts = (np.stack([part[side] for part in parts]) for side in (0, 1))
        users = int(counts.any(axis=0).sum())
        means = bootstrap.resampled_means(totals, counts)
        # Better is up: of errors the negative root.
        good = -np.sqrt(means) if name == "rmse" else means
        values = [one.measures[name] * (-1 if name == "rmse" else 1) for one in there]
        for model, against in _pairs(there, name):
            a, b = names.index(model), names.index(against)
            by, drawn = float(values[a] - values[b]), good[:, a] - good[:, b]
            rows.append((name, model, against, users, by, bootstrap.evidence(by, drawn, users)))
    corrected = bootstrap.holm([found[-1] for *_, found in rows])
    each = [
        Difference(
            measure=name,
            model=model,
            against=against,
            better_by=by,
            low=found[0],
            high=found[1],
            p=p,
            users=users,
        )
        for (name, model, against, users, by, found), p in zip(rows, corrected, strict=True)
    ]
    return Differences(each=tuple(each)) if each else None


def _pairs(ordered: Sequence[Evaluation], measure: str) -> list[tuple[str, str]]:
    """Every model with the baseline, and the best with every other one; each pair once."""
    best, base = ordered[0], baseline_of(ordered, measure)
    pairs = [(one.model, base.model) for one in ordered if base and one is not base]
    if best is not base:
        pairs += [(best.model, one.model) for one in ordered if one is not best and one is not base]
    return pairs


def _sentence(ordered: Sequence[Evaluation], rows: Sequence[Difference], name: str) -> str:
    if rows[0].few:
        return f"too few users to tell which model is better: {rows[0].users}"
    best, base = ordered[0], baseline_of(ordered, name)
    of = {(one.model, one.against): one for one in rows}
    if base is best:
        level = [one.model for one in rows if not one.sure]
        rest = f"; no evidence that it beats {_and(level)}" if level else ""
        return f"nothing beats {best.model}{rest}"
    parts = []
    if base is not None:
        found = of[best.model, base.model]
        parts.append(
            f"{best.model} beats {base.model} by {found}"
            if found.sure
            else f"no evidence that {best.model} beats {base.model}: {found}"
        )
    rivals = [one for one in ordered[1:] if one.recipe not in ALL_BASELINES or base is None]
    others = [of[best.model, one.model] for one in rivals if one is not base]
    near = [one.against for one in others if not one.sure]
    who = "it" if base is not None else best.model
    if near:
        parts.append(f"no evidence that {who} beats {_and(near)}")
    elif others:
        nearest = others[0]
        second = next(one for one in ordered[1:] if one is not base)
        place = ", the next," if nearest.against == second.model else ""
        parts.append(f"{who} beats {nearest.against}{place} by {nearest}")
    return "; ".join(parts)


def _verdict(one: Difference) -> str:
    if one.few:
        return "too few users"
    return ("better" if one.better_by > 0 else "worse") if one.sure else "no evidence"


def _and(names: Iterable[str]) -> str:
    *some, last = names
    return f"{', '.join(some)} or {last}" if some else last
