"""Numbers as people read them."""

from __future__ import annotations

import math


def count(value: float) -> str:
    """``9066`` as ``9,066``."""
    return f"{value:,.0f}"


def decimal(value: float, digits: int = 3) -> str:
    """A number with this many digits after the point; a dash where there is none."""
    return "–" if not math.isfinite(value) else f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, ``+0.61`` or ``−0.40``."""
    return "–" if not math.isfinite(value) else f"{value:+.{digits}f}".replace("-", "−")


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
