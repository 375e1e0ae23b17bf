"""The verb that shows everything at once: demo."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import tastemap as tm
from tastemap.cli.options import BUNDLED, Seed
from tastemap.cli.output import (
    COMMAND,
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

if TYPE_CHECKING:
    from tastemap.data.splits import Split
    from tastemap.recommender import Recommender
    from tastemap.tables import Table


_BEST = "bayesian"
"""The model whose lists are shown: the one to begin with on other ratings as well."""


def demo(
    ctx: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="For the report and the models.")
    ] = Path("tastemap-demo"),
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="Items in each list.")] = 10,
    seed: Seed = 42,
    as_json: AsJson = False,
) -> None:
    """Fit, compare and read models on bundled ratings.

    These are 100,004 ratings of movies (MovieLens, October 2016). Takes about a minute.
    """
    form = form_of(as_json)
    ratings = tm.load_dataset(BUNDLED)
    split = tm.split.random(ratings, valid_fraction=0.2, seed=seed)
    say(f"{len(ratings):,} ratings of {ratings.n_items:,} movies by {ratings.n_users:,} users")
    say(split.description)
    looked = tm.audit(ratings)
    if form is Form.TABLE:
        show(looked)
        tell("")
    fitted = _fit(split, seed, out)
    compared = tm.compare(list(fitted.values()), split.valid)
    lists = _lists(fitted[_BEST], n)
    say("writing the report")
    page = tm.write_report(
        out / "report.html",
        models=list(fitted.values()),
        ratings=ratings,
        split=split,
        commands=[ctx.meta[COMMAND], *_commands(fitted, seed, out)],
        title="tastemap demo",
    )
    if form is Form.JSON:
        show_json(
            {
                "report": str(page),
                "models": {name: str(_folder(out, name)) for name in fitted},
                "audit": audit_as_plain(looked),
                "comparison": comparison_as_plain(compared),
                "lists": {name: as_plain(table) for name, table in lists.items()},
            }
        )
        return
    tell("")
    show(compared)
    for name, table in lists.items():
        tell("")
        show(table, title=name)
    tell("")
    tell(f"report: {page}", "bold")
    tell(f"next: tastemap recommend {_folder(out, _BEST)} --user 4")


def _fit(split: Split, seed: int, out: Path) -> dict[str, Recommender]:
    """The baselines, the three models of the notebook, and the best, saved, by name."""
    recipes = (
        *(tm.GlobalMean(), tm.BiasesOnly()),
        *(tm.DotProduct(), tm.BiasedMF(), tm.NeuralNet(), tm.BayesianMF()),
    )
    fitted = {}
    for recipe in recipes:
        with tm.progress_bar(recipe.name) as bar:
            model = recipe.fit(split.train, split.valid, seed=seed, on_epoch=bar)
        if model.history.stopped == "interrupted":
            raise KeyboardInterrupt
        model.save(_folder(out, recipe.name))
        fitted[recipe.name] = model
    return fitted


def _lists(model: Recommender, n: int) -> dict[str, Table]:
    """The items at both ends of the biases and of three components, by what they are."""
    ranking = model.item_biases()
    lists: dict[str, Table] = {
        "largest biases": ranking.top(n),
        "smallest biases": ranking.bottom(n),
    }
    for component in model.components(3):
        lists[f"{component.caption}, high end"] = component.top(n)
        lists[f"component {component.number}, low end"] = component.bottom(n)
    return lists


def _folder(out: Path, name: str) -> Path:
    return out / "models" / name


def _commands(fitted: dict[str, Recommender], seed: int, out: Path) -> list[str]:
    """What gives the same models one by one."""
    fit = ("tastemap", "fit", BUNDLED, "--seed", str(seed))
    return [
        shlex.join([*fit, "--model", name, "--out", str(_folder(out, name))]) for name in fitted
    ]
