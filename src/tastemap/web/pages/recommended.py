"""What to recommend to somebody, how sure that is, and why, as pages show it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tastemap.data.vocabulary import UNKNOWN
from tastemap.models.posterior import PosteriorModel
from tastemap.web.pages.charts import Axis, bar
from tastemap.web.pages.visit import Visit
from tastemap.web.people import Person
from tastemap.web.schemas.lists import ListOptions

LEVEL = 0.8
"""Share of ratings that the intervals on pages are to hold."""


def recommended(visit: Visit, person: Person, n: int) -> dict[str, Any]:
    """The best items for somebody, with intervals where the model gives any.

    Args:
        visit: what is looked at.
        person: for whom.
        n: how many items.
    """
    found = visit.service.recommend(person, ListOptions(n=n, min_ratings=_fewest(visit), why=0))
    ratings, reading = visit.reading.ratings, visit.reading
    codes = np.array([ratings.item_ids.find(one.item) for one in found.items], np.int32)
    sure = _intervals(visit, person, codes) if found.made_from == "model" else None
    low, high = ratings.scale
    axis = Axis(low, high, 130)
    most = max((one.score for one in found.items), default=1.0) or 1.0
    rows = []
    for row, one in enumerate(found.items):
        ends = None if sure is None else (float(sure[0][row]), float(sure[1][row]))
        if not visit.service.rates:
            picture = bar(one.score / most, 90)
        else:
            picture = axis.range(one.score, *(ends or (one.score, one.score)), origin=None)
        rows.append(
            {
                "rank": one.rank,
                "item": one.item,
                "title": one.title,
                "about": reading.about(codes[row]),
                "score": one.score,
                "ends": ends,
                "picture": picture,
                "why": "",
            }
        )
    return {
        "rows": rows,
        "rates": visit.service.rates,
        "level": LEVEL if sure is not None else None,
        "made_from": found.made_from,
        "remarks": found.remarks,
    }


def _fewest(visit: Visit) -> int:
    """Ratings an item needs to be shown here: an item nearly nobody rated is a leap in the dark."""
    return 3 if visit.reading.ratings.item_counts.max(initial=0) >= 30 else 1


def _intervals(visit: Visit, person: Person, codes: Any) -> tuple[Any, Any] | None:
    """Ends of the interval of each prediction; None where the model does not say."""
    to = visit.service.recommender
    if not isinstance(to.model, PosteriorModel) or not len(codes):
        return None
    if person.folded is not None:
        raws = to.ratings.item_ids.raws(codes)
        found = to.predict(person.folded, raws, interval=LEVEL).interval
        return None if found is None else (found.low, found.high)
    if person.code == UNKNOWN:
        return None
    users = np.full(len(codes), person.code, np.int32)
    found = to.interval_codes(users, codes, to.predict_codes(users, codes), LEVEL)
    return found.low, found.high
