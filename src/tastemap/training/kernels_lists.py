"""Compiled lists of the best items; what holds in `kernels` holds here.

Numba's cache does not see changes of other files: nothing here calls anything there.
"""

# Numba has no types; arguments that belong together are described together.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# ruff: noqa: D417

from __future__ import annotations

import numpy as np

from tastemap.training.compiled import kernel

GROUPS = 128
"""Groups of columns whose largest scores are looked at first."""


@kernel
def best_unseen(scores, users, start, columns, left_out, items, values):
    """Write the columns of the n largest scores of each row, best first, and these scores.

    Column j is of group j modulo GROUPS. Some n groups reach the n-th largest of the largest of
    the groups, and so do n scores: only groups that reach it are looked at again.

    Args:
        scores: shape (rows, width), float32; what may not be chosen becomes -inf. -inf and NaN
            are never chosen.
        users: whose row each is, shape (rows,), int32; -1: of nobody.
        start, columns: columns that each user has seen,
            ``columns[start[user]:start[user + 1]]``.
        left_out: columns that nobody may get.
        items, values: written, shape (rows, n), int32 and float32: columns, of equal scores by
            number, and scores; -1 and -inf where there are no more.
    """
    none = np.float32(-np.inf)
    width, n = scores.shape[1], items.shape[1]
    largest = np.empty(min(GROUPS, width), np.float32)
    groups = largest.shape[0]
    for row in range(scores.shape[0]):
        mine, best, who = scores[row], values[row], items[row]
        for column in left_out:
            mine[column] = none
        if users[row] >= 0:
            for at in range(start[users[row]], start[users[row] + 1]):
                mine[columns[at]] = none
        largest[:] = none
        for begin in range(0, width, GROUPS):
            part = mine[begin:]
            for group in range(min(groups, width - begin)):
                largest[group] = max(largest[group], part[group])
        best[:] = none
        for group in range(groups):
            if largest[group] > best[n - 1]:
                place = n - 1
                while place > 0 and best[place - 1] < largest[group]:
                    best[place] = best[place - 1]
                    place -= 1
                best[place] = largest[group]
        bound = best[n - 1]
        best[:] = none
        who[:] = -1
        for group in range(groups):
            if largest[group] < bound or largest[group] == none:
                continue
            for column in range(group, width, GROUPS):
                score, last = mine[column], best[n - 1]
                # Not >, so that NaN is passed over; nor are equal scores of later columns better.
                if (
                    not score >= last
                    or score == none
                    or (score == last and column > who[n - 1] >= 0)
                ):
                    continue
                place = n - 1
                while place > 0 and (
                    best[place - 1] < score
                    or (best[place - 1] == score and who[place - 1] > column)
                ):
                    best[place], who[place] = best[place - 1], who[place - 1]
                    place -= 1
                best[place], who[place] = score, column
