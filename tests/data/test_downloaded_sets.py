"""What a downloaded archive holds, where it is unpacked, and how it is read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

import tastemap as tm
from tastemap.data import download
from tastemap.data.download import download_dataset
from tastemap.errors import ConfigError, DataError, DownloadError
from tests.data.downloads import RATINGS, SMALL, zipped


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
