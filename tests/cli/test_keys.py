"""The verbs that make, list and take away keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tastemap.web.security.keys import KeyFile
from tests.cli.conftest import answer, run


def test_a_key_is_printed_once_and_is_good(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    result = run("keys", "add", "--name", "shop", "--scope", "write", "--file", file)
    assert result.exit_code == 0
    token = result.stdout.strip()
    found = KeyFile(file).find(token)
    assert found
    assert (found.name, found.scope) == ("shop", "write")
    assert f"its id is {found.id}" in result.stderr
    assert token not in result.stderr
    listed = json.loads(answer("keys", "list", "--file", file, "--json"))["rows"]
    assert [(one["id"], one["name"], one["scope"]) for one in listed] == [
        (found.id, "shop", "write")
    ]
    assert token not in answer("keys", "list", "--file", file)
    assert "no longer valid" in answer("keys", "remove", found.id, "--file", file)
    assert KeyFile(file).find(token) is None
    assert "has no keys" in answer("keys", "list", "--file", file)


def test_the_file_can_be_named_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASTEMAP_KEYS", str(tmp_path / "keys.json"))
    answer("keys", "add", "--name", "one")
    assert [key.scope for key in KeyFile(tmp_path / "keys.json").read()] == ["read"]


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    assert "'gone'" in run("keys", "remove", "gone", "--file", file).stderr
    answer("keys", "add", "--name", "one", "--file", file)
    twice = run("keys", "add", "--name", "one", "--file", file)
    assert twice.exit_code == 1
    assert twice.stderr.startswith("error: there is a key named 'one' already")
    assert run("keys", "add", "--name", "x", "--scope", "root", "--file", file).exit_code == 2


def test_a_server_open_to_others_is_refused(biased_folder: Path) -> None:
    for option in ("--host=0.0.0.0", "--allow-host=a.example", "--allow-origin=https://a.example"):
        result = run("serve", biased_folder, option, "--port", 0)
        assert result.exit_code == 1
        assert "needs a key" in result.stderr
