"""The bytes of a file: compression, zip members, encoding, and what can be wrong with them."""

from __future__ import annotations

import codecs
import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from tastemap.errors import DataError

_BLOCK = 1 << 20
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
_EMPTY_ZIP = b"PK\x05\x06"
_NOT_READ = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"7z\xbc\xaf": "7-Zip",
    b"Rar!": "RAR",
}


@dataclass(frozen=True)
class File:
    """A file that exists, and how its content is packed.

    Attributes:
        path: where it is.
        packing: ``"plain"``, ``"gzip"``, ``"zstd"`` or ``"zip"``, found by its first bytes.
        member: the member taken from a zip.
        others: the other members of a zip.
    """

    path: Path
    packing: str = "plain"
    member: str | None = None
    others: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path.name if self.member is None else f"{self.path.name} ({self.member})"

    @property
    def suffix(self) -> str:
        """The ending that tells the format, without the one of the compression."""
        suffixes = [end.lower() for end in Path(self.member or self.path).suffixes]
        known = [end for end in suffixes if end not in (".gz", ".gzip", ".zst", ".zstd")]
        return known[-1] if known else ""

    @property
    def stem(self) -> str:
        """The name without folders and endings, such as ``ratings``."""
        return Path(self.member or self.path).name.split(".")[0]

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The content, decompressed, as a stream of bytes.

        Where that can be, it is one of Arrow: its threads read it without the interpreter. They
        also let go of it some time after they are done, and CPython before 3.14 aborts a program
        that ends just then, if what they let go of is an object of Python.

        Raises:
            DataError: the compressed content is cut short or damaged (also while it is read
                inside the ``with`` block), or the file cannot be opened.
        """
        try:
            if self.packing == "plain":
                with pa.OSFile(os.fsencode(self.path)) as stream:
                    yield stream
            elif self.packing == "zip":
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member or "") as part:
                    yield part
            else:
                whole = pa.OSFile(os.fsencode(self.path))
                with pa.CompressedInputStream(whole, self.packing) as packed:
                    yield packed
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            if self.packing == "plain":
                raise DataError(f"{self.name} cannot be read: {error}") from error
            if "password" in str(error):
                raise DataError(f"{self.name} is encrypted: unpack it first") from error
            raise DataError(
                f"{self.name} is cut short or damaged, its {self.packing} content cannot be "
                f"unpacked ({error}): download or copy the file again"
            ) from error

    def head(self, size: int = 1 << 18) -> bytes:
        """The first bytes of the content."""
        parts = bytearray()
        with self.open() as stream:
            while len(parts) < size and (part := stream.read(size - len(parts))):
                parts += part
        return bytes(parts)


def find_file(path: Path, wanted: Sequence[str]) -> File:
    """Look at a file: is it there, how is it packed, and which member of a zip is meant.

    Args:
        path: the file.
        wanted: stems to look for when a zip holds several files, such as ``("ratings",)``.

    Raises:
        DataError: it does not exist, is a folder, is empty, is packed in a way that is not read,
            or is a zip in which no single member is the wanted one.
    """
    if path.is_dir():
        files = sorted(entry.name for entry in path.iterdir() if entry.is_file())[:8]
        holds = f": it holds {', '.join(files)}" if files else " and holds no files"
        raise DataError(f"{path} is a folder, not a file{holds}; give the path of one file")
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist{_near(path)}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror or error}") from error
    if not start:
        raise DataError(f"{path.name} is empty: it has no header and no rows")
    if start.startswith(_EMPTY_ZIP):
        raise DataError(f"{path.name} is a zip that holds no files")
    for magic, kind in _NOT_READ.items():
        if start.startswith(magic):
            raise DataError(
                f"{path.name} is packed with {kind}, which is not read: unpack it, or pack it "
                "with gzip, zstd or zip"
            )
    packing = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), "plain")
    if packing == "zip":
        return _in_zip(path, wanted)
    return File(path, packing)


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    stem = path.name.split(".")[0].casefold()
    same = sorted(p.name for p in path.parent.iterdir() if p.name.casefold().startswith(stem))
    return f"; did you mean {', '.join(same[:3])}?" if stem and same else "; check the path"


def _in_zip(path: Path, wanted: Sequence[str]) -> File:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(
            f"{path.name} is cut short or damaged ({error}): download or copy the file again"
        ) from error
    if any(info.filename == "[Content_Types].xml" for info in infos):
        raise DataError(f"{path.name} is an office document: save the sheet as CSV and read that")
    members = [
        info.filename
        for info in infos
        if not info.is_dir()
        and not Path(info.filename).name.startswith((".", "__"))
        and not info.filename.startswith("__MACOSX/")
    ]
    if not members:
        raise DataError(f"{path.name} is a zip that holds no files")
    chosen = members if len(members) == 1 else []
    for stem in wanted if len(members) > 1 else ():
        chosen = [name for name in members if Path(name).name.split(".")[0].lower() == stem]
        if chosen:
            break
    if len(chosen) != 1:
        listed = ", ".join(sorted(members)[:10])
        raise DataError(
            f"{path.name} holds {len(members)} files ({listed}), and not exactly one of them is "
            f"called {' or '.join(wanted[:3])}: unpack it and give the path of one file"
        )
    others = tuple(name for name in members if name != chosen[0])
    return File(path, "zip", chosen[0], others)


class Translated(io.RawIOBase):
    """Bytes of text as UTF-8, with a separator of several bytes replaced by one.

    Args:
        stream: the bytes.
        encoding: what they are in.
        replace: the separator and the single character that takes its place, or None.
    """

    def __init__(
        self, stream: IO[bytes], encoding: str, replace: tuple[str, str] | None = None
    ) -> None:
        super().__init__()
        self._stream = stream
        same = is_utf8(encoding)
        self._decoder: Any = None if same else codecs.getincrementaldecoder(encoding)()
        self._old, self._new = (part.encode() for part in replace) if replace else (b"", b"")
        self._ready = b""
        self._kept = b""

    def readable(self) -> bool:  # noqa: D102 - of the standard interface
        return True

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes (all that is left for -1); none at the end."""
        parts = []
        missing = size
        while missing:
            if not self._ready and not self._fill():
                break
            part = self._ready if size < 0 else self._ready[:missing]
            self._ready = self._ready[len(part) :]
            parts.append(part)
            missing = -1 if size < 0 else missing - len(part)
        return b"".join(parts)

    def _fill(self) -> bool:
        # Reads on until something is ready; False at the end.
        while not self._ready:
            raw = self._stream.read(_BLOCK)
            data = bytes(raw)
            if self._decoder is not None:
                data = self._decoder.decode(data, final=not raw).encode()
            if self._old:
                if self._new in data:
                    raise DataError(
                        f"the text holds the control character {self._new!r}: remove it, or give "
                        "a separator of one character"
                    )
                data = (self._kept + data).replace(self._old, self._new)
                # The end may be the first part of a separator that goes on in the next block.
                keep = _overlap(data, self._old) if raw else 0
                self._kept = data[len(data) - keep :]
                data = data[: len(data) - keep]
            self._ready = data
            if not raw:
                return bool(data)
        return True


def is_utf8(encoding: str) -> bool:
    """Whether text in this encoding is UTF-8 as it stands."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


def _overlap(data: bytes, mark: bytes) -> int:
    # The longest true beginning of ``mark`` that ``data`` ends with.
    return next((n for n in range(len(mark) - 1, 0, -1) if data.endswith(mark[:n])), 0)


def first_bad_byte(file: File) -> tuple[int, int, int] | None:
    """Where a file stops being UTF-8.

    Returns:
        Offset of the byte in the decompressed content, its line (the first is 1) and the byte;
        None where all is UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    done, lines = 0, 1
    with file.open() as stream:
        while True:
            raw = bytes(stream.read(_BLOCK))
            pending = decoder.getstate()[0]
            try:
                decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                return (
                    done - len(pending) + error.start,
                    lines + before.count(b"\n"),
                    error.object[error.start],
                )
            if not raw:
                return None
            done += len(raw)
            lines += raw.count(b"\n")
