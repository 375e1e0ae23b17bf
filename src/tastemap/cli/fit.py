"""The verbs that make models: fit, update."""

from __future__ import annotations

import dataclasses
import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import tastemap as tm
from tastemap.cli.feedback import read_feedback
from tastemap.cli.options import ModelFolder, ModelName, RatingsSource, Reading, Seed, spread
from tastemap.cli.output import (
    AsJson,
    Form,
    as_plain,
    audit_as_plain,
    comparison_as_plain,
    form_of,
    say,
    show,
    show_json,
    tell,
)
from tastemap.cli.parsing import make_recipe

if TYPE_CHECKING:
    from tastemap.data.ratings import Ratings
    from tastemap.data.splits import Split
    from tastemap.recommender import Recommender
    from tastemap.training.history import TrainingHistory
    from tastemap.training.recipe import Recipe

_EPOCHS_SHOWN = 15
_VALID_FRACTION = 0.2


class HowToSplit(StrEnum):
    """Which ratings are kept back to measure on."""

    RANDOM = "random"
    PER_USER = "per-user"
    LEAVE_LAST_OUT = "leave-last-out"
    TIME = "time"
    NEW_USERS = "new-users"


Splitting = Annotated[
    HowToSplit,
    typer.Option(
        help="How ratings are kept back to measure on; new-users: all of some users, whom the "
        "model then gets to know by half of their ratings."
    ),
]
ValidFraction = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Share of ratings kept back, of new-users that of users; 0.2 if not given. "
        "0 trains on everything.",
    ),
]


class Solver(StrEnum):
    """Ways to fit `tastemap.BiasedMF`."""

    ADAM = "adam"
    ALS = "als"


@spread
def fit(
    ratings: RatingsSource,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where to save the model.")
    ],
    reading: Reading,
    model: Annotated[
        ModelName, typer.Option("--model", "-m", help="What to fit.")
    ] = ModelName.BAYESIAN,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A hyper-parameter, such as factors=40. Repeat for more; a wrong one lists all.",
        ),
    ] = None,
    solver: Annotated[
        Solver | None, typer.Option(help="Of --model biased: by gradients, or in closed form.")
    ] = None,
    days: Annotated[
        bool,
        typer.Option(
            "--days", help="Of --model bayesian: users differ from day to day; needs times."
        ),
    ] = False,
    liking: Annotated[
        bool,
        typer.Option(
            "--liking",
            help="Also learn the chance that a recommended item is liked; takes one more fit.",
        ),
    ] = False,
    notebook: Annotated[
        bool, typer.Option("--notebook", help="With the hyper-parameters of the notebook.")
    ] = False,
    split: Splitting = HowToSplit.RANDOM,
    valid_fraction: ValidFraction = None,
    seed: Seed = 42,
    with_feedback: Annotated[
        str | None,
        typer.Option(
            metavar="STORE",
            help="Take in what users of a server said: its store, or an exported file.",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep the state of training here, and go on from it if it has one.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model on ratings, measure it, and save it.

    Ctrl-C ends training early and keeps the best weights so far.
    """
    from tastemap import model_folder
    from tastemap.evaluation.new_users import check_recipes

    form = form_of(as_json)
    check_split(split, valid_fraction)
    chosen = [f"solver={solver}"] if solver else []
    chosen += ["days=true"] if days else []
    recipe = make_recipe(model, [*chosen, *(settings or [])], notebook=notebook)
    model_folder.check_free(out)  # before hours are spent on it
    said = read_feedback(with_feedback) if with_feedback else None
    read = reading.read(ratings, said)
    for note in read.notes:
        say(note)
    if liking and not read.explicit:
        raise typer.BadParameter(
            "interactions say what users took, not what they liked", param_hint="--liking"
        )
    parts = None if valid_fraction == 0 else divide(read, split, valid_fraction, seed)
    train, valid, known = (parts.train, parts.valid, parts.known) if parts else (read, None, None)
    if parts:
        check_recipes([recipe], parts)
    looked = tm.audit(read, factors=getattr(recipe, "factors", 50))
    if form is Form.TABLE:
        show(looked)
        tell("")
    if parts:
        say(parts.description)
    with tm.progress_bar(recipe.name) as bar:
        # Users it does not know yet have no learning curve.
        seen = valid if known is None else None
        fitted = recipe.fit(train, seen, seed=seed, on_epoch=bar, checkpoint=checkpoint)
    if liking:
        fitted = fitted.with_liking()
    fitted.save(out)
    compared = checked = None
    if valid is not None and len(valid):
        compared = tm.compare([fitted, *baselines(fitted)], valid, known=known)
        checked = tm.reliability(fitted, valid) if liking and known is None else None
    if form is Form.JSON:
        show_json(
            {
                "model": recipe.name,
                "folder": str(out),
                "settings": recipe.settings(),
                "seed": seed,
                "seconds": fitted.seconds,
                "stopped": fitted.history.stopped,
                "best_epoch": fitted.history.best_epoch,
                "ratings": {"rows": len(read), "notes": list(read.notes)},
                "split": parts.description if parts else None,
                "audit": audit_as_plain(looked),
                "history": as_plain(fitted.history),
                "comparison": comparison_as_plain(compared) if compared else None,
                "reliability": as_plain(checked) if checked else None,
            }
        )
    else:
        _show_curve(fitted.history)
        if compared:
            show(compared)
            tell("")
        if checked:
            show(checked)
            tell("")
        # A report tells a model nothing of users it does not know.
        kept_back = parts is not None and known is None
        _tell_next(fitted, out, ["--ratings", ratings, *reading.typed()] if kept_back else [])
    if fitted.history.stopped == "interrupted":
        say("interrupted: the best weights so far were saved", "yellow")
        raise typer.Exit(130)


@spread
def update(
    model: ModelFolder,
    ratings: Annotated[str, typer.Argument(metavar="RATINGS", help="A file of new ratings.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where to save the new model.")
    ],
    reading: Reading,
    seed: Seed = 42,
    as_json: AsJson = False,
) -> None:
    """Take new ratings into a model, without training again.

    Only users and items with new ratings change. Where a user rated an item again, the new rating
    replaces the old. Train again now and then.
    """
    from tastemap import model_folder

    form = form_of(as_json)
    model_folder.check_free(out)
    recommender = tm.load(model)
    read = reading.read(ratings)
    for note in read.notes:
        say(note)
    updated = recommender.with_ratings(read, seed=seed)
    updated.save(out)
    said = updated.ratings.notes[len(recommender.ratings.notes) :]
    if form is Form.JSON:
        show_json({"folder": str(out), "ratings": len(updated.ratings), "notes": list(said)})
        return
    for note in said:
        tell(note)
    tell(f"saved in {out}", "bold")


def baselines(fitted: Recommender) -> list[Recommender]:
    """What a model has to beat, fitted to the same ratings."""
    known: list[Recipe] = [tm.GlobalMean(), tm.BiasesOnly()]
    if fitted.model.predicts == "scores":
        known = [tm.Popularity()]
    return [one.fit(fitted.ratings) for one in known if one != fitted.recipe]


def check_split(how: HowToSplit, fraction: float | None) -> None:
    """Refuse options that would change nothing."""
    if how is HowToSplit.LEAVE_LAST_OUT and fraction is not None:
        raise typer.BadParameter(
            "leave-last-out keeps back the last rating of each user, whatever the share: leave "
            "--valid-fraction out",
            param_hint="--valid-fraction",
        )
    if how is not HowToSplit.RANDOM and fraction == 0:
        raise typer.BadParameter(
            f"with a share of 0 nothing is kept back, by {how} or otherwise: leave --split or "
            "--valid-fraction out",
            param_hint="--valid-fraction",
        )


def divide(ratings: Ratings, how: HowToSplit, fraction: float | None, seed: int) -> Split:
    """Divide ratings in one of the ways to."""
    if how is HowToSplit.LEAVE_LAST_OUT:
        return tm.split.leave_last_out(ratings)
    share = _VALID_FRACTION if fraction is None else fraction
    if how is HowToSplit.RANDOM:
        return tm.split.random(ratings, valid_fraction=share, seed=seed)
    if how is HowToSplit.PER_USER:
        return tm.split.per_user(ratings, valid_fraction=share, seed=seed)
    if how is HowToSplit.NEW_USERS:
        return tm.split.new_users(ratings, user_fraction=share, seed=seed)
    return tm.split.time_cut(ratings, valid_fraction=share)


def _show_curve(history: TrainingHistory) -> None:
    n = len(history.epochs)
    if not n:
        return
    if n > _EPOCHS_SHOWN:
        steps = range(_EPOCHS_SHOWN)
        chosen = sorted({round(step * (n - 1) / (_EPOCHS_SHOWN - 1)) for step in steps})
        history = dataclasses.replace(history, epochs=tuple(history.epochs[i] for i in chosen))
    show(history)
    if n > len(history.epochs):
        tell(f"{len(history.epochs)} of {n} {history.unit}s shown", "dim")
    tell("")


def _tell_next(fitted: Recommender, out: Path, measured_on: list[str]) -> None:
    """Say what to do with a model; a report needs ratings it was not trained on to measure it."""
    # The first it was trained on: of others it knows little.
    user: Any = fitted.ratings.user_ids.raw(int((fitted.ratings.user_counts > 0).argmax()))
    item: Any = fitted.ratings.item_ids.raw(int((fitted.ratings.item_counts > 0).argmax()))
    tell(f"saved in {out}", "bold")
    tell("next:")
    tell(f"  tastemap recommend {out} --user {user}")
    tell(f"  tastemap explain {out} --user {user} --item {item}")
    tell(f"  {shlex.join(['tastemap', 'report', str(out), *measured_on, '--out', 'report.html'])}")
    if not measured_on:
        tell(
            "  (it says how good the model is with --valid FILE, of ratings it was not trained on)"
        )
