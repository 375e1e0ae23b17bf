"""The crosstab as a workbook: a factor model small enough to see every number of it.

Three sheets. *Start here* says what to do. *Model* has, one under the other in the same columns,
the ratings, the factors with the predictions they give, and the errors. *Gradient step* has the
slope of every number and what one step of gradient descent makes of it. All is formulas over the
yellow cells, stored with the values they have now.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from tastemap.arrays import AnyArray, Float64s
from tastemap.errors import require
from tastemap.explanation.crosstab import Crosstab
from tastemap.explanation.small_model import SmallModel, learning_rate
from tastemap.explanation.workbook_guide import write_guide
from tastemap.explanation.workbook_page import GREY, ORANGE, TEAL, Area, Layout, Page, address, cell

MODEL, STEP = "Model", "Gradient step"
_SIGNED = "+0.00;-0.00;0.00"


def workbook(crosstab: Crosstab, small: SmallModel) -> bytes:
    """The workbook of a crosstab and the model it starts from, as the content of a file.

    Raises:
        MissingExtraError: XlsxWriter is not installed.
    """
    content = io.BytesIO()
    # Titles and ids are other people's text: never a formula, never a link.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = require("xlsxwriter", "excel").Workbook(content, options)
    n_users, n_items = crosstab.values.shape
    at = Layout(n_users, n_items, small.user_factors.shape[1])
    styles: dict[Any, Any] = {}
    title = f"{n_users} users × {n_items} items of {crosstab.ratings.name}"
    book.set_properties({"title": title, "comments": "Written by tastemap"})
    start, model, step = (
        Page(book, name, styles, crosstab, at) for name in ("Start here", MODEL, STEP)
    )
    _define_names(book, at)
    _write_model(model, title, small)
    _write_step(step, small)
    write_guide(start, title, small)
    book.close()
    return content.getvalue()


def _define_names(book: Any, at: Layout) -> None:
    """Names for the areas that formulas and people speak of."""
    users, items = at.users(at.model), at.items(at.model)
    on_model: dict[str, Area] = {
        "ratings_given": at.cells(at.ratings),
        "user_factors": (users[0], users[1], users[2], users[3] - 1),
        "user_biases": (users[0], users[3], users[2], users[3]),
        "item_factors": (items[0], items[1], items[2] - 1, items[3]),
        "item_biases": (items[2], items[1], items[2], items[3]),
        "predictions": at.cells(at.model),
        "errors": at.cells(at.errors),
        "rmse": at.numbers[0],
        "mean_rating": at.numbers[1],
    }
    on_step = {"learning_rate": at.numbers[1], "rmse_after_step": at.numbers[2]}
    for sheet, areas in ((MODEL, on_model), (STEP, on_step)):
        for name, area in areas.items():
            book.define_name(name, "=" + address(area, sheet))


def _write_model(page: Page, title: str, small: SmallModel) -> None:
    at, values = page.at, page.crosstab.values
    errors = small.errors(values)
    page.frame(title, at.errors + at.n_users)
    page.sheet.set_tab_color(TEAL)
    rmse = "IF(COUNT(errors)=0,0,SQRT(SUMSQ(errors)/COUNT(errors)))"
    page.number(at.numbers[0], "RMSE", rmse, _or_zero(small.rmse(values)))
    page.input(at.numbers[1], "mean", small.mean)
    remark = "Ratings and yellow cells are yours to change; everything else follows."
    page.sheet.write_string(1, at.grid, remark, page.remark)

    page.block(at.ratings - 2, at.ratings, "Ratings", "An empty cell: not rated.")
    page.editable(at.cells(at.ratings), values, num_format="0.0")
    page.shade_ratings(at.cells(at.ratings))
    means = _per_row(np.nan_to_num(values), values, power=1)
    _statistic(page, at.ratings, "mean", "AVERAGE({0})", means)

    page.block(
        at.items(at.model)[0] - 1,
        at.model,
        "Factors and predictions",
        "mean + user bias + item bias + Σ user factor × item factor. Italic: not rated.",
    )
    page.factor_names(at.model)
    page.editable(at.users(at.model), _of_users(small), num_format="0.00")
    page.editable(at.items(at.model), _of_items(small), num_format="0.00")
    _write_predictions(page, at.model, small, rated=at.ratings)

    page.block(
        at.errors - 2,
        at.errors,
        "Errors",
        "prediction − rating. Orange: predicted too high; blue: too low.",
    )

    def error(row: int, column: int) -> str:
        rating = cell(row - at.errors + at.ratings, column)
        return f'IF({rating}="","",{cell(row - at.errors + at.model, column)}-{rating})'

    page.formulas(at.cells(at.errors), error, errors, num_format=_SIGNED)
    page.shade_errors(at.cells(at.errors))
    root = "SQRT(SUMSQ({0})/COUNT({0}))"
    _statistic(page, at.errors, "RMSE", root, _per_row(errors, values, power=2))
    _item_rmse(page, root, _per_row(errors.T, values.T, power=2))


def _write_step(page: Page, small: SmallModel) -> None:
    at, values = page.at, page.crosstab.values
    rate = learning_rate(at.n_users, at.n_items)
    slopes, after = small.slopes(values), small.step(values, rate)
    page.frame("One step of gradient descent", at.after + at.n_users - 1)
    page.sheet.set_tab_color(ORANGE)
    page.number(at.numbers[0], "RMSE now", "rmse", _or_zero(small.rmse(values)))
    page.input(at.numbers[1], "learning rate", rate, num_format="0.0###")
    # A missing rating is an empty cell, which would count as 0: the first product takes it out.
    squares = f'SUMPRODUCT((ratings_given<>"")*({address(at.cells(at.after))}-ratings_given)^2)'
    rmse = f"IF(COUNT(ratings_given)=0,0,SQRT({squares}/COUNT(ratings_given)))"
    page.number(at.numbers[2], "RMSE after the step", rmse, _or_zero(after.rmse(values)))

    page.block(
        at.items(at.slopes)[0] - 1,
        at.slopes,
        "Slopes, from the errors",
        "How ½ Σ error² changes with each number: Σ error × the factor on the other side.",
    )
    page.factor_names(at.slopes)
    for area, slope, numbers in (
        (at.users(at.slopes), _user_slope(at), _of_users(slopes)),
        (at.items(at.slopes), _item_slope(at), _of_items(slopes)),
    ):
        page.formulas(area, slope, numbers, num_format=_SIGNED)
    page.formulas(
        at.cells(at.slopes),
        lambda row, column: f"{MODEL}!{cell(row - at.slopes + at.errors, column)}",
        small.errors(values),
        num_format=_SIGNED,
    )
    page.shade_errors(at.cells(at.slopes))

    page.block(
        at.items(at.after)[0] - 1,
        at.after,
        "After the step",
        "new number = old number − learning rate × slope, and the predictions they give.",
    )
    page.factor_names(at.after)

    def new(row: int, column: int) -> str:
        old = cell(row - at.after + at.model, column)
        return f"{MODEL}!{old}-learning_rate*{cell(row - at.after + at.slopes, column)}"

    page.formulas(at.users(at.after), new, _of_users(after), num_format="0.00", bold=True)
    page.formulas(at.items(at.after), new, _of_items(after), num_format="0.00", bold=True)
    _write_predictions(page, at.after, after, rated=at.slopes)


def _write_predictions(page: Page, top: int, small: SmallModel, *, rated: int) -> None:
    """The grid of predictions from the factors that stand left of it and above it.

    The grid whose first user is in row ``rated`` of this sheet is empty where there is no rating.
    """
    at = page.at

    def prediction(row: int, column: int) -> str:
        terms = ["mean_rating", cell(row, at.bias, "column"), cell(top - 1, column, "row")]
        for factor in range(at.k):
            user, item = (
                cell(row, 2 + factor, "column"),
                cell(top - 1 - at.k + factor, column, "row"),
            )
            terms.append(f"{user}*{item}")
        return "+".join(terms)

    page.formulas(at.cells(top), prediction, small.predictions(), num_format="0.00")
    page.unrated(at.cells(top), cell(rated, at.grid))
    page.shade_ratings(at.cells(top))


def _user_slope(at: Layout) -> Any:
    """Formula of a user's slope: Σ over items of error × item factor, or of error alone."""

    def slope(row: int, column: int) -> str:
        errors = address(at.row(row - at.slopes + at.errors), MODEL)
        if column == at.bias:
            return f"SUM({errors})"
        factor = at.row(at.items(at.model)[0] + column - 2)
        return f"SUMPRODUCT({errors},{address(factor, MODEL)})"

    return slope


def _item_slope(at: Layout) -> Any:
    """Formula of an item's slope: Σ over users of error × user factor, or of error alone."""

    def slope(row: int, column: int) -> str:
        errors = address(at.column(at.errors, column), MODEL)
        if row == at.slopes - 1:
            return f"SUM({errors})"
        factor = at.column(at.model, row - at.items(at.slopes)[0] + 2)
        return f"SUMPRODUCT({errors},{address(factor, MODEL)})"

    return slope


def _statistic(page: Page, top: int, name: str, formula: str, cached: Float64s) -> None:
    """A number of each user's row, left of the grid."""
    at = page.at
    page.sheet.write_string(top - 1, at.bias, name, page.heading)

    def of_row(row: int, _: int) -> str:
        area = address(at.row(row))
        return f'IF(COUNT({area})=0,"",{formula.format(area)})'

    look = {"num_format": "0.00", "font_color": GREY, "italic": True}
    page.formulas(at.column(top, at.bias), of_row, cached[:, None], **look)


def _item_rmse(page: Page, formula: str, cached: Float64s) -> None:
    """The error of each item, below its column of errors."""
    at = page.at
    below = at.errors + at.n_users
    page.sheet.write_string(below, at.grid - 1, "RMSE", page.label)

    def of_column(_: int, column: int) -> str:
        area = address(at.column(at.errors, column))
        return f'IF(COUNT({area})=0,"",{formula.format(area)})'

    look = {"num_format": "0.00", "font_color": GREY, "italic": True, "top": 1}
    page.formulas(at.row(below), of_column, cached[None, :], **look)


def _of_users(small: SmallModel) -> Float64s:
    """Factors and bias side by side, as the sheet holds them, shape (n_users, k + 1)."""
    return np.column_stack([small.user_factors, small.user_bias])


def _of_items(small: SmallModel) -> Float64s:
    """Factors and bias one above the other, shape (k + 1, n_items)."""
    return np.vstack([small.item_factors.T, small.item_bias])


def _per_row(numbers: AnyArray, values: AnyArray, *, power: int) -> Float64s:
    """Power mean over the rated cells of each row; NaN for a row without any."""
    rated = ~np.isnan(values)
    sums = np.sum(np.where(rated, numbers, 0).astype(np.float64) ** power, axis=1)
    counts = rated.sum(axis=1)
    means: Float64s = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means ** (1 / power)


def _or_zero(rmse: float) -> float:
    """What the sheet shows without any ratings."""
    return 0.0 if np.isnan(rmse) else rmse
