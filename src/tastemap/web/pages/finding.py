"""Titles that hold all words of a search, whatever their accents, capitals and order."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tastemap.arrays import Int64s, Mask


def folded(text: str) -> str:
    """Text without accents and capitals."""
    parts = unicodedata.normalize("NFD", text)
    return "".join(one for one in parts if not unicodedata.combining(one)).casefold()


def prepared(titles: Iterable[str]) -> pa.Array:
    """Titles as `find` wants them."""
    return pa.array(map(folded, titles), pa.large_string())


def find(titles: pa.Array, counts: Int64s, text: str, n: int) -> tuple[list[int], int]:
    """Positions of titles that hold every word: best first, and how many in all.

    Best are titles that begin with the text, then those with a word that begins with its first
    word, then all others; the most rated first in each.

    Args:
        titles: as `prepared` made them, by item code.
        counts: ratings of each, shape (n_items,).
        text: what is looked for.
        n: how many positions.
    """
    query, words = folded(text).strip(), folded(text).split()
    if not words:
        return [], 0
    codes = np.arange(len(titles))
    for word in words:
        kept = _mask(pc.match_substring(titles, word))
        titles, codes = titles.filter(pa.array(kept)), codes[kept]
    begins = _mask(pc.starts_with(titles, words[0])) | _mask(
        pc.match_substring(titles, f" {words[0]}")
    )
    tier = 2 - begins.astype(np.int64) - _mask(pc.starts_with(titles, query))
    best = np.lexsort((codes, -counts[codes], tier))[:n]
    return codes[best].tolist(), len(codes)


def _mask(found: pa.Array) -> Mask:
    mask: Mask = found.to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask
