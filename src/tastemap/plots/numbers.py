"""Numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_LEAST_SPAN = 0.05
"""Share of the error that pictures of errors span at the least."""


def count(value: float) -> str:
    """``9066`` as ``9,066``."""
    return f"{value:,.0f}"


def decimal(value: float, digits: int = 3) -> str:
    """A number with this many digits after the point; a dash where there is none."""
    return "–" if not math.isfinite(value) else f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, ``+0.61`` or ``−0.40``."""
    return "–" if not math.isfinite(value) else f"{value:+.{digits}f}".replace("-", "−")


def digits_of(largest: float) -> int:
    """Digits after the point with which numbers down to a twentieth of the largest are not 0.00."""
    return 2 if not largest > 0 else max(2, 1 - math.floor(math.log10(largest)))


def percent(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """``0.0164`` as ``1.6%``."""
    text = f"{100 * value:+.{digits}f}%" if sign else f"{100 * value:.{digits}f}%"
    return text.replace("-", "−")


def seconds(value: float) -> str:
    """A duration: ``0.07 s``, ``13 s``, ``4 min 10 s``."""
    if value < 0.01:
        return "< 0.01 s"
    if value < 9.95:
        return f"{value:.2g} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counted(number: int, noun: str) -> str:
    """``1 epoch``, ``240 sweeps``."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def setting(value: Any) -> str:
    """A hyper-parameter as people write it, not as Python does."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {setting(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(setting, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def span_of_errors(errors: Sequence[float]) -> float:
    """What a picture of errors spans: enough that models which hardly differ stand together.

    Args:
        errors: at least one.
    """
    most = max(errors)
    return max(most - min(errors), _LEAST_SPAN * most) or 1.0
