"""Columns that no result type owns, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tastemap.tables import Table


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows(Table):
    """A table made of what it shows.

    Attributes:
        values: the columns by name.
        said: lines below the table.
    """

    values: Mapping[str, Sequence[Any]]
    said: Sequence[str] = ()

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """The columns by name."""
        return self.values

    @property
    def notes(self) -> Sequence[str]:
        """Lines below the table."""
        return self.said
