"""The network's predictions against a naive twin."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tastemap.models.network import NetworkModel
from tastemap.models.protocol import PAIRS_AT_ONCE


def make_network(hidden: tuple[int, ...], k: int = 4, seed: int = 0) -> NetworkModel:
    chance = np.random.default_rng(seed)
    sizes = (2 * k, *hidden, 1)
    return NetworkModel(
        mean=3.5,
        user_factors=chance.normal(size=(6, k)),
        item_factors=chance.normal(size=(9, k)),
        weights=tuple(chance.normal(size=shape) for shape in pairwise(sizes)),
        offsets=tuple(chance.normal(size=size) for size in sizes[1:]),
    )


def naive_prediction(model: NetworkModel, user: int, item: int) -> float:
    """h_0 = [p_u, q_i]; h_l = relu(h_{l-1} W_l + a_l); r̂ = μ + h_L w + a, unit by unit."""
    inputs = [*model.user_factors[user], *model.item_factors[item]]
    for layer, (weight, offset) in enumerate(zip(model.weights, model.offsets, strict=True)):
        if layer:
            inputs = [max(float(value), 0.0) for value in inputs]
        inputs = [
            sum(float(value) * float(w) for value, w in zip(inputs, weight[:, unit], strict=True))
            + float(offset[unit])
            for unit in range(len(offset))
        ]
    return inputs[0] + model.mean


@pytest.mark.parametrize("hidden", [(), (5,), (7, 3)])
def test_pairs_and_users_are_predicted_like_the_naive_twin(hidden: tuple[int, ...]) -> None:
    model = make_network(hidden)
    expected = [[naive_prediction(model, user, item) for item in range(9)] for user in range(6)]
    users, items = (codes.astype(np.int32) for codes in np.divmod(np.arange(54), 9))
    pairs = model.predict_pairs(users, items)
    assert pairs.dtype == np.float32
    np.testing.assert_allclose(pairs.reshape(6, 9), expected, rtol=1e-4, atol=1e-4)
    some = model.predict_users(np.array([4, 0], np.int32))
    np.testing.assert_allclose(some, np.array(expected)[[4, 0]], rtol=1e-4, atol=1e-4)


def test_more_pairs_than_fit_at_once() -> None:
    model = make_network((5,))
    n = PAIRS_AT_ONCE + 10
    users, items = (np.arange(n) % 6).astype(np.int32), (np.arange(n) % 9).astype(np.int32)
    found = model.predict_pairs(users, items)
    np.testing.assert_allclose(found[-10:], model.predict_pairs(users[-10:], items[-10:]))


@pytest.mark.parametrize("hidden", [(), (5,), (7, 3)])
def test_parameters_are_the_whole_model(hidden: tuple[int, ...]) -> None:
    model = make_network(hidden)
    again = NetworkModel.from_parameters(model.parameters())
    assert again.parameters().keys() == model.parameters().keys()
    everybody = np.arange(6, dtype=np.int32)
    np.testing.assert_array_equal(again.predict_users(everybody), model.predict_users(everybody))
    assert (again.n_users, again.n_items) == (6, 9)
    np.testing.assert_array_equal(again.item_vectors(), model.item_factors)
    assert not model.weights[0].flags.writeable
