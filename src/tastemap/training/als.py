"""Matrix factorization by alternating least squares: each side in closed form, given the other.

With ``regularization="auto"`` the rows are solved as variational Bayes has it (Lim & Teh 2007,
"Variational Bayesian approach to movie rating prediction", section 3): given the mean m and the
variance v of the other side's factors, a row's unknowns have precision

    A = diag λ + α Σ (m mᵀ + diag v) and mean A⁻¹ α Σ t m,

so that a factor known from few ratings counts for less; the covariances between a row's
coordinates are left out of v. After each half-sweep the noise precision α and the prior
precisions λ of each coordinate of that side are those that explain it best:

    1 / α = E[Σ w (r - r̂)²] / n,
    1 / λ_j = (Σ (x_j² + v_j) + a / λ₀) / (n_rows + a), the sum over the rows.

Without a (a Gamma hyperprior worth that many rows) sets of few ratings lose all their factors:
λ_j then grows without end. Worth a share of the rows instead, it kept factors that are not there:
on 1 million made ratings the error rose again after four sweeps.

With a number λ the error is Σ w (r - r̂)² + λ Σ n_row |x|², where n_row is the row's sum of
weights (Zhou et al. 2008, "Large-scale parallel collaborative filtering for the Netflix prize",
section 3.1), or 1 for plain regularization.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from tastemap.arrays import Factors, Float64s, Values
from tastemap.data.ratings import Ratings
from tastemap.metrics.rating import mse
from tastemap.models.factors import FactorModel
from tastemap.randomness import stream
from tastemap.training import kernels
from tastemap.training.history import Epoch, OnEpoch, TrainingHistory
from tastemap.training.holdout import hold_out
from tastemap.training.rows import (
    GroupedRows,
    Other,
    Prior,
    Solved,
    check_solved,
    group_both,
    predict,
    solve,
)
from tastemap.training.schedule import Workers
from tastemap.training.solver_settings import AlsSettings
from tastemap.training.spectral import spectral_items

HYPERPRIOR = 50
"""a: rows that the hyperprior of λ counts for."""
PRIOR_PRECISION = 5.0
"""λ₀, for ratings of standard deviation 1."""
MOMENTUM = 0.75
"""With "auto", users are solved for item factors that have gone on this much further the way they
went in the last sweep: a third fewer sweeps to the same error."""
_NONNEGATIVE_PASSES = 6
_LOWEST_NOISE = 1e-6
"""Of the variance of the ratings: float32 sums say nothing below."""


def fit_als(
    train: Ratings,
    valid: Ratings | None = None,
    settings: AlsSettings | None = None,
    *,
    held: Ratings | None = None,
    seed: int = 0,
    on_epoch: OnEpoch | None = None,
) -> tuple[FactorModel, TrainingHistory]:
    """Fit factors and biases.

    Args:
        train: the ratings, at least one.
        valid: ratings to measure each sweep on, over the same vocabularies.
        settings: how; None for the defaults.
        held: ratings that say when to stop, and which sweep's factors to keep; None: the
            objective alone says when.
        seed: of the directions in which factors are sought first.
        on_epoch: called after each sweep.

    Returns:
        The model. Users and items without ratings have bias and factors 0. And the learning
        curve: its training loss is the mean of w (r - r̂)², with ``"auto"`` expected under the
        variances; its validation error is unclipped.

    Raises:
        TrainingError: a row's equations are singular.
    """
    settings = settings or AlsSettings()
    with Workers(settings.threads) as workers:
        state = _State.begin(train, settings, seed, workers)
        return _sweeps(state, valid, held, on_epoch)


def fit_held_out(
    train: Ratings,
    valid: Ratings | None,
    settings: AlsSettings,
    *,
    holdout: float,
    refit: bool,
    seed: int,
    on_epoch: OnEpoch | None,
) -> tuple[FactorModel, TrainingHistory]:
    """As `fit_als`, for as many sweeps as are best on training ratings that are held out.

    Args:
        train: as of `fit_als`, and so the others.
        valid: to measure each sweep on.
        settings: how.
        holdout: share of the training ratings that are held out.
        refit: fit anew on all for so many sweeps; otherwise what was fitted on the rest is kept.
        seed: of the directions, and of what is held out.
        on_epoch: called after each sweep.

    Returns:
        As `fit_als`; after a refit, the search's learning curve stands in ``history.search``.
    """
    if len(train) < 2:  # it can only be trained on
        return fit_als(train, valid, settings, seed=seed, on_epoch=on_epoch)
    rest, held = hold_out(train, holdout, stream(seed, "als/holdout"))
    model, found = fit_als(rest, valid, settings, held=held, seed=seed, on_epoch=on_epoch)
    if not refit or found.best_epoch is None:
        return model, found
    again = replace(settings, sweeps=found.best_epoch, tolerance=0)
    model, fitted = fit_als(train, valid, again, seed=seed, on_epoch=on_epoch)
    stopped = "early" if found.best_epoch < settings.sweeps else "finished"
    return model, replace(fitted, search=found.epochs, stopped=stopped)


@dataclass(eq=False, kw_only=True)
class _Side:
    """What is known of the users or of the items while fitting.

    Attributes:
        rows: their ratings.
        x: factors then bias, shape (n_rows, k + 1), float32.
        variance: of x, same shape; (0, k + 1) when λ is given.
        precision: λ of each coordinate, shape (k + 1,).
        scale: of λ, by row, shape (n_rows,), float32.
        objective: as the kernel writes it, shape (n_rows,), float32.
    """

    rows: GroupedRows
    x: Factors
    variance: Factors
    precision: Float64s
    scale: Values
    objective: Values


@dataclass(eq=False, kw_only=True)
class _State:
    settings: AlsSettings
    workers: Workers
    train: Ratings
    users: _Side
    items: _Side
    spread: float
    noise: float
    loss: float = np.inf
    error: float = np.inf
    last_items: Factors | None = None

    @classmethod
    def begin(cls, train: Ratings, settings: AlsSettings, seed: int, workers: Workers) -> _State:
        """Group the ratings, and find factors for the items: the users are solved first."""
        k = settings.factors
        grouped = group_both(train, train.mean, k, workers)
        spread = max(float(np.std(train.values, dtype=np.float64)), 1e-3)
        auto = settings.regularization == "auto"
        sides = []
        for rows in grouped:
            n = len(rows)
            if settings.regularization == "auto":
                precision = np.full(k + 1, PRIOR_PRECISION / spread)
                scale = np.ones(n, np.float32)
            else:
                precision = np.full(k + 1, float(settings.regularization))
                scale = np.maximum(rows.totals if settings.weighted else 1, 1).astype(np.float32)
                scale = np.broadcast_to(scale, n).copy()
            sides.append(
                _Side(
                    rows=rows,
                    x=np.zeros((n, k + 1), np.float32),
                    variance=np.zeros((n if auto else 0, k + 1), np.float32),
                    precision=precision,
                    scale=scale,
                    objective=np.zeros(n, np.float32),
                )
            )
        users, items = sides
        items.x = spectral_items(*grouped, k, seed, workers)
        if settings.nonnegative:
            # Both ends of each direction, as factors of their own.
            half = items.x[:, : (k + 1) // 2]
            items.x[:, :k] = np.maximum(np.hstack([half, -half]), 0)[:, :k]
        return cls(
            settings=settings, workers=workers, train=train, users=users, items=items,
            spread=spread, noise=1.25 / spread**2 if auto else 1.0,
        )  # fmt: skip

    @property
    def auto(self) -> bool:
        return self.settings.regularization == "auto"

    def sweep(self) -> None:
        """Solve both sides."""
        solved = self.items.x
        if self.auto and not self.settings.nonnegative:
            if self.last_items is not None:
                self.items.x = solved + np.float32(MOMENTUM) * (solved - self.last_items)
            self.last_items = solved.copy()
        self.solve(self.users, self.items)
        self.solve(self.items, self.users)

    def solve(self, side: _Side, other: _Side) -> None:
        """One half-sweep: every row of ``side``, and with "auto" what follows from it."""
        k = self.settings.factors
        prior = Prior(
            np.diag(side.precision).astype(np.float32),
            np.zeros((1, k + 1), np.float32),
            side.scale,
            np.float32(self.noise),
        )
        nothing = np.zeros((0, k + 1), np.float32)
        solved = Solved(side.x, side.x[:0], side.variance, side.objective)
        if not self.settings.nonnegative or self.auto:
            solve(side.rows, other.x, other.variance, prior, nothing, solved, self.workers)
        if self.settings.nonnegative:
            self._solve_nonnegative(side, Other(other.x, other.variance, np.float32(1)), prior)
        if self.auto:
            self._explain(side, other)
        else:
            own = self._penalty(side)
            self.loss = float(side.objective.sum(dtype=np.float64)) + self._penalty(other)
            self.error = self.loss - own - self._penalty(other)

    def _solve_nonnegative(self, side: _Side, given: Other, prior: Prior) -> None:
        k = self.settings.factors
        np.maximum(side.x[:, :k], 0, out=side.x[:, :k])
        solved = Solved(side.x, side.x[:0], side.variance, side.objective)

        def work(first: int, last: int) -> None:
            kernels.solve_rows_nonnegative(
                side.rows.ratings, given, prior, _NONNEGATIVE_PASSES, solved, first, last
            )

        self.workers.each(work, side.rows.blocks)
        check_solved(side.rows, side.objective)

    def _explain(self, side: _Side, other: _Side) -> None:
        """Set the noise and the side's prior precisions to what explains the ratings best."""
        rated = side.rows.rated
        n_rows, n_unknowns = int(rated.sum()), len(side.precision)
        moments = _squares(side.x) + side.variance[rated].sum(axis=0, dtype=np.float64)
        # The objective is α SSE + xᵀΛx at the mean; its expectation under the covariance A⁻¹ is
        # higher by tr A A⁻¹, the number of unknowns. The other side's bias is not one of them.
        expected = float(side.objective.sum(dtype=np.float64)) + n_rows * n_unknowns
        error = (expected - float(side.precision @ moments)) / self.noise
        error += float(other.rows.totals @ other.variance[:, -1].astype(np.float64))
        self.error = max(error, _LOWEST_NOISE * self.spread**2 * len(self.train))
        self.noise = len(self.train) / self.error
        self.loss = self.error
        hyper = HYPERPRIOR * self.spread / PRIOR_PRECISION
        precision = (n_rows + HYPERPRIOR) / (moments + hyper)
        precision[-1] = n_rows / max(moments[-1], 1e-9 * n_rows)
        side.precision = precision

    def _penalty(self, side: _Side) -> float:
        squares = np.einsum("nk,nk->n", side.x, side.x, dtype=np.float64)
        return float(side.precision[0] * (squares @ side.scale.astype(np.float64)))

    def model(self) -> FactorModel:
        return FactorModel(
            mean=self.train.mean,
            user_bias=self.users.x[:, -1],
            item_bias=self.items.x[:, -1],
            user_factors=self.users.x[:, :-1],
            item_factors=self.items.x[:, :-1],
        )


def _squares(x: Factors) -> Float64s:
    return np.asarray(np.einsum("nk,nk->k", x, x, dtype=np.float64))


def _sweeps(
    state: _State, valid: Ratings | None, held: Ratings | None, on_epoch: OnEpoch | None
) -> tuple[FactorModel, TrainingHistory]:
    settings = state.settings
    epochs: list[Epoch] = []
    best: tuple[float, int, FactorModel] | None = None
    stopped = "finished"
    before, calm = np.inf, 0
    for number in range(1, settings.sweeps + 1):
        started = time.perf_counter()
        state.sweep()
        error = _error(state, held)
        epochs.append(
            Epoch(
                number=number,
                of=settings.sweeps,
                learning_rate=1.0,
                training_loss=state.error / len(state.train),
                validation_mse=_error(state, valid),
                seconds=time.perf_counter() - started,
                holdout_mse=error,
                phase="fit" if held is None else "search",
            )
        )
        if on_epoch is not None:
            on_epoch(epochs[-1])
        if error is not None:
            if best is None or error < best[0]:
                best = error, number, state.model()
            elif number - best[1] >= settings.patience:
                stopped = "early"
                break
        # Twice in a row: under "auto" the loss may turn, and is level where it does.
        calm = calm + 1 if abs(before - state.loss) <= settings.tolerance * state.loss else 0
        if calm == 2:
            stopped = "early"
            break
        before = state.loss
    if best is not None:
        return best[2], _history(epochs, stopped, best[1])
    return state.model(), _history(epochs, stopped)


def _history(epochs: list[Epoch], stopped: str, best: int | None = None) -> TrainingHistory:
    return TrainingHistory(
        epochs=tuple(epochs),
        best_epoch=best,
        stopped=stopped,
        unit="sweep",
        loss="mean squared residual of the training ratings",
    )


def _error(state: _State, ratings: Ratings | None) -> float | None:
    if ratings is None or not len(ratings):
        return None
    sides = state.users.x, state.items.x
    mean, on = state.train.mean, state.workers
    return mse(ratings.values, predict(ratings.users, ratings.items, *sides, mean=mean, on=on))
