"""Matrix factorization of what users took: iALS, and iALS++ for many factors.

The error is (Rendle, Krichene, Zhang & Koren 2022, "Revisiting the performance of iALS on item
recommendation benchmarks", equation 4; Hu, Koren & Volinsky 2008)

    Σ w (1 - p_u · q_i)² + α₀ Σ_all (p_u · q_i)² + Σ λ_u |p_u|² + Σ λ_i |q_i|²,

the first sum over what users took, the second over all pairs, with λ_u = λ (Σ w + α₀ n_items) and
λ_i = λ (Σ w + α₀ n_users), or all equal to λ. Given the items, the best factors of a user have

    A = Σ w q qᵀ + α₀ QᵀQ + λ_u,    b = Σ w q,    p = A⁻¹ b.

These are the equations of `kernels.solve_rows` without a bias: Λ = α₀ QᵀQ + λ α₀ n_items, every
t = 1, and as variance of each item's factors the number λ, which adds λ Σ w to the diagonal.

With many factors, a block B of them is solved at a time while the rest C stay as they are, with
t = 1 - p_C · q_C and Λμ = -α₀ Q_BᵀQ_C p_C (Rendle, Krichene, Zhang & Koren 2021, "iALS++: speeding
up matrix factorization with subspace optimization").
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Float64s, Int64s, Values
from tastemap.errors import TrainingError
from tastemap.models.interactions import Interactions
from tastemap.models.preference import PreferenceModel, Weighting
from tastemap.models.protocol import blocks
from tastemap.randomness import stream
from tastemap.training import kernels, kernels_passes
from tastemap.training.history import Epoch, OnEpoch, TrainingHistory
from tastemap.training.rows import Other, Prior, RowRatings, Solved, read_only
from tastemap.training.schedule import Workers, even_blocks, row_blocks

SPREAD = 0.1
"""Standard deviation of the length of a user's factors to begin with, about."""
LAST_PASSES = 4
"""Times users with more factors than the kernels solve at a time are solved at the end."""


@dataclass(frozen=True, kw_only=True)
class ImplicitSettings:
    """How to fit; `tastemap.ImplicitALS` tells more, and checks the ranges.

    Attributes:
        factors: numbers for each user and each item.
        weighting: what the error is made of.
        sweeps: how many times both sides are solved.
        block: how many factors are solved at a time.
        threads: None for every core. The result does not depend on it.
    """

    factors: int
    weighting: Weighting
    sweeps: int
    block: int
    threads: int | None = None


def fit_implicit(
    taken: Interactions,
    n_items: int,
    settings: ImplicitSettings,
    *,
    seed: int = 0,
    on_epoch: OnEpoch | None = None,
) -> tuple[PreferenceModel, TrainingHistory]:
    """Fit factors to what users took.

    Args:
        taken: what they took.
        n_items: how many items there are.
        settings: how.
        seed: of the factors to begin with.
        on_epoch: called after each sweep.

    Returns:
        The model; who took nothing has factors 0, and so has what nobody took. And the learning
        curve: its training loss is the whole error divided by the number of interactions.

    Raises:
        TrainingError: a row's equations are singular.
    """
    epochs: list[Epoch] = []
    k = settings.factors
    with Workers(settings.threads) as workers:
        users, items = _Side.both(taken, n_items, k)
        start = stream(seed, "implicit/users").standard_normal((len(users.x), k), np.float32)
        users.x[:, :k] = start * np.float32(SPREAD / np.sqrt(k))
        for number in range(1, settings.sweeps + 1):
            started = time.perf_counter()
            # Users last: they are to be the best for the items they are with.
            _solve(items, users, settings, workers)
            _solve(users, items, settings, workers)
            epoch = Epoch(
                number=number,
                of=settings.sweeps,
                learning_rate=1.0,
                training_loss=_error(users, items, settings, workers) / len(taken.items),
                validation_mse=None,
                seconds=time.perf_counter() - started,
            )
            epochs.append(epoch)
            if on_epoch is not None:
                on_epoch(epoch)
        if settings.block < k:
            # Users are to be the best for their items: what a newcomer is folded into.
            last = replace(settings, block=min(k, kernels.MAX_FACTORS))
            for _ in range(LAST_PASSES if last.block < k else 1):
                _solve(users, items, last, workers)
    model = PreferenceModel(
        user_factors=users.x[:, :k],
        item_factors=items.x[:, :k],
        users=taken,
        weighting=settings.weighting,
        known_items=n_items,
    )
    history = TrainingHistory(
        epochs=tuple(epochs),
        unit="sweep",
        loss="what training minimised, penalty included, for each interaction",
    )
    return model, history


@dataclass(frozen=True, eq=False, kw_only=True)
class _Side:
    """The users or the items while fitting.

    Attributes:
        noun: ``"user"`` or ``"item"``.
        start: where each row begins, shape (n_rows + 1,).
        rows: row of each interaction, shape (n,).
        columns: the other side's code of each, shape (n,).
        roots: square root of the weight of each, shape (n,), or (0,) when all are 1.
        totals: sum of the weights of each row, shape (n_rows,).
        x: factors, and a last column of 0 for the bias that rows have elsewhere, shape
            (n_rows, k + 1); written.
    """

    noun: str
    start: Int64s
    rows: Codes
    columns: Codes
    roots: Values
    totals: Float64s
    x: Factors

    @classmethod
    def both(cls, taken: Interactions, n_items: int, factors: int) -> tuple[_Side, _Side]:
        """Users and items, with factors 0."""
        by_item = np.argsort(taken.items, kind="stable")
        sides = []
        for noun, n_rows, rows, columns, order in (
            ("user", len(taken), taken.users, taken.items, slice(None)),
            ("item", n_items, taken.items, taken.users, by_item),
        ):
            ones = bool(np.all(taken.values == 1))
            roots = np.zeros(0, np.float32) if ones else np.sqrt(taken.values[order])
            counts = np.bincount(rows, minlength=n_rows)
            sides.append(
                cls(
                    noun=noun,
                    # Read-only: Numba would compile anew for arrays that can be written.
                    start=read_only(np.concatenate([[0], np.cumsum(counts)])),
                    rows=read_only(rows[order]),
                    columns=read_only(columns[order]),
                    roots=read_only(roots),
                    totals=np.bincount(rows, taken.values, minlength=n_rows).astype(np.float64),
                    x=np.zeros((n_rows, factors + 1), np.float32),
                )
            )
        return sides[0], sides[1]


def _solve(side: _Side, other: _Side, settings: ImplicitSettings, workers: Workers) -> None:
    """Solve for every row of ``side``, a block of factors at a time."""
    weighting, k = settings.weighting, settings.factors
    gram = (weighting.unobserved * _products(other.x[:, :k])).astype(np.float32)
    constant = weighting.penalty(0, len(other.x))
    in_blocks = settings.block < k
    scores = _scores(side, side.x, other.x, workers) if in_blocks else None
    one, nothing = np.float32(1), np.zeros(0, np.float32)
    for part in blocks(k, settings.block):
        mine, theirs = _columns(side.x, part), _columns(other.x, part)
        width = mine.shape[1]
        precision = np.eye(width, dtype=np.float32)
        precision[:-1, :-1] = gram[part, part] + np.float32(constant) * np.eye(width - 1)
        per_rating = weighting.regularization if weighting.weighted else 0.0
        linear = np.zeros((1, width), np.float32)
        targets: AnyArray = np.zeros(len(side.columns), np.uint8)
        if scores is not None:
            scores -= _scores(side, mine, theirs, workers)
            targets = -scores
            linear = np.zeros(mine.shape, np.float32)
            linear[:, :-1] = mine[:, :-1] @ gram[part, part] - side.x[:, :k] @ gram[:, part]
        # t = target * 1 + 1
        ratings = RowRatings(side.start, side.columns, read_only(targets), side.roots, one, one)
        given = Other(theirs, np.full_like(theirs, per_rating), np.float32(0))
        prior = Prior(precision, linear, np.ones(len(mine), np.float32), one)
        unwanted = nothing.reshape(0, width)
        solved = Solved(mine, unwanted, unwanted, np.zeros(len(mine), np.float32))

        def work(
            first: int, last: int, ratings: RowRatings = ratings, given: Other = given,
            prior: Prior = prior, unwanted: Factors = unwanted, solved: Solved = solved,
        ) -> None:  # fmt: skip
            kernels.solve_rows(ratings, given, prior, unwanted, solved, first, last)

        workers.each(work, row_blocks(side.start, width + 1, workers.threads))
        failed = np.flatnonzero(~np.isfinite(solved.objective))
        if len(failed):
            raise TrainingError(
                f"{len(failed):,} {side.noun}s could not be solved, the first with code "
                f"{failed[0]}: use a larger regularization or unobserved weight"
            )
        side.x[:, part] = mine[:, :-1]
        if scores is not None:
            scores += _scores(side, mine, theirs, workers)


def _columns(x: Factors, part: slice) -> Factors:
    """Some of the factors and the column of 0, as an array of their own."""
    return np.concatenate([x[:, part], x[:, -1:]], axis=1)


def _products(x: Factors) -> Float64s:
    """xᵀx, shape (k, k)."""
    x64 = x.astype(np.float64)
    return np.asarray(x64.T @ x64, np.float64)


def _scores(side: _Side, mine: Factors, theirs: Factors, workers: Workers) -> Values:
    """Score of each interaction, in the order of ``side``, by some of the factors."""
    out = np.empty(len(side.columns), np.float32)

    def work(first: int, last: int) -> None:
        kernels_passes.predict_pairs(
            side.rows, side.columns, mine, theirs, np.float32(0), out, first, last
        )

    workers.each(work, even_blocks(len(out), workers.threads))
    return out


def _error(users: _Side, items: _Side, settings: ImplicitSettings, workers: Workers) -> float:
    """What is minimised, as at the head of this file."""
    weighting = settings.weighting
    rest = np.square(1 - _scores(users, users.x, items.x, workers), dtype=np.float64)
    if len(users.roots):
        rest *= np.square(users.roots)
    all_pairs = np.sum(_products(users.x) * _products(items.x))
    error = float(rest.sum() + weighting.unobserved * all_pairs)
    for side, n_other in ((users, len(items.x)), (items, len(users.x))):
        squares = np.einsum("nk,nk->n", side.x, side.x, dtype=np.float64)
        error += float(squares @ weighting.penalties(side.totals, n_other))
    return error
