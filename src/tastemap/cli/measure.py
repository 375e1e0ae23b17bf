"""The verbs that measure: evaluate, audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import tastemap as tm
from tastemap.cli.options import RatingsSource, Reading, spread
from tastemap.cli.output import (
    AsCsv,
    AsJson,
    Form,
    as_plain,
    audit_as_plain,
    form_of,
    say,
    show,
    show_json,
    tell,
)


@spread
def evaluate(
    models: Annotated[
        list[Path], typer.Argument(metavar="MODEL", help="One or more model folders.")
    ],
    ratings: RatingsSource,
    reading: Reading,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Measure models on ratings, best first.

    Give ratings the models were not trained on; those they were are counted and reported. For
    models that know how sure they are, also how many ratings lie inside their intervals.
    """
    from tastemap.models.posterior import PosteriorModel

    form = form_of(as_json, as_csv)
    fitted = {str(folder): tm.load(folder) for folder in models}
    names = [model.recipe.name for model in fitted.values()]
    # By their recipes where that tells them apart, by their folders otherwise.
    distinct = len(set(names)) == len(names)
    compared = dict(zip(names, fitted.values(), strict=True)) if distinct else fitted
    test = reading.read(ratings)
    for note in test.notes:
        say(note)
    comparison = tm.compare(compared, test)
    coverages = {
        name: tm.coverage(model, test, name=name)
        for name, model in compared.items()
        if isinstance(model.model, PosteriorModel) and form is not Form.CSV
    }
    if form is Form.JSON and coverages:
        covered = {name: as_plain(one) for name, one in coverages.items()}
        show_json({**as_plain(comparison), "coverage": covered})
        return
    show(comparison, form)
    for one in coverages.values():
        tell("")
        show(one)


@spread
def audit(
    ratings: RatingsSource,
    reading: Reading,
    factors: Annotated[
        int, typer.Option(min=1, help="Size of the model whose memory and time are estimated.")
    ] = 50,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Look at ratings before anything is trained on them."""
    form = form_of(as_json, as_csv)
    read = reading.read(ratings)
    for note in read.notes:
        say(note)
    found = tm.audit(read, factors)
    if form is Form.JSON:
        show_json(audit_as_plain(found))
    else:
        show(found, form)
