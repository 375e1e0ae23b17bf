"""Naive twins of the kernels: the equations as they stand in the books, in float64."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
STRIDE = 264


def places(k: int) -> list[int]:
    """Where the unknowns of a row stand in its triangle: factors, then the bias."""
    return [*range(k), (k + 3) // 4 * 4]


def group_rows(codes: Array, others: Array, values: Array) -> tuple[Array, Array, Array]:
    """The other side's codes, the values and the old positions, row by row in the old order."""
    order = sorted(range(len(codes)), key=lambda n: codes[n])
    return others[order], values[order], np.array(order, np.int64)


def add_products(
    out: Array, left: Array, right: Array, begin: int, end: int, first: int, limit: int
) -> Array:
    """``out`` after Σ_m left[m, i] right[m, j] is added where the kernel adds it."""
    out = out.astype(np.float64).reshape(-1, STRIDE)
    left, right = left.reshape(-1, STRIDE)[:4], right.reshape(-1, STRIDE)[:4]
    for i in range(begin, end):
        after_diagonal = -(-(i // 4 * 4 + 4) // 8) * 8
        for j in range(first, min(limit, after_diagonal)):
            for m in range(4):
                out[i, j] += float(left[m, i]) * float(right[m, j])
    return out.ravel()


def multiply_rows(left: Array, right: Array, first: int, last: int) -> Array:
    """Rows ``first`` to ``last - 1`` of a product of matrices, shape (last - first, n_columns)."""
    out = np.zeros((last - first, right.shape[1]))
    for row in range(first, last):
        for column in range(right.shape[1]):
            for inner in range(left.shape[1]):
                out[row - first, column] += float(left[row, inner]) * float(right[inner, column])
    return out


def best_unseen(
    scores: Array, users: Array, start: Array, columns: Array, left_out: Array, n: int
) -> Array:
    """Columns of the ``n`` largest scores of each row, best first, -1 where there are no more."""
    best = np.full((len(scores), n), -1)
    for row, user in enumerate(users):
        seen = set(columns[start[user] : start[user + 1]].tolist()) if user >= 0 else set()
        allowed = [
            column
            for column, score in enumerate(scores[row].tolist())
            if score > -np.inf and column not in seen and column not in left_out
        ]
        chosen = sorted(allowed, key=lambda column: (-scores[row, column], column))[:n]
        best[row, : len(chosen)] = chosen
    return best


def normal_equations(ratings: Any, other: Any, prior: Any, row: int) -> tuple[Array, Array, float]:
    """A, b and α Σ w t² of one row."""
    k = other.factors.shape[1] - 1
    noise = float(prior.noise)
    a = float(prior.scale[row]) * prior.precision.astype(np.float64)
    linear = prior.linear[row if len(prior.linear) > 1 else 0]
    b = float(prior.scale[row]) * linear.astype(np.float64)
    square = 0.0
    for n in range(ratings.start[row], ratings.start[row + 1]):
        column = ratings.columns[n]
        weight = float(ratings.roots[n]) ** 2 if len(ratings.roots) else 1.0
        z = np.append(other.factors[column, :k].astype(np.float64), float(other.intercept))
        t = float(ratings.values[n]) * float(ratings.step) + float(ratings.shift)
        t -= float(other.factors[column, k])
        a += noise * weight * np.outer(z, z)
        b += noise * weight * t * z
        square += noise * weight * t * t
        if len(other.variance):
            a[range(k), range(k)] += noise * weight * other.variance[column, :k]
    return a, b, square


def factorise(a: Array, b: Array, square: float) -> tuple[Array, Array, float]:
    """L with L Lᵀ = A, L⁻¹ b, and what is left of α Σ w t²."""
    lower = np.linalg.cholesky(a)
    forward = np.linalg.solve(lower, b)
    return lower, forward, square - float(b @ np.linalg.solve(a, b))


def inverse_diagonal(a: Array) -> Array:
    """Diagonal of A⁻¹."""
    return np.diag(np.linalg.inv(a)).copy()


def back_substitute(lower: Array, forward: Array, normals: Array) -> Array:
    """x with Lᵀ x = L⁻¹ b + e."""
    return np.linalg.solve(lower.T, forward + normals)


def solve_short_row(ratings: Any, other: Any, prior: Any, row: int) -> tuple[Array, Array, float]:
    """Means, variances and objective of a row with a diagonal prior of mean 0, by Woodbury."""
    k = other.factors.shape[1] - 1
    mine = slice(ratings.start[row], ratings.start[row + 1])
    columns = ratings.columns[mine]
    weights = ratings.roots[mine].astype(np.float64) ** 2 if len(ratings.roots) else 1.0
    weights = np.broadcast_to(weights, len(columns))
    z = other.factors[columns].astype(np.float64)
    t = ratings.values[mine] * float(ratings.step) + float(ratings.shift) - z[:, k]
    z[:, k] = other.intercept
    p = float(prior.scale[row]) * np.diag(prior.precision).astype(np.float64)
    if len(other.variance):
        p[:k] += float(prior.noise) * (weights @ other.variance[columns, :k].astype(np.float64))
    g = z / p @ z.T + np.diag(1 / (float(prior.noise) * weights))
    across = np.linalg.solve(g, z / p)
    variance = 1 / p - np.einsum("nk,nk->k", z / p, across)
    return across.T @ t, variance, float(t @ np.linalg.solve(g, t))


def solve_rows(ratings: Any, other: Any, prior: Any, normals: Array) -> dict[str, Array]:
    """Draws (or means), means, variances and objective of every row, by their names."""
    found: dict[str, list[Any]] = {"factors": [], "means": [], "variance": [], "objective": []}
    for row in range(len(ratings.start) - 1):
        a, b, square = normal_equations(ratings, other, prior, row)
        lower, forward, left = factorise(a, b, square)
        x = np.linalg.solve(a, b)
        found["means"].append(x)
        e = normals[row].astype(np.float64) if len(normals) else np.zeros(len(b))
        found["factors"].append(back_substitute(lower, forward, e))
        found["variance"].append(inverse_diagonal(a))
        found["objective"].append(left)
    return {name: np.array(values) for name, values in found.items()}


def solve_rows_nonnegative(
    ratings: Any, other: Any, prior: Any, passes: int, begin: Array
) -> tuple[Array, Array]:
    """Factors and bias of every row by coordinate descent from ``begin``, and the objective."""
    solutions, objectives = begin.astype(np.float64), []
    for row, x in enumerate(solutions):
        a, b, square = normal_equations(ratings, other, prior, row)
        for _ in range(passes):
            for i in range(len(x)):
                x[i] += (b[i] - a[i] @ x) / a[i, i]
                if i < len(x) - 1:
                    x[i] = max(x[i], 0.0)
        objectives.append(square - 2 * float(b @ x) + float(x @ a @ x))
    return solutions, np.array(objectives)


def draw_coefficients(
    start: Array,
    rows: Array,
    roots: Array,
    ridge: Array,
    rest: Array,
    coefficients: Array,
    normals: Array,
) -> tuple[Array, Array]:
    """Coefficients drawn one after another, and what they leave; everything with one row a row."""
    features = np.zeros((len(roots), len(start) - 1))
    for j in range(len(start) - 1):
        features[rows[start[j] : start[j + 1]], j] = roots[rows[start[j] : start[j + 1]]]
    drawn = coefficients.astype(np.float64)
    x = rest + features @ drawn
    for j in range(len(drawn)):
        others = np.arange(len(drawn)) != j
        without = x - features[:, others] @ drawn[others]
        for c in range(drawn.shape[1]):
            precision = float(features[:, j] @ features[:, j]) + float(ridge[c])
            mean = features[:, j] @ without[:, c] / precision
            drawn[j, c] = mean + normals[j, c] / np.sqrt(precision)
    return x - features @ drawn, drawn


def predict_pairs(users: Array, items: Array, p: Array, q: Array, mean: float) -> Array:
    """mean + b_u + c_i + p_u · q_i of each pair."""
    p, q = p.astype(np.float64), q.astype(np.float64)
    return np.array(
        [
            mean + p[u, -1] + q[i, -1] + p[u, :-1] @ q[i, :-1]
            for u, i in zip(users, items, strict=True)
        ]
    )


def draw_latent(centers, classes, low, high, uniforms):
    """Truncated normals by the inverse of the distribution function."""
    normal = NormalDist()
    out = []
    for center, kind, uniform in zip(centers, classes, uniforms, strict=True):
        below, above = normal.cdf(low[kind] - center), normal.cdf(high[kind] - center)
        out.append(center + normal.inv_cdf(below + (float(uniform) + 2.0**-25) * (above - below)))
    return np.array(out)


def cut_likelihood(counts, grid, cuts):
    """Log-likelihood of cut-points, one rating after the other."""
    normal = NormalDist()
    ends = [-np.inf, *cuts, np.inf]
    total = 0.0
    for kind in range(len(counts)):
        for place, center in enumerate(grid):
            chance = normal.cdf(ends[kind + 1] - center) - normal.cdf(ends[kind] - center)
            if counts[kind, place]:
                total += counts[kind, place] * np.log(chance)
    return total


def inverse_normal(p):
    """Where the normal distribution function is p."""
    return NormalDist().inv_cdf(p)


def residual_products(ratings: Any, other: Array, own: Array, x: Array) -> Array:
    """The matrix of w (t - own - other), rows by the other side, times x."""
    matrix = np.zeros((len(own), len(other)))
    for row in range(len(own)):
        for n in range(ratings.start[row], ratings.start[row + 1]):
            column = ratings.columns[n]
            weight = float(ratings.roots[n]) ** 2 if len(ratings.roots) else 1.0
            t = float(ratings.values[n]) * float(ratings.step) + float(ratings.shift)
            matrix[row, column] += weight * (t - float(own[row]) - float(other[column]))
    return matrix @ x.astype(np.float64)
