"""Ids in, results out: a fitted model together with the ratings it knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import model_folder, packing
from tastemap.arrays import Codes, Mask, Values, top_n
from tastemap.data.catalog import Catalog, Wanted, words
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import UNKNOWN, Vocabulary
from tastemap.errors import ConfigError, ModelFolderError, NotFittedFor
from tastemap.evaluation.evaluate import Evaluation, evaluate
from tastemap.models.bias import BiasModel
from tastemap.models.protocol import Model, blocks
from tastemap.results import (
    GLOBAL_MEAN,
    ITEM_BIAS,
    MODEL,
    USER_BIAS,
    PairPredictions,
    Prediction,
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

_SCORES_AT_ONCE = 1 << 24
"""Scores held at a time when ranking for many users (64 MB)."""


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
    """

    model: Model
    ratings: Ratings
    recipe: Recipe
    seed: int
    history: TrainingHistory
    seconds: float
    fallback: BiasModel
    evaluation: Evaluation | None = field(default=None)

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
        return replace(fitted, evaluation=evaluate(fitted, valid))

    def __repr__(self) -> str:
        measured = f", validation RMSE {self.evaluation.rmse:.4f}" if self.evaluation else ""
        return f"<Recommender {self.recipe.name} on {self.ratings!r}{measured}>"

    @property
    def catalog(self) -> Catalog:
        """Titles and metadata of the items."""
        return self.ratings.catalog

    # Predicting

    def predict(self, user: Any, item: Any = None) -> Prediction:
        """Predict ratings.

        Args:
            user: a raw user id, or a sequence of them.
            item: a raw item id or title, or a sequence of them; one of the two may be single and
                the other a sequence. None: every item.

        Returns:
            Predictions clipped to the scale. An id that does not occur falls back to what is
            known (`tastemap.results.SOURCES`), and the result says so.

        Raises:
            UnknownUserError, UnknownItemError: an id is of another type than all ids, or a title
                does not occur: more likely a slip than a newcomer.
            ConfigError: two sequences of different length.
        """
        users = list(user) if _is_many(user) else [user]
        if item is None:
            items: list[Any] = self.ratings.item_ids.ids.to_pylist()
        else:
            items = list(item) if _is_many(item) else [item]
        if len(users) == 1 or len(items) == 1:
            users, items = users * len(items), items * len(users)
        elif item is None:
            n = len(items)
            items = items * len(users)
            users = [one for one in users for _ in range(n)]
        elif len(users) != len(items):
            raise ConfigError(f"{len(users)} users and {len(items)} items are not pairs")
        user_codes = np.array([self._user_or_unknown(one) for one in users], np.int32)
        item_codes = np.array([self._item_or_unknown(one) for one in items], np.int32)
        named = self.catalog.titles
        return Prediction(
            users=users,
            items=[
                self.ratings.item_ids.raw(code) if code >= 0 else one
                for code, one in zip(item_codes, items, strict=True)
            ],
            titles=[
                named[code] if code >= 0 else str(one)
                for code, one in zip(item_codes, items, strict=True)
            ],
            pairs=self.predict_codes(user_codes, item_codes),
            scale=self.ratings.scale,
        )

    def predict_codes(self, users: Codes, items: Codes) -> PairPredictions:
        """Predict pairs of codes, both of shape (n,); -1 stands for an unknown user or item."""
        known_user = (users >= 0) & (self.ratings.user_counts[users] > 0)
        known_item = (items >= 0) & (self.ratings.item_counts[items] > 0)
        source = np.full(len(users), GLOBAL_MEAN, np.uint8)
        source[known_user] = USER_BIAS
        source[known_item] = ITEM_BIAS
        source[known_user & known_item] = MODEL
        by_model = source == MODEL
        unclipped = np.empty(len(users), np.float32)
        unclipped[by_model] = self.model.predict_pairs(users[by_model], items[by_model])
        rest = ~by_model
        unclipped[rest] = self.fallback.predict_pairs(
            np.where(known_user, users, UNKNOWN)[rest], np.where(known_item, items, UNKNOWN)[rest]
        )
        low, high = self.ratings.scale
        clipped = np.clip(unclipped, np.float32(low), np.float32(high))
        return PairPredictions(values=clipped, unclipped=unclipped, source=source)

    def _user_or_unknown(self, user: Any) -> int:
        vocabulary = self.ratings.user_ids
        return vocabulary.find(user) if _fits(vocabulary, user) else vocabulary.code(user)

    def _item_or_unknown(self, item: Any) -> int:
        if self.ratings.item_ids.find(item) == UNKNOWN and _fits(self.ratings.item_ids, item):
            titled = self.catalog.codes_of_title(item)
            return UNKNOWN if not titled else self.catalog.code(item)
        return self.catalog.code(item)

    # Recommending

    def recommend(
        self,
        user: Any,
        n: int = 10,
        *,
        include: Wanted | None = None,
        exclude: Wanted | None = None,
        min_ratings: int = 1,
        seen: bool = False,
    ) -> Recommendations:
        """The items a user would rate highest.

        Args:
            user: a raw user id, or a sequence of them.
            n: how many items for each.
            include: keep only items that fit this metadata, such as ``{"genres": "Comedy",
                "year": (1990, 1999)}`` (see `Catalog.matches`).
            exclude: leave out items that fit any of these.
            min_ratings: leave out items with fewer training ratings.
            seen: keep items that the user has rated.

        Raises:
            UnknownUserError: a user id does not occur.
            ConfigError: ``n`` is negative, or items have no such metadata.
        """
        _at_least("n", n, 0)
        _at_least("min_ratings", min_ratings, 1)
        users = list(user) if _is_many(user) else [user]
        codes = np.array([self.ratings.user_ids.code(one) for one in users], np.int32)
        allowed, filtered = self._allowed(include, exclude, min_ratings)
        rows: list[tuple[Any, int, int, float]] = []
        remarks = []
        seen_left_out = 0
        high = 0
        for part in blocks(len(codes), max(1, _SCORES_AT_ONCE // max(1, self.ratings.n_items))):
            for row, (code, scores) in enumerate(
                zip(codes[part], self._scores(codes[part]), strict=True), part.start
            ):
                rated, _ = self.ratings.by_user.row(code)
                if not len(rated):
                    remarks.append(
                        f"user {users[row]!r} has no training ratings: ranked by item bias"
                    )
                scores[~allowed] = np.nan
                if not seen:
                    seen_left_out += int(allowed[rated].sum())
                    scores[rated] = np.nan
                best = top_n(scores, n)
                high += int(np.sum(scores[best] > self.ratings.scale[1]))
                rows += [
                    (users[row], rank, int(item), float(scores[item]))
                    for rank, item in enumerate(best, 1)
                ]
        if high:
            remarks.append(f"{high:,} scores above the scale, shown as {self.ratings.scale[1]:g}")
        if seen_left_out:
            filtered["already rated"] = seen_left_out
        scores = np.array([row[3] for row in rows], np.float32)
        return Recommendations(
            users=[row[0] for row in rows],
            ranks=[row[1] for row in rows],
            items=self.ratings.item_ids.raws([row[2] for row in rows]),
            titles=[self.catalog.title(row[2]) for row in rows],
            scores=np.clip(scores, *self.ratings.scale),
            filtered=filtered,
            remarks=tuple(remarks),
        )

    def _scores(self, users: Codes) -> Values:
        """Unclipped scores of all items for these users, shape (len(users), n_items)."""
        scores = np.array(self.model.predict_users(users))
        cold = np.flatnonzero(self.ratings.user_counts[users] == 0)
        if len(cold):
            scores[cold] = self.fallback.predict_users(np.full(len(cold), UNKNOWN, np.int32))
        return scores

    def _allowed(
        self, include: Wanted | None, exclude: Wanted | None, min_ratings: int
    ) -> tuple[Mask, dict[str, int]]:
        """Which items may be recommended, and how many each rule left out, in this order."""
        allowed = self.ratings.item_counts >= min_ratings
        filtered = {f"with fewer than {min_ratings} training ratings": int(np.sum(~allowed))}
        rules: list[tuple[str, Mask]] = []
        if include:
            rules.append((f"not {words(include)}", self.catalog.matches(include)))
        for name, value in (exclude or {}).items():
            one = {name: value}
            rules.append((f"with {words(one)}", ~self.catalog.matches(one)))
        for reason, keep in rules:
            filtered[reason] = int(np.sum(allowed & ~keep))
            allowed = allowed & keep
        return allowed, filtered

    def similar_items(self, item: Any, n: int = 10, *, min_ratings: int = 1) -> SimilarItems:
        """The items whose vectors point most nearly the same way.

        Args:
            item: a raw item id or title, or a sequence of them.
            n: how many for each.
            min_ratings: leave out items with fewer training ratings.

        Raises:
            UnknownItemError: an id or title does not occur.
            NotFittedFor: the model has no item vectors.
        """
        _at_least("n", n, 0)
        vectors = self.model.item_vectors()
        if vectors is None:
            raise NotFittedFor(
                f"a {self.recipe.name} model has no item vectors to compare: fit one with factors"
            )
        names = list(item) if _is_many(item) else [item]
        codes = np.array([self.catalog.code(name) for name in names], np.int32)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
        too_few = self.ratings.item_counts < min_ratings
        rows: list[tuple[int, int, int, float]] = []
        for part in blocks(len(codes), max(1, _SCORES_AT_ONCE // max(1, self.ratings.n_items))):
            for code, cosines in zip(codes[part], unit[codes[part]] @ unit.T, strict=True):
                cosines[too_few] = np.nan
                cosines[code] = np.nan
                rows += [
                    (int(code), rank, int(other), float(cosines[other]))
                    for rank, other in enumerate(top_n(cosines, n), 1)
                ]
        return SimilarItems(
            of=self.ratings.item_ids.raws([row[0] for row in rows]),
            ranks=[row[1] for row in rows],
            items=self.ratings.item_ids.raws([row[2] for row in rows]),
            titles=[self.catalog.title(row[2]) for row in rows],
            similarities=np.array([row[3] for row in rows], np.float32),
        )

    # Reading

    def explain(self, user: Any, item: Any) -> Explanation:
        """The parts a prediction is made of; they add up to it.

        Raises:
            UnknownUserError, UnknownItemError: an id or title does not occur.
        """
        from tastemap.explanation.why import explain

        user_code, item_code = self.ratings.user_ids.code(user), self.catalog.code(item)
        pair = self.predict_codes(np.array([user_code], np.int32), np.array([item_code], np.int32))
        model = self.model if pair.source[0] == MODEL else self.fallback
        return explain(model, self.ratings, user_code, item_code)

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
        model_folder.write(folder, packing.pack(self))
        return Path(folder)


def load(folder: str | Path) -> Recommender:
    """Load a model folder.

    Predictions are bit for bit those of the model that was saved. No code of the folder runs.

    Raises:
        ModelFolderError: the folder is missing, damaged, altered or of a newer format.
    """
    content = model_folder.read(folder)
    try:
        return Recommender(**packing.unpack(content))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelFolderError(f"{folder} does not hold a whole model: {error!r}") from error


def _is_many(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)


def _fits(vocabulary: Vocabulary, raw: Any) -> bool:
    """Whether a raw id is of the vocabulary's type, so that it may be a newcomer."""
    if isinstance(raw, bool):
        return False
    return isinstance(raw, int | np.integer) if vocabulary.holds_integers else isinstance(raw, str)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"{name} must be at least {least}, got {value}")
