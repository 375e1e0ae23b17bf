"""Fetching the original MovieLens data sets: resumable, verified, unpacked safely."""

from __future__ import annotations

import errno
import hashlib
import http.client
import logging
import re
import shutil
import ssl
import stat
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tastemap.data.datasets import DEFAULT_FOLDER, LICENCE, DataSet, find_dataset
from tastemap.errors import ConfigError, DownloadError

GROUPLENS = "https://files.grouplens.org/datasets/movielens"
TIMEOUT = 30.0
"""Seconds without an answer after which a server counts as gone."""

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes in all (None while nobody knows)."""

_log = logging.getLogger(__name__)
_BLOCK = 1 << 16
_ATTEMPTS = 4
_PAUSE = 0.5  # seconds before the second attempt; doubled before each further one
_NETWORK = (
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
)
_LARGEST = 8 << 30  # no set unpacks to more than 2 GB; beyond this something is wrong


@dataclass(frozen=True)
class Download:
    """A data set on disk.

    Attributes:
        name: of the data set.
        folder: where its files are.
        ratings: the file of the ratings.
        items: the file of the movies.
        verified: how the content was checked, in words.
        fetched: bytes that came over the network; 0 if the set was there already.
        licence: what its conditions forbid and ask for.
    """

    name: str
    folder: Path
    ratings: Path
    items: Path
    verified: str
    fetched: int
    licence: str = LICENCE

    def __str__(self) -> str:
        return f"{self.name} is in {self.folder} ({self.verified}). {self.licence}"


def download_dataset(
    name: str,
    folder: str | Path | None = None,
    *,
    base_url: str = GROUPLENS,
    on_progress: OnProgress | None = None,
) -> Download:
    """Download an original MovieLens data set from GroupLens, verify and unpack it.

    MovieLens is for research: **no commercial use** without permission of GroupLens.

    A download that was cut goes on where it stopped. The zip is compared with the MD5 that
    GroupLens publishes beside it and, from GroupLens itself, with the one known to tastemap. It
    is unpacked only after that, and removed afterwards.

    Args:
        name: ``"movielens-100k"``, ``"movielens-1m"``, ``"movielens-20m"``, ``"movielens-25m"``,
            ``"movielens-32m"`` or ``"movielens-small-latest"``.
        folder: where to make the set's folder; None for ``data`` in the working directory.
        base_url: where the zips are. Another server is checked against its own ``.md5`` files.
        on_progress: called with bytes so far and in all, at least once a block.

    Returns:
        Where the files are. A set that is there already is not fetched again.

    Raises:
        DownloadError: offline, not on the server, cut, not what it should be, or not writable;
            the message says which, and what to do.
        ConfigError: there is no such data set, or ``base_url`` is no web address.
    """
    dataset = find_dataset(name)
    if not base_url.startswith(("https://", "http://")):
        raise ConfigError(f"base_url={base_url!r}: must begin with https:// or http://")
    parent = DEFAULT_FOLDER if folder is None else Path(folder)
    place = parent / dataset.archive
    if _is_there(place, dataset):
        return _done(name, dataset, place, "it was there already", 0)
    url = f"{base_url.rstrip('/')}/{dataset.archive}.zip"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        part = parent / f"{dataset.archive}.zip.part"
        expected = _expected(url, dataset if base_url == GROUPLENS else None)
        fetched = _fetch_verified(url, part, expected, on_progress or (lambda _, __: None))
        _unpack(part, place, dataset)
        part.unlink()
    except DownloadError:
        raise
    except OSError as error:
        raise _disk_error(error, parent) from error
    verified = "its zip has the published MD5" if expected else "no MD5 is published for it"
    return _done(name, dataset, place, verified, fetched)


def _is_there(place: Path, dataset: DataSet) -> bool:
    # The folder is put in place as a whole, so files that are there are complete.
    return (place / dataset.ratings).is_file() and (place / dataset.items).is_file()


def _done(name: str, dataset: DataSet, place: Path, verified: str, fetched: int) -> Download:
    return Download(
        name=name,
        folder=place,
        ratings=place / dataset.ratings,
        items=place / dataset.items,
        verified=verified,
        fetched=fetched,
    )


def _expected(url: str, dataset: DataSet | None) -> str | None:
    # The MD5 the zip must have; None where the server publishes none for a set that changes.
    try:
        with _open(f"{url}.md5") as answer:
            text = answer.read(4096).decode("ascii", errors="replace")
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise _http_error(error, f"{url}.md5") from error
        text = ""
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(error, url) from error
    found = re.search(r"\b[0-9a-fA-F]{32}\b", text)
    published = found[0].lower() if found else None
    pinned = dataset.md5 if dataset else None
    if pinned and published and published != pinned:
        raise DownloadError(
            f"{url}.md5 says {published}, but the MD5 of this set is {pinned}: the server may "
            "have been tampered with, or the set was changed; nothing was downloaded"
        )
    return pinned or published


def _fetch_verified(url: str, part: Path, expected: str | None, on_progress: OnProgress) -> int:
    resumed = part.exists() and part.stat().st_size > 0
    fetched = _fetch(url, part, on_progress)
    found = _md5(part)
    if expected and found != expected and resumed:
        # What lay there may have been the beginning of another edition: once more from the start.
        _log.warning("%s: the resumed file has MD5 %s, fetching it anew", url, found)
        part.unlink()
        fetched += _fetch(url, part, on_progress)
        found = _md5(part)
    if expected and found != expected:
        size = part.stat().st_size
        part.unlink()
        raise DownloadError(
            f"{url} has MD5 {found} instead of {expected} ({size:,} bytes): it is damaged or not "
            "the original; it was removed, so try again"
        )
    return fetched


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        # Against damage, not against attackers: it is the one checksum GroupLens publishes.
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _fetch(url: str, part: Path, on_progress: OnProgress) -> int:
    # Fetches what is missing of the zip; gives the bytes that came.
    fetched = 0
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        before = part.stat().st_size if part.exists() else 0
        try:
            total = _fetch_once(url, part, on_progress)
            problem: Exception | None = None
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise _http_error(error, url) from error
            total, problem = None, error
        except _NETWORK as error:
            total, problem = None, error
        size = part.stat().st_size if part.exists() else 0
        fetched += max(size - before, 0)
        if problem is None and (total is None or size == total):
            return fetched
        _log.info("%s: cut after %d of %s bytes (%s)", url, size, total, problem)
    if isinstance(problem, urllib.error.HTTPError):
        raise _http_error(problem, url) from problem
    if not fetched and problem is not None:
        raise _unreachable(problem, url) from problem
    why = f" ({problem})" if problem else ""
    raise DownloadError(
        f"{url} was cut {_ATTEMPTS} times{why}; {size:,} bytes are kept in {part}: try again to "
        "go on from there"
    )


def _fetch_once(url: str, part: Path, on_progress: OnProgress) -> int | None:
    # One request; gives the size of the whole zip, if the server says it.
    have = part.stat().st_size if part.exists() else 0
    try:
        answer = _open(url, {"Range": f"bytes={have}-"} if have else {})
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # Nothing after what is there: either that is all, or it is of another edition.
        all_there = error.headers.get("Content-Range") == f"bytes */{have}"
        error.close()
        if all_there:
            return have
        part.unlink()
        return _fetch_once(url, part, on_progress)
    with answer:
        goes_on = answer.status == 206
        if goes_on and not str(answer.headers.get("Content-Range")).startswith(f"bytes {have}-"):
            raise http.client.HTTPException("the server sent another part than was asked for")
        have = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdecimal() else None
        with part.open("ab" if goes_on else "wb") as out:
            on_progress(have, total)
            while block := answer.read(_BLOCK):
                out.write(block)
                have += len(block)
                on_progress(have, total)
    return total


def _open(url: str, headers: dict[str, str] | None = None) -> Any:
    # Without compression on the way: bytes are counted.
    fields = {"User-Agent": "tastemap", "Accept-Encoding": "identity"} | (headers or {})
    request = urllib.request.Request(url, headers=fields)  # noqa: S310 - http(s), checked above
    return urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310


def _http_error(error: urllib.error.HTTPError, url: str) -> DownloadError:
    what = "is not on the server" if error.code == 404 else "is refused by the server"
    error.close()
    return DownloadError(
        f"{url} {what} (HTTP {error.code} {error.reason}): look at "
        "https://grouplens.org/datasets/movielens/ whether it has moved, or try later"
    )


def _unreachable(error: Exception, url: str) -> DownloadError:
    reason = getattr(error, "reason", error)
    server = urllib.parse.urlsplit(url).netloc
    if "CERTIFICATE_VERIFY_FAILED" in str(reason):
        return DownloadError(
            f"the certificate of {server} cannot be verified ({reason}): check this computer's "
            "clock and certificates, or try later"
        )
    slow = isinstance(reason, TimeoutError)
    what = f"did not answer within {TIMEOUT:g} seconds" if slow else f"cannot be reached ({reason})"
    return DownloadError(
        f"{server} {what}: check the network connection and try again; or fetch {url} elsewhere "
        "and unpack it into the folder"
    )


def _disk_error(error: OSError, folder: Path) -> DownloadError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadError(
            f"the disk of {folder} is full: make room and try again; what was fetched is kept"
        )
    return DownloadError(f"{folder} cannot be written to ({error}): choose another folder")


def _unpack(archive: Path, place: Path, dataset: DataSet) -> None:
    # Into a folder beside it, then into place as a whole: nobody ever sees half a set.
    temporary = place.with_name(f".{place.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = zipped.infolist()
            _check_members(archive, members)
            zipped.extractall(temporary)
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        archive.unlink()
        raise DownloadError(
            f"{archive} is not a zip that can be unpacked ({error}): it was removed, so try again"
        ) from error
    if not _is_there(temporary / dataset.archive, dataset):
        shutil.rmtree(temporary, ignore_errors=True)
        raise DownloadError(
            f"{archive} holds no {dataset.archive}/{dataset.ratings} and {dataset.items}: it is "
            "not the set it should be"
        )
    shutil.rmtree(place, ignore_errors=True)
    (temporary / dataset.archive).rename(place)
    shutil.rmtree(temporary, ignore_errors=True)


def _check_members(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or is_link:
            raise DownloadError(
                f"{archive} holds {member.filename!r}, which would be written outside of its "
                "folder: it is not an original, and was not unpacked"
            )
    size = sum(member.file_size for member in members)
    if size > _LARGEST:
        raise DownloadError(f"{archive} would unpack to {size:,} bytes: it is not an original")
    free = shutil.disk_usage(archive.parent).free
    if size > free:
        raise DownloadError(
            f"unpacking {archive} needs {size / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free: make "
            "room and try again; the zip is kept"
        )
