"""Tables to read from: frames, Parquet and JSON lines (delimited text is in `delimited`)."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from tastemap.data.reading.files import File, first_bad_byte
from tastemap.errors import DataError

SAMPLE = 50
"""Rows looked at before reading: to find the separator, the header and the column of times."""


class CannotRead(Exception):
    """A fast read failed; a second, slow one finds the line and the value.

    Args:
        message: what is wrong.
        row: how many rows before the wrong one are known to be right.
    """

    def __init__(self, message: str, row: int = 0) -> None:
        super().__init__(message)
        self.row = row


class Source(ABC):
    """A table that can be read fast as a whole, or row by row to find what is wrong.

    Attributes:
        name: what messages call it.
        stem: the name without endings.
        columns: names by position; ``column 0`` and so on where it has none.
        named: whether the names are its own.
        unit: ``"line"`` (the first is 1) or ``"row"`` (the first is 0): what rows are counted in.
        is_text: whether every value is text in the file, so that its kind has to be found.
        decimal: the decimal mark of text.
        others: further files in the zip it comes from.
        notes: what was guessed about the format.
    """

    name: str
    stem: str
    columns: tuple[str, ...]
    named: bool = True
    unit: str = "row"
    is_text: bool = False
    decimal: str = "."
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @abstractmethod
    def read(self, kinds: Mapping[int, str]) -> pa.Table:
        """Read some columns.

        Args:
            kinds: position -> ``"id"``, ``"number"``, ``"time"`` or ``"text"``: how text is parsed.

        Returns:
            One column a position, in the order of ``kinds``, named by position.

        Raises:
            CannotRead: some row is not as it should be.
        """

    @abstractmethod
    def records(self) -> Iterator[tuple[int, list[Any]]]:
        """Line (or row) number and values of each row, in order. May give too many or few values.

        Raises:
            DataError: the text cannot be cut into rows here.
        """

    def sample(self) -> list[list[Any]]:
        """Values of the first rows."""
        rows = []
        for _, values in self.records():
            rows.append(values)
            if len(rows) == SAMPLE:
                break
        return rows

    def where(self, number: int) -> str:
        """How messages point at one row."""
        first = " (the first is 0)" if self.unit == "row" else ""
        return f"{self.name}, {self.unit} {number}{first}"

    def lines_of(self, rows: Sequence[int]) -> list[int]:
        """Line (or row) numbers of rows counted from 0; ``rows`` must rise."""
        wanted: list[int] = list(rows)
        found: list[int] = []
        for row, (number, _) in enumerate(self.records()):
            if len(found) < len(wanted) and row == wanted[len(found)]:
                found.append(number)
            if len(found) == len(wanted):
                break
        return found


class Frame(Source):
    """A table in memory.

    Args:
        table: the columns.
        name: what messages call it.
    """

    def __init__(self, table: pa.Table, name: str) -> None:
        self.table = table
        self.name = self.stem = name
        self.columns = tuple(table.column_names)

    def read(self, kinds: Mapping[int, str]) -> pa.Table:  # noqa: D102
        arrays = [self.table.column(position) for position in kinds]
        return pa.table(arrays, names=[str(position) for position in kinds])

    def records(self) -> Iterator[tuple[int, list[Any]]]:  # noqa: D102
        row = 0
        for batch in self.table.to_batches(max_chunksize=1 << 16):
            columns = [column.to_pylist() for column in batch.columns]
            for values in zip(*columns, strict=True):
                yield row, list(values)
                row += 1


class ParquetFile(Source):
    """A Parquet file; only the columns asked for are read."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.name, self.stem = file.name, file.stem
        with self._opened() as parquet:
            self.columns = tuple(parquet.schema_arrow.names)
        self.notes = (f"read {file.name} as Parquet",)

    def _opened(self) -> pq.ParquetFile:
        try:
            if self.file.packing == "plain":
                return pq.ParquetFile(self.file.path)
            with self.file.open() as stream:
                return pq.ParquetFile(pa.BufferReader(stream.read()))
        except (pa.ArrowInvalid, OSError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"{self.name} is a damaged or cut Parquet file ({error}): write or download it again"
        )

    def read(self, kinds: Mapping[int, str]) -> pa.Table:  # noqa: D102
        names = [self.columns[position] for position in kinds]
        twice = next((name for name in names if self.columns.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"{self.name} has two columns {twice!r}: rename one")
        try:
            with self._opened() as parquet:
                table = parquet.read(columns=names, use_threads=self.file.packing == "plain")
        except (pa.ArrowInvalid, OSError) as error:
            raise self._damaged(error) from error
        return table.select(names).rename_columns([str(position) for position in kinds])

    def records(self) -> Iterator[tuple[int, list[Any]]]:  # noqa: D102
        row = 0
        with self._opened() as parquet:
            for batch in parquet.iter_batches(batch_size=1 << 16):
                columns = [column.to_pylist() for column in batch.columns]
                for values in zip(*columns, strict=True):
                    yield row, list(values)
                    row += 1


class JsonLines(Source):
    """One JSON object a line; the keys are the columns."""

    unit = "line"

    def __init__(self, file: File) -> None:
        self.file = file
        self.name, self.stem = file.name, file.stem
        keys: dict[str, type] = {}
        for count, (_, entry) in enumerate(self._objects()):
            for key, value in entry.items():
                if value is not None and not isinstance(value, list | dict):
                    keys.setdefault(key, type(value))
                else:
                    keys.setdefault(key, type(None))
                if keys[key] is type(None) and value is not None:
                    keys[key] = type(value)
            if count == SAMPLE:
                break
        if not keys:
            raise DataError(f"{file.name} holds no objects: there is nothing to read")
        self.columns = tuple(keys)
        self._types = tuple(keys.values())
        self.notes = (f"read {file.name} as JSON lines",)

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        with self.file.open() as stream:
            for number, raw in enumerate(_lines(stream), start=1):
                if not raw.strip():
                    continue
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                    entry = json.loads(text)
                except UnicodeDecodeError:
                    raise not_utf8(self.file, "JSON must be, so convert the file") from None
                except ValueError as error:
                    raise DataError(
                        f"{self.where(number)}: {_short(text)} is not JSON ({error}): "
                        "each line must be one object"
                    ) from None
                if not isinstance(entry, dict):
                    raise DataError(
                        f"{self.where(number)}: {_short(text)} is not an object: write one object "
                        'a line, such as {"user": 1, "item": 2, "rating": 3.5}'
                    )
                yield number, entry

    def read(self, kinds: Mapping[int, str]) -> pa.Table:  # noqa: D102
        names = [self.columns[position] for position in kinds]
        fields = [
            pa.field(self.columns[position], self._arrow_type(position, kind))
            for position, kind in kinds.items()
            if self._arrow_type(position, kind) is not None
        ]
        options = pyarrow.json.ParseOptions(
            explicit_schema=pa.schema(fields),
            # Columns of items keep whatever kind they have.
            unexpected_field_behavior="infer" if "text" in kinds.values() else "ignore",
        )
        try:
            with self.file.open() as stream:
                table = pyarrow.json.read_json(
                    stream, pyarrow.json.ReadOptions(block_size=1 << 24), options
                )
        except pa.ArrowInvalid as error:
            raise CannotRead(str(error)) from error
        try:
            table.validate(full=True)
        except pa.ArrowInvalid:
            raise not_utf8(self.file, "JSON must be, so convert the file") from None
        missing = [name for name in names if name not in table.column_names]
        for name in missing:
            table = table.append_column(name, pa.nulls(table.num_rows))
        return table.select(names).rename_columns([str(position) for position in kinds])

    def _arrow_type(self, position: int, kind: str) -> pa.DataType | None:
        seen = self._types[position]
        if kind == "text":
            return None
        if seen is str:
            return pa.string()
        return pa.int64() if kind == "id" and seen is int else pa.float64()

    def records(self) -> Iterator[tuple[int, list[Any]]]:  # noqa: D102
        for number, entry in self._objects():
            yield number, [entry.get(name) for name in self.columns]


def _lines(stream: Any) -> Iterator[bytes]:
    # Arrow's streams do not iterate by line.
    rest = b""
    while block := bytes(stream.read(1 << 20)):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _short(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 60 else text[:57] + "...")


def not_utf8(file: File, advice: str) -> DataError:
    """The error for a file that is not UTF-8: where, and what to do."""
    found = first_bad_byte(file)
    if found is None:
        return DataError(f"{file.name} holds text that is not UTF-8: {advice}")
    offset, line, byte = found
    return DataError(
        f"{file.name}, line {line}: byte 0x{byte:02x} at offset {offset:,} is not UTF-8: {advice}"
    )
