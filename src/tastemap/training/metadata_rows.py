"""What is known of rows besides ratings, such as genres or occupations, as side information.

The features of a row, one number each, move the prior mean of its factors and bias, as what it
rated does (`tastemap.training.side`):

    x_r ~ N(μ + Σ_j f_rj y_j, Λ⁻¹),    y_j ~ N(0, Ψ⁻¹),    Ψ ~ Wishart.

There are few features, tens or hundreds, so their coefficients are drawn all at once, exactly: in
the coordinates in which Λ is the identity and Ψ the diagonal matrix D, coordinate c of all y has
precision FᵀF + D_c, and the eigenvectors of FᵀF do for all coordinates and sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tastemap.arrays import Factors, Float64s, Mask
from tastemap.data.features import Features
from tastemap.training.hyperpriors import diagonal_coordinates, draw_metadata_precision


@dataclass(eq=False, kw_only=True)
class MetadataFeatures:
    """The features of the rows of one side, and their coefficients in the present sweep.

    Attributes:
        rated: which rows have ratings, shape (n_rows,): only they tell something.
        values: F V, features turned to the eigenvectors of FᵀF, shape (n_rows, n_features).
        squares: eigenvalues of FᵀF, shape (n_features,).
        coefficients: Vᵀ y, shape (n_features, k + 1).
        explained: F y, shape (n_rows, k + 1), float32.
    """

    rated: Mask
    values: Factors
    squares: Float64s
    coefficients: Float64s
    explained: Factors

    @classmethod
    def of(cls, features: Features, rated: Mask, width: int) -> MetadataFeatures:
        """Features of rows with ratings, with coefficients 0.

        Args:
            features: of all rows.
            rated: which rows have ratings, shape (n_rows,).
            width: k + 1.
        """
        n, n_features = len(features), len(features.names)
        values = np.zeros((n, n_features), np.float32)
        rows = np.repeat(np.arange(n), np.diff(features.start))
        values[rows, features.columns] = features.values
        known = values[rated].astype(np.float64)
        squares, turn = np.linalg.eigh(known.T @ known)
        return cls(
            rated=rated,
            values=values @ turn.astype(np.float32),
            squares=np.maximum(squares, 0),
            coefficients=np.zeros((n_features, width)),
            explained=np.zeros((n, width), np.float32),
        )

    def draw(
        self, apart: Factors, precision: Float64s, spread: float, chance: np.random.Generator
    ) -> None:
        """Draw the coefficients, given the rows.

        Args:
            apart: x - μ, less what other features explain, shape (n_rows, k + 1), float32.
            precision: Λ, shape (k + 1, k + 1).
            spread: standard deviation of the ratings.
            chance: where draws come from.
        """
        own = draw_metadata_precision(self.coefficients, spread, chance)
        basis, back, ridge = diagonal_coordinates(precision, own)
        pull = (self.values[self.rated].T @ apart[self.rated]).astype(np.float64) @ basis
        # (FᵀF + D_c)⁻¹ Fᵀ (x - μ) and noise of that covariance, in eigenvectors of FᵀF
        inverse = 1 / (self.squares[:, None] + ridge)
        drawn = inverse * pull + np.sqrt(inverse) * chance.standard_normal(inverse.shape)
        self.coefficients = drawn @ back
        self.explained = self.values @ self.coefficients.astype(np.float32)
