"""Rows are shared out fairly, and the pool of threads ends as it should."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from tastemap.training.schedule import Workers, even_blocks, row_blocks


@given(st.lists(st.integers(0, 2000), max_size=300), st.integers(2, 80), st.integers(1, 8))
def test_blocks_cover_every_row_once(lengths: list[int], width: int, threads: int) -> None:
    start = np.concatenate([[0], np.cumsum(np.array(lengths, np.int64))])
    blocks = row_blocks(start, width, threads)
    assert [row for first, last in blocks for row in range(first, last)] == list(
        range(len(lengths))
    )


def test_blocks_hold_about_equal_work() -> None:
    lengths = (1e6 / np.arange(1, 5001)).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(lengths)])
    blocks = row_blocks(start, 34, 2)
    assert len(blocks) > 4
    # The first row alone holds more than a tenth of the ratings.
    assert max(int(start[last] - start[first]) for first, last in blocks) < 0.25 * start[-1]


def test_little_work_is_not_cut() -> None:
    assert row_blocks(np.arange(11), 4, 8) == [(0, 10)]
    assert row_blocks(np.zeros(1, np.int64), 4, 8) == []


@given(st.integers(0, 50), st.integers(1, 9))
def test_even_blocks_cover_everything(n: int, threads: int) -> None:
    blocks = even_blocks(n, threads)
    assert [one for first, last in blocks for one in range(first, last)] == list(range(n))


@pytest.mark.parametrize("threads", [1, 3])
def test_each_block_is_worked_once(threads: int) -> None:
    done = []
    with Workers(threads) as workers:
        workers.each(lambda first, last: done.append((first, last)), [(0, 2), (2, 3), (3, 9)])
    assert sorted(done) == [(0, 2), (2, 3), (3, 9)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_ends_the_work_and_waits_for_what_runs(error: type[BaseException]) -> None:
    running = threading.Event()
    ended = []

    def work(first: int, last: int) -> None:
        if first == 0:
            running.wait(10)
            raise error("stop")
        running.set()
        time.sleep(0.05)
        ended.append(first)

    with Workers(2) as workers, pytest.raises(error, match="stop"):
        workers.each(work, [(n, n + 1) for n in range(100)])
    assert 1 <= len(ended) < 99


def test_linear_algebra_has_one_thread_inside_and_all_again_outside() -> None:
    def threads() -> list[int]:
        found = threadpool_info()
        return [one["num_threads"] for one in found if one["user_api"] == "blas"]

    before = threads()
    with Workers(2):
        assert set(threads()) <= {1}
    assert threads() == before
