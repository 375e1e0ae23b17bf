"""Bayesian matrix factorization by Gibbs sampling, without a regularization to choose.

The model of Salakhutdinov & Mnih 2008, "Bayesian probabilistic matrix factorization using Markov
chain Monte Carlo", with the bias as one more coordinate of each side:

    r ~ N(mean + b_u + c_i + p_u · q_i, 1 / α),   (p_u, b_u) ~ N(μ_U, Λ_U⁻¹),   the same for items,
    Λ ~ Wishart(W₀, ν₀),   μ ~ N(0, (β₀ Λ)⁻¹),   α ~ Gamma.

A sweep draws, in this order: μ and Λ of the users and of the items given their rows (their
equation 14), every user given the items (11), every item given the users, α given the errors.
With side information the prior mean of a row depends on what it rated, by coefficients drawn
after μ and Λ (`tastemap.training.side`). Where users differ from day to day, their days are drawn
after them (`tastemap.training.day_rows`).

Of a kept sweep the mean of each item given the users is kept besides the draw. The mean of draws
of p_u · E[q_i | all p] is the same number with far less chance in it (Rao-Blackwell): 32 such
pairs predict as well as several hundred draws. The spread between predictions is of the draws
themselves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from tastemap.arrays import Factors, Float64s, Int64s, Values
from tastemap.data.features import Features
from tastemap.data.ratings import Ratings
from tastemap.metrics.rating import mse
from tastemap.models.days import UserDays, day_rows
from tastemap.models.distil import distil
from tastemap.models.factors import FactorModel
from tastemap.models.posterior import PosteriorModel
from tastemap.randomness import stream
from tastemap.training.day_rows import DayRows
from tastemap.training.gibbs_side import Side
from tastemap.training.history import Epoch, OnEpoch, TrainingHistory
from tastemap.training.hyperpriors import draw_day_precision, products
from tastemap.training.ordinal import Ladder
from tastemap.training.rows import (
    GroupedRows,
    Prior,
    Solved,
    group_both,
    predict,
    solve,
    with_values,
)
from tastemap.training.schedule import Workers
from tastemap.training.side import CoefficientDraw
from tastemap.training.solver_settings import GibbsSettings

Metadata = tuple[Features | None, Features | None]
"""Features of the users, and of the items."""

_LATENT_SPREAD = 1.25
"""Standard deviation of what is behind ratings, in that of its noise."""
_LOWEST_NOISE = 1e-6
"""Of the variance of the ratings: float32 sums say nothing below."""


def fit_gibbs(
    train: Ratings,
    valid: Ratings | None = None,
    settings: GibbsSettings | None = None,
    *,
    metadata: Metadata = (None, None),
    seed: int = 0,
    on_epoch: OnEpoch | None = None,
) -> tuple[PosteriorModel, TrainingHistory]:
    """Sample factors and biases.

    Args:
        train: the ratings, at least one.
        valid: ratings to measure each sweep on, over the same vocabularies; nothing is learnt
            from them.
        settings: how long; None for the defaults.
        metadata: features of the users and of the items, for those that have any.
        seed: of everything drawn.
        on_epoch: called after each sweep.

    Returns:
        The model. Users and items without ratings are draws from the prior of their side. And
        the curve: its training loss is the mean of w (r - r̂)² of the sweep's own draw; its
        validation error that of the mean over the sweeps since burn-in, or of the draw before.

    Raises:
        TrainingError: a row's equations are singular.
        ConfigError: days are wanted of ratings without times.
    """
    settings = settings or GibbsSettings()
    with Workers(settings.threads) as workers:
        chain = _Chain.begin(train, settings, metadata, seed, workers)
        history = _sweeps(chain, valid, on_epoch)
        return chain.model(), history


@dataclass(frozen=True, eq=False, kw_only=True)
class _Kept:
    """What is kept of the chain: arrays to be filled, the first axis the draws."""

    users: Factors
    items: Factors
    item_means: Factors
    noise: Float64s
    days: Factors
    cuts: Float64s


@dataclass(eq=False, kw_only=True)
class _Chain:
    """The state of the sampler.

    Attributes:
        settings, seed, workers, train: as given.
        users, items, days: what is drawn for the rows of each.
        kept: what is kept.
        noise: α.
        spread: standard deviation of the ratings, or of what is behind them.
        targets: rating - mean, or what is drawn in its place, shape (n_ratings,), float32.
        orders: of the ratings by user and by item, where targets are drawn.
        day_rows: which user's day each rating is of, where users differ from day to day.
        ladder: of an ordinal likelihood.
        error: Σ w (r - r̂)².
    """

    settings: GibbsSettings
    seed: int
    workers: Workers
    train: Ratings
    users: Side
    items: Side
    kept: _Kept
    noise: float
    spread: float
    targets: Values
    orders: tuple[Int64s, ...]
    day_rows: DayRows | None = None
    days: Side | None = None
    ladder: Ladder | None = None
    error: float = np.inf

    @classmethod
    def begin(
        cls,
        train: Ratings,
        settings: GibbsSettings,
        metadata: Metadata,
        seed: int,
        workers: Workers,
    ) -> _Chain:
        width = settings.factors + 1
        ladder = Ladder.of(train, settings.eras) if settings.likelihood == "ordinal" else None
        by_user, by_item = group_both(train, train.mean, settings.factors, workers)
        others = by_item if settings.rated_items else None, by_user if settings.raters else None
        users = Side.begin(by_user, others[0], metadata[0], width, seed)
        items = Side.begin(by_item, others[1], metadata[1], width, seed)
        grouped = days = None
        if settings.days:
            grouped = DayRows.group(train, by_user, width, workers.threads)
            days = Side.begin(grouped.by_day, None, None, width, seed)
            days.x[:] = 0
        n, n_days = settings.draws, 0 if grouped is None else len(grouped)
        spread, noise, cuts = max(float(np.std(train.values, dtype=np.float64)), 1e-3), None, (0,)
        orders: tuple[Int64s, ...] = ()
        if ladder is not None:
            spread, noise, cuts = _LATENT_SPREAD, 1.0, ladder.cuts.shape
            orders = tuple(np.argsort(codes, kind="stable") for codes in (train.users, train.items))
        begun = cls(
            settings=settings,
            seed=seed,
            workers=workers,
            train=train,
            users=users,
            items=items,
            kept=_Kept(
                users=np.empty((n, *users.x.shape), np.float32),
                items=np.empty((n, *items.x.shape), np.float32),
                item_means=np.empty((n, *items.x.shape), np.float32),
                noise=np.empty(n),
                days=np.empty((n, n_days, width), np.float32),
                cuts=np.empty((n, *cuts)),
            ),
            noise=noise or 1 / spread**2,
            spread=spread,
            targets=(train.values - train.mean).astype(np.float32),
            day_rows=grouped,
            days=days,
            ladder=ladder,
            orders=orders,
        )
        begun.see_latent()
        return begun

    def draw_priors(self, number: int) -> None:
        """Draw what the rows of each side have in common, and their features' coefficients."""
        sides = (self.users, self.items)
        each_side = [(0, 1), (1, 2)]
        draws: list[CoefficientDraw | None] = [None, None]

        def begin(first: int, last: int) -> None:
            for at in range(first, last):
                draws[at] = sides[at].begin_priors(number, self.seed, self.spread)

        self.workers.each(begin, each_side)
        groups = [
            (draw, group) for draw in draws if draw is not None for group in range(len(draw.rest))
        ]

        def work(first: int, last: int) -> None:
            for draw, group in groups[first:last]:
                draw.work(group)

        self.workers.each(work, [(one, one + 1) for one in range(len(groups))])

        def finish(first: int, last: int) -> None:
            for draw, side in zip(draws[first:last], sides[first:last], strict=True):
                if draw is not None:
                    draw.finish()
                side.finish_priors()

        self.workers.each(finish, each_side)

    @property
    def of_days(self) -> Factors:
        """Factors then bias of each user on each day, shape (n_days, k + 1)."""
        if self.day_rows is None or self.days is None:
            return self.users.x[:0]
        return self.users.x[self.day_rows.users] + self.days.x

    def draw_users_and_days(self, number: int) -> None:
        """Draw the users, and what is special to their days, given the items."""
        nothing = self.items.x[:0]
        if self.day_rows is None or self.days is None:
            self.draw(self.users, self.users.rows, self.items.x, nothing)
            return
        given = self.train, self.targets, self.days.x, self.items.x, self.workers
        self.draw(self.users, self.day_rows.left_for_users(*given), self.items.x, nothing)
        chance = stream(self.seed, f"gibbs/days/{number}")
        self.days.precision = draw_day_precision(self.days.x, self.spread, chance)
        self.days.linear = np.zeros((1, self.days.x.shape[1]))
        chance.standard_normal(out=self.days.normals, dtype=np.float32)
        given = self.train, self.targets, self.users.x, self.items.x, self.workers
        self.draw(self.days, self.day_rows.left_for_days(*given), self.items.x, nothing)

    def draw_latent(self, number: int) -> None:
        """Draw what is behind the ratings, given all else."""
        if self.ladder is None:
            return
        self.ladder.draw(stream(self.seed, f"gibbs/latent/{number}"), self.workers)
        self.targets = self.ladder.latent
        for side, order in zip((self.users, self.items), self.orders, strict=True):
            side.rows = with_values(side.rows, self.targets[order])

    def see_latent(self) -> None:
        """Show the ladder where latent values are now, and measure what ratings that makes."""
        if self.ladder is not None:
            rows, left = self.train.users, self.users.x
            if self.day_rows is not None:
                rows, left = self.day_rows.of, self.of_days
            centers = predict(rows, self.train.items, left, self.items.x, 0.0, self.workers)
            self.error = self.ladder.see(centers)

    def draw(self, side: Side, rows: GroupedRows, other: Factors, means: Factors) -> float:
        """Draw every row of a side, and give α Σ w (r - r̂)² of the new rows.

        Args:
            side: what is drawn.
            rows: its ratings.
            other: factors then bias of the other side.
            means: written: the means of the rows; (0, k + 1) if not wanted.
        """
        prior = Prior(
            side.precision.astype(np.float32),
            side.linear.astype(np.float32),
            np.ones(len(side.rows), np.float32),
            np.float32(self.noise),
        )
        solved = Solved(side.x, means, side.x[:0], side.objective)
        solve(rows, other, other[:0], prior, side.normals, solved, self.workers)
        # The objective is the least α Σ w (t - z·x)² + xᵀΛx - 2 xᵀΛμ there is; at x = A⁻¹ b + L⁻ᵀ e
        # it is higher by eᵀ e.
        squares = np.square(side.normals).sum(dtype=np.float64)
        total = side.objective.sum(dtype=np.float64) + squares
        if len(side.linear) == 1:
            cross = float(side.linear[0] @ side.x.sum(axis=0, dtype=np.float64))
        else:
            cross = float((side.linear * side.x).sum(dtype=np.float64))
        return float(total - np.sum(side.precision * products(side.x)) + 2 * cross)

    def sweep(self, number: int) -> None:
        """Draw everything once, and keep it if it is to be kept."""
        keep = self.settings.keeps(number)
        at = sum(self.settings.keeps(one) for one in range(number)) if keep else 0
        self.draw_priors(number)
        self.draw_latent(number)
        self.draw_users_and_days(number)
        means = self.kept.item_means[at] if keep else self.items.x[:0]
        rows, left = self.items.rows, self.users.x
        if self.day_rows is not None:
            rows, left = self.day_rows.facing_items(rows), self.of_days
        error = self.draw(self.items, rows, left, means) / self.noise
        self.error = max(error, _LOWEST_NOISE * self.spread**2 * len(self.train))
        self.see_latent()
        if self.ladder is None:
            # α ~ Gamma(1 + n / 2, rate spread² + error / 2)
            chance = stream(self.seed, f"gibbs/noise/{number}")
            rate = self.spread**2 + self.error / 2
            self.noise = chance.gamma(1 + len(self.train) / 2) / rate
        if keep:
            self.kept.users[at], self.kept.items[at] = self.users.x, self.items.x
            self.kept.noise[at], self.kept.days[at] = 1 / self.noise, self.of_days
            if self.ladder is not None:
                self.kept.cuts[at] = self.ladder.cuts

    def model(self) -> PosteriorModel:
        """What was kept."""
        kept, train, days = self.kept, self.train, self.day_rows
        mean, thresholds, noise = train.mean, None, kept.noise
        if self.ladder is not None:
            sides = (kept.users, kept.days), (kept.items, kept.item_means)
            mean, thresholds = self.ladder.in_stars(train, kept.cuts, *sides)
            noise = np.full(len(noise), thresholds.noise**2)
        left, counts = kept.users, train.user_counts
        if days is not None:
            left = np.concatenate([left, kept.days], axis=1)
            counts = np.concatenate([counts, np.bincount(days.of)])
        item_counts, n = train.item_counts, train.n_users
        found = distil(left, kept.item_means, mean, counts, item_counts).parameters()
        own = {name: found[name][:n] for name in ("user_bias", "user_factors")}
        users = FactorModel.from_parameters({**found, **own})
        model = PosteriorModel.of(users, kept.users, kept.items, mean, noise)
        model = replace(model, thresholds=thresholds)
        if days is None:
            return model
        user_days = UserDays(
            users=days.users,
            numbers=days.numbers,
            bias=found["user_bias"][n:],
            factors=found["user_factors"][n:],
            draws=kept.days,
        )
        return replace(model, days=user_days)


def _sweeps(chain: _Chain, valid: Ratings | None, on_epoch: OnEpoch | None) -> TrainingHistory:
    settings = chain.settings
    epochs: list[Epoch] = []
    total = np.zeros(0 if valid is None else len(valid))
    for number in range(settings.sweeps):
        started = time.perf_counter()
        chain.sweep(number)
        error = None
        if valid is not None and len(valid):
            rows, users = valid.users, chain.users.x
            if chain.day_rows is not None and valid.times is not None:
                days = chain.day_rows
                rows = day_rows(days.users, days.numbers, len(users), rows, valid.times)
                users = np.concatenate([users, chain.of_days])
            mean = chain.train.mean if chain.ladder is None else 0.0
            found = predict(rows, valid.items, users, chain.items.x, mean, chain.workers)
            if chain.ladder is not None:
                found = chain.ladder.thresholds.expected(found, valid.times)
            after = number - settings.burn_in + 1
            if after > 0:
                total += found
            error = mse(valid.values, total / after if after > 0 else found)
        epochs.append(
            Epoch(
                number=number + 1,
                of=settings.sweeps,
                learning_rate=1.0,
                training_loss=chain.error / len(chain.train),
                validation_mse=error,
                seconds=time.perf_counter() - started,
            )
        )
        if on_epoch is not None:
            on_epoch(epochs[-1])
    return TrainingHistory(
        epochs=tuple(epochs),
        unit="sweep",
        loss="mean squared residual of the sweep's draw",
        burn_in=settings.burn_in,
    )
