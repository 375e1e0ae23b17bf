"""What a report says: results gathered from models and ratings, section by section.

Values here are plain and unescaped; the template gives them words and escapes them. A section that
cannot be made holds one sentence that says why.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import plots
from tastemap.data.audit import audit
from tastemap.evaluation.evaluate import Comparison, Evaluation, evaluate
from tastemap.report import certainty, numbers, reading
from tastemap.report.map_data import map_data
from tastemap.report.svg import inline
from tastemap.training.baselines import BiasesOnly, GlobalMean

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
    """

    models: Mapping[str, Recommender]
    ratings: Ratings
    valid: Ratings | None
    split: str
    learning_rates: LearningRates | Mapping[str, LearningRates] | None
    commands: tuple[str, ...]
    title: str | None


def named(models: Sequence[Recommender]) -> dict[str, Recommender]:
    """Models by the class of their recipe, numbered where several share one."""
    found: dict[str, Recommender] = {}
    for model in models:
        name = kind = type(model.recipe).__name__
        number = 1
        while name in found:
            number += 1
            name = f"{kind} {number}"
        found[name] = model
    return found


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
        "sure": certainty.grid(covered, inputs.ratings.scale),
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
    """Errors of the models and of the two baselines, best first."""
    if inputs.valid is not None and len(inputs.valid):
        measured = {name: evaluate(model, inputs.valid) for name, model in inputs.models.items()}
        train = next(iter(inputs.models.values())).ratings
        kinds = {type(model.recipe) for model in inputs.models.values()}
        for baseline in (BiasesOnly, GlobalMean):
            if baseline not in kinds:
                measured[baseline.__name__] = evaluate(baseline().fit(train), inputs.valid)
    else:
        measured = {
            name: model.evaluation for name, model in inputs.models.items() if model.evaluation
        }
        if not measured or len({one.rows for one in measured.values()}) > 1:
            return None
    renamed = [dataclasses.replace(one, model=name) for name, one in measured.items()]
    return Comparison(evaluations=tuple(sorted(renamed, key=lambda one: one.rmse)))


def _best_first(inputs: Inputs, comparison: Comparison | None) -> list[str]:
    """Names of the models, best first as far as they were compared."""
    order = [one.model for one in comparison.evaluations] if comparison else []
    return sorted(
        inputs.models, key=lambda name: order.index(name) if name in order else len(order)
    )


def _is_baseline(name: str) -> bool:
    return name in (BiasesOnly.__name__, GlobalMean.__name__)


def _baseline(comparison: Comparison) -> Evaluation | None:
    return next((one for one in comparison.evaluations if one.model == BiasesOnly.__name__), None)


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
            ("ratings", numbers.count(len(ratings))),
            ("users", numbers.count(int(np.count_nonzero(ratings.user_counts)))),
            ("items", numbers.count(int(np.count_nonzero(ratings.item_counts)))),
        ],
        "scale": tuple(f"{end:g}" for end in ratings.scale),
        "read_from": read_from,
    }
    if comparison is not None:
        own = [name for name in inputs.models if not _is_baseline(name)] or list(inputs.models)
        best = next(one for one in comparison.evaluations if one.model in own)
        biases = _baseline(comparison)
        summary |= {
            "best": best.model,
            "n_models": len(own),
            "rows": numbers.count(best.rows),
            "rmse": numbers.decimal(best.rmse),
            "mae": numbers.decimal(best.mae, 2),
        }
        if not isinstance(covered, str) and covered.model == best.model:
            summary |= {
                "level": numbers.percent(covered.level, 0),
                "share_inside": numbers.percent(covered.share),
            }
        summary["facts"].append(("best RMSE", numbers.decimal(best.rmse)))
        if biases and biases.model != best.model:
            gain = 1 - best.rmse / biases.rmse
            summary |= {
                "biases_rmse": numbers.decimal(biases.rmse),
                "gain": numbers.percent(abs(gain)),
                "better": gain > 0,
            }
            word = "better" if gain > 0 else "worse"
            summary["facts"].append((f"{word} than biases only", numbers.percent(abs(gain))))
    if components is not None:
        summary |= {
            "share": numbers.percent(components[0].share, 0),
            "ends": reading.well_known_ends(components),
        }
    return summary


def _accuracy(inputs: Inputs, comparison: Comparison | None) -> dict[str, Any] | str:
    if comparison is None:
        return (
            "The models were not compared: no validation ratings were given, and they were not "
            "all measured on the same ratings when they were fitted."
        )
    biases = _baseline(comparison)
    errors = [one.rmse for one in comparison.evaluations]
    low, spread = min(errors), (max(errors) - min(errors)) or 1.0
    return {
        "rows": [
            {
                "model": one.model,
                "baseline": _is_baseline(one.model),
                "rmse": numbers.decimal(one.rmse, 4),
                "place": 8 + 144 * (one.rmse - low) / spread,
                "against": numbers.percent(one.rmse / biases.rmse - 1, sign=True)
                if biases and one is not biases
                else "–",
                "mae": numbers.decimal(one.mae, 4),
                "seconds": numbers.seconds(one.fit_seconds),
            }
            for one in comparison.evaluations
        ],
        "against": biases is not None,
        "baseline": None if biases is None else 8 + 144 * (biases.rmse - low) / spread,
        "tested": numbers.count(comparison.evaluations[0].rows),
        "notes": list(comparison.notes),
        "split": inputs.split,
    }


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
            ("all ratings", _fingerprinted(inputs.ratings)),
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
