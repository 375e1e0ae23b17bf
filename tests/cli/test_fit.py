"""The verb that trains."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import typer

import tastemap as tm
from tastemap.cli.options import ModelName
from tastemap.cli.parsing import make_recipe
from tastemap.training.registry import RECIPES
from tests.cli.conftest import QUICK, TASTEMAP, answer, run, shell


def test_the_command_of_the_readme(csv_files: Path, tmp_path: Path) -> None:
    ratings, items = csv_files / "ratings.csv", csv_files / "movies.csv"
    out = answer("fit", ratings, "--items", items, "--model", "biased", "--out", tmp_path / "m1",
                 *QUICK)  # fmt: skip
    model = tm.load(tmp_path / "m1")
    assert model.recipe == tm.BiasedMF(factors=4, schedule=((0.01, 3),), holdout=0)
    assert model.catalog.has_titles
    for shown in ("training loss", "validation mse", "biased", "biases", "mean", "rmse"):
        assert shown in out
    assert f"tastemap recommend {tmp_path / 'm1'} --user 1" in out
    report = f"tastemap report {tmp_path / 'm1'} --ratings {ratings} --items {items} --out"
    assert report in out
    answer(*shlex.split(report)[1:], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "biases <small>baseline</small>" in page


def test_a_fit_says_what_reading_did_and_how_it_splits(csv_files: Path, tmp_path: Path) -> None:
    result = run("fit", csv_files / "ratings.csv", "--model", "biases", "--out", tmp_path / "m")
    assert "columns: user = userId" in result.stderr
    assert "random, 0.2 of the ratings in valid, seed 42" in result.stderr


def test_json_has_the_whole_story(csv_files: Path, tmp_path: Path) -> None:
    result = run("fit", csv_files / "ratings.csv", "--model", "dot", "--out", tmp_path / "m",
                 "--seed", 7, *QUICK, "--json")  # fmt: skip
    said = json.loads(result.stdout)
    model = tm.load(tmp_path / "m")
    assert said["model"] == "dot"
    assert said["seed"] == model.seed == 7
    assert said["settings"]["factors"] == 4
    assert [row["epoch"] for row in said["history"]["rows"]] == [1, 2, 3]
    assert said["audit"]["rows"]
    assert said["ratings"]["notes"] == list(model.ratings.notes)
    by_name = {row["model"]: row for row in said["comparison"]["rows"]}
    assert set(by_name) == {"dot", "biases", "mean"}
    assert model.evaluation is not None
    assert by_name["dot"]["rmse"] == pytest.approx(model.evaluation.rmse)
    # Where nobody watches a bar, each epoch is a line.
    assert "dot: 3/3  training loss" in result.stderr


def test_a_bundled_set_is_read_by_name(tmp_path: Path) -> None:
    said = json.loads(
        answer("fit", "movielens-small", "--model", "biases", "--out", tmp_path / "m", "--json")
    )
    assert said["ratings"]["rows"] == 100_004
    assert [row["model"] for row in said["comparison"]["rows"]] == ["biases", "mean"]


def test_a_downloaded_set_is_read_by_name(csv_files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sets" / "ml-latest-small"
    folder.parent.mkdir()
    folder.symlink_to(csv_files)
    command = ("audit", "movielens-small-latest", "--folder", folder.parent, "--json")
    assert json.loads(answer(*command))["rows"]


def test_without_validation_it_trains_on_everything(csv_files: Path, tmp_path: Path) -> None:
    command = ("fit", csv_files / "ratings.csv", "--model", "biases", "--out", tmp_path / "m")
    said = json.loads(answer(*command, "--valid-fraction", 0, "--json"))
    assert said["split"] is None
    assert said["comparison"] is None
    assert len(tm.load(tmp_path / "m").ratings) == said["ratings"]["rows"]
    said = answer(*command, "--valid-fraction", 0)
    assert f"tastemap report {tmp_path / 'm'} --out report.html\n" in said
    assert "with --valid FILE" in said


@pytest.mark.parametrize("split", ["random", "per-user", "leave-last-out", "time", "new-users"])
def test_every_split(csv_files: Path, tmp_path: Path, split: str) -> None:
    command = ("fit", csv_files / "ratings.csv", "--model", "biases", "--out", tmp_path / "m")
    said = json.loads(answer(*command, "--split", split, "--json"))
    assert said["split"].startswith(split.replace("-", " "))
    assert 0 < said["comparison"]["rows"][0]["rows"] < said["ratings"]["rows"] / 2


def test_what_it_says_to_do_next_is_of_users_it_was_trained_on(tmp_path: Path) -> None:
    rows = [(user, item, 1 + (user * item) % 5) for user in range(40) for item in range(9)]
    text = "".join(f"{user},{item},{value}\n" for user, item, value in rows)
    (tmp_path / "r.csv").write_text("user,item,rating\n" + text)
    command = ("fit", tmp_path / "r.csv", "--model", "biases", "--split", "new-users")
    firsts = set()
    for seed in range(8):
        said = answer(*command, "--out", tmp_path / "m", "--seed", seed)
        user = int(said.split("--user ")[1].split()[0])
        model = tm.load(tmp_path / "m")
        assert user == model.ratings.user_ids.raw(int(model.ratings.users.min()))
        assert "--ratings" not in said  # they would be of users it does not know
        firsts.add(user)
    assert len(firsts) > 1


def test_columns_and_duplicates_are_told(tmp_path: Path) -> None:
    table = "who;what;how;when\nann;a;4;1\nann;a;2;2\nbob;a;3;3\n"
    (tmp_path / "r.csv").write_text(table, encoding="utf-8")
    columns = ("--user-column", "who", "--item-column", "1", "--rating-column", "how")
    rest = ("--time-column", "when", "--duplicates", "mean", "--sep", ";", "--valid-fraction", 0)
    answer("fit", tmp_path / "r.csv", "--model", "mean", "--out", tmp_path / "m", *columns, *rest)
    ratings = tm.load(tmp_path / "m").ratings
    assert ratings.user_ids.ids.to_pylist() == ["ann", "bob"]
    assert ratings.values.tolist() == [3, 3]


def test_settings_reach_the_recipe(csv_files: Path, tmp_path: Path) -> None:
    settings = ("hidden=6,5", "dropout=0.1,0,0.2", "mean-term=no", "schedule=0.01:1,0.001:1")
    settings += ("holdout=0", "factors=3", "l2=1e-3")
    options = [word for one in settings for word in ("--set", one)]
    answer("fit", csv_files / "ratings.csv", "--model", "neural", "--out", tmp_path / "m", *options)
    assert tm.load(tmp_path / "m").recipe == tm.NeuralNet(
        hidden=(6, 5),
        dropout=(0.1, 0.0, 0.2),
        mean_term=False,
        schedule=((0.01, 1), (0.001, 1)),
        holdout=0,
        factors=3,
        l2=1e-3,
    )


@dataclass(frozen=True, kw_only=True)
class Motley(tm.BiasesOnly):
    """A recipe with a field of every type that settings may have."""

    whole: int = 1
    flag: bool = False
    word: Literal["rows", "tables"] = "rows"
    text: str = "a"
    maybe: float | None = None
    pair: tuple[int, float] = (1, 2.0)
    stages: tuple[tuple[float, int], ...] = ((0.1, 2),)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("whole=-3", -3),
        ("flag=Yes", True),
        ("flag=0", False),
        ("word=tables", "tables"),
        ("text=b=c", "b=c"),
        ("maybe=none", None),
        ("maybe=.5", 0.5),
        ("pair=3, 4", (3, 4.0)),
        ("stages=0.2:3, 0.1:4,", ((0.2, 3), (0.1, 4))),
        ("item-damping=2", 2.0),
    ],
)
def test_a_setting_is_read_in_the_type_of_its_field(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: object
) -> None:
    monkeypatch.setitem(RECIPES, "dot", Motley)
    name = setting.partition("=")[0].replace("-", "_")
    read = getattr(make_recipe(ModelName.DOT, [setting]), name)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("whole=1.5", "whole must be a whole number, such as 1, not '1.5'"),
        ("maybe=much", "maybe must be a number, such as None, not 'much'"),
        ("flag=perhaps", "flag must be true or false, such as False"),
        ("word=all", "word must be one of rows, tables"),
        ("pair=1", "pair needs 2 values with ',' between them, such as 1,2.0"),
        ("stages=0.2,3", "stages needs 2 values with ':' between them, such as 0.1:2"),
        ("wholes=1", "write key=value with one of user_damping=5.0"),
        ("whole", "stages=0.1:2"),
    ],
)
def test_a_setting_that_is_none_is_told_with_what_would_be(
    monkeypatch: pytest.MonkeyPatch, setting: str, said: str
) -> None:
    monkeypatch.setitem(RECIPES, "dot", Motley)
    with pytest.raises(typer.BadParameter) as caught:
        make_recipe(ModelName.DOT, [setting])
    assert said in caught.value.message


def test_the_settings_of_the_notebook_can_be_had_and_changed(
    csv_files: Path, tmp_path: Path
) -> None:
    options = ("--notebook", "--set", "schedule=0.001:1", "--set", "batch_size=512")
    answer("fit", csv_files / "ratings.csv", "--model", "dot", "--out", tmp_path / "m", *options)
    recipe = tm.load(tmp_path / "m").recipe
    assert isinstance(recipe, tm.DotProduct)
    assert not recipe.mean_term
    assert recipe.schedule == ((0.001, 1),)


def test_a_long_learning_curve_is_thinned_out(csv_files: Path, tmp_path: Path) -> None:
    settings = ("--set", "factors=2", "--set", "schedule=0.01:40", "--set", "holdout=0")
    command = ("fit", csv_files / "ratings.csv", "--model", "dot", "--out", tmp_path / "m")
    out = answer(*command, *settings)
    assert "15 of 40 epochs" in out
    curve = out[out.index("epoch") :].splitlines()[1:16]
    assert [line.split()[0] for line in (curve[0], curve[-1])] == ["1", "40"]


def test_a_checkpoint_is_gone_on_from(csv_files: Path, tmp_path: Path) -> None:
    command = ("fit", csv_files / "ratings.csv", "--model", "dot", *QUICK)
    checkpoint = ("--checkpoint", tmp_path / "c")
    answer(*command, *checkpoint, "--out", tmp_path / "a")
    again = run(*command, *checkpoint, "--out", tmp_path / "b")
    assert again.exit_code == 0
    assert "3/3" not in again.stderr  # nothing was left to do
    other = run(*command, *checkpoint, "--out", tmp_path / "c2", "--seed", 1)
    assert other.exit_code == 1
    assert other.stderr.splitlines()[-1].startswith("error: ")


def test_a_model_is_replaced_by_the_next(csv_files: Path, tmp_path: Path) -> None:
    for name in ("mean", "biases"):
        answer("fit", csv_files / "ratings.csv", "--model", name, "--out", tmp_path / "m")
    assert tm.load(tmp_path / "m").recipe.name == "biases"


@pytest.mark.skipif(os.name == "nt", reason="signals of a terminal")
def test_ctrl_c_keeps_the_best_weights_so_far(csv_files: Path, tmp_path: Path) -> None:
    endless = ("--set", "schedule=0.0001:100000", "--set", "holdout=0")
    program = subprocess.Popen(
        [TASTEMAP, "fit", csv_files / "ratings.csv", "--model", "dot", "--out", "m", *endless],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stderr is not None
        for line in program.stderr:
            if line.startswith("dot: 1/"):
                break
        time.sleep(0.2)
        program.send_signal(signal.SIGINT)
        out, said = program.communicate(timeout=60)
    assert program.returncode == 130
    assert "interrupted: the best weights so far were saved" in said
    assert "saved in m" in out
    assert tm.load(tmp_path / "m").history.stopped == "interrupted"


@pytest.mark.skipif(os.name == "nt", reason="signals of a terminal")
def test_ctrl_c_before_the_first_epoch_saves_nothing(csv_files: Path, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [TASTEMAP, "fit", csv_files / "ratings.csv", "--model", "dot", "--out", "m", "--set",
         "batch_size=1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    with program:
        assert program.stderr is not None
        for line in program.stderr:
            if "seed 42" in line:
                break
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert program.returncode == 130
    assert said.splitlines()[-1] == "interrupted"
    assert not (tmp_path / "m").exists()


def test_the_installed_program_fits(csv_files: Path, tmp_path: Path) -> None:
    out = shell(
        "fit", csv_files / "ratings.csv", "--model", "biases", "--out", "m", folder=tmp_path
    )
    assert out.returncode == 0, out.stderr
    assert "saved in m" in out.stdout


def test_update_takes_new_ratings_in(csv_files: Path, tmp_path: Path) -> None:
    model, out, new = tmp_path / "m1", tmp_path / "m2", tmp_path / "new.csv"
    answer("fit", csv_files / "ratings.csv", "--model", "biased", "--out", model, *QUICK)
    new.write_text("user,item,rating,time\n1,1,5,1500000000\n9999,1,4,1500000001\n")
    result = run("update", model, new, "--out", out)
    assert result.exit_code == 0
    assert "columns: user = user" in result.stderr
    before, after = tm.load(model), tm.load(out)
    assert after.ratings.notes[-1] in result.stdout
    assert after.ratings.notes[-1].endswith("replaced: 0, new users: 1, new items: 0")
    expected = before.with_ratings(new)
    assert after.predict(9999, 1).to_dicts() == expected.predict(9999, 1).to_dicts()
    said = json.loads(answer("update", model, new, "--out", out, "--json"))
    assert said["ratings"] == len(before.ratings) + 2
    (tmp_path / "busy").write_text("mine")
    lists = tmp_path / "knn"
    answer("fit", csv_files / "ratings.csv", "--model", "item-knn", "--out", lists)
    assert "ratings added: 2" in answer("update", lists, new, "--out", lists)
    assert tm.load(lists).recommend(9999, 3).remarks == ()
    assert run("update", model, new, "--out", tmp_path / "busy").exit_code == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("item_features=yes", True),
        ("item_features=genres,year", ("genres", "year")),
        ("likelihood=ordinal", "ordinal"),
    ],
)
def test_a_setting_of_several_types_is_read_as_the_first_that_fits(
    setting: str, value: object
) -> None:
    recipe = make_recipe(ModelName.BAYESIAN, [setting])
    assert getattr(recipe, setting.partition("=")[0]) == value


def test_eras_are_dates_or_seconds() -> None:
    dates = ["likelihood=ordinal", "eras=2003-02-18,2010-01-01"]
    assert getattr(make_recipe(ModelName.BAYESIAN, dates), "eras") == ("2003-02-18", "2010-01-01")  # noqa: B009


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--split leave-last-out --valid-fraction 0.2", "keeps back the last rating of each user"),
        ("--split leave-last-out --valid-fraction 0", "keeps back the last rating of each user"),
        ("--split time --valid-fraction 0", "nothing is kept back, by time or otherwise"),
        ("--folder data", "ratings.csv is not looked for in a folder"),
    ],
)
def test_options_that_would_change_nothing_are_refused(
    csv_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, said: str
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    command = ("fit", csv_files / "ratings.csv", "--model", "mean", "--out", tmp_path / "m")
    result = run(*command, *options.split())
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "m").exists()
    bundled = run("audit", "movielens-small", "--folder", "data")
    assert bundled.exit_code == 2
    assert "movielens-small is not looked for in a folder" in bundled.stderr
