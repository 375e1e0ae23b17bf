"""The verb that searches for better settings."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import tastemap as tm
from tastemap.cli.fit import (
    HowToSplit,
    Splitting,
    ValidFraction,
    baselines,
    check_split,
    divide,
)
from tastemap.cli.measure import RelevantFrom
from tastemap.cli.options import ModelName, RatingsSource, Reading, Seed, spread
from tastemap.cli.output import (
    AsCsv,
    AsJson,
    Form,
    check_file,
    comparison_as_plain,
    form_of,
    say,
    show,
    show_json,
    tell,
)
from tastemap.cli.parsing import make_recipe, make_space, typed_settings

if TYPE_CHECKING:
    from tastemap.data.ratings import Ratings
    from tastemap.data.splits import Split
    from tastemap.evaluation.compare import Comparison
    from tastemap.training.recipe import Recipe


@spread
def tune(
    ratings: RatingsSource,
    reading: Reading,
    model: Annotated[ModelName, typer.Option("--model", "-m", help="What to tune.")],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A hyper-parameter to begin with. Repeat for more."
        ),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=RANGE",
            help="What to vary, instead of what is worth it: factors=8..128, l2=0.01..1:log, or "
            "choices, hidden=30|70. Repeat for more.",
        ),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What settings are judged by; if not given, rmse, of models for lists ndcg@10.",
        ),
    ] = None,
    relevant_from: RelevantFrom = None,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Seconds to take, the check included; 60 if --trials is not given either."
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="How many settings to try.")] = None,
    split: Splitting = HowToSplit.RANDOM,
    valid_fraction: ValidFraction = None,
    storage: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the search here, and go on with it if it has it."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Of the search in --storage; if not given, that of the model."),
    ] = None,
    seed: Seed = 42,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Fit the best, and save it here."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw every trial by its settings.")
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Search for better settings of a model.

    It ends with the command that fits with them.
    Ratings are kept back as by `tastemap fit`, and not looked at: settings are chosen on a part of
    the others. Whether the best is better than the recipe as given is then checked on further
    parts. Ctrl-C ends the search, and keeps what was found.
    """
    from tastemap import model_folder

    form = form_of(as_json, as_csv)
    check_split(split, valid_fraction)
    recipe = make_recipe(model, settings or [])
    varied = make_space(model, space or [])
    if name is not None and storage is None:
        raise typer.BadParameter(
            "a search is only kept, under any name, with --storage", param_hint="--name"
        )
    check_file("--plot", plot)
    if out is not None:
        model_folder.check_free(out)
    read = reading.read(ratings)
    for note in read.notes:
        say(note)
    parts = None if valid_fraction == 0 else divide(read, split, valid_fraction, seed)
    if parts is not None:
        say(f"kept back, and not looked at: valid of {parts.description}")
    train = read if parts is None else parts.train
    with tm.progress_bar(f"tuning {recipe.name}") as bar:
        found = tm.tune(
            recipe,
            _inner(train, split, valid_fraction, seed),
            varied,
            budget=budget,
            trials=trials,
            measure=measure,
            relevant_from=relevant_from,
            storage=storage,
            name=name,
            seed=seed,
            on_trial=bar,
        )
    if plot is not None:
        tm.plots.save(tm.plots.tuning_slices(found), plot)
        say(f"written to {plot}")
    command = ["tastemap", "fit", ratings, *reading.typed(), "--model", recipe.name]
    command += [word for text in typed_settings(found.best) for word in ("--set", text)]
    command += [] if split is HowToSplit.RANDOM else ["--split", split.value]
    command += [] if valid_fraction is None else ["--valid-fraction", f"{valid_fraction:g}"]
    command += [] if seed == 42 else ["--seed", str(seed)]
    command += ["--out", str(out or f"models/{recipe.name}")]
    if form is not Form.JSON:
        show(found, form)
    if form is Form.TABLE and found.check is not None:
        tell("")
        show(found.check)
    compared = None if out is None else _fit(found.best, found.given, parts, train, seed, out)
    if form is Form.JSON:
        show_json(
            {
                **found.to_dict(),
                "command": command,
                "folder": None if out is None else str(out),
                "comparison": comparison_as_plain(compared) if compared else None,
            }
        )
    elif form is Form.TABLE:
        tell("")
        if compared is not None:
            show(compared)
            tell("")
        tell(f"saved in {out}, as by" if out is not None else "fit it by", "bold")
        tell(f"  {shlex.join(command)}")
    else:
        say(shlex.join(command))
    if found.interrupted:
        say("interrupted: what was found so far was kept", "yellow")
        raise typer.Exit(130)


def _inner(
    train: Ratings, how: HowToSplit, fraction: float | None, seed: int
) -> Ratings | list[Split]:
    """The training ratings, divided once more as they were before where that is what counts."""
    if how in (HowToSplit.RANDOM, HowToSplit.PER_USER):
        return train
    # Of new users other seeds, or the same users would be drawn again.
    later = divide(train, how, fraction, seed + 1)
    return [divide(later.train, how, fraction, seed + 2), later]


def _fit(
    best: Recipe, given: Recipe, parts: Split | None, train: Ratings, seed: int, out: Path
) -> Comparison | None:
    """Fit the best and save it; compare it where ratings were kept back from all of this."""
    valid, known = (None, None) if parts is None else (parts.valid, parts.known)
    with tm.progress_bar(best.name) as bar:
        fitted = best.fit(train, valid if known is None else None, seed=seed, on_epoch=bar)
    fitted.save(out)
    if valid is None or not len(valid):
        return None
    models = {"tuned": fitted, "as given": given.fit(train, seed=seed)}
    models |= {one.recipe.name: one for one in baselines(fitted)}
    return tm.compare(models, valid, known=known)
