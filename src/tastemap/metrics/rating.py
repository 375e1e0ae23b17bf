"""How far predicted ratings are from those given: arrays in, one number out."""

from __future__ import annotations

import numpy as np

from tastemap.arrays import AnyArray, Int64s


def mse(actual: AnyArray, predicted: AnyArray) -> float:
    """Mean squared error, in squared units of the ratings; NaN without rows."""
    if not len(actual):
        return float("nan")
    return float(np.mean(np.square(predicted.astype(np.float64) - actual)))


def rmse(actual: AnyArray, predicted: AnyArray) -> float:
    """Root mean squared error, in units of the ratings; NaN without rows."""
    return float(np.sqrt(mse(actual, predicted)))


def mae(actual: AnyArray, predicted: AnyArray) -> float:
    """Mean absolute error, in units of the ratings; NaN without rows."""
    if not len(actual):
        return float("nan")
    return float(np.mean(np.abs(predicted.astype(np.float64) - actual)))


def r2(actual: AnyArray, predicted: AnyArray) -> float:
    """Share of the variance of the ratings that predictions explain.

    R² = 1 - MSE / variance: 1 is perfect, 0 as good as the mean of these ratings, below 0 worse.
    NaN without rows, or where all ratings are the same.
    """
    variance = float(np.var(actual, dtype=np.float64)) if len(actual) else 0.0
    return 1 - mse(actual, predicted) / variance if variance else float("nan")


def concordance(users: AnyArray, actual: AnyArray, predicted: AnyArray) -> float:
    """Fraction of concordant pairs: two ratings of one user, told in the right order.

    Over all pairs of ratings of the same user that differ (Koren & Sill 2011, "OrdRec: an ordinal
    model for predicting personalized item rating distributions", section 5.2), where equal
    predictions count one half: 1 is perfect, a model that cannot tell items apart has 0.5.

    Args:
        users: whose rating each is, shape (n,).
        actual: the ratings, shape (n,).
        predicted: the predictions, shape (n,).

    Returns:
        The fraction; NaN where no user has two different ratings.
    """
    levels = np.unique(actual, return_inverse=True)[1].astype(np.int64)
    pairs = _pairs(users) - _pairs(users, levels)
    if not pairs:
        return float("nan")
    tied = _pairs(users, predicted) - _pairs(users, predicted, levels)
    # Of equal predictions the highest rating first, so that none of them counts as in order.
    order = np.lexsort((-levels, predicted, users))
    return (_rising(users[order], levels[order]) + tied / 2) / pairs


def log_likelihood(actual: AnyArray, mean: AnyArray, deviation: AnyArray) -> float:
    """Mean log density of the ratings under normal distributions, in nats a rating.

    Higher is better; one nat more makes the ratings e times as likely, each. NaN without rows.

    Args:
        actual: the ratings, shape (n,).
        mean: what each is expected to be, unclipped, shape (n,).
        deviation: its standard deviation, above 0, shape (n,).
    """
    if not len(actual):
        return float("nan")
    scale = deviation.astype(np.float64)
    apart = (actual - mean.astype(np.float64)) / scale
    return float(np.mean(-0.5 * np.square(apart) - np.log(scale) - 0.5 * np.log(2 * np.pi)))


def _pairs(*keys: AnyArray) -> int:
    """How many pairs of rows agree in all keys."""
    order = np.lexsort(keys)
    ends = np.zeros(len(order), bool)
    ends[-1:] = True
    for key in keys:
        ends[:-1] |= key[order][1:] != key[order][:-1]
    sizes = np.diff(np.flatnonzero(ends), prepend=-1).astype(np.int64)
    return int(np.sum(sizes * (sizes - 1) // 2))


def _rising(groups: AnyArray, levels: Int64s) -> int:
    """How many pairs of rows of one group have the lower level in the earlier row.

    Bit by bit from the highest: of rows that agree in the higher bits, those with a 0 before one
    with a 1 are in order, whatever the lower bits are. So it takes n log levels steps, not n².

    Args:
        groups: rising, shape (n,).
        levels: from 0, shape (n,).
    """
    total = 0
    group = np.cumsum(np.diff(groups, prepend=groups[:1]) != 0)
    for bit in reversed(range(int(levels.max(initial=0)).bit_length())):
        high = levels >> bit & 1
        zeros = np.cumsum(1 - high)
        first = np.flatnonzero(np.diff(group, prepend=-1))
        before = (zeros[first] - (1 - high[first]))[np.cumsum(np.diff(group, prepend=-1) != 0) - 1]
        total += int(np.sum((zeros - before) * high))
        group = 2 * group + high
        order = np.argsort(group, kind="stable")
        group, levels = group[order], levels[order]
    return total
