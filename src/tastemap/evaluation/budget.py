"""The seconds a search may take, and what still fits into them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter

from tastemap.evaluation.tuning import Trial

CHECKING = 1 / 3
"""Share of the seconds that is kept for the check; at least one part of it always is."""
LONGER = 1.25
"""A trial is expected to take so many times the longest before it: settings differ, and with them
what they cost."""


class Budget:
    """Seconds, counted from when this is made.

    Args:
        seconds: how many there are; None: without end.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = math.inf if seconds is None else seconds
        self._began = perf_counter()

    @property
    def spent(self) -> float:
        """Seconds that are gone."""
        return perf_counter() - self._began

    def latest(self, trials: Sequence[Trial], parts: int) -> float:
        """Seconds after which no trial is begun: it and the check would not end in time.

        Args:
            trials: that have been made. The first is always made: what one takes is not known
                before.
            parts: of the ratings that the best can be checked on.
        """
        if not trials:
            return math.inf
        first, trial = trials[0], expected(trials)
        part = first.seconds + trial
        check = max(part, min(CHECKING * self.seconds, parts * part))
        if not parts or first.value is None:
            check = 0.0  # there will be none
        return self.seconds - trial - check


def expected(trials: Sequence[Trial]) -> float:
    """Seconds that another trial is expected to take, at most."""
    return LONGER * max(one.seconds for one in trials)
