"""The crosstab: the most active users against the most rated items, small enough to see whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import arguments
from tastemap.arrays import Int64s, Values, frozen
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError
from tastemap.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

    from tastemap.recommender import Recommender


@dataclass(frozen=True, eq=False, kw_only=True)
class Crosstab(Table):
    """Ratings of some users (rows) and items (columns), both by rising code.

    Attributes:
        user_codes, item_codes: shapes (n_users,) and (n_items,).
        values: the ratings, shape (n_users, n_items); NaN where a user has not rated an item.
        ratings: what they were taken from.
    """

    user_codes: Int64s
    item_codes: Int64s
    values: Values
    ratings: Ratings

    def __len__(self) -> int:
        return len(self.user_codes)

    @property
    def users(self) -> list[int | str]:
        """Raw user ids of the rows."""
        return self.ratings.user_ids.raws(self.user_codes)

    @property
    def items(self) -> list[int | str]:
        """Raw item ids of the columns."""
        return self.ratings.item_ids.raws(self.item_codes)

    @property
    def titles(self) -> list[str]:
        """What the items are called."""
        return [self.ratings.catalog.title(code) for code in self.item_codes]

    def columns(self) -> dict[str, Any]:
        """The raw user id, then one column an item, by title; None where there is no rating.

        A title that is there twice gets the raw item id behind it.
        """
        table: dict[str, Any] = {"user": self.users}
        titles = self.titles
        for title, item, column in zip(titles, self.items, self.values.T, strict=True):
            unique = title != "user" and titles.count(title) == 1
            cells = [None if np.isnan(value) else float(value) for value in column]
            table[title if unique else f"{title} [{item}]"] = cells
        return table

    def to_arrow(self) -> pa.Table:
        """The table as ``pyarrow.Table``: ratings float32, null where there is none."""
        import pyarrow as pa

        users, *items = self.columns().items()
        arrays = {users[0]: pa.array(users[1])}
        return pa.table(arrays | {name: pa.array(cells, pa.float32()) for name, cells in items})

    def text_columns(self) -> dict[str, list[str]]:
        """Codes for users and items, so that the table stays narrow; the notes tell them apart."""
        table = {"user": [str(code) for code in self.user_codes]}
        for code, column in zip(self.item_codes, self.values.T, strict=True):
            table[str(code)] = ["" if np.isnan(value) else f"{value:.1f}" for value in column]
        return table

    def numeric_columns(self) -> set[str]:
        """All of them."""
        return set(self.text_columns())

    @property
    def notes(self) -> list[str]:
        """Which users and items the codes stand for."""
        users = zip(self.user_codes, self.users, strict=True)
        items = zip(self.item_codes, self.items, self.titles, strict=True)
        lines = ["user code = user id: " + ", ".join(f"{code} = {raw}" for code, raw in users)]
        return lines + [f"item {code} = id {raw}, {title}" for code, raw, title in items]

    def to_excel(
        self, path: str | Path, model: Recommender | None = None, *, factors: int = 5
    ) -> Path:
        """Write a workbook with live formulas: ratings, factors, predictions, errors, RMSE.

        It also does one step of gradient descent, and says how to let Solver do the rest.

        Args:
            path: the ``.xlsx`` file; one already there is replaced.
            model: a fitted model with factors whose numbers the workbook starts from; None:
                biases 0 and small random factors, always the same ones.
            factors: columns of factors. A model with more of them is shown by as many as come
                nearest to its predictions, and the first sheet says how near.

        Returns:
            The path.

        Raises:
            MissingExtraError: XlsxWriter is not installed.
            NotFittedFor: the model's predictions are not a dot product of factors.
            UnknownUserError, UnknownItemError, DataError: the model was not trained on a user or
                item of the crosstab.
            ConfigError: ``factors`` is not from 1 to 100.
        """
        from tastemap.explanation.small_model import start, taken_from
        from tastemap.explanation.workbook import workbook

        arguments.integer("factors", factors, 1, 100)
        if model is not None:
            arguments.model("model", model)
        small = start(self, factors) if model is None else taken_from(model, self, factors)
        content = workbook(self, small)
        Path(path).write_bytes(content)
        return Path(path)


def crosstab(ratings: Ratings, n_users: int = 15, n_items: int = 15) -> Crosstab:
    """The users and items with the most ratings, and what they gave each other.

    Args:
        ratings: any ratings.
        n_users: how many users; those with the most ratings in all, ties to the smaller raw id.
        n_items: how many items, in the same way.

    Returns:
        Rows and columns by rising code, which is the order of first appearance in the ratings.
        Fewer of them when there are fewer with ratings.

    Raises:
        ConfigError: ``n_users`` or ``n_items`` is less than 1.
        DataError: there are no ratings, they are interactions, or one of these users rated one of
            these items twice.
    """
    arguments.ratings("ratings", ratings)
    arguments.integer("n_users", n_users, 1)
    arguments.integer("n_items", n_items, 1)
    if not len(ratings):
        raise DataError("there are no ratings to make a crosstab of")
    if not ratings.explicit:
        raise DataError(
            f"a crosstab shows ratings, and {ratings.name} holds interactions, which have none: "
            "read a column of ratings"
        )
    users, items = ratings.most_active_users(n_users), ratings.most_rated_items(n_items)
    users = np.sort(users[ratings.user_counts[users] > 0])
    items = np.sort(items[ratings.item_counts[items] > 0])
    rows, columns = _places(users, ratings.n_users), _places(items, ratings.n_items)
    row, column = rows[ratings.users], columns[ratings.items]
    inside = np.flatnonzero((row >= 0) & (column >= 0))
    row, column = row[inside], column[inside]
    values = np.full((len(users), len(items)), np.nan, np.float32)
    values[row, column] = ratings.values[inside]
    cells = row * len(items) + column
    if len(np.unique(cells)) < len(cells):
        twice = int(np.argmax(np.bincount(cells)))
        user = ratings.user_ids.raw(users[twice // len(items)])
        item = ratings.item_ids.raw(items[twice % len(items)])
        raise DataError(
            f"user {user!r} rated item {item!r} more than once, and a cell holds one rating: "
            "keep one when reading"
        )
    return Crosstab(
        user_codes=users, item_codes=items, values=frozen(values, np.float32), ratings=ratings
    )


def _places(codes: Int64s, n: int) -> Int64s:
    """Position of each code in ``codes``, shape (n,); -1 for the others."""
    places = np.full(n, -1, np.int64)
    places[codes] = np.arange(len(codes))
    return places
