"""Result tables: computed once, shown many ways.

A result that is a list of rows derives from `Table` and says its columns; printing, notebooks,
Arrow, pandas, dictionaries and CSV come from here.
"""

from __future__ import annotations

import csv
import html
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# A spreadsheet runs a cell that begins with one of these as a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Table(ABC):
    """A result with named columns of equal length."""

    def __init_subclass__(cls) -> None:
        # A dataclass writes a __repr__ of its fields unless the class has one of its own.
        cls.__repr__ = cls.__dict__.get("__repr__", cls.__repr__)  # type: ignore[method-assign]
        super().__init_subclass__()

    @abstractmethod
    def columns(self) -> Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]:
        """The columns by name, all of one length: what every other form is made from."""

    @property
    def caption(self) -> str:
        """One line above the table: what it shows and of what. Empty: none."""
        return ""

    @property
    def notes(self) -> Sequence[str]:
        """Lines below the table: what was left out, filtered or replaced."""
        return ()

    def __len__(self) -> int:
        return min((len(values) for values in self.columns().values()), default=0)

    def to_arrow(self) -> pa.Table:
        """The table as ``pyarrow.Table``."""
        import pyarrow as pa

        return pa.table({name: pa.array(values) for name, values in self.columns().items()})

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> pd.DataFrame:
        """The table as ``pandas.DataFrame`` (pandas must be installed)."""
        return self.to_arrow().to_pandas()

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary of plain Python values a row."""
        columns = {name: _plain(values) for name, values in self.columns().items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def to_csv(self, path: str | Path | None = None) -> str:
        """The table as CSV text, written to ``path`` as UTF-8 when one is given.

        Text that a spreadsheet would run as a formula gets a leading apostrophe.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = self.columns()
        writer.writerow([_guarded(name) for name in columns])
        plain = [_plain(values) for values in columns.values()]
        writer.writerows([_guarded(value) for value in row] for row in zip(*plain, strict=True))
        if path is not None:
            Path(path).write_text(text.getvalue(), encoding="utf-8")
        return text.getvalue()

    def text_columns(self) -> dict[str, list[str]]:
        """The columns as text to show: numbers rounded, missing values as a dash."""
        return {
            name: [_shown(value) for value in _plain(values)]
            for name, values in self.columns().items()
        }

    def numeric_columns(self) -> set[str]:
        """Names of the columns that hold numbers (shown right-aligned)."""
        return {
            name
            for name, values in self.columns().items()
            if any(isinstance(v, int | float) and not isinstance(v, bool) for v in _plain(values))
        }

    def __str__(self) -> str:
        columns = self.text_columns()
        right = self.numeric_columns()
        lines = [self.caption] if self.caption else []
        widths = {n: max([len(n), *(len(cell) for cell in cells)]) for n, cells in columns.items()}

        def line(cells: Sequence[str]) -> str:
            padded = (
                cell.rjust(widths[name]) if name in right else cell.ljust(widths[name])
                for name, cell in zip(columns, cells, strict=True)
            )
            return "  ".join(padded).rstrip()

        lines.append(line(list(columns)))
        lines.extend(line(row) for row in zip(*columns.values(), strict=True))
        lines.extend(self.notes)
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        columns = self.text_columns()
        right = self.numeric_columns()

        def cell(tag: str, name: str, text: str) -> str:
            align = ' style="text-align:right"' if name in right else ' style="text-align:left"'
            return f"<{tag}{align}>{html.escape(text)}</{tag}>"

        head = "".join(cell("th", name, name) for name in columns)
        rows = "".join(
            "<tr>" + "".join(cell("td", n, t) for n, t in zip(columns, row, strict=True)) + "</tr>"
            for row in zip(*columns.values(), strict=True)
        )
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{notes}"


def _plain(values: Sequence[Any] | np.ndarray[Any, Any]) -> list[Any]:
    listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return [value.item() if isinstance(value, np.generic) else value for value in listed]


def _guarded(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e-3 and value else f"{value:.3f}"
    return str(value)
