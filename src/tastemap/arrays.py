"""The arrays tastemap works with, named once, with their types.

Codes are int32, ratings and stored factors float32, sums and scores of a whole set float64.
Shapes stand in the docstring of whatever holds the array.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Codes: TypeAlias = NDArray[np.int32]
"""Contiguous numbers of users or items, 0 to n - 1; -1 stands for unknown."""

Values: TypeAlias = NDArray[np.float32]
"""Ratings or predicted ratings, in the units of the ratings file."""

Factors: TypeAlias = NDArray[np.float32]
"""Embeddings, shape (n_users or n_items, k); no unit."""

Mask: TypeAlias = NDArray[np.bool_]
Int64s: TypeAlias = NDArray[np.int64]
Float64s: TypeAlias = NDArray[np.float64]
AnyArray: TypeAlias = NDArray[Any]


def frozen(values: ArrayLike, dtype: DTypeLike) -> AnyArray:
    """Give ``values`` as a C-contiguous read-only array of ``dtype``.

    An array that is so already is given back as it is; anything else is copied, so that nobody
    can change the result through another name.
    """
    if (
        isinstance(values, np.ndarray)
        and values.dtype == dtype
        and values.flags.c_contiguous
        and not values.flags.writeable
    ):
        return values
    array = np.array(values, dtype=dtype, order="C")
    array.flags.writeable = False
    return array


def top_n(scores: AnyArray, n: int) -> Int64s:
    """Positions of the ``n`` largest scores, best first.

    Args:
        scores: shape (columns,). Equal scores go to the smaller position; NaN is never chosen.
        n: how many, at least 0.

    Returns:
        Positions, shape (m,), where m is ``n`` or the number of scores that are not NaN.
    """
    candidates = np.flatnonzero(~np.isnan(scores))
    if 0 < n < len(candidates):
        # Everything at or above the n-th largest, so that ties at the border are all looked at.
        border = np.partition(scores[candidates], len(candidates) - n)[len(candidates) - n]
        candidates = candidates[scores[candidates] >= border]
    order = np.argsort(-scores[candidates], kind="stable")[:n]
    return candidates[order].astype(np.int64)
