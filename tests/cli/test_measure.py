"""The verbs that measure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import tastemap as tm
from tests.cli.conftest import answer, run


def test_evaluate_one_model(biased_folder: Path, csv_files: Path) -> None:
    result = run("evaluate", biased_folder, csv_files / "ratings.csv", "--json")
    said = json.loads(result.stdout)
    ratings = tm.read_ratings(csv_files / "ratings.csv")
    expected = tm.evaluate(tm.load(biased_folder), ratings)
    assert said["rows"] == expected.to_dicts()
    assert any("also trained on" in note for note in said["notes"])


def test_evaluate_several_models_best_first(fitted: Callable[[str], Path], csv_files: Path) -> None:
    folders = [fitted(name) for name in ("mean", "biased", "biases")]
    said = json.loads(answer("evaluate", *folders, csv_files / "ratings.csv", "--json"))
    errors = [row["rmse"] for row in said["rows"]]
    assert len(errors) == 3
    assert errors == sorted(errors)
    assert said["rows"][-1]["model"] == "mean"
    text = answer("evaluate", *folders, csv_files / "ratings.csv")
    assert text.splitlines()[0].split()[:3] == ["model", "rmse", "mse"]


def test_audit(csv_files: Path) -> None:
    files = (csv_files / "ratings.csv", "--items", csv_files / "movies.csv")
    said = json.loads(answer("audit", *files, "--json"))
    expected = tm.audit(tm.read_ratings(files[0], files[2]))
    assert said["rows"] == expected.to_dict()["findings"]
    result = run("audit", *files)
    assert "columns: user = userId" in result.stderr
    assert result.stdout.strip()
