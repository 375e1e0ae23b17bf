"""What to recommend to somebody, how sure that is, and why, as pages show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tastemap.models.interactions import Signal
from tastemap.models.posterior import PosteriorModel
from tastemap.plots import numbers
from tastemap.web.pages import asking
from tastemap.web.pages.charts import Axis, bar
from tastemap.web.pages.reading import Reading
from tastemap.web.pages.visit import Visit
from tastemap.web.people import Person
from tastemap.web.schemas.lists import ListOptions, Reasons

LEVEL = 0.8
"""Share of ratings that the intervals on pages are to hold."""
_WHY = 3
"""Ratings named as reasons for each item."""


def least_of(query: Mapping[str, str], reading: Reading) -> int:
    """How many ratings an item needs to be shown, as it is asked for.

    Raises:
        ConfigError: that is no whole number.
    """
    return asking.whole(query, "least", reading.enough, 1, 10**12)


def recommended(visit: Visit, person: Person, n: int, least: int) -> dict[str, Any]:
    """The best items for somebody, with intervals where the model gives any.

    Args:
        visit: what is looked at.
        person: for whom.
        n: how many items.
        least: ratings an item needs to be shown.
    """
    sure = isinstance(visit.service.recommender.model, PosteriorModel)
    asked = ListOptions(n=n, min_ratings=least, why=_WHY, interval=LEVEL if sure else None)
    found = visit.service.recommend(person, asked)
    low, high = visit.reading.ratings.scale
    axis = Axis(low, high, 130)
    most = max((one.score for one in found.items), default=1.0) or 1.0
    rows = []
    for one in found.items:
        ends = None if one.low is None or one.high is None else (one.low, one.high)
        if visit.service.rates:
            picture = axis.range(one.score, *(ends or (one.score, one.score)), origin=None)
        else:
            picture = bar(one.score / most, 90)
        rows.append(
            {
                "item": one.item,
                "title": one.title,
                "about": visit.reading.about(visit.service.people.item_code(one.item)),
                "score": one.score,
                "ends": ends,
                "picture": picture,
                "chance": one.chance_liked,
                "because": _because(visit, one.reasons, one.score),
            }
        )
    liking = visit.service.recommender.liking
    return {
        "rows": rows,
        "rates": visit.service.rates,
        "counts": _counts(visit),
        "liked_from": liking.liked_from if liking and any_known(rows, "chance") else None,
        "least": least,
        "left_out": found.left_out,
        "level": LEVEL if any_known(rows, "ends") else None,
        "made_from": found.made_from,
        "remarks": found.remarks,
        "exact": all(one.reasons is None or one.reasons.exact for one in found.items),
    }


def _because(visit: Visit, reasons: Reasons | None, score: float) -> list[dict[str, Any]]:
    """How far the score would be without each of the user's ratings, the furthest first.

    What hardly changes it is left out, and a rating is named where how high it is counts.
    """
    if reasons is None:
        return []
    changes = [reasons.score - one.without for one in reasons.because]
    most = max(map(abs, changes), default=0.0)
    digits = numbers.digits_of(most)
    return [
        {
            "item": one.item,
            "title": one.title,
            "rating": "" if _signals(visit) else f"{one.rating:.3g}",
            "adds": numbers.signed(change, digits),
            "without": _without(visit, one.without, score),
        }
        for one, change in zip(reasons.because, changes, strict=True)
        if abs(change) >= max(most / 20, 0.005 if visit.service.rates else 0) and change
    ]


def _without(visit: Visit, without: float, score: float) -> float | None:
    """What would be predicted without a rating, where people would see a difference."""
    low, high = visit.reading.ratings.scale
    shown = min(max(without, low), high)
    return shown if visit.service.rates and f"{shown:.1f}" != f"{score:.1f}" else None


def any_known(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a column of a table has anything in it."""
    return any(row[name] is not None for row in rows)


def _counts(visit: Visit) -> str | None:
    """What counts of a rating in a model that looks at no more than whether there is one.

    ``"any"``, or the lowest rating that says anything; None: how high it is counts, or there are
    no ratings.
    """
    signals = _signals(visit)
    if not visit.reading.ratings.explicit or not signals:
        return None
    least = min(one.least for one in signals)
    return f"{least:g}" if np.isfinite(least) else "any"


def _signals(visit: Visit) -> list[Signal]:
    """What a rating says to the model, or to each it blends; none where how high it is counts."""
    model: Any = visit.service.recommender.model
    if visit.service.rates:
        return []
    of = [
        one.signal if hasattr(one, "signal") else one.users.signal
        for one in getattr(model, "models", (model,))
    ]
    return [] if any(one.centred for one in of) else of
