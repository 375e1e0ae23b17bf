"""Lists of recommendations against what users turned out to like.

For every user with a relevant test item, all items they have not rated in training are ranked
(full ranking), and the list is looked at down to place k. Ranking the relevant items among a few
items drawn at random instead is cheaper, and can put the worse of two models first (Krichene &
Rendle 2020, "On sampled metrics for item recommendation"): it is done where it is asked for by
name, and the result says so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tastemap import arguments
from tastemap.arrays import AnyArray, Codes, Float64s, Int64s, Mask, Values, best_columns
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import UNKNOWN
from tastemap.errors import ConfigError
from tastemap.metrics import ranking
from tastemap.models.protocol import SCORES_AT_ONCE, blocks
from tastemap.randomness import stream

if TYPE_CHECKING:
    from tastemap.recommender import Recommender

RELEVANT_QUARTER = 0.75
"""Relevant is what is rated in the upper quarter of the scale: 4 and 5 of five stars."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ListMeasures:
    """How good lists of recommendations are.

    Attributes:
        k: lengths of the lists measured, rising.
        users: lists measured: one for each user with a relevant test item.
        left_out: users of the test ratings without a relevant item: nothing can be found there.
        relevant: relevant test ratings of items the user has not rated in training.
        relevant_from: ratings from this on are relevant; None for interactions, all of which are.
        without_ratings: relevant test ratings of items without training ratings: no list has
            them, and they count as not found.
        new_users: lists of users without training ratings: what everybody likes best.
        sampled: items that are not relevant drawn for each user to rank the relevant ones among;
            None for full ranking.
        measures: by name, such as ``"ndcg@10"``. Means over the lists of ``ndcg``, ``recall``,
            ``precision``, ``map``, ``mrr``, ``hit_rate`` (`tastemap.metrics.ranking`) and
            ``auc``; what the lists are like beyond that: ``catalog``, the share of the items with
            training ratings that are in a list (catalogue coverage); ``novelty``, in bits;
            ``gini``, of how often items are listed; ``diversity``, of the items of a list. The
            last four are not given for sampled ranking, where lists are not those users would
            get. A measure that cannot be taken, such as the diversity of lists of one item, is
            not there.
        noun: what the model was trained on: ``"ratings"`` or ``"interactions"``.
    """

    k: tuple[int, ...]
    users: int
    left_out: int
    relevant: int
    relevant_from: float | None
    without_ratings: int
    new_users: int
    sampled: int | None
    measures: Mapping[str, float]
    noun: str = "ratings"

    @property
    def notes(self) -> list[str]:
        """What is relevant, and what was left out or could not be found."""
        liked = (
            "every test row is relevant"
            if self.relevant_from is None
            else f"relevant: rated {self.relevant_from:g} or higher"
        )
        notes = [
            f"lists of {self.users:,} users against {self.relevant:,} relevant test rows; {liked}; "
            f"{self.left_out:,} users without any left out"
        ]
        if self.without_ratings:
            notes.append(
                f"{self.without_ratings:,} relevant rows are of items without training "
                f"{self.noun}, and count as not found"
            )
        if self.new_users:
            notes.append(f"{self.new_users:,} users without training {self.noun} all get one list")
        if self.sampled is not None:
            notes.append(
                f"sampled ranking, among {self.sampled:,} random items a user: such numbers can "
                "put the worse model first, and are not those of full ranking"
            )
        return notes

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The measures as a manifest holds them."""
        return cls(**{**stored, "k": tuple(stored["k"])})


@dataclass(frozen=True, eq=False, kw_only=True)
class Lists:
    """The lists themselves with what each is worth; rows are users.

    Attributes:
        measures: of all of them together.
        users: user of each list in codes of the test ratings, shape (n_lists,), rising.
        items: codes of the training ratings, best first, shape (n_lists, largest k); -1 where
            there are not that many items to recommend.
        each: measures of single lists by name, such as ``"ndcg@10"``, each of shape (n_lists,).
    """

    measures: ListMeasures
    users: Codes
    items: Codes
    each: Mapping[str, Float64s]


def rank(
    model: Recommender,
    test: Ratings,
    users: Codes,
    items: Codes,
    *,
    k: Sequence[int],
    relevant_from: float | None = None,
    sampled: int | None = None,
    seed: int = 0,
) -> Lists | None:
    """Recommend to every user of the test ratings, and look for what they liked.

    Equal scores are put in an order that is drawn once: a model that cannot tell items apart gets
    no credit for the order of the file.

    Args:
        model: a fitted model.
        test: ratings it was not trained on; rows that it was trained on are left out.
        users: user of each test row in codes of the training ratings; -1 where unknown.
        items: likewise.
        k: lengths of lists.
        relevant_from: as of `tastemap.evaluate`.
        sampled: likewise.
        seed: of the order of equal scores, and of the items drawn.

    Returns:
        The lists; None where no user has a relevant test item.

    Raises:
        ConfigError: a length is not positive, or the number of sampled items is not, or
            ``relevant_from`` is given for interactions.
    """
    if relevant_from is not None:
        arguments.number("relevant_from", relevant_from)
    if sampled is not None:
        arguments.integer("sampled", sampled, 1)
        _LOG.warning(
            "sampled ranking can put the worse of two models first: compare models by full ranking"
        )
    if relevant_from is not None and not test.explicit:
        raise ConfigError(
            f"relevant_from={relevant_from:g} asks for ratings, and the test rows of {test.name} "
            "are interactions, all of which are relevant: leave it out"
        )
    train = model.ratings
    if relevant_from is None:
        relevant_from = threshold(train, test)
    wanted = relevant_rows(train, test, users, items, relevant_from)
    if not len(wanted):
        return None
    owners, first, n_relevant = np.unique(test.users[wanted], return_index=True, return_counts=True)
    rows = np.repeat(np.arange(len(owners)), n_relevant)
    columns = _listable(train, items[wanted])
    codes = users[wanted][first]

    chance = stream(seed, "evaluation/lists")
    order = chance.permutation(train.n_items)
    width = max(k)
    listed = np.full((len(owners), width), UNKNOWN, np.int32)
    hits = np.zeros((len(owners), width), bool)
    auc = np.empty(len(owners))
    unlisted = np.flatnonzero(train.item_counts == 0)
    for part in blocks(len(owners), max(1, SCORES_AT_ONCE // max(train.n_items, 1))):
        scores = _scores(model, codes[part])
        scores[:, unlisted] = -np.inf
        scores[train.by_user.pairs(codes[part])] = -np.inf
        mine = slice(*np.searchsorted(rows, (part.start, part.stop)))
        row, column = rows[mine] - part.start, columns[mine]
        relevant = np.zeros(scores.shape, bool)
        relevant[row[column >= 0], column[column >= 0]] = True
        if sampled is not None:
            scores[~_drawn(scores, relevant, sampled, chance)] = -np.inf
        best = best_columns(scores, width, order)
        listed[part, : best.shape[1]] = best
        liked = np.take_along_axis(relevant, np.maximum(best, 0), axis=1)
        hits[part, : best.shape[1]] = liked & (best >= 0)
        auc[part] = ranking.auc(scores, row, column, n_relevant[part])

    each: dict[str, Float64s] = {}
    for at in sorted(set(k)):
        found = ranking.at_k(hits[:, :at], n_relevant)
        each |= {f"{name}@{at}": values for name, values in found.items()}
    each["auc"] = auc
    measures = {name: _mean(values) for name, values in each.items()}
    if sampled is None:
        for at in sorted(set(k)):
            measures |= _beyond_accuracy(train, listed[:, :at], at)
    known = (codes >= 0) & (train.user_counts[codes] > 0)
    return Lists(
        measures=ListMeasures(
            k=tuple(sorted(set(k))),
            users=len(owners),
            left_out=len(np.unique(test.users)) - len(owners),
            relevant=len(wanted),
            relevant_from=relevant_from if test.explicit else None,
            without_ratings=int(np.sum(columns < 0)),
            new_users=int(np.sum(~known)),
            sampled=sampled,
            measures={name: value for name, value in measures.items() if not np.isnan(value)},
            noun=train.noun,
        ),
        users=owners.astype(np.int32),
        items=listed,
        each=each,
    )


def threshold(train: Ratings, test: Ratings) -> float:
    """The rating from which on an item is relevant: the lowest in the upper quarter of the scale.

    The scale is that of the training ratings: 4 of 1 to 5 stars, or of half stars. Where these are
    interactions, which have none, it is that of the test ratings.
    """
    if not test.explicit:
        return -np.inf
    rated = train if train.explicit else test
    low, high = rated.scale
    values = np.unique(rated.values)
    return float(values[values >= low + RELEVANT_QUARTER * (high - low)][0])


def relevant_rows(
    train: Ratings, test: Ratings, users: Codes, items: Codes, relevant_from: float
) -> Int64s:
    """Test rows to be found, in order of test user, each pair of user and item once.

    Rows that are also training rows are none: nobody is recommended what they have rated.
    """
    wanted = np.ones(len(test), bool) if not test.explicit else test.values >= relevant_from
    wanted &= ~seen_rows(train, users, items)
    rows = np.flatnonzero(wanted)
    pairs = test.users[rows].astype(np.int64) * test.n_items + test.items[rows]
    return np.asarray(rows[np.unique(pairs, return_index=True)[1]], np.int64)


def seen_rows(train: Ratings, users: Codes, items: Codes) -> Mask:
    """Which pairs, in codes of the training ratings, are among them, shape (n,)."""
    # A pair as one number, so that they can be looked up.
    width = np.int64(max(train.n_items, 1))
    seen = np.isin(users * width + items, train.users * width + train.items)
    found: Mask = seen & (users >= 0) & (items >= 0)
    return found


def _scores(model: Recommender, users: Codes) -> Values:
    """Scores of all items, as `Recommender.recommend` ranks by them, shape (n, n_items)."""
    scores = model.score_codes(users)
    scores[np.isnan(scores)] = -np.inf
    return scores


def _listable(train: Ratings, items: Codes) -> Codes:
    """The items, -1 where they have no training ratings."""
    return np.where((items >= 0) & (train.item_counts[items] > 0), items, UNKNOWN)


def _drawn(scores: Values, relevant: Mask, n: int, chance: np.random.Generator) -> Mask:
    """The relevant items and ``n`` others that could be recommended, drawn for each row."""
    draws = chance.random(scores.shape, np.float32)
    draws[relevant | (scores == -np.inf)] = 2
    at = min(n, scores.shape[1]) - 1
    border = np.partition(draws, at, axis=1)[:, at, None]
    drawn: Mask = relevant | (draws <= np.minimum(border, 1))
    return drawn


def _beyond_accuracy(train: Ratings, lists: Codes, k: int) -> dict[str, float]:
    """What lists of length k are like, whether or not they are right."""
    counts = np.bincount(lists[lists >= 0], minlength=train.n_items)[train.item_counts > 0]
    shares = train.item_counts / max(int(np.count_nonzero(train.user_counts)), 1)
    varied = ranking.diversity(lists, train.users, train.items, train.n_users)
    return {
        f"catalog@{k}": float(np.mean(counts > 0)),
        f"novelty@{k}": _mean(ranking.novelty(lists, shares)),
        f"gini@{k}": ranking.exposure_gini(counts),
        f"diversity@{k}": _mean(varied),
    }


def _mean(values: AnyArray) -> float:
    """Mean of what is a number; NaN where nothing is."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")
