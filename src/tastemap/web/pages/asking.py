"""What people ask for behind the question mark: pages, orders, filters; in one place, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tastemap.errors import ConfigError


def whole(query: Mapping[str, str], name: str, otherwise: int, least: int, most: int) -> int:
    """A whole number.

    Raises:
        ConfigError: it is none, or out of range.
    """
    text = query.get(name, "").strip()
    if not text:
        return otherwise
    if not text.isascii() or not text.isdigit() or len(text) > 18 or not least <= int(text) <= most:
        raise ConfigError(f"{name} must be a whole number from {least:,} to {most:,}, not {text!r}")
    return int(text)


def number(query: Mapping[str, str], name: str) -> float | None:
    """A number, or None where nothing is asked.

    Raises:
        ConfigError: it is none.
    """
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{name} must be a number, not {text!r}") from None
    if value != value or abs(value) == float("inf"):
        raise ConfigError(f"{name} must be a finite number, not {text!r}")
    return value


def one_of(query: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """One of some words, the first where nothing is asked.

    Raises:
        ConfigError: it is another.
    """
    text = query.get(name, "") or choices[0]
    if text not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, not {text!r}")
    return text


@dataclass(frozen=True)
class Pages:
    """Which part of a long list is shown, and where the others are.

    Attributes:
        path: of the page, without what stands behind the question mark.
        asked: what else is asked.
        page: 1 for the first.
        size: rows on a page.
        total: rows of the list.
    """

    path: str
    asked: Mapping[str, Any]
    page: int
    size: int
    total: int

    @property
    def last(self) -> int:
        """The last page."""
        return max(1, -(-self.total // self.size))

    @property
    def rows(self) -> slice:
        """The rows of this page."""
        return slice((self.page - 1) * self.size, min(self.page * self.size, self.total))

    def url(self, page: int) -> str:
        """Where another page of the same list is."""
        return address(self.path, {**self.asked, "page": page if page > 1 else None})


def address(path: str, asked: Mapping[str, Any]) -> str:
    """A path with what is asked, as far as anything is."""
    said = [(name, value) for name, value in asked.items() if value not in (None, "", [])]
    return f"{path}?{urlencode(said, doseq=True)}" if said else path


def paged(
    query: Mapping[str, str], path: str, asked: Mapping[str, Any], total: int, size: int
) -> Pages:
    """The part of a list that is asked for; beyond the end it is the last.

    Raises:
        ConfigError: the page is no whole number above 0.
    """
    wanted = whole(query, "page", 1, 1, 10**9)
    last = max(1, -(-total // size))
    return Pages(path, asked, min(wanted, last), size, total)
