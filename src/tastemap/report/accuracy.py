"""What a report says about how good models are, and which is better."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import plots
from tastemap.evaluation.compare import (
    ALL_BASELINES,
    Comparison,
    Difference,
    Differences,
    baseline_of,
    best_first,
    compare,
)
from tastemap.evaluation.cross_validation import baselines
from tastemap.evaluation.evaluate import Evaluation, codes_of, label_of
from tastemap.evaluation.lists import seen_rows
from tastemap.plots import numbers
from tastemap.report.svg import inline
from tastemap.training.baselines import BiasesOnly
from tastemap.training.popularity import Popularity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tastemap.data.ratings import Ratings
    from tastemap.evaluation.coverage import Coverage
    from tastemap.recommender import Recommender


def unseen(ratings: Ratings, models: Iterable[Recommender]) -> Ratings:
    """The ratings of pairs of user and item that none of the models was trained on."""
    known = np.zeros(len(ratings), np.bool_)
    for model in models:
        known |= seen_rows(model.ratings, *codes_of(ratings, model.ratings))
    return ratings.take(~known)


def compared(
    models: Mapping[str, Recommender], valid: Ratings | None, given: Comparison | None
) -> Comparison | None:
    """The models and the baselines, best first; None where nothing was measured.

    Args:
        models: by the name each has in the report.
        valid: ratings to compare them on; without, what was measured when they were fitted.
        given: what to show instead.
    """
    if given is not None:
        return given
    if valid is not None and len(valid):
        named = dict(models)
        train = next(iter(named.values())).ratings
        there = {model.recipe.name for model in named.values()}
        for baseline in baselines(train):
            if baseline.name not in there:
                taken = baseline.name in named
                name = f"{baseline.name} alone" if taken else baseline.name
                named[name] = baseline.fit(train)
        return compare(named, valid)
    measured = {name: model.evaluation for name, model in models.items() if model.evaluation}
    if not measured or len({one.rows for one in measured.values()}) > 1:
        return None
    renamed = [dataclasses.replace(one, model=name) for name, one in measured.items()]
    return Comparison(evaluations=tuple(best_first(renamed)))


def names_best_first(models: Mapping[str, Recommender], comparison: Comparison | None) -> list[str]:
    """Names of the models, best first as far as they were compared."""
    order = [one.model for one in comparison.evaluations] if comparison else []
    return sorted(models, key=lambda name: order.index(name) if name in order else len(order))


def _is_baseline(one: Evaluation) -> bool:
    return one.recipe in ALL_BASELINES


def best(comparison: Comparison, covered: Coverage | str) -> dict[str, Any]:
    """The best model that is no baseline, and what it gains over biases alone."""
    rated = [one for one in comparison.evaluations if one.rmse is not None]
    own = [one for one in rated if not _is_baseline(one)] or rated
    if not own:
        return {"verdicts": comparison.verdicts} if comparison.verdicts else {}
    if comparison.overlap:  # whatever the errors are, they are too small
        return {}
    best, biases = own[0], baseline_of(rated, "rmse")
    assert best.rmse is not None and best.mae is not None  # noqa: PT018, S101
    found: dict[str, Any] = {
        "best": best.model,
        "n_models": len(own),
        "rows": numbers.count(best.rows),
        "rmse": numbers.decimal(best.rmse),
        "mae": numbers.decimal(best.mae, 2),
        "more_facts": [("best RMSE", numbers.decimal(best.rmse))],
    }
    if not isinstance(covered, str) and covered.model == best.model:
        found |= {
            "level": numbers.percent(covered.level, 0),
            "share_inside": numbers.percent(covered.share),
        }
    if biases and biases.rmse and biases.recipe == BiasesOnly.name and biases is not best:
        gain = 1 - best.rmse / biases.rmse
        found |= {
            "biases_rmse": numbers.decimal(biases.rmse),
            "gain": numbers.percent(abs(gain)),
            "better": gain > 0,
            "doubt": _doubt(comparison, best.model, biases.model),
        }
        word = "better" if gain > 0 else "worse"
        found["more_facts"].append((f"{word} than biases only", numbers.percent(abs(gain))))
    return found


def _doubt(comparison: Comparison, model: str, against: str) -> str:
    """Why a difference of errors may be luck; empty where it is not, or that was not looked at."""
    for one in comparison.differences.each if comparison.differences else ():
        if (one.measure, one.model, one.against) == ("rmse", model, against) and not one.sure:
            users = "1 user is" if one.users == 1 else f"{one.users} users are"
            return f"{users} too few to tell" if one.few else "that may be luck"
    return ""


def seen(comparison: Comparison | None) -> dict[str, str] | None:
    """How many of the ratings tested a model has seen; None where none has."""
    if comparison is None or not comparison.overlap:
        return None
    most = max(comparison.evaluations, key=lambda one: one.overlap)
    return {"model": most.model, "n": numbers.count(most.overlap), "of": numbers.count(most.rows)}


def section(comparison: Comparison | None, split: str) -> dict[str, Any] | str:
    """How good each model is, and which is better.

    Args:
        comparison: of the models and the baselines.
        split: how the ratings were divided, in words; empty if that is not known.
    """
    if comparison is None:
        return (
            "The models were not compared: no validation ratings were given, and they were not "
            "all measured on the same ratings when they were fitted."
        )
    biases = next((one for one in comparison.evaluations if one.recipe == BiasesOnly.name), None)
    errors = [one.rmse for one in comparison.evaluations if one.rmse is not None]
    place = _Dots.of(comparison)
    lists = next((name for name in comparison.main_measures if name.startswith("ndcg@")), "")
    popular = any(one.recipe == Popularity.name for one in comparison.evaluations)

    def against(one: Evaluation) -> str:
        if not (biases and biases.rmse and one.rmse) or one is biases:
            return "–"
        return numbers.percent(one.rmse / biases.rmse - 1, sign=True)

    return {
        "rows": [
            {
                "model": one.model,
                "baseline": _is_baseline(one),
                "rmse": decimal(one.rmse),
                "dot": place and place.dot(one),
                "against": against(one),
                "mae": decimal(one.mae),
                "ndcg": decimal(one.measures.get(lists)),
                "seconds": numbers.seconds(one.fit_seconds),
            }
            for one in comparison.evaluations
        ],
        "errors": bool(errors),
        "against": biases is not None,
        "lists": label_of(lists) if lists else "",
        "baseline": place and {"model": place.base.model, "at": place.at(place.base.rmse)},
        "popular": popular,
        "seen": seen(comparison),
        "tested": numbers.count(comparison.evaluations[0].rows),
        "noun": comparison.evaluations[0].noun,
        "verdicts": comparison.verdicts,
        "notes": [note for note in comparison.notes if note not in comparison.verdicts],
        "split": split,
        "pictures": _pictures(comparison),
        "tables": [_as_text(one) for one in (comparison, comparison.differences) if one],
    }


def _pictures(comparison: Comparison) -> list[dict[str, str]]:
    """How much better than the baseline each model is, a picture for each measure."""
    each = comparison.differences.each if comparison.differences else ()
    there = {one.measure for one in each}
    return [
        {
            "measure": label_of(name),
            "svg": inline(
                plots.differences(comparison, name),
                f"differences{number}",
                f"How much better than the baseline each model is by {label_of(name)}",
            ),
        }
        for number, name in enumerate(comparison.compared_by)
        if name in there
    ]


def _as_text(table: Comparison | Differences) -> dict[str, Any]:
    """A result as the cells it prints."""
    columns = table.text_columns()
    right = table.numeric_columns()
    return {
        "columns": [(name.replace("_", " "), name in right) for name in columns],
        "rows": list(zip(*columns.values(), strict=True)),
    }


@dataclass(frozen=True, eq=False, kw_only=True)
class _Dots:
    """Errors as dots, with the baseline at an upright and intervals of the differences from it.

    Attributes:
        base: the baseline.
        low: the error at the left end.
        span: from there to the right end; so much at the least that models which hardly differ
            stand close together.
        differences: from the baseline, by model.
    """

    base: Evaluation
    low: float
    span: float
    differences: Mapping[str, Difference]

    @classmethod
    def of(cls, comparison: Comparison) -> _Dots | None:
        """None where there is no baseline, and so no saying what is near and what is far."""
        errors = [one.rmse for one in comparison.evaluations if one.rmse is not None]
        base = baseline_of(comparison.evaluations, "rmse")
        if base is None or len(errors) < 2:
            return None
        each = comparison.differences.each if comparison.differences else ()
        return cls(
            base=base,
            low=min(errors),
            span=numbers.span_of_errors(errors),
            differences={
                one.model: one
                for one in each
                if one.measure == "rmse" and one.against == base.model
            },
        )

    def at(self, error: float | None) -> float:
        """Where an error stands in a picture 160 wide."""
        assert error is not None  # noqa: S101
        return round(min(max(8 + 144 * (error - self.low) / self.span, 0), 160), 1)

    def dot(self, one: Evaluation) -> dict[str, Any] | None:
        """Where a model's error stands, and from where to where its interval reaches."""
        if one.rmse is None:
            return None
        found, base = self.differences.get(one.model), self.base.rmse
        line = None
        if found is not None and base is not None and np.isfinite(found.low):
            line = self.at(base - found.high), self.at(base - found.low)
        return {"at": self.at(one.rmse), "line": line}


def decimal(value: float | None) -> str:
    """A number with four digits after the point; a dash where there is none."""
    return "–" if value is None else numbers.decimal(value, 4)
