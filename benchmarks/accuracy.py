"""How accurate the recipes are on the bundled ratings, with their defaults, and how long they take.

    python benchmarks/accuracy.py

The notebook's split: 80,099 ratings to train on, 19,905 to measure on, from which nothing was
chosen by this script. Predictions are those users get: clipped to the scale, with the fallback for
items without training ratings. Writes results/accuracy.md.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import statistics
import time
from pathlib import Path

from epoch_speed import machine

import tastemap as tm
from tastemap.training.recipe import Recipe

SEEDS = (0, 1, 2)
RECIPES: dict[str, Recipe] = {
    "GlobalMean()": tm.GlobalMean(),
    "BiasesOnly()": tm.BiasesOnly(),
    "DotProduct()": tm.DotProduct(),
    "NeuralNet()": tm.NeuralNet(),
    "BiasedMF()": tm.BiasedMF(),
    'BiasedMF(solver="als", factors=16)': tm.BiasedMF(solver="als", factors=16),
    "BayesianMF(rated_items=False, raters=False, item_features=False)": tm.BayesianMF(
        rated_items=False, raters=False, item_features=False
    ),
    "BayesianMF(item_features=False)": tm.BayesianMF(item_features=False),
    "BayesianMF()": tm.BayesianMF(),
    "BayesianMF(days=True)": tm.BayesianMF(days=True),
    'BayesianMF(days=True, likelihood="ordinal")': tm.BayesianMF(days=True, likelihood="ordinal"),
}


def main() -> None:
    ratings = tm.load_dataset("movielens-small")
    split = tm.split.random(ratings, valid_fraction=0.2, seed=42)
    for recipe in RECIPES.values():
        recipe.fit(split.train)  # compiles
    names = ("numpy", "numba", "jax", "optax")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [
        "# Accuracy on the bundled ratings",
        "",
        f"{today}, {machine()}; python {platform.python_version()}, {versions}",
        "",
        f"`python benchmarks/accuracy.py`: the notebook's split, seeds {SEEDS}; medians of CPU "
        "seconds of fitting, all cores together, compiled before.",
        "",
        "| recipe | RMSE | MSE | spread of MSE over seeds | CPU seconds |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, recipe in RECIPES.items():
        errors, times = [], []
        for seed in SEEDS:
            started = time.process_time()
            model = recipe.fit(split.train, seed=seed)
            times.append(time.process_time() - started)
            errors.append(tm.evaluate(model, split.valid).mse)
        seconds = statistics.median(times)
        mse = statistics.mean(errors)
        spread = max(errors) - min(errors)
        lines.append(f"| `{name}` | {mse**0.5:.4f} | {mse:.4f} | {spread:.4f} | {seconds:.2f} |")
        print(lines[-1])
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "accuracy.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
