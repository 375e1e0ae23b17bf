"""Compiled loops over sparse matrices; what holds in `kernels` holds here.

Numba's cache does not see changes of other files: nothing here calls anything there.
"""

# Numba has no types; arguments that belong together are described together.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# ruff: noqa: D417

from __future__ import annotations

from tastemap.training.compiled import kernel


@kernel
def multiply_rows(
    left_start, left_columns, left_values, start, columns, values, out, begin, first, last
):
    """Rows ``first`` to ``last - 1`` of a product of two sparse matrices, added to ``out``.

    Args:
        left_start, left_columns, left_values: the left matrix by row: where rows begin, shape
            (n_rows + 1,), and columns and values, shape (n,).
        start, columns, values: the right one.
        out: 0 to begin with, shape (rows, n_columns); written.
        begin: which row of the product the first of ``out`` is.
    """
    for row in range(first, last):
        sums = out[row - begin]
        for place in range(left_start[row], left_start[row + 1]):
            inner, value = left_columns[place], left_values[place]
            for at in range(start[inner], start[inner + 1]):
                sums[columns[at]] += value * values[at]
