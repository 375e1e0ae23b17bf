"""Commands of the container files and of how-tos that deploy: not run, but read."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from typer.main import get_command

from tastemap.cli import app
from tests.docs.conftest import ROOT

PAGES = ("docs/how-to/deploy.md", "docs/how-to/secure-a-server.md", "docs/how-to/serve.md")


def _commands() -> list[str]:
    """What follows `tastemap` in the pages' blocks and lines, without what a shell does to it."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = re.findall(r"^```(?:sh|text)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        inline = [one.replace("\n", " ") for one in re.findall(r"`(tastemap [^`]+)`", text)]
        for line in [*"\n".join(blocks).splitlines(), *inline]:
            command = re.search(r"\btastemap\s+((?:serve|up|fit|keys|feedback) .*)", line)
            if command and "..." not in line:
                found.append(re.sub(r"\s#.*|\s>.*", "", command[1]))
    docker = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    lists = re.findall(r"^CMD \[(.*)\]", docker, re.MULTILINE)
    lists += re.findall(r"command: \[(.*)\]", compose)
    return [*found, *(one.replace(",", " ") for one in lists)]


@pytest.mark.parametrize("command", _commands())
def test_commands_are_ones_that_tastemap_has(command: str) -> None:
    words = shlex.split(command)
    one: Any = get_command(app)
    while words and words[0] in getattr(one, "commands", ()):
        one = one.commands[words.pop(0)]
    known = {flag for parameter in one.params for flag in (*parameter.opts, "--help")}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_they_are_all_found() -> None:
    assert sum("serve" in one for one in _commands()) >= 5
    assert any("keys add" in one for one in _commands())
