"""Adam on JAX and optax: the one module that imports them, and it is imported only to train.

What one batch B of |B| ratings minimises, with weights w of mean 1 over all ratings:

    loss(B) = 1/|B| Σ_B w (r - r̂(u, i))² + penalty
    penalty = λ Σ (all of the user and item factors)²          "tables"
            = λ/|B| Σ_B w (|p_u|² + |q_i|²)                    "rows"

Biases and the layers of a network are not penalised. The step is Adam's (Kingma & Ba 2015,
algorithm 1). Where weights are averaged (Polyak & Juditsky 1992), the result is

    A_t = d A_{t-1} + (1 - d) P_t,    d = min(decay, 1 - 1 / (t + 1))

the mean of all weights so far, and once there are 1 / (1 - decay) of them, of about that many
last ones. An epoch is one compiled `lax.scan` over the batches.

Arrays in, arrays out: parameters are a dictionary of the arrays a model holds, under the same
names (`tastemap.models`), and everything random comes in as an argument.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tastemap.arrays import AnyArray, Float64s, Values

Parameters = dict[str, Any]
"""Arrays of a model by name, float32, on the device that JAX computes on."""

_TABLES = ("user_factors", "item_factors")
# Adam's ε, of Keras, whose log `notebook()` reproduces. β₁ and β₂ are those of the paper.
_ADAM = optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-7)


@dataclass(frozen=True)
class Form:
    """What is compiled: everything that changes the computation rather than its numbers.

    Attributes:
        dropout: share of the inputs of each layer that is left out of a step; None for a dot
            product instead of a network.
        penalty: ``"tables"`` or ``"rows"``.
        averaging: whether weights are averaged.
    """

    dropout: tuple[float, ...] | None
    penalty: str
    averaging: bool


class Batches(NamedTuple):
    """Shuffled ratings, shape (n_batches, batch_size) each; the last batch is filled up.

    Attributes:
        users, items: codes, int32.
        values: ratings, float32.
        weights: weight of each rating / number of ratings in its batch, float32; 0 where the
            last batch is filled up, so that its mean is over its own ratings.
    """

    users: Any
    items: Any
    values: Any
    weights: Any


class State(NamedTuple):
    """Where training stands.

    Attributes:
        parameters: the weights P.
        optimizer: Adam's two moments and count of steps t.
        average: the averaged weights A; empty where they are not averaged.
    """

    parameters: Parameters
    optimizer: Any
    average: Parameters


def start(parameters: Mapping[str, AnyArray], form: Form) -> State:
    """The state before the first step."""

    def placed() -> Parameters:
        return {name: jnp.array(array, jnp.float32) for name, array in parameters.items()}

    return State(placed(), _ADAM.init(placed()), placed() if form.averaging else {})


def to_arrays(state: State) -> dict[str, AnyArray]:
    """Everything of a state as NumPy arrays by name: what a checkpoint holds."""
    parts = {
        "parameter/": state.parameters,
        "first_moment/": state.optimizer.mu,
        "second_moment/": state.optimizer.nu,
        "average/": state.average,
    }
    arrays = {
        prefix + name: np.array(array)
        for prefix, part in parts.items()
        for name, array in part.items()
    }
    return {**arrays, "steps": np.array(state.optimizer.count)}


def from_arrays(arrays: Mapping[str, AnyArray]) -> State:
    """The state that `to_arrays` gave."""

    def part(prefix: str) -> Parameters:
        return {
            name.removeprefix(prefix): jnp.asarray(array)
            for name, array in arrays.items()
            if name.startswith(prefix)
        }

    optimizer = optax.ScaleByAdamState(
        count=jnp.asarray(arrays["steps"]), mu=part("first_moment/"), nu=part("second_moment/")
    )
    return State(part("parameter/"), optimizer, part("average/"))


def result(state: State) -> dict[str, AnyArray]:
    """The weights to predict with, averaged where they are, as NumPy arrays by name."""
    return {name: np.array(array) for name, array in (state.average or state.parameters).items()}


def run(
    state: State,
    batches: Batches,
    learning_rates: Values,
    *,
    form: Form,
    mean: float,
    l2: float,
    averaging: float,
    dropout_seed: int,
) -> tuple[State, Float64s]:
    """Take one step of Adam for each batch.

    Args:
        state: where to start from; its arrays are used up.
        batches: what to learn from, in order.
        learning_rates: of each batch, shape (n_batches,).
        form: what to compile.
        mean: μ, added to every prediction.
        l2: λ.
        averaging: decay of the average of weights.
        dropout_seed: of the units left out in each step.

    Returns:
        The new state, and the loss of each batch before its step, penalty included, shape
        (n_batches,).
    """
    state, losses = _run(
        state,
        Batches(*(jnp.asarray(column) for column in batches)),
        jnp.asarray(learning_rates, jnp.float32),
        jax.random.key(dropout_seed) if form.dropout else None,
        jnp.float32(mean),
        jnp.float32(l2),
        jnp.float32(averaging),
        form=form,
    )
    return state, np.asarray(losses, np.float64)


@functools.partial(jax.jit, static_argnames="form", donate_argnames="state")
def _run(
    state: State,
    batches: Batches,
    learning_rates: jax.Array,
    key: jax.Array | None,
    mean: jax.Array,
    l2: jax.Array,
    averaging: jax.Array,
    *,
    form: Form,
) -> tuple[State, jax.Array]:
    def step(state: State, inputs: tuple[Batches, jax.Array, jax.Array]) -> tuple[State, jax.Array]:
        batch, learning_rate, number = inputs
        dropout_key = None if key is None else jax.random.fold_in(key, number)
        loss, gradient = loss_and_gradient(
            state.parameters, batch, mean, l2, form=form, dropout_key=dropout_key
        )
        direction, optimizer = _ADAM.update(gradient, state.optimizer)
        parameters = {
            name: array - learning_rate * direction[name]
            for name, array in state.parameters.items()
        }
        average = state.average
        if form.averaging:
            decay = jnp.minimum(averaging, 1 - 1 / (optimizer.count + 1))
            average = optax.incremental_update(parameters, average, 1 - decay)
        return State(parameters, optimizer, average), loss

    numbers = jnp.arange(len(learning_rates))
    return jax.lax.scan(step, state, (batches, learning_rates, numbers))


def loss_and_gradient(
    parameters: Parameters,
    batch: Batches,
    mean: jax.Array | float,
    l2: jax.Array | float,
    *,
    form: Form,
    dropout_key: jax.Array | None = None,
) -> tuple[jax.Array, Parameters]:
    """Loss of one batch and its gradient.

    The gradient of the penalty on whole tables, 2 λ P, is written out: it then starts the sum
    that the gradients of the batch are added to, one pass over the tables less than by autodiff.
    """

    def of_batch(parameters: Parameters) -> jax.Array:
        predicted = predict(parameters, batch.users, batch.items, mean, form, dropout_key)
        # 1/|B| Σ w (r - r̂)²
        loss = jnp.sum(batch.weights * (batch.values - predicted) ** 2)
        if form.penalty == "rows":
            rows = (parameters[name][codes] for name, codes in zip(_TABLES, batch[:2], strict=True))
            squares = sum(jnp.sum(row**2, axis=1) for row in rows)
            loss += l2 * jnp.sum(batch.weights * squares)
        return loss

    loss, gradient = jax.value_and_grad(of_batch)(parameters)
    if form.penalty == "tables":
        for name in _TABLES:
            loss += l2 * jnp.sum(parameters[name] ** 2)
            gradient[name] = 2 * l2 * parameters[name] + gradient[name]
    return loss, gradient


def predict(
    parameters: Parameters,
    users: jax.Array,
    items: jax.Array,
    mean: jax.Array | float,
    form: Form,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
    """Predictions of pairs, shape (n,): what `FactorModel` and `NetworkModel` compute in NumPy.

    Args:
        parameters: arrays by name.
        users: codes, shape (n,).
        items: codes, shape (n,).
        mean: μ.
        form: whether there is a network, and its dropout.
        dropout_key: which units to leave out; None for none.
    """
    of_users, of_items = (
        parameters[name][codes] for name, codes in zip(_TABLES, (users, items), strict=True)
    )
    if form.dropout is None:
        predicted = jnp.sum(of_users * of_items, axis=1) + mean
        if "user_bias" in parameters:
            predicted += parameters["user_bias"][users] + parameters["item_bias"][items]
        return predicted
    hidden = jnp.concatenate([of_users, of_items], axis=1)
    for layer, rate in enumerate(form.dropout):
        if layer:
            hidden = jax.nn.relu(hidden)
        if dropout_key is not None and rate > 0:
            kept = jax.random.bernoulli(
                jax.random.fold_in(dropout_key, layer), 1 - rate, hidden.shape
            )
            # What is kept is scaled up, so that sums keep their mean (Srivastava et al. 2014).
            hidden = jnp.where(kept, hidden / (1 - rate), 0)
        hidden = hidden @ parameters[f"weight_{layer}"] + parameters[f"offset_{layer}"]
    return hidden[:, 0] + mean
