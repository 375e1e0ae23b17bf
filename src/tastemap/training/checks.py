"""Checks of hyper-parameters."""

from __future__ import annotations

import math

from tastemap.errors import ConfigError


def integer(name: str, value: object, least: int) -> None:
    """Refuse what is no integer of at least ``least``.

    Raises:
        ConfigError: the message names the setting, its range and the value.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} must be an integer of at least {least}, got {value!r}")


def number(
    name: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
    below: float = math.inf,
) -> None:
    """Refuse what is no finite number at least ``least``, above ``above`` and below ``below``.

    Raises:
        ConfigError: the message names the setting, its range and the value.
    """
    number = float(value) if isinstance(value, int | float) else math.nan
    fits = math.isfinite(number) and number < below
    fits = fits and (least is None or number >= least) and (above is None or number > above)
    if not fits:
        bounds = [f"at least {least}"] if least is not None else []
        bounds += [f"above {above}"] if above is not None else []
        bounds += [f"below {below}"] if below < math.inf else []
        raise ConfigError(f"{name} must be a number {' and '.join(bounds)}, got {value!r}")
