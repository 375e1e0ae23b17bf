"""Kernels on every core: blocks of rows of about equal work over a pool of threads.

The kernels let go of Python's lock and each row's result depends on that row alone, so the result
is the same to the last bit on any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from itertools import pairwise
from types import TracebackType
from typing import Self

import numpy as np
from threadpoolctl import threadpool_limits

from tastemap.arrays import Int64s

Block = tuple[int, int]
"""First row and the row after the last."""

BLOCKS_PER_THREAD = 4
"""So that threads end at about the same time though some blocks take longer than they should."""
SMALLEST_BLOCK = 1_000_000
"""Multiplications worth the 50 microseconds of handing a block to a thread."""


def available_threads() -> int:
    """How many threads this process may run at a time."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def row_blocks(start: Int64s, width: int, threads: int) -> list[Block]:
    """Cut rows into blocks of about equal work.

    Args:
        start: where each row's ratings begin, and the number of ratings, shape (n_rows + 1,).
        width: unknowns of a row; a rating costs about width² / 2 multiplications, a row
            width³ / 6 and as much again for everything else.
        threads: how many threads will share the work.
    """
    n_rows = len(start) - 1
    row_cost = width**3 / 6 + 30 * width
    cost = start[1:] * (width**2 / 2) + np.arange(1, n_rows + 1) * row_cost
    if not n_rows:
        return []
    wanted = threads * BLOCKS_PER_THREAD if threads > 1 else 1
    n_blocks = max(1, min(wanted, n_rows, int(cost[-1] / SMALLEST_BLOCK)))
    inner = np.searchsorted(cost, cost[-1] * np.arange(1, n_blocks) / n_blocks) + 1
    edges = np.unique(np.concatenate([[0], inner, [n_rows]]))
    return [(int(first), int(last)) for first, last in pairwise(edges)]


def even_blocks(n: int, threads: int) -> list[Block]:
    """Cut ``n`` pairs into one block a thread."""
    edges = np.unique(np.linspace(0, n, threads + 1).astype(np.int64))
    return [(int(first), int(last)) for first, last in pairwise(edges)]


class Workers:
    """A pool of threads for kernels; use it in a ``with`` statement.

    Inside, NumPy's linear algebra runs on one thread, in the whole process.

    Args:
        threads: how many; None for as many as the process may run.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or available_threads()
        self._pool = ThreadPoolExecutor(self.threads, "tastemap") if self.threads > 1 else None

    def __enter__(self) -> Self:
        # The threads of the linear algebra library go on waiting busily after each call, on the
        # cores that the kernels need; its products here are small.
        self._limit = threadpool_limits(1, user_api="blas")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._limit.restore_original_limits()

    def each(self, work: Callable[[int, int], object], blocks: Sequence[Block]) -> None:
        """Call ``work`` with each block, and come back when all are done.

        Ctrl-C is heard between blocks: those that run are finished, the rest are dropped. An
        error of one block is raised here.
        """
        if self._pool is None or len(blocks) < 2:
            for first, last in blocks:
                work(first, last)
            return
        futures: list[Future[object]] = [self._pool.submit(work, *block) for block in blocks]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        finally:
            for future in futures:
                future.cancel()
            wait(futures)
