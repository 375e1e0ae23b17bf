"""The three recipes of the course notebook: dot product, biases, neural net; trained by Adam.

The presets ``notebook()`` are what the notebook ran; the defaults are better, and how they were
chosen is told in ``docs/decisions/004-gradient-training.md``.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np

from tastemap.arguments import flag, integer, number, one_of
from tastemap.arrays import AnyArray
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, require
from tastemap.models.factors import FactorModel
from tastemap.models.network import NetworkModel
from tastemap.models.protocol import Model
from tastemap.randomness import stream
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.recipe import Recipe
from tastemap.training.solver_settings import MAX_FACTORS, AlsSettings

if TYPE_CHECKING:
    from tastemap.training.gradient import Form
    from tastemap.training.learning_rate import LearningRateCurve

Schedule = tuple[tuple[float, int], ...]


@dataclass(frozen=True, kw_only=True)
class GradientRecipe(Recipe):
    """What the three share.

    Attributes:
        factors: k, numbers that describe a user's taste, and an item.
        mean_term: whether the mean rating μ is added to every prediction.
        init_scale: factors begin uniformly between minus this and this.
        l2: λ, strength of the penalty on factors; how much it is depends on ``l2_per``.
        l2_per: what the penalty is counted for. ``"rating"``: λ (|p_u|² + |q_i|²) is added to the
            squared error of each rating, so that many ratings mean much penalty (Zhou et al.
            2008, "Large-scale parallel collaborative filtering for the Netflix Prize", weighted
            λ). ``"model"``: λ times the sum of all squares is added once to the sum of squared
            errors of all ratings, as in ridge regression. ``"batch"``: λ times the sum of all
            squares is added to the mean squared error of each batch, as Keras does.
        batch_size: ratings in a step of Adam.
        schedule: stages of (learning rate, number of epochs).
        averaging: the weights of the result are an average over about the last
            1 / (1 - averaging) steps, which evens out the noise of the batches; 0: the last ones.
        holdout: share of the training ratings held out to choose the number of epochs; 0: all
            epochs of the schedule are run.
        patience: with a hold-out, epochs without a smaller error on it before training ends.
        refit: train anew on all ratings for the number of epochs that was best, rather than keep
            the weights that were.
    """

    keeps_checkpoints: ClassVar[bool] = True

    factors: int = 50
    mean_term: bool = True
    init_scale: float = 0.05
    l2: float = 0.15
    l2_per: Literal["rating", "model", "batch"] = "rating"
    batch_size: int = 1024
    schedule: Schedule = ((3e-3, 30),)
    averaging: float = 0.0
    holdout: float = 0.1
    patience: int = 3
    refit: bool = True

    def __post_init__(self) -> None:
        integer("factors", self.factors, 1)
        number("init_scale", self.init_scale, above=0)
        number("l2", self.l2, least=0)
        if self.l2_per not in ("rating", "model", "batch"):
            raise ConfigError(f"l2_per must be 'rating', 'model' or 'batch', got {self.l2_per!r}")
        integer("batch_size", self.batch_size, 1)
        object.__setattr__(self, "schedule", _stages(self.schedule))
        number("averaging", self.averaging, least=0, below=1)
        number("holdout", self.holdout, least=0, below=1)
        integer("patience", self.patience, 1)
        flag("mean_term", self.mean_term)
        flag("refit", self.refit)

    @classmethod
    @abstractmethod
    def notebook(cls) -> Self:
        """What the course notebook ran."""

    @property
    def form(self) -> Form:
        """What is compiled to train it."""
        return self._form(None)

    def _form(self, dropout: tuple[float, ...] | None) -> Form:
        from tastemap.training.gradient import Form

        penalty = "rows" if self.l2_per == "rating" else "tables"
        return Form(dropout=dropout, penalty=penalty, averaging=self.averaging > 0)

    def l2_of_batch(self, n_ratings: int) -> float:
        """λ as it enters the loss of a batch, when there are this many training ratings."""
        return self.l2 / n_ratings if self.l2_per == "model" else self.l2

    @staticmethod
    def trainer() -> ModuleType:
        """The module that trains (`tastemap.training.gradient`).

        Raises:
            MissingExtraError: JAX or optax is not installed.
        """
        for library in ("jax", "optax"):
            require(library, "gradient")
        from tastemap.training import gradient

        return gradient

    def find_learning_rate(self, train: Ratings, *, seed: int = 0) -> LearningRateCurve:
        """Run 1,000 batches while the learning rate grows from 1e-6 to 1, and suggest a rate.

        Args:
            train: the ratings to learn from.
            seed: of everything random.

        Returns:
            The loss at each rate, and the rate to take, for use in ``schedule``.

        Raises:
            DataError: there are no training ratings.
            MissingExtraError: JAX or optax is not installed.
        """
        from tastemap.training.learning_rate import find_learning_rate

        return find_learning_rate(self, train, seed=seed)

    def initial(self, train: Ratings, seed: int) -> dict[str, AnyArray]:
        """The parameters before the first step, by name.

        With the penalty counted per rating, factors of users and items without ratings never
        move; they begin at 0, which says that nothing is known of them.
        """
        counts = {"user_factors": train.user_counts, "item_factors": train.item_counts}
        factors = {}
        for name, count in counts.items():
            chance = stream(seed, f"adam/init/{name}")
            shape = (len(count), self.factors)
            drawn = chance.uniform(-self.init_scale, self.init_scale, shape).astype(np.float32)
            if self.l2_per == "rating":
                drawn[count == 0] = 0
            factors[name] = drawn
        return factors

    def model(self, mean: float, parameters: Mapping[str, AnyArray]) -> Model:
        """The fitted model with these parameters."""
        return FactorModel.from_parameters({"mean": np.array([mean]), **parameters})

    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[Model, TrainingHistory]:
        self.trainer()
        from tastemap.training.epochs import Training

        training = Training(self, train, valid, seed=seed, on_epoch=on_epoch, checkpoint=checkpoint)
        return training.run()


@dataclass(frozen=True, kw_only=True)
class DotProduct(GradientRecipe):
    """Predict a rating by the dot product of a user's and an item's factors.

    Attributes: see `GradientRecipe`.
    """

    name: ClassVar[str] = "dot"

    l2: float = 0.1

    @classmethod
    def notebook(cls) -> Self:
        """Embeddings of 50, no mean, 10 epochs of Adam at 1e-3 in batches of 64.

        The notebook wrote down a schedule of learning rates, but assigned them to an optimizer
        that was already compiled, which changed nothing: every epoch ran at 1e-3.
        """
        return cls(
            mean_term=False,
            l2=1e-4,
            l2_per="batch",
            batch_size=64,
            schedule=((1e-3, 10),),
            averaging=0,
            holdout=0,
        )


@dataclass(frozen=True, kw_only=True)
class BiasedMF(GradientRecipe):
    """Predict a rating by mean + user bias + item bias + dot product of factors.

    Koren, Bell & Volinsky 2009, "Matrix factorization techniques for recommender systems",
    equation 4. Two ways to fit it: by Adam, where the biases are not penalised, or in closed form,
    by alternating least squares on every core (`tastemap.training.als`), which is many times
    faster. Settings of the other solver are refused.

    Attributes:
        solver: ``"adam"`` or ``"als"``.
        regularization: of ALS: ``"auto"`` finds it from the ratings; or λ, positive.
        weighted: of ALS, with a λ: multiply it by the number of ratings of the user or item.
        nonnegative: of ALS: keep factors at 0 or above.
        sweeps: of ALS: at most so many times both sides are solved.
        tolerance: of ALS: stop when two sweeps in a row change the error by less than this part.
        stopping: of ALS: ``"objective"``, as ``tolerance`` says; or ``"holdout"``: as well when the
            error on training ratings held out no longer falls, as with Adam (``holdout``,
            ``patience``, ``refit``).

    See `GradientRecipe` for ``factors``, which both solvers have, and the settings of Adam.
    """

    name: ClassVar[str] = "biased"

    solver: Literal["adam", "als"] = "adam"
    regularization: float | Literal["auto"] = "auto"
    weighted: bool = True
    nonnegative: bool = False
    sweeps: int = 30
    tolerance: float = 1e-3
    stopping: Literal["objective", "holdout"] = "objective"

    def __post_init__(self) -> None:
        GradientRecipe.__post_init__(self)
        one_of("solver", self.solver, ("adam", "als"))
        one_of("stopping", self.stopping, ("objective", "holdout"))
        held = self.stopping == "holdout"
        if held:
            number("holdout", self.holdout, above=0, below=1)
        als = ("regularization", "weighted", "nonnegative", "sweeps", "tolerance", "stopping")
        both = {"factors"} | ({"holdout", "patience", "refit"} if held else set())
        adam = {field.name for field in fields(GradientRecipe)} - both
        for field in fields(self):
            foreign = field.name in (adam if self.solver == "als" else als)
            if foreign and getattr(self, field.name) != field.default:
                raise ConfigError(f"{field.name} is not a setting of solver={self.solver!r}")
        self._als_settings()

    def _als_settings(self) -> AlsSettings:
        return AlsSettings(
            factors=min(self.factors, MAX_FACTORS) if self.solver == "adam" else self.factors,
            regularization=self.regularization,
            weighted=self.weighted,
            nonnegative=self.nonnegative,
            sweeps=self.sweeps,
            tolerance=self.tolerance,
            patience=self.patience,
        )

    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[Model, TrainingHistory]:
        if self.solver == "adam":
            return GradientRecipe._train(
                self, train, valid, seed=seed, on_epoch=on_epoch, checkpoint=checkpoint
            )
        if checkpoint is not None:
            raise ConfigError("solver='als' takes seconds and keeps no checkpoints")
        require("numba", "engine")
        require("threadpoolctl", "engine")
        from tastemap.training.als import fit_als, fit_held_out

        settings = self._als_settings()
        if self.stopping == "holdout":
            share, refit = self.holdout, self.refit
            return fit_held_out(
                train, valid, settings, holdout=share, refit=refit, seed=seed, on_epoch=on_epoch
            )
        return fit_als(train, valid, settings, seed=seed, on_epoch=on_epoch)

    @classmethod
    def notebook(cls) -> Self:
        """Embeddings of 50, biases, no mean, Adam at 1e-3 in batches of 64."""
        return cls(
            mean_term=False,
            l2=1e-4,
            l2_per="batch",
            batch_size=64,
            schedule=((1e-3, 26),),
            averaging=0,
            holdout=0,
        )

    def initial(self, train: Ratings, seed: int) -> dict[str, AnyArray]:
        """The parameters before the first step, by name; biases begin at 0."""
        biases = {"user_bias": train.n_users, "item_bias": train.n_items}
        return super().initial(train, seed) | {
            name: np.zeros(size, np.float32) for name, size in biases.items()
        }


@dataclass(frozen=True, kw_only=True)
class NeuralNet(GradientRecipe):
    """Predict a rating by a network of relu units on the factors of user and item, side by side.

    Attributes:
        hidden: units in each hidden layer.
        dropout: share of inputs left out at random in each step of training: of the factors,
            then of each hidden layer (one more than ``hidden``).

    See `GradientRecipe` for the others.
    """

    name: ClassVar[str] = "neural"

    hidden: tuple[int, ...] = (70,)
    dropout: tuple[float, ...] = (0.2, 0.2)
    l2: float = 50.0
    l2_per: Literal["rating", "model", "batch"] = "model"
    batch_size: int = 512
    schedule: Schedule = ((2e-3, 20),)
    averaging: float = 0.998

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("hidden", "dropout"):
            if not isinstance(given := getattr(self, name), tuple | list):
                raise ConfigError(f"{name} must be a tuple, such as (70,), got {given!r}")
        object.__setattr__(self, "hidden", tuple(self.hidden))
        object.__setattr__(self, "dropout", tuple(self.dropout))
        for units in self.hidden:
            integer("hidden", units, 1)
        for rate in self.dropout:
            number("dropout", rate, least=0, below=1)
        if len(self.dropout) != len(self.hidden) + 1:
            raise ConfigError(
                f"dropout needs {len(self.hidden) + 1} rates, of the factors and of each of "
                f"{len(self.hidden)} hidden layers, got {len(self.dropout)}"
            )

    @classmethod
    def notebook(cls) -> Self:
        """Embeddings of 50 side by side, 70 relu units, heavy dropout, 8 epochs of Adam at 1e-3."""
        return cls(
            mean_term=False,
            hidden=(70,),
            dropout=(0.2, 0.75),
            l2=1e-4,
            l2_per="batch",
            batch_size=64,
            schedule=((1e-3, 8),),
            averaging=0,
            holdout=0,
        )

    @property
    def form(self) -> Form:
        """What is compiled to train it."""
        return self._form(self.dropout)

    def initial(self, train: Ratings, seed: int) -> dict[str, AnyArray]:
        """The parameters before the first step, by name.

        The layers begin uniformly within ±√(6 / (inputs + outputs)) (Glorot & Bengio 2010,
        equation 16), their offsets at 0.
        """
        parameters = super().initial(train, seed)
        for layer, (n_in, n_out) in enumerate(pairwise((2 * self.factors, *self.hidden, 1))):
            limit = math.sqrt(6 / (n_in + n_out))
            weight = stream(seed, f"adam/init/weight_{layer}").uniform(-limit, limit, (n_in, n_out))
            parameters[f"weight_{layer}"] = weight.astype(np.float32)
            parameters[f"offset_{layer}"] = np.zeros(n_out, np.float32)
        return parameters

    def model(self, mean: float, parameters: Mapping[str, AnyArray]) -> Model:
        """The fitted model with these parameters."""
        return NetworkModel.from_parameters({"mean": np.array([mean]), **parameters})


def _stages(schedule: object) -> Schedule:
    try:
        stages = tuple((float(rate), epochs) for rate, epochs in schedule)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        stages = ()
    if not stages:
        raise ConfigError(
            "schedule must be stages of (learning rate, epochs) such as ((0.001, 10),), "
            f"got {schedule!r}"
        )
    for rate, epochs in stages:
        number("the learning rate in schedule", rate, above=0)
        integer("the epochs of a stage in schedule", epochs, 1)
    return stages
