"""Whether one model is better than another, or only luckier with these users.

Models are measured on the same users, so what counts is how they differ on each. Drawing as many
users as there are, with replacement, many times, shows how much the difference of two models hangs
on who happened to be tested (paired bootstrap; Efron & Tibshirani 1993, "An introduction to the
bootstrap", chapter 13: percentile intervals). Users are drawn, not ratings: ratings of one user go
wrong together. Of many comparisons some look good by chance; Holm's method raises the p-values so
that the chance to be wrong anywhere stays at 5 % (Holm 1979, "A simple sequentially rejective
multiple test procedure").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tastemap.arrays import Float64s
from tastemap.randomness import stream

RESAMPLES = 2000
"""How often users are drawn anew."""
LEVEL = 0.95
"""Level of the intervals of differences; a corrected p-value below 1 minus this is evidence."""

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


def interval(differences: Float64s, level: float = LEVEL) -> tuple[float, float]:
    """The ends that hold the middle ``level`` of the resampled differences."""
    low, high = np.nanquantile(differences, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_value(differences: Float64s) -> float:
    """Chance of resampled differences this far to one side, were there none; two-sided.

    At least 2 / (resamples + 1): no more can be told from so many.
    """
    tail = min(np.sum(differences <= 0), np.sum(differences >= 0))
    return min(1.0, float(2 * (tail + 1) / (len(differences) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number by Holm's method, in the order given."""
    order = np.argsort(p_values, kind="stable")
    n = len(p_values)
    raised = np.minimum(1, np.asarray(p_values, float)[order] * (n - np.arange(n)))
    corrected = np.empty(n)
    corrected[order] = np.maximum.accumulate(raised) if n else raised
    return corrected.tolist()
