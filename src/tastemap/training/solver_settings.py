"""Settings of the solvers, checked; apart from them, so that reading a model loads no compiler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tastemap import arguments
from tastemap.data.moments import seconds_of
from tastemap.errors import ConfigError

MAX_FACTORS = 256
"""`kernels.MAX_FACTORS`, which a test compares."""


@dataclass(frozen=True, kw_only=True)
class AlsSettings:
    """How to fit by alternating least squares.

    Attributes:
        factors: numbers for each user and each item, besides the bias.
        regularization: ``"auto"``, or λ, positive.
        weighted: multiply λ by the number of ratings of the row; means nothing with ``"auto"``.
        nonnegative: keep all factors at 0 or above; biases are free.
        sweeps: at most so many times both sides.
        tolerance: stop when two sweeps in a row change the error being minimised by less than
            this part.
        patience: with ratings held out, sweeps without a smaller error on them before fitting ends.
        threads: None for every core. The result does not depend on it.

    Raises:
        ConfigError: a setting is out of its range.
    """

    factors: int = 32
    regularization: float | Literal["auto"] = "auto"
    weighted: bool = True
    nonnegative: bool = False
    sweeps: int = 30
    tolerance: float = 1e-3
    patience: int = 3
    threads: int | None = None

    def __post_init__(self) -> None:
        _check_factors_and_threads(self.factors, self.threads)
        if self.regularization != "auto" and not (
            isinstance(self.regularization, int | float)
            and not isinstance(self.regularization, bool)
            and 0 < self.regularization < math.inf
        ):
            raise ConfigError(
                f'regularization must be "auto" or a positive number, got {self.regularization!r}'
            )
        for name in ("weighted", "nonnegative"):
            arguments.flag(name, getattr(self, name))
        arguments.integer("sweeps", self.sweeps, 1)
        arguments.number("tolerance", self.tolerance, least=0)
        arguments.integer("patience", self.patience, 1)


@dataclass(frozen=True, kw_only=True)
class GibbsSettings:
    """How long to sample, and what to keep.

    Attributes:
        factors: numbers for each user and each item, besides the bias.
        sweeps: times that everything is drawn.
        burn_in: sweeps at the beginning from which nothing is kept.
        draws: sweeps that are kept, spread evenly over the rest.
        rated_items: let which items a user rated say what the user is like.
        raters: let who rated an item say what the item is like.
        days: let users differ from day to day.
        likelihood: ``"normal"``: ratings are numbers with normal noise; ``"ordinal"``: steps of a
            scale (`tastemap.training.ordinal`).
        eras: of an ordinal likelihood: when each era of the scale after the first begins, or
            ``"auto"``: where values begin to occur.
        threads: None for every core. The result does not depend on it.

    Raises:
        ConfigError: a setting is out of its range.
    """

    factors: int = 16
    sweeps: int = 240
    burn_in: int = 40
    draws: int = 32
    rated_items: bool = False
    raters: bool = False
    days: bool = False
    likelihood: Literal["normal", "ordinal"] = "normal"
    eras: Literal["auto"] | tuple[float | str, ...] = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        _check_factors_and_threads(self.factors, self.threads)
        arguments.integer("draws", self.draws, 1)
        arguments.integer("burn_in", self.burn_in, 0)
        arguments.integer("sweeps", self.sweeps, 1)
        for name in ("rated_items", "raters", "days"):
            arguments.flag(name, getattr(self, name))
        arguments.one_of("likelihood", self.likelihood, ("normal", "ordinal"))
        if self.eras != "auto":
            if not isinstance(self.eras, tuple):
                raise ConfigError(f'eras must be "auto" or a tuple of dates, got {self.eras!r}')
            if self.likelihood == "normal":
                raise ConfigError('eras are of likelihood="ordinal", and the likelihood is normal')
            begins = [seconds_of(one) for one in self.eras]
            if any(after <= before for before, after in pairwise(begins)):
                raise ConfigError(f"eras must begin one after the other, got {self.eras}")
        if self.sweeps < self.burn_in + self.draws:
            raise ConfigError(
                f"sweeps must be at least burn_in + draws = {self.burn_in + self.draws}, "
                f"got {self.sweeps}"
            )

    def keeps(self, sweep: int) -> bool:
        """Whether this sweep, the first being 0, is kept."""
        after, rest = sweep - self.burn_in, self.sweeps - self.burn_in
        return after >= 0 and (after + 1) * self.draws // rest > after * self.draws // rest


def _check_factors_and_threads(factors: int, threads: int | None) -> None:
    arguments.integer("factors", factors, 1, MAX_FACTORS)
    if threads is not None:
        arguments.integer("threads", threads, 1)
