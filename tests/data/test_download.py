"""Downloading from a server on this machine: whole, cut, damaged, hostile, absent."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import tastemap as tm
from tastemap.data import datasets, download
from tastemap.data.download import download_dataset
from tastemap.errors import ConfigError, DataError, DownloadError

RATINGS = "userId,movieId,rating,timestamp\n" + "".join(
    f"{user},{movie},{(user * movie) % 5 + 1},{1_500_000_000 + user}\n"
    for user in range(1, 60)
    for movie in range(1, 60)
)
MOVIES = "movieId,title,genres\n" + "".join(
    f'{n},"Film, {n} (1999)",Comedy|Drama\n' for n in range(1, 70)
)


def zipped(members: dict[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


SMALL = {
    "ml-latest-small/ratings.csv": RATINGS,
    "ml-latest-small/movies.csv": MOVIES,
    "ml-latest-small/README.txt": "no commercial use",
}


class Server:
    """Files by path, a record of requests, and faults to commit."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.cut_after: list[int] = []
        self.status: dict[str, list[int]] = {}
        self.ranges = True
        self.wrong_range = False
        self.length = True

    def publish(self, archive: str, content: bytes, md5: str | None = "right") -> None:
        self.files[f"/{archive}.zip"] = content
        if md5 == "right":
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if md5 is not None:
            self.files[f"/{archive}.zip.md5"] = f"MD5 ({archive}.zip) = {md5}\n".encode()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.requests.append((request.path, asked))
        statuses = self.status.get(request.path)
        if statuses:
            request.send_error(statuses.pop(0))
            return
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        start = 0
        if asked and self.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(content):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(content)}")
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
            request.send_response(206)
            first = start + 1 if self.wrong_range else start
            request.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            request.send_response(200)
        if self.length:
            request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        end = len(content)
        if request.path.endswith(".zip") and self.cut_after:
            end = start + self.cut_after.pop(0)
        request.wfile.write(content[start:end])
        request.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, str]]:
    behaviour = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behaviour.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr(download, "_PAUSE", 0.001)
    monkeypatch.setattr(download, "TIMEOUT", 5.0)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield behaviour, f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()
    thread.join()


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


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:\\evil.txt"]
)
def test_members_that_would_escape_the_folder_are_refused(
    server: Any, tmp_path: Path, name: str
) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL | {name: "evil"}))
    folder = tmp_path / "deep" / "data"
    with pytest.raises(DownloadError, match="outside of its folder"):
        download_dataset("movielens-small-latest", folder, base_url=url)
    assert not list(tmp_path.rglob("*evil*"))
    assert not (folder / "ml-latest-small").exists()


def test_links_in_a_zip_are_refused(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("ml-latest-small/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc")
    behaviour.publish("ml-latest-small", stream.getvalue())
    with pytest.raises(DownloadError, match="outside of its folder"):
        download_dataset("movielens-small-latest", tmp_path, base_url=url)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>Please log in</html>", "is not a zip that can be unpacked"),
        (zipped({"other/ratings.csv": RATINGS}), "holds no ml-latest-small/ratings.csv"),
        (zipped(SMALL).replace(b"Film, 7 ", b"Film, 8 "), "is not a zip that can be unpacked"),
    ],
)
def test_what_is_not_the_set_is_refused(
    server: Any, tmp_path: Path, content: bytes, message: str
) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", content, md5=None)
    with pytest.raises(DownloadError, match=message):
        download_dataset("movielens-small-latest", tmp_path, base_url=url)
    assert not (tmp_path / "ml-latest-small").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_zip_that_unpacks_to_too_much_is_refused(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL))
    monkeypatch.setattr(download, "_LARGEST", 1000)
    with pytest.raises(DownloadError, match=r"would unpack to .* bytes: it is not an original"):
        download_dataset("movielens-small-latest", tmp_path, base_url=url)


def test_too_little_room_on_the_disk_is_told(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL))
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match="0 MB are free: make room and try again; the zip is"):
        download_dataset("movielens-small-latest", tmp_path, base_url=url)
    monkeypatch.undo()
    # The zip was kept: nothing but its checksum is asked for.
    behaviour.requests.clear()
    assert download_dataset("movielens-small-latest", tmp_path, base_url=url).fetched == 0


def test_a_full_disk_while_fetching_is_told(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_fetch", full)
    with pytest.raises(DownloadError, match="is full: make room and try again"):
        download_dataset("movielens-small-latest", tmp_path, base_url=url)


def test_a_folder_that_cannot_be_made_is_told(server: Any, tmp_path: Path) -> None:
    _, url = server
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match=r"cannot be written to .*: choose another folder"):
        download_dataset("movielens-25m", tmp_path / "file", base_url=url)


def test_names_and_addresses_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no data set 'movielens-7m': there are movielens-small"):
        download_dataset("movielens-7m", tmp_path)
    with pytest.raises(ConfigError, match="comes with tastemap and needs no download"):
        download_dataset("movielens-small", tmp_path)
    with pytest.raises(ConfigError, match="must begin with https"):
        download_dataset("movielens-25m", tmp_path, base_url="file:///etc")


def test_without_a_folder_data_of_the_working_directory_is_used(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, url = server
    behaviour.publish("ml-latest-small", zipped(SMALL))
    monkeypatch.chdir(tmp_path)
    got = download_dataset("movielens-small-latest", base_url=url)
    assert got.folder.resolve() == tmp_path / "data" / "ml-latest-small"
    assert len(tm.load_dataset("movielens-small-latest")) == 59 * 59


def test_loading_before_downloading_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        tm.load_dataset("movielens-25m", folder=tmp_path)
    assert f"`tastemap data movielens-25m --folder {tmp_path}`" in str(error.value)
    with pytest.raises(DataError, match="download it with `tastemap data movielens-25m`, or say"):
        tm.load_dataset("movielens-25m")


def test_the_sets_of_dat_files_are_read_in_latin_1(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    ratings = "1::10::5::978300760\n1::20::3::978302109\n2::10::4::978301968\n"
    movies = "10::Misérables, Les (1995)::Drama|Musical\n20::Bug's Life, A (1998)::Animation\n"
    files = {"ratings": ratings, "movies": movies.encode("latin-1")}
    files["users"] = "1::F::1::10::48067\n2::M::56::16::70072\n"
    behaviour.publish("ml-1m", zipped({f"ml-1m/{n}.dat": text for n, text in files.items()}))
    got = download_dataset("movielens-1m", tmp_path, base_url=url)
    read = tm.load_dataset("movielens-1m", folder=tmp_path)
    assert read.catalog.table.to_pydict() == {
        "title": ["Misérables, Les (1995)", "Bug's Life, A (1998)"],
        "genres": ["Drama|Musical", "Animation"],
    }
    assert read.times is not None
    assert read.user_catalog.table.to_pydict() == {
        "gender": ["F", "M"],
        "age": [1, 56],
        "occupation": [10, 16],
        "zip": [48067, 70072],
    }
    # By hand, as the docs show it.
    again = tm.read_ratings(got.ratings, items=got.items, encoding="latin-1")
    assert again.fingerprint == read.fingerprint


def test_the_100k_set_is_read_with_genres_as_text(server: Any, tmp_path: Path) -> None:
    behaviour, url = server
    ratings = "196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t302\t4\t881250950\n"
    flags = ["0"] * 19
    comedy, none = flags.copy(), flags
    comedy[5] = comedy[14] = "1"
    items = "\n".join(
        "|".join(row)
        for row in (
            [
                "242",
                "Kolya (1996)",
                "24-Jan-1997",
                "",
                "http://us.imdb.com/M/title-exact?Kolya",
                *comedy,
            ],
            ["302", "À bout (1997)", "", "", "", *none],
        )
    )
    behaviour.publish(
        "ml-100k",
        zipped(
            {
                "ml-100k/u.data": ratings,
                "ml-100k/u.item": items.encode("latin-1") + b"\n\n",
                "ml-100k/u.user": "196|24|M|technician|85711\n186|53|F|other|V3N4P\n",
            }
        ),
    )
    got = download_dataset("movielens-100k", tmp_path, base_url=url)
    read = tm.load_dataset("movielens-100k", folder=got.folder)
    assert read.user_ids.ids.to_pylist() == [196, 186]
    assert read.catalog.table.to_pydict() == {
        "title": ["Kolya (1996)", "À bout (1997)"],
        "release date": ["24-Jan-1997", None],
        "genres": ["Comedy|Romance", ""],
    }
    assert read.user_catalog.table["occupation"].to_pylist() == ["technician", "other"]
    again = tm.read_ratings(got.ratings, items=got.items, encoding="latin-1")
    assert again.fingerprint == read.fingerprint
    assert again.catalog.table["Comedy"].to_pylist() == [1, 0]
