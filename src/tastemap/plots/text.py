"""Titles as pictures can show them: on one line, not too long, in fonts that have the letters."""

from __future__ import annotations

import functools
import re

from tastemap.errors import require

FAMILY = "DejaVu Sans"
"""Comes with matplotlib, so that pictures are the same everywhere."""

_YEAR = re.compile(r"\s*\(\d{4}(?:[-–](?:\d{4})?)?\)$")
_ASIDE = re.compile(r"\s*\([^()]*\)")
_BETWEEN_WORDS = re.compile(r"(?<!\d)\s|\s(?!\d)")
"""Where a title may be cut: not within ``33 1/3``."""


def short(title: object, longest: int = 40) -> str:
    """A title on one line, printable, at most ``longest`` characters.

    A title that is too long loses what it has in parentheses, then its last words; the year stays.
    Words stay whole, so that episode IV does not become episode I; but the first one, if it has
    no room, is cut, though not within a number.
    """
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(str(title).split()))
    if len(text) <= longest:
        return text
    year = found.group() if (found := _YEAR.search(text)) else ""
    head = text.removesuffix(year)
    head = _ASIDE.sub("", head) or head
    room = longest - len(year)
    if len(head) > room:
        room -= 1  # for the ellipsis
        ends = [one.start() for one in _BETWEEN_WORDS.finditer(head) if one.start() <= room]
        cut = head[: ends[-1]] if ends else re.sub(r"(?<=\D)\d+$", "", head[:room])
        head = cut.rstrip(" ,.:;-(") + "…"
    return head + year


def fonts(text: str) -> list[str]:
    """Font families that together have the characters of a text, as far as any is installed."""
    return [FAMILY] if text.isascii() else [FAMILY, *_fallbacks(frozenset(text))]


@functools.lru_cache(maxsize=4096)
def _fallbacks(characters: frozenset[str]) -> tuple[str, ...]:
    manager = require("matplotlib.font_manager", "report")
    default = manager.get_font(manager.findfont(FAMILY))
    missing = {ord(one) for one in characters if not default.get_char_index(ord(one))}
    found = []
    for entry in sorted(manager.fontManager.ttflist, key=lambda one: (one.name, one.fname)):
        if not missing:
            break
        if entry.style != "normal" or entry.weight not in (400, "normal", "regular"):
            continue
        has = missing.intersection(manager.get_font(entry.fname).get_charmap())
        if has:
            found.append(entry.name)
            missing -= has
    return tuple(found)
