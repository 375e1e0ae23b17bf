"""From pairs of ids, or of codes, to predictions with their fallbacks, dates and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap.arrays import Codes, Int64s
from tastemap.data.moments import Moment, seconds_of
from tastemap.data.vocabulary import UNKNOWN
from tastemap.errors import ConfigError, NotFittedFor
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

if TYPE_CHECKING:
    from tastemap.recommender import Recommender


def predict(
    to: Recommender, user: Any, item: Any, interval: float | None, at: Moment | None
) -> Prediction:
    """See `Recommender.predict`."""
    users, ratings = listed(user), to.ratings
    items = ratings.item_ids.ids.to_pylist() if item is None else listed(item)
    if item is None or 1 in (len(users), len(items)):
        users, items = [one for one in users for _ in items], items * len(users)
    elif len(users) != len(items):
        raise ConfigError(f"{len(users)} users and {len(items)} items are not pairs")
    user_of, item_of = ratings.user_ids.code_or_unknown, to.catalog.code_or_unknown
    user_codes = np.array([user_of(one) for one in users], np.int32)
    item_codes = np.array([item_of(one) for one in items], np.int32)
    moment, times = None, None
    if at is not None:
        if _with_days(to) is None:
            raise NotFittedFor(
                f"users of this {to.recipe.name} model are the same on all days: leave out the "
                "date, or fit BayesianMF(days=True) on ratings with times"
            )
        moment = seconds_of(at)
        times = np.full(len(users), moment)
    pairs = predict_codes(to, user_codes, item_codes, times)
    sure = None
    if interval is not None:
        sure = interval_codes(to, user_codes, item_codes, pairs, interval, times)
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
    )


def predict_codes(
    to: Recommender, users: Codes, items: Codes, times: Int64s | None
) -> PairPredictions:
    """See `Recommender.predict_codes`."""
    ratings = to.ratings
    known_user = (users >= 0) & (ratings.user_counts[users] > 0)
    known_item = (items >= 0) & (ratings.item_counts[items] > 0)
    source = np.full(len(users), GLOBAL_MEAN, np.uint8)
    source[known_user] = USER_BIAS
    source[known_item] = ITEM_BIAS
    source[known_user & known_item] = MODEL
    own = source == MODEL
    unclipped = np.empty(len(users), np.float32)
    dated, by_day = _with_days(to), None
    if dated is None or dated.days is None or times is None:
        unclipped[own] = to.model.predict_pairs(users[own], items[own])
    else:
        unclipped[own] = dated.predict_dated(users[own], items[own], times[own])
        by_day = own & (dated.days.rows(dated.n_users, users, times) >= dated.n_users)
    unclipped[~own] = to.fallback.predict_pairs(
        np.where(known_user, users, UNKNOWN)[~own], np.where(known_item, items, UNKNOWN)[~own]
    )
    low, high = ratings.scale
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
    if not isinstance(to.model, PosteriorModel):
        raise NotFittedFor(f"a {to.recipe.name} model cannot say how sure it is: fit BayesianMF")
    own = pairs.source == MODEL
    asked = users[own], items[own]
    then = None if times is None else times[own]
    ends = np.full((3, len(users)), np.nan, np.float32)
    ends[1:, own] = to.model.interval_pairs(*asked, level, then)
    ends[0, own] = to.model.posterior_pairs(*asked, then).rating_deviation
    deviation, low, high = ends
    return Interval(
        level=level,
        deviation=deviation,
        low=np.clip(low, *to.ratings.scale),
        high=np.clip(high, *to.ratings.scale),
    )


def listed(value: Any) -> list[Any]:
    """One value or many as a list; a text is one."""
    many = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)
    return list(value) if many else [value]


def _with_days(to: Recommender) -> PosteriorModel | None:
    """The model, if its users differ from day to day."""
    model = to.model
    return model if isinstance(model, PosteriorModel) and model.days is not None else None
