"""Adam on JAX and optax: the one module that imports them, and it is imported only to train.

What one batch B of |B| ratings minimises, with weights w of mean 1 over all ratings:

    loss(B) = 1/|B| Σ_B w (r - r̂(u, i))² + penalty
    penalty = λ Σ (all of the user and item factors)²          penalty = "tables"
            = λ/|B| Σ_B w (|p_u|² + |q_i|²)                    penalty = "rows"

Biases and the layers of a network are not penalised. The step is Adam's (Kingma & Ba 2015,
algorithm 1). A penalty on whole tables moves every row in every step. With the penalty on rows,
only the users and items of the batch are moved, and their moments with them ("lazy" Adam): the
cost of a step does not grow with the tables. Where weights are averaged (Polyak & Juditsky 1992),
the result is

    A_t = d A_{t-1} + (1 - d) P_t,    d = min(decay, 1 - 1 / (t + 1))

the mean of all weights so far, and once there are 1 / (1 - decay) of them, of about that many
last ones. An epoch is one compiled `lax.scan`.

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

_FACTORS = ("user_factors", "item_factors")
# Adam's ε of Keras, whose log `notebook()` reproduces; β₁ and β₂ are those of the paper.
_ADAM = optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-7)
# How often in a run the penalty on whole tables is summed for the loss that is told: in every
# step, the sum would cost a fifth of the time, and from one step to the next it hardly changes.
_PENALTY_SUMS = 64


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
    """Shuffled ratings, shape (capacity, batch_size) each.

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
    """Take one step of Adam for each of the first batches.

    Args:
        state: where to start from; its arrays are used up.
        batches: what to learn from, in order. There may be more than learning rates; the rest is
            left alone. Runs of different length over arrays of one shape are compiled once.
        learning_rates: of each batch, shape (n_batches,).
        form: what to compile.
        mean: μ, added to every prediction.
        l2: λ.
        averaging: decay of the average of weights.
        dropout_seed: of the units left out in each step.

    Returns:
        The new state, and the loss of each batch before its step, penalty included, shape
        (n_batches,). The penalty on whole tables in it is up to n_batches / 64 steps old.
    """
    n_batches, capacity = len(learning_rates), len(batches.values)
    rates = np.zeros(capacity, np.float32)
    rates[:n_batches] = learning_rates
    state, losses = _run(
        state,
        Batches(*(jnp.asarray(column) for column in batches)),
        jnp.asarray(rates),
        jnp.int32(n_batches),
        jax.random.key(dropout_seed) if form.dropout else None,
        jnp.float32(mean),
        jnp.float32(l2),
        jnp.float32(averaging),
        form=form,
    )
    return state, np.asarray(losses, np.float64)[:n_batches]


@functools.partial(jax.jit, static_argnames="form", donate_argnames="state")
def _run(
    state: State,
    batches: Batches,
    learning_rates: jax.Array,
    n_batches: jax.Array,
    key: jax.Array | None,
    mean: jax.Array,
    l2: jax.Array,
    averaging: jax.Array,
    *,
    form: Form,
) -> tuple[State, jax.Array]:
    update = _update_rows if form.penalty == "rows" else _update_tables

    def step(number: jax.Array, carry: Any) -> Any:
        state, scratch, losses, penalty = carry
        batch = Batches(*(column[number] for column in batches))
        dropout_key = None if key is None else jax.random.fold_in(key, number)

        def loss_of(rows: Parameters) -> jax.Array:
            return _loss(rows, batch, mean, l2, form, dropout_key)

        parameters, optimizer, loss, scratch = update(
            loss_of, state, scratch, batch, learning_rates[number], l2
        )
        average = state.average
        if form.averaging:
            decay = jnp.minimum(averaging, 1 - 1 / (optimizer.count + 1))
            average = optax.incremental_update(parameters, average, 1 - decay)
        losses = losses.at[number].set(loss + penalty)
        return State(parameters, optimizer, average), scratch, losses, penalty

    def part(carry: Any, ends: jax.Array) -> tuple[Any, None]:
        state, scratch, losses = carry
        penalty = jnp.float32(0)
        if form.penalty == "tables":
            penalty = l2 * sum(jnp.sum(state.parameters[name] ** 2) for name in _FACTORS)
        inner = (state, scratch, losses, penalty)
        return jax.lax.fori_loop(ends[0], ends[1], step, inner)[:3], None

    scratch = _scratch(state.parameters) if form.penalty == "rows" else None
    ends = jnp.arange(_PENALTY_SUMS + 1) * n_batches // _PENALTY_SUMS
    between = jnp.stack([ends[:-1], ends[1:]], axis=1)
    start = (state, scratch, jnp.zeros(len(learning_rates)))
    (state, _, losses), _ = jax.lax.scan(part, start, between)
    return state, losses


def _update_tables(
    loss_of: Any, state: State, scratch: None, batch: Batches, learning_rate: Any, l2: Any
) -> tuple[Parameters, Any, jax.Array, None]:
    """One step of Adam on everything, the penalty on whole tables among it.

    The gradient of that penalty, 2 λ P, is written out: so it becomes the array that the gradients
    of the batch are added to, which saves a pass over the tables.
    """
    loss, gradient = jax.value_and_grad(lambda parameters: loss_of(_rows_of(parameters, batch)))(
        state.parameters
    )
    for name in _FACTORS:
        gradient[name] = 2 * l2 * state.parameters[name] + gradient[name]
    direction, optimizer = _ADAM.update(gradient, state.optimizer)
    parameters = {
        name: array - learning_rate * direction[name] for name, array in state.parameters.items()
    }
    return parameters, optimizer, loss, scratch


def _update_rows(
    loss_of: Any, state: State, scratch: Parameters, batch: Batches, learning_rate: Any, l2: Any
) -> tuple[Parameters, Any, jax.Array, Parameters]:
    """One step of Adam on the users and items of the batch, and on the layers.

    Args:
        loss_of: the loss as a function of the rows of the batch.
        state: where training stands.
        scratch: for each user and each item, room for a position in a batch.
        batch: what to learn from.
        learning_rate: the step size.
        l2: λ, which `loss_of` knows already.

    Returns:
        Parameters, optimizer, loss and scratch after the step.
    """
    del l2
    codes = {"user": batch.users, "item": batch.items}
    # Who is in the batch more than once gets all their gradients added up in one position, and
    # the same new values written from each.
    scratch = {side: scratch[side].at[of].set(jnp.arange(len(of))) for side, of in codes.items()}
    position = {side: scratch[side][of] for side, of in codes.items()}

    def together(name: str, gradient: jax.Array) -> jax.Array:
        if (side := _side(name)) is None:
            return gradient
        summed = jnp.zeros_like(gradient).at[position[side]].add(gradient)
        return summed[position[side]]

    def put(table: Parameters, rows: Parameters) -> Parameters:
        return {
            name: row if (side := _side(name)) is None else table[name].at[codes[side]].set(row)
            for name, row in rows.items()
        }

    rows = _rows_of(state.parameters, batch)
    loss, gradient = jax.value_and_grad(loss_of)(rows)
    gradient = {name: together(name, one) for name, one in gradient.items()}
    old = state.optimizer
    moments = old._replace(mu=_rows_of(old.mu, batch), nu=_rows_of(old.nu, batch))
    direction, new = _ADAM.update(gradient, moments)
    rows = {name: row - learning_rate * direction[name] for name, row in rows.items()}
    optimizer = new._replace(mu=put(old.mu, new.mu), nu=put(old.nu, new.nu))
    return put(state.parameters, rows), optimizer, loss, scratch


def _scratch(parameters: Parameters) -> Parameters:
    sizes = {"user": len(parameters["user_factors"]), "item": len(parameters["item_factors"])}
    return {side: jnp.zeros(size, jnp.int32) for side, size in sizes.items()}


def _side(name: str) -> str | None:
    """Whether a parameter has a row for each user or for each item; None for neither."""
    return name[:4] if name.startswith(("user_", "item_")) else None


def _rows_of(parameters: Parameters, batch: Batches) -> Parameters:
    """The rows of the users and items of a batch, in its order; layers as they are."""
    codes = {"user": batch.users, "item": batch.items}
    return {
        name: array if (side := _side(name)) is None else array[codes[side]]
        for name, array in parameters.items()
    }


def _loss(
    rows: Parameters,
    batch: Batches,
    mean: jax.Array,
    l2: jax.Array,
    form: Form,
    dropout_key: jax.Array | None,
) -> jax.Array:
    """The loss of a batch, without a penalty on whole tables."""
    # 1/|B| Σ w (r - r̂)²
    squares = (batch.values - _predict(rows, mean, form, dropout_key)) ** 2
    if form.penalty == "rows":
        squares += l2 * sum(jnp.sum(rows[name] ** 2, axis=1) for name in _FACTORS)
    return jnp.sum(batch.weights * squares)


def _predict(
    rows: Parameters, mean: jax.Array, form: Form, dropout_key: jax.Array | None
) -> jax.Array:
    """Predictions, shape (n,), from the rows of n users and n items."""
    if form.dropout is None:
        predicted = jnp.sum(rows["user_factors"] * rows["item_factors"], axis=1) + mean
        if "user_bias" in rows:
            predicted += rows["user_bias"] + rows["item_bias"]
        return predicted
    hidden = jnp.concatenate([rows["user_factors"], rows["item_factors"]], axis=1)
    for layer, rate in enumerate(form.dropout):
        if layer:
            hidden = jax.nn.relu(hidden)
        if dropout_key is not None and rate > 0:
            kept = jax.random.bernoulli(
                jax.random.fold_in(dropout_key, layer), 1 - rate, hidden.shape
            )
            # What is kept is scaled up, so that sums keep their mean (Srivastava et al. 2014).
            hidden = jnp.where(kept, hidden / (1 - rate), 0)
        hidden = hidden @ rows[f"weight_{layer}"] + rows[f"offset_{layer}"]
    return hidden[:, 0] + mean


def predict(
    parameters: Mapping[str, AnyArray],
    users: AnyArray,
    items: AnyArray,
    *,
    mean: float,
    form: Form,
    dropout_seed: int | None = None,
) -> Values:
    """Predictions of pairs as training makes them, shape (n,); models do the same in NumPy.

    Args:
        parameters: arrays by name.
        users: codes, shape (n,).
        items: codes, shape (n,).
        mean: μ.
        form: whether there is a network, and its dropout.
        dropout_seed: of the units to leave out; None to leave out none.
    """
    placed = {name: jnp.asarray(array) for name, array in parameters.items()}
    rows = _rows_of(placed, Batches(jnp.asarray(users), jnp.asarray(items), None, None))
    key = None if dropout_seed is None else jax.random.key(dropout_seed)
    return np.asarray(_predict(rows, jnp.float32(mean), form, key), np.float32)
