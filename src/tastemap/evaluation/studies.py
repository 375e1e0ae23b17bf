"""How a search is kept: studies of Optuna, in memory or in a file (SQLite)."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tastemap.errors import ConfigError
from tastemap.evaluation.spaces import Choices, Dimension
from tastemap.evaluation.tuning import Trial

if TYPE_CHECKING:
    import optuna

    from tastemap.evaluation.search import Task

TOLD = "told"
"""What a trial of Optuna's keeps of ours."""
RANDOM_TRIALS = 5
"""Settings that are drawn at random before others are drawn near the good ones, or stopped early:
few, as a minute often has only some twenty trials."""
_SQLITE = b"SQLite format 3\0"
_GOOD = 0.5
"""Share of the trials that are good ones, where is asked what makes them so."""
_ENOUGH = 20
"""With fewer trials nothing is said of what matters."""


def distribution(one: Dimension) -> optuna.distributions.BaseDistribution:
    """What Optuna draws a setting from."""
    from optuna import distributions

    if isinstance(one, Choices):
        return distributions.CategoricalDistribution([repr(value) for value in one.values])
    if one.whole:
        return distributions.IntDistribution(int(one.low), int(one.high), log=one.log)
    return distributions.FloatDistribution(one.low, one.high, log=one.log)


def as_drawn(task: Task, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as Optuna knows them."""
    choices = {name for name, one in task.space.items() if isinstance(one, Choices)}
    return {name: repr(one) if name in choices else one for name, one in settings.items()}


@contextmanager
def opened(
    task: Task, storage: str | Path | None, name: str, fingerprint: dict[str, str]
) -> Iterator[optuna.Study]:
    """A new study, or the one of this name that the file has, if it is of the same search.

    Optuna tells of every trial on its own account; while the study is open it is quiet, as we do.

    Raises:
        ConfigError: the file cannot keep a search, or has another one of this name.
    """
    import optuna

    loudness = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.WARNING)
    file = None
    try:
        file = None if storage is None else _file(Path(storage))
        study = optuna.create_study(
            storage=file,
            study_name=name,
            direction=_direction(task),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=RANDOM_TRIALS),
            load_if_exists=True,
        )
        _identify(study, task, storage, fingerprint)
        yield study
    finally:
        optuna.logging.set_verbosity(loudness)
        if file is not None:
            file.remove_session()
            file.engine.dispose()


def _file(path: Path) -> optuna.storages.RDBStorage:
    """The data base in a file, which is made where there is none."""
    import sqlite3

    import optuna

    if not path.parent.is_dir():
        raise ConfigError(
            f"{path.parent} is no folder: make it first, or keep the search elsewhere"
        )
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: name a file, such as {path / 'tuning.db'}")
    if path.exists() and path.stat().st_size:
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) != _SQLITE:
                raise ConfigError(f"{path} is no file that keeps a search: name another")
    # By a connection, not an address: a path may have any letters.
    return optuna.storages.RDBStorage(
        "sqlite://", engine_kwargs={"creator": lambda: sqlite3.connect(path)}
    )


def _identify(
    study: optuna.Study, task: Task, storage: str | Path | None, fingerprint: dict[str, str]
) -> None:
    """Write down what a new study is of; refuse one that is of something else."""
    identity = {
        **fingerprint,
        "recipe": json.dumps([task.recipe.name, task.recipe.settings()], default=str),
        "space": repr(task.space),
        "measure": f"{task.measure.name}, relevant from {task.relevant_from}",
        "seed": str(task.seed),
    }
    before = study.user_attrs.get("identity")
    if before is None:
        study.set_user_attr("identity", identity)
    elif before != identity:
        other = ", ".join(key for key in identity if before.get(key) != identity[key])
        raise ConfigError(
            f"{storage} has a search called {study.study_name!r} with another {other}: it cannot "
            "be gone on with; give this one another name, or another file"
        )


def _direction(task: Task) -> Literal["minimize", "maximize"]:
    return "minimize" if task.measure.smaller else "maximize"


def stored(task: Task, study: optuna.Study) -> list[Trial]:
    """Trials of an earlier run; one that was killed is forgotten."""
    import optuna

    found: list[Trial] = []
    for one in study.get_trials(deepcopy=False):
        if not one.state.is_finished():
            waits = one.state == optuna.trial.TrialState.WAITING
            study.tell(study.ask() if waits else one.number, state=optuna.trial.TrialState.FAIL)
        elif TOLD in one.user_attrs:
            drawn = one.params
            settings = {n: space.value(drawn[n]) for n, space in task.space.items() if n in drawn}
            # Only the recipe as given can have settings that the space has not.
            settings = settings if found and settings else task.given
            found.append(Trial(number=len(found), settings=settings, **one.user_attrs[TOLD]))
    return found


def importance(task: Task, trials: list[Trial]) -> dict[str, float]:
    """How much each setting has to do with being in the better half, where that can be told.

    PED-ANOVA (Watanabe, Bansal & Hutter 2023, "PED-ANOVA: efficiently quantifying hyperparameter
    importance in arbitrary subspaces").
    """
    import optuna

    finished = [one for one in trials if one.value is not None]
    finished = [
        one
        for one in finished
        if all(space.holds(one.settings[name]) for name, space in task.space.items())
    ]
    if len(task.space) < 2 or len(finished) < _ENOUGH:
        return {}
    study = optuna.create_study(direction=_direction(task))
    drawn = {name: distribution(one) for name, one in task.space.items()}
    for one in finished:
        made = optuna.trial.create_trial(
            params=as_drawn(task, one.settings), distributions=drawn, value=one.value
        )
        study.add_trial(made)
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=_GOOD)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: value for name, value in found.items() if math.isfinite(value)}
