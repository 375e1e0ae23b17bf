"""Adam on JAX against a naive twin: losses by loops, gradients by finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.models.factors import FactorModel
from tastemap.models.network import NetworkModel
from tastemap.training import gradient
from tastemap.training.epochs import batched
from tastemap.training.gradient import Form
from tastemap.training.gradient_recipes import GradientRecipe
from tests.conftest import make_ratings
from tests.training.generated import ratings_with_taste

Array = NDArray[Any]

RECIPES: dict[str, GradientRecipe] = {
    "dot": tm.DotProduct(factors=2, init_scale=0.5),
    "biased": tm.BiasedMF(factors=2, init_scale=0.5),
    "neural": tm.NeuralNet(factors=2, hidden=(3,), dropout=(0.0, 0.0), init_scale=0.5),
}


def naive_prediction(p: dict[str, Array], user: int, item: int, mean: float) -> float:
    taste, kind = p["user_factors"][user], p["item_factors"][item]
    if "weight_0" in p:
        hidden = np.concatenate([taste, kind])
        for layer in range(sum(name.startswith("weight_") for name in p)):
            if layer:
                hidden = np.where(hidden > 0, hidden, 0)
            hidden = hidden @ p[f"weight_{layer}"] + p[f"offset_{layer}"]
        return float(hidden[0]) + mean
    predicted = mean + sum(taste[f] * kind[f] for f in range(len(taste)))
    if "user_bias" in p:
        predicted += p["user_bias"][user] + p["item_bias"][item]
    return float(predicted)


def naive_loss(
    p: dict[str, Array],
    rows: list[tuple[int, int, float, float]],
    mean: float,
    l2: float,
    kind: str,
) -> float:
    """Rows are (user, item, rating, weight); the mean is over their number."""
    loss = 0.0
    for user, item, rating, weight in rows:
        error = rating - naive_prediction(p, user, item, mean)
        loss += weight * error**2 / len(rows)
        if kind == "rows":
            squares = np.sum(p["user_factors"][user] ** 2) + np.sum(p["item_factors"][item] ** 2)
            loss += l2 * weight * squares / len(rows)
    if kind == "tables":
        loss += l2 * (np.sum(p["user_factors"] ** 2) + np.sum(p["item_factors"] ** 2))
    return loss


def naive_gradient(p: dict[str, Array], *rest: Any, step: float = 1e-6) -> dict[str, Array]:
    slopes = {name: np.zeros_like(array) for name, array in p.items()}
    for name, array in p.items():
        for index in np.ndindex(array.shape):
            old = array[index]
            array[index] = old + step
            above = naive_loss(p, *rest)
            array[index] = old - step
            below = naive_loss(p, *rest)
            array[index] = old
            slopes[name][index] = (above - below) / (2 * step)
    return slopes


def naive_adam(
    p: dict[str, Array],
    batches: list[list[tuple[int, int, float, float]]],
    rate: float,
    mean: float,
    l2: float,
    kind: str,
) -> tuple[dict[str, Array], list[float], list[dict[str, Array]]]:
    """Kingma & Ba 2015, algorithm 1, letter by letter; with "rows", only rows of the batch move."""
    p = {name: array.astype(np.float64) for name, array in p.items()}
    m = {name: np.zeros_like(array) for name, array in p.items()}
    v = {name: np.zeros_like(array) for name, array in p.items()}
    losses, path = [], [{name: array.copy() for name, array in p.items()}]
    for t, rows in enumerate(batches, 1):
        losses.append(naive_loss(p, rows, mean, l2, kind))
        g = naive_gradient(p, rows, mean, l2, kind)
        for name in p:
            at: Any = ...
            if kind == "rows" and name.startswith(("user_", "item_")):
                at = sorted({row[name.startswith("item_")] for row in rows})
            m[name][at] = 0.9 * m[name][at] + 0.1 * g[name][at]
            v[name][at] = 0.999 * v[name][at] + 0.001 * g[name][at] ** 2
            m_hat, v_hat = m[name][at] / (1 - 0.9**t), v[name][at] / (1 - 0.999**t)
            p[name][at] -= rate * m_hat / (np.sqrt(v_hat) + 1e-7)
        path.append({name: array.copy() for name, array in p.items()})
    return p, losses, path


def batches_of(ratings: Ratings, size: int) -> list[list[tuple[int, int, float, float]]]:
    weights = np.ones(len(ratings)) if ratings.weights is None else ratings.weights
    scaled = weights / weights.mean()
    columns = (ratings.users, ratings.items, ratings.values, scaled)
    rows = [(int(u), int(i), float(r), float(w)) for u, i, r, w in zip(*columns, strict=True)]
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def weighted(ratings: Ratings) -> Ratings:
    return Ratings(
        users=ratings.users,
        items=ratings.items,
        values=ratings.values,
        weights=np.linspace(0.5, 3, len(ratings), dtype=np.float32),
        user_ids=ratings.user_ids,
        item_ids=ratings.item_ids,
        catalog=ratings.catalog,
    )


@pytest.mark.parametrize("penalty", ["tables", "rows"])
@pytest.mark.parametrize("with_weights", [False, True])
@pytest.mark.parametrize("name", list(RECIPES))
def test_steps_of_adam_are_those_of_the_naive_twin(
    small: Ratings, name: str, penalty: str, with_weights: bool
) -> None:
    recipe = RECIPES[name]
    ratings = weighted(small) if with_weights else small
    initial = recipe.initial(ratings, seed=3)
    form = Form(dropout=recipe.form.dropout, penalty=penalty, averaging=True)
    # 14 ratings in batches of 4: the last holds 2.
    batches, sizes = batched(ratings, np.arange(len(ratings)), 4)
    assert sizes.tolist() == [4, 4, 4, 2]
    expected, expected_losses, path = naive_adam(
        initial, batches_of(ratings, 4), rate=0.03, mean=3.2, l2=0.07, kind=penalty
    )
    state, losses = gradient.run(
        gradient.start(initial, form),
        batches,
        np.full(4, 0.03, np.float32),
        form=form,
        mean=3.2,
        l2=0.07,
        averaging=0.6,
        dropout_seed=0,
    )
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)  # at most 64: none is old
    for part, array in expected.items():
        np.testing.assert_allclose(state.parameters[part], array, atol=2e-5, err_msg=part)
    # The average: 1/2, 2/3, then 0.6 of the old.
    average = path[0]
    for old, new in zip((1 / 2, 0.6, 0.6, 0.6), path[1:], strict=True):
        average = {part: old * average[part] + (1 - old) * new[part] for part in new}
    for part, array in gradient.result(state).items():
        np.testing.assert_allclose(array, average[part], atol=2e-5, err_msg=part)


@pytest.mark.parametrize("name", list(RECIPES))
def test_jax_and_numpy_predict_the_same(name: str) -> None:
    recipe = RECIPES[name]
    train = ratings_with_taste()
    chance = np.random.default_rng(0)
    parameters = {
        part: (array + chance.normal(0, 0.3, array.shape)).astype(np.float32)
        for part, array in recipe.initial(train, seed=1).items()
    }
    users = chance.integers(0, train.n_users, 500).astype(np.int32)
    items = chance.integers(0, train.n_items, 500).astype(np.int32)
    model = recipe.model(3.5, parameters)
    assert isinstance(model, NetworkModel if name == "neural" else FactorModel)
    expected = model.predict_pairs(users, items)
    found = gradient.predict(parameters, users, items, mean=3.5, form=recipe.form)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_dropout_keeps_the_mean_and_leaves_out_its_share() -> None:
    form = Form(dropout=(0.3,), penalty="rows", averaging=False)
    # One layer that adds up its inputs, all 1: the sum counts what was kept.
    parameters = {
        "user_factors": np.ones((1, 500), np.float32),
        "item_factors": np.ones((1, 500), np.float32),
        "weight_0": np.ones((1000, 1), np.float32),
        "offset_0": np.zeros(1, np.float32),
    }
    nobody = np.zeros(200, np.int32)

    def predict(dropout_seed: int | None) -> Array:
        return gradient.predict(
            parameters, nobody, nobody, mean=0, form=form, dropout_seed=dropout_seed
        )

    kept = predict(5) * 0.7
    assert np.allclose(kept, np.round(kept), atol=0.01)
    assert abs(kept.mean() - 700) < 5
    assert 10 < kept.std() < 19  # √(1000 · 0.3 · 0.7) = 14.5
    np.testing.assert_allclose(predict(None), 1000)


def test_every_step_leaves_out_other_units(small: Ratings) -> None:
    recipe = tm.NeuralNet(factors=8, hidden=(6,), dropout=(0.5, 0.5))
    initial = recipe.initial(small, 0)
    order = np.zeros(6, np.int64)  # the same rating in each of six batches
    batches, _ = batched(small, order, 1)

    def losses(seed: int) -> list[float]:
        _, found = gradient.run(
            gradient.start(initial, recipe.form),
            batches,
            np.zeros(6, np.float32),
            form=recipe.form,
            mean=0,
            l2=0,
            averaging=0,
            dropout_seed=seed,
        )
        return [float(one) for one in found]

    assert len(set(losses(1))) > 3
    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_state_survives_a_round_trip_through_arrays(small: Ratings) -> None:
    recipe = tm.NeuralNet(factors=3, hidden=(2,), dropout=(0.1, 0.1))
    batches, sizes = batched(small, np.arange(len(small)), 5)

    def step(state: gradient.State) -> gradient.State:
        rates = np.full(len(sizes), 0.01, np.float32)
        numbers = {"mean": 3.0, "l2": 0.1, "averaging": 0.9}
        return gradient.run(state, batches, rates, form=recipe.form, dropout_seed=4, **numbers)[0]  # type: ignore[arg-type]

    state = step(gradient.start(recipe.initial(small, 0), recipe.form))
    arrays = gradient.to_arrays(state)
    straight, through = step(state), step(gradient.from_arrays(arrays))
    expected = gradient.to_arrays(straight)
    assert expected.keys() == arrays.keys()
    for name, array in gradient.to_arrays(through).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_batches_hold_every_rating_once_and_weigh_the_rest_zero(small: Ratings) -> None:
    order = np.random.default_rng(1).permutation(len(small))
    batches, sizes = batched(weighted(small), order, 6)
    assert sizes.tolist() == [6, 6, 2]
    assert batches.users.shape == (3, 6)
    counted = batches.weights > 0
    assert counted.sum() == len(small)
    np.testing.assert_array_equal(batches.values[counted], small.values[order])
    # Weights have mean 1 over all ratings, and each batch is a mean over its own.
    total = float((batches.weights * sizes[:, None]).sum())
    assert total == pytest.approx(len(small), rel=1e-6)
    assert not batches.weights[2, 2:].any()


def test_room_for_more_batches_is_left_alone(small: Ratings) -> None:
    recipe = tm.NeuralNet(factors=3, hidden=(2,), l2_per="rating")
    order = np.arange(len(small))

    def train(capacity: int | None) -> dict[str, Array]:
        batches, sizes = batched(small, order, 4, capacity)
        assert len(batches.values) == (capacity or 4)
        numbers = {"mean": 3.0, "l2": 0.1, "averaging": 0.9, "dropout_seed": 0}
        state = gradient.start(recipe.initial(small, 0), recipe.form)
        rates = np.full(len(sizes), 0.01, np.float32)
        state, losses = gradient.run(state, batches, rates, form=recipe.form, **numbers)  # type: ignore[arg-type]
        assert losses.shape == (4,)
        return gradient.to_arrays(state)

    exact, roomy = train(None), train(9)
    for name, array in exact.items():
        np.testing.assert_allclose(array, roomy[name], atol=1e-7, err_msg=name)


def test_who_has_no_ratings_does_not_move(small: Ratings) -> None:
    part = small.take((small.users != 2) & (small.items != 3))
    model = tm.BiasedMF(factors=3, schedule=((0.1, 5),)).fit(part).model
    assert isinstance(model, FactorModel)
    assert model.user_bias is not None
    assert not model.user_factors[2].any()
    assert not model.item_factors[3].any()
    assert model.user_bias[2] == 0
    assert model.user_factors[1].any()


def test_a_batch_larger_than_the_ratings_is_all_of_them() -> None:
    two = make_ratings([(1, 1, 5.0), (2, 2, 3.0)])
    batches, sizes = batched(two, np.array([1, 0]), 64)
    assert sizes.tolist() == [2]
    np.testing.assert_allclose(batches.weights[0, :2], 0.5)
    assert not batches.weights[0, 2:].any()
