"""What users are like on single days: their factors on each day they rated something.

Moods, company and what is on differ from day to day. Who rated several items on a day is told
more exactly about that day than about others; on a day without ratings a user is as usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Int64s, Values, frozen
from tastemap.models.calibration import Calibration

SECONDS_A_DAY = 86_400
_PREFIX = "days."


@dataclass(frozen=True, eq=False, kw_only=True)
class UserDays:
    """The users of a posterior on the days they rated something, by user, then day.

    Attributes:
        users: user code of each user's day, shape (n_days,), int32.
        numbers: the day, in days since 1970 UTC, shape (n_days,), int32.
        bias: as `FactorModel.user_bias`, of that day, shape (n_days,).
        factors: as `FactorModel.user_factors`, of that day, shape (n_days, k).
        draws: as `PosteriorModel.user_draws`, of that day, shape (draws, n_days, k + 1).
        calibration: of intervals of dated ratings; None: as wide as a normal distribution has it.
    """

    users: Codes
    numbers: Codes
    bias: Values
    factors: Factors
    draws: Factors
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        for name in ("users", "numbers"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.int32))
        for name in ("bias", "factors", "draws"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float32))

    def rows(self, n_users: int, users: Codes, times: Int64s) -> Codes:
        """Where users on a day stand when these rows follow those of all users, shape (n,).

        Args:
            n_users: how many users there are.
            users: codes, shape (n,).
            times: seconds since 1970 UTC, shape (n,).

        Returns:
            ``n_users`` + the row here; the user's code for a day without training ratings.
        """
        return day_rows(self.users, self.numbers, n_users, users, times)

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays by name."""
        names = ("users", "numbers", "bias", "factors", "draws")
        own = {_PREFIX + name: getattr(self, name) for name in names}
        if self.calibration is not None:
            own |= {_PREFIX + name: one for name, one in self.calibration.parameters().items()}
        return own

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self | None:
        """The days among the arrays of a model; None if it has none."""
        own = {
            name.removeprefix(_PREFIX): array
            for name, array in parameters.items()
            if name.startswith(_PREFIX)
        }
        if not own:
            return None
        names = ("users", "numbers", "bias", "factors", "draws")
        return cls(
            **{name: own[name] for name in names}, calibration=Calibration.from_parameters(own)
        )


def day_keys(users: Codes, numbers: AnyArray) -> Int64s:
    """One number for a user and a day, rising by user, then day."""
    return (users.astype(np.int64) << 32) + (numbers.astype(np.int64) + (1 << 31))


def day_rows(
    day_users: Codes, day_numbers: Codes, n_users: int, users: Codes, times: Int64s
) -> Codes:
    """`UserDays.rows`, for days that are not of a model yet."""
    known = day_keys(day_users, day_numbers)
    # A time so far off that its day does not fit is of no day of training.
    numbers = (np.asarray(times) // SECONDS_A_DAY).clip(-(1 << 31), (1 << 31) - 1)
    wanted = day_keys(np.asarray(users), numbers)
    place = np.searchsorted(known, wanted)
    found = known[place.clip(max=len(known) - 1)] == wanted
    return np.where(found, n_users + place, users).astype(np.int32)
