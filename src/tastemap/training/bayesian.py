"""The recipe of Bayesian matrix factorization."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from tastemap import arguments
from tastemap.arrays import Int64s, Values
from tastemap.data.catalog import Catalog
from tastemap.data.features import Features, features
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, require
from tastemap.models.calibration import Calibration
from tastemap.models.posterior import PosteriorModel
from tastemap.randomness import stream
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.recipe import Recipe
from tastemap.training.solver_settings import GibbsSettings

_log = logging.getLogger(__name__)

SCORES = 100_000
"""Ratings that the width of intervals is measured on, at least, where there are so many. With
16,000, one chain's share of the bundled ratings, a quarter of the bins held 2 points more or fewer
than they should, or worse; with all 80,000 one in fifteen (docs/decisions/011)."""

_Metadata = tuple[Features | None, Features | None]


@dataclass(frozen=True, kw_only=True)
class BayesianMF(Recipe):
    """Matrix factorization that averages over what the ratings leave open.

    Nothing has to be tuned: how much users and items vary, and how noisy ratings are, is drawn
    along with everything else (`tastemap.training.gibbs`). Predictions carry their uncertainty.

    Attributes:
        factors: numbers for each user and each item, besides the bias.
        sweeps: times that everything is drawn; twice as many take twice the time and predict a
            little better.
        burn_in: sweeps at the beginning from which nothing is kept.
        draws: sweeps that are kept, spread evenly over the rest.
        rated_items: let which items a user rated, high or low, say what the user is like.
        raters: let who rated an item, high or low, say what the item is like. Both take their
            facts from the training ratings and, together, two thirds more time; what people
            choose to rate says more than most ratings do (`tastemap.training.side`).
        days: let users differ from day to day (`tastemap.training.day_rows`). Ratings whose day is
            told are predicted better where the user rated something else on that day
            (`PosteriorModel.predict_dated`), others a little worse. Needs ratings with times.
        item_features: let metadata of the items, such as genres and year, say what an item is
            like (`tastemap.training.metadata_rows`): True for all columns that can
            (`tastemap.data.features.features`), names for some, False for none.
        user_features: the same of the users.
        likelihood: ``"normal"``: ratings are numbers with normal noise. ``"ordinal"``: they are
            steps of a scale, which need not be equally far apart
            (`tastemap.training.ordinal`); a third more time.
        eras: of an ordinal likelihood: when the scale changed, as dates or seconds since 1970, in
            rising order; ``"auto"``: where values begin to occur.
        calibration: share of the training ratings held out of another, shorter chain, on which
            the width of intervals is measured (`tastemap.models.calibration`); where that are
            fewer than 100,000 ratings, of several such chains, each without other ratings. The
            model itself is trained on all of them. 0 for no intervals.

    Raises:
        ConfigError: a setting is out of its range; in ``fit``, ratings do not fit it.
    """

    name: ClassVar[str] = "bayesian"

    factors: int = 16
    sweeps: int = 240
    burn_in: int = 40
    draws: int = 32
    rated_items: bool = True
    raters: bool = True
    days: bool = False
    item_features: bool | tuple[str, ...] = True
    user_features: bool | tuple[str, ...] = False
    likelihood: Literal["normal", "ordinal"] = "normal"
    eras: Literal["auto"] | tuple[float | str, ...] = "auto"
    calibration: float = 0.2

    def __post_init__(self) -> None:
        self._settings()
        arguments.number("calibration", self.calibration, least=0, most=0.5)
        for name in ("item_features", "user_features"):
            wanted = getattr(self, name)
            if not isinstance(wanted, bool | tuple):
                raise ConfigError(
                    f"{name} must be True, False or a tuple of columns, got {wanted!r}"
                )

    def _settings(self) -> GibbsSettings:
        return GibbsSettings(
            factors=self.factors,
            sweeps=self.sweeps,
            burn_in=self.burn_in,
            draws=self.draws,
            rated_items=self.rated_items,
            raters=self.raters,
            days=self.days,
            likelihood=self.likelihood,
            eras=self.eras,
        )

    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[PosteriorModel, TrainingHistory]:
        # Imported here: reading a model folder must not load the compiler.
        require("numba", "engine")
        require("threadpoolctl", "engine")
        from tastemap.training.gibbs import fit_gibbs

        metadata = (
            _features(train.user_catalog, self.user_features, "user"),
            _features(train.catalog, self.item_features, "item"),
        )
        model, history = fit_gibbs(
            train, valid, self._settings(), metadata=metadata, seed=seed, on_epoch=on_epoch
        )
        return self._calibrated(model, train, metadata, seed), history

    def _calibrated(
        self, model: PosteriorModel, train: Ratings, metadata: _Metadata, seed: int
    ) -> PosteriorModel:
        """The model with intervals as wide as ratings held out of other chains ask for."""
        from tastemap.training.gibbs import fit_gibbs
        from tastemap.training.schedule import Workers

        if not self.calibration:
            return model
        wanted = math.ceil(SCORES / (self.calibration * len(train)))
        numbers = range(min(wanted, int(1 / self.calibration)))
        shorter = replace(
            self._settings(),
            burn_in=self.burn_in // 2,
            sweeps=self.burn_in // 2 + self.draws,
            # Chains of few ratings keep one core busy, so several go at a time.
            threads=1 if len(numbers) > 1 else None,
        )
        part = stream(seed, "bayesian/calibration").random(len(train)) // self.calibration
        measured: dict[int, tuple[Ratings, Values, Values]] = {}
        chains = "a shorter chain" if len(numbers) == 1 else f"{len(numbers)} shorter chains"
        _log.info("measuring how wide intervals must be, on ratings held out of %s", chains)

        def measure(first: int, last: int) -> None:
            for number in range(first, last):
                held, others = train.take(part == number), train.take(part != number)
                if len(held) and len(others):
                    rest, _ = fit_gibbs(others, None, shorter, metadata=metadata, seed=seed)
                    plain = _scores(rest, held, None)
                    dated = plain if model.days is None else _scores(rest, held, held.times)
                    measured[number] = held, plain, dated

        with Workers() as workers:
            workers.each(measure, [(number, number + 1) for number in numbers])
        found = [measured[number] for number in numbers if number in measured]
        if not found:
            return model
        tested, plain, dated = zip(*found, strict=True)
        model = replace(model, calibration=_calibration(train, tested, plain))
        if model.days is not None:
            days = replace(model.days, calibration=_calibration(train, tested, dated))
            model = replace(model, days=days)
        return model


def _features(
    catalog: Catalog | None, wanted: bool | tuple[str, ...], noun: str
) -> Features | None:
    """What is known of one side, or None: nothing, or nothing wanted."""
    if not wanted:
        return None
    if catalog is None or not catalog.columns:
        if isinstance(wanted, bool):
            return None
        raise ConfigError(f"{noun}_features={wanted}, and nothing is known of the {noun}s but ids")
    found = features(catalog, None if isinstance(wanted, bool) else wanted)
    return found if found.names else None


def _scores(rest: PosteriorModel, held: Ratings, times: Int64s | None) -> Values:
    """By how many deviations a model errs on ratings that it was not trained on, shape (n,)."""
    found = rest.posterior_pairs(held.users, held.items, times)
    return np.asarray(np.abs(held.values - found.mean) / found.rating_deviation, np.float32)


def _calibration(
    train: Ratings, tested: Sequence[Ratings], scores: Sequence[Values]
) -> Calibration:
    """How wide intervals must be."""
    return Calibration.of(
        train.user_counts,
        train.item_counts,
        np.concatenate([one.users for one in tested]),
        np.concatenate([one.items for one in tested]),
        np.concatenate(scores),
    )
