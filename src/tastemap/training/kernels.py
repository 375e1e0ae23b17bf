"""The compiled solvers: arrays in, arrays out, no randomness, no errors.

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

AHEAD = 12
"""The rows of the ratings so far ahead are fetched while a triangle is added to."""
LINE = 16
"""Numbers in a line of the cache."""


@_kernel(part=True)
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


@_kernel(part=True)
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


@_kernel(part=True)
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


@_kernel(part=True)
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


@_kernel(part=True)
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


@_kernel(part=True)
def solve_short_row(ratings, other, prior, row, z, gram, target, solved):
    """Solve for the unknowns of a row of few ratings, in the space of its ratings.

    With P = Λ + α diag Σ w Var z diagonal and a prior mean of 0, Woodbury's identity has

        G = Z P⁻¹ Zᵀ + (α w)⁻¹,    A⁻¹ b = P⁻¹ Zᵀ G⁻¹ t,    A⁻¹ = P⁻¹ - P⁻¹ Zᵀ G⁻¹ Z P⁻¹,

    n x n numbers for n ratings instead of (k + 1) x (k + 1). With weights, z and t are multiplied
    by √w.

    Args:
        ratings, other, prior, solved: as of `solve_rows`; Λ diagonal.
        row: which row.
        z: scratch, shape (n + 1 or more, k + 1).
        gram: scratch, shape (n or more, n or more).
        target: scratch, shape (n or more,).
    """
    k = other.factors.shape[1] - 1
    start, n = ratings.start[row], ratings.start[row + 1] - ratings.start[row]
    variance = z[n]
    for j in range(k + 1):
        variance[j] = prior.scale[row] * prior.precision[j, j]
    for m in range(n):
        column = ratings.columns[start + m]
        root = ratings.roots[start + m] if ratings.roots.shape[0] else np.float32(1)
        mine, theirs = z[m], other.factors[column]
        for j in range(k):
            mine[j] = theirs[j] * root
        mine[k] = other.intercept * root
        t = np.float32(ratings.values[start + m]) * ratings.step + ratings.shift
        target[m] = (t - theirs[k]) * root
        if other.variance.shape[0]:
            unsure, weight = other.variance[column], prior.noise * root * root
            for j in range(k):
                variance[j] += unsure[j] * weight
    objective = np.float32(0)
    for j in range(k + 1):
        if not variance[j] > 0:
            variance[j] = objective = np.float32(np.nan)
        variance[j] = np.float32(1) / variance[j]
    # G, lower triangle; then its Cholesky factor L in place, with 1 / L[i, i] on the diagonal,
    # and L⁻¹ Z and L⁻¹ t in the place of Z and t.
    for i in range(n):
        mine = z[i]
        for m in range(i + 1):
            theirs, total = z[m], np.float32(0)
            for j in range(k + 1):
                total += mine[j] * theirs[j] * variance[j]
            gram[i, m] = total
        gram[i, i] += np.float32(1) / prior.noise
    for i in range(n):
        mine = z[i]
        for m in range(i):
            total = gram[i, m]
            for q in range(m):
                total -= gram[i, q] * gram[m, q]
            gram[i, m] = total = total * gram[m, m]
            gram[i, i] -= total * total
            target[i] -= total * target[m]
            theirs = z[m]
            for j in range(k + 1):
                mine[j] -= total * theirs[j]
        pivot = gram[i, i]
        inverse = np.float32(1) / np.sqrt(pivot) if pivot > 0 else np.float32(np.nan)
        gram[i, i] = inverse
        target[i] *= inverse
        for j in range(k + 1):
            mine[j] *= inverse
    x = solved.factors[row]
    x[:] = np.float32(0)
    for m in range(n):
        theirs, mine = z[m], target[m]
        objective += mine * mine
        for j in range(k + 1):
            x[j] += theirs[j] * mine
    for j in range(k + 1):
        x[j] *= variance[j]
    solved.objective[row] = objective
    if solved.variance.shape[0]:
        out = solved.variance[row]
        out[:] = np.float32(0)
        for m in range(n):
            theirs = z[m]
            for j in range(k + 1):
                out[j] += theirs[j] * theirs[j]
        for j in range(k + 1):
            out[j] = variance[j] - variance[j] * variance[j] * out[j]


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
    # Rows of fewer ratings are solved in the space of these, where the prior allows it.
    short = (k + 1) // 2 + 1
    if normals.shape[0] or solved.means.shape[0] or prior.linear.shape[0] > 1:
        short = 0
    for i in range(k + 1):
        if prior.linear[0, i] != 0:
            short = 0
        for j in range(i):
            if prior.precision[i, j] != 0:
                short = 0
    z, gram = np.empty((short + 1, k + 1), np.float32), np.empty((short, short), np.float32)
    given = np.empty(short, np.float32)
    for row in range(first, last):
        if ratings.start[row + 1] - ratings.start[row] < short:
            solve_short_row(ratings, other, prior, row, z, gram, given, solved)
            continue
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
