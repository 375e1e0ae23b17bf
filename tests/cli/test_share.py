"""The verbs that write files for others."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

import tastemap as tm
from tests.cli.conftest import answer, run, shell


def test_a_crosstab_is_printed(csv_files: Path) -> None:
    sizes = ("--n-users", 4, "--n-items", 3)
    text = answer("crosstab", csv_files / "ratings.csv", *sizes)
    expected = tm.crosstab(tm.read_ratings(csv_files / "ratings.csv"), 4, 3)
    assert len(text.splitlines()) == 5 + len(expected.notes)
    said = json.loads(answer("crosstab", csv_files / "ratings.csv", *sizes, "--json"))
    assert said["rows"] == expected.to_dicts()


def test_a_crosstab_of_a_model_is_of_its_training_ratings(biased_folder: Path) -> None:
    said = json.loads(answer("crosstab", "--model", biased_folder, "--json"))
    assert said["rows"] == tm.crosstab(tm.load(biased_folder).ratings).to_dicts()


def test_a_crosstab_as_csv(csv_files: Path, tmp_path: Path) -> None:
    out = tmp_path / "crosstab.csv"
    files = (csv_files / "ratings.csv", "--items", csv_files / "movies.csv")
    assert str(out) in answer("crosstab", *files, "--out", out)
    ratings = tm.read_ratings(files[0], files[2])
    assert out.read_text(encoding="utf-8") == tm.crosstab(ratings).to_csv()


@pytest.mark.parametrize("with_ratings", [True, False])
def test_a_crosstab_as_a_workbook(
    csv_files: Path, biased_folder: Path, tmp_path: Path, with_ratings: bool
) -> None:
    out = tmp_path / "crosstab.xlsx"
    ratings = (csv_files / "ratings.csv",) if with_ratings else ()
    sizes = ("--n-users", 5, "--n-items", 4, "--factors", 2)
    command = ("crosstab", *ratings, "--model", biased_folder, *sizes, "--out", out)
    assert json.loads(answer(*command, "--json"))["out"] == str(out)
    assert openpyxl.load_workbook(out).sheetnames


def test_a_report_names_the_command_that_made_it(
    fitted: Callable[[str], Path], tmp_path: Path
) -> None:
    command = ["report", fitted("biased"), fitted("biases"), "--out", tmp_path / "r.html"]
    command += ["--title", "Films & people"]
    said = answer(*command)
    assert str(tmp_path / "r.html") in said
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Films &amp; people" in page
    for name in ("biased", "biases"):
        assert f"report {fitted('biased')}" in page.replace("&#39;", "'"), name


def test_a_report_takes_ratings_and_validation_ratings(
    csv_files: Path, biased_folder: Path, tmp_path: Path
) -> None:
    ratings = csv_files / "ratings.csv"
    options = ("--ratings", ratings, "--valid", ratings, "--items", csv_files / "movies.csv")
    said = answer("report", biased_folder, *options, "--out", tmp_path / "r.html", "--json")
    assert json.loads(said) == {"out": str(tmp_path / "r.html")}
    assert (tmp_path / "r.html").stat().st_size > 10_000


@pytest.mark.slow
def test_demo_does_it_all(tmp_path: Path) -> None:
    out = shell("demo", "-n", 4, folder=tmp_path)
    assert out.returncode == 0, out.stderr
    for name in ("mean", "biases", "dot", "biased", "neural"):
        assert tm.load(tmp_path / "tastemap-demo" / "models" / name).recipe.name == name
    for shown in ("rmse", "largest biases", "smallest biases", "component 3", "report: "):
        assert shown in out.stdout
    page = (tmp_path / "tastemap-demo" / "report.html").read_text(encoding="utf-8")
    assert "tastemap demo -n 4" in page
    assert "tastemap fit movielens-small --seed 42 --model neural" in page
    following = shlex.split(out.stdout.split("next: tastemap ")[1])
    assert shell(*following, folder=tmp_path).returncode == 0


@pytest.mark.slow
def test_the_commands_of_the_demo_give_its_models(tmp_path: Path) -> None:
    said = json.loads(answer("demo", "--out", tmp_path / "d", "--json"))
    assert set(said["models"]) == {"mean", "biases", "dot", "biased", "neural"}
    assert len(said["comparison"]["rows"]) == 5
    answer("fit", "movielens-small", "--seed", 42, "--model", "biased", "--out", tmp_path / "m")
    again, first = tm.load(tmp_path / "m"), tm.load(said["models"]["biased"])
    assert again.evaluation is not None
    assert first.evaluation is not None
    assert again.evaluation.rmse == first.evaluation.rmse


def test_demo_stops_at_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tm.DotProduct, "_train", interrupted)
    result = run("demo", "--out", tmp_path / "d")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "interrupted"
