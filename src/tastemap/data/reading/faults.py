"""Where a bad value stands: the slow pass, row by row, after a fast read has failed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import Any

import numpy as np

from tastemap.data.reading.formats import Source
from tastemap.errors import DataError

_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LARGEST = float(np.finfo(np.float32).max)


def first_fault(source: Source, positions: Mapping[str, int], right: int = 0) -> DataError | None:
    """Go through the rows one by one until one is not as it should be.

    Args:
        source: the table.
        positions: role -> position, as read.
        right: how many rows at the beginning are known to be right, and need no look.

    Returns:
        The error that names line and value and says what to do; None if every row is fine.
    """
    first_times: list[str] = []
    ids = [(role, positions[role]) for role in ("user", "item") if role in positions]
    kinds: dict[str, bool] = {}
    records = source.records()
    # The first row is looked at in any case: it shows of which kind ids and times are.
    for number, values in chain(islice(records, 1), islice(records, max(right - 1, 0), None)):
        if source.is_text and len(values) != len(source.columns):
            return _uneven(source, number, values)
        for role, position in ids:
            if problem := _id_problem(values[position], role, source, kinds):
                return DataError(f"{source.where(number)}: {problem}")
        for role in ("rating", "weight"):
            if role in positions:
                value = values[positions[role]]
                if problem := _number_problem(value, role, source):
                    return DataError(f"{source.where(number)}: {problem}")
        if "time" in positions and (
            problem := _time_problem(values[positions["time"]], first_times)
        ):
            return DataError(f"{source.where(number)}: {problem}")
    return None


def _uneven(source: Source, number: int, values: Sequence[str]) -> DataError:
    why = "a separator is missing or one too many"
    if any("\n" in value for value in values):
        why = "a quote is probably not closed"
    return DataError(
        f"{source.where(number)}: {len(values)} columns instead of {len(source.columns)} "
        f"({_cell(getattr(source, 'sep', ',').join(values))}): {why}; correct or remove the line"
    )


def _id_problem(value: Any, noun: str, source: Source, kinds: dict[str, bool]) -> str | None:
    if value is None or value == "" or (isinstance(value, str) and not value.strip()):
        return f"the {noun} id is empty: fill it in, or remove the {source.unit}"
    if isinstance(value, float | Decimal) and not (math.isfinite(value) and value % 1 == 0):
        what = "missing" if math.isnan(value) else f"{value}, not a whole number"
        return f"the {noun} id is {what}: use integers or text as ids"
    if isinstance(value, str) and any("\udc80" <= char <= "\udcff" for char in value):
        return f"the {noun} id {value!r} is not UTF-8: pass encoding="
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return f"the {noun} id is {_cell(value)}: ids must be integers or text"
    text = isinstance(value, str)
    if kinds.setdefault(noun, text) != text:
        return f"the {noun} id is {_cell(value)}: ids must be all integers or all text"
    if not isinstance(value, str) and abs(int(value)) >= 2**63:
        return f"the {noun} id {value} is too large for 64 bits: write the ids as text"
    return None


def _number_problem(value: Any, what: str, source: Source) -> str | None:
    mend = f"correct it, or remove the {source.unit}"
    if value is None or (isinstance(value, str) and not value.strip()):
        return f"the {what} is empty: {mend}"
    number = as_number(value, source.decimal)
    if number is None:
        if isinstance(value, str) and source.decimal == "." and as_number(value, ",") is not None:
            return f'the {what} {value!r} has a decimal comma: pass decimal=","'
        shown = value if isinstance(value, bool) else _cell(value)
        return f"the {what} is {shown}, which is not a number: {mend}"
    if math.isnan(number):
        return f"the {what} is {_cell(value)}, not a number: {mend}"
    if abs(number) > _LARGEST:
        return f"the {what} is {_cell(value)}, which is not finite: {mend}"
    if what == "weight" and not np.float32(number) > 0:
        return f"the weight is {_cell(value)}: weights must be positive"
    return None


def as_number(value: Any, decimal: str) -> float | None:
    """The number a cell holds, read as strictly as by the fast pass; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    text = str(value).strip()
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return float(text)
    if decimal != ".":
        text = text.replace(".", "x").replace(decimal, ".")
    return float(text) if _DECIMAL.fullmatch(text) else None


def _time_problem(value: Any, first: list[str]) -> str | None:
    mend = "give seconds since 1970 or a date such as 2015-03-09 or 2015-03-09T14:30:00, "
    mend += "or pass time=False to read without times"
    if value is None or (isinstance(value, str) and not value.strip()):
        return f"the time is empty: {mend}"
    number = None if isinstance(value, date) else as_number(value, ".")
    kind = "a date" if is_date(value) else "a number"
    if number is None and kind == "a number":
        return f"the time is {_cell(value)}, which cannot be read: {mend}"
    if number is not None and not abs(number) < 2**63:
        return f"the time is {_cell(value)}, which is out of range: {mend}"
    if isinstance(value, str) and kind == "a date":
        kind = "a date with a zone" if _parsed(value).tzinfo else "a date without a zone"
    if not first:
        first.append(kind)
    if kind != first[0]:
        return f"the time {_cell(value)} is {kind}, the times before are {first[0]}: make all alike"
    return None


def is_date(value: Any) -> bool:
    """Whether a cell is a date, or text that is one in ISO form."""
    if isinstance(value, date):
        return True
    if not isinstance(value, str) or _DECIMAL.fullmatch(value.strip()):
        return False
    try:
        _parsed(value)
    except ValueError:
        return False
    return True


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text.strip())


def _cell(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
