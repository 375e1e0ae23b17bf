import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemap.arrays import best_columns, frozen, top_n
from tastemap.randomness import stream


def test_frozen_copies_what_the_caller_could_still_change() -> None:
    mine = np.arange(3, dtype=np.int32)
    theirs = frozen(mine, np.int32)
    mine[0] = 9
    assert theirs[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        theirs[0] = 1


def test_frozen_gives_back_what_nobody_can_change() -> None:
    once = frozen([1.0, 2.0], np.float32)
    assert frozen(once, np.float32) is once


def test_frozen_puts_a_strided_array_in_c_order() -> None:
    transposed = np.arange(6, dtype=np.float32).reshape(2, 3).T
    assert frozen(transposed, np.float32).flags.c_contiguous
    np.testing.assert_array_equal(frozen(transposed, np.float32), transposed)


@given(st.lists(st.integers(0, 5) | st.just(float("nan")), max_size=40), st.integers(0, 45))
def test_top_n_agrees_with_sorting_everything(values: list[float], n: int) -> None:
    scores = np.array(values, np.float32)
    real = [(-score, place) for place, score in enumerate(values) if score == score]
    assert top_n(scores, n).tolist() == [place for _, place in sorted(real)[:n]]


def test_streams_depend_on_seed_and_name_alone() -> None:
    first = stream(1, "a").random(4)
    np.testing.assert_array_equal(first, stream(1, "a").random(4))
    assert not np.array_equal(first, stream(1, "b").random(4))
    assert not np.array_equal(first, stream(2, "a").random(4))


@pytest.mark.parametrize("width", [1, 7, 2047, 2048, 3000])
@pytest.mark.parametrize("n", [0, 1, 10, 65])
@pytest.mark.parametrize("levels", [3, 10**6])
def test_best_columns_agree_with_sorting_everything(width: int, n: int, levels: int) -> None:
    chance = np.random.default_rng(width)
    scores = chance.integers(0, levels, (5, width)).astype(np.float32)
    scores[chance.random(scores.shape) < 0.3] = -np.inf
    scores[3] = -np.inf
    found = best_columns(scores, n)
    assert found.shape == (5, min(n, width))
    for row, columns in zip(scores, found, strict=True):
        expected = [one for one in np.argsort(-row, kind="stable") if row[one] > -np.inf][:n]
        assert columns[: len(expected)].tolist() == expected
        assert np.all(columns[len(expected) :] == -1)
