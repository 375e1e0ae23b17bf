"""The program as a whole: verbs, help, version, completion, what it loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tastemap as tm
from tastemap.cli import app
from tastemap.cli.options import BUNDLED, DOWNLOADS, ModelName, complete_source
from tastemap.data import datasets
from tastemap.training.registry import RECIPES
from tests.cli.conftest import TASTEMAP, answer, run, shell

VERBS = [command.name or command.callback.__name__ for command in app.registered_commands]
HEAVY = ("numpy", "pyarrow", "jax", "numba", "scipy", "matplotlib", "fastapi", "pandas", "rich")


def test_every_verb_of_the_plan_is_there() -> None:
    wanted = "demo fit predict recommend similar explain crosstab report evaluate audit data"
    assert set(wanted.split()) <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_helps(verb: str) -> None:
    text = answer(verb, "--help")
    assert text.startswith(f"Usage: tastemap {verb} ") or f" {verb} " in text.splitlines()[0]
    assert text == answer(verb, "-h")


def test_the_first_line_of_a_verbs_help_is_whole_in_the_list() -> None:
    listed = answer("--help")
    assert "..." not in listed.split("Commands:")[1]
    assert "tastemap demo" in listed


def test_version() -> None:
    assert answer("--version") == f"tastemap {tm.__version__}\n"


def test_without_a_verb_it_shows_help() -> None:
    result = run()
    assert "Usage:" in result.stdout + result.stderr


def test_an_unknown_verb_is_a_usage_error() -> None:
    result = run("recomend")
    assert result.exit_code == 2
    assert "recomend" in result.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import tastemap, tastemap.cli",
        "import sys, tastemap.cli; sys.argv = ['tastemap', '--help']\n"
        "try: tastemap.cli.main()\nexcept SystemExit: pass",
        "import sys, tastemap.cli; sys.argv = ['tastemap', 'fit', '--help']\n"
        "try: tastemap.cli.main()\nexcept SystemExit: pass",
    ],
)
def test_importing_and_helping_load_nothing_heavy(code: str) -> None:
    code += f"\nprint('LOADED', *(set(sys.modules) & set({HEAVY!r})))"
    out = subprocess.run(
        [sys.executable, "-c", "import sys\n" + code], capture_output=True, text=True, check=True
    )
    assert out.stdout.splitlines()[-1].strip() == "LOADED"


def test_names_spelled_out_for_completion_are_the_real_ones() -> None:
    assert {name.value for name in ModelName} == set(RECIPES)
    assert datasets.BUNDLED == BUNDLED
    assert tuple(datasets.DATASETS) == DOWNLOADS


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tastemap fit ratings.csv --model bia", ["biased", "biases"]),
        ("tastemap data movielens-2", ["movielens-20m", "movielens-25m"]),
        ("tastemap audit movielens-s", ["movielens-small", "movielens-small-latest"]),
        ("tastemap audit rat", ["ratings.csv"]),
        ("tastemap re", ["recommend", "report"]),
    ],
)
def test_the_shell_completes(words: str, expected: list[str], csv_files: Path) -> None:
    environment = os.environ | {
        "_TASTEMAP_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    out = subprocess.run(
        [TASTEMAP], env=environment, cwd=csv_files, capture_output=True, text=True, check=True
    )
    assert out.stdout.split() == expected


def test_completion_in_a_folder_that_is_not_there_is_silent() -> None:
    assert complete_source("nowhere/r") == []


def test_the_installed_program_answers(csv_files: Path, biases_folder: Path) -> None:
    out = shell("recommend", biases_folder, "--user", 4, "-n", 3, "--csv", folder=csv_files)
    assert out.returncode == 0
    assert out.stdout.splitlines()[0] == "user,rank,item,title,score"
    assert len(out.stdout.splitlines()) == 4


def test_a_reader_that_leaves_early_is_no_error(csv_files: Path, biases_folder: Path) -> None:
    command = f"'{TASTEMAP}' predict '{biases_folder}' --user 4 | head -n 2"
    out = subprocess.run(
        ["bash", "-c", command], cwd=csv_files, capture_output=True, text=True, timeout=60
    )
    assert out.stderr == ""
    assert len(out.stdout.splitlines()) == 2
