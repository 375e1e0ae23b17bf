"""Searching for better settings, on inner splits of the training ratings only.

Settings are drawn by Optuna's tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms
for hyper-parameter optimization") and judged on one part of the ratings. The best is then compared
with the recipe as it was given on other parts, which had no part in the choice.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tastemap import arguments
from tastemap.arrays import Float64s
from tastemap.data import splits
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import DataError, TrainingError, require
from tastemap.evaluation import bootstrap, studies
from tastemap.evaluation.budget import Budget, expected
from tastemap.evaluation.compare import Difference
from tastemap.evaluation.evaluate import Measured
from tastemap.evaluation.new_users import check_recipes
from tastemap.evaluation.search import FOLDS, Search, Task
from tastemap.evaluation.spaces import Space, default_space, dimensions
from tastemap.evaluation.tuning import Check, Measure, OnTrial, Trial, Tuning
from tastemap.training.recipe import Recipe

BUDGET = 60.0
"""Seconds, where neither seconds nor trials are given."""


def tune(
    recipe: Recipe,
    ratings: Ratings | Iterable[Split],
    space: Space | None = None,
    *,
    budget: float | None = None,
    trials: int | None = None,
    measure: str | None = None,
    relevant_from: float | None = None,
    storage: str | Path | None = None,
    name: str | None = None,
    seed: int = 0,
    on_trial: OnTrial | None = None,
) -> Tuning:
    """Search for better settings of a recipe.

    Give it training ratings only, ``split.train``: what is kept back to measure the result on must
    not be seen here. They are divided into five parts. Settings are chosen on the first; afterwards
    the best is compared with the recipe as given on the others, with other seeds, and the result
    says whether it is better by more than luck. The recipe as given is always the first that is
    tried.

    A split given instead is used up: settings are chosen on its ``valid``, where the best then
    looks better than it is, and the result says so. Its ``test`` is not looked at.

    Trials are stopped early where the recipe tells of its epochs and settings are judged by RMSE
    or MSE: when the error after an eighth, a quarter or half of the planned epochs is above the
    median of earlier trials. A setting that cannot be fitted is a failed trial, and the result
    says why.

    Ctrl-C ends the search; the result has what was found until then, without a check.

    Args:
        recipe: the one whose settings are varied; what is not varied stays as it is here.
        ratings: the training ratings. Or splits of them: settings are chosen on ``valid`` of the
            first, and checked on ``valid`` of the others, which should keep back other rows; with
            one split there is no check.
        space: what is varied, by name: a range ``(low, high)``, a range ``(low, high, "log")`` of
            which factors count, or a list of choices. None: what is worth it
            (`tastemap.evaluation.spaces`).
        budget: seconds to take, the check included. No trial is begun, and no part of the check,
            that would not end in time if it takes as long as those before. The first trial is
            always made, and nothing that has begun is cut off: the result says when it took
            longer after all. None: 60 without ``trials``, no limit with.
        trials: how many settings to try, those that ``storage`` has of this search included. With
            it and without ``budget`` the same seed gives the same result.
        measure: one of `tastemap.evaluate` by name, such as ``"mae"``, ``"ndcg@20"`` or ``"auc"``;
            its direction is known. None: ``"rmse"`` for recipes that predict ratings, ``"ndcg@10"``
            for those that rank items.
        relevant_from: as of `tastemap.evaluate`.
        storage: a file (SQLite) that keeps the trials. When it has a search of this name, of the
            same recipe, ratings, space, measure and seed, it is gone on with.
        name: of the search in ``storage``; None for the name of the recipe.
        seed: of what is drawn, and of training during the search.
        on_trial: called after each trial, such as ``tm.progress_bar("tuning")``.

    Returns:
        All trials, and the best recipe ready to fit.

    Raises:
        ConfigError: the space, the measure, the budget or the number of trials is wrong, or
            ``storage`` has another search of this name.
        DataError: the ratings cannot be divided, or cannot be fitted by this recipe.
        NotFittedFor: users of a split are new, and the model cannot take them in.
        TrainingError: no setting could be fitted.
        MissingExtraError: Optuna is not installed.
        KeyboardInterrupt: by Ctrl-C, before there was a trial to keep.

    Example:
        >>> found = tm.tune(tm.EASE(), split.train, budget=60)  # doctest: +SKIP
        >>> found.best.fit(split.train, split.valid)  # doctest: +SKIP
    """
    require("optuna", "tune")
    arguments.recipe("recipe", recipe)
    if trials is not None:
        arguments.integer("trials", trials, 1)
    if budget is not None:
        arguments.number("budget, in seconds,", budget, above=0)
    if relevant_from is not None:
        arguments.number("relevant_from", relevant_from)
    if measure is not None:
        arguments.text("measure", measure, "'rmse' or 'ndcg@10'")
    if storage is not None:
        arguments.path("storage", storage)
    if name is not None:
        arguments.text("name", name)
    if space is not None:
        arguments.mapping("space", space, "{'factors': (8, 64)}")
    arguments.integer("seed", seed, 0)
    arguments.callback("on_trial", on_trial)
    if budget is None and trials is None:
        budget = BUDGET
    allowed = Budget(budget)
    first, others, parts, fingerprint = _divided(ratings, seed)
    check_recipes([recipe], first)
    task = Task(
        recipe=recipe,
        split=first,
        space=dimensions(recipe, default_space(recipe, first.train) if space is None else space),
        measure=Measure.of(measure or ("ndcg@10" if recipe.fits_interactions else "rmse")),
        relevant_from=relevant_from,
        seed=seed,
    )
    with studies.opened(task, storage, name or recipe.name, fingerprint) as study:
        search = Search(task, study, allowed, parts, trials, on_trial)
        stopped = search.run()
        best = search.best
        if best is None and search.interrupted:
            raise KeyboardInterrupt
        if best is None:
            last = next((one.said for one in reversed(search.trials) if one.said), stopped)
            raise TrainingError(
                f"none of {len(search.trials)} settings of {recipe.name} could be fitted: {last}"
            )
        tuned = replace(recipe, **best.settings)
        interrupted = search.interrupted
        check, unchecked = None, "interrupted: the best was not compared with the recipe as given"
        if not interrupted:
            try:
                check, unchecked = _check(task, search.trials, best, others, allowed)
            except KeyboardInterrupt:
                interrupted = True
        return Tuning(
            given=recipe,
            best=tuned,
            measure=task.measure,
            space=task.space,
            trials=tuple(search.trials),
            best_trial=best.number,
            check=check,
            importance=studies.importance(task, search.trials),
            chosen_on=first.description,
            stopped=stopped,
            seconds=allowed.spent,
            budget=budget,
            unchecked=unchecked,
            interrupted=interrupted,
        )


def _divided(
    ratings: Ratings | Iterable[Split], seed: int
) -> tuple[Split, Iterator[Split], int, dict[str, str]]:
    """The split settings are chosen on, those they are checked on, how many, what names them."""
    if isinstance(ratings, Ratings):
        if len(ratings) < FOLDS:
            raise DataError(f"{len(ratings)} ratings cannot be divided into {FOLDS} parts")
        folds = splits.k_fold(ratings, FOLDS, seed)
        return next(folds), folds, FOLDS - 1, {"ratings": ratings.fingerprint}
    given = list(arguments.splits("ratings", ratings, "Ratings, or a Split or several"))
    if not given:
        raise DataError("there are no splits to choose settings on")
    sums = hashlib.sha256()
    for split in given:
        for part in (split.train, split.valid, split.known):
            sums.update(part.fingerprint.encode() if part is not None else b"-")
    return given[0], iter(given[1:]), len(given) - 1, {"ratings": sums.hexdigest()}


def _check(
    task: Task, trials: list[Trial], best: Trial, others: Iterator[Split], budget: Budget
) -> tuple[Check | None, str]:
    """Compare the best with the recipe as given on ratings that had no part in the choice."""
    first = trials[0]
    if len(trials) == 1 and budget.spent > budget.latest(trials, 1):
        more = math.ceil(first.seconds + 2 * expected(trials))
        return None, (
            "nothing but the recipe as given was tried: another trial and its check may take "
            f"{more:,} s more"
        )
    if best is first:
        return None, "nothing that was tried is better than the recipe as given: keep it"
    if first.value is None:
        return None, f"the recipe as given could not be fitted: {first.said}"
    part = first.seconds + best.seconds
    late = (
        "there are no other ratings to do so on; valid of the split is used up by the choice, so "
        "measure the best on others, or give split.train, which is divided into parts"
    )
    runs: list[tuple[Measured, Measured]] = []
    parts: list[str] = []
    try:
        for split in others:
            began = budget.spent
            if began + part > budget.seconds:
                late = f"that takes about {math.ceil(part):,} s, more than was left of the budget"
                break
            seed = task.seed + 1 + len(runs)
            given, tuned = (
                task.measured(replace(task.recipe, **one.settings), split, seed)
                for one in (first, best)
            )
            runs.append((given, tuned))
            parts.append(split.description)
            part = budget.spent - began
    except (TrainingError, MemoryError) as error:
        return None, f"the best could not be compared with the recipe as given: {error}"
    if not runs:
        return None, f"not compared with the recipe as given: {late}"
    return Check(
        measure=task.measure,
        parts=tuple(parts),
        seeds=tuple(task.seed + 1 + part for part in range(len(runs))),
        given=tuple(task.value(given) for given, _ in runs),
        tuned=tuple(task.value(tuned) for _, tuned in runs),
        difference=_difference(task.measure, runs),
    ), ""


def _difference(of: Measure, runs: list[tuple[Measured, Measured]]) -> Difference | None:
    """Over all parts, user by user; None where the measure is not a mean over users."""
    key = "mse" if of.name == "rmse" else of.name
    totals, counts = [], []
    for side in (0, 1):
        sums = [pair[side].sums.get(key) for pair in runs]
        there = [one for one in sums if one is not None]
        if len(there) < len(sums) or len({len(values) for values, _ in there}) > 1:
            return None
        totals.append(sum(values for values, _ in there))
        counts.append(sum(over for _, over in there))

    def value(means: Float64s) -> Float64s:
        return np.sqrt(means) if of.name == "rmse" else means

    sign = -1 if of.smaller else 1
    drawn = value(bootstrap.resampled_means(np.stack(totals), np.stack(counts)))
    better = sign * (drawn[:, 1] - drawn[:, 0])
    given, tuned = value(np.stack(totals).sum(axis=1) / np.stack(counts).sum(axis=1))
    by = float(sign * (tuned - given))
    users = int(np.stack(counts).any(axis=0).sum())
    low, high, p = bootstrap.evidence(by, better, users)
    return Difference(
        measure=of.name,
        model="tuned",
        against="given",
        better_by=by,
        low=low,
        high=high,
        p=p,
        users=users,
    )
