"""Delimited text: CSV, TSV and the ``::`` and ``|`` tables of the older MovieLens sets."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv

from tastemap.data.reading.files import File, Translated, is_utf8
from tastemap.data.reading.formats import SAMPLE, CannotRead, Source, not_utf8
from tastemap.errors import ConfigError, DataError

_SEPARATORS = ("::", "\t", ",", ";", "|", " ")
_SPOKEN = {"\t": "tab", ",": "comma", " ": "blank"}
_OF_SUFFIX = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
_STAND_IN = "\x1f"  # the "unit separator": what takes the place of a separator of several bytes
_WHOLE = re.compile(r"\s*-?\d+\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*", re.ASCII)

GENRES_OF_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""The last columns of ``u.item``, 1 where a movie is of the genre."""

_KNOWN_FILES: dict[tuple[str, int], tuple[str, ...]] = {
    ("ratings.dat", 4): ("UserID", "MovieID", "Rating", "Timestamp"),
    ("movies.dat", 3): ("MovieID", "title", "genres"),
    ("users.dat", 5): ("UserID", "gender", "age", "occupation", "zip"),
    ("u.data", 4): ("user id", "item id", "rating", "timestamp"),
    ("u.item", 24): (
        *("movie id", "title", "release date", "video release date", "IMDb URL"),
        *GENRES_OF_100K,
    ),
    ("u.user", 5): ("user id", "age", "gender", "occupation", "zip"),
}
"""Files without a header whose columns are documented: name and number of columns -> names."""


class Delimited(Source):
    """Text with one row a line and a separator between columns.

    Args:
        file: the file.
        head: its first bytes, decompressed.
        sep: the separator; None to find out.
        encoding: of the text.
        decimal: the decimal mark, ``"."`` or ``","``.

    Raises:
        DataError: it is not text in this encoding, or has no rows.
        ConfigError: the encoding is not known to Python.
    """

    unit = "line"
    is_text = True

    def __init__(
        self, file: File, head: bytes, *, sep: str | None, encoding: str, decimal: str
    ) -> None:
        self.file = file
        self.name, self.stem = file.name, file.stem
        self.others = file.others
        self.decimal = decimal
        self.encoding = _checked(encoding)
        _refuse_binary(file, head, encoding)
        text = head.decode(self.encoding, errors="replace")
        if len(head) >= 1 << 18:
            text = text[: text.rfind("\n") + 1] or text
        self.sep = _found_separator(text, file.suffix) if sep is None else sep
        if not text.strip("\ufeff \t\r\n"):
            raise DataError(f"{file.name} holds only blank lines: it has no header and no rows")
        _, last, first = next(_rows(io.StringIO(text, newline=""), self.sep))
        self._find_columns(last, first)

    def _find_columns(self, lines: int, first: list[str]) -> None:
        spoken = _SPOKEN.get(self.sep, self.sep)
        known = _KNOWN_FILES.get(
            ((self.file.member or self.file.path.name).split("/")[-1], len(first))
        )
        self._skip = 0
        self.named = True
        if not any(_NUMBER.fullmatch(cell) for cell in first) or _looks_named(first):
            self._skip = lines
            self.columns = tuple(cell.strip() for cell in first)
            said = f"the names in line {lines}"
        elif known is not None:
            self.columns = known
            said = "no header; the columns MovieLens documents for this file"
        else:
            self.named = False
            self.columns = tuple(f"column {position}" for position in range(len(first)))
            said = f"no header, as line {lines} holds numbers"
        self.notes = (f"read {self.name} as text separated by {spoken}, with {said}",)

    def read(self, kinds: Mapping[int, str]) -> pa.Table:  # noqa: D102
        types = {str(p): _ARROW_TYPES[kind] for p, kind in kinds.items() if kind != "time"}
        # Arrow can infer the type of times too, but then keeps the whole text in memory.
        whole = [str(p) for p, kind in kinds.items() if kind == "time" and self._is_whole(p)]
        try:
            return self._read(kinds, types | dict.fromkeys(whole, pa.int64()))
        except CannotRead as error:
            # A time further down may be written otherwise, and still be one.
            if not any(f"column #{position}:" in str(error) for position in whole):
                raise
            return self._read(kinds, types)

    def _is_whole(self, position: int) -> bool:
        cells = [row[position] for row in self.sample() if len(row) > position]
        return bool(cells) and all(_WHOLE.fullmatch(cell) for cell in cells)

    def _read(self, kinds: Mapping[int, str], types: Mapping[str, pa.DataType]) -> pa.Table:
        options = self._options(kinds, types)
        try:
            with self._translated() as stream:
                return pyarrow.csv.read_csv(stream, *options)
        except pa.ArrowInvalid as error:
            # Nothing below the header, which itself may lack the end of its line.
            if "Empty CSV" in str(error) or "Could not skip" in str(error):
                return pa.table({str(p): pa.nulls(0, pa.string()) for p in kinds})
            if "UTF8" in str(error) and self.encoding.startswith("utf-8"):
                raise not_utf8(
                    self.file,
                    'pass its encoding, such as encoding="latin-1" if it is Western European',
                ) from error
            raise CannotRead(str(error), self._right_rows(options)) from error
        except UnicodeError as error:
            raise self._wrong_encoding(error) from error

    def _right_rows(self, options: tuple[Any, ...]) -> int:
        # Rows in the blocks before the one that cannot be read.
        count = 0
        with suppress(pa.ArrowInvalid), self._translated() as stream:
            for batch in pyarrow.csv.open_csv(stream, *options):
                count += batch.num_rows
        return count

    @contextmanager
    def _translated(self) -> Iterator[IO[bytes] | Translated]:
        with self.file.open() as stream:
            if is_utf8(self.encoding) and self._stand_in is None:
                yield stream
            else:
                yield Translated(stream, self.encoding, self._stand_in)

    @property
    def _stand_in(self) -> tuple[str, str] | None:
        return (self.sep, _STAND_IN) if len(self.sep.encode()) > 1 else None

    def _options(
        self, kinds: Mapping[int, str], types: Mapping[str, pa.DataType]
    ) -> tuple[Any, ...]:
        names = [str(position) for position in range(len(self.columns))]
        return (
            pyarrow.csv.ReadOptions(column_names=names, skip_rows=self._skip, block_size=1 << 20),
            pyarrow.csv.ParseOptions(
                delimiter=_STAND_IN if self._stand_in else self.sep,
                quote_char=False if self._stand_in else '"',
                newlines_in_values=not self._stand_in,
            ),
            pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=[str(position) for position in kinds],
                null_values=[""],
                strings_can_be_null="text" in kinds.values(),
                decimal_point=self.decimal,
            ),
        )

    def _wrong_encoding(self, error: UnicodeError) -> DataError:
        return DataError(f"{self.name} is not in the encoding {self.encoding!r}: {error}")

    def records(self) -> Iterator[tuple[int, list[Any]]]:  # noqa: D102
        # Bytes that are not UTF-8 pass through here: the fast read has refused them already,
        # unless they stand in columns nobody asked for.
        wrong = "surrogateescape" if self.encoding.startswith("utf-8") else "strict"
        begin = 1
        with self.file.open() as stream:
            buffered = io.BufferedReader(_Readable(stream), 1 << 20)
            text = io.TextIOWrapper(buffered, self.encoding, errors=wrong, newline="")
            try:
                for begin, last, row in _rows(text, self.sep):
                    if last > self._skip:
                        yield begin, row
            except UnicodeError as error:
                raise self._wrong_encoding(error) from error
            except csv.Error as error:
                raise DataError(
                    f"{self.name}, after line {begin}: cannot be cut into columns ({error}): a "
                    "quote is probably not closed"
                ) from error


# Ids as dictionaries: each distinct id is kept once, exactly as it is written.
_ARROW_TYPES = {
    "id": pa.dictionary(pa.int32(), pa.string()),
    "number": pa.float32(),
    "text": pa.string(),
}


class _Readable(io.RawIOBase):
    # What a buffered reader needs of a stream; Arrow's and zip's streams lack parts of it.
    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._stream.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _rows(text: Any, sep: str) -> Iterator[tuple[int, int, list[str]]]:
    # First and last line and cells of each row that is not blank.
    if len(sep.encode()) > 1:
        for number, line in enumerate(text, start=1):
            if line := line.rstrip("\r\n"):
                yield number, number, line.split(sep)
        return
    reader = csv.reader(text, delimiter=sep)
    before = 0
    for row in reader:
        if row:
            yield before + 1, reader.line_num, row
        before = reader.line_num


def _found_separator(text: str, suffix: str) -> str:
    best: tuple[Any, ...] = ()
    chosen = _OF_SUFFIX.get(suffix, ",")
    for rank, sep in enumerate(_SEPARATORS):
        try:
            widths = [len(row) for row, _ in zip(_cells(text, sep), range(SAMPLE), strict=False)]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        share = Counter(widths)[widths[0]] / len(widths)
        hinted = _OF_SUFFIX.get(suffix) == sep and widths[0] > 2
        score = (share > 0.5, hinted, sep != " ", share, widths[0], -rank)
        if score > best:
            best, chosen = score, sep
    return chosen


def _cells(text: str, sep: str) -> Iterator[list[str]]:
    for _, _, row in _rows(io.StringIO(text, newline=""), sep):
        yield row


def _looks_named(first: list[str]) -> bool:
    from tastemap.data.reading.columns import known_roles

    return len(known_roles(first)) > 1


def _checked(encoding: str) -> str:
    try:
        "".encode(encoding)  # also refuses what encodes no text, such as base64
        name = codecs.lookup(encoding).name
    except LookupError:
        raise ConfigError(
            f"encoding={encoding!r} is not known to Python: use one such as utf-8, latin-1, cp1252"
        ) from None
    return "utf-8-sig" if name == "utf-8" else name


def _refuse_binary(file: File, head: bytes, encoding: str) -> None:
    if encoding.lower().replace("_", "-").startswith("utf-16"):
        return
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f'{file.name} is not UTF-8 but UTF-16: pass encoding="utf-16"')
    if head.lstrip()[:1] == b"<":
        raise DataError(
            f"{file.name} is a web page or XML, not a table: download the file it links to"
        )
    if b"\0" in head[:4096] and not encoding.lower().startswith("utf-32"):
        at = head.index(b"\0")
        raise DataError(
            f"{file.name} is not text: byte 0x00 at offset {at}; give CSV, TSV, Parquet or "
            "JSON lines"
        )
