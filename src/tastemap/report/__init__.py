"""One HTML file out of results: how good the models are, and what they learnt.

The file holds everything it shows (styles, scripts, pictures, data) and asks nothing of the
network; its Content-Security-Policy forbids it to. Whatever comes from data is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tastemap import arguments
from tastemap.errors import ArgumentError, DataError, require

if TYPE_CHECKING:
    from tastemap.data.ratings import Ratings
    from tastemap.data.splits import Split
    from tastemap.evaluation.compare import Comparison
    from tastemap.plots import LearningRates
    from tastemap.recommender import Recommender


def write_report(
    path: str | Path,
    *,
    models: Recommender | Sequence[Recommender] | Mapping[str, Recommender] = (),
    ratings: Ratings | None = None,
    split: Split | None = None,
    valid: Ratings | None = None,
    learning_rates: LearningRates | Mapping[str, LearningRates] | None = None,
    comparison: Comparison | None = None,
    commands: Sequence[str] = (),
    title: str | None = None,
) -> Path:
    """Write a report of models and the ratings they were trained on.

    Args:
        path: the HTML file to write; one that is there is replaced.
        models: one or more fitted models of the same training ratings, called by the names of
            their recipes as by `tastemap.compare`, or by name. None of them: a report of
            ``comparison`` alone, without what models learnt.
        ratings: all ratings, for the audit and the crosstab; None, where there are models: those
            they were trained on. Without ``split`` and ``valid``, models and baselines are compared
            on those of them that no model was trained on.
        split: how the ratings were divided; the models are compared on its ``valid``.
        valid: ratings to compare the models on, instead of those of ``split``. Where there are
            none to compare on, the errors measured when the models were fitted are shown.
        learning_rates: what the learning-rate finder found, or several such by name.
        comparison: what `tastemap.compare_recipes` gave, to be shown instead of a comparison of
            these models. The models are found in it by their names, those without a name by their
            recipes.
        commands: the commands that made the models and this report, one a line of each.
        title: heading of the report.

    Returns:
        ``path``.

    Raises:
        DataError: there are no models, and not both a comparison and ratings.
        MissingExtraError: Jinja2 or matplotlib is not installed (the extra ``report``).

    Example:
        >>> tm.write_report("report.html", models=[biased], ratings=ratings,
        ...                 split=split)  # doctest: +SKIP
    """
    from tastemap.recommender import Recommender

    for library in ("jinja2", "matplotlib"):
        require(library, "report")
    from tastemap.report import accuracy, page, sections

    arguments.path("path", path)
    for name, given in (("ratings", ratings), ("valid", valid)):
        arguments.optional_ratings(name, given)
    if split is not None:
        arguments.split("split", split)
    if comparison is not None:
        arguments.result("comparison", comparison, "Comparison", "as tm.compare_recipes gives it")
    arguments.optional_text("title", title)
    if isinstance(commands, str) or not isinstance(commands, Sequence):
        raise ArgumentError(f"commands must be a list of texts, got {commands!r}")
    if isinstance(models, Recommender):
        models = [models]
    arguments.models("models", models)
    if not models and (comparison is None or ratings is None):
        raise DataError("there are no models to report on: give some, or comparison and ratings")
    named = dict(models) if isinstance(models, Mapping) else _named(models, comparison)
    if valid is None and split is not None:
        valid = split.valid
    elif valid is None and ratings is not None:
        valid = accuracy.unseen(ratings, list(named.values()))
    content = sections.gather(
        sections.Inputs(
            models=named,
            ratings=next(iter(named.values())).ratings if ratings is None else ratings,
            valid=valid,
            split="" if split is None else split.description,
            learning_rates=learning_rates,
            commands=tuple(commands),
            title=title,
            comparison=comparison,
        )
    )
    path = Path(path)
    path.write_text(page.render(content), encoding="utf-8", newline="\n")
    return path


def _named(models: Sequence[Recommender], comparison: Comparison | None) -> dict[str, Recommender]:
    """Models by their recipes; by its name in a comparison the only model of its recipe there."""
    from tastemap.evaluation.compare import by_recipe

    measured = comparison.evaluations if comparison else ()
    there = {one.model for one in measured}
    recipes = [model.recipe.name for model in models]
    called = {}
    for name, model in by_recipe(models).items():
        found = [one.model for one in measured if one.recipe == model.recipe.name]
        alone = len(found) == 1 == recipes.count(model.recipe.name)
        called[found[0] if alone and name not in there else name] = model
    return called
