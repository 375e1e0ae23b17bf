"""Errors of predicted ratings: arrays in, one number out."""

from __future__ import annotations

import numpy as np

from tastemap.arrays import AnyArray


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
