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

from tastemap import __version__, packing
from tastemap.data.audit import audit
from tastemap.maps.data import map_data
from tastemap.maps.ends import well_known_ends
from tastemap.plots import numbers
from tastemap.plots.coverage import grid
from tastemap.report import accuracy, certainty, learning, reading

if TYPE_CHECKING:
    from tastemap.data.ratings import Ratings
    from tastemap.evaluation.compare import Comparison
    from tastemap.evaluation.coverage import Coverage
    from tastemap.explanation.components import Components
    from tastemap.plots import LearningRates
    from tastemap.recommender import Recommender
    from tastemap.training.recipe import Recipe


_MOST_BARS = 12
_SAID_ELSEWHERE = ("users", "items")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a report is made from; see `tastemap.report.write_report`.

    Attributes:
        models: by the name each has in the report. Where there are none, the sections that are
            of models are left out.
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
    comparison = accuracy.compared(inputs.models, inputs.valid, inputs.comparison)
    best_first = accuracy.names_best_first(inputs.models, comparison)
    components, read_from = reading.components_of(inputs.models, best_first)
    covered = certainty.measured(inputs.models, best_first, inputs.valid)
    points = None if components is None or len(components) < 2 else map_data(components)
    kind = "Taste map" if inputs.models else "Models compared"
    return {
        "title": inputs.title or f"{kind}: {inputs.ratings.name}",
        "learnt": bool(inputs.models),
        "summary": _summary(inputs, comparison, covered, components, read_from),
        "data": _data(inputs),
        "accuracy": accuracy.section(comparison, inputs.split),
        "sure": covered if isinstance(covered, str) else grid(covered, inputs.ratings.scale),
        "curves": learning.curves(inputs.models),
        "rates": learning.rates(inputs.learning_rates),
        "biases": reading.biases(inputs.models, best_first),
        "components": reading.ends(components, read_from),
        "picture": reading.picture(components),
        "map": points,
        "crosstab": reading.crossed(inputs.ratings),
        "origin": _origin(inputs),
    }


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
        "seen": accuracy.seen(comparison),
    }
    if comparison is not None:
        summary |= accuracy.best(comparison, covered)
        summary["facts"] += summary.pop("more_facts", [])
    if components is not None:
        summary |= {
            "share": numbers.percent(components[0].share, 0),
            "ends": well_known_ends(components),
        }
    return summary


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
            if finding.check not in (ratings.noun, *_SAID_ELSEWHERE)
            and not finding.check.startswith(("estimate", "memory of"))
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
    trained = [("trained on", _fingerprinted(one.ratings)) for one in models.values()][:1]
    compared = inputs.comparison.recipes if inputs.comparison and not models else {}
    recipes = {name: model.recipe for name, model in models.items()} or compared
    return {
        "written": f"{now.day} {now:%B %Y, %H:%M} UTC",
        "commands": list(inputs.commands),
        "data": [
            ("name", inputs.ratings.name),
            (f"all {inputs.ratings.noun}", _fingerprinted(inputs.ratings)),
            *trained,
            *([("split", inputs.split)] if inputs.split else []),
        ],
        "models": list(recipes),
        "settings": [*_settings(recipes), *_fits(models)],
        "versions": {"tastemap": __version__, **packing.libraries()},
        "movielens": inputs.ratings.name.startswith(("movielens", "ml-")),
    }


def _fingerprinted(ratings: Ratings) -> str:
    return f"{numbers.count(len(ratings))}, fingerprint {ratings.fingerprint}"


def _settings(recipes: Mapping[str, Recipe]) -> list[tuple[str, list[str]]]:
    """Each hyper-parameter with its value in every recipe, a dash where a recipe has none such."""
    each = [dataclasses.asdict(recipe) for recipe in recipes.values()]
    keys = dict.fromkeys(key for one in each for key in one)
    return [
        (key, [numbers.setting(one[key]) if key in one else "–" for one in each]) for key in keys
    ]


def _fits(models: Mapping[str, Recommender]) -> list[tuple[str, list[str]]]:
    """The seed of every model, and how long it took."""
    if not models:
        return []
    return [
        ("seed", [str(model.seed) for model in models.values()]),
        ("trained in", [numbers.seconds(model.seconds) for model in models.values()]),
    ]
