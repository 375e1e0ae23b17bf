"""Users, items and ratings that a recommender has not seen, taken in without training again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tastemap.arrays import Codes, Int64s, Values
from tastemap.data.joining import Joined, join
from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings
from tastemap.errors import DataError, NotFittedFor
from tastemap.models import fold_in
from tastemap.models.factors import FactorModel
from tastemap.models.fold_in import FoldedGroup, FoldedHistory, FoldedUser
from tastemap.models.popularity import PopularityModel
from tastemap.models.posterior import PosteriorModel
from tastemap.models.prior import Prior, users_of
from tastemap.models.protocol import ListModel
from tastemap.models.thresholds import Thresholds
from tastemap.models.updating import updated
from tastemap.randomness import stream
from tastemap.results import Questions
from tastemap.training.baselines import BiasesOnly

if TYPE_CHECKING:
    from tastemap.recommender import Recommender

_RESIDUALS = 1_000_000
"""Training ratings from which the noise of a model is taken, at most."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Newcomers:
    """What a recommender expects of somebody new, worked out once.

    Attributes:
        model: a model with biases.
        prior: of users.
        noise_variance: of a rating of weight 1 around its prediction.
    """

    model: FactorModel
    prior: Prior
    noise_variance: float

    @classmethod
    def of(cls, to: Recommender) -> Self:
        """Of a recommender.

        Raises:
            NotFittedFor: the model has no factors, or no biases, or does not predict ratings.
        """
        model = to.model
        with_biases = isinstance(model, FactorModel) and model.user_bias is not None
        if not isinstance(model, FactorModel) or not with_biases or not to.ratings.explicit:
            raise NotFittedFor(
                f"{to.recipe.called} model cannot take in new users or ratings: "
                "fit BayesianMF or BiasedMF, or train again"
            )
        users = users_of(model)[to.ratings.user_counts > 0]
        return cls(model=model, prior=Prior.of(users), noise_variance=_noise(model, to.ratings))

    def fold_in(self, to: Recommender, ratings: Mapping[Any, float]) -> FoldedUser:
        """See `Recommender.fold_in`."""
        return self.fold(to, *read(to, ratings))

    def check(self, values: Values) -> None:
        """See that ratings can be folded in.

        Raises:
            DataError: the model takes ratings as steps of a scale, and one is none of them.
        """
        steps = _thresholds(self.model)
        if steps is not None:
            steps.steps(values)

    def fold(self, to: Recommender, items: Codes, values: Values) -> FoldedUser:
        """The same in codes, shape (n,), each item once, with ratings on the scale."""
        ((_, group),) = self.fold_together(to, [(items, values)])
        return group.user(0)

    def fold_together(
        self, to: Recommender, ratings: Sequence[tuple[Codes, Values]]
    ) -> list[tuple[Int64s, FoldedGroup]]:
        """The same of several users: groups of those with about as many ratings.

        Returns:
            Of each group the places its users have in ``ratings``, and the group.
        """
        return [
            (
                np.array(places),
                fold_in.fold_in_group(
                    self.model,
                    [ratings[place] for place in places],
                    item_counts=to.ratings.item_counts,
                    noise_variance=self.noise_variance,
                    prior=self.prior,
                    thresholds=_thresholds(self.model),
                ),
            )
            for places in _alike([len(items) for items, _ in ratings], len(self.prior.mean))
        ]

    def with_ratings(self, to: Recommender, new: object, seed: int) -> Recommender:
        """See `Recommender.with_ratings`."""
        joined = _joined(to, new)
        chance = stream(seed, f"with_ratings/{joined.ratings.fingerprint}")
        return replace(
            to,
            model=updated(self.model, joined, self.noise_variance, chance),
            ratings=joined.ratings,
            fallback=BiasesOnly().solve(joined.ratings),
            evaluation=None,
            coverage=None,
        )


_A_RATING, _A_GROUP = 100, 300_000
"""What a rating takes besides solving, and what one more group takes, in multiplications."""


def _alike(lengths: Sequence[int], width: int) -> Iterator[list[int]]:
    """Places of rows in groups: all of a group become as long as its longest.

    Where that takes more than another group would, there is another.
    """
    work = [n * (min(n, width) * width + _A_RATING) for n in lengths]
    group: list[int] = []
    for place in sorted(range(len(lengths)), key=work.__getitem__):
        if group and len(group) * (work[place] - work[group[0]]) > _A_GROUP:
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _thresholds(model: FactorModel) -> Thresholds | None:
    return model.thresholds if isinstance(model, PosteriorModel) else None


def _joined(to: Recommender, new: object) -> Joined:
    if not isinstance(new, Ratings):
        new = read_ratings(new, rating=None if to.ratings.explicit else False)
    return join(to.ratings, new)


def fold_history(to: Recommender, ratings: Mapping[Any, float]) -> FoldedHistory:
    """See `Recommender.fold_in`, of a model that ranks items."""
    model = to.model
    assert isinstance(model, ListModel)  # noqa: S101  # what predicts scores is one
    items, values = read(to, ratings)
    return FoldedHistory(model=model, items=items, values=values)


def with_history(to: Recommender, new: object) -> Recommender:
    """See `Recommender.with_ratings`, of a model that ranks items."""
    assert isinstance(to.model, ListModel)  # noqa: S101  # what predicts scores is one
    joined = _joined(to, new)
    ratings, more = joined.ratings, joined.ratings.n_items - to.ratings.n_items
    if more and not isinstance(to.model, PopularityModel):
        note = f"new items: {more:,}, of which the model knows nothing until it is trained again"
        ratings = replace(ratings, notes=(*ratings.notes, note))
    return replace(
        to,
        model=to.model.taken_in(ratings, np.unique(ratings.users[joined.changed])),
        ratings=ratings,
        fallback=BiasesOnly().solve(ratings),
        evaluation=None,
    )


def read(to: Recommender, ratings: Mapping[Any, float]) -> tuple[Codes, Values]:
    """Ratings of somebody new as codes and values, checked.

    Raises:
        UnknownItemError: an id or title does not occur.
        DataError: a rating is outside the scale, or an item is rated by its id and by its title.
    """
    items = np.array([to.catalog.code(item) for item in ratings], np.int32)
    check(to, ratings)
    if len(np.unique(items)) != len(items):
        raise DataError("an item is rated by its id and by its title: rate it once")
    return items, np.array(list(ratings.values()), np.float32)


def check(to: Recommender, ratings: Mapping[Any, float]) -> None:
    """See that ratings, by item, are on the scale.

    Raises:
        DataError: one is not.
    """
    low, high = to.ratings.scale
    for item, value in ratings.items():
        if not _is_number(value) or not low <= value <= high:  # nor NaN
            if not to.ratings.explicit:
                raise DataError(
                    f"the model learnt from interactions, which have no ratings: give 1 for each "
                    f"item taken, not {value!r} for {item!r}"
                )
            raise DataError(
                f"the rating {value!r} of {item!r} is not on the scale of the training "
                f"ratings, {low:g} to {high:g}"
            )


def _is_number(value: object) -> bool:
    numbers = isinstance(value, int | float | np.integer | np.floating)
    return numbers and not isinstance(value, bool)


def ask_next(to: Recommender, user: FoldedUser | FoldedHistory, n: int) -> Questions:
    """See `Recommender.ask_next`."""
    if isinstance(user, FoldedHistory):
        raise NotFittedFor(
            f"{to.recipe.called} model does not know how unsure it is, and has no questions: fit "
            "BayesianMF or BiasedMF"
        )
    chance = to.ratings.item_counts / float(np.count_nonzero(to.ratings.user_counts))
    codes = fold_in.ask_next(user, chance, n)
    return Questions(
        items=to.ratings.item_ids.raws(codes),
        titles=[to.catalog.title(code) for code in codes],
        chances=chance[codes],
    )


def _noise(model: FactorModel, ratings: Ratings) -> float:
    """What the posterior says, or the mean of w (r - r̂)² of the training ratings."""
    if isinstance(model, PosteriorModel):
        return float(model.noise_variance.mean())
    some = ratings.take(np.arange(0, len(ratings), 1 + len(ratings) // _RESIDUALS))
    squares = np.square(
        some.values.astype(np.float64) - model.predict_pairs(some.users, some.items)
    )
    weights = 1 if some.weights is None else some.weights
    # A model that knows its ratings by heart would take every word of a newcomer literally.
    return max(float(np.mean(weights * squares)), 1e-4 * float(np.var(some.values)), 1e-9)
