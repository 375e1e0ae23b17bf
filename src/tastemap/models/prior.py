"""What is expected of a user, or an item, nobody has seen: what those with ratings are like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from tastemap.arrays import AnyArray, Factors, Float64s
from tastemap.errors import NotFittedFor
from tastemap.models.factors import FactorModel


@dataclass(frozen=True, eq=False)
class Prior:
    """What is expected of a user, or an item, nobody has seen.

    Attributes:
        mean: factors and, last, the bias, shape (k + 1,).
        precision: inverse of their covariance, shape (k + 1, k + 1).
    """

    mean: Float64s
    precision: Float64s

    @classmethod
    def of(cls, rows: AnyArray) -> Self:
        """Mean and covariance of those with ratings, shape (n, k + 1), n at least 1."""
        x = rows.astype(np.float64)
        covariance = np.atleast_2d(np.cov(x.T, bias=True))
        # A coordinate in which all are alike stays invertible.
        floor = max(float(np.trace(covariance)), 1e-6) * 1e-6
        precision = np.linalg.inv(covariance + floor * np.eye(len(covariance)))
        return cls(x.mean(axis=0), np.asarray(precision, np.float64))

    @cached_property
    def covariance(self) -> Float64s:
        """The inverse of the precision, shape (k + 1, k + 1)."""
        return np.asarray(np.linalg.inv(self.precision), np.float64)

    def given(self, z: Float64s, noise_variance: float) -> Float64s:
        """Covariance after ratings of items z, shape (n, k + 1): (precision + zᵀ z / σ²)⁻¹."""
        if len(z) < len(self.mean):
            return np.asarray(self.covariance - self.gains(z, noise_variance) @ z @ self.covariance)
        precision = self.precision + z.T @ z / noise_variance
        return np.asarray(np.linalg.inv(precision), np.float64)

    def gains(self, z: Float64s, noise_variance: float) -> Float64s:
        """How much each rating moves x: A⁻¹ zᵀ / σ² with A = precision + zᵀ z / σ².

        Of few ratings by the matrix inversion lemma, C zᵀ (σ² + z C zᵀ)⁻¹ with the prior's
        covariance C: the matrix to invert then has a row a rating, not a row a factor.

        Args:
            z: factors and 1 of the rated items, shape (..., n, k + 1).
            noise_variance: σ².

        Returns:
            Shape (..., k + 1, n).
        """
        turned = np.swapaxes(z, -1, -2)
        n, width = z.shape[-2:]
        if n < width:
            along = z @ self.covariance
            inner = along @ turned + noise_variance * np.eye(n)
            return np.asarray(np.swapaxes(along, -1, -2) @ np.linalg.inv(inner))
        precision = noise_variance * self.precision + turned @ z  # σ² A
        return np.asarray(np.linalg.inv(precision) @ turned)


def users_of(model: FactorModel) -> Factors:
    """Factors and, last, the bias of a model's users, shape (n_users, k + 1).

    Raises:
        NotFittedFor: the model has no biases.
    """
    if model.user_bias is None:
        raise NotFittedFor("a model without biases cannot take in new users or ratings")
    return np.column_stack([model.user_factors, model.user_bias])


def items_of(model: FactorModel) -> Factors:
    """Factors and, last, the bias of a model's items, shape (n_items, k + 1).

    Raises:
        NotFittedFor: the model has no biases.
    """
    if model.item_bias is None:
        raise NotFittedFor("a model without biases cannot take in new users or ratings")
    return np.column_stack([model.item_factors, model.item_bias])
