"""Ratings as steps on a ladder: what is drawn besides factors under the ordered probit model.

    r = v_c where γ_{c-1} < z <= γ_c,    z ~ N(b_u + c_i + p_u · q_i, 1),

with a latent z behind each rating and cut-points γ (Albert & Chib 1993, "Bayesian analysis of
binary and polychotomous response data"). Given z the model is the normal one, with noise 1. Drawn
given z the cut-points would hardly move, so they are drawn without it, from the chances of the
ratings themselves (Cowles 1996, "Accelerating Monte Carlo Markov chain convergence for
cumulative-link generalized linear models"): that likelihood is concave, and its Newton
approximation at the top, with wider tails, is a proposal that is nearly always accepted.

In each era of the scale (`eras_of`) cut-points are of their own, one for each two neighbouring
values that occur in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Literal

import numpy as np

from tastemap.arrays import AnyArray, Factors, Float64s, Int64s, Values
from tastemap.data.moments import Moment, seconds_of, written
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError
from tastemap.models.thresholds import Thresholds
from tastemap.training import kernels_ordinal
from tastemap.training.rows import read_only
from tastemap.training.schedule import Workers, even_blocks

_BIN = 0.02
"""Width of the bins that latent means are counted in for the cut-points; the noise has 1."""
_FREEDOM = 8
"""Degrees of freedom of the proposals for cut-points."""
_MISSED = 50
"""Ratings of a value that must be missing before a time to believe that a new era begins then."""
_PAIRS = 20_000
"""About so many pairs of user and item tell how far draws differ."""
_MOST_VALUES = 100
"""More different ratings than this are not steps of a scale."""


def eras_of(values: Values, times: Int64s | None) -> Int64s:
    """When values begin to occur, as when a scale of whole stars gets half stars.

    A value that makes up a share p of the ratings since its first cannot have been on offer if
    n p >= 50 for the n ratings before. Where one such value begins an era begins, and all others
    that begin soon after, by the same measure, belong to it.

    Args:
        values: ratings, shape (n,).
        times: seconds, shape (n,), or None: one era.

    Returns:
        When each era after the first begins, in rising order.
    """
    if times is None:
        return np.zeros(0, np.int64)
    ordered = np.sort(times)
    begins: list[int] = []
    found = np.unique(values)
    firsts = np.array([times[values == value].min() for value in found])
    for value, first in sorted(zip(found, firsts, strict=True), key=lambda pair: pair[1]):
        before = int(np.searchsorted(ordered, first))
        since = int(np.searchsorted(ordered, begins[-1])) if begins else 0
        share = np.count_nonzero(values == value) / (len(values) - before)
        if (before - since) * share >= _MISSED:
            begins.append(int(first))
    return np.array(begins, np.int64)


@dataclass(eq=False, kw_only=True)
class Ladder:
    """The cut-points and the latent values of the present sweep.

    Attributes:
        values: ratings that occur, rising, shape (n_values,).
        begins: when eras after the first begin, shape (n_eras - 1,).
        classes: of each rating, shape (n_ratings,), int32: numbered by era, then value.
        cuts: shape (n_eras, n_values - 1), float64, rising; the same twice where the value
            between does not occur, infinite where none below, or above, does.
        latent: z, shape (n_ratings,), float32.
        centers: mean of each z given the factors, shape (n_ratings,), float32.
        grid: means in bins, shape (n_places,).
        counts: ratings of each class in each bin, shape (n_eras, n_values, n_places).
    """

    values: Float64s
    begins: Int64s
    classes: AnyArray
    cuts: Float64s
    latent: Values
    centers: Values = field(init=False)
    grid: Float64s = field(init=False)
    counts: Int64s = field(init=False)

    @classmethod
    def of(cls, train: Ratings, eras: Literal["auto"] | tuple[Moment, ...]) -> Ladder:
        """Cut-points that fit if all ratings were expected to be alike.

        Args:
            train: the ratings.
            eras: when each era after the first begins; ``"auto"``: `eras_of`.

        Raises:
            ConfigError: ratings are weighted, too many of them differ, or have no times where
                eras are asked for, or an era has none.
        """
        if train.weights is not None:
            raise ConfigError('likelihood="ordinal" takes each rating once: these have weights')
        values, places = np.unique(train.values, return_inverse=True)
        if len(values) > _MOST_VALUES:
            raise ConfigError(
                f'likelihood="ordinal" is for steps of a scale, and there are {len(values):,} '
                'different ratings: use likelihood="normal"'
            )
        if eras == "auto":
            begins = eras_of(train.values, train.times)
        else:
            begins = np.array([seconds_of(one) for one in eras], np.int64)
            if len(begins) and train.times is None:
                raise ConfigError("eras need ratings with times, and these have none")
        era = 0 if train.times is None else np.searchsorted(begins, train.times, "right")
        classes = (era * len(values) + places).astype(np.int32)
        shape = len(begins) + 1, len(values)
        counts = np.bincount(classes, minlength=shape[0] * shape[1]).reshape(shape)
        totals = counts.sum(axis=1)
        for empty in np.flatnonzero(totals == 0):
            which = f"from {written(begins[empty - 1])} on" if empty else "before the first"
            raise ConfigError(
                f"no training rating is of the era {which}; they are of "
                f"{_span(train.times)}: give eras that ratings tell something of"
            )
        shares = np.cumsum(counts, axis=1)[:, :-1] / totals[:, None]
        return cls(
            values=values.astype(np.float64),
            begins=begins,
            classes=read_only(classes),
            cuts=np.vectorize(_quantile, otypes=[np.float64])(shares),
            latent=np.empty(len(train), np.float32),
        )

    def see(self, centers: Values) -> float:
        """Take in the means of the latent values, and give Σ (r - r̂)² of what they expect."""
        lowest = float(centers.min())
        places = ((centers - np.float32(lowest)) * np.float32(1 / _BIN)).astype(np.int32)
        n_places = int(places.max()) + 1
        shape = len(self.cuts), len(self.values), n_places
        at = self.classes * np.int64(n_places) + places
        self.centers = centers
        self.grid = np.asarray(lowest + (np.arange(n_places) + 0.5) * _BIN, np.float64)
        self.counts = np.bincount(at, minlength=shape[0] * shape[1] * n_places).reshape(shape)
        expected = self.thresholds.expected_if_known(self.grid)
        squares = np.square(self.values[:, None] - expected[:, None, :])
        return float((self.counts * squares).sum())

    @property
    def thresholds(self) -> Thresholds:
        """The present cut-points, on the scale where noise is 1."""
        return Thresholds(
            values=self.values, begins=self.begins, cuts=self.cuts, noise=1.0, spread=1.0
        )

    def draw(self, chance: np.random.Generator, on: Workers) -> None:
        """Draw cut-points, then latent values, given the means seen last."""
        for own, mine in zip(self.cuts, self.counts, strict=True):
            occurs = np.flatnonzero(mine.sum(axis=1))
            if len(occurs) < 2:
                continue
            # A cut stands below each value that occurs but the lowest.
            below = occurs[1:] - 1
            drawn = draw_cuts(own[below], mine[occurs], self.grid, chance)
            own[:] = np.inf
            for place, cut in zip(below[::-1], drawn[::-1], strict=True):
                own[: place + 1] = cut
            own[: occurs[0]] = -np.inf
        uniforms = chance.random(len(self.centers), np.float32)
        ends = np.full((len(self.cuts), 1), np.inf)
        low = np.concatenate([-ends, self.cuts], axis=1).ravel()
        high = np.concatenate([self.cuts, ends], axis=1).ravel()

        def work(first: int, last: int) -> None:
            kernels_ordinal.draw_latent(
                self.centers, self.classes, low, high, uniforms, self.latent, first, last
            )

        on.each(work, even_blocks(len(self.centers), on.threads))

    def in_stars(
        self, train: Ratings, cuts: Float64s, left: Sequence[Factors], right: Sequence[Factors]
    ) -> tuple[float, Thresholds]:
        """Change draws to the scale on which a star more is, where most ratings are, a star.

        Nothing in the ratings says where the latent scale has its zero: only where cut-points
        stand on it counts, and of each draw that is taken off the items' biases.

        Args:
            train: the ratings.
            cuts: kept cut-points, shape (draws, n_eras, n_values - 1).
            left: kept users, then whatever else stands on their side, each of shape
                (draws, n, k + 1); changed in place.
            right: kept items, then whatever else stands on theirs; the same.

        Returns:
            μ of every draw, and the cut-points, on that scale.
        """
        finite = np.isfinite(cuts[0])
        zeros = cuts[:, finite].mean(axis=1) if finite.any() else np.zeros(len(cuts))
        own = self.cuts[finite].mean() if finite.any() else 0.0
        center = np.array([self.centers.mean(dtype=np.float64) - own])
        mean_cuts = (cuts - zeros[:, None, None]).mean(axis=0)
        found = replace(self.thresholds, cuts=mean_cuts)
        mean = float(found.expected(center)[0])
        slope = max(float(found.slope(center)[0]), 1e-3)
        for draws in (*left, *right):
            draws[:, :, :-1] *= np.float32(np.sqrt(slope))
            draws[:, :, -1] *= np.float32(slope)
        for draws in right:
            draws[:, :, -1] -= (slope * (zeros + center)).astype(np.float32)[:, None]
        # How far draws differ for pairs that are new: users of some ratings with items of others.
        some = np.arange(0, len(train), len(train) // _PAIRS + 1)
        users, items = train.users[some], np.roll(train.items[some], len(some) // 2)
        pairs = zip(left[0][:, users], right[0][:, items], strict=True)
        latent = [
            np.einsum("nk,nk->n", p[:, :-1], q[:, :-1]) + p[:, -1] + q[:, -1] for p, q in pairs
        ]
        variance = float(np.var(latent, axis=0, dtype=np.float64).mean())
        cuts = mean + slope * (mean_cuts - center)
        spread = float(np.sqrt(slope**2 + variance))
        return mean, replace(found, cuts=cuts, noise=slope, spread=spread)


def draw_cuts(
    cuts: Float64s, counts: Int64s, grid: Float64s, chance: np.random.Generator
) -> Float64s:
    """A Metropolis-Hastings step for cut-points with a flat prior.

    Args:
        cuts: present ones, rising, shape (n,).
        counts: ratings of each class by latent mean, shape (n + 1, n_places).
        grid: the latent means, shape (n_places,).
        chance: where draws come from.
    """
    n = len(cuts)
    gradient, hessian = np.empty(n), np.empty((n, n))

    def likelihood(at: Float64s) -> float:
        return float(kernels_ordinal.cut_likelihood(counts, grid, at, gradient, hessian))

    present = value = likelihood(cuts)
    top = cuts
    for _ in range(50):
        step = np.linalg.solve(hessian, gradient)
        reached = float(-gradient @ step)
        size = 1.0
        while not (found := likelihood(top - size * step)) >= value and size > 1e-6:
            size /= 2
        if size <= 1e-6:
            break
        top, value = top - size * step, found
        if reached < 1e-6:
            break
    likelihood(top)
    root = np.linalg.cholesky(-hessian).T
    turned = chance.standard_normal(n) / np.sqrt(chance.chisquare(_FREEDOM) / _FREEDOM)
    wanted = top + np.linalg.solve(root, turned)
    score = likelihood(wanted) - present
    score += _tails(root @ (wanted - top)) - _tails(root @ (cuts - top))
    return wanted if np.log(chance.random()) < score else cuts


def _tails(turned: Float64s) -> float:
    """Minus the log-density of the proposal."""
    n = len(turned)
    return float((_FREEDOM + n) / 2 * np.log1p(turned @ turned / _FREEDOM))


def _span(times: Int64s | None) -> str:
    return "no time" if times is None else f"{written(times.min())} to {written(times.max())}"


def _quantile(share: float) -> float:
    if not 0 < share < 1:
        return np.inf if share >= 1 else -np.inf
    return NormalDist().inv_cdf(share)
