"""The verbs that write files for others."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

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


def test_models_of_one_recipe_have_the_names_of_their_folders(
    fitted: Callable[[str], Path], tmp_path: Path
) -> None:
    twin = tmp_path / "twin"
    tm.load(fitted("biased")).save(twin)
    answer("report", fitted("biased"), twin, "--out", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert f'<th scope="col">{twin}</th>' in page
    assert "biased 2" not in page


@pytest.mark.slow
def test_demo_does_it_all(tmp_path: Path) -> None:
    out = shell("demo", "-n", 4, folder=tmp_path)
    assert out.returncode == 0, out.stderr
    models = tmp_path / "tastemap-demo" / "models"
    for name in ("mean", "biases", "dot", "biased", "neural", "bayesian"):
        assert tm.load(models / name).recipe.name == name
    for shown in ("rmse", "largest biases", "smallest biases", "component 3", "report: "):
        assert shown in out.stdout
    page = (tmp_path / "tastemap-demo" / "report.html").read_text(encoding="utf-8")
    assert "tastemap demo -n 4" in page
    again = "tastemap fit movielens-small --seed 42 --model dot --out tastemap-demo/models/dot"
    assert again in page
    first = tm.load(models / "dot").evaluation
    assert shell(*again.split()[1:], folder=tmp_path).returncode == 0
    second = tm.load(models / "dot").evaluation
    assert first is not None
    assert second is not None
    assert second.rmse == first.rmse
    following = shlex.split(out.stdout.split("next: tastemap ")[1])
    assert shell(*following, folder=tmp_path).returncode == 0


@pytest.fixture
def quick_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models with settings that take no time."""
    for kind in (tm.DotProduct, tm.BiasedMF, tm.NeuralNet):
        quick = partial(kind, factors=4, schedule=((1e-3, 1),), holdout=0)
        monkeypatch.setattr(tm, kind.__name__, quick)
    quick = partial(tm.BayesianMF, factors=4, sweeps=6, burn_in=2, draws=4, calibration=0)
    monkeypatch.setattr(tm, "BayesianMF", quick)


def test_demo_in_json(tmp_path: Path, quick_recipes: None) -> None:
    said = json.loads(answer("demo", "--out", tmp_path / "d", "-n", 2, "--json"))
    assert set(said["models"]) == {"mean", "biases", "dot", "biased", "neural", "bayesian"}
    assert {row["model"] for row in said["comparison"]["rows"]} == set(said["models"])
    assert said["audit"]["rows"]
    assert [len(table["rows"]) for table in said["lists"].values()] == [2] * 8
    assert Path(said["report"]).is_file()


def test_demo_in_tables(tmp_path: Path, quick_recipes: None) -> None:
    text = answer("demo", "--out", tmp_path / "d", "-n", 2)
    order = ["audit of movielens-small", "rmse", "largest biases", "smallest biases", "component 1"]
    order += ["component 3, low end", f"report: {tmp_path / 'd' / 'report.html'}", "next: tastemap"]
    places = [text.index(one) for one in order]
    assert places == sorted(places)


def test_demo_stops_at_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tm.DotProduct, "_train", interrupted)
    result = run("demo", "--out", tmp_path / "d")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "interrupted"


def test_demo_stops_at_ctrl_c_where_weights_were_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_recipes: None
) -> None:
    whole = tm.NeuralNet.func.fit  # type: ignore[attr-defined]

    def cut(*arguments: Any, **options: Any) -> tm.Recommender:
        fitted: tm.Recommender = whole(*arguments, **options)
        return replace(fitted, history=replace(fitted.history, stopped="interrupted"))

    monkeypatch.setattr(tm.NeuralNet.func, "fit", cut)  # type: ignore[attr-defined]
    assert run("demo", "--out", tmp_path / "d").exit_code == 130
    assert not (tmp_path / "d" / "report.html").exists()
