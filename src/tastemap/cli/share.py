"""The verbs that write files for others: crosstab, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import tastemap as tm
from tastemap.cli.options import RATINGS_HELP, Reading, complete_source, spread
from tastemap.cli.output import (
    COMMAND,
    AsJson,
    Form,
    as_plain,
    by_name,
    form_of,
    say,
    show,
    show_json,
    tell,
)


@spread
def crosstab(
    reading: Reading,
    ratings: Annotated[
        str | None,
        typer.Argument(metavar="[RATINGS]", help=RATINGS_HELP, autocompletion=complete_source),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="A model folder: its factors go into the workbook, and its "
            "training ratings are taken where no others are given.",
        ),
    ] = None,
    n_users: Annotated[int, typer.Option(min=1, help="The most active users.")] = 15,
    n_items: Annotated[int, typer.Option(min=1, help="The most rated items.")] = 15,
    factors: Annotated[int, typer.Option(min=1, help="Factors in the workbook.")] = 5,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A workbook with live formulas (.xlsx), or a .csv."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Cross the most active users with the most rated items."""
    form = form_of(as_json)
    if out is not None and out.suffix.lower() not in (".xlsx", ".csv"):
        raise typer.BadParameter(f"{out} must end in .xlsx or .csv", param_hint="--out")
    if ratings is None and model is None:
        raise typer.BadParameter("give a file of ratings, or --model")
    recommender = tm.load(model) if model else None
    read = reading.read(ratings) if ratings else recommender.ratings if recommender else None
    assert read is not None  # one of the two was given  # noqa: S101
    if ratings:
        for note in read.notes:
            say(note)
    table = tm.crosstab(read, n_users, n_items)
    if out is None:
        show(table, form)
        return
    if out.suffix.lower() == ".csv":
        table.to_csv(out)
    else:
        table.to_excel(out, model=recommender, factors=factors)
    if form is Form.JSON:
        show_json({"out": str(out), **as_plain(table)})
    else:
        tell(f"written to {out}", "bold")


@spread
def report(
    ctx: typer.Context,
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL", help="One or more model folders of the same ratings."),
    ],
    reading: Reading,
    ratings: Annotated[
        str | None,
        typer.Option(
            help="All ratings, for audit and crosstab; if not given, those trained on. Without "
            "--valid, models and baselines are compared on those no model was trained on.",
            autocompletion=complete_source,
        ),
    ] = None,
    valid: Annotated[
        str | None,
        typer.Option(
            help="Ratings to compare the models on; if not given, the errors measured by fit.",
            autocompletion=complete_source,
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the report.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path(
        "report.html"
    ),
    as_json: AsJson = False,
) -> None:
    """Write one HTML file about models and their ratings."""
    form = form_of(as_json)
    fitted = by_name({folder: tm.load(folder) for folder in models})
    read = [None if source is None else reading.read(source) for source in (ratings, valid)]
    tm.write_report(
        out,
        models=fitted,
        ratings=read[0],
        valid=read[1],
        commands=[ctx.meta[COMMAND]],
        title=title,
    )
    if form is Form.JSON:
        show_json({"out": str(out)})
    else:
        tell(f"written to {out}", "bold")
