"""Item factors to begin with: the main directions of what biases leave of the ratings.

With d the number of ratings of each row, plus a few so that rows of one rating count for little,

    N = diag(d_users)^-½ (r - mean - b - c) diag(d_items)^-½

is a matrix of users by items, 0 where there is no rating. Where ratings fall by chance, its
singular value s of a component of taste is near the standard deviation of that component, and
noise alone gives values of the order of noise / √(ratings of a row). The right singular vectors
are found by subspace iteration (Halko, Martinsson & Tropp 2011, "Finding structure with
randomness", algorithm 4.4). A pass over the ratings costs k multiplications a rating, a sweep of
ALS k² / 2 and more: from here, two or three sweeps do what eight do from random numbers.
"""

from __future__ import annotations

import numpy as np

from tastemap.arrays import Factors, Values
from tastemap.randomness import stream
from tastemap.training import kernels_passes
from tastemap.training.rows import GroupedRows
from tastemap.training.schedule import Workers

PASSES = 4
"""Subspace iterations: ten make the factors no better after three sweeps than five."""
DAMPING = 5.0
"""Ratings added to each row's number when biases and directions are scaled."""


def spectral_items(
    users: GroupedRows, items: GroupedRows, factors: int, seed: int, workers: Workers
) -> Factors:
    """Factors then bias of each item, shape (n_items, k + 1), float32.

    Args:
        users: the ratings, grouped by user.
        items: the same, grouped by item.
        factors: k; those beyond the number of users or items are 0.
        seed: of the random directions to begin with.
        workers: the threads.
    """
    zeros = np.zeros(len(items), np.float32)
    user_bias = _bias(users, zeros, workers)
    item_bias = _bias(items, user_bias, workers)
    user_scale, item_scale = _scale(users), _scale(items)
    k = min(factors, len(users), len(items))
    x = stream(seed, "spectral/items").standard_normal((len(items), k), np.float32)
    triangle = np.eye(k, dtype=np.float32)
    for _ in range(PASSES):
        x = np.linalg.qr(x)[0]
        left = _products(users, item_bias, user_bias, item_scale * x, workers) * user_scale
        x = _products(items, user_bias, item_bias, user_scale * left, workers) * item_scale
    x, triangle = np.linalg.qr(x)
    # NᵀN ≈ x triangle: its eigenvectors and the squares of the singular values.
    turn, squares, _ = np.linalg.svd(triangle)
    out = np.zeros((len(items), factors + 1), np.float32)
    # A component of deviation s is shared out evenly: users and items both get √s.
    size = np.sqrt(users.totals.sum()) * squares**0.25
    out[:, :k] = item_scale * (x @ turn) * size.astype(np.float32)
    out[:, -1] = item_bias
    return out


def _scale(rows: GroupedRows) -> Values:
    return ((rows.totals + DAMPING) ** -0.5).astype(np.float32)[:, None]


def _bias(rows: GroupedRows, other: Values, workers: Workers) -> Values:
    """Damped mean of what ``other``, the other side's biases, leave of each row's ratings."""
    nothing, ones = np.zeros(len(rows), np.float32), np.ones((len(other), 1), np.float32)
    sums = _products(rows, other, nothing, ones, workers)[:, 0]
    return (sums / (rows.totals + DAMPING)).astype(np.float32)


def _products(
    rows: GroupedRows, other: Values, own: Values, x: Factors, workers: Workers
) -> Factors:
    """What biases leave of the ratings, a matrix of rows by the other side, times ``x``."""
    out = np.empty((len(rows), x.shape[1]), np.float32)
    x = np.ascontiguousarray(x)

    def work(first: int, last: int) -> None:
        kernels_passes.residual_products(rows.ratings, other, own, x, out, first, last)

    workers.each(work, rows.blocks)
    return out
