"""Users the model was not trained on, folded in before it is measured on them.

That is strong generalisation (Marlin 2004, "Collaborative filtering: a machine learning
perspective", section 3.3): of users who are held out, some ratings are told to the finished model,
and the others are to be predicted. Weak generalisation keeps back ratings of users it knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, NoReturn

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Int64s, Values
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError, NotFittedFor
from tastemap.models.bias import BiasModel
from tastemap.models.factors import FactorModel
from tastemap.models.fold_in import FoldedUser
from tastemap.models.protocol import ListModel, Predicts, pairs_by_user
from tastemap.training.baselines import BiasesOnly, GlobalMean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tastemap.data.splits import Split
    from tastemap.recommender import Recommender
    from tastemap.training.recipe import Recipe

CANNOT_FOLD_IN = frozenset({"dot", "neural"})
"""Recipes whose models cannot take in new users."""


def check_recipes(recipes: Iterable[Recipe], split: Split) -> None:
    """Refuse, before they are fitted, recipes that cannot be measured on a split.

    Raises:
        NotFittedFor: users of the split are new, and a model cannot take them in.
    """
    for recipe in recipes:
        if split.known is not None and recipe.name in CANNOT_FOLD_IN:
            raise _cannot(recipe)


def with_new_users(model: Recommender, known: Ratings) -> Recommender:
    """The model with users folded in, one by one, from some of their ratings; nothing is trained.

    They get what `Recommender.predict` and `Recommender.recommend` give somebody new.

    Args:
        model: a fitted model with factors and biases, or one that ranks items, or a baseline.
        known: ratings of users without training ratings, over the same vocabularies.

    Raises:
        DataError: the vocabularies differ, or a user has training ratings, or one of the two has
            ratings and one interactions.
        NotFittedFor: the model cannot take in new users.
    """
    train = model.ratings
    if known.user_ids != train.user_ids or known.item_ids != train.item_ids:
        raise DataError("known and training ratings have different ids: make both from one table")
    if np.any(train.user_counts[known.users]):
        raise DataError("a user of the known ratings has training ratings: see split.new_users")
    if known.explicit != train.explicit:
        raise DataError("of training and known rows, one has ratings and one interactions")
    # As `Recommender.predict` does it: what items without training ratings got says how generous.
    fallback = _with_biases(model.fallback, known, BiasesOnly().user_damping)
    # Of an item without training ratings nothing else is known, and it is in no list.
    known = known.take(train.item_counts[known.items] > 0)
    users = np.unique(known.users)
    both = replace(
        train,
        users=np.concatenate([train.users, known.users]),
        items=np.concatenate([train.items, known.items]),
        values=np.concatenate([train.values, known.values]),
        times=None,
        weights=None,
    )
    if isinstance(model.model, ListModel):
        with_known = _Told(model=model.model, known=known, counts=train.item_counts)
        return replace(model, model=with_known, ratings=both)
    if isinstance(model.model, BiasModel):
        return replace(model, model=_baseline(model, known), ratings=both, fallback=fallback)
    if not isinstance(model.model, FactorModel) or model.model.user_bias is None:
        raise _cannot(model.recipe)
    factors, bias = model.model.user_factors.copy(), model.model.user_bias.copy()
    raw = train.item_ids.raws(np.arange(train.n_items))
    for user in users:
        items, values = known.by_user.row(user)
        told = {raw[item]: float(value) for item, value in zip(items, values, strict=True)}
        folded = model.fold_in(told)
        assert isinstance(folded, FoldedUser)  # noqa: S101  # of a model with biases
        factors[user], bias[user] = folded.factors, folded.bias
    rows = FactorModel(
        mean=model.model.mean,
        user_bias=bias,
        item_bias=model.model.item_bias,
        user_factors=factors,
        item_factors=model.model.item_factors,
    )
    return replace(model, model=rows, ratings=both, fallback=fallback)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Told:
    """A model that ranks items, and ranks them for new users by what is known of them.

    Attributes:
        model: the fitted model.
        known: ratings of the new users.
        counts: training ratings of each item: scores where what is known says nothing.
    """

    kind: ClassVar[str] = "told"
    predicts: ClassVar[Predicts] = "scores"

    model: ListModel
    known: Ratings
    counts: Int64s

    @property
    def n_users(self) -> int:
        return self.model.n_users

    @property
    def n_items(self) -> int:
        return self.model.n_items

    def predict_pairs(self, users: Codes, items: Codes) -> Values:
        return pairs_by_user(self, users, items)

    def predict_users(self, users: Codes) -> Values:
        new = self.known.user_counts[users] > 0
        scores = np.empty((len(users), self.n_items), np.float32)
        scores[~new] = self.model.predict_users(users[~new])
        for row in np.flatnonzero(new):
            found = self.model.predict_new(*self.known.by_user.row(users[row]))
            scores[row] = found if found.any() else self.counts
        return scores

    def item_vectors(self) -> Factors | None:
        return self.model.item_vectors()

    def parameters(self) -> NoReturn:
        raise NotFittedFor("users are folded in to be measured only: save the model without them")

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, AnyArray]) -> NoReturn:
        raise NotFittedFor(f"users who are folded in are not kept: {', '.join(parameters)}")


def _cannot(recipe: Recipe) -> NotFittedFor:
    return NotFittedFor(
        f"{recipe.called} model cannot take in new users or ratings: fit BayesianMF or "
        "BiasedMF, or measure it on users it was trained on, without known ratings"
    )


def _baseline(model: Recommender, known: Ratings) -> BiasModel:
    """A baseline with biases of new users; the mean stays the mean."""
    biases, recipe = model.model, model.recipe
    if isinstance(recipe, GlobalMean) and isinstance(biases, BiasModel):
        return biases
    if not (isinstance(recipe, BiasesOnly) and isinstance(biases, BiasModel)):
        raise _cannot(recipe)
    return _with_biases(biases, known, recipe.user_damping)


def _with_biases(biases: BiasModel, known: Ratings, damping: float) -> BiasModel:
    """Biases with those of new users, damped."""
    # b = Σ (r - μ - c) / (damping + n), as in training
    rest = known.values - biases.mean - biases.item_bias[known.items]
    total = np.bincount(known.users, rest, minlength=known.n_users)
    new = known.user_counts > 0
    bias = np.where(new, total / np.maximum(known.user_counts + damping, 1e-9), biases.user_bias)
    return replace(biases, user_bias=bias.astype(np.float32))
