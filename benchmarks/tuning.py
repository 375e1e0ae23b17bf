"""What a minute of tuning gains over the defaults, on ratings that tuning has not seen.

    python benchmarks/tuning.py [--ml-100k FOLDER] [--budget SECONDS]

Each recipe is tuned on the training rows alone; then the best and the recipe with its defaults are
fitted to all of them and measured on the test rows, user by user. Writes results/tuning.md.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import platform
import time
from pathlib import Path

import data_sets
from epoch_speed import machine

import tastemap as tm
from tastemap.cli.parsing import typed_settings
from tastemap.training.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    "BiasesOnly()": tm.BiasesOnly(),
    "BiasedMF()": tm.BiasedMF(),
    'BiasedMF(solver="als")': tm.BiasedMF(solver="als"),
    "ItemKNN()": tm.ItemKNN(),
    "RP3beta()": tm.RP3beta(),
    "EASE()": tm.EASE(),
    "ImplicitALS()": tm.ImplicitALS(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ml-100k", type=Path, help="folder with u1.base ... of MovieLens 100K")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for each recipe")
    arguments = parser.parse_args()
    names = ["bundled", *(["ml-100k-1"] if arguments.ml_100k else [])]
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [
        "# A minute of tuning",
        "",
        f"{today}, {machine()}; python {platform.python_version()}, optuna "
        f"{importlib.metadata.version('optuna')}. `python benchmarks/tuning.py`: "
        f"{arguments.budget:g} seconds for each recipe, the check in them; other work ran on the "
        "machine, so that fewer settings were tried than can be. RMSE (smaller is better) or "
        "nDCG@10 (larger) on the test rows, of which tuning saw none; *better by* with its 95 % "
        "interval over users. *Said* is what tuning itself said of the difference, from "
        "training rows alone.",
    ]
    for name in names:
        lines += [
            "",
            f"## {name}",
            "",
            "| recipe | measure | defaults | tuned | better by | said | trials | seconds "
            "| settings |",
            "|---|---|--:|--:|--:|--:|--:|--:|---|",
        ]
        folder = data_sets.folder_of(name, arguments.ml_100k)
        parts = (data_sets.load_rows(folder, part) for part in ("train", "test"))
        train, test = (data_sets.as_ratings(rows) for rows in parts)
        for label, recipe in RECIPES.items():
            lines.append(_line(label, recipe, train, test, arguments.budget))
            print(lines[-1], flush=True)
    file = Path(__file__).parent / "results" / "tuning.md"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _line(label: str, recipe: Recipe, train: tm.Ratings, test: tm.Ratings, budget: float) -> str:
    recipe.fit(train)  # compiles
    started = time.perf_counter()
    found = tm.tune(recipe, train, budget=budget)
    seconds = time.perf_counter() - started
    name = found.measure.name
    models = {"defaults": recipe.fit(train), "tuned": found.best.fit(train)}
    compared = tm.compare(models, test)
    values = {one.model: one.measures[name] for one in compared.evaluations}
    by = "-"
    for one in compared.differences.each if compared.differences else ():
        both = {one.model, one.against} == set(models)
        if one.measure == name and both and found.best != recipe:
            sign = 1 if one.model == "tuned" else -1
            low, high = sorted((sign * one.low, sign * one.high))
            by = f"{sign * one.better_by:.4f} [{low:.4f}, {high:.4f}]"
    check = found.check.difference if found.check else None
    said = "nothing better" if check is None else f"{check.better_by:.4f}"
    said += "" if check is None else " (sure)" if check.sure else " (may be luck)"
    stopped = sum(one.state == "stopped early" for one in found.trials)
    trials = f"{len(found.trials)}" + (f", {stopped} stopped early" if stopped else "")
    settings = ", ".join(typed_settings(found.best)) or "as given"
    return (
        f"| `{label}` | {found.measure.label} | {values['defaults']:.4f} | {values['tuned']:.4f} "
        f"| {by} | {said} | {trials} | {seconds:.0f} | {settings} |"
    )


if __name__ == "__main__":
    main()
