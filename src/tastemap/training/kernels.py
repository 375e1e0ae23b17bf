"""Every compiled loop of tastemap: arrays in, arrays out, no randomness, no errors.

The kernels work on rows (users, or items) whose ratings lie together. A row's unknowns are its
k factors and its bias; what the row's ratings say of them is a linear model,

    t_n = r_n - mean - c_n,    t_n ≈ z_n · x,    z_n = (factors of what was rated, 1),

so that with noise precision α, weights w_n and a normal prior of precision Λ the unknowns have

    A = Λ + α Σ w z zᵀ (+ α diag Σ w Var z),    b = Λμ + α Σ w t z,
    mean A⁻¹ b, covariance A⁻¹.

ALS takes the mean, Gibbs sampling a draw: with A = L Lᵀ and standard normals e, the solution of
Lᵀ x = L⁻¹ b + e (Salakhutdinov & Mnih 2008, "Bayesian probabilistic matrix factorization using
Markov chain Monte Carlo", equations 11 to 13).

The target t is one more coordinate of z. So Σ zzᵀ holds A, b and Σ t² in one triangle, and the
Cholesky factor of that triangle holds L and, as its last row, L⁻¹ b.

Row i of the triangle begins at ``i * STRIDE``: a constant, so that the compiler can tell rows
apart without checks at run time. Coordinates are the factors, padded with ones on the diagonal to
a multiple of 4; the bias; the target; two of zeros. Updates are of four rows by four ratings, so
that each number read is used four times.

What ``ratings``, ``other``, ``prior`` and ``solved`` hold is told in `tastemap.training.rows`.
Every function has a naive twin of the same name in ``tests/oracles.py``.
"""

# Numba has no types; arguments that belong together are described together.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# ruff: noqa: D417

from __future__ import annotations

from functools import partial

import numpy as np

from tastemap.training.compiled import FAST, kernel, prefetch

_kernel = partial(kernel, fastmath=FAST)

STRIDE = 264
"""Numbers from one row of a triangle to the next."""

MAX_FACTORS = 256
"""The most factors a row may have: padding, bias and target must fit in a row of a triangle."""

GROUP = 9
"""Coordinates that `draw_coefficients` draws at a time: 16 factors and a bias are two groups."""

AHEAD = 12
"""The rows of the ratings so far ahead are fetched while a triangle is added to."""
LINE = 16
"""Numbers in a line of the cache."""


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
def add_products(out, left, right, begin, end, first, limit):
    """Add a product of 4 vectors by 4 to a triangle: out[i, j] += Σ_m left[m, i] right[m, j].

    Args:
        out: rows of STRIDE numbers, flat.
        left, right: four vectors of STRIDE numbers, flat; not of the rows written.
        begin, end: range of rows; multiples of 4.
        first: the first column, a multiple of 8.
        limit: columns end here, a multiple of 8, or at the multiple of 8 after the diagonal.
    """
    y = right[first:]
    for i in range(begin, end, 4):
        # As slices, so that every index below is plainly not negative and the loop is vectorised.
        c = left[i:]
        c00, c01, c02, c03 = c[0], c[STRIDE], c[2 * STRIDE], c[3 * STRIDE]
        c10, c11, c12, c13 = c[1], c[STRIDE + 1], c[2 * STRIDE + 1], c[3 * STRIDE + 1]
        c20, c21, c22, c23 = c[2], c[STRIDE + 2], c[2 * STRIDE + 2], c[3 * STRIDE + 2]
        c30, c31, c32, c33 = c[3], c[STRIDE + 3], c[2 * STRIDE + 3], c[3 * STRIDE + 3]
        four = out[i * STRIDE + first :]
        last = min(limit, i + 11)
        for j in range(((last - first) >> 3) << 3):
            y0, y1, y2, y3 = y[j], y[STRIDE + j], y[2 * STRIDE + j], y[3 * STRIDE + j]
            four[j] += c00 * y0 + c01 * y1 + c02 * y2 + c03 * y3
            four[STRIDE + j] += c10 * y0 + c11 * y1 + c12 * y2 + c13 * y3
            four[2 * STRIDE + j] += c20 * y0 + c21 * y1 + c22 * y2 + c23 * y3
            four[3 * STRIDE + j] += c30 * y0 + c31 * y1 + c32 * y2 + c33 * y3


@_kernel
def normal_equations(ratings, other, prior, row, triangle, block, spread):
    """Write the triangle of A, b and α Σ w t² of one row (see the head of this file).

    Args:
        ratings, other, prior: a `RowRatings`, an `Other`, a `Prior`.
        row: which row.
        triangle: written, flat; only the lower triangle counts.
        block: scratch of 4 rows, zero outside the columns written here.
        spread: scratch, shape (k + 1,).
    """
    k = other.factors.shape[1] - 1
    bias = ((k + 3) >> 2) << 2
    target = bias + 1
    width = bias + 4
    zero = np.float32(0)
    for i in range(width):
        for j in range(((i + 11) >> 3) << 3):
            triangle[i * STRIDE + j] = zero
    spread[:] = zero
    end = ratings.start[row + 1]
    for begin in range(ratings.start[row], end, 4):
        for m in range(4):
            n = begin + m
            at = m * STRIDE
            if n >= end:
                block[at : at + width] = zero
                continue
            if n + AHEAD < ratings.columns.shape[0]:
                later = ratings.columns[n + AHEAD]
                for j in range(0, k + 1, LINE):
                    prefetch(other.factors, later, j)
                    if other.variance.shape[0]:
                        prefetch(other.variance, later, j)
            column = ratings.columns[n]
            root = ratings.roots[n] if ratings.roots.shape[0] else np.float32(1)
            mine, theirs = block[at:], other.factors[column]
            for j in range(k):
                mine[j] = theirs[j] * root
            block[at + bias] = other.intercept * root
            t = np.float32(ratings.values[n]) * ratings.step + ratings.shift
            block[at + target] = (t - other.factors[column, k]) * root
            if other.variance.shape[0]:
                for j in range(k):
                    spread[j] += other.variance[column, j] * root * root
        add_products(triangle, block, block, 0, width, 0, STRIDE)
    scale, noise = prior.scale[row], prior.noise
    own = row if prior.linear.shape[0] > 1 else 0
    for i in range(k, bias):
        triangle[i * STRIDE + i] = np.float32(1)
    at = target * STRIDE
    for i in range(k + 1):
        place = i if i < k else bias
        mine = place * STRIDE
        for j in range(i):
            triangle[mine + j] = noise * triangle[mine + j] + scale * prior.precision[i, j]
        triangle[mine + place] = noise * (triangle[mine + place] + spread[i])
        triangle[mine + place] += scale * prior.precision[i, i]
        triangle[at + place] = noise * triangle[at + place] + scale * prior.linear[own, i]
    triangle[at + target] *= noise


@_kernel
def factorise(triangle, bias, panel, negative):
    """Replace A by its Cholesky factor L, the target's row by L⁻¹ b, four columns at a time.

    Args:
        triangle: as `normal_equations` writes it; on return its diagonal holds 1 / L[i, i] and
            its entry (target, target) α Σ w t² - bᵀ A⁻¹ b. A pivot that is not positive becomes
            NaN, and so does everything after it.
        bias: position of the bias, a multiple of 4.
        panel, negative: scratch of 4 rows each.
    """
    panel[:] = negative[:] = np.float32(0)
    for left in range(0, bias, 4):
        right = left + 4
        for c in range(left, right):
            pivot = triangle[c * STRIDE + c]
            for q in range(left, c):
                pivot -= triangle[c * STRIDE + q] ** 2
            inverse = np.float32(1) / np.sqrt(pivot) if pivot > 0 else np.float32(np.nan)
            triangle[c * STRIDE + c] = inverse
            for i in range(c + 1, right):
                own = triangle[i * STRIDE + c]
                for q in range(left, c):
                    own -= triangle[i * STRIDE + q] * triangle[c * STRIDE + q]
                triangle[i * STRIDE + c] = own * inverse
        block = triangle[left * STRIDE + left :]
        p0, p1, p2, p3 = block[0], block[STRIDE + 1], block[2 * STRIDE + 2], block[3 * STRIDE + 3]
        l10, l20, l21 = block[STRIDE], block[2 * STRIDE], block[2 * STRIDE + 1]
        l30, l31, l32 = block[3 * STRIDE], block[3 * STRIDE + 1], block[3 * STRIDE + 2]
        for i in range(right, bias + 2):
            own = triangle[i * STRIDE + left :]
            x0 = own[0] * p0
            x1 = (own[1] - x0 * l10) * p1
            x2 = (own[2] - x0 * l20 - x1 * l21) * p2
            x3 = (own[3] - x0 * l30 - x1 * l31 - x2 * l32) * p3
            own[0], own[1], own[2], own[3] = x0, x1, x2, x3
            up, down = panel[i:], negative[i:]
            up[0], up[STRIDE], up[2 * STRIDE], up[3 * STRIDE] = x0, x1, x2, x3
            down[0], down[STRIDE], down[2 * STRIDE], down[3 * STRIDE] = -x0, -x1, -x2, -x3
        for m in range(4):
            panel[m * STRIDE + left : m * STRIDE + right] = np.float32(0)
        # What the finished columns take from the rest: A[i, j] -= Σ_m L[i, left+m] L[j, left+m]
        add_products(triangle, negative, panel, right, bias + 4, (right >> 3) << 3, STRIDE)
    pivot = triangle[bias * STRIDE + bias]
    inverse = np.float32(1) / np.sqrt(pivot) if pivot > 0 else np.float32(np.nan)
    triangle[bias * STRIDE + bias] = inverse
    last = (bias + 1) * STRIDE + bias
    triangle[last] *= inverse
    triangle[last + 1] -= triangle[last] * triangle[last]


@_kernel
def inverse_diagonal(triangle, bias, inverse, negative, out):
    """Write the diagonal of A⁻¹ = L⁻ᵀ L⁻¹: the squares of the columns of L⁻¹, summed.

    Args:
        triangle: as `factorise` leaves it.
        bias: position of the bias.
        inverse, negative: scratch of bias + 4 rows (L⁻¹) and of 4.
        out: written, shape (bias + 1,).
    """
    for i in range(bias + 1):
        out[i] = np.float32(0)
        inverse[i * STRIDE : i * STRIDE + bias + 8] = np.float32(0)
        inverse[i * STRIDE + i] = np.float32(1)
    for i in range(0, bias + 1, 4):
        for row in range(i, min(i + 4, bias + 1)):
            for m in range(i, row):
                less = triangle[row * STRIDE + m]
                for j in range(m + 1):
                    inverse[row * STRIDE + j] -= less * inverse[m * STRIDE + j]
            pivot = triangle[row * STRIDE + row]
            for j in range(row + 1):
                inverse[row * STRIDE + j] *= pivot
                out[j] += inverse[row * STRIDE + j] * inverse[row * STRIDE + j]
        if i < bias:
            for row in range(i + 4, bias + 4):
                for m in range(4):
                    negative[m * STRIDE + row] = -triangle[row * STRIDE + i + m]
            four = inverse[i * STRIDE :]
            add_products(inverse, negative, four, i + 4, bias + 4, 0, ((i + 11) >> 3) << 3)


@_kernel
def back_substitute(triangle, bias, normals, row, x, out):
    """Write the solution of Lᵀ x = L⁻¹ b + e into a row of ``out``.

    Args:
        triangle, bias: as `factorise` leaves it, and where the bias stands in it.
        normals: e, shape (n_rows, k + 1); (0, k + 1) for e = 0.
        row: which row of ``normals`` and of ``out``.
        x: scratch, shape (bias + 1,).
        out: written, shape (n_rows, k + 1).
    """
    k = out.shape[1] - 1
    for i in range(bias + 1):
        x[i] = triangle[(bias + 1) * STRIDE + i]
    if normals.shape[0]:
        for i in range(k + 1):
            x[i if i < k else bias] += normals[row, i]
    for i in range(bias, -1, -1):
        x[i] *= triangle[i * STRIDE + i]
        for j in range(i):
            x[j] -= triangle[i * STRIDE + j] * x[i]
    for i in range(k + 1):
        out[row, i] = x[i if i < k else bias]


@_kernel
def solve_rows(ratings, other, prior, normals, solved, first, last):
    """Solve for the unknowns of rows ``first`` to ``last - 1``, or draw them.

    Args:
        ratings, other, prior, solved: a `RowRatings`, an `Other`, a `Prior`, a `Solved`.
        normals: standard normals, shape (n_rows, k + 1), float32, for a draw; (0, k + 1) for
            the mean.
        first, last: range of rows.
    """
    k = other.factors.shape[1] - 1
    bias = ((k + 3) >> 2) << 2
    triangle = np.zeros((bias + 4) * STRIDE, np.float32)
    wanted = solved.variance.shape[0] > 0
    inverse = np.zeros((bias + 4) * STRIDE if wanted else 0, np.float32)
    block, panel = np.zeros(4 * STRIDE, np.float32), np.zeros(4 * STRIDE, np.float32)
    negative = np.zeros(4 * STRIDE, np.float32)
    x = np.zeros(bias + 1, np.float32)
    spread = np.zeros(k + 1, np.float32)
    at = (bias + 1) * STRIDE
    for row in range(first, last):
        normal_equations(ratings, other, prior, row, triangle, block, spread)
        factorise(triangle, bias, panel, negative)
        solved.objective[row] = triangle[at + bias + 1]
        if solved.means.shape[0]:
            back_substitute(triangle, bias, normals[:0, :], row, x, solved.means)
        back_substitute(triangle, bias, normals, row, x, solved.factors)
        if wanted:
            inverse_diagonal(triangle, bias, inverse, negative, x)
            for i in range(k + 1):
                solved.variance[row, i] = x[i if i < k else bias]


@_kernel
def solve_rows_nonnegative(ratings, other, prior, passes, solved, first, last):
    """Solve for rows whose factors may not be negative; the bias is free.

    Coordinate descent on ½ xᵀAx - bᵀx from the row's present values: each coordinate in turn
    takes its best value, or 0 (Hsieh & Dhillon 2011, "Fast coordinate descent methods with
    variable selection for non-negative matrix factorization", equation 8).

    Args:
        ratings, other, prior, first, last: as of `solve_rows`.
        passes: over the coordinates.
        solved: a `Solved`; its factors are the start as well, its variance is not written.
    """
    k = other.factors.shape[1] - 1
    bias = ((k + 3) >> 2) << 2
    triangle = np.zeros((bias + 4) * STRIDE, np.float32)
    block = np.zeros(4 * STRIDE, np.float32)
    spread = np.zeros(k + 1, np.float32)
    target = (bias + 1) * STRIDE
    for row in range(first, last):
        normal_equations(ratings, other, prior, row, triangle, block, spread)
        x, objective = solved.factors[row], triangle[target + bias + 1]
        for turn in range(passes + 1):
            for i in range(k + 1):
                at = i if i < k else bias
                # gradient: (A x)_i - b_i, of the lower triangle only
                gradient = -triangle[target + at]
                for j in range(k + 1):
                    low, high = (at, j) if j < i else (j if j < k else bias, at)
                    gradient += triangle[low * STRIDE + high] * x[j]
                if turn == passes:
                    objective += x[i] * (gradient - triangle[target + at])
                    continue
                best = x[i] - gradient / triangle[at * STRIDE + at]
                x[i] = max(best, np.float32(0)) if i < k else best
        solved.objective[row] = objective


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
