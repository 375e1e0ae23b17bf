"""Tables on terminals and in pipes; titles that try to be more than text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from tastemap.cli.output import Form, fail, say, show, show_json, tell, visible
from tastemap.cli.rows import Rows
from tests.cli.conftest import OnTerminal, Terminal, answer, run

HOSTILE = "[red]Heat[/red] \x1b[31m\x1b]8;;http://evil\x07 \u202etxt.exe \x9b2J\r\n[link=x]"
SHOWN = r"[red]Heat[/red] \x1b[31m\x1b]8;;http://evil\x07 \u202etxt.exe \x9b2J\r\n[link=x]"


def text_of(stream: Terminal) -> str:
    """What was written, without the styles that are ours: bold, dim and red."""
    text = stream.getvalue()
    for code in ("1", "2", "31", "33", "0"):
        text = text.replace(f"\x1b[{code}m", "")
    return text


def table(*titles: str, notes: tuple[str, ...] = ()) -> Rows:
    values = {"item": list(range(len(titles))), "title": list(titles), "made_from": "m" * 1}
    values["made_from"] = ["model"] * len(titles)
    return Rows(values=values, said=notes)


def test_what_would_drive_a_terminal_is_spelled_out() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("two\nlines", keep="\n") == "two\nlines"
    assert visible("Amélie – 千と千尋 🙂\u200d") == "Amélie – 千と千尋 🙂\u200d"


def test_a_hostile_title_is_text_on_a_terminal(on_terminal: OnTerminal) -> None:
    terminal = on_terminal()
    show(table(HOSTILE, notes=(HOSTILE,)), title=HOSTILE)
    tell(HOSTILE)
    say(HOSTILE)
    fail(HOSTILE)
    assert "\x1b" not in text_of(terminal)
    assert "".join(text_of(terminal).split()).count("[red]Heat[/red]") == 6
    assert not {"\x07", "\x9b", "\u202e", "\r"} & set(terminal.getvalue())


def test_a_hostile_title_is_text_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    show(table(HOSTILE, notes=(HOSTILE,)))
    assert capsys.readouterr().out.count(SHOWN) == 2


def test_csv_on_a_terminal_is_spelled_out_and_in_a_file_is_exact(
    on_terminal: OnTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = on_terminal()
    show(table("a\x1bb"), Form.CSV)
    assert r"a\x1bb" in terminal.getvalue()
    monkeypatch.setattr("sys.stdout", io.StringIO())
    show(table("a\x1bb"), Form.CSV)
    import sys

    assert "a\x1bb" in sys.stdout.getvalue()  # type: ignore[attr-defined]


def test_json_is_ascii_and_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"title": HOSTILE + "é", "n": [float("nan"), np.inf.real], "path": Path("m")})
    text = capsys.readouterr().out
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text) == {"title": HOSTILE + "é", "n": [None, None], "path": "m"}


def test_a_terminal_gets_lines_that_fit(on_terminal: OnTerminal) -> None:
    terminal = on_terminal()
    long = "Borat: Cultural Learnings of America for Make Benefit Glorious Nation"
    show(table(long, "千と千尋の神隠し"), title="films")
    lines = text_of(terminal).splitlines()
    assert max(map(len, lines)) <= 60
    assert "".join(lines).count("Kazakhstan") == 0
    assert all(word in "".join(lines) for word in long.split())
    assert lines[0].strip() == "films"


def test_a_pipe_gets_whole_titles_in_straight_columns(capsys: pytest.CaptureFixture[str]) -> None:
    long = "Borat: " + "Cultural Learnings " * 20
    show(table(long, "千と千尋の神隠し", notes=("a note",)))
    head, first, second, note = capsys.readouterr().out.splitlines()
    assert long.strip() in first
    assert head.startswith("item  title")
    assert head.index("made from") == first.index("model")
    # Eight ideographs take the room of sixteen letters.
    assert second.index("model") == first.index("model") - 8
    assert note == "a note"


@pytest.mark.parametrize(("n", "wide"), [(10, False), (17, False), (30, True)])
def test_numbers_are_never_cut(on_terminal: OnTerminal, n: int, wide: bool) -> None:
    terminal = on_terminal()
    numbers = Rows(values={str(100 + i): [4.5] for i in range(n)})
    if n == 17:
        numbers = Rows(values={str(i): [i] for i in range(n)})
    show(numbers)
    lines = text_of(terminal).splitlines()
    assert "…" not in terminal.getvalue()
    assert (max(map(len, lines)) > 60) is wide


def test_no_color_is_respected(on_terminal: OnTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    fail("wrong")
    assert "\x1b[31m" not in terminal.getvalue()


def test_a_long_error_stays_one_line(on_terminal: OnTerminal) -> None:
    terminal = on_terminal()
    fail("wrong " * 40)
    assert len(terminal.getvalue().splitlines()) == 1


def test_hostile_ids_and_titles_end_to_end(tmp_path: Path) -> None:
    rows = "".join(f'u{user},"{HOSTILE}{item}",{1 + (user + item) % 5}\n'
                   for user in range(4) for item in range(4))  # fmt: skip
    path = tmp_path / "r.csv"
    path.write_text("user,item,rating\n" + rows, encoding="utf-8", newline="")
    folder = tmp_path / "m"
    results = [
        run("fit", path, "--model", "biases", "--out", folder, "--valid-fraction", 0),
        run("recommend", folder, "--user", "u1", "--seen"),
        run("recommend", folder, "--user", HOSTILE),
        run("explain", folder, "--user", "u1", "--item", HOSTILE + "1"),
        run("biases", folder),
        run("crosstab", path),
    ]
    for result in results:
        assert not {"\x1b", "\x9b", "\u202e"} & set(result.output)
    assert [result.exit_code for result in results] == [0, 0, 1, 0, 0, 0]
    assert "[red]Heat[/red]" in results[1].stdout
    said = json.loads(answer("recommend", folder, "--user", "u1", "--seen", "--json"))
    assert {row["title"] for row in said["rows"]} == {f"{HOSTILE}{item}" for item in range(4)}
