"""The recipe of matrix factorization of what users took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tastemap import arguments
from tastemap.errors import ConfigError, require
from tastemap.models.interactions import Interactions
from tastemap.models.preference import PreferenceModel, Weighting
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.lists import ListRecipe
from tastemap.training.solver_settings import MAX_FACTORS


@dataclass(frozen=True, kw_only=True)
class ImplicitALS(ListRecipe):
    """Factors whose dot product is 1 for what a user took and 0 for the rest (iALS).

    s(u, i) = p_u · q_i, with the error

    Σ w (1 - s)² + α₀ Σ_all s² + λ Σ_u (Σ w + α₀ n_items) |p_u|² + λ Σ_i (Σ w + α₀ n_users) |q_i|²

    where w are the weights of the ratings, 1 without (Hu, Koren & Volinsky 2008; Rendle et al.
    2022, "Revisiting the performance of iALS on item recommendation benchmarks").

    Attributes:
        factors: numbers for each user and each item.
        unobserved: α₀, above 0: weight of a pair because it is a pair, taken or not.
        regularization: λ, above 0.
        weighted: multiply λ by the weight of the row, as in the formula; else it is λ alone.
        sweeps: how many times both sides are solved.
        block: factors solved at a time, at most 256: with more factors than that a sweep takes
            less time and goes a little less far (iALS++).
        min_rating: only ratings of at least this say that the user took the item; None: any does.

    Raises:
        ConfigError: a setting is out of its range.
    """

    name: ClassVar[str] = "implicit-als"

    factors: int = 64
    unobserved: float = 0.1
    regularization: float = 0.02
    weighted: bool = True
    sweeps: int = 15
    block: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        arguments.integer("factors", self.factors, 1)
        arguments.number("unobserved", self.unobserved, above=0)
        arguments.number("regularization", self.regularization, above=0)
        arguments.flag("weighted", self.weighted)
        arguments.integer("sweeps", self.sweeps, 1)
        arguments.integer("block", self.block, 1)
        if self.block > MAX_FACTORS:
            raise ConfigError(f"block must be at most {MAX_FACTORS}, got {self.block}")

    def _fit(
        self, taken: Interactions, n_items: int, *, seed: int, on_epoch: OnEpoch | None
    ) -> tuple[PreferenceModel, TrainingHistory]:
        # Imported here: reading a model folder must not load the compiler.
        require("numba", "engine")
        require("threadpoolctl", "engine")
        from tastemap.training.implicit import ImplicitSettings, fit_implicit

        settings = ImplicitSettings(
            factors=self.factors,
            weighting=Weighting(self.unobserved, self.regularization, self.weighted),
            sweeps=self.sweeps,
            block=min(self.block, self.factors),
        )
        return fit_implicit(taken, n_items, settings, seed=seed, on_epoch=on_epoch)
