"""The recipe of Bayesian matrix factorization."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tastemap.data.ratings import Ratings
from tastemap.models.posterior import PosteriorModel
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

    Raises:
        ConfigError: a setting is out of its range.
    """

    name: ClassVar[str] = "bayesian"

    factors: int = 16
    sweeps: int = 240
    burn_in: int = 40
    draws: int = 32

    def __post_init__(self) -> None:
        self._settings()

    def _settings(self) -> GibbsSettings:
        return GibbsSettings(
            factors=self.factors, sweeps=self.sweeps, burn_in=self.burn_in, draws=self.draws
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
        from tastemap.training.gibbs import fit_gibbs

        return fit_gibbs(train, valid, self._settings(), seed=seed, on_epoch=on_epoch)
