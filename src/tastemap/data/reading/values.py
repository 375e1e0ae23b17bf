"""Columns of any kind as codes, ratings and times, all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tastemap.arrays import Codes, Int64s, Values, frozen
from tastemap.data.reading.formats import CannotRead
from tastemap.data.vocabulary import Vocabulary

INTEGER = r"^(0|-?[1-9][0-9]{0,18})$"
"""Text that is an integer and nothing but: 007, +7 and 7.0 are not."""


def encode_ids(
    column: pa.ChunkedArray, noun: str, is_text: bool
) -> tuple[Vocabulary, Codes, list[str]]:
    """Ids to codes, in order of first appearance.

    Args:
        column: one id a row.
        noun: ``"user"`` or ``"item"``.
        is_text: every id is text in a file: all plain integers become integers, and blanks
            around ids go.

    Returns:
        The vocabulary, the code of each row, and what was done.

    Raises:
        CannotRead: an id is missing, empty, a fraction, or of another kind.
    """
    notes = []
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        notes.append(f"{noun} ids are of type {column.type}: turned into integers")
    column = _id_kind(column, noun)
    _check_none_missing(column, f"{noun} ids")
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    encoded = pa.concat_arrays(column.unify_dictionaries().chunks) if column.num_chunks else None
    if encoded is None:
        return Vocabulary([], noun), frozen([], np.int32), []
    ids, indices = encoded.dictionary, encoded.indices
    if is_text:
        trimmed = pc.utf8_trim_whitespace(ids)
        padded = pc.sum(pc.not_equal(trimmed, ids)).as_py() or 0
        if padded:
            again = trimmed.dictionary_encode()
            notes.append(_said_trimmed(padded, len(ids) - len(again.dictionary), noun))
            ids, indices = again.dictionary, again.indices.take(indices)
        if pc.all(pc.match_substring_regex(ids, INTEGER)).as_py():
            try:
                ids = ids.cast(pa.int64())
            except pa.ArrowInvalid:
                notes.append(f"{noun} ids are kept as text: some are too large for an integer")
    empty = -1 if pa.types.is_integer(ids.type) else pc.index(ids, "").as_py()
    if empty >= 0:
        raise CannotRead(f"{noun} ids must not be empty", pc.index(indices, empty).as_py())
    return Vocabulary(ids, noun), frozen(indices.to_numpy(zero_copy_only=False), np.int32), notes


def _check_none_missing(column: pa.ChunkedArray, what: str) -> None:
    if column.null_count:
        raise CannotRead(f"{what} must not be missing", pc.index(column.is_null(), True).as_py())


def _said_trimmed(padded: int, merged: int, noun: str) -> str:
    said = f"removed the blanks around {padded:,} {noun} id{'s' if padded > 1 else ''}"
    return said + (f", of which {merged:,} then equal another" if merged else "")


def _id_kind(column: pa.ChunkedArray, noun: str) -> pa.ChunkedArray:
    # The column as strings, integers or a dictionary of strings in order of appearance.
    kind = column.type
    if pa.types.is_dictionary(kind):
        if kind == pa.dictionary(pa.int32(), pa.string()) and _in_order(column):
            return column
        column = decoded(column)
        kind = column.type
    if pa.types.is_null(kind):
        if len(column):
            raise CannotRead(f"{noun} ids must not be missing")
        return column.cast(pa.int64())
    if pa.types.is_integer(kind):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise CannotRead(f"{noun} ids are too large for 64 bits ({error})") from error
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        _check_none_missing(column, f"{noun} ids")
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise CannotRead(f"{noun} ids must be whole numbers or text ({error})") from error
    if is_string(kind):
        return column.cast(pa.large_string())
    raise CannotRead(f"{noun} ids must be integers or text, not {kind}")


def _in_order(column: pa.ChunkedArray) -> bool:
    # Whether each chunk's dictionary lists exactly what occurs, by first appearance.
    for chunk in column.chunks:
        indices = chunk.indices.to_numpy(zero_copy_only=False)
        if len(indices) and (chunk.null_count or indices.dtype.kind != "i"):
            return False
        peaks = np.maximum.accumulate(indices) if len(indices) else indices
        steps = np.diff(peaks, prepend=-1)
        if len(steps) and (steps.max() > 1 or peaks[-1] + 1 != len(chunk.dictionary)):
            return False
        if not len(indices) and len(chunk.dictionary):
            return False
    return True


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A dictionary (categorical) column as the values it stands for."""
    kind = column.type.value_type
    # Arrow cannot take from views of strings, which polars uses.
    kind = pa.large_string() if is_string(kind) else kind
    chunks = [chunk.dictionary.cast(kind).take(chunk.indices) for chunk in column.chunks]
    return pa.chunked_array(chunks, kind)


def is_string(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def as_numbers(column: pa.ChunkedArray, what: str) -> tuple[Values, list[str]]:
    """Ratings or weights as float32, all finite; and what was done.

    Raises:
        CannotRead: a value is missing, no number, or not finite.
    """
    notes = []
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = decoded(column)
        kind = column.type
    _check_none_missing(column, f"{what}s")
    if is_string(kind):
        try:
            column = column.cast(pa.string()).cast(pa.float64())
        except pa.ArrowInvalid as error:
            raise CannotRead(str(error)) from error
        if len(column):
            notes.append(f"the {what} column is text: read as numbers")
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        if len(column):
            raise CannotRead(f"the {what} column holds values of type {kind}, not numbers")
        column = column.cast(pa.float32())
    if not pa.types.is_float32(column.type):
        column = column.cast(pa.float64(), safe=False)
    with np.errstate(over="ignore"):
        # A copy in any case: the memory may be a frame's that goes on changing.
        values = column.to_numpy().astype(np.float32)
    values.flags.writeable = False
    right = np.isfinite(values) if what == "rating" else np.isfinite(values) & (values > 0)
    if not right.all():
        wanted = "finite numbers" if what == "rating" else "positive numbers"
        raise CannotRead(f"{what}s must be {wanted}", int(right.argmin()))
    return values, notes


def as_times(column: pa.ChunkedArray) -> tuple[Int64s, list[str]]:
    """Times as whole seconds since 1970 UTC; and what was guessed.

    Raises:
        CannotRead: a time is missing or cannot be read.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = decoded(column)
        kind = column.type
    if not len(column):
        return frozen([], np.int64), []
    _check_none_missing(column, "times")
    if is_string(kind):
        column, kind = _parsed_dates(column)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        zone = getattr(kind, "tz", None)
        note = "times are dates, " + ("turned into UTC" if zone else "taken as UTC")
        micro = column.cast(pa.timestamp("us", tz=zone), safe=False).cast(pa.int64())
        return frozen(micro.to_numpy() // 1_000_000, np.int64), [note]
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise CannotRead(f"times cannot be of type {kind}")
    if not pa.types.is_integer(kind):
        column = column.cast(pa.float64())
    numbers = column.to_numpy()
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        raise CannotRead("a time is not finite")
    return _seconds(numbers)


def _seconds(numbers: Any) -> tuple[Int64s, list[str]]:
    # By size: today is 1.8e9 seconds, 1.8e12 milliseconds, 1.8e15 microseconds.
    largest = max(abs(float(numbers.max())), abs(float(numbers.min())))
    units = ((1e11, 1, "seconds"), (1e14, 10**3, "milliseconds"), (1e17, 10**6, "microseconds"))
    divisor, unit = next(((d, u) for end, d, u in units if largest < end), (10**9, "nanoseconds"))
    if largest >= 2**63:
        raise CannotRead("a time is too large")
    notes = [f"times are taken as {unit} since 1970, by their size"] if divisor > 1 else []
    if largest < 1e8:
        notes.append(
            f"times are small numbers, at most {largest:g}: taken as seconds since 1970, so only "
            "their order means something"
        )
    if numbers.dtype.kind == "f" and (numbers != np.floor(numbers)).any():
        notes.append("fractions of a second are cut off")
    seconds = (
        numbers if divisor == 1 and numbers.dtype.kind == "i" else numbers // divisor
    ).astype(np.int64)
    seconds.flags.writeable = False
    return seconds, notes


def _parsed_dates(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.DataType]:
    column = pc.utf8_trim_whitespace(column.cast(pa.string()))
    for kind in (pa.int64(), pa.timestamp("us"), pa.timestamp("us", tz="UTC"), pa.float64()):
        try:
            return column.cast(kind), kind
        except pa.ArrowInvalid:
            continue
    raise CannotRead("a time is neither a number nor an ISO date")
