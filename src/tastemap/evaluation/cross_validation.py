"""Recipes fitted and measured again and again: on several splits, with several seeds."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tastemap import arguments
from tastemap.arrays import Float64s
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import ConfigError, DataError
from tastemap.evaluation.compare import Comparison, comparison_of, first_columns, numbered
from tastemap.evaluation.evaluate import RATING_MEASURES, Evaluation, Measured, measure, notes
from tastemap.evaluation.lists import ListMeasures
from tastemap.evaluation.memory import PeakMemory
from tastemap.evaluation.new_users import check_recipes
from tastemap.tables import Table
from tastemap.training.recipe import Recipe
from tastemap.training.registry import RECIPES

OnFit = Callable[[str], None]
"""Told before each fit what is fitted: how progress is heard of."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Run:
    """One fit, measured: by which split and seed, and what it added to memory, in bytes."""

    split: str
    seed: int
    measured: Measured
    memory: int | None


@dataclass(frozen=True, eq=False, kw_only=True)
class CrossValidation(Table):
    """One recipe on several splits, with several seeds.

    Attributes:
        recipe: its name.
        evaluations: one for each split and seed.
        splits: how each of them was divided.
        seeds: of each of them.
    """

    recipe: str
    evaluations: tuple[Evaluation, ...]
    splits: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def mean(self) -> Evaluation:
        """All of them as one: errors over all rows, lists over all lists."""
        return mean_of(self.evaluations, n_seeds=len(set(self.seeds)))

    def columns(self) -> dict[str, list[Any]]:
        """Split, seed, every measure, rows and seconds; below them the mean and the deviation."""
        mean, each = self.mean, self.evaluations
        columns: dict[str, list[Any]] = {
            "split": [*self.splits, "mean", "standard deviation"],
            "seed": [*self.seeds, None, None],
        }
        for name, value in mean.measures.items():
            values = [one.measures.get(name) for one in each]
            columns[name] = [*values, value, _deviation(values)]
        columns["rows"] = [*(one.rows for one in each), mean.rows, None]
        seconds = [one.fit_seconds for one in each]
        columns["fit_seconds"] = [*seconds, mean.fit_seconds, _deviation(seconds)]
        return columns

    def text_columns(self) -> dict[str, list[str]]:
        """The columns a reader looks at first, as text; `columns` has all."""
        shown = {"split", "seed", "fit_seconds", *first_columns(self.evaluations)}
        return {name: cells for name, cells in super().text_columns().items() if name in shown}

    @property
    def caption(self) -> str:
        """Which recipe, and how often it was fitted."""
        return f"{self.recipe}, fitted {len(self.evaluations)} times"

    @property
    def notes(self) -> list[str]:
        """What there is to know of all measurements together."""
        return notes([self.mean])


def cross_validate(
    recipe: Recipe,
    splits: Split | Iterable[Split],
    *,
    seeds: Sequence[int] = (0,),
    k: int | Iterable[int] | None = 10,
    relevant_from: float | None = None,
    on_fit: OnFit | None = None,
) -> CrossValidation:
    """Fit a recipe on the training ratings of each split, and measure it on those kept back.

    Args:
        recipe: what to fit.
        splits: such as ``tm.split.k_fold(ratings, 5)``, or any other split or several of them.
        seeds: of training; with each of them every split is fitted once.
        k: as of `tastemap.evaluate`.
        relevant_from: as of `tastemap.evaluate`.
        on_fit: told before each fit what is fitted.

    Raises:
        DataError: there are no splits, or nothing to train or to test on in one.
        NotFittedFor: users of a split are new, and a model cannot take them in.
        ConfigError: there are no seeds, or one twice, or a setting is out of its range.

    Example:
        >>> found = tm.cross_validate(
        ...     tm.BiasesOnly(), tm.split.k_fold(ratings, 3)
        ... )  # doctest: +SKIP
    """
    arguments.recipe("recipe", recipe)
    (runs,) = _fit_all({recipe.name: recipe}, splits, seeds, k, relevant_from, on_fit).values()
    return CrossValidation(
        recipe=recipe.name,
        evaluations=tuple(run.measured.evaluation for run in runs),
        splits=tuple(run.split for run in runs),
        seeds=tuple(run.seed for run in runs),
    )


def compare_recipes(
    recipes: Sequence[Recipe] | Mapping[str, Recipe],
    splits: Split | Iterable[Split],
    *,
    seeds: Sequence[int] = (0, 1, 2),
    k: int | Iterable[int] | None = 10,
    relevant_from: float | None = None,
    on_fit: OnFit | None = None,
) -> Comparison:
    """Fit recipes on the same ratings, with the baselines, and compare them user by user.

    Baselines that are not among the recipes are added: the global mean and biases only, where
    there are ratings, and popularity. Measures are means over seeds and splits, spreads are from
    seed to seed, seconds are those of the median fit. What fitting adds to memory is measured on
    Linux alone; it is the largest of all fits, as a later one may use what an earlier has left.
    Libraries that are loaded for a first fit are in it.

    Args:
        recipes: what to fit; in a mapping, under the names they are to have.
        splits: one, or several such as ``tm.split.k_fold(ratings, 5)``.
        seeds: of training; with each of them every split is fitted once.
        k: as of `tastemap.evaluate`.
        relevant_from: as of `tastemap.evaluate`.
        on_fit: told before each fit what is fitted.

    Raises:
        DataError: there are no recipes or splits, or nothing to train or to test on in one.
        NotFittedFor: users of a split are new, and a model cannot take them in.
        ConfigError: there are no seeds, or one twice, or a setting is out of its range, or a
            recipe has the name of a baseline that is added.

    Example:
        >>> print(tm.compare_recipes([tm.BayesianMF()], split))  # doctest: +SKIP
    """
    arguments.recipes("recipes", recipes)
    if not recipes:
        raise DataError("there are no recipes to compare")
    arguments.seeds("seeds", seeds)
    divided = arguments.splits("splits", splits)
    first = next(divided, None)
    if first is None:
        raise DataError("there are no splits to compare on")
    named = _with_baselines(recipes, first)
    runs = _fit_all(named, _chain(first, divided), seeds, k, relevant_from, on_fit)
    memory = {name: _largest([run.memory for run in each]) for name, each in runs.items()}
    n_splits = len({run.split for run in next(iter(runs.values()))})
    said = f"{n_splits} splits" if n_splits > 1 else first.description
    return comparison_of(
        [_mean_measured(each, len(seeds)) for each in runs.values()],
        spreads={name: _spreads(each) for name, each in runs.items()} if len(seeds) > 1 else {},
        memory=memory,
        recipes=named,
        said=f"means of {len(seeds)} seeds; {said}" if len(seeds) > 1 else said,
    )


def _with_baselines(
    recipes: Sequence[Recipe] | Mapping[str, Recipe], split: Split
) -> dict[str, Recipe]:
    """Recipes by name, and the baselines they must beat."""
    if isinstance(recipes, Mapping):
        named = dict(recipes)
    else:
        named = dict(zip(numbered([one.name for one in recipes]), recipes, strict=True))
    there = {recipe.name for recipe in named.values()}
    for baseline in baselines(split.train):
        if baseline.name in there:
            continue
        if baseline.name in named:
            taken = type(named[baseline.name]).__name__
            raise ConfigError(
                f"{baseline.name!r} is the name of a baseline that is compared as well, and was "
                f"given to {taken}: call {taken} something else"
            )
        named[baseline.name] = baseline
    return named


def baselines(train: Ratings) -> list[Recipe]:
    """What every model of ``train`` must beat.

    By errors that is the mean and biases alone, by lists popularity; of interactions there are no
    errors.
    """
    known = [RECIPES[name]() for name in ("mean", "biases", "popularity")]
    return [one for one in known if train.explicit or one.fits_interactions]


def mean_of(evaluations: Sequence[Evaluation], n_seeds: int = 1) -> Evaluation:
    """Evaluations of one recipe as one: errors over all rows, lists over all lists.

    Args:
        evaluations: of every split with every seed.
        n_seeds: how many seeds; each has tested the same rows, which are counted once.
    """
    first, rows = evaluations[0], [one.rows for one in evaluations]

    def total(name: str) -> int | None:
        values = [getattr(one, name) for one in evaluations]
        return None if None in values else sum(values) // n_seeds

    means: dict[str, Any] = {
        name: _weighted([getattr(one, name) for one in evaluations], rows)
        for name in RATING_MEASURES
    }
    if means["mse"] is not None:
        means["rmse"] = means["mse"] ** 0.5
    names = ("rows", "overlap", "before_own", "before_any", "by_day", "folded_in")
    counts: dict[str, Any] = {name: total(name) for name in names}
    return dataclasses.replace(
        first,
        **means,
        **counts,
        made_from={
            source: sum(one.made_from[source] for one in evaluations) // n_seeds
            for source in first.made_from
        },
        fit_seconds=statistics.median(one.fit_seconds for one in evaluations),
        lists=_mean_lists(evaluations, n_seeds),
    )


def _mean_lists(evaluations: Sequence[Evaluation], n_seeds: int) -> ListMeasures | None:
    lists = [one.lists for one in evaluations if one.lists is not None]
    if not lists:
        return None
    users = [one.users for one in lists]
    names = ("users", "left_out", "relevant", "without_ratings", "new_users")
    counts: dict[str, Any] = {
        name: sum(getattr(one, name) for one in lists) // n_seeds for name in names
    }
    measures = {
        name: _weighted([one.measures.get(name) for one in lists], users)
        for name in lists[0].measures
    }
    return dataclasses.replace(
        lists[0],
        **counts,
        measures={name: value for name, value in measures.items() if value is not None},
    )


def _fit_all(
    recipes: Mapping[str, Recipe],
    splits: Split | Iterable[Split],
    seeds: Sequence[int],
    k: int | Iterable[int] | None,
    relevant_from: float | None,
    on_fit: OnFit | None,
) -> dict[str, list[_Run]]:
    """Every recipe on every split with every seed; only one split is held at a time."""
    arguments.seeds("seeds", seeds)
    arguments.callback("on_fit", on_fit)
    if relevant_from is not None:
        arguments.number("relevant_from", relevant_from)
    lengths = arguments.lengths("k", k)
    runs: dict[str, list[_Run]] = {name: [] for name in recipes}
    for split in arguments.splits("splits", splits):
        check_recipes(recipes.values(), split)
        for name, recipe in recipes.items():
            for seed in seeds:
                if on_fit is not None:
                    on_fit(f"{name}, seed {seed}, {split.description}")
                with PeakMemory() as memory:
                    model = recipe.fit(split.train, seed=seed)
                measured = measure(
                    model,
                    split.valid,
                    name=name,
                    k=lengths,
                    relevant_from=relevant_from,
                    known=split.known,
                )
                run = _Run(
                    split=split.description, seed=seed, measured=measured, memory=memory.bytes
                )
                runs[name].append(run)
    if not next(iter(runs.values())):
        raise DataError("there are no splits to fit on")
    return runs


def _mean_measured(runs: Sequence[_Run], n_seeds: int) -> Measured:
    """Runs of one recipe as one measurement, with what each user adds to it."""
    sums: dict[str, tuple[Float64s, Float64s]] = {}
    for run in runs:
        for name, (values, counts) in run.measured.sums.items():
            before = sums.get(name)
            if before is not None and before[0].shape != values.shape:
                raise DataError("splits have different users: make them all from one table")
            sums[name] = (values, counts) if before is None else (
                before[0] + values, before[1] + counts
            )  # fmt: skip
    evaluation = mean_of([run.measured.evaluation for run in runs], n_seeds)
    return Measured(evaluation=evaluation, sums=sums)


def _spreads(runs: Sequence[_Run]) -> dict[str, float]:
    """Standard deviation of each measure from seed to seed."""
    by_seed = {
        seed: mean_of([run.measured.evaluation for run in runs if run.seed == seed]).measures
        for seed in dict.fromkeys(run.seed for run in runs)
    }
    names = next(iter(by_seed.values()))
    return {name: statistics.stdev(one[name] for one in by_seed.values()) for name in names}


def _chain(first: Split, rest: Iterator[Split]) -> Iterator[Split]:
    yield first
    yield from rest


def _weighted(values: Sequence[float | None], weights: Sequence[int]) -> float | None:
    there = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None]
    return sum(v * w for v, w in there) / sum(w for _, w in there) if there else None


def _deviation(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return statistics.stdev(there) if len(there) > 1 else None


def _largest(values: Sequence[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
