"""From pairs of ids, or of codes, to predictions with their fallbacks, dates and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap.arrays import AnyArray, Codes, Int64s, Mask, Values
from tastemap.data.moments import Moment, seconds_of
from tastemap.data.vocabulary import UNKNOWN
from tastemap.errors import ConfigError, NotFittedFor
from tastemap.liking import pair_chances
from tastemap.models.fold_in import FoldedHistory, FoldedUser
from tastemap.models.posterior import PosteriorModel
from tastemap.results import (
    GLOBAL_MEAN,
    ITEM_BIAS,
    MODEL,
    USER_BIAS,
    Interval,
    PairPredictions,
    Prediction,
)
from tastemap.training.baselines import newcomer_bias

if TYPE_CHECKING:
    from tastemap.recommender import Recommender


NEW = "new"
"""What somebody without an id is called in results."""


def predict(
    to: Recommender, user: Any, item: Any, interval: float | None, at: Moment | None
) -> Prediction:
    """See `Recommender.predict`."""
    _check_rates(to)
    users, ratings = listed(user), to.ratings
    items = ratings.item_ids.ids.to_pylist() if item is None else listed(item)
    if item is None or 1 in (len(users), len(items)):
        users, items = [one for one in users for _ in items], items * len(users)
    elif len(users) != len(items):
        raise ConfigError(f"{len(users)} users and {len(items)} items are not pairs")
    item_of = to.catalog.code_or_unknown
    item_codes = np.array([item_of(one) for one in items], np.int32)
    moment, times = None, None
    if at is not None:
        if _dated(to) is None:
            raise NotFittedFor(
                f"users of this {type(to.recipe).__name__} model are the same on all days: leave "
                "out the date, or fit BayesianMF(days=True) on ratings with times"
            )
        moment = seconds_of(at)
        times = np.full(len(users), moment)
    sure = None
    who: Codes | FoldedUser
    if isinstance(user, FoldedUser):
        check_own(to, user)
        users, who = [NEW] * len(items), user
        pairs = predict_newcomer(to, user, item_codes, times)
        if interval is not None:
            sure = newcomer_interval(to, user, item_codes, pairs, interval)
    else:
        who = np.array([ratings.user_ids.code_or_unknown(one) for one in users], np.int32)
        pairs = predict_codes(to, who, item_codes, times)
        if interval is not None:
            sure = interval_codes(to, who, item_codes, pairs, interval, times)
    title, raw = to.catalog.title, ratings.item_ids.raw
    asked = list(zip(items, item_codes, strict=True))
    return Prediction(
        users=users,
        items=[one if code == UNKNOWN else raw(code) for one, code in asked],
        titles=[str(one) if code == UNKNOWN else title(code) for one, code in asked],
        pairs=pairs,
        scale=ratings.scale,
        interval=sure,
        at=moment,
        chances=pair_chances(to, who, item_codes, pairs, times),
        liked_from=None if to.liking is None else to.liking.liked_from,
    )


def predict_codes(
    to: Recommender, users: Codes, items: Codes, times: Int64s | None
) -> PairPredictions:
    """See `Recommender.predict_codes`."""
    _check_rates(to)
    ratings = to.ratings
    known_user = (users >= 0) & (ratings.user_counts[users] > 0)
    known_item = (items >= 0) & (ratings.item_counts[items] > 0)
    source = np.full(len(users), GLOBAL_MEAN, np.uint8)
    source[known_user] = USER_BIAS
    source[known_item] = ITEM_BIAS
    source[known_user & known_item] = MODEL
    own = source == MODEL
    unclipped = np.empty(len(users), np.float32)
    dated, by_day = _dated(to), None
    if dated is None or times is None:
        unclipped[own] = to.model.predict_pairs(users[own], items[own])
    else:
        unclipped[own] = dated.predict_dated(users[own], items[own], times[own])
        if dated.days is not None:
            by_day = own & (dated.days.rows(dated.n_users, users, times) >= dated.n_users)
    unclipped[~own] = to.fallback.predict_pairs(
        np.where(known_user, users, UNKNOWN)[~own], np.where(known_item, items, UNKNOWN)[~own]
    )
    return _clipped(to, unclipped, source, by_day)


def _check_rates(to: Recommender) -> None:
    if to.model.predicts != "ratings":
        raise NotFittedFor(
            f"{to.recipe.called} model ranks items and predicts no ratings: ask it to recommend, "
            "or fit BayesianMF"
        )


def predict_newcomer(
    to: Recommender, user: FoldedUser, items: Codes, times: Int64s | None
) -> PairPredictions:
    """Predictions for somebody new, who has no code."""
    known = (items >= 0) & (to.ratings.item_counts[items] > 0)
    own = USER_BIAS if len(user.items) else GLOBAL_MEAN
    source = np.where(known, MODEL, own).astype(np.uint8)
    bias = newcomer_bias(to.fallback, user.items, user.values)
    unclipped = np.full(len(items), to.fallback.mean + bias, np.float32)
    unclipped[known] = user.predict()[items[known]]
    no_day = None if times is None else np.zeros(len(items), np.bool_)
    return _clipped(to, unclipped, source, no_day)


def _clipped(
    to: Recommender, unclipped: Values, source: AnyArray, by_day: Mask | None
) -> PairPredictions:
    low, high = to.ratings.scale
    clipped = np.clip(unclipped, np.float32(low), np.float32(high))
    return PairPredictions(values=clipped, unclipped=unclipped, source=source, by_day=by_day)


def interval_codes(
    to: Recommender,
    users: Codes,
    items: Codes,
    pairs: PairPredictions,
    level: float,
    times: Int64s | None,
) -> Interval:
    """See `Recommender.interval_codes`."""
    model = _posterior(to)
    own = pairs.source == MODEL
    asked = users[own], items[own]
    then = None if times is None else times[own]
    ends = np.full((3, len(users)), np.nan, np.float32)
    ends[1:, own] = model.interval_pairs(*asked, level, then)
    ends[0, own] = model.posterior_pairs(*asked, then).rating_deviation
    return _interval(to, level, *ends)


def newcomer_interval(
    to: Recommender, user: FoldedUser, items: Codes, pairs: PairPredictions, level: float
) -> Interval:
    """How sure predictions for somebody new are: as sure as of users with as many ratings."""
    model = _posterior(to)
    own = pairs.source == MODEL
    deviation = np.full(len(items), np.nan, np.float32)
    deviation[own] = model.newcomer_deviation(user, items[own])
    counts = to.ratings.user_counts
    half = deviation.copy()
    half[own] *= model.newcomer_width(user, counts, items[own], level)
    return _interval(to, level, deviation, pairs.unclipped - half, pairs.unclipped + half)


def _interval(
    to: Recommender, level: float, deviation: Values, low: Values, high: Values
) -> Interval:
    scale = to.ratings.scale
    return Interval(
        level=level, deviation=deviation, low=np.clip(low, *scale), high=np.clip(high, *scale)
    )


def _posterior(to: Recommender) -> PosteriorModel:
    if not isinstance(to.model, PosteriorModel):
        raise NotFittedFor(f"{to.recipe.called} model cannot say how sure it is: fit BayesianMF")
    return to.model


def check_own(to: Recommender, user: FoldedUser | FoldedHistory) -> None:
    """Refuse somebody who was folded into another model."""
    if user.model is not to.model:
        raise ConfigError("this user was folded into another model: use fold_in of this one")


def listed(value: Any) -> list[Any]:
    """One value or many as a list; a text is one."""
    many = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)
    return list(value) if many else [value]


def _dated(to: Recommender) -> PosteriorModel | None:
    """The model, if its predictions depend on the date."""
    model = to.model
    return model if isinstance(model, PosteriorModel) and model.dated else None
