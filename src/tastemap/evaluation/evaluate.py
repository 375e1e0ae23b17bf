"""How good a model is on ratings it has not seen: the ratings it predicts, the lists it gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tastemap import arguments
from tastemap.arrays import AnyArray, Codes, Float64s
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import DataError
from tastemap.evaluation.lists import ListMeasures, rank, seen_rows, threshold
from tastemap.evaluation.new_users import with_new_users
from tastemap.metrics import rating
from tastemap.models.posterior import PosteriorModel
from tastemap.results import GLOBAL_MEAN, ITEM_BIAS, MODEL, SOURCES, USER_BIAS
from tastemap.tables import Table

if TYPE_CHECKING:
    from tastemap.recommender import Recommender

RATING_MEASURES = ("rmse", "mse", "mae", "r2", "concordance", "log_likelihood", "inside")
"""Measures of predicted ratings, in the order they are shown."""
_LABELS = {"rmse": "RMSE", "mse": "MSE", "mae": "MAE", "ndcg": "nDCG", "map": "MAP", "mrr": "MRR"}


@dataclass(frozen=True, kw_only=True)
class Evaluation(Table):
    """How good one model is on test ratings; a measure that makes no sense for it is None.

    Attributes:
        model: name of the recipe, or what the caller called the model.
        recipe: name of the recipe.
        rows: ratings tested, n.
        rmse, mae: in units of the ratings, of predictions clipped to the scale.
        mse: squared units.
        r2: share of the variance of the test ratings that is explained.
        concordance: fraction of pairs of ratings of one user that are told in the right order.
        log_likelihood: mean log density of the ratings, in nats; of models with a distribution.
        inside: share of the ratings inside their interval (see `tastemap.coverage`).
        level: share the intervals are to hold.
        made_from: rows by what they were predicted from (`tastemap.results.SOURCES`).
        overlap: test rows that are also training rows: a model has seen these.
        before_own: test rows older than a training rating of the same user; None without times.
        before_any: test rows older than some training rating.
        fit_seconds: wall time of training.
        by_day: test rows predicted by what the user was like on the day of the rating; None where
            the model's users are the same on all days, or the rows have no times.
        lists: how good its lists are; None where they were not measured.
        without_lists: why they were not, though they were asked for; empty otherwise.
        folded_in: users folded in before, from ratings that were known of them; None where all
            are users the model was trained on, or fell back.
        noun: what the model was trained on: ``"ratings"`` or ``"interactions"``.
    """

    model: str
    recipe: str = ""
    rows: int
    rmse: float | None
    mse: float | None
    mae: float | None
    r2: float | None = None
    concordance: float | None = None
    log_likelihood: float | None = None
    inside: float | None = None
    level: float | None = None
    made_from: dict[str, int]
    overlap: int
    before_own: int | None = None
    before_any: int | None = None
    fit_seconds: float
    by_day: int | None = None
    lists: ListMeasures | None = None
    without_lists: str = ""
    folded_in: int | None = None
    noun: str = "ratings"

    @property
    def measures(self) -> dict[str, float]:
        """All measures that were taken, by name: of ratings first, then of lists."""
        named = {name: getattr(self, name) for name in RATING_MEASURES}
        found = {name: value for name, value in named.items() if value is not None}
        return found | (dict(self.lists.measures) if self.lists else {})

    def columns(self) -> dict[str, list[Any]]:
        """Measure and value, one row a measure."""
        return {"measure": list(self.measures), "value": list(self.measures.values())}

    @property
    def caption(self) -> str:
        """What was measured, on how many rows."""
        return f"{self.model} on {self.rows:,} test rows"

    @property
    def notes(self) -> list[str]:
        """Rows that fell back, leaks of time, what lists were measured on, rows seen before."""
        return notes([self])

    def to_json(self) -> dict[str, Any]:
        """The evaluation as plain values, for a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The evaluation that `to_json` gave."""
        lists = stored.get("lists")
        return cls(**{**stored, "lists": lists and ListMeasures.from_json(lists)})


def notes(evaluations: Sequence[Evaluation]) -> list[str]:
    """What there is to know of measurements on the same test ratings, one line each."""
    if not evaluations:
        return []
    first = evaluations[0]
    noun = first.noun
    said = _overlapping(evaluations)
    tested = f"{first.rows:,} rows tested"
    if first.rows > first.made_from[SOURCES[0]]:
        share = 1 - first.made_from[SOURCES[0]] / first.rows
        without = f"{share:.1%} have a user or item without training {noun}"
        said.append(f"{tested}; {without}: {', '.join(_instead(evaluations))}")
    else:
        said.append(f"{tested}, all of users and items with training {noun}")
    if first.folded_in is not None:
        said.append(f"{first.folded_in:,} users were new, and folded in from some {noun}")
    if first.before_any is None:
        said.append("no times: it is not known whether the split leaks time")
    elif first.before_any:
        said.append(
            f"the split leaks time: {_share(first.before_own, first.rows)} of rows are older than "
            f"a training {noun[:-1]} of the same user, "
            f"{_share(first.before_any, first.rows)} older than one of anybody"
        )
    if first.lists:
        said += first.lists.notes
    elif first.without_lists:
        said.append(first.without_lists)
    return said + [
        f"{one.model}: {by_day_said(one.by_day)}" for one in evaluations if one.by_day is not None
    ]


def _overlapping(evaluations: Sequence[Evaluation]) -> list[str]:
    """How many test rows models have seen: the first thing to know, as nothing else counts then."""
    said = [
        f"{one.model}: {one.overlap:,} test rows were also trained on"
        for one in evaluations
        if one.overlap
    ]
    if said and len(evaluations) > 1:
        said.append("so no model is said to be better: test on ratings none was trained on")
    return said


def _instead(evaluations: Sequence[Evaluation]) -> list[str]:
    """Rows whose user or item is not known, by what they get."""
    rows = evaluations[0].made_from
    if any(one.rmse is not None for one in evaluations):
        return [f"{rows[name]:,} from the {name}" for name in SOURCES[1:]]
    # Without ratings predicted there are lists alone.
    strange_items = rows[SOURCES[USER_BIAS]] + rows[SOURCES[GLOBAL_MEAN]]
    return [
        f"{strange_items:,} of items that are in no list",
        f"{rows[SOURCES[ITEM_BIAS]]:,} of users who get the list of everybody",
    ]


def label_of(measure: str) -> str:
    """A measure as it is written: ``"ndcg@10"`` as ``"nDCG@10"``."""
    name, at, k = measure.partition("@")
    return _LABELS.get(name, name) + at + k


def by_day_said(rows: int) -> str:
    """How many rows were predicted by their day, and what that means."""
    return f"{rows:,} rows by what the user was like that day, from training ratings of that day"


def _share(rows: int | None, of: int) -> str:
    return f"{(rows or 0) / of:.1%}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured:
    """An evaluation with what each user adds to it, for comparing models user by user.

    Attributes:
        evaluation: all users together.
        sums: by name of a measure, of each test user what is averaged, and over how much:
            ``"mse"`` squared errors and rows, ``"ndcg@10"`` values and lists, and so on. Each
            of shape (n_users of the test ratings,).
    """

    evaluation: Evaluation
    sums: Mapping[str, tuple[Float64s, Float64s]]


def evaluate(
    model: Recommender,
    test: Ratings,
    *,
    name: str | None = None,
    k: int | Iterable[int] | None = 10,
    relevant_from: float | None = None,
    level: float | None = 0.8,
    sampled: int | None = None,
    known: Ratings | None = None,
) -> Evaluation:
    """Measure a model on ratings.

    Predictions are those users get: clipped to the scale, with the documented fallback where user
    or item has no training ratings. Ids need not be those of the training ratings. Where the model
    knows what users were like on single days, the times of the test ratings are made use of; the
    result says for how many. Lists hold items the user has not rated in training, ranked among all
    such items (`tastemap.evaluation.lists`).

    Args:
        model: a fitted model.
        test: ratings it was not trained on.
        name: what to call the model; None for the name of its recipe.
        k: lengths of the lists to measure; None: measure no lists.
        relevant_from: a rating from which on an item should be in the list; None: the upper
            quarter of the scale, which is 4 and 5 of five stars. Of interactions all are, and it
            must be None.
        level: share of the ratings that intervals are to hold, of models that have any; None:
            measure no intervals.
        sampled: rank relevant items among this many items drawn at random instead of all. Faster,
            but it can put the worse of two models first; a warning is logged.
        known: ratings of users who have no training ratings, to be folded in before: what
            `tastemap.split.new_users` gives.

    Raises:
        DataError: there are no test ratings, or a user of ``known`` has training ratings.
        NotFittedFor: the model cannot take in new users.
        ConfigError: a length, a level or a number of items is out of its range, or
            ``relevant_from`` is given for interactions.
    """
    return measure(
        model,
        test,
        name=name,
        k=k,
        relevant_from=relevant_from,
        level=level,
        sampled=sampled,
        known=known,
    ).evaluation


def measure(
    model: Recommender,
    test: Ratings,
    *,
    name: str | None = None,
    k: int | Iterable[int] | None = 10,
    relevant_from: float | None = None,
    level: float | None = 0.8,
    sampled: int | None = None,
    known: Ratings | None = None,
) -> Measured:
    """As `evaluate`, with what each user adds."""
    arguments.model("model", model)
    arguments.ratings("test", test)
    arguments.optional_text("name", name)
    arguments.optional_ratings("known", known)
    lengths = arguments.lengths("k", k)
    if level is not None:
        arguments.number("level", level, above=0, below=1)
    if not len(test):
        raise DataError("there are no ratings to test on")
    before_own, before_any = older(test, model.ratings, codes_of(test, model.ratings)[0])
    if known is not None:
        model = with_new_users(model, known)
    train = model.ratings
    users, items = codes_of(test, train)
    errors, squares, by_day = _rating_errors(model, test, users, items, level)
    sums: dict[str, tuple[Float64s, Float64s]] = {}
    if squares is not None:
        sums["mse"] = _by_user(test.users, squares, test.n_users)
    ranked, without_lists = None, ""
    if lengths is not None:
        ranked = rank(
            model, test, users, items, k=lengths, relevant_from=relevant_from, sampled=sampled
        )
        if ranked is None:
            without_lists = _without_lists(train, test, relevant_from)
    if ranked is not None:
        for measured, each in ranked.each.items():
            there = ~np.isnan(each)
            sums[measured] = _by_user(ranked.users[there], each[there], test.n_users)
    evaluation = Evaluation(
        model=model.recipe.name if name is None else name,
        recipe=model.recipe.name,
        rows=len(test),
        **errors,
        made_from=_made_from(train, users, items),
        overlap=int(seen_rows(train, users, items).sum()),
        before_own=before_own,
        before_any=before_any,
        fit_seconds=model.seconds,
        by_day=by_day,
        lists=None if ranked is None else ranked.measures,
        without_lists=without_lists,
        folded_in=None if known is None else len(np.unique(known.users)),
        noun=train.noun,
    )
    return Measured(evaluation=evaluation, sums=sums)


def _rating_errors(
    model: Recommender, test: Ratings, users: Codes, items: Codes, level: float | None
) -> tuple[dict[str, float | None], Float64s | None, int | None]:
    """Measures of predicted ratings, squared errors of all rows, rows predicted by their day."""
    if not (predicts_ratings(model) and test.explicit):
        return {"rmse": None, "mse": None, "mae": None}, None, None
    pairs = model.predict_codes(users, items, test.times)
    errors: dict[str, float | None] = {
        "rmse": rating.rmse(test.values, pairs.values),
        "mse": rating.mse(test.values, pairs.values),
        "mae": rating.mae(test.values, pairs.values),
        "r2": _number(rating.r2(test.values, pairs.values)),
        "concordance": _number(rating.concordance(test.users, test.values, pairs.values)),
    }
    if level is not None and isinstance(model.model, PosteriorModel):
        interval = model.interval_codes(users, items, pairs, level, test.times)
        own = np.isfinite(interval.low)
        values = test.values[own]
        inside = (interval.low[own] <= values) & (values <= interval.high[own])
        deviation = interval.deviation[own]
        errors["level"] = level
        errors["inside"] = float(inside.mean()) if len(values) else None
        errors["log_likelihood"] = _number(
            rating.log_likelihood(values, pairs.unclipped[own], deviation)
        )
    squares = np.square(pairs.values.astype(np.float64) - test.values)
    by_day = None if pairs.by_day is None else int(pairs.by_day.sum())
    return errors, squares, by_day


def predicts_ratings(model: Recommender) -> bool:
    """Whether the model's numbers are ratings, not only scores that rank items."""
    return model.model.predicts == "ratings"


def codes_of(test: Ratings, train: Ratings) -> tuple[Codes, Codes]:
    """Users and items of test ratings as codes of the training ratings, -1 where unknown there."""
    return (
        _recode(test.users, test.user_ids, train.user_ids),
        _recode(test.items, test.item_ids, train.item_ids),
    )


def older(test: Ratings, train: Ratings, users: Codes) -> tuple[int | None, int | None]:
    """How many test rows are older than a training rating of the same user, and of anybody.

    Args:
        test: the test ratings.
        train: the training ratings.
        users: user of each test row in codes of the training ratings, -1 where unknown.
    """
    if test.times is None or train.times is None or not len(train):
        return None, None
    latest = np.full(train.n_users + 1, np.iinfo(np.int64).min)  # the last: of unknown users
    np.maximum.at(latest, train.users, train.times)
    return int(np.sum(test.times < latest[users])), int(np.sum(test.times < train.times.max()))


def _without_lists(train: Ratings, test: Ratings, relevant_from: float | None) -> str:
    relevant_from = threshold(train, test) if relevant_from is None else relevant_from
    liked = f" and rated {relevant_from:g} or higher" if test.explicit else ""
    return f"no measures of lists, such as nDCG: no test row is new to its user{liked}"


def _made_from(train: Ratings, users: Codes, items: Codes) -> dict[str, int]:
    """Rows by what is known of user and item: what a prediction of each is made from."""
    user = (users >= 0) & (train.user_counts[users] > 0)
    item = (items >= 0) & (train.item_counts[items] > 0)
    source = np.where(
        user, np.where(item, MODEL, USER_BIAS), np.where(item, ITEM_BIAS, GLOBAL_MEAN)
    )
    counts = np.bincount(source, minlength=len(SOURCES))
    return {name: int(count) for name, count in zip(SOURCES, counts, strict=True)}


def _by_user(users: Codes, values: AnyArray, n_users: int) -> tuple[Float64s, Float64s]:
    """Sum of the values of each user, and their number, each of shape (n_users,)."""
    counts = np.bincount(users, minlength=n_users).astype(np.float64)
    sums = np.bincount(users, values.astype(np.float64), minlength=n_users)
    return np.asarray(sums, np.float64), counts


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _recode(codes: Codes, theirs: Vocabulary, ours: Vocabulary) -> Codes:
    """Codes of one vocabulary in terms of another, -1 where an id does not occur there."""
    if theirs == ours:
        return codes
    return ours.codes(theirs.ids.to_pylist())[codes]
