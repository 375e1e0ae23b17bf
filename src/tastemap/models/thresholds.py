"""From a latent scale without ends to the steps of a rating scale: the ordered probit link.

    P(r <= v_c) = Φ((γ_c - m) / σ)

for a rating whose latent value has mean m and standard deviation σ; its expectation is
v_0 + Σ_c (v_{c+1} - v_c) Φ((m - γ_c) / σ). Cut-points γ are of an *era*: where the scale changed,
as from whole stars to half stars, each era has its own.

The latent scale is in stars: where most ratings are, a star more on it is a star more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Self

import numpy as np

from tastemap.arrays import AnyArray, Float64s, Int64s, Values, frozen
from tastemap.errors import DataError

_PREFIX = "thresholds."
_SAME = 1e-4
"""Ratings that differ by less are the same step."""
_PLACES = 4001
"""Latent means that expectations are computed for; between them they are interpolated."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Thresholds:
    """Cut-points of the eras of a rating scale.

    Attributes:
        values: the ratings there are, rising, shape (n_values,), float64.
        begins: when eras after the first begin, seconds since 1970 UTC, shape (n_eras - 1,).
        cuts: between neighbouring values, shape (n_eras, n_values - 1), float64: the same twice
            where the value between was not on offer, infinite where none below, or above, was.
        noise: standard deviation of latent values around their mean when the factors are known.
        spread: the same when they are known as well as they are of an average new rating.
    """

    values: Float64s
    begins: Int64s
    cuts: Float64s
    noise: float
    spread: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(self.values, np.float64))
        object.__setattr__(self, "begins", frozen(self.begins, np.int64))
        object.__setattr__(self, "cuts", frozen(self.cuts, np.float64))

    @property
    def n_eras(self) -> int:
        """How many eras there are."""
        return len(self.cuts)

    def eras(self, times: Int64s | None) -> Int64s:
        """Era of each time, shape (n,); without times the last, shape (1,)."""
        if times is None:
            return np.array([self.n_eras - 1])
        return np.searchsorted(self.begins, times, side="right")

    def expected(self, latent: Values, times: Int64s | None = None) -> Values:
        """Expected ratings of new pairs, of the shape of ``latent``, float32.

        Args:
            latent: means on the latent scale, of any shape, or of shape (n,) with times.
            times: when the ratings are given, seconds since 1970 UTC, shape (n,); None: in the
                last era.
        """
        return self._looked_up(self._expectations, latent, self.eras(times)).astype(np.float32)

    def expected_if_known(self, latent: Float64s) -> Float64s:
        """Expected ratings in each era where the latent mean is certain, shape (n_eras, n)."""
        above = normal_cdf((latent - self.cuts[:, :, None]) / self.noise)
        return np.asarray(self.values[0] + np.einsum("c,ecn->en", np.diff(self.values), above))

    def moments(self, latent: Values, times: Int64s | None = None) -> tuple[Float64s, Float64s]:
        """Mean and variance of ratings where the latent mean is certain.

        Args:
            latent: shape (draws, n).
            times: as of `expected`.

        Returns:
            Each of the shape of ``latent``.
        """
        eras, (means, variances) = self.eras(times), self._moments
        return self._looked_up(means, latent, eras), self._looked_up(variances, latent, eras)

    def slope(self, latent: Values, times: Int64s | None = None) -> Float64s:
        """How much the expected rating rises with the latent mean, shape (n,)."""
        eras, step = self.eras(times), 2 * self._step
        above = self._looked_up(self._expectations, latent + step, eras)
        below = self._looked_up(self._expectations, latent - step, eras)
        return np.asarray((above - below) / (2 * step))

    def behind(
        self, values: AnyArray, latent: Float64s, times: Int64s | None = None
    ) -> tuple[Float64s, Float64s]:
        """Mean and variance of the latent values behind ratings, each of the shape of ``latent``.

        A normal distribution around ``latent``, cut off at the cut-points of the rating
        (Johnson, Kotz & Balakrishnan 1994, "Continuous univariate distributions", section 10.1).

        Args:
            values: the ratings, shape (n,).
            latent: means of what lies behind, shape (n,) or (draws, n).
            times: as of `expected`.

        Raises:
            DataError: a rating is not one of ``values``.
        """
        step = self.steps(values)
        eras = self.eras(times)
        low = (self._all_cuts[eras, step] - latent) / self.noise
        high = (self._all_cuts[eras, step + 1] - latent) / self.noise
        mass = normal_cdf(high) - normal_cdf(low)
        # So far out, or of so narrow a step, that it is the nearest cut-point.
        far = mass < 1e-6
        mass = np.where(far, 1, mass)
        at_low, at_high = _density(low), _density(high)
        mean = np.where(far, np.clip(0, low, high), (at_low - at_high) / mass)
        ends = _times(low, at_low) - _times(high, at_high)
        variance = np.where(far, 0, np.clip(1 + ends / mass - mean**2, 0, 1))
        return latent + self.noise * mean, self.noise**2 * variance

    def steps(self, values: AnyArray) -> Int64s:
        """Which step of the scale each rating is, of the shape of ``values``.

        Raises:
            DataError: a rating is not one of ``values``.
        """
        step = np.searchsorted(self.values, values - _SAME).clip(max=len(self.values) - 1)
        strange = np.abs(self.values[step] - values) > _SAME
        if strange.any():
            steps = ", ".join(f"{value:g}" for value in self.values)
            raise DataError(
                f"the rating {values[strange][0]:g} is not one of those of training, which "
                f'likelihood="ordinal" takes as steps of a scale: {steps}'
            )
        return step

    @cached_property
    def _all_cuts(self) -> Float64s:
        """With the ends of the scale, shape (n_eras, n_values + 1)."""
        ends = np.full((self.n_eras, 1), np.inf)
        return np.concatenate([-ends, self.cuts, ends], axis=1)

    @cached_property
    def _grid(self) -> Float64s:
        finite = self.cuts[np.isfinite(self.cuts)]
        if not len(finite):
            finite = np.zeros(1)
        wide = 8 * self.spread
        return np.linspace(finite.min() - wide, finite.max() + wide, _PLACES)

    @property
    def _step(self) -> float:
        return float(self._grid[1] - self._grid[0])

    def _above(self, deviation: float) -> Float64s:
        """P(r > v_c) at each place of the grid, shape (n_eras, n_values - 1, places)."""
        apart = (self._grid - self.cuts[:, :, None]) / deviation
        return normal_cdf(apart)

    @cached_property
    def _expectations(self) -> Float64s:
        steps = np.diff(self.values)
        return np.asarray(self.values[0] + np.einsum("c,ecg->eg", steps, self._above(self.spread)))

    @cached_property
    def _moments(self) -> tuple[Float64s, Float64s]:
        above = self._above(self.noise)
        means = np.einsum("c,ecg->eg", np.diff(self.values), above)
        # Of r - v_0, so that nothing is lost to cancellation.
        squares = np.einsum("c,ecg->eg", np.diff((self.values - self.values[0]) ** 2), above)
        return self.values[0] + means, np.maximum(squares - means**2, 0)

    def _looked_up(self, table: Float64s, latent: Values, eras: Int64s) -> Float64s:
        place = (latent.astype(np.float64) - self._grid[0]) / self._step
        place = place.clip(0, _PLACES - 1.001)
        below = place.astype(np.int64)
        part = place - below
        flat, at = table.ravel(), below + eras * _PLACES
        return np.asarray(flat[at] * (1 - part) + flat[at + 1] * part)

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays by name."""
        names = ("values", "begins", "cuts")
        own = {_PREFIX + name: getattr(self, name) for name in names}
        return own | {_PREFIX + "deviations": frozen([self.noise, self.spread], np.float64)}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self | None:
        """The thresholds among the arrays of a model; None if it has none."""
        if _PREFIX + "cuts" not in parameters:
            return None
        names = ("values", "begins", "cuts")
        noise, spread = parameters[_PREFIX + "deviations"]
        own = {name: parameters[_PREFIX + name] for name in names}
        return cls(**own, noise=float(noise), spread=float(spread))


def normal_cdf(x: Float64s) -> Float64s:
    """Φ(x), of any shape, to seven digits: from a table of it."""
    return np.asarray(np.interp(x, *_table()))


def _density(x: Float64s) -> Float64s:
    return np.asarray(np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi))


def _times(x: Float64s, density: Float64s) -> Float64s:
    """X φ(x): 0 at infinity."""
    return np.where(np.isfinite(x), x, 0) * density


@cache
def _table() -> tuple[Float64s, Float64s]:
    x = np.linspace(-8, 8, 8001)
    return x, np.array([math.erfc(-one / math.sqrt(2)) / 2 for one in x])
