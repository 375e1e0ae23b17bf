"""Which items are liked beyond what their audience and its taste explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tastemap import arguments
from tastemap.arrays import Float64s, Int64s, Values, top_n
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError, NotFittedFor
from tastemap.models.posterior import PosteriorModel
from tastemap.models.protocol import Model
from tastemap.tables import Table


@dataclass(frozen=True, eq=False, kw_only=True)
class BiasRanking(Table):
    """Items by their bias, in the order of the rows.

    Attributes:
        ranks: 1 for the largest bias among all items that were ranked, shape (n,).
        codes: item codes, shape (n,).
        items, titles: raw ids and names of the items.
        biases: c, the stars an item gets beyond what its raters and their taste explain, shape
            (n,), in units of the ratings.
        means: unweighted mean of the item's training ratings, shape (n,).
        counts: its number of training ratings, shape (n,).
        deviations: posterior standard deviation of each bias, in the units of the biases, shape
            (n,); None for a model that does not know how sure it is.
        remarks: what else to know.
    """

    ranks: Int64s
    codes: Int64s
    items: Sequence[Any]
    titles: Sequence[str]
    biases: Values
    means: Float64s
    counts: Int64s
    deviations: Values | None = None
    remarks: tuple[str, ...] = ()

    def top(self, n: int = 15) -> BiasRanking:
        """The first ``n`` rows: the best liked, best first.

        Raises:
            ConfigError: ``n`` is negative.
        """
        return self.rows(np.arange(len(self))[: checked(n)])

    def bottom(self, n: int = 15) -> BiasRanking:
        """The last ``n`` rows from the end: the least liked, worst first.

        Raises:
            ConfigError: ``n`` is negative.
        """
        return self.rows(np.arange(len(self))[::-1][: checked(n)])

    def columns(self) -> dict[str, Any]:
        """Rank, item, title, bias, its deviation if known, mean of the ratings, their number."""
        known = {} if self.deviations is None else {"deviation": self.deviations}
        return {
            "rank": self.ranks,
            "item": self.items,
            "title": self.titles,
            "bias": self.biases,
            **known,
            "mean": self.means,
            "ratings": self.counts,
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What else to know."""
        return self.remarks

    def rows(self, rows: Int64s) -> BiasRanking:
        """Some rows, by position, in that order."""
        return replace(
            self,
            ranks=self.ranks[rows],
            codes=self.codes[rows],
            items=[self.items[row] for row in rows],
            titles=[self.titles[row] for row in rows],
            biases=self.biases[rows],
            means=self.means[rows],
            counts=self.counts[rows],
            deviations=None if self.deviations is None else self.deviations[rows],
        )


def item_biases(model: Model, ratings: Ratings, *, most_rated: int = 2000) -> BiasRanking:
    """Rank items by their bias.

    A mean rating mixes how good an item is with who rated it; a bias is what remains when the
    generosity of its raters, and for a model with factors also their taste, is taken into account.

    Args:
        model: a fitted model with item biases.
        ratings: the ratings it was trained on.
        most_rated: rank among this many items with the most training ratings (ties go to the
            smaller raw id). Items without ratings are never ranked.

    Returns:
        Largest bias first; equal biases with the more often rated item first.

    Raises:
        NotFittedFor: the model has no item biases.
        ConfigError: ``most_rated`` is less than 1.
        DataError: model and ratings are not of the same users and items.
    """
    biases = item_bias_of(model)
    if biases is None:
        raise NotFittedFor(
            f"a {model.kind!r} model without biases cannot rank items by them: "
            "fit BayesianMF, BiasedMF or BiasesOnly"
        )
    codes = most_rated_items(model, ratings, most_rated)
    codes = codes[top_n(biases[codes], len(codes))]
    sums = np.bincount(ratings.items, ratings.values, minlength=ratings.n_items)
    counts = ratings.item_counts[codes]
    deviations = item_bias_deviation_of(model)
    all_equal = len(codes) > 1 and bool(np.all(biases[codes] == biases[codes[0]]))
    return BiasRanking(
        ranks=np.arange(1, len(codes) + 1),
        codes=codes,
        items=ratings.item_ids.raws(codes),
        titles=[ratings.catalog.title(code) for code in codes],
        biases=biases[codes],
        means=sums[codes] / counts,
        counts=counts,
        deviations=None if deviations is None else deviations[codes],
        remarks=("all biases are equal: this ranks nothing",) if all_equal else (),
    )


def item_bias_of(model: Model) -> Values | None:
    """The item biases of a model, shape (n_items,), or None for a model that has none."""
    biases: Values | None = getattr(model, "item_bias", None)
    return biases


def item_bias_deviation_of(model: Model) -> Values | None:
    """How unsure a model is of each item bias, shape (n_items,), or None if it does not know."""
    return model.item_bias_deviation() if isinstance(model, PosteriorModel) else None


def most_rated_items(model: Model, ratings: Ratings, most_rated: int) -> Int64s:
    """Codes of the items with the most training ratings, most first, at most ``most_rated``.

    Raises:
        ConfigError: ``most_rated`` is less than 1.
        DataError: there are no ratings, or they are not of the model's users and items.
    """
    arguments.integer("most_rated", most_rated, 1)
    check_trained_on(model, ratings)
    codes = ratings.most_rated_items(most_rated)
    rated: Int64s = codes[ratings.item_counts[codes] > 0]
    return rated


def check_trained_on(model: Model, ratings: Ratings) -> None:
    """See that a model can have been trained on these ratings.

    Raises:
        DataError: there are no ratings, or they are not of the model's users and items.
    """
    if (model.n_users, model.n_items) != (ratings.n_users, ratings.n_items):
        raise DataError(
            f"the model knows {model.n_users:,} users and {model.n_items:,} items, the ratings "
            f"{ratings.n_users:,} and {ratings.n_items:,}: pass those it was trained on"
        )
    if not len(ratings):
        raise DataError("there are no ratings, and a model is read by those it was trained on")


def checked(n: int) -> int:
    """``n``, the number of rows asked for.

    Raises:
        ConfigError: it is negative.
    """
    arguments.integer("n", n, 0)
    return n
