"""Titles that hold all words of a search, whatever their accents, capitals and order."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from tastemap.arrays import Int64s


def folded(text: str) -> str:
    """Text without accents and capitals."""
    parts = unicodedata.normalize("NFD", text)
    return "".join(one for one in parts if not unicodedata.combining(one)).casefold()


def find(titles: Sequence[str], counts: Int64s, text: str, n: int) -> tuple[list[int], int]:
    """Positions of titles, folded, that hold every word: best first, and how many in all.

    Best are titles that begin with the text, then those with a word that begins with its first
    word, then all others; the most rated first in each.
    """
    query, words = folded(text), folded(text).split()
    if not words:
        return [], 0
    found: list[tuple[int, int, int]] = []
    for code, one in enumerate(titles):
        if all(word in one for word in words):
            tier = 0 if one.startswith(query) else 1 if f" {words[0]}" in f" {one}" else 2
            found.append((tier, -int(counts[code]), code))
    found.sort()
    return [code for _, _, code in found[:n]], len(found)
