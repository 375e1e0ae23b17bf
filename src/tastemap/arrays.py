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


_GROUPS, _BOUNDING = 512, 64
"""Groups of columns whose largest scores are looked at, and groups of these that give a bound."""
_ONE_ROW = 1 << 14
"""Scores of one row that are divided at once faster than by groups."""


def best_columns(scores: Values, n: int, order: Int64s | None = None) -> Codes:
    """Columns of the ``n`` largest scores of each row, best first, shape (rows, n or fewer).

    Args:
        scores: shape (rows, columns); -inf is never chosen: -1 stands there instead.
        n: how many, at least 0.
        order: all columns; of equal scores, those that come first here. None: by number.
    """
    n_rows, width = scores.shape
    n = min(n, width)
    row, column = _candidates(scores, n)
    if n_rows == 1 and len(column) >= n:  # a list for one user, which must not take long
        values, columns = scores[:, column], column[None].astype(np.int32)
    else:
        counts = np.bincount(row, minlength=n_rows)
        at = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = n_rows, int(counts.max(initial=n))
        values, columns = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.int32)
        values[row, at], columns[row, at] = scores[row, column], column
    place: Codes | Int64s = columns
    if order is not None:
        rank = np.empty(width, np.int64)
        rank[order] = np.arange(width)
        place = rank[columns]
    sort = np.lexsort((place, -values))[:, :n]
    chosen = np.arange(n_rows)[:, None], sort
    best = columns[chosen]
    best[values[chosen] == -np.inf] = -1
    return best


def _candidates(scores: Values, n: int) -> tuple[Int64s, Int64s]:
    """Row and column of scores, by rising row: the ``n`` largest of each row, and few more."""
    n_rows, width = scores.shape
    if not n:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    few = width < 4 * _GROUPS or (n_rows == 1 and width <= _ONE_ROW)
    if few or n > _BOUNDING // 4:
        return np.divmod(np.flatnonzero(scores >= _largest(scores, n)), width)
    # Column j is of group j modulo _GROUPS. Some n groups of groups, and so n scores, reach the
    # bound: nothing below it need be looked at.
    n_whole = width // _GROUPS
    whole = scores[:, : n_whole * _GROUPS]
    largest = whole.reshape(n_rows, n_whole, _GROUPS).max(axis=1)
    rest = scores[:, n_whole * _GROUPS :]
    np.maximum(largest[:, : rest.shape[1]], rest, out=largest[:, : rest.shape[1]])
    bound = _largest(largest.reshape(n_rows, -1, _BOUNDING).max(axis=1), n)
    row, group = np.divmod(np.flatnonzero(largest >= bound), _GROUPS)
    column = group[:, None] + _GROUPS * np.arange(n_whole + 1)
    inside = np.minimum(column, width - 1)
    reaches = (scores[row[:, None], inside] >= bound[row]) & (column < width)
    at, member = np.nonzero(reaches)
    return row[at], column[at, member]


def _largest(scores: Values, n: int) -> Values:
    """The ``n``-th largest of each row, shape (rows, 1)."""
    width = scores.shape[1]
    return np.asarray(np.partition(scores, width - n, axis=1)[:, width - n, None])
