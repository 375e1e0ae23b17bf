"""The first page: what model this is, how good it is, and where to go from here."""

from __future__ import annotations

from typing import Any

import numpy as np
from starlette.responses import Response

from tastemap.maps.ends import well_known_ends
from tastemap.plots import numbers
from tastemap.web.pages.rankings import rows_of
from tastemap.web.pages.visit import Visit, page

_SHOWN = 5


@page
def overview(visit: Visit) -> Response:
    """The overview of the live model."""
    reading, ratings = visit.reading, visit.reading.ratings
    found = reading.components
    return visit.show(
        "overview.html",
        "overview",
        recipe=type(reading.recommender.recipe).__name__,
        model_name=visit.service.name,
        facts=_facts(visit),
        error=_error(visit),
        scale=tuple(f"{end:g}" for end in ratings.scale),
        ends=None if found is None else well_known_ends(found),
        share=None if found is None else found[0].share,
        axes=None if found is None else tuple(number + 1 for number in reading.axes),
        picture=None if reading.scatter is None else reading.scatter.draw("The map of taste", {}),
        rankings=_both_ends(visit),
        unsure=reading.ranked is not None and reading.ranked.ranking.deviations is not None,
        users=ratings.user_ids.raws(ratings.most_active_users(3)),
        popular=_popular(visit),
    )


def _facts(visit: Visit) -> list[tuple[str, str]]:
    ratings = visit.reading.ratings
    facts = [
        (ratings.noun, numbers.count(len(ratings))),
        ("users", numbers.count(int(np.count_nonzero(ratings.user_counts)))),
        ("items", numbers.count(int(np.count_nonzero(ratings.item_counts)))),
    ]
    if ratings.explicit:
        facts.append(("mean rating", numbers.decimal(ratings.mean, 2)))
    return facts


def _error(visit: Visit) -> dict[str, Any] | None:
    """How good the model was on ratings it had not seen, if that was measured."""
    found = visit.reading.recommender.evaluation
    if found is None or found.rmse is None or found.mae is None:
        return None
    return {"rows": found.rows, "mae": found.mae, "rmse": found.rmse}


def _both_ends(visit: Visit) -> list[tuple[str, list[dict[str, Any]]]]:
    """The best and the least liked of the items that many rated."""
    ranked = visit.reading.ranked
    if ranked is None:
        return []
    ranking = visit.service.reading.found_biases()
    n = min(_SHOWN, len(ranking) // 2)
    return [
        ("Best liked", rows_of(visit.reading, ranking.top(n), width=84)),
        ("Least liked", rows_of(visit.reading, ranking.bottom(n), width=84)),
    ]


def _popular(visit: Visit) -> list[tuple[object, str, int]]:
    """The most rated items: what to show of a model without biases."""
    ratings = visit.reading.ratings
    codes = ratings.most_rated_items(2 * _SHOWN)
    return [
        (ratings.item_ids.raw(code), ratings.catalog.title(code), int(ratings.item_counts[code]))
        for code in codes
    ]
