"""Compiled passes over ratings or rows that solve for nothing; what holds in `kernels` holds here.

Numba's cache does not see changes of other files: nothing here calls anything there.
"""

# Numba has no types; arguments that belong together are described together.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# ruff: noqa: D417

from __future__ import annotations

from functools import partial

import numpy as np

from tastemap.training.compiled import FAST, kernel

_kernel = partial(kernel, fastmath=FAST)

GROUP = 9
"""Coordinates that `draw_coefficients` draws at a time: 16 factors and a bias are two groups."""


@_kernel
def group_rows(codes, others, values, places, columns, grouped, sources):
    """Group ratings by row, keeping their order within each: one pass of a counting sort.

    Args:
        codes, others, values: row, column (int32) and coded value of each rating, shape (n,).
        places: where each row begins, shape (n_rows,), int64; on return, where it ends.
        columns, grouped: written: ``others`` and ``values`` in the new order, shape (n,).
        sources: written: the old position of each rating, shape (n,), int64; (0,) if unwanted.
    """
    for n in range(codes.shape[0]):
        place = places[codes[n]]
        places[codes[n]] = place + 1
        columns[place] = others[n]
        grouped[place] = values[n]
        if sources.shape[0]:
            sources[place] = n


@_kernel
def residual_products(ratings, other, own, x, out, first, last):
    """Write Σ w (t - own - other) x over the ratings of rows ``first`` to ``last - 1``.

    Args:
        ratings: a `RowRatings`.
        other, own: biases of the other side and of the rows, float32.
        x: a vector for each of the other side, shape (n_other, k), float32.
        out: written, shape (n_rows, k).
        first, last: range of rows.
    """
    for row in range(first, last):
        sums = out[row]
        sums[:] = np.float32(0)
        for n in range(ratings.start[row], ratings.start[row + 1]):
            column = ratings.columns[n]
            t = np.float32(ratings.values[n]) * ratings.step + ratings.shift
            t -= own[row] + other[column]
            if ratings.roots.shape[0]:
                t *= ratings.roots[n] * ratings.roots[n]
            for j in range(x.shape[1]):
                sums[j] += t * x[column, j]


@_kernel
def predict_pairs(users, items, user_side, item_side, mean, out, first, last):
    """Write mean + b_u + c_i + p_u · q_i for pairs ``first`` to ``last - 1``.

    Args:
        users, items: codes, shape (n,), int32.
        user_side, item_side: factors then bias, shape (n_users or n_items, k + 1), float32.
        mean, out: float32; ``out`` is written, shape (n,).
        first, last: range of pairs.
    """
    k = user_side.shape[1] - 1
    for n in range(first, last):
        user, item = users[n], items[n]
        dot = np.float32(0)
        for j in range(k):
            dot += user_side[user, j] * item_side[item, j]
        out[n] = mean + user_side[user, k] + item_side[item, k] + dot


@_kernel
def draw_coefficients(start, rows, roots, ridge, rest, coefficients, normals):
    """Draw the coefficients of features, each given all others, for GROUP coordinates at a time.

    In each coordinate by itself rest_r = x_r - Σ_j f_rj c_j ~ N(0, 1) and c_j ~ N(0, 1 / ridge):
    given the others c_j has precision P = Σ f² + ridge and mean Σ_r f_rj (rest_r + f_rj c_j) / P.

    Args:
        start, rows: the rows that have each feature, ``rows[start[j]:start[j + 1]]``.
        roots: f of the features a row has, the same for all of them, shape (n_rows,), float32.
        ridge: shape (GROUP,), float32.
        rest: shape (n_rows * GROUP,), float32; on return what the new coefficients leave.
        coefficients: shape (n_features * GROUP,), float32; drawn anew on return.
        normals: standard normals, as many.
    """
    change = np.zeros(GROUP, np.float32)
    for j in range(start.shape[0] - 1):
        begin, end, at = start[j], start[j + 1], j * GROUP
        change[:] = squares = np.float32(0)
        for n in range(begin, end):
            root = roots[rows[n]]
            squares += root * root
            left = rest[np.int64(rows[n]) * GROUP :]
            for c in range(GROUP):
                change[c] += root * left[c]
        for c in range(GROUP):
            precision, before = squares + ridge[c], coefficients[at + c]
            mean = (change[c] + squares * before) / precision
            coefficients[at + c] = mean + normals[at + c] / np.sqrt(precision)
            change[c] = coefficients[at + c] - before
        for n in range(begin, end):
            root = roots[rows[n]]
            left = rest[np.int64(rows[n]) * GROUP :]
            for c in range(GROUP):
                left[c] -= root * change[c]
