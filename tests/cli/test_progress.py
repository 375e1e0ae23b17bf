"""The progress bar."""

from __future__ import annotations

import gc
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.evaluation.tuning import State, Trial, TuningStep
from tastemap.training.history import Epoch
from tests.cli.conftest import OnTerminal, Terminal


def epoch(number: int, of: int = 3, *, phase: str = "fit", valid: bool = True) -> Epoch:
    return Epoch(
        number=number,
        of=of,
        learning_rate=0.01,
        training_loss=1 / number,
        validation_mse=2 / number if valid else None,
        seconds=1.0,
        phase=phase,
    )


def trial(number: int, value: float | None, share: float, of: int | None = None) -> TuningStep:
    state: State = "failed" if value is None else "finished"
    done = Trial(number=number, settings={}, state=state, value=value, seconds=1.0)
    best = None if number == 0 else 0.25
    return TuningStep(
        trial=done, measure="nDCG@10", best=best, trials=number + 1, of=of, share=share
    )


def cursor_is_there(stream: Terminal) -> bool:
    text = stream.getvalue()
    return text.rfind("\x1b[?25h") >= text.rfind("\x1b[?25l")


def test_a_file_gets_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    with tm.progress_bar("dot") as bar:
        bar(epoch(1, phase="search"))
        bar(epoch(2, valid=False))
    assert capsys.readouterr().err.splitlines() == [
        "dot search: 1/3  training loss 1.0000  validation 2.0000",
        "dot: 2/3  training loss 0.5000",
    ]


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_gets_a_bar_that_fits(
    on_terminal: OnTerminal, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    terminal = on_terminal()
    monkeypatch.setenv("COLUMNS", str(columns))
    with tm.progress_bar("[red]biased[/red]"[5:11]) as bar:
        assert "preparing" in terminal.getvalue()
        bar(epoch(20, 40, phase="search"))
        bar(epoch(37, 37))
    last = terminal.getvalue()
    assert "biased search" in last
    assert "37/37" in last
    assert "training loss 0.0270  validation 0.0541 0:00:0" in last.replace("\x1b[33m", "").replace(
        "\x1b[0m", ""
    )
    assert cursor_is_there(terminal)


def test_without_with_a_bar_that_is_let_go_gives_the_cursor_back(on_terminal: OnTerminal) -> None:
    terminal = on_terminal()
    bar = tm.progress_bar()
    bar(epoch(1, 40, phase="search"))
    assert not cursor_is_there(terminal)
    del bar
    gc.collect()
    assert cursor_is_there(terminal)


def test_without_with_a_bar_ends_with_the_last_epoch(on_terminal: OnTerminal) -> None:
    terminal = on_terminal()
    bar = tm.progress_bar()
    bar(epoch(3, phase="search"))
    assert not cursor_is_there(terminal)
    bar(epoch(3))
    assert cursor_is_there(terminal)


def test_a_method_without_epochs_leaves_no_bar(on_terminal: OnTerminal, small: Ratings) -> None:
    terminal = on_terminal()
    with tm.progress_bar("biases") as bar:
        tm.BiasesOnly().fit(small, on_epoch=bar)
    assert cursor_is_there(terminal)
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")


def test_a_notebook_gets_one_line_that_is_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, dict[str, str]]] = []

    class Handle:
        def update(self, content: dict[str, str], *, raw: bool) -> None:
            shown.append(("update", content))

    def display(content: dict[str, str], **_: Any) -> Handle:
        shown.append(("display", content))
        return Handle()

    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    bar = tm.progress_bar("<b>")
    bar(epoch(1, 2))
    bar(epoch(2, 2))
    assert [kind for kind, _ in shown] == ["display", "update"]
    assert 'value="100"' in shown[1][1]["text/html"]
    assert "&lt;b&gt;: 2/2  training loss 0.5000  validation 1.0000" in shown[1][1]["text/html"]
    assert "<b>: 2/2" in shown[1][1]["text/plain"]


def test_tuning_gets_a_line_a_trial(capsys: pytest.CaptureFixture[str]) -> None:
    with tm.progress_bar("tuning") as bar:
        bar(trial(0, None, 0.2))
        bar(trial(1, 0.25, 0.6, of=9))
    assert capsys.readouterr().err.splitlines() == [
        "tuning: 1 trials  failed",
        "tuning: 2/9  nDCG@10 0.2500  best 0.2500",
    ]


def test_a_bar_of_tuning_ends_with_the_budget(on_terminal: OnTerminal) -> None:
    terminal = on_terminal()
    bar = tm.progress_bar("tuning")
    bar(trial(1, 0.25, 0.6))
    assert not cursor_is_there(terminal)
    bar(trial(2, 0.25, 1.0))
    assert cursor_is_there(terminal)
    assert "best 0.2500" in terminal.getvalue()


def test_a_log_gets_about_ten_lines_however_many_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    with tm.progress_bar("bayesian") as bar:
        for number in range(1, 241):
            bar(epoch(number, 240))
    lines = capsys.readouterr().err.splitlines()
    assert 10 <= len(lines) <= 12
    assert lines[0].startswith("bayesian: 1/240 ")
    assert lines[-1].startswith("bayesian: 240/240 ")


def test_a_log_of_slow_epochs_gets_a_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("tastemap.progress.time.monotonic", lambda: now)
    with tm.progress_bar("bayesian") as bar:
        for number in range(1, 13):
            now += 20
            bar(epoch(number, 240))
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == [
        "1/240", "4/240", "7/240", "10/240",
    ]  # fmt: skip
