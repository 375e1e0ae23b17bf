"""How every verb answers: tables for people, JSON and CSV for machines, one line for an error."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from tastemap.data.audit import Audit
    from tastemap.evaluation.compare import Comparison
    from tastemap.recommender import Recommender
    from tastemap.tables import Table

COMMAND = "tastemap.command"
"""Where a context keeps the command line as it was typed."""

AsJson = Annotated[
    bool,
    typer.Option("--json", help="Answer in JSON on standard output."),
]
AsCsv = Annotated[
    bool,
    typer.Option("--csv", help="Answer in CSV on standard output."),
]


class Form(StrEnum):
    """The form of an answer."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def form_of(as_json: bool, as_csv: bool = False) -> Form:
    """The form that ``--json`` and ``--csv`` ask for."""
    if as_json and as_csv:
        raise typer.BadParameter("choose one of the two", param_hint="--json and --csv")
    return Form.JSON if as_json else Form.CSV if as_csv else Form.TABLE


def show(table: Table, form: Form = Form.TABLE, *, title: str = "") -> None:
    """Print one table on standard output, under its caption or another title."""
    if form is Form.JSON:
        show_json(as_plain(table))
    elif form is Form.CSV:
        text = table.to_csv()
        typer.echo(visible(text, keep="\n") if sys.stdout.isatty() else text, nl=False)
        for note in table.notes:
            say(note)
    elif sys.stdout.isatty():
        _Shown(table, title).on(_console())
    else:
        typer.echo(str(_Shown(table, title)))


def show_json(value: Any) -> None:
    """Print JSON on standard output, as plain ASCII so that every terminal and pipe takes it."""
    typer.echo(json.dumps(_jsonable(value), indent=2, allow_nan=False, default=str))


def as_plain(table: Table) -> dict[str, Any]:
    """A table as plain values: its rows, and what there is to know about them."""
    return {"rows": table.to_dicts(), "notes": list(table.notes)}


def audit_as_plain(audit: Audit) -> dict[str, Any]:
    """An audit as plain values: rows that also have each finding as a number."""
    return {"rows": audit.to_dict()["findings"], "notes": list(audit.notes)}


def comparison_as_plain(comparison: Comparison) -> dict[str, Any]:
    """A comparison as plain values: its rows, and how models differ."""
    found = comparison.differences
    return {**as_plain(comparison), "differences": found.to_dicts() if found else []}


def by_name(models: Mapping[Path, Recommender]) -> dict[str, Recommender]:
    """Models by their recipes where that tells them apart, by their folders otherwise."""
    names = [model.recipe.name for model in models.values()]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in models]
    return dict(zip(names, models.values(), strict=True))


def check_file(option: str, file: Path | None) -> None:
    """Refuse a file that cannot be written, as far as its folder says."""
    if file is not None and not file.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.parent}: make it", param_hint=option)


def tell(text: str, style: str = "") -> None:
    """Print a line of the answer on standard output."""
    _line(text, style, error=False)


def say(text: str, style: str = "dim") -> None:
    """Print a line about the work on standard error: what was read, what takes long."""
    _line(text, style, error=True)


def fail(text: str) -> None:
    """Print a user's mistake on standard error."""
    _line(f"error: {text}", "red", error=True)


def _line(text: str, style: str, *, error: bool) -> None:
    stream = sys.stderr if error else sys.stdout
    if not stream.isatty():
        typer.echo(visible(text, keep="\n"), err=error)
        return
    from rich.text import Text

    # A long line is left to the terminal, so that what is copied from it is one line.
    _console(error=error).print(Text(visible(text, keep="\n"), style=style), soft_wrap=True)


# Control characters, line separators, what turns the direction of writing, lone surrogates.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str, keep: str = "") -> str:
    """Text with its control characters spelled out, so that a title cannot drive a terminal."""
    return _HIDDEN.sub(
        lambda found: (
            found[0] if found[0] in keep else found[0].encode("unicode_escape").decode("ascii")
        ),
        text,
    )


def _console(*, error: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=error, highlight=False, markup=False, emoji=False)


class _Shown:
    """A table as text, ready for a terminal or a file."""

    def __init__(self, table: Table, title: str) -> None:
        self.title = visible(title or table.caption)
        self.notes = [visible(note) for note in table.notes]
        right = table.numeric_columns()
        columns = table.text_columns().items()
        self.columns = [
            [visible(cell) for cell in (_heading(name), *cells)] for name, cells in columns
        ]
        self.right = [name in right for name, _ in columns]

    def widths(self) -> list[int]:
        """How many places of a terminal each column takes."""
        from rich.cells import cell_len

        return [max(map(cell_len, column)) for column in self.columns]

    def on(self, console: Console) -> None:
        """Print it on a terminal: long text is broken, numbers never are."""
        from rich import box
        from rich.table import Table as Grid
        from rich.text import Text

        least = [
            width if right else min(width, _NARROW)
            for width, right in zip(self.widths(), self.right, strict=True)
        ]
        spare = console.width - sum(least)
        if spare < len(least) - 1:
            # Too many columns: one line a row, which the terminal may break.
            console.print(Text(str(self)), soft_wrap=True)
            return
        grid = Grid(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1 if spare >= 3 * (len(least) - 1) else 0),
            header_style="bold",
            title=Text(self.title, style="bold") if self.title else None,
            title_justify="left",
        )
        for column, right in zip(self.columns, self.right, strict=True):
            grid.add_column(Text(column[0]), justify="right" if right else "left", no_wrap=right)
        for row in list(zip(*self.columns, strict=True))[1:]:
            grid.add_row(*(Text(cell) for cell in row))
        console.print(grid)
        for note in self.notes:
            console.print(Text(note, style="dim"))

    def __str__(self) -> str:
        """The table for a pipe or a file: no boxes, nothing cut off."""
        from rich.cells import cell_len

        def padded(cell: str, width: int, right: bool) -> str:
            blanks = " " * (width - cell_len(cell))
            return blanks + cell if right else cell + blanks

        widths = self.widths()
        rows = [
            "  ".join(map(padded, row, widths, self.right)).rstrip()
            for row in zip(*self.columns, strict=True)
        ]
        return "\n".join([*([self.title] if self.title else []), *rows, *self.notes])


_NARROW = 12
"""A column of text may be made as narrow as this."""


def _heading(name: str) -> str:
    return name.replace("_", " ")


def _jsonable(value: Any) -> Any:
    """JSON has no NaN: a missing number is null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(name): _jsonable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(one) for one in value]
    return value
