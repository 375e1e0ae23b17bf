"""A user's mistake is one line and an exit code; a bug keeps its traceback."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tastemap as tm
from tastemap.cli import main, program
from tests.cli.conftest import TASTEMAP, answer, run, shell

GOOD = "userId,movieId,rating\n1,10,4\n1,11,3\n2,10,5\n2,12,2\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    files = {
        "good.csv": GOOD,
        "empty.csv": "",
        "words.csv": GOOD + "3,13,good\n",
        "norating.csv": "userId,movieId\n1,10\n",
        "twice.csv": GOOD + "1,10,2\n",
        "other.txt": "not a model",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work", encoding="utf-8")
    answer("fit", "good.csv", "--model", "biases", "--out", "model", "--valid-fraction", 0)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("audit missing.csv", "missing.csv"),
        ("audit movielens-1m", "tastemap data movielens-1m"),
        ("audit empty.csv", "empty.csv"),
        ("audit words.csv", "line 6"),
        ("audit norating.csv", "rating"),
        ("audit good.csv --rating-column stars", "stars"),
        ("audit good.csv --user-column 7", "7"),
        ("audit twice.csv --duplicates error", "10"),
        ("audit good.csv --encoding klingon", "klingon"),
        ("audit good.csv --items missing.csv", "missing.csv"),
        ("fit good.csv --out full", "full exists and is not a model folder"),
        ("fit good.csv --out other.txt", "other.txt exists and is not a model folder"),
        ("fit good.csv --out m --split time", "time"),
        ("fit good.csv --out m --valid-fraction 1.5", "valid_fraction"),
        ("fit good.csv --out m --model dot --set factors=0", "factors"),
        ("fit good.csv --out m --model mean --checkpoint c", "checkpoint"),
        ("recommend nowhere --user 1", "there is no model folder nowhere"),
        ("recommend full --user 1", "full is not a model folder"),
        ("recommend model --user 77", "unknown user 77"),
        ("recommend model --user anna", "unknown user 'anna'"),
        ("predict model --user 1 --item Heat", "unknown item 'Heat'"),
        ("predict model --user 1 --user 2 --item 10 --item 11 --item 12", "not pairs"),
        ("predict model --pairs missing.csv", "missing.csv: No such file"),
        ("explain model --user 1 --item 999", "unknown item 999"),
        ("evaluate model missing.csv", "missing.csv"),
        ("crosstab good.csv --out nowhere/crosstab.csv", "nowhere/crosstab.csv: No such file"),
        ("data movielens-9k", "movielens-100k"),
        ("data movielens-1m --base-url http://127.0.0.1:9", "127.0.0.1"),
        ("data movielens-1m --base-url gopher", "gopher"),
    ],
)
def test_a_mistake_is_one_line(here: Path, command: str, said: str) -> None:
    result = run(*command.split())
    assert result.exit_code == 1
    *_, last = result.stderr.splitlines()
    assert last.startswith("error: ")
    assert said in last
    assert "Traceback" not in result.output
    assert command.startswith("fit") or result.stdout == ""  # a fit begins with an audit


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("fit good.csv", "--out"),
        ("fit good.csv --out m --model svd", "svd"),
        ("fit good.csv --out m --model dot --set rank=3", "factors=50"),
        ("fit good.csv --out m --model dot --set factors", "key=value"),
        ("fit good.csv --out m --model dot --set factors=many", "whole number"),
        ("fit good.csv --out m --model dot --set l2=much", "number"),
        ("fit good.csv --out m --model dot --set mean-term=maybe", "true or false"),
        ("fit good.csv --out m --model dot --set schedule=0.1", "2 values"),
        ("fit good.csv --out m --model mean --set a=1", "it has none"),
        ("fit good.csv --out m --model mean --notebook", "--notebook"),
        ("fit good.csv --out m --seed -1", "--seed"),
        ("recommend model", "--user"),
        ("recommend model --user 1 -n 0", "-n"),
        ("recommend model --user 1 --json --csv", "--json and --csv"),
        ("crosstab", "--model"),
        ("crosstab good.csv --out crosstab.pdf", ".xlsx or .csv"),
    ],
)
def test_a_wrong_use_is_told_with_the_usage(here: Path, command: str, said: str) -> None:
    result = run(*command.split())
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert "Usage:" in result.stderr
    assert result.stdout == ""


def test_nothing_is_left_of_a_fit_that_failed(here: Path) -> None:
    before = sorted(here.rglob("*"))
    assert run("fit", "words.csv", "--out", "m").exit_code == 1
    assert sorted(here.rglob("*")) == before


def test_the_installed_program_ends_with_the_same_codes(here: Path) -> None:
    mistake = shell("recommend", "nowhere", "--user", 1, folder=here)
    assert (mistake.returncode, mistake.stdout) == (1, "")
    assert mistake.stderr == "error: there is no model folder nowhere; beside it: model\n"
    usage = shell("recommend", folder=here)
    assert usage.returncode == 2
    assert "Traceback" not in usage.stderr


@pytest.fixture(autouse=True)
def no_handler_stays() -> Iterator[None]:
    yield
    logging.getLogger("tastemap").removeHandler(program._REMARKS)


def test_a_warning_of_the_library_is_one_clean_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warned(folder: Path) -> None:
        logging.getLogger("tastemap.model_folder").warning("odd: %s", "\x1b[2J")
        raise tm.errors.DataError("no")

    monkeypatch.setattr(tm, "load", warned)
    monkeypatch.setattr(sys, "argv", ["tastemap", "biases", "model"])
    for _ in range(2):
        with pytest.raises(SystemExit):
            main()
    assert capsys.readouterr().err == "odd: \\x1b[2J\nerror: no\n" * 2


def test_an_error_of_the_system_without_a_file_is_a_bug(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path) -> None:
        raise OSError("the moon is full")

    monkeypatch.setattr(tm, "load", broken)
    with pytest.raises(OSError, match="moon"):
        run("biases", "model")


def test_a_bug_keeps_its_traceback_and_says_that_it_is_one(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(tm, "load", broken)
    monkeypatch.setattr(sys, "argv", ["tastemap", "recommend", "model", "--user", "1"])
    with pytest.raises(ZeroDivisionError) as caught:
        main()
    assert "please report it" in caught.value.__notes__[0]


@pytest.mark.parametrize("inside", [True, False])
def test_ctrl_c_is_no_traceback(
    here: Path, monkeypatch: pytest.MonkeyPatch, inside: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    where, name = (tm, "load") if inside else (program, "app")
    monkeypatch.setattr(where, name, interrupted)
    monkeypatch.setattr(sys, "argv", ["tastemap", "recommend", "model", "--user", "1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_choice_that_is_none_is_named_without_the_words_of_a_library() -> None:
    done = run("fit", "movielens-small", "--model", "biasd", "--out", "m")
    assert done.exit_code == 2
    assert "'biasd' is not one of 'bayesian'" in done.stderr
    assert "Value error" not in done.stderr


def test_a_model_folder_that_is_not_there_is_told_from_those_that_are(here: Path) -> None:
    done = run("recommend", here / "modle", "--user", 1)
    assert done.exit_code == 1
    assert done.stderr.endswith(f"no model folder {here}/modle: did you mean {here}/model?\n")
    done = run("recommend", here / "elsewhere", "--user", 1)
    assert done.stderr.endswith(f"elsewhere; beside it: {here}/model\n")


def test_one_choice_is_no_space_to_search() -> None:
    done = run(
        "tune", "movielens-small", "--model", "item-knn", "--space", "neighbours=5", "--trials", 1
    )
    assert done.exit_code == 2
    assert "'neighbours=5' is one value, and varies nothing" in done.stderr


def test_a_genre_that_no_item_has_is_a_slip(biases_folder: Path) -> None:
    done = run("recommend", biases_folder, "--user", 1, "--include", "genres=Comdy")
    assert done.exit_code == 1
    assert done.stderr == "error: no item has genres='Comdy': did you mean 'Comedy'?\n"


def test_compiling_after_installing_says_so(tmp_path: Path) -> None:
    """In a process that has no kernels yet, and not in one that finds them."""

    def said(number: int) -> int:
        done = subprocess.run(
            [TASTEMAP, "fit", "movielens-small", "--model", "bayesian",
             "--out", tmp_path / f"{number}", "--set", "factors=2", "--set", "sweeps=4",
             "--set", "burn-in=1", "--set", "draws=2"],
            capture_output=True, text=True, timeout=300, check=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kernels")},
        )  # fmt: skip
        assert "compiling the kernels" not in done.stdout
        return done.stderr.count("compiling the kernels, once after installing")

    assert [said(1), said(2)] == [1, 0]
