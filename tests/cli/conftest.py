"""Files and models for the tests of the command line, and two ways to run it."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tastemap.cli import app

TASTEMAP = Path(sys.executable).with_name("tastemap")
QUICK = ("--set", "factors=4", "--set", "schedule=0.01:3", "--set", "holdout=0")
"""Settings with which a fit takes no time."""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


OnTerminal = Callable[[], Terminal]


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> OnTerminal:
    """Call it in a test, and both streams are a terminal sixty columns wide.

    Not before: pytest puts its own streams in place when the test begins.
    """

    def begin() -> Terminal:
        stream = Terminal()
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "60")
        monkeypatch.delenv("NO_COLOR", raising=False)
        return stream

    return begin


def run(*arguments: object) -> Result:
    """Run the program in this process; an exception it does not handle is raised here."""
    return CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)


def answer(*arguments: object) -> str:
    """What a command that must succeed prints on standard output."""
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def shell(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed program in a process of its own."""
    command = [str(TASTEMAP), *(str(one) for one in arguments)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=600
    )


@pytest.fixture(scope="session")
def fitted(csv_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Model folders by name of the recipe, fitted once by the program itself."""
    folder = tmp_path_factory.mktemp("models")

    def of(name: str) -> Path:
        place = folder / name
        if not place.exists():
            quick = QUICK if name in ("dot", "biased", "neural") else ()
            files = (csv_files / "ratings.csv", "--items", csv_files / "movies.csv")
            answer("fit", *files, "--model", name, "--out", place, *quick)
        return place

    return of


@pytest.fixture(scope="session")
def biased_folder(fitted: Callable[[str], Path]) -> Path:
    """A model folder of matrix factorization with biases."""
    return fitted("biased")


@pytest.fixture(scope="session")
def biases_folder(fitted: Callable[[str], Path]) -> Path:
    """A model folder of biases alone."""
    return fitted("biases")
