"""What the sheets of the crosstab workbook share: places, styles, blocks of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tastemap.arrays import AnyArray
from tastemap.explanation.crosstab import Crosstab

INK, TEAL, PALE, GREY, YELLOW = "#1F2933", "#12616B", "#E3F0F1", "#6B7280", "#FFF5CC"
ORANGE, _BLUE, _PURPLE = "#F0A35E", "#6C9BD2", "#5B2A86"
_LOW_TO_HIGH = ("#FFFFFF", "#DDF0ED", "#3FA096")  # ratings: to teal
_UNDER_TO_OVER = (_BLUE, "#FFFFFF", ORANGE)  # errors

Area = tuple[int, int, int, int]
"""First row, first column, last row, last column, from 0."""


@dataclass(frozen=True)
class Layout:
    """Where everything stands. Columns are the same on both sheets of numbers."""

    n_users: int
    n_items: int
    k: int

    header: int = 2
    """First of three rows above the items: title, code, id."""
    frozen: int = 5
    """Rows that stay in view."""
    numbers: tuple[Area, Area, Area] = ((1, 1, 1, 1), (1, 4, 1, 4), (1, 7, 1, 7))
    """Single numbers in the second row, each with its name left of it."""

    @property
    def bias(self) -> int:
        """Column of the users' biases, right of their factors, which begin in column 2."""
        return 2 + self.k

    @property
    def grid(self) -> int:
        """Column of the first item."""
        return self.bias + 2

    @property
    def width(self) -> int:
        """Columns that are printed: all, and enough for the remarks beside few items."""
        return self.grid + max(self.n_items, 13)

    def cells(self, top: int) -> Area:
        """A users x items grid whose first user is in row ``top``."""
        return top, self.grid, top + self.n_users - 1, self.grid + self.n_items - 1

    def users(self, top: int) -> Area:
        """Factors and bias of the users left of the grid."""
        return top, 2, top + self.n_users - 1, self.bias

    def items(self, top: int) -> Area:
        """Factors and bias of the items above the grid."""
        return top - self.k - 1, self.grid, top - 1, self.grid + self.n_items - 1

    def row(self, row: int) -> Area:
        """The cells of one row of a grid."""
        return row, self.grid, row, self.grid + self.n_items - 1

    def column(self, top: int, column: int) -> Area:
        """The cells of all users in one column, in the block that begins in row ``top``."""
        return top, column, top + self.n_users - 1, column

    @property
    def ratings(self) -> int:
        """Row of the first user in the block of ratings."""
        return self.frozen + 2

    @property
    def model(self) -> int:
        """Row of the first user in the block of factors and predictions."""
        return self.ratings + self.n_users + self.k + 3

    @property
    def errors(self) -> int:
        """Row of the first user in the block of errors."""
        return self.model + self.n_users + 3

    @property
    def slopes(self) -> int:
        """On the sheet of the gradient step: row of the first user's slopes."""
        return self.frozen + self.k + 2

    @property
    def after(self) -> int:
        """On the sheet of the gradient step: row of the first user's new numbers."""
        return self.slopes + self.n_users + self.k + 3


def cell(row: int, column: int, fixed: str = "") -> str:
    """The name of a cell, such as ``C8``.

    Args:
        row: from 0.
        column: from 0.
        fixed: what stays when the formula is copied elsewhere: "row", "column" or "both".
    """
    letters, number = "", column + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return (
        ("$" if fixed in ("column", "both") else "")
        + letters
        + ("$" if fixed in ("row", "both") else "")
        + str(row + 1)
    )


def address(area: Area, sheet: str = "") -> str:
    """The name of an area with every part fixed, such as ``Model!$C$8:$H$22``."""
    first, last = cell(*area[:2], "both"), cell(*area[2:], "both")
    quoted = f"'{sheet}'!" if " " in sheet else f"{sheet}!" if sheet else ""
    return quoted + (first if first == last else f"{first}:{last}")


class Page:
    """A sheet of the workbook, with the means to fill it.

    Args:
        book: the workbook of XlsxWriter.
        name: of the sheet.
        styles: cell formats made so far, shared by all sheets.
        crosstab: the ratings.
        at: where everything stands.
    """

    def __init__(
        self, book: Any, name: str, styles: dict[Any, Any], crosstab: Crosstab, at: Layout
    ) -> None:
        self.book, self.styles, self.crosstab, self.at = book, styles, crosstab, at
        self.sheet = book.add_worksheet(name)
        self.sheet.hide_gridlines(2)

    def style(self, **settings: Any) -> Any:
        """A cell format; the same settings give the same one."""
        key = tuple(sorted(settings.items()))
        if key not in self.styles:
            plain = {"font_name": "Calibri", "font_size": 10, "font_color": INK}
            self.styles[key] = self.book.add_format(plain | {"valign": "vcenter"} | settings)
        return self.styles[key]

    @property
    def small(self) -> Any:
        """Codes and ids."""
        return self.style(align="center", font_color=GREY, font_size=9)

    @property
    def label(self) -> Any:
        """Names left of what they name."""
        return self.style(align="right", font_color=GREY, font_size=9)

    @property
    def heading(self) -> Any:
        """Names above what they name."""
        return self.style(align="center", font_color=GREY, font_size=9, bottom=1)

    @property
    def remark(self) -> Any:
        """A sentence beside numbers."""
        return self.style(italic=True, font_color=GREY)

    def number(self, place: Area, name: str, formula: str, cached: float) -> None:
        """One important number, its name left of it."""
        row, column = place[:2]
        self.sheet.write_string(row, column - 1, name, self.label)
        look = {"num_format": "0.0000", "bold": True, "font_size": 12, "font_color": TEAL}
        self.sheet.write_formula(
            row, column, "=" + formula, self.style(align="center", **look), cached
        )

    def input(self, place: Area, name: str, value: float, num_format: str = "0.00") -> None:
        """One yellow cell, its name left of it."""
        self.sheet.write_string(place[0], place[1] - 1, name, self.label)
        self.editable(place, np.array([[value]]), num_format=num_format, bold=True)

    def raw(self, row: int, column: int, raw: int | str) -> None:
        """A raw id, as the number or the text it is."""
        if isinstance(raw, str) or abs(raw) >= 10**15:  # a cell keeps 15 digits of a number
            self.sheet.write_string(row, column, str(raw), self.small)
        else:
            self.sheet.write_number(row, column, raw, self.small)

    def bar(self, row: int, height: int, name: str, text: str = "", **settings: Any) -> None:
        """A coloured line across the sheet, with a name and a remark above the items."""
        for column in range(self.at.width):
            self.sheet.write_blank(row, column, None, self.style(**settings))
        self.sheet.set_row(row, height)
        self.sheet.write_string(row, 0, name, self.style(bold=True, **settings))
        if text:
            remark = {"italic": True, "font_color": GREY, "font_size": 10}
            self.sheet.write_string(row, self.at.grid, text, self.style(**(settings | remark)))

    def frame(self, title: str, last_row: int) -> None:
        """Widths, titles of the items, frozen panes, printing."""
        at, sheet, crosstab = self.at, self.sheet, self.crosstab
        last = at.grid + at.n_items - 1
        sheet.set_zoom(90)
        sheet.set_column(0, at.bias, 8.5)
        sheet.set_column(at.bias + 1, at.bias + 1, 10)
        sheet.set_column(at.grid, last, 6.6)
        self.bar(0, 26, title, bg_color=TEAL, font_color="#FFFFFF", font_size=14)
        sheet.set_row(1, 24)
        sheet.set_row(at.header, 120)
        across = self.style(
            rotation=90, text_wrap=True, bold=True, valign="bottom", align="center", font_size=8
        )
        sheet.write_string(at.header + 1, at.grid - 1, "item code", self.label)
        sheet.write_string(at.header + 2, at.grid - 1, "item id", self.label)
        columns = zip(crosstab.titles, crosstab.item_codes, crosstab.items, strict=True)
        for column, (name, code, raw) in enumerate(columns, at.grid):
            sheet.write_string(at.header, column, name, across)
            sheet.write_number(at.header + 1, column, code, self.small)
            self.raw(at.header + 2, column, raw)
        sheet.freeze_panes(at.frozen, 2)
        sheet.set_landscape()
        sheet.center_horizontally()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 1)
        sheet.set_margins(0.4, 0.4, 0.4, 0.4)
        sheet.print_area(0, 0, last_row, at.width - 1)

    def block(self, row: int, top: int, name: str, text: str) -> None:
        """The heading of a block in ``row``, and its users' codes and ids from ``top`` on."""
        self.bar(row, 20, name, text, bg_color=PALE, font_size=12)
        self.sheet.write_string(top - 1, 0, "user code", self.heading)
        self.sheet.write_string(top - 1, 1, "user id", self.heading)
        users = zip(self.crosstab.user_codes, self.crosstab.users, strict=True)
        for number, (code, raw) in enumerate(users, top):
            self.sheet.write_number(number, 0, code, self.small)
            self.raw(number, 1, raw)

    def factor_names(self, top: int) -> None:
        """Above the users' columns and left of the items' rows."""
        at = self.at
        names = [f"factor {number}" for number in range(1, at.k + 1)]
        for column, name in enumerate([*names, "user bias"], 2):
            self.sheet.write_string(top - 1, column, name, self.heading)
        for row, name in enumerate([*names, "item bias"], top - at.k - 1):
            self.sheet.write_string(row, at.grid - 1, name, self.label)

    def formulas(
        self, area: Area, formula: Callable[[int, int], str], cached: AnyArray, **settings: Any
    ) -> None:
        """A formula for every cell, with the value it has now; NaN stands for empty text."""
        style = self.style(align="center", **settings)
        for row, column in _cells(area):
            value = float(cached[row - area[0], column - area[1]])
            stored = "" if np.isnan(value) else value
            self.sheet.write_formula(row, column, "=" + formula(row, column), style, stored)

    def editable(self, area: Area, values: AnyArray, **settings: Any) -> None:
        """Yellow cells with numbers; NaN leaves a cell empty."""
        look = {"bg_color": YELLOW, "border": 1, "border_color": "#E5D9A8", "align": "center"}
        style = self.style(**(look | settings))
        for row, column in _cells(area):
            value = float(values[row - area[0], column - area[1]])
            if np.isnan(value):
                self.sheet.write_blank(row, column, None, style)
            else:
                self.sheet.write_number(row, column, value, style)
        limits = {"validate": "decimal", "criteria": "between", "minimum": -1e6, "maximum": 1e6}
        texts = {"error_title": "A number, please", "error_message": "Only numbers fit here."}
        self.sheet.data_validation(*area, limits | texts)

    def unrated(self, area: Area, first: str) -> None:
        """Italics where the cell that ``first`` is for the first one of the area shows nothing.

        Must stand before any shading.
        """
        # LibreOffice shades them all the same: the letters must be readable on any shade.
        look = self.book.add_format({"italic": True, "font_color": _PURPLE})
        rule = {"type": "formula", "criteria": f'={first}=""', "stop_if_true": True}
        self.sheet.conditional_format(*area, rule | {"format": look})

    def shade_ratings(self, area: Area) -> None:
        """From white for the lowest rating of the scale to teal for the highest."""
        low, high = self.crosstab.ratings.scale
        # Most ratings are in the upper half, so most of the colour is there too.
        places = {"min_value": low, "mid_value": low + 0.6 * (high - low), "max_value": high}
        self._shade(area, places, _LOW_TO_HIGH)

    def shade_errors(self, area: Area) -> None:
        """Blue for predictions too low, orange for too high, deepest at two units."""
        self._shade(area, {"min_value": -2, "mid_value": 0, "max_value": 2}, _UNDER_TO_OVER)

    def _shade(self, area: Area, places: dict[str, float], colours: tuple[str, str, str]) -> None:
        rule: dict[str, Any] = {"type": "3_color_scale", **places}
        for end, colour in zip(("min", "mid", "max"), colours, strict=True):
            rule |= {f"{end}_type": "num", f"{end}_color": colour}
        self.sheet.conditional_format(*area, rule)


def _cells(area: Area) -> Iterator[tuple[int, int]]:
    for row in range(area[0], area[2] + 1):
        for column in range(area[1], area[3] + 1):
            yield row, column
