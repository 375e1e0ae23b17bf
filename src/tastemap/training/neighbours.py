"""Products of what users took with itself, of which only the largest entries are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tastemap.arrays import Codes, Int64s, Mask, Values, frozen
from tastemap.data.ratings import CompressedRows
from tastemap.errors import require
from tastemap.models.interactions import Interactions
from tastemap.models.protocol import blocks

if TYPE_CHECKING:
    from scipy import sparse

_CELLS_AT_ONCE = 1 << 23
"""Entries held at a time while the largest are picked (32 MB)."""
_BLOCKS_PER_THREAD = 8


def as_matrix(taken: Interactions, n_items: int) -> sparse.csr_array:
    """What users took as a sparse matrix, shape (n_users, n_items), float32.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    require("scipy", "engine")
    from scipy import sparse

    parts = taken.values, taken.items, taken.start
    return sparse.csr_array(parts, shape=(len(taken), n_items))


def nearest(
    left: sparse.csr_array,
    right: sparse.csr_array,
    n: int,
    adjust: Callable[[Values, slice], None],
    threads: int | None = None,
) -> CompressedRows:
    """The largest entries of each row of a product of matrices, without its diagonal.

    Rows are multiplied on every core; each is summed in one order, so that the result is the same
    to the last bit on any number of threads.

    Args:
        left: shape (n_items, n_users), float32.
        right: shape (n_users, n_items), float32.
        n: how many of each row; those that are 0 are never kept.
        adjust: changes some rows of the product, shape (rows, n_items), in place before their
            entries are compared; it is also given which rows they are.
        threads: None for every core.

    Raises:
        MissingExtraError: Numba is not installed.
    """
    require("numba", "engine")
    require("threadpoolctl", "engine")
    # Imported here: reading a model folder must not load the compiler.
    from tastemap.training.kernels_products import multiply_rows
    from tastemap.training.schedule import Workers, even_blocks

    factors = [*_parts(left), *_parts(right)]
    n_items = right.shape[1]
    columns: list[Codes] = []
    kept: list[Values] = []
    with Workers(threads) as workers:
        for part in blocks(n_items, max(1, _CELLS_AT_ONCE // n_items)):
            block = np.zeros((part.stop - part.start, n_items), np.float32)

            def work(first: int, last: int, block: Values = block, begin: int = part.start) -> None:
                multiply_rows(*factors, block, begin, begin + first, begin + last)

            # More blocks than threads: some rows take longer than others.
            workers.each(work, even_blocks(len(block), _BLOCKS_PER_THREAD * workers.threads))
            adjust(block, part)
            np.fill_diagonal(block[:, part], 0)
            for row in block:
                columns.append(largest(row, n))
                kept.append(row[columns[-1]])
    return CompressedRows(
        frozen(np.concatenate([[0], np.cumsum([len(one) for one in columns])]), np.int64),
        frozen(np.concatenate(columns), np.int32),
        frozen(np.concatenate(kept), np.float32),
    )


def _parts(matrix: sparse.csr_array) -> tuple[Int64s, Codes, Values]:
    """Where rows begin, columns and values; read-only, or Numba would compile anew."""
    return (
        frozen(matrix.indptr, np.int64),
        frozen(matrix.indices, np.int32),
        frozen(matrix.data, np.float32),
    )


def transposed(rows: CompressedRows) -> CompressedRows:
    """A square matrix given by row, by column."""
    from scipy import sparse

    shape = (len(rows), len(rows))
    turned = sparse.csr_array((rows.values, rows.columns, rows.start), shape=shape).T.tocsr()
    return CompressedRows(
        frozen(turned.indptr, np.int64),
        frozen(turned.indices, np.int32),
        frozen(turned.data, np.float32),
    )


def largest(scores: Values, n: int) -> Codes:
    """Positions of the ``n`` largest scores that are not 0, in order of position.

    Equal scores at the border go to the smaller positions.
    """
    candidates = np.flatnonzero(scores)
    if len(candidates) > n:
        mine = scores[candidates]
        border = np.partition(mine, len(mine) - n)[len(mine) - n]
        above: Mask = mine > border
        at = np.flatnonzero(mine == border)[: n - int(above.sum())]
        above[at] = True
        candidates = candidates[above]
    return candidates.astype(np.int32)
