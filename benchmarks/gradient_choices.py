"""How the defaults of the gradient recipes were chosen, on a part of the training rows.

    python benchmarks/gradient_choices.py

Only the training rows of the notebook's split are used: a fifth of them, drawn anew, measures what
the rest is fitted to. One setting is changed at a time. Writes results/gradient-choices.md.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

import tastemap as tm
from tastemap.training.gradient_recipes import GradientRecipe

SEEDS = (0, 1)
VARIANTS: list[tuple[GradientRecipe, list[dict[str, Any]]]] = [
    (tm.DotProduct(), [{}, {"l2": 0.07}, {"l2": 0.15}, {"mean_term": False}]),
    (
        tm.BiasedMF(),
        [
            {},
            {"l2": 0.12},
            {"l2": 0.18},
            {"l2": 10.0, "l2_per": "model"},
            {"factors": 20},
            {"factors": 100},
            {"batch_size": 256},
            {"batch_size": 4096},
            {"schedule": ((1e-3, 60),)},
            {"schedule": ((6e-3, 30),)},
            {"averaging": 0.98},
            {"mean_term": False},
            {"refit": False},
        ],
    ),
    (
        tm.NeuralNet(),
        [
            {},
            {"averaging": 0.0, "schedule": ((1e-3, 15),)},
            {"averaging": 0.99},
            {"averaging": 0.995},
            {"l2": 25.0},
            {"l2": 100.0},
            {"l2": 0.1, "l2_per": "rating"},
            {"dropout": (0.2, 0.5)},
            {"dropout": (0.2, 0.75)},
            {"dropout": (0.0, 0.0)},
            {"hidden": (200,)},
            {"hidden": (100, 50), "dropout": (0.2, 0.2, 0.2)},
            {"batch_size": 256},
            {"batch_size": 2048},
            {"schedule": ((1e-3, 30),)},
            {"refit": False},
        ],
    ),
]


def main() -> None:
    train = tm.split.random(tm.load_dataset("movielens-small"), valid_fraction=0.2, seed=42).train
    inner = np.random.default_rng(7).random(len(train)) < 0.8
    fitted, measured = train.take(inner), train.take(~inner)
    lines = [
        "# Defaults of the gradient recipes: mean squared error on a fifth of the training rows",
        "",
        f"{len(fitted):,} ratings fitted, {len(measured):,} measured, means over seeds {SEEDS}. "
        "Raw: of the fitted arrays, items without a rating among them. Predicted: with the "
        "fallback for those items, clipped to the scale.",
        "",
        "| recipe | changed | raw | predicted | epochs | seconds |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for recipe, changes in VARIANTS:
        for change in changes:
            rows = []
            for seed in SEEDS:
                one = dataclasses.replace(recipe, **change).fit(fitted, measured, seed=seed)
                kept = one.history.best_epoch or len(one.history.epochs)
                raw = one.history.epochs[kept - 1].validation_mse
                assert one.evaluation is not None
                rows.append((raw, one.evaluation.mse, kept, one.seconds))
            raw, predicted, epochs, seconds = np.mean(rows, axis=0)
            told = ", ".join(f"{name}={value!r}" for name, value in change.items()) or "(default)"
            lines.append(
                f"| {type(recipe).__name__} | `{told}` | {raw:.4f} | {predicted:.4f} "
                f"| {epochs:.0f} | {seconds:.1f} |"
            )
            print(lines[-1], flush=True)
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "gradient-choices.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
