"""What to recommend to somebody, how sure that is, and why, as pages show it."""

from __future__ import annotations

from typing import Any

from tastemap.models.posterior import PosteriorModel
from tastemap.web.pages.charts import Axis, bar
from tastemap.web.pages.visit import Visit
from tastemap.web.people import Person
from tastemap.web.schemas.lists import ListOptions, Reasons

LEVEL = 0.8
"""Share of ratings that the intervals on pages are to hold."""
_WHY = 3
"""Ratings named as reasons for each item."""


def recommended(visit: Visit, person: Person, n: int) -> dict[str, Any]:
    """The best items for somebody, with intervals where the model gives any.

    Args:
        visit: what is looked at.
        person: for whom.
        n: how many items.
    """
    sure = isinstance(visit.service.recommender.model, PosteriorModel)
    asked = ListOptions(n=n, min_ratings=_fewest(visit), why=_WHY, interval=LEVEL if sure else None)
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
                "because": _because(visit, one.reasons, one.score),
            }
        )
    return {
        "rows": rows,
        "rates": visit.service.rates,
        "level": LEVEL if any(row["ends"] for row in rows) else None,
        "made_from": found.made_from,
        "remarks": found.remarks,
        "exact": all(one.reasons is None or one.reasons.exact for one in found.items),
    }


def _because(visit: Visit, reasons: Reasons | None, score: float) -> list[dict[str, Any]]:
    """How far the score would be without each of the user's ratings, the furthest first.

    What hardly changes it is left out.
    """
    if reasons is None:
        return []
    changes = [reasons.score - one.without for one in reasons.because]
    most = max(map(abs, changes), default=0.0)
    return [
        {
            "item": one.item,
            "title": one.title,
            "rating": f"{one.rating:.3g}" if visit.reading.ratings.explicit else "",
            "adds": change,
            "without": _without(visit, one.without, score),
        }
        for one, change in zip(reasons.because, changes, strict=True)
        if abs(change) >= max(most / 20, 0.005 if visit.service.rates else 0)
    ]


def _without(visit: Visit, without: float, score: float) -> float | None:
    """What would be predicted without a rating, where people would see a difference."""
    low, high = visit.reading.ratings.scale
    shown = min(max(without, low), high)
    return shown if visit.service.rates and f"{shown:.1f}" != f"{score:.1f}" else None


def _fewest(visit: Visit) -> int:
    """Ratings an item needs to be shown here: an item nearly nobody rated is a leap in the dark."""
    return 3 if visit.reading.ratings.item_counts.max(initial=0) >= 30 else 1
