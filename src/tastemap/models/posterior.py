"""Draws from the posterior of a matrix factorization: predictions that know how sure they are.

Each draw s is a whole factorization, r̂ₛ(u, i) = μ + bₛ(u) + cₛ(i) + pₛ(u) · qₛ(i). The prediction
is the mean over draws; how far draws differ is how unsure it is. The mean of S dot products of k
numbers is one dot product of S k numbers, and most of those say the same again:
`tastemap.models.distil` finds the few that matter, so that predicting costs about as much as with
one draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import ClassVar, NamedTuple, Self

import numpy as np

from tastemap import arguments
from tastemap.arrays import AnyArray, Codes, Factors, Float64s, Int64s, Values, frozen
from tastemap.models.calibration import Calibration, bins_like
from tastemap.models.days import UserDays
from tastemap.models.factors import FactorModel
from tastemap.models.fold_in import FoldedUser
from tastemap.models.protocol import PAIRS_AT_ONCE, blocks
from tastemap.models.thresholds import Thresholds


class PairPosterior(NamedTuple):
    """Predictions of pairs with their uncertainty, each of shape (n,), in units of the ratings.

    Attributes:
        mean: predicted ratings, those of `PosteriorModel.predict_pairs`.
        deviation: posterior standard deviation of the prediction.
        rating_deviation: standard deviation of a rating given: of prediction and noise.
    """

    mean: Values
    deviation: Values
    rating_deviation: Values


@dataclass(frozen=True, eq=False, kw_only=True)
class PosteriorModel(FactorModel):
    """The posterior of factors and biases: its mean as one factorization, and draws.

    Whatever is asked of a `FactorModel` is answered by the mean, and can be explained by it.

    Attributes:
        user_draws: factors and, last, the bias, shape (draws, n_users, k + 1).
        item_draws: shape (draws, n_items, k + 1).
        draws_mean: μ of every draw, in units of the ratings.
        noise_variance: of a rating of weight 1 around its prediction, shape (draws,), in squared
            units of the ratings.
        calibration: how wide intervals must be, learnt from held-out ratings; None: as wide as
            a normal distribution has it.
        days: the users on the days they rated something; None: users are the same on all days.
        thresholds: of ratings that are steps of a scale: factors and biases then make up the
            latent value behind a rating, and this the rating; None: they make up the rating.
    """

    kind: ClassVar[str] = "posterior"

    user_draws: Factors
    item_draws: Factors
    draws_mean: float
    noise_variance: Float64s
    calibration: Calibration | None = None
    days: UserDays | None = None
    thresholds: Thresholds | None = None

    def __post_init__(self) -> None:
        FactorModel.__post_init__(self)
        for name in ("user_draws", "item_draws"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float32))
        object.__setattr__(self, "noise_variance", frozen(self.noise_variance, np.float64))

    @classmethod
    def of(
        cls,
        distilled: FactorModel,
        user_draws: Factors,
        item_draws: Factors,
        draws_mean: float,
        noise_variance: Float64s,
    ) -> Self:
        """Put the mean, as `tastemap.models.distil` gives it, and the draws together."""
        return cls(
            mean=distilled.mean,
            user_bias=distilled.user_bias,
            item_bias=distilled.item_bias,
            user_factors=distilled.user_factors,
            item_factors=distilled.item_factors,
            user_draws=user_draws,
            item_draws=item_draws,
            draws_mean=draws_mean,
            noise_variance=noise_variance,
        )

    @property
    def n_draws(self) -> int:
        """How many draws are kept."""
        return len(self.user_draws)

    @cached_property
    def _with_days(self) -> PosteriorModel:
        """The same with the days as further users."""
        days = self.days
        if days is None or self.user_bias is None:
            return self
        return replace(
            self,
            user_bias=np.concatenate([self.user_bias, days.bias]),
            user_factors=np.concatenate([self.user_factors, days.factors]),
            user_draws=np.concatenate([self.user_draws, days.draws], axis=1),
            calibration=None,
            days=None,
        )

    @cached_property
    def _day_variance(self) -> Float64s:
        """How much predictions of each item differ between days of a user, shape (n_items,)."""
        variance = np.zeros(self.n_items)
        if self.days is not None:
            for users, days, items in zip(
                self.user_draws, self.days.draws, self.item_draws, strict=True
            ):
                apart = days - users[self.days.users]
                covariance = apart.T @ apart / len(apart)
                z = np.column_stack([items[:, :-1], np.ones(len(items), np.float32)])
                variance += np.einsum("nk,nk->n", z @ covariance, z) / self.n_draws
        return variance

    @property
    def dated(self) -> bool:
        """Whether predictions depend on when the rating is given."""
        eras = 1 if self.thresholds is None else self.thresholds.n_eras
        return self.days is not None or eras > 1

    def predict_pairs(self, users: Codes, items: Codes) -> Values:
        """Predicted rating of each pair, both of shape (n,), in units of the ratings."""
        return self._rated(FactorModel.predict_pairs(self, users, items))

    def predict_users(self, users: Codes) -> Values:
        """Predicted ratings of all items by each user, shape (len(users), n_items)."""
        return self._rated(FactorModel.predict_users(self, users))

    def predict_latent(self, users: Codes, items: Codes) -> Values:
        """What factors and biases add up to for each pair, shape (n,): the rating, or behind it."""
        return FactorModel.predict_pairs(self, users, items)

    def _rated(self, latent: Values, times: Int64s | None = None) -> Values:
        return latent if self.thresholds is None else self.thresholds.expected(latent, times)

    def predict_dated(self, users: Codes, items: Codes, times: Int64s) -> Values:
        """Predicted ratings given at a time, shape (n,), in units of the ratings.

        Args:
            users: codes, shape (n,).
            items: codes, shape (n,).
            times: seconds since 1970 UTC, shape (n,). On days without training ratings, and in a
                model without days, users are as usual.
        """
        rows = users if self.days is None else self.days.rows(self.n_users, users, times)
        return self._rated(self._with_days.predict_latent(rows, items), times)

    def predict_draws(self, users: Codes, items: Codes) -> Values:
        """What each draw predicts for each pair, latent values if there are, shape (draws, n)."""
        predicted = np.empty((self.n_draws, len(users)), np.float32)
        for part in blocks(len(users), max(1, PAIRS_AT_ONCE // 4)):
            user, item = users[part], items[part]
            for p, q, out in zip(self.user_draws, self.item_draws, predicted, strict=True):
                mine, its = p[user], q[item]
                out[part] = np.einsum("nk,nk->n", mine[:, :-1], its[:, :-1])
                out[part] += mine[:, -1] + its[:, -1] + np.float32(self.draws_mean)
        return predicted

    def posterior_pairs(
        self, users: Codes, items: Codes, times: Int64s | None = None
    ) -> PairPosterior:
        """Predicted rating of each pair with its uncertainty.

        Args:
            users: codes, shape (n,). Who has no training ratings is as uncertain as the prior.
            items: codes, shape (n,).
            times: as of `predict_dated`, or None.
        """
        rows = users
        if self.days is not None and times is not None:
            rows = self.days.rows(self.n_users, users, times)
        model, variance = self._with_days, np.empty((2, len(users)))
        for part in blocks(len(users), max(1, PAIRS_AT_ONCE // 4)):
            when = None if times is None else times[part]
            variance[:, part] = model._variances(rows[part], items[part], when)
        latent = model.predict_latent(rows, items)
        whole = variance[1]
        if self.days is not None:
            # Of a day nothing is known of, what days differ by is noise.
            slope = 1 if self.thresholds is None else self.thresholds.slope(latent, times)
            whole = whole + np.where(rows < self.n_users, self._day_variance[items] * slope**2, 0)
        return PairPosterior(
            mean=self._rated(latent, times),
            deviation=np.sqrt(variance[0]).astype(np.float32),
            rating_deviation=np.sqrt(whole).astype(np.float32),
        )

    def _variances(self, users: Codes, items: Codes, times: Int64s | None) -> Float64s:
        """Variance of the prediction, and of a rating, of each pair, shape (2, n)."""
        draws: AnyArray = self.predict_draws(users, items)
        within: Float64s | float = float(self.noise_variance.mean())
        if self.thresholds is not None:
            draws, of_rating = self.thresholds.moments(draws, times)
            within = of_rating.mean(axis=0)
        between = draws.var(axis=0, dtype=np.float64, ddof=1 if self.n_draws > 1 else 0)
        return np.stack([between, between + within])

    def interval_pairs(
        self, users: Codes, items: Codes, level: float, times: Int64s | None = None
    ) -> tuple[Values, Values]:
        """Lower and upper end of the interval that holds a new rating with chance ``level``.

        Args:
            users: codes, shape (n,).
            items: codes, shape (n,).
            level: above 0 and below 1.
            times: as of `predict_dated`, or None.

        Returns:
            Ends in units of the ratings, each of shape (n,); not clipped to the scale.

        Raises:
            ConfigError: ``level`` is out of its range.
        """
        _check_level(level)
        found = self.posterior_pairs(users, items, times)
        dated = times is not None and self.days is not None
        calibration = self.days.calibration if dated and self.days else self.calibration
        if calibration is None:
            half = found.rating_deviation * np.float32(NormalDist().inv_cdf((1 + level) / 2))
        else:
            wide = calibration.multiplier(users, items, level)
            half = (found.rating_deviation * wide).astype(np.float32)
        return found.mean - half, found.mean + half

    def newcomer_deviation(self, user: FoldedUser, items: Codes) -> Values:
        """Standard deviation of a rating given by somebody new, of each item, shape (n,).

        Of what is open about the user; about the item, as for the average user; and of noise, to
        which what days differ by belongs.
        """
        of_items = np.square(self._item_offset_deviation[items].astype(np.float64))
        of_user = np.square(user.deviations(items).astype(np.float64))
        return np.sqrt(of_user + of_items + self._day_variance[items]).astype(np.float32)

    @cached_property
    def _item_offset_deviation(self) -> Values:
        return self.item_bias_deviation()

    def newcomer_width(
        self, user: FoldedUser, user_counts: Int64s, items: Codes, level: float
    ) -> Values:
        """What to multiply `newcomer_deviation` by for an interval, shape (n,).

        Args:
            user: folded into this model.
            user_counts: training ratings of each user.
            items: codes, shape (n,).
            level: above 0 and below 1.

        Raises:
            ConfigError: ``level`` is out of its range.
        """
        _check_level(level)
        if self.calibration is None:
            return np.full(len(items), NormalDist().inv_cdf((1 + level) / 2), np.float32)
        alike = bins_like(self.calibration.user_bins, user_counts, np.array([len(user.items)]))
        one = replace(self.calibration, user_bins=alike)
        wide = one.multiplier(np.zeros(len(items), np.int32), items, level)
        return wide.astype(np.float32)

    def item_bias_deviation(self) -> Values:
        """Posterior standard deviation of each item's bias, shape (n_items,).

        The bias is that of the mean: what the average user would give beyond the mean. So of
        each draw the average over users is taken.
        """
        offsets = [
            q[:, -1] + q[:, :-1] @ p[:, :-1].mean(axis=0, dtype=np.float64).astype(np.float32)
            for p, q in zip(self.user_draws, self.item_draws, strict=True)
        ]
        return np.asarray(np.std(offsets, axis=0, ddof=1 if self.n_draws > 1 else 0), np.float32)

    def parameters(self) -> Mapping[str, AnyArray]:
        """The arrays of the model by name."""
        return {
            **FactorModel.parameters(self),
            "user_draws": self.user_draws,
            "item_draws": self.item_draws,
            "draws_mean": frozen([self.draws_mean], np.float64),
            "noise_variance": self.noise_variance,
            **(self.calibration.parameters() if self.calibration is not None else {}),
            **(self.days.parameters() if self.days is not None else {}),
            **(self.thresholds.parameters() if self.thresholds is not None else {}),
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> Self:
        """The model with these arrays."""
        model = cls.of(
            FactorModel.from_parameters(parameters),
            parameters["user_draws"],
            parameters["item_draws"],
            float(parameters["draws_mean"][0]),
            parameters["noise_variance"],
        )
        return replace(
            model,
            calibration=Calibration.from_parameters(parameters),
            days=UserDays.from_parameters(parameters),
            thresholds=Thresholds.from_parameters(parameters),
        )


def _check_level(level: float) -> None:
    arguments.number("the level of an interval", level, above=0, below=1)
