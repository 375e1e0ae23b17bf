"""Finding out what a table to read is: a frame, a database, Parquet, JSON lines or text."""

from __future__ import annotations

import codecs
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tastemap.data.reading.databases import is_address, kind_of_file
from tastemap.data.reading.delimited import Delimited
from tastemap.data.reading.files import find_file
from tastemap.data.reading.formats import Frame, JsonLines, ParquetFile, Source
from tastemap.data.reading.sql import open_table
from tastemap.errors import ConfigError, DataError

_FAR = ("http://", "https://", "s3://", "gs://")


def open_source(
    source: object,
    *,
    wanted: Sequence[str],
    sep: str | None,
    encoding: str,
    decimal: str,
    query: str | None = None,
    table: str | None = None,
) -> Source:
    """Find out what ``source`` is, and open it.

    Args:
        source: a path, the address of a database, or an object with the Arrow stream interface.
        wanted: stems of the member to take from a zip of several files, or names of the table to
            take from a database.
        sep: what stands between columns of text; None to find out.
        encoding: of delimited text.
        decimal: the decimal mark of delimited text, ``"."`` or ``","``.
        query: what to ask a database.
        table: which table of a database.

    Raises:
        DataError: it cannot be opened, or is nothing that is read.
        ConfigError: there is a query or a table, and the source is no address of a database.
    """
    if isinstance(source, str) and is_address(source) and not source.startswith(_FAR):
        return open_table(source, wanted=wanted, query=query, table=table)
    if query is not None or table is not None:
        raise ConfigError(
            "query= and table= are for databases: give an address, such as sqlite:///shop.db"
        )
    if isinstance(source, str | os.PathLike):
        return _open_path(source, wanted, sep, encoding, decimal)
    kind = type(source).__name__
    module = type(source).__module__.split(".")[0]
    name = f"the {module} {kind}" if module not in ("builtins", "__main__") else f"the {kind}"
    if not hasattr(source, "__arrow_c_stream__"):
        hint = ": call .collect() first" if kind == "LazyFrame" else ""
        raise DataError(
            f"{name} is neither a path nor a table with the Arrow stream interface "
            f"(pandas, polars, pyarrow, duckdb){hint}"
        )
    try:
        return Frame(pa.table(source), name)
    except (pa.ArrowException, TypeError, ValueError) as error:
        where = _mixed(source) or "; ".join(map(str, error.args))
        raise DataError(
            f"{name} cannot be turned into an Arrow table: {where}; give each column one kind of "
            "value"
        ) from error


def _mixed(frame: Any) -> str:
    # Where a frame of Python objects first changes from one kind of value to another.
    for name in getattr(frame, "columns", ()):
        first = None
        for row, value in enumerate(frame[name]):
            if value is None or value != value:
                continue
            first = first or type(value)
            if (first is str) != isinstance(value, str):
                return (
                    f"column {name!r}, row {row} (the first is 0) holds {value!r}, of another "
                    f"kind than the {first.__name__} before"
                )
    return ""


def _open_path(
    source: str | os.PathLike[str],
    wanted: Sequence[str],
    sep: str | None,
    encoding: str,
    decimal: str,
) -> Source:
    text = os.fspath(source)
    if text.startswith(_FAR):
        raise DataError(f"{text} is an address: download the file first and give its path")
    file = find_file(Path(text), wanted)
    head = file.head()
    if not head:
        raise DataError(f"{file.name} is empty: it has no header and no rows")
    if kind := kind_of_file(head):
        place = text if file.packing == "plain" else "FILE, after unpacking it"
        raise DataError(
            f"{file.name} is a database: give its address, {kind}:///{place}, "
            "and a query= or table="
        )
    if head.startswith(b"PAR1"):
        return ParquetFile(file)
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if file.suffix in (".jsonl", ".ndjson", ".json") or start == b"{":
        if start == b"[":
            raise DataError(
                f"{file.name} holds one JSON array: write one object a line (JSON lines) instead"
            )
        return JsonLines(file)
    return Delimited(file, head, sep=sep, encoding=encoding, decimal=decimal)
