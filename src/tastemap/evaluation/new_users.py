"""Users the model was not trained on, folded in before it is measured on them.

That is strong generalisation (Marlin 2004, "Collaborative filtering: a machine learning
perspective", section 3.3): of users who are held out, some ratings are told to the finished model,
and the others are to be predicted. Weak generalisation keeps back ratings of users it knows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tastemap.data.ratings import Ratings
from tastemap.errors import DataError, NotFittedFor
from tastemap.models.bias import BiasModel
from tastemap.models.factors import FactorModel
from tastemap.training.baselines import BiasesOnly, GlobalMean

if TYPE_CHECKING:
    from tastemap.recommender import Recommender


def with_new_users(model: Recommender, known: Ratings) -> Recommender:
    """The model with users folded in, one by one, from some of their ratings; nothing is trained.

    Args:
        model: a fitted model with factors and biases, or a baseline.
        known: ratings of users without training ratings, over the same vocabularies.

    Raises:
        DataError: the vocabularies differ, or a user has training ratings.
        NotFittedFor: the model cannot take in new users.
    """
    train = model.ratings
    if known.user_ids != train.user_ids or known.item_ids != train.item_ids:
        raise DataError("known and training ratings have different ids: make both from one table")
    if np.any(train.user_counts[known.users]):
        raise DataError("a user of the known ratings has training ratings: see split.new_users")
    # Of an item without training ratings nothing is known: it tells nothing, and is in no list.
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
    if model.recipe.name == "popularity":  # one list for everybody
        return replace(model, ratings=both)
    if isinstance(model.model, BiasModel):
        return replace(model, model=_with_biases(model, known), ratings=both)
    if not isinstance(model.model, FactorModel) or model.model.user_bias is None:
        raise NotFittedFor(f"a {model.recipe.name} model cannot take in new users")
    factors, bias = model.model.user_factors.copy(), model.model.user_bias.copy()
    raw = train.item_ids.raws(np.arange(train.n_items))
    for user in users:
        items, values = known.by_user.row(user)
        told = {raw[item]: float(value) for item, value in zip(items, values, strict=True)}
        folded = model.fold_in(told)
        factors[user], bias[user] = folded.factors, folded.bias
    rows = FactorModel(
        mean=model.model.mean,
        user_bias=bias,
        item_bias=model.model.item_bias,
        user_factors=factors,
        item_factors=model.model.item_factors,
    )
    return replace(model, model=rows, ratings=both)


def _with_biases(model: Recommender, known: Ratings) -> BiasModel:
    """A baseline with damped biases of new users; the mean stays the mean."""
    biases, recipe = model.model, model.recipe
    if isinstance(recipe, GlobalMean) and isinstance(biases, BiasModel):
        return biases
    if not (isinstance(recipe, BiasesOnly) and isinstance(biases, BiasModel)):
        raise NotFittedFor(f"a {recipe.name} model cannot take in new users")
    # b = Σ (r - μ - c) / (damping + n), as in training
    rest = known.values - biases.mean - biases.item_bias[known.items]
    total = np.bincount(known.users, rest, minlength=known.n_users)
    new = known.user_counts > 0
    bias = np.where(
        new, total / np.maximum(known.user_counts + recipe.user_damping, 1e-9), biases.user_bias
    )
    return replace(biases, user_bias=bias.astype(np.float32))
