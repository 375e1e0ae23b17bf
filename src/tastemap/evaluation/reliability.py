"""Whether items are liked as often as their chances of being liked say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import arguments
from tastemap.arrays import Float64s, Int64s
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError
from tastemap.evaluation.evaluate import codes_of
from tastemap.evaluation.lists import seen_rows
from tastemap.tables import Table

if TYPE_CHECKING:
    from tastemap.recommender import Recommender

_BINS = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class Reliability(Table):
    """Chances of liking beside the share of test ratings that are likes, by tenths of the chances.

    Attributes:
        model: name of the recipe, or what the caller called the model.
        liked_from: the lowest rating that is a like.
        rows: test ratings in each bin, those with the smallest chances first, shape (bins,).
        chances: their mean chance, shape (bins,).
        shares: share of them that are likes, shape (bins,).
        brier: mean squared difference of chance and outcome, 0 at best (Brier 1950).
        brier_without: the same of the share of likes among the training ratings as everybody's
            chance for everything.
        without_chance: test ratings whose user or item the model does not know.
        overlap: test rows that are also training rows: a model has seen these.
    """

    model: str
    liked_from: float
    rows: Int64s
    chances: Float64s
    shares: Float64s
    brier: float
    brier_without: float
    without_chance: int
    overlap: int

    @property
    def error(self) -> float:
        """Mean difference of chance and share over the bins, by their rows (calibration error)."""
        return float(np.average(np.abs(self.chances - self.shares), weights=self.rows))

    def columns(self) -> dict[str, Any]:
        """Rows, mean chance and share of likes of each bin."""
        return {"rows": self.rows, "chance_liked": self.chances, "liked": self.shares}

    @property
    def caption(self) -> str:
        """What is shown, and of which model."""
        return f"chance of {self.model} that a rating is {self.liked_from:g} or higher"

    @property
    def notes(self) -> list[str]:
        """The error of the chances, and rows left out or seen before."""
        notes = [
            f"chance and share differ by {self.error:.3f} on average; Brier score "
            f"{self.brier:.4f}, {self.brier_without:.4f} with the same chance for everything"
        ]
        if self.without_chance:
            notes.append(
                f"{self.without_chance:,} rows without a chance: "
                "the model knows nothing of their user or item"
            )
        if self.overlap:
            notes.append(f"{self.overlap:,} test rows were also trained on")
        return notes


def reliability(model: Recommender, test: Ratings, *, name: str | None = None) -> Reliability:
    """Hold chances of liking against ratings.

    Args:
        model: a fitted model that has learnt them (`Recommender.with_liking`).
        test: ratings it was not trained on; ids need not be those of the training ratings.
        name: what to call the model; None for the name of its recipe.

    Raises:
        NotFittedFor: the model has not learnt what users like.
        DataError: there are no test ratings, or they are interactions, or the model knows nothing
            of any.
    """
    arguments.model("model", model)
    arguments.ratings("test", test)
    arguments.optional_text("name", name)
    if not len(test):
        raise DataError("there are no ratings to test on")
    if not test.explicit:
        raise DataError(
            "what is liked is told by ratings, and there are only interactions to test on: give "
            "ratings, or measure lists with tastemap.evaluate"
        )
    train = model.ratings
    users, items = codes_of(test, train)
    chances = model.liking_codes(users, items)
    assert model.liking is not None  # noqa: S101  # or there were no chances
    own = np.flatnonzero(~np.isnan(chances))
    if not len(own):
        raise DataError("the model knows nothing of any user or item of the test ratings")
    chance = chances[own].astype(np.float64)
    liked = test.values[own] >= model.liking.liked_from
    order = np.argsort(chance, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    usual = float(np.mean(train.values >= model.liking.liked_from))
    return Reliability(
        model=model.recipe.name if name is None else name,
        liked_from=model.liking.liked_from,
        rows=np.array([len(part) for part in bins]),
        chances=np.array([chance[part].mean() for part in bins]),
        shares=np.array([liked[part].mean() for part in bins]),
        brier=float(np.mean(np.square(chance - liked))),
        brier_without=float(np.mean(np.square(usual - liked))),
        without_chance=len(test) - len(own),
        overlap=int(seen_rows(train, users[own], items[own]).sum()),
    )
