"""The first sheet of the crosstab workbook: what this is and what to do with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tastemap.explanation.small_model import SmallModel, learning_rate
from tastemap.explanation.workbook_page import GREY, PALE, TEAL, YELLOW, Page, address, cell

_SOLVER_CELLS = 200
"""The Solver that comes with Excel changes no more cells than this."""
_LETTERS = 140
"""Letters in a line of the widest column."""
_YELLOW_CELL = "A yellow cell"
_LAST = 3
"""Last column of this sheet."""

Section = tuple[str, Sequence[tuple[str, str]]]
"""A heading, and lines of name and text below it."""


def write_guide(page: Page, title: str, small: SmallModel) -> None:
    """Fill the first sheet, and open the workbook on it."""
    sheet = page.sheet
    sheet.set_tab_color(GREY)
    for column, width in enumerate((3, 25, 14, 96)):
        sheet.set_column(column, column, width)
    head = page.style(bg_color=TEAL, font_color="#FFFFFF", bold=True, font_size=18)
    for column in range(_LAST + 1):
        sheet.write_blank(0, column, None, head)
    sheet.set_row(0, 38)
    sheet.write_string(0, 1, "How a machine learns taste", head)
    sheet.set_row(1, 24)
    sheet.write_string(1, 1, title, page.remark)
    row = _write_scores(page, 2, small)
    for heading, lines in (*_reading(page, small), *_doing(page)):
        row = _write_section(page, row + 1, heading, lines)
    sheet.set_landscape()
    sheet.center_horizontally()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 1)
    sheet.print_area(0, 0, row - 1, _LAST)
    sheet.activate()


def _write_scores(page: Page, row: int, small: SmallModel) -> int:
    """Live numbers: what is to beat, now, and after a step. Gives the row below them."""
    values = page.crosstab.values
    given = values[~np.isnan(values)].astype(np.float64)
    after = small.step(values, learning_rate(*values.shape))
    lines = (
        (
            "Always the mean",
            "IF(COUNT(ratings_given)=0,0,STDEVP(ratings_given))",
            float(np.std(given)) if len(given) else 0.0,
            "RMSE of guessing the mean of these ratings every time: what a model must beat.",
        ),
        (
            "The model now",
            "rmse",
            small.rmse(values),
            "RMSE (root mean squared error, in units of the ratings) of sheet Model. 0 is perfect.",
        ),
        (
            "After one step",
            "rmse_after_step",
            after.rmse(values),
            "RMSE of the numbers that sheet Gradient step arrives at.",
        ),
    )
    look = {"num_format": "0.0000", "bold": True, "font_size": 15, "font_color": TEAL}
    for name, formula, cached, text in lines:
        page.sheet.set_row(row, 25)
        page.sheet.write_string(row, 1, name, page.style(bold=True, indent=1))
        stored = 0.0 if np.isnan(cached) else cached
        page.sheet.write_formula(row, 2, "=" + formula, page.style(align="left", **look), stored)
        page.sheet.write_string(row, 3, text, page.style(font_color=GREY))
        row += 1
    return row


def _write_section(page: Page, row: int, heading: str, lines: Sequence[tuple[str, str]]) -> int:
    """A heading and its lines of name and text. Gives the row below them."""
    sheet, bar = page.sheet, page.style(bg_color=PALE, bold=True, font_size=12)
    for column in range(1, _LAST + 1):
        sheet.write_blank(row, column, None, bar)
    sheet.write_string(row, 1, heading, bar)
    sheet.set_row(row, 20)
    for name, text in lines:
        row += 1
        fill = {"bg_color": YELLOW} if name == _YELLOW_CELL else {}
        sheet.write_string(row, 1, name, page.style(valign="top", bold=True, indent=1, **fill))
        wrapped = page.style(text_wrap=True, valign="top")
        sheet.merge_range(row, 2, row, _LAST, "", wrapped)
        sheet.write_string(row, 2, text, wrapped)
        sheet.set_row(row, 4 + 14 * -(-len(text) // _LETTERS))  # merged cells do not grow
    return row + 1


def _reading(page: Page, small: SmallModel) -> list[Section]:
    at, values = page.at, page.crosstab.values
    low, high = page.crosstab.ratings.scale
    n_ratings = int(np.sum(~np.isnan(values)))
    return [
        (
            "What you see",
            [
                (
                    "Sheet Model",
                    "The ratings that the most active users gave the most rated items; below, the "
                    f"predictions, and below them the errors. {n_ratings} of {values.size} ratings "
                    "are there. The model predicts the others too.",
                ),
                (
                    "A prediction",
                    "mean + user bias (is this user generous?) + item bias (is this item well "
                    "liked?) + the sum over factors of user factor × item factor (does this item "
                    "have what this user likes?). It is not clipped to the scale.",
                ),
                (
                    _YELLOW_CELL,
                    "is yours to change, and so are the ratings. The others are formulas and "
                    "follow. Areas have names (left of the formula bar): ratings_given, "
                    "mean_rating, user_factors, user_biases, item_factors, item_biases, "
                    "learning_rate.",
                ),
                (
                    "Colours",
                    f"Ratings and predictions go from white ({low:g}) to teal ({high:g}). Errors "
                    "are orange where the prediction is too high, blue where it is too low. "
                    "Predictions in italics have no rating to be compared with.",
                ),
                (
                    "The numbers it starts with",
                    small.source,
                ),
                (
                    "Codes and ids",
                    "Users and items stand in the order of their first appearance in the ratings, "
                    f"which their code counts from 0. There are {at.n_users} users and "
                    f"{at.n_items} items: those with the most ratings, ties to the smaller id.",
                ),
            ],
        ),
        (
            "1   By hand",
            [
                (
                    "Change one number",
                    "On sheet Model change one user bias, and watch the RMSE at the top. Find the "
                    "value where it is smallest. Then try a factor of the same user.",
                ),
                (
                    "Goal Seek",
                    "Data ▸ What-If Analysis ▸ Goal Seek (LibreOffice: Tools ▸ Goal Seek) changes "
                    f"one number for you. On sheet Model set cell {_known_error(page)} to value 0 "
                    "by changing the bias of the same user. That error is gone: what became of "
                    "the user's others?",
                ),
            ],
        ),
        (
            "2   By gradient descent",
            [
                (
                    "One step",
                    "Sheet Gradient step has the slope of every number: how much ½ Σ error² rises "
                    "when the number does. Every number then goes against its slope: new = old − "
                    "learning rate × slope. Try other learning rates. When is the step too long?",
                ),
                (
                    "Many steps",
                    f"Copy the new numbers of the users, {address(at.users(at.after))} on sheet "
                    f"Gradient step, and paste their values over {address(at.users(at.model))} on "
                    "sheet Model (Paste Special ▸ Values). Then the items': "
                    f"{address(at.items(at.after))} over {address(at.items(at.model))}. Repeat: "
                    "this is training.",
                ),
            ],
        ),
    ]


def _doing(page: Page) -> list[Section]:
    at = page.at
    users, items = address(at.users(at.model)), address(at.items(at.model))
    n_cells = (at.n_users + at.n_items) * (at.k + 1)
    n_ratings = int(np.sum(~np.isnan(page.crosstab.values)))
    if n_cells > _SOLVER_CELLS:
        changing = (
            f"user_factors,user_biases first and item_factors,item_biases next, in turn (there are "
            f"{n_cells} cells to change; this Solver takes {_SOLVER_CELLS} at a time)"
        )
    else:
        changing = "user_factors,user_biases,item_factors,item_biases"
    rmse = address(at.numbers[0])
    return [
        (
            "3   With Solver, all numbers at once",
            [
                (
                    "Excel, once",
                    "File ▸ Options ▸ Add-ins ▸ Manage: Excel Add-ins ▸ Go… ▸ tick Solver Add-in. "
                    "It is then at Data ▸ Solver.",
                ),
                (
                    "Excel",
                    "Go to sheet Model and choose Data ▸ Solver. Set Objective: rmse. To: Min. By "
                    f"Changing Variable Cells: {changing}. Untick Make Unconstrained Variables "
                    "Non-Negative. Solving Method: GRG Nonlinear. Solve.",
                ),
                (
                    "LibreOffice",
                    f"Go to sheet Model and choose Tools ▸ Solver. Target cell: {rmse}. Optimize "
                    f"result to: Minimum. By changing cells: {users};{items}. Options ▸ Solver "
                    "engine: a nonlinear one, such as DEPS Evolutionary Algorithm; untick Assume "
                    "variables as non-negative. Solve. It is slower than Excel's.",
                ),
                (
                    "What it shows",
                    f"There are {n_cells} numbers to choose and {n_ratings} ratings to fit, so the "
                    "error can come close to 0. That is memory, not taste: an honest test uses "
                    "ratings that training has not seen. Clear some ratings, solve, and compare "
                    "the predictions in italics with what you cleared.",
                ),
            ],
        ),
    ]


def _known_error(page: Page) -> str:
    """The first error that is not empty, to speak of; else the first of all."""
    known = np.argwhere(~np.isnan(page.crosstab.values))
    row, column = known[0] if len(known) else (0, 0)
    return cell(page.at.errors + int(row), page.at.grid + int(column))
