"""Keys: what is kept, who may read it, and that running servers notice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemap.errors import ConfigError
from tastemap.web.security.keys import KeyFile, Scope

DIGEST = json.dumps(
    {"keys": [{"id": "a", "name": "a", "scope": "read", "created": "", "sha256": "\u00e9" * 64}]}
)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "below" / "keys.json")


def test_only_a_hash_of_a_key_is_kept_and_only_its_owner_may_read_it(file: KeyFile) -> None:
    key, token = file.add("shop", Scope.READ)
    text = file.path.read_text()
    assert token not in text
    assert token.rpartition("_")[2] not in text
    assert hashlib.sha256(token.encode()).hexdigest() in text
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert list(file.path.parent.iterdir()) == [file.path]
    assert file.read() == (key,)
    assert (key.name, key.scope) == ("shop", "read")


def test_no_two_keys_are_the_same(file: KeyFile) -> None:
    tokens = {file.add(str(number), Scope.READ)[1] for number in range(20)}
    assert len(tokens) == 20
    assert all(len(token) >= 40 for token in tokens)


def test_a_key_is_found_and_nothing_else_is(file: KeyFile) -> None:
    key, token = file.add("shop", Scope.WRITE)
    other, _ = file.add("other", Scope.ADMIN)
    assert file.find(token) == key
    mistakes = (
        "",
        "tm_",
        key.id,
        key.sha256,
        token[:-1],
        token + "x",
        token.upper(),
        token.replace(key.id, other.id),
        token.replace(key.id, "00000000"),
        "\udcff" + token,
    )
    assert [file.find(mistake) for mistake in mistakes] == [None] * len(mistakes)


@given(st.data())
def test_no_text_is_a_key(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = KeyFile(tmp_path_factory.mktemp("keys") / "keys.json")
    key, token = file.add("shop", Scope.READ)
    text = data.draw(
        st.text()
        | st.text().map(lambda end: f"tm_{key.id}_{end}")
        | st.sampled_from(token).map(lambda letter: token.replace(letter, "~", 1))
    )
    assert file.find(text) is None


def test_a_running_server_notices_new_and_removed_keys(file: KeyFile) -> None:
    running = KeyFile(file.path)
    assert not running.needed
    _, token = file.add("shop", Scope.READ)
    assert running.needed
    assert running.find(token)
    file.remove("shop")
    assert running.find(token) is None


def test_without_its_last_key_a_server_is_closed_not_open(file: KeyFile) -> None:
    running = KeyFile(file.path)
    key, token = file.add("shop", Scope.READ)
    assert running.find(token)
    file.remove(key.id)
    assert running.needed
    assert KeyFile(file.path).needed
    file.path.unlink()
    assert running.needed
    assert running.find(token) is None


@pytest.mark.parametrize(
    "content", ["", "[]", '{"keys": [{}]}', DIGEST, '{"keys": [], "format": 2}']
)
def test_a_damaged_file_lets_nobody_in(
    file: KeyFile, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, token = file.add("shop", Scope.READ)
    running = KeyFile(file.path)
    assert running.find(token)
    file.path.write_text(content)
    assert running.needed
    assert running.find(token) is None
    assert "nobody is let in" in caplog.text
    with pytest.raises(ConfigError, match=r"keys\.json"):
        running.read()


def test_a_file_that_others_may_read_is_refused(file: KeyFile) -> None:
    _, token = file.add("shop", Scope.READ)
    file.path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"mode 640.*chmod 600"):
        file.read()
    assert KeyFile(file.path).find(token) is None


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "x" * 101, "\u202eevil"])
def test_a_name_must_be_readable(file: KeyFile, name: str) -> None:
    with pytest.raises(ConfigError, match="a key needs a name"):
        file.add(name, Scope.READ)


def test_names_are_taken_once_and_unknown_keys_are_named(file: KeyFile) -> None:
    key, _ = file.add("shop", Scope.READ)
    with pytest.raises(ConfigError, match="'shop' already"):
        file.add("shop", Scope.ADMIN)
    with pytest.raises(ConfigError, match=rf"'nobody'; there are: {key.id} \(shop\)"):
        file.remove("nobody")
    assert file.read() == (key,)
    assert list(file.path.parent.iterdir()) == [file.path]


def test_keys_made_at_the_same_time_are_not_lost(file: KeyFile) -> None:
    made: list[str] = []

    def make(first: int) -> None:
        for number in range(20):
            with contextlib.suppress(ConfigError):  # somebody else is writing just now
                made.append(KeyFile(file.path).add(f"{first}-{number}", Scope.READ)[0].id)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made
    assert sorted(key.id for key in file.read()) == sorted(made)


def test_a_lock_that_was_left_is_named(file: KeyFile) -> None:
    file.add("shop", Scope.READ)
    left = file.path.with_name("keys.json.new")
    left.write_text("")
    with pytest.raises(ConfigError, match=r"keys\.json\.new exists.*delete it"):
        file.add("other", Scope.READ)
    assert len(json.loads(file.path.read_text())["keys"]) == 1


def test_scopes_include_the_ones_before_them() -> None:
    assert [[one.includes(other) for other in Scope] for one in Scope] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
