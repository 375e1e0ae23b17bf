"""How far predictions are from ratings the model has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import metrics
from tastemap.arrays import Codes
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import DataError
from tastemap.results import SOURCES
from tastemap.tables import Table

if TYPE_CHECKING:
    from tastemap.recommender import Recommender


@dataclass(frozen=True, kw_only=True)
class Evaluation(Table):
    """Errors of one model on test ratings.

    Attributes:
        model: name of the recipe, or what the caller called the model.
        rows: ratings tested, n.
        rmse, mae: in units of the ratings, of predictions clipped to the scale.
        mse: squared units.
        made_from: rows by what they were predicted from (`tastemap.results.SOURCES`).
        overlap: test rows that are also training rows: a model has seen these.
        fit_seconds: wall time of training.
        by_day: test rows predicted by what the user was like on the day of the rating; None where
            the model's users are the same on all days, or the rows have no times.
    """

    model: str
    rows: int
    rmse: float
    mse: float
    mae: float
    made_from: dict[str, int]
    overlap: int
    fit_seconds: float
    by_day: int | None = None

    def columns(self) -> dict[str, list[Any]]:
        """Model, RMSE, MSE, MAE, rows, fallbacks and seconds: one row."""
        return _columns([self])

    @property
    def notes(self) -> list[str]:
        """Rows that fell back, rows predicted by their day, a warning about rows seen before."""
        return _notes([self])

    def to_json(self) -> dict[str, Any]:
        """The evaluation as plain values, for a manifest."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Comparison(Table):
    """Several models on the same test ratings, best first."""

    evaluations: tuple[Evaluation, ...]

    def columns(self) -> dict[str, list[Any]]:
        """Model, RMSE, MSE, MAE, rows, fallbacks and seconds: one row a model."""
        return _columns(self.evaluations)

    @property
    def notes(self) -> list[str]:
        """Rows that fell back, rows predicted by their day, a warning about rows seen before."""
        return _notes(self.evaluations)


def _columns(evaluations: Sequence[Evaluation]) -> dict[str, list[Any]]:
    return {
        "model": [one.model for one in evaluations],
        "rmse": [one.rmse for one in evaluations],
        "mse": [one.mse for one in evaluations],
        "mae": [one.mae for one in evaluations],
        "rows": [one.rows for one in evaluations],
        "fell_back": [one.rows - one.made_from[SOURCES[0]] for one in evaluations],
        "fit_seconds": [round(one.fit_seconds, 2) for one in evaluations],
    }


def _notes(evaluations: Sequence[Evaluation]) -> list[str]:
    notes = []
    first = evaluations[0] if evaluations else None
    if first is not None and first.rows > first.made_from[SOURCES[0]]:
        parts = [f"{first.made_from[name]:,} from the {name}" for name in SOURCES[1:]]
        share = 1 - first.made_from[SOURCES[0]] / first.rows
        notes.append(
            f"{share:.1%} of rows have a user or item without training ratings: {', '.join(parts)}"
        )
    notes += [
        f"{one.model}: {by_day_said(one.by_day)}" for one in evaluations if one.by_day is not None
    ]
    return notes + [
        f"{one.model}: {one.overlap:,} test rows were also trained on"
        for one in evaluations
        if one.overlap
    ]


def by_day_said(rows: int) -> str:
    """How many rows were predicted by their day, and what that means."""
    return f"{rows:,} rows by what the user was like that day, from training ratings of that day"


def evaluate(model: Recommender, test: Ratings, *, name: str | None = None) -> Evaluation:
    """Measure a model on ratings.

    Predictions are those users get: clipped to the scale, with the documented fallback where user
    or item has no training ratings. Ids need not be those of the training ratings. Where the model
    knows what users were like on single days, the times of the test ratings are made use of; the
    result says for how many.

    Args:
        model: a fitted model.
        test: ratings it was not trained on.
        name: what to call the model; None for the name of its recipe.

    Raises:
        DataError: there are no test ratings.
    """
    if not len(test):
        raise DataError("there are no ratings to test on")
    users, items = codes_of(test, model.ratings)
    pairs = model.predict_codes(users, items, test.times)
    counts = np.bincount(pairs.source, minlength=len(SOURCES))
    return Evaluation(
        model=model.recipe.name if name is None else name,
        rows=len(test),
        rmse=metrics.rmse(test.values, pairs.values),
        mse=metrics.mse(test.values, pairs.values),
        mae=metrics.mae(test.values, pairs.values),
        made_from={name: int(count) for name, count in zip(SOURCES, counts, strict=True)},
        overlap=count_seen(model.ratings, users, items),
        fit_seconds=model.seconds,
        by_day=None if pairs.by_day is None else int(pairs.by_day.sum()),
    )


def compare(models: Sequence[Recommender] | Mapping[str, Recommender], test: Ratings) -> Comparison:
    """Measure several models on the same ratings, best first.

    Args:
        models: fitted models; in a mapping, under the names they are to have.
        test: ratings none was trained on.

    Raises:
        DataError: there are no models or no test ratings.
    """
    if not models:
        raise DataError("there are no models to compare")
    named = models.items() if isinstance(models, Mapping) else [(None, one) for one in models]
    evaluations = [evaluate(model, test, name=name) for name, model in named]
    return Comparison(evaluations=tuple(sorted(evaluations, key=lambda one: one.rmse)))


def codes_of(test: Ratings, train: Ratings) -> tuple[Codes, Codes]:
    """Users and items of test ratings as codes of the training ratings, -1 where unknown there."""
    return (
        _recode(test.users, test.user_ids, train.user_ids),
        _recode(test.items, test.item_ids, train.item_ids),
    )


def count_seen(train: Ratings, users: Codes, items: Codes) -> int:
    """How many of these pairs, in codes of the training ratings, are among them."""
    # A pair as one number, so that they can be looked up.
    width = np.int64(max(train.n_items, 1))
    seen = np.isin(users * width + items, train.users * width + train.items)
    return int(np.sum(seen & (users >= 0) & (items >= 0)))


def _recode(codes: Codes, theirs: Vocabulary, ours: Vocabulary) -> Codes:
    """Codes of one vocabulary in terms of another, -1 where an id does not occur there."""
    if theirs == ours:
        return codes
    return ours.codes(theirs.ids.to_pylist())[codes]
