"""Ids in, results out: a fitted model together with the ratings it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import arguments, liking, model_folder, newcomers, packing, predicting, ranking
from tastemap.arrays import Codes, Int64s, Values
from tastemap.data.catalog import Catalog, Wanted
from tastemap.data.moments import Moment
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, ModelFolderError
from tastemap.evaluation.coverage import Coverage, coverage
from tastemap.evaluation.evaluate import Evaluation, evaluate, label_of, predicts_ratings
from tastemap.models.bias import BiasModel
from tastemap.models.fold_in import FoldedHistory, FoldedUser
from tastemap.models.liking import Liking
from tastemap.models.posterior import PosteriorModel
from tastemap.models.protocol import Model
from tastemap.newcomers import Newcomers
from tastemap.results import (
    MODEL,
    Interval,
    PairPredictions,
    Prediction,
    Questions,
    Recommendations,
    SimilarItems,
)
from tastemap.training.baselines import BiasesOnly
from tastemap.training.history import TrainingHistory
from tastemap.training.recipe import Recipe

if TYPE_CHECKING:
    from tastemap.explanation.biases import BiasRanking
    from tastemap.explanation.components import Components
    from tastemap.explanation.why import Explanation


@dataclass(frozen=True, eq=False, kw_only=True)
class Recommender:
    """A fitted model that speaks ids and titles. Made by a recipe's ``fit``, or by `load`.

    Where an item is asked for, its raw id or its exact title will do.

    Attributes:
        model: the fitted arrays.
        ratings: the training ratings, with ids and catalog.
        recipe: the hyper-parameters.
        seed: of everything random in training.
        history: the learning curve.
        seconds: wall time of training.
        fallback: predicts where user or item has no training ratings: damped biases.
        evaluation: errors on the validation ratings given to ``fit``; None without.
        coverage: which share of these ratings lie inside their intervals; None without, and of
            models that have no intervals.
        liking: how scores become a chance of liking; None unless learnt (`with_liking`).
    """

    model: Model
    ratings: Ratings
    recipe: Recipe
    seed: int
    history: TrainingHistory
    seconds: float
    fallback: BiasModel
    evaluation: Evaluation | None = field(default=None)
    coverage: Coverage | None = field(default=None)
    liking: Liking | None = field(default=None)

    @classmethod
    def of(
        cls,
        model: Model,
        train: Ratings,
        valid: Ratings | None,
        *,
        recipe: Recipe,
        seed: int,
        history: TrainingHistory,
        seconds: float,
    ) -> Recommender:
        """Put a freshly trained model together with its ratings, and measure it on ``valid``."""
        fitted = cls(
            model=model,
            ratings=train,
            recipe=recipe,
            seed=seed,
            history=history,
            seconds=seconds,
            fallback=BiasesOnly().solve(train),
        )
        if valid is None or not len(valid):
            return fitted
        # Lists are measured where they are all there is: they take longer than errors.
        k = None if predicts_ratings(fitted) else 10
        sure = isinstance(model, PosteriorModel) and valid.explicit
        return replace(
            fitted,
            evaluation=evaluate(fitted, valid, k=k),
            coverage=coverage(fitted, valid) if sure else None,
        )

    def __repr__(self) -> str:
        found = self.evaluation.measures.items() if self.evaluation else ()
        measured = next((f", validation {label_of(name)} {value:.4f}" for name, value in found), "")
        return f"<Recommender {self.recipe.name} on {self.ratings!r}{measured}>"

    @property
    def catalog(self) -> Catalog:
        """Titles and metadata of the items."""
        return self.ratings.catalog

    # Predicting

    def predict(
        self,
        user: Any,
        item: Any = None,
        *,
        interval: float | None = None,
        at: Moment | None = None,
    ) -> Prediction:
        """Predict ratings.

        Args:
            user: a raw user id, or a sequence of them, or somebody new (`fold_in`).
            item: a raw item id or title, or a sequence of them; one of the two may be single and
                the other a sequence. None: every item.
            interval: also give the interval that holds the rating with this chance, such as 0.8.
            at: when the ratings are given: a date, ISO text such as ``"2004-05-01"``, or seconds
                since 1970, in UTC. Users who have training ratings of that day are predicted as
                they were then, all others as usual; the result says how many. Needs a model
                fitted with ``BayesianMF(days=True)``.

        Returns:
            Predictions clipped to the scale. An id that does not occur falls back to what is
            known (`tastemap.results.SOURCES`), and the result says so.

        Raises:
            UnknownUserError, UnknownItemError: an id is of another type than all ids, or a title
                does not occur: more likely a slip than a newcomer.
            ConfigError: two sequences of different length, an interval not between 0 and 1, or
                ``at`` is no date.
            NotFittedFor: the model does not know how sure it is, or its users are the same on all
                days: fit BayesianMF.
        """
        return predicting.predict(self, user, item, interval, at)

    def predict_codes(
        self, users: Codes, items: Codes, times: Int64s | None = None
    ) -> PairPredictions:
        """Predict pairs of codes.

        Args:
            users: codes, shape (n,); -1 stands for an unknown user.
            items: codes, shape (n,); -1 stands for an unknown item.
            times: when the ratings are given, seconds since 1970 UTC, shape (n,). They say
                nothing to a model whose users are the same on all days.
        """
        users, items = self._coded(users, items)
        return predicting.predict_codes(self, users, items, times)

    def interval_codes(
        self,
        users: Codes,
        items: Codes,
        pairs: PairPredictions,
        level: float,
        times: Int64s | None = None,
    ) -> Interval:
        """How sure predictions of `predict_codes` are; NaN where they are not the model's own."""
        users, items = self._coded(users, items)
        return predicting.interval_codes(self, users, items, pairs, level, times)

    def _coded(self, users: Codes, items: Codes) -> tuple[Codes, Codes]:
        users = arguments.codes("users", users, self.ratings.n_users)
        items = arguments.codes("items", items, self.ratings.n_items)
        if len(users) != len(items):
            raise ConfigError(f"{len(users)} users and {len(items)} items are not pairs")
        return users, items

    # Recommending

    def recommend(
        self,
        user: Any = None,
        n: int = 10,
        *,
        ratings: Mapping[Any, float] | None = None,
        include: Wanted | None = None,
        exclude: Wanted | None = None,
        min_ratings: int = 1,
        seen: bool = False,
    ) -> Recommendations:
        """The items a user would rate highest; of a model that predicts no ratings, will rate.

        Args:
            user: a raw user id, or a sequence of them, or somebody new (`fold_in`).
            n: how many items for each.
            ratings: instead of a user, the ratings of somebody new, by raw item id or title: the
                same as ``user=fold_in(ratings)``.
            include: keep only items that fit this metadata, such as ``{"genres": "Comedy",
                "year": (1990, 1999)}`` (see `Catalog.matches`).
            exclude: leave out items that fit any of these.
            min_ratings: leave out items with fewer training ratings.
            seen: keep items that the user has rated.

        Raises:
            UnknownUserError, UnknownItemError: an id or title does not occur.
            NotFittedFor: the model cannot take in new users.
            DataError: a rating of somebody new is outside the scale.
            ConfigError: ``n`` is below 1, or items have no such metadata, or there are both a
                user and ratings, or neither.
        """
        arguments.integer("n", n, 1)
        arguments.integer("min_ratings", min_ratings, 1)
        if (user is None) == (ratings is None):
            raise ConfigError("give a user, or the ratings of somebody new, and not both")
        for name, wanted in (("include", include), ("exclude", exclude)):
            if wanted is not None:
                arguments.mapping(name, wanted, "{'genres': 'Comedy', 'year': (1990, 1999)}")
        arguments.flag("seen", seen)
        allowed, filtered = ranking.allowed_items(self.ratings, include, exclude, min_ratings)
        asked = ranking.asked(self, user if ratings is None else self.fold_in(ratings))
        return ranking.recommendations(
            self, asked, n, allowed=allowed, filtered=filtered, seen=seen
        )

    def score_codes(self, users: Codes) -> Values:
        """What `recommend` ranks by: unclipped scores of all items, shape (len(users), n_items).

        A user without training ratings, or of code -1, gets those of the fallback. A model that
        predicts no ratings gives them the items' numbers of training ratings, and so too users
        whose ratings say nothing to it, such as only low ones to ``EASE(min_rating=5)``.
        """
        return ranking.score_codes(self, arguments.codes("users", users, self.ratings.n_users))[0]

    def recommend_codes(
        self, users: Codes, n: int = 10, *, seen: bool = False
    ) -> tuple[Codes, Values]:
        """`recommend` for many users at once, in codes.

        Args:
            users: codes, shape (m,); -1 stands for an unknown user.
            n: how many items for each.
            seen: keep items that the user has rated.

        Returns:
            Item codes, best first, -1 where no more are left, and their unclipped scores, NaN
            there; both of shape (m, n), or (m, n_items) where there are fewer. Items without
            training ratings are left out.
        """
        arguments.integer("n", n, 1)
        users = arguments.codes("users", users, self.ratings.n_users)
        return ranking.recommend_codes(self, users, n, seen=seen)

    def with_liking(self, liked_from: float | None = None) -> Recommender:
        """The same with a calibrated chance of liking beside what `recommend` and `predict` give.

        A fifth of the training ratings is held out, the recipe fitted to the rest, and the chance
        learnt of how high the held-out ratings are (`tastemap.models.liking`): it costs about one
        more fit. The chance is of a rating that is given: it does not say how likely a user is to
        take the item at all, which is what models of scores rank by.

        Args:
            liked_from: the lowest rating that is a like; None: that from which on `evaluate` takes
                items as relevant, the lowest in the upper quarter of the scale: 4 of 5 stars.

        Raises:
            NotFittedFor: the model was fitted to interactions, which do not say what is liked.
            DataError: too few held-out ratings are likes, or too few are not.
        """
        if liked_from is not None:
            arguments.number("liked_from", liked_from)
        return liking.with_liking(self, liked_from)

    def liking_codes(self, users: Codes, items: Codes) -> Values:
        """Chance that users like items if they rate them, of pairs of codes, shape (n,).

        Args:
            users: codes, shape (n,); -1 stands for an unknown user.
            items: codes, shape (n,); -1 stands for an unknown item.

        Returns:
            NaN where user or item has no training ratings, or those say nothing to the model.

        Raises:
            NotFittedFor: the model has not learnt it: see `with_liking`.
        """
        return liking.liking_codes(self, *self._coded(users, items))

    def similar_items(self, item: Any, n: int = 10, *, min_ratings: int = 1) -> SimilarItems:
        """The items whose vectors point most nearly the same way.

        Of `ItemKNN`, `RP3beta` and `EASE`, which compare items themselves: those that somebody
        who took the item would be shown first.

        Args:
            item: a raw item id or title, or a sequence of them.
            n: how many for each; item neighbours may be fewer.
            min_ratings: leave out items with fewer training ratings.

        Raises:
            UnknownItemError: an id or title does not occur.
            NotFittedFor: the model does not say what items are like.
            ConfigError: ``n`` or ``min_ratings`` is too small.
        """
        arguments.integer("n", n, 1)
        arguments.integer("min_ratings", min_ratings, 1)
        return ranking.similar_items(self, item, n, min_ratings)

    # Somebody new

    @cached_property
    def _newcomers(self) -> Newcomers:
        return Newcomers.of(self)

    def fold_in(self, ratings: Mapping[Any, float]) -> FoldedUser | FoldedHistory:
        """A new user from a few ratings, without training again (`tastemap.models.fold_in`).

        `predict` and `recommend` take the result as their user. Nothing is stored.

        Args:
            ratings: of somebody new, by raw item id or title; 1 each where the model was fitted to
                interactions. None makes the average user.

        Returns:
            Of a model that ranks items a `FoldedHistory`, which only `recommend` takes.

        Raises:
            UnknownItemError: an id or title does not occur.
            DataError: a rating is outside the scale of the training ratings, or an item is rated
                by its id and by its title.
            NotFittedFor: the model cannot take in new users.
        """
        arguments.mapping("ratings", ratings, "{'Alien (1979)': 5}, by id or title")
        if self.model.predicts == "scores":
            return newcomers.fold_history(self, ratings)
        return self._newcomers.fold_in(self, ratings)

    def ask_next(self, known: Mapping[Any, float] | None = None, n: int = 5) -> Questions:
        """The items to ask somebody new about, most telling first.

        What an answer would tell about the user's taste, times the chance that they know the
        item: the share of users who rated it (`tastemap.models.fold_in.ask_next`).

        Args:
            known: their ratings so far, by raw item id or title.
            n: how many items.

        Raises:
            UnknownItemError: an id or title does not occur.
            DataError: a rating is outside the scale of the training ratings.
            NotFittedFor: the model cannot take in new users.
        """
        arguments.integer("n", n, 1)
        return newcomers.ask_next(self, self.fold_in({} if known is None else known), n)

    def with_ratings(self, new: object, *, seed: int = 0) -> Recommender:
        """The same with new ratings taken in, without training again (`tastemap.models.updating`).

        Users with new ratings move by one closed-form step, then items with new ratings; all
        others stay. New users and items get rows of their own. It is close to training again as
        long as the new ratings are few beside those of training; measure, and train again now
        and then. Factors of ``nonnegative=True`` need not stay so.

        A model that ranks items knows users by what they took, so they are as after training; what
        it learnt of items stays as it is, and of new items it knows nothing. `Popularity` is as
        fitted anew. Interactions of a pair that is there add to its weight.

        Args:
            new: `Ratings`, or anything that `tastemap.read_ratings` reads by itself. Ids are
                those of the training ratings, or new ones. Where a user rated an item again, the
                new rating replaces the old.
            seed: of what is drawn for a posterior.

        Returns:
            A recommender whose training ratings are all of them, and whose notes on these say how
            many were added and replaced. It has not been measured: ``evaluation`` is None. A
            posterior's intervals keep the calibration of training.

        Raises:
            DataError: the ratings cannot be read, have ids of another type, or have no times where
                those of training have some.
            NotFittedFor: the model cannot take in new ratings: train again.
        """
        arguments.integer("seed", seed, 0)
        if self.model.predicts == "scores":
            return newcomers.with_history(self, new)
        return self._newcomers.with_ratings(self, new, seed)

    # Reading

    def explain(self, user: Any, item: Any) -> Explanation:
        """The parts a prediction is made of; they add up to it.

        Raises:
            UnknownUserError, UnknownItemError: an id or title does not occur.
        """
        from tastemap.explanation import reasons, why

        user_code, item_code = self.ratings.user_ids.code(user), self.catalog.code(item)
        if self.model.predicts == "scores":
            return reasons.explain_score(self.model, self.ratings, user_code, item_code)
        pair = self.predict_codes(np.array([user_code], np.int32), np.array([item_code], np.int32))
        model = self.model if pair.source[0] == MODEL else self.fallback
        return why.explain(model, self.ratings, user_code, item_code)

    def item_biases(self, most_rated: int = 2000) -> BiasRanking:
        """Items liked beyond what their audience and its taste explain, best first.

        Args:
            most_rated: rank among this many items with the most training ratings.

        Raises:
            NotFittedFor: the model has no item biases.
        """
        from tastemap.explanation.biases import item_biases

        return item_biases(self.model, self.ratings, most_rated=most_rated)

    def components(
        self, n: int = 3, *, most_rated: int = 2000, basis: str = "canonical"
    ) -> Components:
        """The main components of taste (see `tastemap.explanation.components.components`).

        Args:
            n: how many.
            most_rated: computed on this many items with the most training ratings.
            basis: ``"canonical"`` or ``"notebook"``.

        Raises:
            NotFittedFor: the model has no factors.
            ConfigError: there is no such basis, or ``n`` is out of range.
        """
        from tastemap.explanation.components import components

        return components(self.model, self.ratings, n, most_rated=most_rated, basis=basis)

    # Keeping

    def manifest(self) -> dict[str, Any]:
        """What the model is, as plain values: the manifest of its folder."""
        return packing.manifest_of(self)

    def save(self, folder: str | Path) -> Path:
        """Write a model folder (`tastemap.model_folder`); `load` gives the same model back.

        A model folder already there is replaced in one step.

        Raises:
            ModelFolderError: something that is not a model folder is in the way.
        """
        arguments.path("folder", folder)
        model_folder.write(folder, packing.pack(self))
        return Path(folder)


def load(folder: str | Path) -> Recommender:
    """Load a model folder.

    Predictions are bit for bit those of the model that was saved. No code of the folder runs.

    Raises:
        ModelFolderError: the folder is missing, damaged, altered or of a newer format.
    """
    arguments.path("folder", folder)
    content = model_folder.read(folder)
    try:
        return Recommender(**packing.unpack(content))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelFolderError(f"{folder} does not hold a whole model: {error!r}") from error
