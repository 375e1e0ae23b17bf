"""The verb that fetches data sets, against a server on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import tastemap as tm
from tastemap.cli.data import data
from tests.cli.conftest import OnTerminal, answer, run, shell


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(csv_files: Path, tmp_path: Path) -> Iterator[str]:
    """A server with a small ml-1m: the address to give as --base-url."""
    folder = tmp_path / "server"
    folder.mkdir()
    archive = folder / "ml-1m.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("ml-1m/ratings.dat", "1::10::4::978300760\n2::10::5::978300761\n")
        zipped.writestr("ml-1m/movies.dat", "10::Heat (1995)::Action|Crime\n")
        zipped.writestr("ml-1m/users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n")
        zipped.writestr("ml-1m/README", "for research")
    checksum = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    (folder / "ml-1m.zip.md5").write_text(f"{checksum}  ml-1m.zip\n", encoding="ascii")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def test_without_a_name_it_lists_what_there_is() -> None:
    text = answer("data")
    assert "movielens-25m" in text
    assert "commercial" in text
    said = json.loads(answer("data", "--json"))
    assert said["rows"][0]["name"] == "movielens-small"
    assert len(said["rows"]) == 7


def test_download_verify_and_read(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("data", "movielens-1m", "--base-url", server)
    assert result.exit_code == 0, result.stderr
    assert "MD5" in result.stdout
    assert "commercial" in result.stdout
    assert "tastemap fit movielens-1m --out" in result.stdout
    assert json.loads(answer("audit", "movielens-1m", "--json"))["rows"]


def test_json_says_where_it_is(server: str, tmp_path: Path) -> None:
    command = ("data", "movielens-1m", "--folder", tmp_path / "sets", "--base-url", server)
    said = json.loads(answer(*command, "--json"))
    assert Path(said["ratings"]) == tmp_path / "sets" / "ml-1m" / "ratings.dat"
    assert said["fetched"] > 0
    assert json.loads(answer(*command, "--json"))["fetched"] == 0
    assert f"--folder {tmp_path / 'sets'}" in answer(*command)


def test_the_address_can_come_from_the_environment(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASTEMAP_BASE_URL", server)
    out = shell("data", "movielens-1m", folder=tmp_path)
    assert out.returncode == 0, out.stderr
    assert (tmp_path / "data" / "ml-1m" / "ratings.dat").is_file()


def test_a_damaged_zip_is_refused(server: str, tmp_path: Path) -> None:
    (tmp_path / "server" / "ml-1m.zip.md5").write_text("0" * 32 + "  ml-1m.zip\n", encoding="ascii")
    command = ("data", "movielens-1m", "--folder", tmp_path / "sets", "--base-url", server)
    result = run(*command)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert not (tmp_path / "sets" / "ml-1m").exists()


def test_a_bar_moves_on_a_terminal(server: str, tmp_path: Path, on_terminal: OnTerminal) -> None:
    stream = on_terminal()
    data("movielens-1m", tmp_path, server, as_json=True)
    assert "downloading movielens-1m" in stream.getvalue()
    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l")


def test_a_set_is_written_as_two_files_that_read_as_it_does(tmp_path: Path) -> None:
    said = answer("data", "movielens-small", "--csv", tmp_path / "mine")
    files = f"{tmp_path}/mine/ratings.csv --items {tmp_path}/mine/movies.csv"
    assert f"next: tastemap fit {files} --out models/m1" in said
    read = tm.read_ratings(tmp_path / "mine" / "ratings.csv", tmp_path / "mine" / "movies.csv")
    bundled = tm.load_dataset()
    assert read.fingerprint == bundled.fingerprint
    assert read.catalog.table.cast(bundled.catalog.table.schema).equals(bundled.catalog.table)
    again = run("data", "movielens-small", "--csv", tmp_path / "mine")
    assert again.exit_code == 2
    assert "ratings.csv is there already" in again.stderr
