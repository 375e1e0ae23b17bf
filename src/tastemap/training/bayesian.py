"""The recipe of Bayesian matrix factorization."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from tastemap.arrays import Int64s
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
        calibration: share of the training ratings held out of a second, shorter chain, on which
            the width of intervals is measured (`tastemap.models.calibration`); the model itself
            is trained on all of them.

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
        if not 0 <= self.calibration <= 0.5:
            raise ConfigError(f"calibration must be from 0 to 0.5, got {self.calibration}")
        for name in ("item_features", "user_features"):
            if isinstance(wrong := getattr(self, name), str):
                raise ConfigError(f"{name} must be True, False or several columns, got {wrong!r}")

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
        held_out = stream(seed, "bayesian/calibration").random(len(train)) < self.calibration
        if not held_out.any() or held_out.all():
            return model, history
        shorter = replace(
            self._settings(),
            burn_in=self.burn_in // 2,
            sweeps=max(self.sweeps // 2, self.burn_in // 2 + self.draws),
        )
        rest, _ = fit_gibbs(train.take(~held_out), None, shorter, metadata=metadata, seed=seed)
        tested = train.take(held_out)
        model = replace(model, calibration=_calibration(train, rest, tested, None))
        if model.days is not None:
            dated = _calibration(train, rest, tested, tested.times)
            model = replace(model, days=replace(model.days, calibration=dated))
        return model, history


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


def _calibration(
    train: Ratings, rest: PosteriorModel, tested: Ratings, times: Int64s | None
) -> Calibration:
    """How wide intervals must be, from a model without the ratings it is tested on."""
    found = rest.posterior_pairs(tested.users, tested.items, times)
    scores = np.abs(tested.values - found.mean) / found.rating_deviation
    return Calibration.of(train.user_counts, train.item_counts, tested.users, tested.items, scores)
