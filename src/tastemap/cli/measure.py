"""The verbs that measure: evaluate, compare, audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import tastemap as tm
from tastemap.cli.fit import HowToSplit, Splitting, check_split, divide
from tastemap.cli.options import ModelName, RatingsSource, Reading, Seed, spread
from tastemap.cli.output import (
    COMMAND,
    AsCsv,
    AsJson,
    Form,
    as_plain,
    audit_as_plain,
    by_name,
    check_file,
    comparison_as_plain,
    form_of,
    say,
    show,
    show_json,
    tell,
)
from tastemap.cli.parsing import make_recipe, model_names

Length = Annotated[int, typer.Option("--k", min=1, help="Length of the lists to measure.")]
RelevantFrom = Annotated[
    float | None,
    typer.Option(
        help="Ratings from this on are what lists should hold; if not given, the upper quarter of "
        "the scale."
    ),
]


@spread
def evaluate(
    models: Annotated[
        list[Path], typer.Argument(metavar="MODEL", help="One or more model folders.")
    ],
    ratings: RatingsSource,
    reading: Reading,
    k: Length = 10,
    relevant_from: RelevantFrom = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Measure models on ratings, best first.

    Says which differ by more than luck. Give ratings the models were not trained on; those they
    were are counted and reported. For models that know how sure they are, also how many ratings
    lie inside their intervals; for those fitted with --liking, how often what is to be liked is.
    """
    from tastemap.models.posterior import PosteriorModel

    form = form_of(as_json, as_csv)
    compared = by_name({folder: tm.load(folder) for folder in models})
    test = reading.read(ratings)
    for note in test.notes:
        say(note)
    comparison = tm.compare(compared, test, k=k, relevant_from=relevant_from)
    coverages = {
        name: tm.coverage(model, test, name=name)
        for name, model in compared.items()
        if isinstance(model.model, PosteriorModel) and test.explicit and form is not Form.CSV
    }
    reliabilities = {
        name: tm.reliability(model, test, name=name)
        for name, model in compared.items()
        if model.liking is not None and test.explicit and form is not Form.CSV
    }
    if form is Form.JSON:
        said = comparison_as_plain(comparison)
        if coverages:
            said["coverage"] = {name: as_plain(one) for name, one in coverages.items()}
        if reliabilities:
            said["reliability"] = {name: as_plain(one) for name, one in reliabilities.items()}
        show_json(said)
        return
    if form is Form.TABLE and len(comparison) == 1:
        show(comparison.evaluations[0])
    else:
        show(comparison, form)
    for one in (*coverages.values(), *reliabilities.values()):
        tell("")
        show(one)


@spread
def compare(
    ctx: typer.Context,
    ratings: RatingsSource,
    reading: Reading,
    models: Annotated[
        str,
        typer.Option(
            "--models",
            "-m",
            metavar="NAMES",
            help="What to fit, with commas between; the baselines come by themselves.",
        ),
    ] = "biased,bayesian",
    split: Splitting = HowToSplit.RANDOM,
    valid_fraction: Annotated[
        float | None,
        typer.Option(
            min=0, help="Share of ratings kept back, of new-users that of users; 0.2 if not given."
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Keep back each rating once, in this many splits, instead."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How often each is fitted.")] = 3,
    k: Length = 10,
    relevant_from: RelevantFrom = None,
    seed: Seed = 42,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw how much better than the baseline each is."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write an HTML page about the comparison."),
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Fit models and baselines, and say which is better.

    All are fitted on the same ratings, several times, and measured on the rest; how sure the
    answer is, is said as well. Nothing is saved.
    """
    form = form_of(as_json, as_csv)
    check_split(split, valid_fraction)
    _check_folds(split, valid_fraction, folds)
    for option, file in (("--plot", plot), ("--report", report)):
        check_file(option, file)  # before minutes are spent on it
    recipes = [make_recipe(ModelName(name), []) for name in model_names(models)]
    read = reading.read(ratings)
    for note in read.notes:
        say(note)
    found = tm.compare_recipes(
        recipes,
        tm.split.k_fold(read, folds, seed) if folds else divide(read, split, valid_fraction, seed),
        seeds=range(seed, seed + seeds),
        k=k,
        relevant_from=relevant_from,
        on_fit=say,
    )
    if plot is not None:
        tm.plots.save(tm.plots.differences(found), plot)
    if report is not None:
        tm.write_report(report, comparison=found, ratings=read, commands=[ctx.meta[COMMAND]])
    if form is Form.JSON:
        show_json(comparison_as_plain(found))
        return
    show(found, form)
    if form is Form.TABLE and found.differences is not None:
        tell("")
        show(found.differences)
    for file in (plot, report):
        if file is not None:
            say(f"written to {file}")


def _check_folds(split: HowToSplit, valid_fraction: float | None, folds: int | None) -> None:
    """Refuse options that would change nothing."""
    if folds and split is not HowToSplit.RANDOM:
        raise typer.BadParameter(
            f"folds are drawn at random, not by {split}: leave --folds or --split out",
            param_hint="--folds",
        )
    if folds and valid_fraction is not None:
        raise typer.BadParameter(
            f"each of {folds} folds keeps back 1/{folds} of the ratings, not {valid_fraction:g}: "
            "leave --folds or --valid-fraction out",
            param_hint="--folds",
        )


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
