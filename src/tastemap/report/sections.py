"""What a report says: results gathered from models and ratings, section by section.

Values here are plain and unescaped; the template gives them words and escapes them. A section that
cannot be made holds one sentence that says why.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import plots
from tastemap.data.audit import audit
from tastemap.evaluation.compare import ALL_BASELINES, Comparison, baseline_of, best_first, compare
from tastemap.evaluation.cross_validation import baselines
from tastemap.evaluation.evaluate import Evaluation, label_of
from tastemap.maps.data import map_data
from tastemap.maps.ends import well_known_ends
from tastemap.plots import numbers
from tastemap.plots.coverage import grid
from tastemap.report import certainty, reading
from tastemap.report.svg import inline
from tastemap.training.baselines import BiasesOnly

if TYPE_CHECKING:
    from tastemap.data.ratings import Ratings
    from tastemap.evaluation.coverage import Coverage
    from tastemap.explanation.components import Components
    from tastemap.plots import LearningRates
    from tastemap.recommender import Recommender


_MOST_BARS = 12
_SAID_ELSEWHERE = ("ratings", "users", "items", "memory of the ratings")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a report is made from; see `tastemap.report.write_report`.

    Attributes:
        models: by the name each has in the report.
        split: how the ratings were divided, in words; empty if that is not known.
        comparison: what to show instead of comparing the models on ``valid``.
    """

    models: Mapping[str, Recommender]
    ratings: Ratings
    valid: Ratings | None
    split: str
    learning_rates: LearningRates | Mapping[str, LearningRates] | None
    commands: tuple[str, ...]
    title: str | None
    comparison: Comparison | None = None


def gather(inputs: Inputs) -> dict[str, Any]:
    """Everything the template asks for, by name."""
    comparison = _comparison(inputs)
    best_first = _best_first(inputs, comparison)
    components, read_from = reading.components_of(inputs.models, best_first)
    covered = certainty.measured(inputs.models, best_first, inputs.valid)
    points = None if components is None or len(components) < 2 else map_data(components)
    return {
        "title": inputs.title or f"Taste map: {inputs.ratings.name}",
        "summary": _summary(inputs, comparison, covered, components, read_from),
        "data": _data(inputs),
        "accuracy": _accuracy(inputs, comparison),
        "sure": covered if isinstance(covered, str) else grid(covered, inputs.ratings.scale),
        "curves": _curves(inputs.models),
        "rates": _rates(inputs.learning_rates),
        "biases": reading.biases(inputs.models, best_first),
        "components": reading.ends(components, read_from),
        "picture": reading.picture(components),
        "map": points,
        "crosstab": reading.crossed(inputs.ratings),
        "origin": _origin(inputs),
    }


def _comparison(inputs: Inputs) -> Comparison | None:
    """The models and the baselines, best first."""
    if inputs.comparison is not None:
        return inputs.comparison
    if inputs.valid is not None and len(inputs.valid):
        models = dict(inputs.models)
        train = next(iter(models.values())).ratings
        there = {model.recipe.name for model in models.values()}
        for baseline in baselines(train):
            if baseline.name not in there:
                models[baseline.name] = baseline.fit(train)
        return compare(models, inputs.valid)
    measured = {name: model.evaluation for name, model in inputs.models.items() if model.evaluation}
    if not measured or len({one.rows for one in measured.values()}) > 1:
        return None
    renamed = [dataclasses.replace(one, model=name) for name, one in measured.items()]
    return Comparison(evaluations=tuple(best_first(renamed)))


def _best_first(inputs: Inputs, comparison: Comparison | None) -> list[str]:
    """Names of the models, best first as far as they were compared."""
    order = [one.model for one in comparison.evaluations] if comparison else []
    return sorted(
        inputs.models, key=lambda name: order.index(name) if name in order else len(order)
    )


def _is_baseline(one: Evaluation) -> bool:
    return one.recipe in ALL_BASELINES


def _summary(
    inputs: Inputs,
    comparison: Comparison | None,
    covered: Coverage | str,
    components: Components | None,
    read_from: str,
) -> dict[str, Any]:
    ratings = inputs.ratings
    summary: dict[str, Any] = {
        "facts": [
            (ratings.noun, numbers.count(len(ratings))),
            ("users", numbers.count(int(np.count_nonzero(ratings.user_counts)))),
            ("items", numbers.count(int(np.count_nonzero(ratings.item_counts)))),
        ],
        "scale": tuple(f"{end:g}" for end in ratings.scale),
        "read_from": read_from,
    }
    if comparison is not None:
        summary |= _best(comparison, covered)
        summary["facts"] += summary.pop("more_facts", [])
    if components is not None:
        summary |= {
            "share": numbers.percent(components[0].share, 0),
            "ends": well_known_ends(components),
        }
    return summary


def _best(comparison: Comparison, covered: Coverage | str) -> dict[str, Any]:
    """The best model that is no baseline, and what it gains over biases alone."""
    rated = [one for one in comparison.evaluations if one.rmse is not None]
    own = [one for one in rated if not _is_baseline(one)] or rated
    if not own:
        return {"verdicts": comparison.verdicts} if comparison.verdicts else {}
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
        }
        word = "better" if gain > 0 else "worse"
        found["more_facts"].append((f"{word} than biases only", numbers.percent(abs(gain))))
    return found


def _accuracy(inputs: Inputs, comparison: Comparison | None) -> dict[str, Any] | str:
    if comparison is None:
        return (
            "The models were not compared: no validation ratings were given, and they were not "
            "all measured on the same ratings when they were fitted."
        )
    biases = next((one for one in comparison.evaluations if one.recipe == BiasesOnly.name), None)
    errors = [one.rmse for one in comparison.evaluations if one.rmse is not None]
    low, spread = min(errors, default=0.0), (max(errors, default=0) - min(errors, default=0)) or 1.0
    lists = next((name for name in comparison.main_measures if name.startswith("ndcg@")), "")

    def against(one: Evaluation) -> str:
        if not (biases and biases.rmse and one.rmse) or one is biases:
            return "–"
        return numbers.percent(one.rmse / biases.rmse - 1, sign=True)

    def place(one: Evaluation) -> float | None:
        return None if one.rmse is None else 8 + 144 * (one.rmse - low) / spread

    return {
        "rows": [
            {
                "model": one.model,
                "baseline": _is_baseline(one),
                "rmse": _decimal(one.rmse),
                "place": place(one),
                "against": against(one),
                "mae": _decimal(one.mae),
                "ndcg": _decimal(one.measures.get(lists)),
                "seconds": numbers.seconds(one.fit_seconds),
            }
            for one in comparison.evaluations
        ],
        "errors": bool(errors),
        "against": biases is not None,
        "lists": label_of(lists) if lists else "",
        "baseline": None if biases is None else place(biases),
        "tested": numbers.count(comparison.evaluations[0].rows),
        "noun": comparison.evaluations[0].noun,
        "verdicts": comparison.verdicts,
        "notes": [note for note in comparison.notes if note not in comparison.verdicts],
        "split": inputs.split,
    }


def _decimal(value: float | None) -> str:
    return "–" if value is None else numbers.decimal(value, 4)


def _curves(models: Mapping[str, Recommender]) -> dict[str, Any] | str:
    histories = {name: model.history for name, model in models.items() if model.history.epochs}
    if not histories:
        return "There is no learning curve: no model here is trained in epochs."
    picture = plots.learning_curve(
        histories if len(histories) > 1 else next(iter(histories.values()))
    )
    searched = [
        f"{name} {len(one.epochs)} of {len(one.search)} tried"
        for name, one in histories.items()
        if one.search
    ]
    return {
        "svg": inline(picture, "curves", f"Learning curves of {', '.join(histories)}"),
        "validated": any(
            epoch.validation_mse is not None for one in histories.values() for epoch in one.epochs
        ),
        "kept": any(one.best_epoch is not None for one in histories.values()),
        "searched": searched,
        "tables": [
            {
                "model": name,
                "rows": [
                    [
                        str(epoch.number),
                        f"{epoch.learning_rate:g}",
                        numbers.decimal(epoch.training_loss, 4),
                        "–"
                        if epoch.validation_mse is None
                        else numbers.decimal(epoch.validation_mse, 4),
                        f"{epoch.seconds:.2f}",
                    ]
                    for epoch in one.epochs
                ],
            }
            for name, one in histories.items()
        ],
    }


def _rates(
    curves: LearningRates | Mapping[str, LearningRates] | None,
) -> list[dict[str, Any]]:
    if curves is None:
        return []
    named_curves = curves if isinstance(curves, Mapping) else {"": curves}
    return [
        {
            "name": name,
            "svg": inline(
                plots.learning_rate(curve),
                f"rates{number}",
                f"Loss while the learning rate grows{' for ' + name if name else ''}",
            ),
            "suggestion": None if curve.suggestion is None else f"{curve.suggestion:.2g}",
        }
        for number, (name, curve) in enumerate(named_curves.items())
    ]


def _data(inputs: Inputs) -> dict[str, Any]:
    """The audit, how often each rating was given, and how unevenly items are rated."""
    ratings = inputs.ratings
    values, counts = np.unique(ratings.values, return_counts=True)
    if len(values) > _MOST_BARS:
        edges = np.linspace(*ratings.scale, _MOST_BARS + 1)
        counts, _ = np.histogram(ratings.values, edges)
        labels = [f"{a:.3g} to {b:.3g}" for a, b in itertools.pairwise(edges)]
    else:
        labels = [f"{value:g}" for value in values]
    by_popularity = np.sort(ratings.item_counts)[::-1]
    half = int(np.searchsorted(np.cumsum(by_popularity), len(ratings) / 2)) + 1
    return {
        "audit": [
            finding
            for finding in audit(ratings).findings
            if finding.check not in _SAID_ELSEWHERE and not finding.check.startswith("estimate")
        ],
        "histogram": [
            {
                "label": label,
                "count": numbers.count(count),
                "share": numbers.percent(count / len(ratings)),
                "width": round(240 * count / counts.max(), 1),
            }
            for label, count in zip(labels, counts, strict=True)
        ],
        "half": numbers.count(half),
        "half_share": numbers.percent(half / np.count_nonzero(by_popularity)),
        "once": numbers.count(np.sum(by_popularity == 1)),
        "median": f"{np.median(by_popularity[by_popularity > 0]):g}",
        "notes": list(ratings.notes),
        "noun": ratings.noun,
        "explicit": ratings.explicit,
    }


def _origin(inputs: Inputs) -> dict[str, Any]:
    """Where the numbers come from: data, settings, seeds, versions, commands."""
    models, now = inputs.models, datetime.now(UTC)
    train = next(iter(models.values())).ratings
    manifest = next(iter(models.values())).manifest()
    return {
        "written": f"{now.day} {now:%B %Y, %H:%M} UTC",
        "commands": list(inputs.commands),
        "data": [
            ("name", inputs.ratings.name),
            (f"all {inputs.ratings.noun}", _fingerprinted(inputs.ratings)),
            ("trained on", _fingerprinted(train)),
            *([("split", inputs.split)] if inputs.split else []),
        ],
        "models": list(models),
        "settings": _settings(models),
        "versions": {"tastemap": manifest["tastemap"], **manifest["libraries"]},
        "movielens": inputs.ratings.name.startswith(("movielens", "ml-")),
    }


def _fingerprinted(ratings: Ratings) -> str:
    return f"{numbers.count(len(ratings))}, fingerprint {ratings.fingerprint}"


def _settings(models: Mapping[str, Recommender]) -> list[tuple[str, list[str]]]:
    """Each hyper-parameter with its value in every model, a dash where a model has none such."""
    recipes = [dataclasses.asdict(model.recipe) for model in models.values()]
    keys = dict.fromkeys(key for recipe in recipes for key in recipe)
    rows = [(key, [repr(one[key]) if key in one else "–" for one in recipes]) for key in keys]
    rows.append(("seed", [str(model.seed) for model in models.values()]))
    rows.append(("trained in", [numbers.seconds(model.seconds) for model in models.values()]))
    return rows
