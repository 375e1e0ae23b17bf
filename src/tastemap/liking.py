"""From what a recommender says of pairs to the chance that they are liked.

What it says of a pair is the rating to expect and, of a model that ranks items, how near the item
is to the top of the user's list:

- A model of ratings: how far its prediction is above the lowest like; in deviations of a rating,
  where it knows these.
- A model of scores: the same of what biases alone predict, and -log(rank / items) among all items
  that the user has not rated. A rank means the same after training on fewer ratings, a score does
  not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tastemap.arrays import Codes, Float64s, Int64s, Mask, Values
from tastemap.data.vocabulary import UNKNOWN
from tastemap.errors import DataError, NotFittedFor
from tastemap.evaluation.lists import threshold
from tastemap.models.blend import ranks_of
from tastemap.models.fold_in import FoldedHistory, FoldedUser
from tastemap.models.liking import Liking
from tastemap.models.posterior import PosteriorModel
from tastemap.models.protocol import SCORES_AT_ONCE, blocks
from tastemap.randomness import stream
from tastemap.results import MODEL, PairPredictions
from tastemap.training.baselines import newcomer_bias

if TYPE_CHECKING:
    from tastemap.recommender import Recommender

HELD_OUT = 0.2
"""Share of the training ratings that a second model is fitted without."""
_ROWS = 100_000
"""Held-out ratings that are learnt from, at most; those of whole users."""


def with_liking(to: Recommender, liked_from: float | None) -> Recommender:
    """See `Recommender.with_liking`."""
    if not to.ratings.explicit:
        raise NotFittedFor(
            f"{to.ratings.name} has interactions without ratings, which say what users took and "
            "not what they liked: only the model's scores can be had"
        )
    least = threshold(to.ratings, to.ratings) if liked_from is None else liked_from
    held = stream(to.seed, "liking").random(len(to.ratings)) < HELD_OUT
    if not held.any() or held.all():
        raise DataError(f"{len(to.ratings)} ratings are too few to hold some out of training")
    rest = to.recipe.fit(to.ratings.take(~held), seed=to.seed)
    tested = to.ratings.take(held)
    tested = tested.take(_of_some_users(tested.users, tested.n_users, to.seed))
    found, own = _pair_inputs(rest, tested.users, tested.items, float(least))
    liking = Liking.learnt(found[own], tested.values[own] >= least, float(least))
    return replace(to, liking=liking)


def _of_some_users(users: Codes, n_users: int, seed: int) -> Mask:
    """Rows of users drawn until there are `_ROWS` of them, shape (n,)."""
    drawn = stream(seed, "liking/users").permutation(n_users)
    before = np.empty(n_users, np.int64)
    before[drawn] = np.cumsum(np.bincount(users, minlength=n_users)[drawn])
    some: Mask = before[users] <= max(_ROWS, int(before[drawn[0]]))
    return some


def liking_codes(by: Recommender, users: Codes, items: Codes) -> Values:
    """See `Recommender.liking_codes`."""
    if by.liking is None:
        raise NotFittedFor(
            "the model has not learnt what users like: take model.with_liking(), or fit it with "
            "--liking on the command line"
        )
    found, own = _pair_inputs(by, users, items, by.liking.liked_from)
    chances = np.full(len(users), np.nan, np.float32)
    chances[own] = by.liking.chances(found[own])
    return chances


def pair_chances(
    by: Recommender,
    users: Codes | FoldedUser,
    items: Codes,
    pairs: PairPredictions,
    times: Int64s | None = None,
) -> Values | None:
    """Chance of liking of predicted pairs, shape (n,); None unless the model has learnt it.

    NaN where the prediction is not the model's own. The chance is that of the rating predicted:
    on a given day, of the user as they were then.
    """
    if by.liking is None:
        return None
    own = pairs.source == MODEL
    who = users if isinstance(users, FoldedUser) else users[own]
    then = None if times is None else times[own]
    chances = np.full(len(items), np.nan, np.float32)
    chances[own] = row_chances(by, by.liking, who, items[own], pairs.unclipped[own], None, then)
    return chances


def row_chances(
    by: Recommender,
    liking: Liking,
    users: Codes | FoldedUser | FoldedHistory,
    items: Codes,
    scores: Values,
    near: Values | None,
    times: Int64s | None = None,
) -> Values:
    """Chance of liking of pairs that have a score, shape (n,).

    Args:
        by: the recommender.
        liking: what it learnt.
        users: user code of each pair, shape (n,), or somebody new.
        items: item code of each pair, shape (n,).
        scores: unclipped score of each pair, shape (n,).
        near: of a model of scores, the `nearness` of each pair, shape (n,).
        times: that the scores are of, shape (n,); None: of no day.
    """
    expected, deviations = scores, np.ones(len(items), np.float32)
    if isinstance(users, FoldedHistory):
        everybody = by.fallback.predict_pairs(np.full(len(items), UNKNOWN), items)
        expected = everybody + newcomer_bias(by.fallback, users.items, users.values)
    elif isinstance(users, FoldedUser):
        if isinstance(by.model, PosteriorModel):
            deviations = by.model.newcomer_deviation(users, items)
    elif by.model.predicts == "scores":
        expected = by.fallback.predict_pairs(users, items)
    else:
        deviations = _deviations(by, users, items, times)
    return liking.chances(_inputs(expected, liking.liked_from, deviations, near))


def nearness(scores: Values, rated: tuple[Int64s, Codes]) -> Values:
    """How near each item is to the top of each list: -log(rank / items).

    Args:
        scores: of all items, shape (n_users, n_items).
        rated: position of the user, rising, and item code, of each rating they have given.

    Returns:
        The shape of ``scores``; NaN for users whose scores are all 0.
    """
    near = np.full(scores.shape, np.nan, np.float32)
    ends = np.searchsorted(rated[0], np.arange(len(scores) + 1))
    for place, mine in enumerate(scores):
        ranks = ranks_of(mine, rated[1][ends[place] : ends[place + 1]])
        if ranks is not None:
            near[place] = -np.log(ranks / len(mine))
    return near


def _pair_inputs(
    by: Recommender, users: Codes, items: Codes, liked_from: float
) -> tuple[Float64s, Mask]:
    """What a recommender says of pairs of codes, -1 where an id is unknown.

    Returns:
        x of each pair, shape (n, m), and for which pairs it is the model's own word, shape (n,).
    """
    ratings = by.ratings
    own: Mask = (users >= 0) & (items >= 0)
    own &= (ratings.user_counts[users] > 0) & (ratings.item_counts[items] > 0)
    if by.model.predicts == "ratings":
        expected, deviations = np.zeros((2, len(users)), np.float32)
        expected[own] = by.model.predict_pairs(users[own], items[own])
        deviations[own] = _deviations(by, users[own], items[own])
        deviations[~own] = 1
        return _inputs(expected, liked_from, deviations), own
    near = np.full(len(users), np.nan, np.float32)
    distinct = np.unique(users[own])
    for part in blocks(len(distinct), max(1, SCORES_AT_ONCE // ratings.n_items)):
        some = distinct[part]
        rows = np.flatnonzero(own & (users >= some[0]) & (users <= some[-1]))
        place = np.searchsorted(some, users[rows])
        all_near = nearness(by.model.predict_users(some), ratings.by_user.pairs(some))
        near[rows] = all_near[place, items[rows]]
    own &= ~np.isnan(near)
    return _inputs(by.fallback.predict_pairs(users, items), liked_from, 1, near), own


def _inputs(
    expected: Values, liked_from: float, deviations: Values | float, near: Values | None = None
) -> Float64s:
    """The x of pairs, shape (n, 1), or (n, 2) of a model of scores."""
    above = (expected - liked_from) / deviations
    return np.column_stack([above] if near is None else [above, near]).astype(np.float64)


def _deviations(by: Recommender, users: Codes, items: Codes, times: Int64s | None = None) -> Values:
    """Standard deviation of a rating of each pair, shape (n,); 1 where it is not known."""
    if not isinstance(by.model, PosteriorModel):
        return np.ones(len(items), np.float32)
    return by.model.posterior_pairs(users, items, times).rating_deviation
