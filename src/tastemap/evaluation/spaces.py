"""Which settings of a recipe are varied, and how far: the spaces `tastemap.tune` searches.

A space is plain Python: names of settings, each with a tuple, which is a range, or a list, which
is of choices::

    {"regularization": (10, 10_000, "log"), "min_rating": [None, 4.0]}
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError
from tastemap.evaluation.lists import threshold
from tastemap.training.recipe import Recipe

Space = Mapping[str, "tuple[Any, ...] | list[Any]"]
"""Settings by name: ``(low, high)`` or ``(low, high, "log")``, or a list of choices."""


@dataclass(frozen=True)
class Range:
    """All numbers between two ends.

    Attributes:
        low, high: the ends, both included.
        log: a factor counts, not a difference: 1 to 10 is as far as 10 to 100.
        whole: whole numbers only.
    """

    low: float
    high: float
    log: bool
    whole: bool

    def value(self, drawn: float) -> int | float:
        """The setting for a number drawn: with three digits, that it may be read and typed."""
        if self.whole:
            return round(drawn)
        return min(max(float(f"{drawn:.3g}"), self.low), self.high)

    def holds(self, value: object) -> bool:
        """Whether a setting lies in the range."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= cast(float, value) <= self.high


@dataclass(frozen=True)
class Choices:
    """Some values, in no order.

    Attributes:
        values: each of them once.
    """

    values: tuple[Any, ...]

    def value(self, written: str) -> Any:
        """The choice that is written so."""
        return next(one for one in self.values if repr(one) == written)

    def holds(self, value: object) -> bool:
        """Whether a setting is one of the choices."""
        return value in self.values


Dimension = Range | Choices


def dimensions(recipe: Recipe, space: Space) -> dict[str, Dimension]:
    """A space as it was written, checked against the recipe.

    Raises:
        ConfigError: a setting is not one of the recipe's, or what stands for it is neither a
            range nor choices.
    """
    known = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    if not space:
        listed = f": name some of its settings, {', '.join(known)}" if known else ""
        raise ConfigError(f"there is nothing to vary of {type(recipe).__name__}{listed}")
    hints = typing.get_type_hints(type(recipe))
    found: dict[str, Dimension] = {}
    for name, written in space.items():
        if name not in known:
            raise ConfigError(
                f"{name!r} is not a setting of {type(recipe).__name__}, which has "
                f"{', '.join(known) or 'none'}"
            )
        if isinstance(written, tuple):
            found[name] = _range(name, written, whole=hints[name] is int)
        elif isinstance(written, list):
            found[name] = _choices(name, written)
        else:
            raise ConfigError(
                f"{name}={written!r}: write a range (low, high), a range (low, high, 'log') of "
                "which factors count, or a list of choices"
            )
    return found


def default_space(recipe: Recipe, ratings: Ratings) -> Space:
    """What is worth varying of a recipe: a range or choices that hold its own setting too.

    Args:
        recipe: as it is given; a solver it names is kept.
        ratings: what it will be fitted to.

    Raises:
        ConfigError: it is a recipe of your own, of which nothing is known.
    """
    if recipe.name not in SPACES:
        raise ConfigError(
            f"what is worth varying of {type(recipe).__name__} is not known: give a space"
        )
    written = SPACES[recipe.name](recipe, ratings)
    return {name: _with_own(one, getattr(recipe, name)) for name, one in written.items()}


def _range(name: str, written: Sequence[Any], *, whole: bool) -> Range:
    ends, log = written[:2], written[2:] == ("log",)
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in ends)
    if len(ends) < 2 or not numbers or not (log or len(written) == 2):
        raise ConfigError(f"{name}={written!r}: a range is (low, high) or (low, high, 'log')")
    low, high = ends
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f"{name}={written!r}: the first end must be below the second")
    if log and low <= 0:
        raise ConfigError(f"{name}={written!r}: a range of factors must begin above 0")
    if whole and not (isinstance(low, int) and isinstance(high, int)):
        raise ConfigError(f"{name}={written!r}: {name} is a whole number, and so must the ends be")
    return Range(low, high, log, whole)


def _choices(name: str, written: Sequence[Any]) -> Choices:
    if not written:
        raise ConfigError(f"{name}=[]: give at least one choice")
    if len({repr(one) for one in written}) < len(written):
        raise ConfigError(f"{name}={written!r}: a choice is there twice")
    return Choices(tuple(written))


def _with_own(written: tuple[Any, ...] | list[Any], own: Any) -> tuple[Any, ...] | list[Any]:
    if isinstance(written, list):
        return written if own in written else [own, *written]
    low, high, *log = written
    if log and own <= 0:
        return written  # no range of factors begins at 0
    return (min(low, own), max(high, own), *log)


# The spaces


def _nothing(_recipe: Any, _ratings: Ratings) -> Space:
    return {}


def _biases(_recipe: Any, _ratings: Ratings) -> Space:
    return {"user_damping": (0.5, 50.0, "log"), "item_damping": (0.5, 50.0, "log")}


def _gradient(recipe: Any, _ratings: Ratings) -> dict[str, Any]:
    # Few numbers of factors: for each, the training is compiled anew.
    space: dict[str, Any] = {"factors": [8, 16, 32, 64, 128]}
    # A slower rate needs more epochs; a hold-out ends training when they no longer help.
    space["schedule"] = [((1e-3, 60),), ((2e-3, 40),), ((3e-3, 30),), ((6e-3, 20),), ((1e-2, 15),)]
    ends = {
        "rating": (0.02, 0.5, "log"),
        "model": (5.0, 500.0, "log"),
        "batch": (1e-6, 1e-2, "log"),
    }
    space["l2"] = ends[recipe.l2_per]
    return space


def _biased(recipe: Any, ratings: Ratings) -> Space:
    if recipe.solver == "adam":
        return _gradient(recipe, ratings)
    if recipe.regularization == "auto":
        return {
            "factors": (4, 64, "log"),
            "regularization": ["auto", 0.02, 0.04, 0.06, 0.08, 0.1, 0.15],
        }
    return {"factors": (4, 128, "log"), "regularization": (0.01, 0.5, "log")}


def _neural(recipe: Any, ratings: Ratings) -> Space:
    layers = len(recipe.hidden)
    space = _gradient(recipe, ratings)
    space["schedule"] = [((5e-4, 40),), ((1e-3, 30),), ((2e-3, 20),), ((4e-3, 15),)]
    space["hidden"] = [(units,) * layers for units in (30, 70, 150)] if layers else [()]
    space["dropout"] = [(first,) + (rest,) * layers for first in (0.1, 0.2, 0.4)
                        for rest in ((0.1, 0.2, 0.5) if layers else (0.0,))]  # fmt: skip
    return space


def _bayesian(_recipe: Any, _ratings: Ratings) -> Space:
    both = [True, False]
    return {"factors": (4, 64, "log"), "rated_items": both, "raters": both}


def _liked(_recipe: Any, ratings: Ratings) -> dict[str, Any]:
    """Whether every rating says that an item was taken, or only one that says it was liked."""
    return {"min_rating": [None, threshold(ratings, ratings)]} if ratings.explicit else {}


def _item_knn(recipe: Any, ratings: Ratings) -> Space:
    space: dict[str, Any] = {"neighbours": (10, 1000, "log"), "shrinkage": (1.0, 1000.0, "log")}
    return space | (_liked(recipe, ratings) if recipe.similarity == "cosine" else {})


def _rp3beta(recipe: Any, ratings: Ratings) -> Space:
    space: dict[str, Any] = {
        "neighbours": (10, 1000, "log"),
        "alpha": (0.2, 1.6),
        "beta": (0.0, 1.0),
    }
    return space | _liked(recipe, ratings)


def _ease(recipe: Any, ratings: Ratings) -> Space:
    return {"regularization": (10.0, 10_000.0, "log"), **_liked(recipe, ratings)}


def _implicit_als(recipe: Any, ratings: Ratings) -> Space:
    return {
        "factors": (8, 256, "log"),
        "unobserved": (0.003, 1.0, "log"),
        "regularization": (0.0005, 0.3, "log"),
        **_liked(recipe, ratings),
    }


def _blend(recipe: Any, _ratings: Ratings) -> Space:
    """How much each model counts: once, twice or four times as much as another."""
    shares = product((1.0, 2.0, 4.0), repeat=len(recipe.recipes))
    return {"weights": [None, *(one for one in shares if min(one) == 1 < max(one))]}


SPACES: Mapping[str, Callable[[Any, Ratings], Space]] = {
    "mean": _nothing,
    "biases": _biases,
    "dot": _gradient,
    "biased": _biased,
    "neural": _neural,
    "bayesian": _bayesian,
    "popularity": _liked,
    "item-knn": _item_knn,
    "rp3beta": _rp3beta,
    "ease": _ease,
    "implicit-als": _implicit_als,
    "blend": _blend,
}
"""By name of a recipe, what is varied of it unless a space is given."""
