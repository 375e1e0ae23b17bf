"""A moment as people write it, as seconds since 1970."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from typing import TypeAlias

import numpy as np

from tastemap.errors import ConfigError

Moment: TypeAlias = float | str | date | np.datetime64
"""Seconds since 1970 UTC, an ISO date with or without a time, or a date of Python or NumPy; in UTC
where it names no zone, and the beginning of the day where it names no time."""


def seconds_of(moment: Moment) -> int:
    """Whole seconds since 1970 UTC.

    Raises:
        ConfigError: it is no moment.
    """
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment.strip())
        except ValueError:
            raise ConfigError(f"{moment!r} is no date: write it such as 2015-03-09") from None
    if isinstance(moment, np.datetime64) and not np.isnat(moment):
        return int(moment.astype("datetime64[s]").astype(np.int64))
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    if isinstance(moment, datetime) and moment == moment:  # not pandas' NaT
        return math.floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if isinstance(moment, int | float | np.integer | np.floating) and not isinstance(moment, bool):
        seconds = float(moment)
        if -(2**63) <= seconds < 2**63:
            return math.floor(seconds)
    raise ConfigError(
        f"{moment!r} is no moment: give a date such as 2015-03-09, or seconds since 1970"
    )


def written(seconds: int) -> str:
    """A moment for people: ``2015-03-09``, with the time of day where it is not midnight."""
    moment = np.datetime64(int(seconds), "s")
    return str(moment).removesuffix("T00:00:00").replace("T", " ")
