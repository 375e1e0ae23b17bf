"""Chances of liking: logistic calibration whose weights never turn an order around."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tastemap.errors import DataError
from tastemap.models.liking import FEWEST, Liking


def drawn(weights: list[float], n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of different scales, and outcomes drawn from the chances of these weights."""
    random = np.random.default_rng(0)
    inputs = random.normal(size=(n, len(weights) - 1)) * [0.7, 5.0][: len(weights) - 1] + 2
    chance = 1 / (1 + np.exp(-(weights[0] + inputs @ np.array(weights[1:]))))
    return inputs, random.random(n) < chance


def test_weights_are_those_of_logistic_regression() -> None:
    inputs, liked = drawn([-3.0, 1.5, 0.2])
    found = Liking.learnt(inputs, liked, 4.0)
    centre, scale = inputs.mean(axis=0), inputs.std(axis=0)
    twin = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit((inputs - centre) / scale, liked)
    expected = twin.predict_proba((inputs - centre) / scale)[:, 1]
    np.testing.assert_allclose(found.chances(inputs), expected, atol=1e-5)
    np.testing.assert_allclose(found.weights, [-3.0, 1.5, 0.2], atol=0.35)
    assert (found.rows, found.share) == (4000, liked.mean())


def test_on_what_it_learnt_from_the_mean_chance_is_the_share_of_likes() -> None:
    inputs, liked = drawn([-3.0, 1.5, 0.2])
    assert Liking.learnt(inputs, liked, 4.0).chances(inputs).mean() == pytest.approx(liked.mean())


def test_an_input_that_speaks_against_liking_says_nothing() -> None:
    inputs, liked = drawn([0.5, 1.0, -0.3])
    found = Liking.learnt(inputs, liked, 4.0)
    alone = Liking.learnt(inputs[:, :1], liked, 4.0)
    assert found.weights[2] == 0
    np.testing.assert_allclose(found.weights[:2], alone.weights)
    both_against = Liking.learnt(-inputs[:, :1], liked, 4.0)
    assert both_against.weights[1] == 0
    np.testing.assert_allclose(both_against.chances(inputs[:, :1]), liked.mean(), atol=1e-6)


def test_a_constant_input_says_nothing() -> None:
    inputs, liked = drawn([0.5, 1.0])
    found = Liking.learnt(np.column_stack([inputs, np.full(len(inputs), 7.0)]), liked, 4.0)
    np.testing.assert_allclose(found.weights, [*Liking.learnt(inputs, liked, 4.0).weights, 0])


def test_likes_that_can_be_told_without_a_fault_have_an_end() -> None:
    inputs = np.linspace(-1, 1, 1000)[:, None]
    found = Liking.learnt(inputs, inputs[:, 0] > 0, 4.0)
    assert np.all(np.isfinite(found.weights))
    chances = found.chances(inputs)
    assert chances[0] < 0.02
    assert chances[-1] > 0.98
    assert np.all(np.diff(chances) >= 0)


@pytest.mark.parametrize("likes", [FEWEST - 1, 1000 - FEWEST + 1])
def test_too_few_of_a_kind_are_refused(likes: int) -> None:
    liked = np.arange(1000) < likes
    with pytest.raises(DataError, match=f"of 1,000 held-out ratings {likes} are 4 or higher"):
        Liking.learnt(np.ones((1000, 1)), liked, 4.0)


def test_it_is_the_same_after_json() -> None:
    found = Liking.learnt(*drawn([0.5, 1.0]), 4.0)
    assert Liking.from_json(json.loads(json.dumps(found.to_json()))) == found
