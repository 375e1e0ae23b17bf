"""Who rated what as side information: the rows of one side are told apart by what they rated.

The users' factors and biases x_u have as prior mean not the same μ for all, but

    x_u ~ N(μ + |R(u)|^-½ Σ_{j in R(u)} y_j, Λ⁻¹),    y_j ~ N(0, Ψ⁻¹),    Ψ ~ Wishart,

where R(u) are the items that u rated in training: the SVD++ model (Koren 2008, "Factorization
meets the neighborhood", equation 15) in the form of Simm et al. 2015, "Macau: scalable Bayesian
multi-relational factorization with side information using MCMC"; Ψ is of its own here. For the
items, with who rated them, the same: what Rendle, Zhang & Koren 2019, "On the difficulty of
evaluating baselines", call flipped. What is drawn for a row is the whole x_u, so the rows are
drawn as without side information, and predictions need nothing else.

The coefficients y_j are drawn each given all others. In coordinates where Λ becomes the identity
and Ψ a diagonal matrix D, which the matrix T with TᵀΛ⁻¹T = 1 and TᵀΨ⁻¹T = D⁻¹ leads to, a
coordinate has nothing to do with the rest: each rating is read twice, and no matrix of items by
items is ever made. A row's features are all the same number |R(u)|^-½, so that the ratings grouped
by item already are the users' features grouped by feature. A pair must not be rated twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Float64s, Int64s, Mask, Values
from tastemap.training import kernels_passes
from tastemap.training.hyperpriors import diagonal_coordinates, draw_coefficient_precision
from tastemap.training.rows import GroupedRows


@dataclass(eq=False, kw_only=True)
class RatedFeatures:
    """What the rows of one side rated, and the coefficients of the present sweep.

    Attributes:
        start: where each feature's rows begin, shape (n_features + 1,): a feature is a row of the
            other side.
        rows: the rows that have each feature, shape (n_ratings,).
        roots: |R|^-½ of each row, 0 without ratings, shape (n_rows,), float32.
        used: which features some row has, shape (n_features,).
        coefficients: y, shape (n_features, k + 1), float32; 0 where not used.
        explained: |R|^-½ Σ y of each row, shape (n_rows, k + 1), float32; 0 without ratings.
    """

    start: Int64s
    rows: Codes
    roots: Values
    used: Mask
    coefficients: Factors
    explained: Factors

    @classmethod
    def of(cls, side: GroupedRows, other: GroupedRows, width: int) -> RatedFeatures:
        """The features of ``side``, with coefficients 0.

        Args:
            side: the ratings grouped by the rows that have features.
            other: the same ratings grouped by the rows that are the features.
            width: k + 1.
        """
        counts = np.diff(side.ratings.start)
        roots = np.where(counts > 0, 1 / np.sqrt(np.maximum(counts, 1)), 0)
        return cls(
            start=other.ratings.start,
            rows=other.ratings.columns,
            roots=roots.astype(np.float32),
            used=other.rated,
            coefficients=np.zeros((len(other), width), np.float32),
            explained=np.zeros((len(side), width), np.float32),
        )

    def begin(
        self, apart: Factors, precision: Float64s, spread: float, chance: np.random.Generator
    ) -> CoefficientDraw:
        """Begin to draw the coefficients, given the rows.

        Args:
            apart: x - μ, shape (n_rows, k + 1), float32.
            precision: Λ, shape (k + 1, k + 1).
            spread: standard deviation of the ratings.
            chance: where draws come from.
        """
        own = draw_coefficient_precision(self.coefficients[self.used], spread, chance)
        basis, back, ridge = diagonal_coordinates(precision, own)
        turn: Factors = basis.astype(np.float32)
        normals = chance.standard_normal(self.coefficients.shape, np.float32)
        return CoefficientDraw(
            features=self,
            apart=apart,
            back=back.astype(np.float32),
            rest=_in_groups(np.asarray((apart - self.explained) @ turn, np.float32)),
            coefficients=_in_groups(self.coefficients @ turn),
            normals=_in_groups(normals),
            ridge=_in_groups(ridge[None].astype(np.float32), padding=1),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class CoefficientDraw:
    """A draw of the coefficients at work: `work` on every group, then `finish`.

    Attributes:
        features: what is drawn.
        apart: x - μ, shape (n_rows, k + 1).
        back: T⁻¹, shape (k + 1, k + 1).
        rest: (x - μ - explained) T, shape (groups, n_rows * GROUP).
        coefficients: y T, shape (groups, n_features * GROUP).
        normals: of the same shape.
        ridge: D, shape (groups, GROUP).
    """

    features: RatedFeatures
    apart: Factors
    back: Factors
    rest: AnyArray
    coefficients: AnyArray
    normals: AnyArray
    ridge: AnyArray

    def work(self, group: int) -> None:
        """Draw one group of coordinates; groups in any order, and at the same time."""
        kernels_passes.draw_coefficients(
            self.features.start, self.features.rows, self.features.roots, self.ridge[group],
            self.rest[group], self.coefficients[group], self.normals[group],
        )  # fmt: skip

    def finish(self) -> None:
        """Hand the new coefficients, and what they explain, to the features."""
        features, width = self.features, len(self.back)
        features.coefficients = _of_groups(self.coefficients, width) @ self.back
        features.coefficients[~features.used] = 0
        features.explained = self.apart - _of_groups(self.rest, width) @ self.back
        features.explained[features.roots == 0] = 0


def _in_groups(array: Factors, padding: float = 0) -> AnyArray:
    """Columns in groups of GROUP, shape (groups, n * GROUP), padded to whole groups."""
    n, width = array.shape
    size = kernels_passes.GROUP
    groups = -(-width // size)
    padded = np.full((groups, n, size), padding, np.float32)
    for group in range(groups):
        part = array[:, group * size : (group + 1) * size]
        padded[group, :, : part.shape[1]] = part
    return padded.reshape(groups, n * size)


def _of_groups(grouped: AnyArray, width: int) -> Factors:
    """The inverse of `_in_groups`, shape (n, width)."""
    groups = len(grouped)
    apart = grouped.reshape(groups, -1, kernels_passes.GROUP).transpose(1, 0, 2)
    return np.ascontiguousarray(apart.reshape(apart.shape[0], -1)[:, :width])
