"""The verb that searches for better settings."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

import tastemap as tm
from tastemap.cli.options import ModelName
from tastemap.cli.parsing import make_recipe, make_space, typed_settings
from tastemap.evaluation.spaces import default_space
from tastemap.progress import ProgressBar
from tastemap.training.recipe import Recipe
from tests.cli.conftest import answer, run

FEW = ("--trials", 6, "--seed", 5)


def test_it_does_what_the_library_does_without_what_is_kept_back(csv_files: Path) -> None:
    said = json.loads(
        answer("tune", csv_files / "ratings.csv", "--model", "biases", *FEW, "--json")
    )
    train = tm.split.random(tm.read_ratings(csv_files / "ratings.csv"), 0.2, seed=5).train
    expected = tm.tune(tm.BiasesOnly(), train, trials=6, seed=5)
    assert [one["value"] for one in said["trials"]] == [one.value for one in expected.trials]
    assert said["best"] == expected.best.settings()
    assert said["verdict"] == expected.verdict
    assert said["folder"] is None


def test_the_command_it_prints_fits_the_best(
    csv_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my movies.csv").write_bytes((csv_files / "movies.csv").read_bytes())
    options = ("--items", "my movies.csv", "--min-user-ratings", 20, "--split", "per-user")
    options += ("--valid-fraction", 0.3, "--model", "biases", "--set", "item-damping=400", *FEW)
    printed = answer("tune", csv_files / "ratings.csv", *options)
    assert "RMSE on ratings that had no part in the choice" in printed
    *_, before, command = printed.splitlines()
    assert before == "fit it by"
    assert "--items 'my movies.csv' --min-user-ratings 20 --model biases --set" in command
    said = json.loads(answer("tune", csv_files / "ratings.csv", *options, "--json"))
    words = shlex.split(command)
    assert words == said["command"]
    fitted = json.loads(answer(*words[1:], "--json"))
    assert fitted["settings"] == said["best"]
    assert fitted["split"].startswith("per user, 0.3 ")
    model = tm.load(tmp_path / "models" / "biases")
    assert model.recipe == tm.BiasesOnly(**said["best"])
    assert model.catalog.has_titles


def test_it_fits_and_measures_the_best_on_what_was_kept_back(
    csv_files: Path, tmp_path: Path
) -> None:
    options = ("--model", "item-knn", "--set", "neighbours=1", "--trials", 4)
    out, picture = tmp_path / "model", tmp_path / "slices.svg"
    command = ("tune", csv_files / "ratings.csv", *options, "--out", out, "--plot", picture)
    said = json.loads(answer(*command, "--json"))
    model = tm.load(out)
    assert model.recipe.settings() == said["best"]
    split = tm.split.random(tm.read_ratings(csv_files / "ratings.csv"), 0.2, seed=42)
    expected = tm.evaluate(model, split.valid).measures["ndcg@10"]
    values = {row["model"]: row["ndcg@10"] for row in said["comparison"]["rows"]}
    assert set(values) == {"tuned", "as given", "popularity"}
    assert values["tuned"] == pytest.approx(expected)
    assert picture.read_text().startswith("<?xml")
    printed = answer(*command, "--valid-fraction", 0)
    assert f"saved in {out}, as by" in printed
    assert "popularity" not in printed
    assert len(tm.load(out).ratings) == len(tm.read_ratings(csv_files / "ratings.csv"))


def test_time_is_cut_inside_as_it_is_outside(csv_files: Path) -> None:
    for how, begins in (("time", "time cut"), ("leave-last-out", "leave last out")):
        options = ("--model", "biases", "--set", "item-damping=9999", "--split", how, *FEW)
        said = json.loads(answer("tune", csv_files / "ratings.csv", *options, "--json"))
        assert said["chosen_on"].startswith(begins)
        assert len(said["check"]["parts"]) == 1


def test_users_are_new_inside_as_they_are_outside(csv_files: Path, tmp_path: Path) -> None:
    options = ("--model", "biases", "--trials", 2, "--split", "new-users", "--json")
    out = tmp_path / "tuned"
    said = json.loads(answer("tune", csv_files / "ratings.csv", *options, "--out", out))
    outside = tm.split.new_users(tm.read_ratings(csv_files / "ratings.csv"), seed=42)
    later = tm.split.new_users(outside.train, seed=43)
    inside = tm.split.new_users(later.train, seed=44)
    assert not np.intersect1d(inside.valid.users, later.valid.users).size
    expected = tm.tune(tm.BiasesOnly(), [inside, later], trials=2, seed=42)
    assert [one["value"] for one in said["trials"]] == [one.value for one in expected.trials]
    tuned, baseline = tm.load(out), tm.GlobalMean().fit(outside.train)
    compared = tm.compare([tuned, baseline], outside.valid, known=outside.known)
    errors = {row["model"]: row["rmse"] for row in said["comparison"]["rows"]}
    assert errors["tuned"] == next(
        one.rmse for one in compared.evaluations if one.recipe == "biases"
    )
    assert said["command"][-4:] == ["--split", "new-users", "--out", str(out)]


def test_a_search_is_kept_and_gone_on_with(csv_files: Path, tmp_path: Path) -> None:
    command = ("tune", csv_files / "ratings.csv", "--model", "biases", "--json", "--seed", 5)
    kept = ("--storage", tmp_path / "search.db", "--name", "mine")
    answer(*command, *kept, "--trials", 2)
    result = run(*command, *kept, "--trials", 4)
    said = json.loads(result.stdout)
    assert said["stopped"] == "all 4 trials were made, 2 of them before"
    assert "tuning biases: 4/4  RMSE" in result.stderr
    assert "tuning biases: 2/4" not in result.stderr
    other = run(*command, *kept, "--trials", 4, "--set", "sweeps=2")
    assert other.exit_code == 1
    assert "a search called 'mine' with another recipe" in other.stderr
    nowhere = run(*command, "--name", "mine")
    assert nowhere.exit_code == 2
    assert "only kept, under any name, with --storage" in nowhere.stderr


def test_a_space_is_typed() -> None:
    texts = ["factors=8..128", "l2=0.01..1:log", "schedule=0.1:3|0.2:4,0.1:1", "mean-term=yes|no"]
    assert make_space(ModelName.BIASED, texts) == {
        "factors": (8, 128),
        "l2": (0.01, 1.0, "log"),
        "schedule": [((0.1, 3),), ((0.2, 4), (0.1, 1))],
        "mean_term": [True, False],
    }
    assert make_space(ModelName.ITEM_KNN, ["min-rating=none|4"]) == {"min_rating": [None, 4.0]}
    assert make_space(ModelName.EASE, ["regularization=-1..1e3"]) == {"regularization": (-1, 1e3)}
    assert make_space(ModelName.EASE, []) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("factors=8..", "write factors=1..100"),
        ("factors=8..x:log", "write factors=1..100"),
        ("factors=8|many", "must be a whole number"),
        ("factors=1..2:logs", "write factors=1..100"),
        ("speed=3|4", "not a setting of biased"),
        ("factors", "write factors=1..100"),
    ],
)
def test_a_space_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        make_space(ModelName.BIASED, [text])
    with pytest.raises(typer.BadParameter, match="factors is there twice"):
        make_space(ModelName.BIASED, ["factors=8..9", "factors=8|9"])


def test_a_space_that_was_typed_is_searched(csv_files: Path) -> None:
    options = ("--space", "sweeps=2|3", "--space", "user-damping=1..9:log", *FEW, "--json")
    said = json.loads(answer("tune", csv_files / "ratings.csv", "--model", "biases", *options))
    for one in said["trials"][1:]:
        assert one["settings"]["sweeps"] in (2, 3)
        assert 1 <= one["settings"]["user_damping"] <= 9


@pytest.mark.parametrize(
    "recipe",
    [
        tm.BiasesOnly(),
        tm.BiasedMF(solver="als", regularization=0.08, factors=9),
        tm.NeuralNet(hidden=(30,), dropout=(0.1, 0.5), schedule=((5e-4, 40),)),
        tm.BayesianMF(rated_items=False, item_features=("genres",)),
        tm.BayesianMF(likelihood="ordinal", eras=(3.0, 4.5)),
        tm.EASE(min_rating=4, regularization=1e-05),
        tm.ItemKNN(similarity="adjusted cosine"),
        tm.Blend(weights=(1.0, 2.0, 4.0)),
    ],
    ids=repr,
)
def test_settings_are_typed_as_they_are_read(recipe: Recipe) -> None:
    assert make_recipe(ModelName(recipe.name), typed_settings(recipe)) == recipe


def test_all_that_is_searched_by_itself_can_be_typed(small: Any) -> None:
    for name in ModelName:
        recipe = make_recipe(name, [])
        for setting, one in default_space(recipe, small).items():
            for value in one if isinstance(one, list) else one[:2]:
                changed = type(recipe)(**{setting: value})
                assert make_recipe(name, typed_settings(changed)) == changed


def test_ctrl_c_ends_the_search_and_keeps_what_was_found(
    csv_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = ProgressBar.__call__

    def interrupted(self: ProgressBar, ended: Any) -> None:
        show(self, ended)
        if getattr(ended, "trials", 0) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "__call__", interrupted)
    command = ("tune", csv_files / "ratings.csv", "--model", "biases", "--trials", 9)
    result = run(*command, "--out", tmp_path / "model")
    assert result.exit_code == 130
    assert "biases tuned by RMSE: 3 trials" in result.stdout
    assert "was not compared with the recipe as given" in result.stdout
    assert "interrupted: what was found so far was kept" in result.stderr
    assert tm.load(tmp_path / "model").recipe.name == "biases"


def test_csv_has_every_trial(csv_files: Path) -> None:
    result = run("tune", csv_files / "ratings.csv", "--model", "biases", "--trials", 12, "--csv")
    lines = result.stdout.splitlines()
    assert lines[0] == "trial,user_damping,item_damping,rmse,state,seconds,said"
    assert len(lines) == 13
    assert "tastemap fit " in result.stderr
