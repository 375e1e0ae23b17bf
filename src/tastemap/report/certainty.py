"""What a report says about how sure a model is: whether its intervals hold what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tastemap.evaluation.coverage import Coverage, coverage
from tastemap.models.posterior import PosteriorModel

if TYPE_CHECKING:
    from tastemap.data.ratings import Ratings
    from tastemap.recommender import Recommender

_LEVEL = 0.8


def measured(
    models: Mapping[str, Recommender], best_first: Sequence[str], valid: Ratings | None
) -> Coverage | str:
    """Coverage of the best model that says how sure it is, or why there is none."""
    posteriors = [name for name in best_first if isinstance(models[name].model, PosteriorModel)]
    if not posteriors:
        return "No model here says how sure it is; a BayesianMF does."
    name = posteriors[0]
    stored = models[name].coverage
    if valid is None and stored is not None and stored.rows.sum():
        return stored
    if valid is None or not len(valid):
        return (
            f"Whether the intervals of {name} hold what they say was not measured: no validation "
            "ratings were given."
        )
    if not valid.explicit:
        return (
            f"Whether the intervals of {name} hold what they say was not measured: intervals are "
            "of ratings, and the validation ratings are interactions."
        )
    found = coverage(models[name], valid, level=_LEVEL, name=name)
    if not found.rows.sum():
        return (
            f"Whether the intervals of {name} hold what they say was not measured: no validation "
            "rating is of a user and an item with training ratings."
        )
    return found
