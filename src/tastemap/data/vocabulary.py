"""The two-way table between raw ids and contiguous codes."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tastemap.arrays import Codes, Int64s, frozen
from tastemap.errors import DataError, UnknownIdError, UnknownItemError, UnknownUserError

UNKNOWN = -1
_MANY = 20_000
_ERRORS: dict[str, type[UnknownIdError]] = {"user": UnknownUserError, "item": UnknownItemError}


class Vocabulary:
    """Raw ids and their codes, in order of first appearance.

    Args:
        ids: distinct ids, all integers or all strings, code 0 first.
        noun: ``"user"`` or ``"item"``: what error messages call an entry.

    Raises:
        DataError: an id occurs twice, is missing, or is neither integer nor string.
    """

    def __init__(self, ids: pa.Array | Sequence[Any], noun: str) -> None:
        array = ids if isinstance(ids, pa.Array) else pa.array(ids)
        if pa.types.is_integer(array.type):
            array = array.cast(pa.int64())
        elif pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            array = array.cast(pa.large_string())
        elif len(array) == 0:
            array = array.cast(pa.int64())
        else:
            raise DataError(f"{noun} ids must be integers or strings, not {array.type}")
        if array.null_count:
            raise DataError(f"{noun} ids must not be missing")
        if len(pc.unique(array)) != len(array):
            counts = pc.value_counts(array).to_pylist()
            twice = next(entry["values"] for entry in counts if entry["counts"] > 1)
            raise DataError(f"{noun} id {twice!r} occurs twice in the vocabulary")
        self.ids: pa.Array = array
        self.noun = noun

    @staticmethod
    def encode(column: pa.Array | pa.ChunkedArray, noun: str) -> tuple[Vocabulary, Codes]:
        """Make the vocabulary of a column of ids, and the column's codes.

        Args:
            column: one id a rating, shape (n_ratings,), without missing values.
            noun: ``"user"`` or ``"item"``.
        """
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        encoded = column.dictionary_encode()
        codes = frozen(encoded.indices.to_numpy(zero_copy_only=False), np.int32)
        return Vocabulary(encoded.dictionary, noun), codes

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self is other or (self.noun == other.noun and self.ids.equals(other.ids))

    __hash__ = None  # type: ignore[assignment]  # compared by content, so not a key

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self):,} {self.noun}s>"

    @cached_property
    def holds_integers(self) -> bool:
        """Whether the raw ids are integers (otherwise strings)."""
        return bool(pa.types.is_integer(self.ids.type))

    @cached_property
    def raw_ids(self) -> list[Any]:
        """The raw ids by code; not to be changed."""
        raws: list[Any] = self.ids.to_pylist()
        return raws

    @cached_property
    def _code_of(self) -> dict[Any, int]:
        return {raw: code for code, raw in enumerate(self.raw_ids)}

    def __contains__(self, raw: object) -> bool:
        return self.find(raw) != UNKNOWN

    def find(self, raw: object) -> int:
        """The code of one raw id, or `UNKNOWN` (-1)."""
        if type(raw) is int or type(raw) is str:  # most often
            return self._code_of.get(raw, UNKNOWN)
        if isinstance(raw, np.generic):
            raw = raw.item()
        if isinstance(raw, bool) or not isinstance(raw, int | str):
            return UNKNOWN
        return self._code_of.get(raw, UNKNOWN)

    def code(self, raw: object) -> int:
        """The code of one raw id.

        Raises:
            UnknownUserError, UnknownItemError: the id does not occur; the message names near ones.
        """
        code = self.find(raw)
        if code == UNKNOWN:
            raise self.unknown(raw)
        return code

    def code_or_unknown(self, raw: object) -> int:
        """The code of one raw id, or `UNKNOWN` (-1) where it may be a newcomer's.

        Raises:
            UnknownUserError, UnknownItemError: the id is of another type than all ids: a slip.
        """
        return self.find(raw) if self.is_of_type(raw) else self.code(raw)

    def is_of_type(self, raw: object) -> bool:
        """Whether a raw id is of the type that all ids here have."""
        if isinstance(raw, bool):
            return False
        return isinstance(raw, int | np.integer) if self.holds_integers else isinstance(raw, str)

    def codes(self, raws: Iterable[object]) -> Codes:
        """Codes of many raw ids, shape (n,); `UNKNOWN` (-1) where an id does not occur."""
        return frozen([self.find(raw) for raw in raws], np.int32)

    def raw(self, code: int) -> int | str:
        """The raw id of one code."""
        value: int | str = self.raw_ids[int(code)]
        return value

    def raws(self, codes: Codes | Int64s | Sequence[int]) -> list[int | str]:
        """The raw ids of many codes."""
        chosen = codes.tolist() if isinstance(codes, np.ndarray) else [int(one) for one in codes]
        if chosen and min(chosen) < 0:
            raise IndexError(f"{min(chosen)} is no code of a {self.noun}")
        return [self.raw_ids[code] for code in chosen]

    def parse(self, text: str) -> int | str:
        """Turn an id typed as text (a command line, an address) into one of this vocabulary's kind.

        Text that is no integer stays text, and will then be unknown where ids are integers.
        """
        if self.holds_integers:
            try:
                return int(text)
            except ValueError:
                return text
        return text

    @cached_property
    def raw_order(self) -> Int64s:
        """Rank of each code when raw ids are sorted, shape (n,): settles ties by the smaller id."""
        ranks = np.empty(len(self), np.int64)
        # Not by to_numpy, which loads pandas where that is installed.
        ranks[np.from_dlpack(pc.array_sort_indices(self.ids))] = np.arange(len(self))
        return frozen(ranks, np.int64)

    def digest(self) -> str:
        """SHA-256 of the ids in order: part of a data set's fingerprint."""
        sums = hashlib.sha256(f"{self.noun}:{self.ids.type}:".encode())
        if self.holds_integers:
            sums.update(self.ids.to_numpy().astype("<i8").tobytes())
        else:
            for raw in self.ids.to_pylist():
                sums.update(raw.encode() + b"\0")
        return sums.hexdigest()

    def unknown(self, raw: object, titles: Sequence[str] = ()) -> UnknownIdError:
        """The error for an id that does not occur, with the nearest known ids or titles."""
        known = f"there are {len(self):,} {self.noun}s"
        if self.holds_integers and isinstance(raw, str) and not titles:
            hint = f"{self.noun} ids are integers here, such as {self.raw(0)}" if len(self) else ""
        elif not self.holds_integers and isinstance(raw, int):
            text = str(raw)
            hint = f"{self.noun} ids are strings here"
            hint += f": did you mean {text!r}?" if text in self else ""
        elif self.holds_integers and not titles:
            some = ", ".join(map(str, self.ids[:3].to_pylist()))
            hint = f"ids are such as {some}" if some else ""
        else:
            choices = list(titles) or [str(entry) for entry in self.ids.to_pylist()]
            near = nearest(str(raw), choices)
            hint = "did you mean " + ", ".join(repr(name) for name in near) + "?" if near else ""
        kind = self.noun if not titles else f"{self.noun} id or title"
        message = f"unknown {kind} {raw!r}: {known}" + (f"; {hint}" if hint else "")
        return _ERRORS[self.noun](message)


def nearest(text: str, choices: Sequence[str], n: int = 3) -> list[str]:
    """The ``n`` choices most like ``text``: those that contain it first, then by spelling.

    Of more than 20,000 choices, only those that begin alike are compared by spelling, so that
    the answer comes at once.
    """
    wanted = text.casefold()
    containing = [choice for choice in choices if wanted and wanted in choice.casefold()]
    near = sorted(containing, key=len)[:n]
    if len(near) < n:
        folded = {choice.casefold(): choice for choice in choices}
        if len(folded) > _MANY:
            folded = {one: choice for one, choice in folded.items() if one[:1] == wanted[:1]}
        for match in difflib.get_close_matches(wanted, list(folded), n=n, cutoff=0.6):
            if folded[match] not in near:
                near.append(folded[match])
    return near[:n]
