"""Running the examples of Markdown pages, and comparing what they print with what is shown.

    ```python    is executed; all blocks of a page share one namespace. The value of a last
                 expression is shown, as in a notebook.
    ```text      right below such a block is what it prints.
    ```console   lines after "$ " are run by a shell, the lines below are what they print.
                 `tastemap serve` and `up` run until the page ends, or serves again, at a port that
                 is free; commands after them find that in the place of 8000.

A line "..." in what is shown stands for any lines. Models differ a little between processors, so
numbers and the order of titles are compared with some tolerance; see `difference`.

With TASTEMAP_UPDATE_EXAMPLES=1 in the environment, what is shown below Python and is not what was
printed to the letter is rewritten, and elsewhere what is no longer true.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from sybil import Example, Sybil
from sybil.document import Document
from sybil.parsers.markdown import CodeBlockParser

_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_DURATION = re.compile(r"\d[\d.]*(?= ?(?:s|ms|min|seconds)\b)")


def difference(shown: str, printed: str) -> str:
    """What is wrong with what is shown, in words; empty if it agrees with what was printed.

    The first line must have the same words, the number of lines must be the same, three of five
    words must be the same, and where a line has the same words its numbers must be about the same
    (within 0.15 or 15 %). Durations, the last column under a heading in seconds, and memory beside
    it may be any.
    """
    wanted, got = _lines(shown), _lines(printed)
    if "..." in wanted:
        gap = wanted.index("...")
        after = len(wanted) - gap - 1
        if "..." in wanted[gap + 1 :]:
            return "only one line ... is understood"
        if len(got) < gap + after:
            return f"{len(got)} lines were printed, at least {gap + after} are shown"
        wanted = wanted[:gap] + wanted[gap + 1 :]
        got = got[:gap] + got[len(got) - after :]
    if len(wanted) != len(got):
        return f"{len(got)} lines were printed, {len(wanted)} are shown"
    if wanted and _words(wanted[0]) != _words(got[0]):
        return f"the first line is {got[0]!r}, shown is {wanted[0]!r}"
    all_wanted = Counter(word for line in wanted for word in _words(line))
    all_got = Counter(word for line in got for word in _words(line))
    most = max(all_wanted.total(), all_got.total())
    if (all_wanted & all_got).total() < 0.6 * most:
        return "more than two fifths of the words differ"
    measured = 0  # how many of the last columns depend on the machine
    for one, other in zip(wanted, got, strict=True):
        last = _words(one)[-1]
        if last.endswith("seconds"):
            measured = 2 if {"fit_mb", "mb"} & set(_words(one)) else 1
        elif last != "#":
            measured = 0
        if _words(one) != _words(other):
            continue
        if measured:
            one, other = (" ".join(line.split()[:-measured]) for line in (one, other))
        for a, b in zip(_numbers(one), _numbers(other), strict=True):
            if abs(a - b) > max(0.15, 0.15 * abs(b)):
                return f"{b:g} was printed where {a:g} is shown: {other!r}"
    return ""


def _alike(shown: str, printed: str) -> bool:
    """Whether two texts are the same but for durations."""
    return _DURATION.sub("", _trimmed(shown)) == _DURATION.sub("", _trimmed(printed))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


def _words(line: str) -> list[str]:
    return [_NUMBER.sub("#", word) for word in line.split()]


def _numbers(line: str) -> list[float]:
    return [float(text.replace(",", "")) for text in _NUMBER.findall(_DURATION.sub("", line))]


class Page:
    """The examples of one Markdown page, to be run in the current folder."""

    def __init__(self, path: Path) -> None:
        parsers = [
            CodeBlockParser("python", self._python),
            CodeBlockParser("text", self._text),
            CodeBlockParser("console", self._console),
        ]
        self._path = path
        self._document: Document = Sybil(parsers=parsers).parse(path)
        self._printed = ""
        self._printed_until = -1
        self._updating = bool(os.environ.get("TASTEMAP_UPDATE_EXAMPLES"))
        self._updates: list[tuple[str, str]] = []
        self._server: Server | None = None

    def __len__(self) -> int:
        return sum(example.region.evaluator != self._text for example in self._document)

    def run(self) -> None:
        """Run all examples; the first that fails raises, with its line."""
        try:
            for example in self._document.examples():
                example.evaluate()
        finally:
            if self._server is not None:
                self._server.stop()
        if self._updates:
            text = self._path.read_text(encoding="utf-8")
            for old, new in self._updates:
                text = text.replace(old, new, 1)
            self._path.write_text(text, encoding="utf-8")

    def _python(self, example: Example) -> None:
        self._printed = run_python(
            str(example.parsed), example.namespace, example.path, example.line
        )
        self._printed_until = example.end

    def _text(self, example: Example) -> str | None:
        between = example.document.text[self._printed_until : example.start]
        if self._printed_until < 0 or between.strip():
            return None  # not below an example: a drawing
        shown = str(example.parsed)
        wrong = difference(shown, self._printed)
        if self._updating and (wrong or not ("..." in shown or _alike(shown, self._printed))):
            old = example.document.text[example.start : example.end]
            new = f"```text\n{_trimmed(self._printed)}\n```"
            self._updates.append((old.rstrip("\n"), new))
            return None
        return f"{wrong}\n\nprinted:\n{self._printed}" if wrong else None

    def _console(self, example: Example) -> str | None:
        for command, shown in commands(str(example.parsed)):
            code, printed = self._shell(command)
            expected = 1 if shown.startswith("error:") else 0
            if code != expected:
                return f"$ {command}\nended with {code}, not {expected}:\n{printed}"
            wrong = difference(shown, printed) if shown else ""
            if wrong and self._updating:
                self._updates.append((f"$ {command}\n{shown}", f"$ {command}\n{_trimmed(printed)}"))
            elif wrong:
                return f"$ {command}\n{wrong}\n\nprinted:\n{printed}"
        return None

    def _shell(self, command: str) -> tuple[int, str]:
        """Run a command; its exit code, and what it prints."""
        if SERVES.match(command):
            if self._server is not None:
                self._server.stop()
            self._server = Server(command)
            return 0, self._server.wait()
        port = str(self._server.port) if self._server else "8000"
        done = subprocess.run(
            ["bash", "-c", command.replace(":8000", f":{port}")],
            text=True,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=shell_environment(),
        )
        return done.returncode, done.stdout.replace(f":{port}", ":8000")


SERVES = re.compile(r"tastemap (serve|up)\b")


class Server:
    """A command that serves until it is stopped."""

    def __init__(self, command: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        handle, name = tempfile.mkstemp(".log")
        self._log = Path(name)
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {command} --port {self.port}"],
            stdout=handle,
            stderr=subprocess.STDOUT,
            env=shell_environment(),
        )
        os.close(handle)

    def wait(self, seconds: float = 120) -> str:
        """What it has printed when it answers."""
        end = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5):
                    return self._printed()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"it does not serve:\n{self._printed()}") from None
                time.sleep(0.1)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)
        self._log.unlink()

    def _printed(self) -> str:
        return self._log.read_text(encoding="utf-8").replace(f":{self.port}", ":8000")


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def run_python(source: str, namespace: dict[str, Any], path: str, line: int) -> str:
    """Execute a block, and give what it prints; a last expression is printed too."""
    tree = ast.parse(source, filename=path)
    ast.increment_lineno(tree, line)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(tree, path, "exec"), namespace)  # noqa: S102
        if last is not None:
            value = eval(compile(ast.Expression(last.value), path, "eval"), namespace)  # noqa: S307
            if value is not None:
                print(repr(value))  # noqa: T201
    return printed.getvalue()


def commands(block: str) -> list[tuple[str, str]]:
    """Commands of a console block, each with the lines shown below it."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif found and found[-1][0][-1].endswith("\\") and not found[-1][1]:
            found[-1][0].append(line)
        elif found:
            found[-1][1].append(line)
    return [("\n".join(command), "\n".join(shown).strip()) for command, shown in found]


def shell_environment() -> dict[str, str]:
    """The environment of a shell in which this Python's programs come first."""
    programs = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": programs + os.pathsep + os.environ.get("PATH", ""),
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "PYTHONWARNINGS": "default",
        "CURL_HOME": str(Path(__file__).parent),  # its .curlrc: an error of HTTP is one of curl
    }
