"""Downloading from a server on this machine: whole, cut, damaged, hostile, absent."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tastemap as tm
from tastemap.data import datasets, download
from tastemap.data.download import download_dataset
from tastemap.errors import DownloadError
from tests.data.downloads import MOVIES, RATINGS, SMALL, zipped


def test_a_set_is_downloaded_verified_unpacked_and_loaded(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    content = zipped(SMALL)
    behaviour.publish("ml-latest-small", content)
    seen: list[tuple[int, int | None]] = []
    got = download_dataset(
        "movielens-small-latest", tmp_path / "new" / "data", base_url=url + "/",
        on_progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert got.folder == tmp_path / "new" / "data" / "ml-latest-small"
    assert got.ratings.read_text() == RATINGS
    assert got.items.read_text() == MOVIES
    assert got.verified == "its zip has the published MD5"
    assert got.fetched == len(content)
    assert "commercial" in got.licence
    assert str(got).startswith("movielens-small-latest is in ")
    assert seen[0] == (0, len(content))
    assert seen[-1] == (len(content), len(content))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    # Nothing is left but the set.
    assert [entry.name for entry in got.folder.parent.iterdir()] == ["ml-latest-small"]
    ratings = tm.load_dataset("movielens-small-latest", folder=tmp_path / "new" / "data")
    assert len(ratings) == 59 * 59
    assert ratings.name == "movielens-small-latest"
    assert ratings.catalog.title(0) == "Film, 1 (1999)"
    assert ratings.catalog.table["genres"][0].as_py() == "Comedy|Drama"


def test_a_set_that_is_there_is_not_fetched_again(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL))
    download_dataset("movielens-small-latest", tmp_path, base_url=url)
    behaviour.requests.clear()
    again = download_dataset("movielens-small-latest", tmp_path, base_url=url)
    assert behaviour.requests == []
    assert again.fetched == 0
    assert again.verified == "it was there already"


def test_a_cut_connection_is_resumed_where_it_stopped(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    content = zipped(SMALL)
    behaviour.publish("ml-latest-small", content)
    behaviour.cut_after = [1000, 2000]
    got = download_dataset("movielens-small-latest", tmp_path, base_url=url)
    asked = [wanted for path, wanted in behaviour.requests if path.endswith(".zip")]
    assert asked == [None, "bytes=1000-", "bytes=3000-"]
    assert got.ratings.read_text() == RATINGS
    assert got.fetched == len(content)


def test_a_download_that_is_cut_again_and_again_is_kept_for_the_next_call(
    server: Any, tmp_path: Path
) -> None:
    behaviour, url = server
    content = zipped(SMALL)
    behaviour.publish("ml-latest-small", content)
    behaviour.cut_after = [100] * 4
    with pytest.raises(
        DownloadError, match=r"cut 4 times; 400 bytes are kept in .*part: try again"
    ):
        download_dataset("movielens-small-latest", tmp_path, base_url=url)
    assert (tmp_path / "ml-latest-small.zip.part").read_bytes() == content[:400]
    behaviour.requests.clear()
    got = download_dataset("movielens-small-latest", tmp_path, base_url=url)
    assert behaviour.requests[-1] == ("/ml-latest-small.zip", "bytes=400-")
    assert got.fetched == len(content) - 400


def test_an_interrupted_download_is_kept_for_the_next_call(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    content = zipped(SMALL)
    behaviour.publish("ml-latest-small", content)

    def interrupt(done: int, _: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_dataset("movielens-small-latest", tmp_path, base_url=url, on_progress=interrupt)
    kept = (tmp_path / "ml-latest-small.zip.part").stat().st_size
    assert 0 < kept < len(content) or kept == len(content)
    got = download_dataset("movielens-small-latest", tmp_path, base_url=url)
    assert got.fetched == len(content) - kept


def test_a_part_that_is_whole_already_is_only_verified(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    content = zipped(SMALL)
    behaviour.publish("ml-latest-small", content)
    (tmp_path / "ml-latest-small.zip.part").write_bytes(content)
    assert download_dataset("movielens-small-latest", tmp_path, base_url=url).fetched == 0


@pytest.mark.parametrize("old", [b"x" * 500, b"x" * 10_000_000])
def test_a_part_of_something_else_is_fetched_anew(server: Any, tmp_path: Path, old: bytes) -> None:
    behaviour, url = server
    content = zipped(SMALL)
    behaviour.publish("ml-latest-small", content)
    (tmp_path / "ml-latest-small.zip.part").write_bytes(old)
    got = download_dataset("movielens-small-latest", tmp_path, base_url=url)
    assert got.ratings.read_text() == RATINGS


def test_a_server_that_cannot_resume_sends_everything_again(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL))
    behaviour.ranges = False
    behaviour.cut_after = [1000]
    got = download_dataset("movielens-small-latest", tmp_path, base_url=url)
    assert got.ratings.read_text() == RATINGS


def test_a_server_that_sends_another_part_than_asked_is_not_believed(
    server: Any, tmp_path: Path
) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL))
    behaviour.wrong_range = True
    behaviour.cut_after = [1000]
    with pytest.raises(DownloadError, match="another part than was asked for"):
        download_dataset("movielens-small-latest", tmp_path, base_url=url)


def test_a_server_that_says_no_length_is_read_to_the_end(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL))
    behaviour.length = False
    seen: list[int | None] = []
    got = download_dataset(
        "movielens-small-latest", tmp_path, base_url=url, on_progress=lambda _, t: seen.append(t)
    )
    assert set(seen) == {None}
    assert got.ratings.read_text() == RATINGS


def test_a_wrong_checksum_is_refused_and_the_file_removed(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL), md5="0" * 32)
    with pytest.raises(DownloadError, match=f"instead of {'0' * 32} .* is damaged or not"):
        download_dataset("movielens-small-latest", tmp_path, base_url=url)
    assert list(tmp_path.iterdir()) == []


def test_a_set_without_a_published_checksum_says_so(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL), md5=None)
    got = download_dataset("movielens-small-latest", tmp_path, base_url=url)
    assert got.verified == "no MD5 is published for it"


def test_from_grouplens_itself_the_known_checksum_counts(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, url = server
    content = zipped({name.replace("latest-small", "1m"): text for name, text in SMALL.items()})
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    known = replace(
        datasets.DATASETS["movielens-1m"], md5=md5, ratings="ratings.csv", items="movies.csv"
    )
    monkeypatch.setitem(datasets.DATASETS, "movielens-1m", known)
    monkeypatch.setattr(download, "GROUPLENS", url)
    behaviour.publish("ml-1m", content, md5="1" * 32)
    with pytest.raises(DownloadError, match="tampered with, or the set was changed; nothing was"):
        download_dataset("movielens-1m", tmp_path, base_url=url)
    behaviour.publish("ml-1m", content + b"more", md5=None)
    del behaviour.files["/ml-1m.zip.md5"]
    with pytest.raises(DownloadError, match=f"instead of {md5}"):
        download_dataset("movielens-1m", tmp_path, base_url=url)
    behaviour.publish("ml-1m", content)
    assert download_dataset("movielens-1m", tmp_path, base_url=url).fetched == len(content)


def test_what_is_not_on_the_server_is_told(server: Any, tmp_path: Path) -> None:
    _, url = server
    with pytest.raises(
        DownloadError, match=r"ml-25m.zip is not on the server \(HTTP 404 Not Found"
    ):
        download_dataset("movielens-25m", tmp_path, base_url=url)


def test_a_refusal_is_told_at_once_and_a_fault_of_the_server_is_tried_again(
    server: Any, tmp_path: Path
) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL))
    behaviour.status["/ml-latest-small.zip"] = [403]
    with pytest.raises(DownloadError, match=r"is refused by the server \(HTTP 403"):
        download_dataset("movielens-small-latest", tmp_path, base_url=url)
    behaviour.status["/ml-latest-small.zip"] = [503] * 9
    with pytest.raises(DownloadError, match=r"is refused by the server \(HTTP 503"):
        download_dataset("movielens-small-latest", tmp_path, base_url=url)
    behaviour.status["/ml-latest-small.zip"] = [503, 502]
    assert download_dataset("movielens-small-latest", tmp_path, base_url=url).fetched
    behaviour.status["/ml-20m.zip.md5"] = [500]
    with pytest.raises(DownloadError, match="HTTP 500"):
        download_dataset("movielens-20m", tmp_path, base_url=url)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_offline_is_told_with_what_to_do(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(DownloadError) as error:
        download_dataset("movielens-25m", tmp_path, base_url=url)
    message = str(error.value)
    assert "cannot be reached" in message
    assert "check the network connection" in message
    assert f"fetch {url}/ml-25m.zip elsewhere and unpack it" in message


def test_a_server_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DownloadError, match=r"did not answer within 0.05 seconds"):
            download_dataset("movielens-25m", tmp_path, base_url=url)


def test_a_server_that_goes_away_after_the_checksum_is_told(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setattr(download, "_expected", lambda *_: None)
    with pytest.raises(DownloadError, match="cannot be reached"):
        download_dataset("movielens-25m", tmp_path, base_url=url)


def test_a_certificate_that_cannot_be_verified_is_told() -> None:
    problem = OSError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired")
    message = str(download._unreachable(problem, "https://files.example.org/a.zip"))
    assert message.startswith("the certificate of files.example.org cannot be verified")
    assert "clock" in message
