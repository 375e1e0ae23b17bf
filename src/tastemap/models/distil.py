"""The mean of many factorizations as one of few factors."""

from __future__ import annotations

import numpy as np

from tastemap.arrays import Factors, Float64s, Int64s, Values
from tastemap.models.factors import FactorModel

KEPT_VARIANCE = 0.999
"""Part of the variance of the predictions that distilled factors keep."""


def distil(
    user_draws: Factors,
    item_draws: Factors,
    mean: float,
    user_counts: Int64s,
    item_counts: Int64s,
    kept: float = KEPT_VARIANCE,
) -> FactorModel:
    """The mean of many factorizations as one of few factors.

    With A the users' factors of all draws side by side, B the items', and A = Q R, B = S T with
    orthonormal Q and S, the mean of the products is A Bᵀ / draws = Q (R Tᵀ / draws) Sᵀ: the
    singular values of the small matrix in the middle are those of the whole. What is the same for
    all users, or for all items, goes to the biases first. Rows are weighted by the root of 1 +
    their number of ratings, so that what is kept is the variance of predictions where there are
    ratings: most pairs are of items hardly anybody has rated, and say little of the rest.

    Args:
        user_draws: factors and, last, the bias, shape (draws, n_users, k + 1).
        item_draws: shape (draws, n_items, k + 1).
        mean: what every draw adds, in units of the ratings.
        user_counts: ratings of each user.
        item_counts: ratings of each item.
        kept: part of the variance that must be kept.

    Returns:
        Factors, the weightiest first.
    """
    user_bias, user_factors = _side_by_side(user_draws)
    item_bias, item_factors = _side_by_side(item_draws)
    users_mean = user_factors.mean(axis=0, dtype=np.float64)
    items_mean = item_factors.mean(axis=0, dtype=np.float64)
    user_factors -= users_mean.astype(np.float32)
    item_factors -= items_mean.astype(np.float32)
    # (a + ā) · (b + b̄) = a · b + a · b̄ + ā · b + ā · b̄
    user_bias += user_factors @ items_mean
    item_bias += item_factors @ users_mean
    mean += float(users_mean @ items_mean)

    user_roots, item_roots = _roots(user_counts), _roots(item_counts)
    user_inverse, user_core = _triangle(user_factors * user_roots)
    item_inverse, item_core = _triangle(item_factors * item_roots)
    left, weights, right = np.linalg.svd(user_core @ item_core.T)
    variance = float(weights @ weights)
    for bias, roots in ((user_bias, user_roots), (item_bias, item_roots)):
        weight = np.square(roots[:, 0].astype(np.float64))
        variance += float(weight @ np.square(bias)) - float(weight @ bias) ** 2
    # What is lost with all factors from the r-th on, for each r; at least one factor is kept.
    lost = np.append(np.cumsum(weights[::-1] ** 2)[::-1], 0.0)
    rank = max(1, int(np.argmax(lost <= (1 - kept) * variance)))
    root = np.sqrt(weights[:rank])
    return FactorModel(
        mean=mean,
        user_bias=user_bias.astype(np.float32),
        item_bias=item_bias.astype(np.float32),
        user_factors=user_factors @ (user_inverse @ (left[:, :rank] * root)).astype(np.float32),
        item_factors=item_factors @ (item_inverse @ (right[:rank].T * root)).astype(np.float32),
    )


def _triangle(factors: Factors) -> tuple[Float64s, Float64s]:
    """R⁻¹ and R of F = Q R, from Fᵀ F = V D Vᵀ: R = D^½ Vᵀ.

    Four times as fast as a QR decomposition of as tall a matrix. What float32 cannot tell from 0
    is left out, so R may have fewer rows than columns.
    """
    values, vectors = np.linalg.eigh((factors.T @ factors).astype(np.float64))
    some = values >= values[-1] * 1e-6
    lengths = np.sqrt(np.maximum(values[some], 1e-12))
    return vectors[:, some] / lengths, (vectors[:, some] * lengths).T


def _roots(counts: Int64s) -> Values:
    """Roots of weights that add up to 1, shape (n, 1)."""
    weights = counts + 1.0
    return np.asarray(np.sqrt(weights / weights.sum()), np.float32)[:, None]


def _side_by_side(draws: Factors) -> tuple[Float64s, Factors]:
    """Mean bias, shape (n,), and the factors of all draws, shape (n, draws * k), / √draws."""
    n_draws, n, width = draws.shape
    factors = np.empty((n, n_draws, width - 1), np.float32)
    np.multiply(draws[:, :, :-1].transpose(1, 0, 2), 1 / np.sqrt(n_draws), out=factors)
    return draws[:, :, -1].mean(axis=0, dtype=np.float64), factors.reshape(n, -1)
