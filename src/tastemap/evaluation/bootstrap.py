"""Whether one model is better than another, or only luckier with these users.

Models are measured on the same users, so what counts is how they differ on each. Drawing as many
users as there are, with replacement, many times, shows how much the difference of two models hangs
on who happened to be tested (paired bootstrap; Efron & Tibshirani 1993, "An introduction to the
bootstrap", chapters 6 and 12: standard errors, and intervals by Student's t). Users are drawn, not
ratings: ratings of one user go wrong together. Quantiles of the draws would be simpler, but are too
narrow where users are few (Hesterberg 2015, "What teachers should know about the bootstrap", The
American Statistician 69). Of many comparisons some look good by chance; Holm's method raises the
p-values so that the chance to be wrong anywhere stays at 5 % (Holm 1979, "A simple sequentially
rejective multiple test procedure").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from tastemap.arrays import Float64s
from tastemap.randomness import stream

RESAMPLES = 2000
"""How often users are drawn anew."""
LEVEL = 0.95
"""Level of the intervals of differences; a corrected p-value below 1 minus this is evidence."""
FEWEST_USERS = 10
"""With fewer users than this nothing is said to be better."""

_DRAWS_AT_ONCE = 1 << 21


def resampled_means(
    sums: Float64s, counts: Float64s, *, resamples: int = RESAMPLES, seed: int = 0
) -> Float64s:
    """Means over users drawn with replacement, the same ones for every model.

    Args:
        sums: what each user adds to the mean of each model, shape (n_models, n_users).
        counts: over how much, shape (n_models, n_users); 0 for a user that has no part in it.
        resamples: how often users are drawn.
        seed: of the draws.

    Returns:
        Σ sums / Σ counts of the drawn users, shape (resamples, n_models).
    """
    part = counts.any(axis=0)
    sums, counts = sums[:, part].T, counts[:, part].T
    n = len(sums)
    chance = stream(seed, "evaluation/bootstrap")
    step = max(1, _DRAWS_AT_ONCE // n)
    means = []
    for first in range(0, resamples, step):
        rows = min(step, resamples - first)
        drawn = chance.integers(0, n, (rows, n)) + np.arange(rows)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
        over = times @ counts
        means.append(np.divide(times @ sums, over, out=np.full(over.shape, np.nan), where=over > 0))
    return np.concatenate(means)


def evidence(
    difference: float, drawn: Float64s, users: int, level: float = LEVEL
) -> tuple[float, float, float]:
    """Interval and two-sided p-value of a difference, as Student's t has them.

    The standard error is that of the draws, times √(n / (n - 1)): drawing from n users spreads as
    if their variance were divided by n, not by n - 1.

    Args:
        difference: as it was measured.
        drawn: the same of users drawn anew (see `resampled_means`).
        users: how many were drawn from, n.
        level: of the interval.

    Returns:
        Low end, high end, p-value. Of one user nothing can be told: NaN, NaN, 1.
    """
    if users < 2:
        return np.nan, np.nan, 1.0
    error = float(np.nanstd(drawn)) * (users / (users - 1)) ** 0.5
    reach = _t_reach(users - 1, level) * error
    p = 1.0 if difference == 0 else 0.0
    if difference and error:
        p = _t_beyond(users - 1, abs(difference) / error)
    return float(difference) - reach, float(difference) + reach, p


def _t_beyond(freedom: int, t: float) -> float:
    """Chance that Student's t lies beyond -t or t, exact also where it is very small.

    With t = √ν tan φ its density is c cos^(ν - 1) φ (Abramowitz & Stegun 1964, 26.7.1), which is
    integrated from there by Gauss and Legendre. SciPy has it, but what serves must do without.
    """
    power, start = freedom - 1, math.atan(t / math.sqrt(freedom))
    # Further out the density is e^-72 of what it is at the start, or less.
    half = min(math.pi / 2 - start, 12 / math.sqrt(max(power, 1))) / 2
    nodes, weights = _gauss_legendre()
    log_constant = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(math.pi) / 2
    logs = log_constant + power * np.log(np.cos(start + half * (nodes + 1)))
    return min(1.0, float(2 * half * (weights @ np.exp(logs))))


@cache
def _gauss_legendre() -> tuple[Float64s, Float64s]:
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return nodes, weights


@cache
def _t_reach(freedom: int, level: float) -> float:
    """The t with this chance between -t and t, by bisection."""
    low, high = 0.0, 1.0
    while _t_beyond(freedom, high) > 1 - level:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_beyond(freedom, middle) > 1 - level else (low, middle)
    return high


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number by Holm's method, in the order given."""
    order = np.argsort(p_values, kind="stable")
    n = len(p_values)
    raised = np.minimum(1, np.asarray(p_values, float)[order] * (n - np.arange(n)))
    corrected = np.empty(n)
    corrected[order] = np.maximum.accumulate(raised) if n else raised
    return corrected.tolist()
