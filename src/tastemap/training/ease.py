"""EASE: what each item says of each other item, all at once, in closed form."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tastemap import arguments
from tastemap.arrays import AnyArray, Values
from tastemap.errors import TrainingError
from tastemap.models.interactions import Interactions
from tastemap.models.similarity import SimilarityModel
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.lists import ListRecipe
from tastemap.training.neighbours import as_matrix

if TYPE_CHECKING:
    from scipy import sparse

_USERS_AT_ONCE = 1024
_ROWS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class EASE(ListRecipe):
    """A linear model of what is taken from what else was taken (Steck 2019).

    s(u, i) = Σ_j x_uj B_ji, where B minimises |X - XB|² + λ |B|² with a diagonal of 0: with
    P = (XᵀX + λ)⁻¹, B_ji = -P_ji / P_ii ("Embarrassingly shallow autoencoders for sparse data",
    equation 8). One of the best models for lists of up to some ten thousand items: B has a number
    for each pair of items. Where users are few, λP = 1 - Xᵀ (X Xᵀ + λ)⁻¹ X (Woodbury's identity).

    Attributes:
        regularization: λ, above 0; in units of interactions.
        memory: gigabytes that may be used; None: what the machine has free.
        min_rating: only ratings of at least this say that the user took the item; None: any does.

    Raises:
        ConfigError: a setting is out of its range.
    """

    name: ClassVar[str] = "ease"

    regularization: float = 400.0
    memory: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        arguments.number("regularization", self.regularization, above=0)
        if self.memory is not None:
            arguments.number("memory", self.memory, above=0)

    def _fit(
        self, taken: Interactions, n_items: int, *, seed: int, on_epoch: OnEpoch | None
    ) -> tuple[SimilarityModel, TrainingHistory]:
        x = as_matrix(taken, n_items)
        few = 2 * x.shape[0] < n_items  # users: then their equations are the smaller ones
        self._check_memory(n_items, x.shape[0] if few else 0)
        inverse = (_inverse_by_users if few else _inverse)(x, np.float32(self.regularization))
        if inverse is None:
            raise TrainingError(
                f"the equations of EASE are singular with regularization={self.regularization:g}: "
                "use a larger one"
            )
        return SimilarityModel(users=taken, weights=_weights(inverse)), TrainingHistory()

    def _check_memory(self, n_items: int, n_users: int) -> None:
        needed = bytes_needed(n_items, n_users)
        free = available_memory() if self.memory is None else int(self.memory * 1e9)
        if free is not None and needed > free:
            raise TrainingError(
                f"EASE on {n_items:,} items needs {needed / 1e9:.1f} GB of memory, and "
                f"{free / 1e9:.1f} GB {'are free' if self.memory is None else 'may be used'}: fit "
                "ItemKNN or RP3beta, which keep the nearest items only, or ImplicitALS; or leave "
                "out items with few ratings"
            )


def bytes_needed(n_items: int, n_users: int = 0) -> int:
    """The most memory that fitting EASE holds at a time, besides the ratings.

    Args:
        n_items: how many items.
        n_users: how many users, where these are fewer than half as many; 0 otherwise.
    """
    rows = max(_USERS_AT_ONCE, n_users) + 2 * _ROWS_AT_ONCE
    return 4 * n_items**2 + 4 * rows * n_items + 4 * n_users**2


def available_memory() -> int | None:
    """Bytes of memory that can be had without swapping; None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _inverse(x: sparse.csr_array, regularization: np.float32) -> Values | None:
    """The upper triangle of P, shape (n_items, n_items), float32; None: it is singular."""
    from scipy.linalg import lapack

    gram = np.zeros((x.shape[1], x.shape[1]), np.float32)
    for first in range(0, x.shape[0], _USERS_AT_ONCE):
        part = x[first : first + _USERS_AT_ONCE].toarray()
        gram += part.T @ part
    gram[np.diag_indices(len(gram))] += regularization
    # A symmetric matrix in C order is one in Fortran order: factored and inverted in place.
    factor, failed = lapack.spotrf(gram.T, lower=1, overwrite_a=1)
    if not failed:
        factor, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    return None if failed else factor.T


def _inverse_by_users(x: sparse.csr_array, regularization: np.float32) -> Values | None:
    """The upper triangle of λP = 1 - WᵀW with W = L⁻¹X and LLᵀ = XXᵀ + λ."""
    from scipy.linalg import blas, lapack, solve_triangular

    gram = (x @ x.T).toarray()
    gram[np.diag_indices(len(gram))] += regularization
    factor, failed = lapack.spotrf(gram.T, lower=1, overwrite_a=1)
    if failed:
        return None
    dense = x.toarray(order="F")
    w = solve_triangular(factor, dense, lower=True, overwrite_b=True, check_finite=False)
    left: Values = blas.ssyrk(-1.0, w, trans=1, lower=1).T
    left[np.diag_indices(len(left))] += np.float32(1)
    return left


def _weights(inverse: AnyArray) -> Values:
    """B from a multiple of P, of which only the upper triangle counts, in its place."""
    n = len(inverse)
    diagonal = inverse.diagonal().copy()
    for first in range(0, n, _ROWS_AT_ONCE):
        last = min(first + _ROWS_AT_ONCE, n)
        inverse[first:last, first:last] = np.triu(inverse[first:last, first:last])
        inverse[first:last, first:last] += np.triu(inverse[first:last, first:last], 1).T
        inverse[last:, first:last] = inverse[first:last, last:].T
    for first in range(0, n, _ROWS_AT_ONCE):
        inverse[first : first + _ROWS_AT_ONCE] /= -diagonal
    np.fill_diagonal(inverse, 0)
    inverse.flags.writeable = False
    return inverse
