"""Results of compare.py as Markdown, JSON and a picture."""

from __future__ import annotations

import datetime
import json
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epoch_speed import machine

REFERENCE = "tastemap ALS"
"""The row that the seconds of all others are compared with."""

Results = dict[str, dict[str, Any]]


def write_tables(out: Path, name: str, about: list[dict[str, Any]], results: Results) -> None:
    """Write ``out``.md, .json and .png.

    Args:
        out: path without its ending.
        name: of the data set.
        about: what data_sets.py wrote about it, or about each of its folds.
        results: by variant: the peer, its settings, and what each run measured.
    """
    if not results:
        return
    rows = sorted(
        (_row(variant, entry, about[0]["n_train"]) for variant, entry in results.items()),
        key=lambda row: (row["rmse"] or 9.0, row["seconds"]),
    )
    reference = next((row["seconds"] for row in rows if row["variant"] == REFERENCE), None)
    for row in rows:
        row["times_as_long"] = reference and row["seconds"] / reference
    floor = about[0].get("floor")
    document = {
        "data_set": name,
        "date": str(datetime.datetime.now(datetime.UTC).date()),
        "machine": machine(),
        "python": platform.python_version(),
        "about": about,
        "rows": rows,
    }
    out.parent.mkdir(exist_ok=True)
    _file(out, ".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    _file(out, ".md").write_text(_markdown(document, floor), encoding="utf-8")
    _picture(_file(out, ".png"), name, rows, floor)


def _file(out: Path, ending: str) -> Path:
    return out.with_name(out.name + ending)


def _row(variant: str, entry: dict[str, Any], n_train: int) -> dict[str, Any]:
    runs = entry["runs"]

    def median(of: Callable[[dict[str, Any]], float]) -> float:
        return statistics.median(of(run) for run in runs)

    # Means of errors, as folds and seeds are samples; medians of times, as noise only adds.
    errors = [run["mse"] ** 0.5 for run in runs if "mse" in run]
    return {
        "variant": variant,
        "peer": entry["peer"],
        "settings": entry["settings"],
        "rmse": statistics.mean(errors) if errors else None,
        "mse": statistics.mean(run["mse"] for run in runs) if errors else None,
        "seconds": median(lambda run: run["seconds"]),
        "cpu_seconds": median(lambda run: run["cpu_seconds"]),
        "prepare_seconds": median(lambda run: run["prepare_seconds"]),
        "bytes_a_rating": median(lambda run: run["memory_peak"] - run["memory_before"]) / n_train,
        "peak_megabytes": median(lambda run: run["memory_peak"]) / 2**20,
        "runs": runs,
    }


def _markdown(document: dict[str, Any], floor: float | None) -> str:
    about, rows = document["about"], document["rows"]
    folds = f", {len(about)} folds" if len(about) > 1 else ""
    true = f" The error of the true means, the floor, is {floor:.4f}." if floor else ""
    lines = [
        f"{document['date']}, {document['machine']}, python {document['python']}. "
        f"{about[0]['n_train']:,} ratings to train on, {about[0]['n_test']:,} to test on{folds}; "
        f"{about[0]['n_users']:,} users, {about[0]['n_items']:,} items.{true}",
        "",
        "| model | RMSE | MSE | seconds | CPU seconds | × ALS | to prepare | peak MB "
        "| bytes a rating | runs |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        errors = ["–", "–"] if row["rmse"] is None else [f"{row['rmse']:.4f}", f"{row['mse']:.4f}"]
        ratio = "–" if row["times_as_long"] is None else f"{row['times_as_long']:.1f}"
        name = f"**{row['variant']}**" if row["peer"] == "tastemap" else row["variant"]
        cells = [name, *errors, f"{row['seconds']:.2f}", f"{row['cpu_seconds']:.2f}", ratio]
        cells += [f"{row['prepare_seconds']:.1f}", f"{row['peak_megabytes']:,.0f}"]
        cells += [f"{row['bytes_a_rating']:.0f}", f"{len(row['runs'])}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Settings:", ""]
    for row in rows:
        told = ", ".join(f"{name}={value!r}" for name, value in row["settings"].items())
        lines.append(f"- {row['variant']}: `{told}`")
    return "\n".join(lines) + "\n"


def _picture(file: Path, name: str, rows: list[dict[str, Any]], floor: float | None) -> None:
    """RMSE against seconds of fitting, on a logarithmic scale: left and low is good."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for row in rows:
        if row["rmse"] is None:
            continue
        own = row["peer"] == "tastemap"
        axes.plot(row["seconds"], row["rmse"], "o", color="tab:red" if own else "tab:gray")
        axes.annotate(
            row["variant"],
            (row["seconds"], row["rmse"]),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize=8,
            weight="bold" if own else "normal",
        )
    if floor:
        axes.axhline(floor, color="tab:green", linestyle=":", label="error of the true means")
        axes.legend(loc="upper right", fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.2)
    axes.set(xlabel="seconds of fitting", ylabel="RMSE on test ratings", title=name)
    axes.grid(alpha=0.3)
    figure.savefig(file, dpi=100)
