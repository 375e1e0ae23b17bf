"""Checks of arguments where the public names take them.

What is of another kind than is asked for is refused here, by a sentence that names the argument,
what was given and what to do: else it is an error of Python somewhere below. A number out of its
range is refused by the same functions.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from tastemap.arrays import AnyArray, Codes
from tastemap.errors import ArgumentError, ConfigError

if TYPE_CHECKING:
    from tastemap.data.splits import Split

_RATINGS, _SPLIT, _MODEL, _RECIPE = "Ratings", "Split", "Recommender", "Recipe"
_HOMES = {
    _RATINGS: "tastemap.data.ratings",
    _SPLIT: "tastemap.data.splits",
    _MODEL: "tastemap.recommender",
    _RECIPE: "tastemap.training.recipe",
    "BiasRanking": "tastemap.explanation.biases",
    "Comparison": "tastemap.evaluation.compare",
    "Crosstab": "tastemap.explanation.crosstab",
    "TasteMap": "tastemap.explanation.components",
    "TrainingHistory": "tastemap.training.history",
    "Tuning": "tastemap.evaluation.tuning",
}
_CALLED = {
    _RATINGS: "Ratings",
    _SPLIT: "a Split",
    _MODEL: "a fitted model",
    _RECIPE: "the recipe {}",
}


# Kinds of tastemap


def ratings(name: str, value: object) -> None:
    """Refuse what are no `Ratings`.

    Raises:
        ArgumentError: the message says how to come by them.
    """
    if _is(value, _RATINGS):
        return
    todo = "read a file or a table with tm.read_ratings first"
    if _is(value, _SPLIT):
        todo = "give one of its parts, such as split.train or split.valid"
    elif _is(value, _MODEL):
        todo = "those it was trained on are model.ratings"
    elif isinstance(value, str | os.PathLike):
        todo = f"read it first, tm.read_ratings({os.fspath(value)!r})"
    elif hasattr(value, "__arrow_c_stream__") or hasattr(value, "columns"):
        todo = "read it first, tm.read_ratings(table)"
    raise _other(name, "Ratings", value, todo)


def optional_ratings(name: str, value: object) -> None:
    """Refuse what are neither `Ratings` nor None."""
    if value is not None:
        ratings(name, value)


def model(name: str, value: object) -> None:
    """Refuse what is no fitted model, a `Recommender`.

    Raises:
        ArgumentError: the message says how to come by one.
    """
    if _is(value, _MODEL):
        return
    todo = "fit a recipe, or load one with tm.load"
    if _is(value, _RECIPE):
        todo = f"fit it first, {type(value).__name__}().fit(split.train)"
    elif _is_class(value, _RECIPE):
        todo = f"fit it first, {value.__name__}().fit(split.train)"
    elif isinstance(value, str | os.PathLike):
        todo = f"load it first, tm.load({os.fspath(value)!r})"
    elif isinstance(value, Sequence | Mapping):
        todo = "give one at a time, or several to tm.compare"
    raise _other(name, "a fitted model", value, todo)


def models(name: str, value: object) -> None:
    """Refuse what is no sequence of fitted models, and no mapping of names to such."""
    todo = "give them in a list, or in a dict under the names they are to have"
    for one in _each(name, "fitted models", value, todo):
        if _is(one, _RECIPE):
            kind = type(one).__name__
            raise _other(
                f"each of {name}",
                "a fitted model",
                one,
                f"fit it first, {kind}().fit(split.train), or give recipes to tm.compare_recipes",
            )
        model(f"each of {name}", one)


def recipe(name: str, value: object) -> None:
    """Refuse what is no recipe.

    Raises:
        ArgumentError: the message says how to come by one.
    """
    if _is(value, _RECIPE):
        return
    todo = "make one, such as tm.BayesianMF()"
    if _is_class(value, _RECIPE):
        todo = f"make one of it, {value.__name__}()"
    elif _is(value, _MODEL):
        todo = "its recipe is model.recipe"
    elif isinstance(value, Sequence | Mapping) and not isinstance(value, str):
        todo = "give one at a time, or several to tm.compare_recipes"
    raise _other(name, "a recipe", value, todo)


def recipes(name: str, value: object) -> None:
    """Refuse what is no sequence of recipes, and no mapping of names to such."""
    todo = "give them in a list, or in a dict under the names they are to have"
    for one in _each(name, "recipes", value, todo):
        recipe(f"each of {name}", one)


def splits(
    name: str, value: Split | Iterable[Split], wanted: str = "a Split or several"
) -> Iterator[Split]:
    """One or several splits, one after the other, each looked at when its turn comes.

    Raises:
        ArgumentError: what is given, or one of it, is no split; the message says how to make one.
    """
    todo = "make one, such as tm.split.random(ratings), or several by tm.split.k_fold(ratings, 5)"
    if _is(value, _SPLIT):
        return iter([value])  # type: ignore[list-item]  # it is one
    if not isinstance(value, Iterable) or isinstance(value, str | Mapping) or _is_frame(value):
        raise _other(name, wanted, value, todo)

    def checked() -> Iterator[Split]:
        for one in value:
            if not _is(one, _SPLIT):
                raise _other(f"each of {name}", "a Split", one, todo)
            yield one

    return checked()


def split(name: str, value: object) -> None:
    """Refuse what is no split."""
    if not _is(value, _SPLIT):
        raise _other(name, "a Split", value, "make one, such as tm.split.random(ratings)")


def result(name: str, value: object, kind: str, todo: str) -> None:
    """Refuse what is no result of this kind; ``todo`` says which call gives one."""
    if not _is(value, kind):
        raise _other(name, f"a {kind}", value, todo)


# Kinds of Python


def integer(name: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse what is no integer from ``least`` to ``most``; one of NumPy is one.

    Raises:
        ConfigError: the message names the setting, its range and the value.
    """
    fits = isinstance(value, Integral) and not isinstance(value, bool)
    if not fits or value < least or (most is not None and value > most):  # type: ignore[operator]
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ConfigError(f"{name} must be an integer {span}, got {_seen(value)}")


def number(
    name: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float = math.inf,
) -> None:
    """Refuse what is no finite number within these ends.

    Raises:
        ConfigError: the message names the setting, its range and the value.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    given = float(value) if is_number else math.nan  # type: ignore[arg-type]
    fits = math.isfinite(given) and given < below
    fits = fits and (least is None or given >= least) and (above is None or given > above)
    fits = fits and (most is None or given <= most)
    if not fits:
        bounds = [f"at least {least}"] if least is not None else []
        bounds += [f"above {above}"] if above is not None else []
        bounds += [f"at most {most}"] if most is not None else []
        bounds += [f"below {below}"] if below < math.inf else []
        span = f" {' and '.join(bounds)}" if bounds else ""
        raise ConfigError(f"{name} must be a number{span}, got {_seen(value)}")


def seeds(name: str, value: object) -> None:
    """Refuse what are no seeds, or none, or one twice."""
    if isinstance(value, Integral):
        raise ConfigError(f"{name} are several: write {name}=({value},)")
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence | np.ndarray | range):
        raise _other(name, "integers", value, f"such as {name}=(0, 1, 2)")
    for one in value:
        integer(f"each of {name}", one, 0)
    if not len(value):
        raise ConfigError(f"there are no seeds: give at least one, such as {name}=(0,)")
    if len(set(value)) < len(value):
        raise ConfigError(f"a seed is there twice in {name}={tuple(value)}: give each once")


def lengths(name: str, value: int | Iterable[int] | None) -> tuple[int, ...] | None:
    """Lengths of lists: one, or several, or None.

    Raises:
        ConfigError: one is no integer of at least 1, or there are none.
    """
    if value is None:
        return None
    if not isinstance(value, Iterable) or isinstance(value, str | Mapping):
        integer(name, value, 1)
        return (value,)  # type: ignore[return-value]  # an integer
    several = tuple(value)
    if not several:
        raise ConfigError(f"{name} has no lengths of lists: give some, such as 10 or (5, 10, 50)")
    for one in several:
        integer(f"each of {name}", one, 1)
    return several


def one_of(name: str, value: object, known: Sequence[object]) -> None:
    """Refuse what is none of a few values.

    Raises:
        ConfigError: the message lists them.
    """
    if not any(type(value) is type(one) and value == one for one in known):
        listed = ", ".join(map(repr, known))
        raise ConfigError(f"{name} must be one of {listed}, got {_seen(value)}")


def flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False."""
    one_of(name, value, (True, False))


def mapping(name: str, value: object, such_as: str) -> None:
    """Refuse what is no mapping; ``such_as`` shows one."""
    if not isinstance(value, Mapping):
        raise _other(name, "a dict", value, f"such as {such_as}")


def text(name: str, value: object, such_as: str = "") -> None:
    """Refuse what is no text."""
    if not isinstance(value, str):
        raise _other(name, "a text", value, f"such as {such_as}" if such_as else "")


def optional_text(name: str, value: object) -> None:
    """Refuse what is neither a text nor None."""
    if value is not None:
        text(name, value)


def path(name: str, value: object) -> None:
    """Refuse what names no file or folder."""
    if not isinstance(value, str | os.PathLike):
        raise _other(name, "a path", value, "")


def callback(name: str, value: object) -> None:
    """Refuse what cannot be called and is not None."""
    if value is not None and not callable(value):
        raise _other(name, "a function", value, "such as tm.progress_bar()")


def codes(name: str, value: object, n: int) -> Codes:
    """Codes of users or items as an array; -1 stands for an unknown one.

    Args:
        name: of the argument.
        value: what was given, shape (m,).
        n: how many codes there are.

    Raises:
        ArgumentError: it is no one-dimensional array of integers.
        ConfigError: a code is below -1, or not below ``n``.
    """
    given = value if isinstance(value, np.ndarray) else _array(value)
    if given is None or given.ndim != 1 or (len(given) and given.dtype.kind not in "iu"):
        raise _other(
            name, "an array of codes", value, "raw ids become codes by ratings.user_ids.codes(ids)"
        )
    if len(given) and (given.min() < -1 or given.max() >= n):
        raise ConfigError(
            f"{name} must be codes from -1 to {n - 1}, got {given.min()} to {given.max()}"
        )
    return given.astype(np.int32, copy=False)


# Saying what was seen


def _is(value: object, kind: str) -> bool:
    # A module that is not loaded has made nothing; so this one need not import from above.
    home = sys.modules.get(_HOMES[kind])
    return home is not None and isinstance(value, getattr(home, kind))


def _is_class(value: object, kind: str) -> TypeGuard[type]:
    home = sys.modules.get(_HOMES[kind])
    return home is not None and isinstance(value, type) and issubclass(value, getattr(home, kind))


def _is_frame(value: object) -> bool:
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "columns")


def _each(name: str, wanted: str, value: object, todo: str) -> Iterable[Any]:
    """What is in a sequence, or named in a mapping."""
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _other(name, wanted, value, todo)
    return value


def _array(value: object) -> AnyArray | None:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    try:
        return np.array(value)
    except ValueError:
        return None  # rows of different lengths


def _seen(value: object) -> str:
    """A value for people: what it is, and short ones as they are written."""
    for kind, called in _CALLED.items():
        if _is(value, kind):
            return called.format(type(value).__name__)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return repr(value)
    if isinstance(value, os.PathLike):
        return f"the path {os.fspath(value)!r}"
    home, called = type(value).__module__.partition(".")[0], type(value).__qualname__
    if isinstance(value, list | tuple | dict) and len(repr(value)) < 60:
        return f"the {called} {value!r}"
    return f"a {called}" if home == "builtins" else f"a {called} of {home}"


def _other(name: str, wanted: str, value: object, todo: str) -> ArgumentError:
    return ArgumentError(f"{name} must be {wanted}, got {_seen(value)}{todo and ': '}{todo}")
