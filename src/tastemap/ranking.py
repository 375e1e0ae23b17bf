"""From scores of all items to lists of a few, with what was left out and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tastemap.arrays import Codes, Int64s, Mask, Values, best_columns
from tastemap.data.catalog import Wanted, words
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import UNKNOWN
from tastemap.errors import NotFittedFor
from tastemap.liking import nearness, row_chances
from tastemap.models.fold_in import FoldedHistory, FoldedUser
from tastemap.models.protocol import SCORES_AT_ONCE, blocks
from tastemap.models.similarity import SimilarityModel
from tastemap.predicting import NEW, check_own, listed
from tastemap.results import Recommendations, SimilarItems

if TYPE_CHECKING:
    from tastemap.recommender import Recommender

_MANY = 1 << 24
"""Scores beyond which lists are chosen by compiled code: to load it takes longer than to choose."""

Row = tuple[Any, int, int, float]
"""Whom or what the list is for, rank, item code, score."""


def allowed_items(
    ratings: Ratings, include: Wanted | None, exclude: Wanted | None, min_ratings: int
) -> tuple[Mask, dict[str, int]]:
    """Which items may be recommended, shape (n_items,), and how many each rule left out, in turn.

    Args:
        ratings: the training ratings.
        include: keep only items that fit.
        exclude: leave out items that fit any of these.
        min_ratings: leave out items with fewer training ratings.

    Raises:
        ConfigError: items have no such metadata.
    """
    allowed = ratings.item_counts >= min_ratings
    few = f"with fewer than {min_ratings}" if min_ratings > 1 else "without"
    filtered = {f"{few} training ratings": int(np.sum(~allowed))}
    rules: list[tuple[str, Mask]] = []
    if include:
        rules.append((f"not {words(include)}", ratings.catalog.matches(include)))
    for name, value in (exclude or {}).items():
        one = {name: value}
        rules.append((f"with {words(one)}", ~ratings.catalog.matches(one)))
    for reason, keep in rules:
        filtered[reason] = int(np.sum(allowed & ~keep))
        allowed = allowed & keep
    return allowed, filtered


class Scored(NamedTuple):
    """Users with scores of all items, as many as are held at a time.

    Attributes:
        users: what to call them.
        rated: position of the user, and item code, of each rating they have given.
        scores: unclipped, shape (len(users), n_items); used up by ranking.
        fell_back: for whom the scores are not the model's own, shape (len(users),).
        who: their codes, shape (len(users),), or what is known of somebody new.
    """

    users: Sequence[Any]
    rated: tuple[Int64s, Codes]
    scores: Values
    fell_back: Mask
    who: Codes | FoldedUser | FoldedHistory

    def best(self, n: int, allowed: Mask, *, seen: bool) -> Codes:
        """Items by falling score, -1 where there are no more, shape (len(users), n or fewer)."""
        self.scores[:, np.flatnonzero(~allowed)] = -np.inf  # by mask takes four times as long
        if not seen:
            self.scores[self.rated] = -np.inf
        return best_columns(self.scores, n)


def asked(by: Recommender, user: Any) -> Iterable[Scored]:
    """Whom `Recommender.recommend` is asked about."""
    if isinstance(user, FoldedUser | FoldedHistory):
        check_own(by, user)
        scores = user.predict()
        fell_back = isinstance(user, FoldedHistory) and not scores.any()
        if fell_back:
            scores = by.ratings.item_counts.astype(np.float32)
        rated = np.zeros(len(user.items), np.int64), user.items
        return [Scored([NEW], rated, scores[None], np.array([fell_back]), user)]
    users = listed(user)
    codes = np.array([by.ratings.user_ids.code(one) for one in users], np.int32)
    return scored(by, users, codes)


def scored(by: Recommender, users: Sequence[Any], codes: Codes) -> Iterator[Scored]:
    """Users of these codes, a part at a time."""
    for part in blocks(len(codes), max(1, SCORES_AT_ONCE // by.ratings.n_items)):
        rated = by.ratings.by_user.pairs(codes[part])
        yield Scored(users[part], rated, *score_codes(by, codes[part]), codes[part])


def recommend_codes(by: Recommender, users: Codes, n: int, *, seen: bool) -> tuple[Codes, Values]:
    """See `Recommender.recommend_codes`."""
    n = min(n, by.ratings.n_items)
    items, values = np.empty((len(users), n), np.int32), np.empty((len(users), n), np.float32)
    if n and len(users) * by.ratings.n_items >= _MANY and find_spec("numba"):
        _choose_on_every_core(by, users, items, values, seen=seen)
        return items, values
    allowed, first = by.ratings.item_counts > 0, 0
    for one in scored(by, users.tolist(), users):
        part = slice(first, first + len(one.users))
        items[part] = one.best(n, allowed, seen=seen)
        values[part] = np.take_along_axis(one.scores, np.maximum(items[part], 0), axis=1)
        first = part.stop
    values[items < 0] = np.nan
    return items, values


def _choose_on_every_core(
    by: Recommender, users: Codes, items: Codes, values: Values, *, seen: bool
) -> None:
    """Write the lists of many users, as those of a few are made."""
    from tastemap.training.kernels_lists import best_unseen
    from tastemap.training.schedule import Workers

    rated = by.ratings.by_user
    left_out = np.flatnonzero(by.ratings.item_counts == 0)

    def choose(first: int, last: int) -> None:
        part = slice(first, last)
        scores, _ = score_codes(by, users[part])
        whose = np.full(last - first, UNKNOWN, np.int32) if seen else users[part]
        best_unseen(scores, whose, rated.start, rated.columns, left_out, items[part], values[part])

    # A quarter of what is held at once elsewhere: each thread holds as much.
    parts = blocks(len(users), max(1, SCORES_AT_ONCE // 4 // by.ratings.n_items))
    with Workers() as workers:
        workers.each(choose, [(part.start, part.stop) for part in parts])
    values[items < 0] = np.nan


def score_codes(by: Recommender, users: Codes) -> tuple[Values, Mask]:
    """See `Recommender.score_codes`; and for whom they are not the model's own scores."""
    cold = (users < 0) | (by.ratings.user_counts[users] == 0)
    scores = by.model.predict_users(users[~cold])
    if cold.any():
        warm, scores = scores, np.empty((len(users), by.ratings.n_items), np.float32)
        scores[~cold] = warm
    elif not scores.flags.writeable:
        scores = scores.copy()
    if by.model.predicts == "scores":
        # All 0: nothing that the user rated says anything to the model.
        cold[~cold] = ~np.any(scores[~cold], axis=1)
        scores[cold] = by.ratings.item_counts
    elif cold.any():
        scores[cold] = by.fallback.predict_users(np.full(1, UNKNOWN, np.int32))
    return scores, cold


def recommendations(
    by: Recommender,
    scored: Iterable[Scored],
    n: int,
    *,
    allowed: Mask,
    filtered: dict[str, int],
    seen: bool,
) -> Recommendations:
    """The best allowed items of each user.

    Args:
        by: whose scores they are; where these are ratings, they are clipped to the scale.
        scored: the users.
        n: how many items for each.
        allowed: as `allowed_items` gives it.
        filtered: the same.
        seen: keep items that the user has rated.
    """
    rows: list[Row] = []
    remarks: list[str] = []
    chances: list[Values] = []
    n_seen = 0
    for one in scored:
        remarks += [said for of_user in _fallen_back(by, one).values() for said in of_user]
        n_seen += 0 if seen else int(allowed[one.rated[1]].sum())
        ranks_all = by.liking is not None and by.model.predicts == "scores"
        near = nearness(one.scores, one.rated) if ranks_all else None
        best = one.best(n, allowed, seen=seen)
        rows += _rows(one, best)
        chances.append(_chances(by, one, best, near))
    scores = np.array([row[3] for row in rows], np.float32)
    low, high = _ends(by)
    ratings = by.ratings
    return Recommendations(
        users=[row[0] for row in rows],
        ranks=[row[1] for row in rows],
        items=ratings.item_ids.raws([row[2] for row in rows]),
        titles=[ratings.catalog.title(row[2]) for row in rows],
        scores=np.clip(scores, low, high),
        chances=None if by.liking is None else np.concatenate([*chances, np.zeros(0, np.float32)]),
        liked_from=None if by.liking is None else by.liking.liked_from,
        filtered=_left_out(by, filtered, n_seen),
        remarks=(*remarks, *_above(int(np.sum(scores > high)), high)),
    )


class Listing(NamedTuple):
    """The list of one user.

    Attributes:
        items: codes, best first.
        scores: of the items, clipped to the scale where they are ratings.
        filtered: how many items were left out, by reason.
        remarks: what else to know.
    """

    items: list[int]
    scores: list[float]
    filtered: dict[str, int]
    remarks: list[str]


def listings(
    by: Recommender,
    scored: Scored,
    best: Codes,
    *,
    allowed: Mask,
    filtered: dict[str, int],
    seen: bool,
) -> list[Listing]:
    """A list for each user, without chances.

    Args:
        by: whose scores they are.
        scored: the users.
        best: their items, as `Scored.best` gives them.
        allowed: as `allowed_items` gives it.
        filtered: the same.
        seen: keep items that the user has rated.
    """
    low, high = _ends(by)
    there = best >= 0  # -1 comes last
    counts = there.sum(axis=1).tolist()
    scores = scored.scores[np.arange(len(best))[:, None], best]
    above = ((scores > high) & there).sum(axis=1).tolist()
    n_seen = np.zeros(len(best), np.int64)
    if not seen:
        n_seen += np.bincount(scored.rated[0][allowed[scored.rated[1]]], minlength=len(best))
    fell_back = _fallen_back(by, scored)
    rows = zip(counts, best.tolist(), scores.clip(low, high).tolist(), strict=True)
    return [
        Listing(
            items[:n],
            values[:n],
            _left_out(by, filtered, seen_here),
            [*fell_back.get(row, ()), *_above(n_high, high)],
        )
        for row, ((n, items, values), seen_here, n_high) in enumerate(
            zip(rows, n_seen.tolist(), above, strict=True)
        )
    ]


def _ends(by: Recommender) -> tuple[float, float]:
    """Of the scale of what is predicted."""
    return by.ratings.scale if by.model.predicts == "ratings" else (-np.inf, np.inf)


def _above(n_high: int, high: float) -> list[str]:
    return [f"scores above the scale, shown as {high:g}: {n_high:,}"] if n_high else []


def _left_out(by: Recommender, filtered: dict[str, int], n_seen: int) -> dict[str, int]:
    return {**filtered, f"already {'rated' if by.ratings.explicit else 'taken'}": n_seen}


def _chances(by: Recommender, one: Scored, best: Codes, near: Values | None) -> Values:
    """Chance of liking of each row of lists; NaN where they are not the model's own."""
    if by.liking is None:
        return np.zeros(0, np.float32)
    places, at = np.nonzero(best >= 0)
    items = best[places, at]
    found = row_chances(
        by,
        by.liking,
        one.who[places] if isinstance(one.who, np.ndarray) else one.who,
        items,
        one.scores[places, items],
        None if near is None else near[places, items],
    )
    return np.where(one.fell_back[places], np.float32(np.nan), found)


def _fallen_back(by: Recommender, one: Scored) -> dict[int, list[str]]:
    """What to say of the users whose scores are not the model's own, by their place."""
    if not one.fell_back.any():
        return {}
    noun = by.ratings.noun
    by_what = "item bias" if by.model.predicts == "ratings" else "popularity"
    has_some = np.bincount(one.rated[0], minlength=len(one.users)) > 0
    said = {}
    for row in np.flatnonzero(one.fell_back).tolist():
        user = f"user {one.users[row]!r}"
        if has_some[row]:
            why = f"the {noun} of {user} say nothing to the model"
        else:
            why = f"{user} has no training {noun}"
        said[row] = [f"{why}: ranked by {by_what}"]
    return said


def similar_items(by: Recommender, item: Any, n: int, min_ratings: int) -> SimilarItems:
    """See `Recommender.similar_items`."""
    ratings, likeness = by.ratings, _likeness(by)
    codes = np.array([by.catalog.code(name) for name in listed(item)], np.int32)
    allowed = ratings.item_counts >= min_ratings
    rows: list[Row] = []
    for part in blocks(len(codes), max(1, SCORES_AT_ONCE // ratings.n_items)):
        found = likeness(codes[part])
        itself = np.arange(len(found)), codes[part]
        one = Scored(codes[part].tolist(), itself, found, np.zeros(len(found), bool), codes[part])
        rows += _rows(one, one.best(n, allowed, seen=False))
    return SimilarItems(
        of=ratings.item_ids.raws([row[0] for row in rows]),
        ranks=[row[1] for row in rows],
        items=ratings.item_ids.raws([row[2] for row in rows]),
        titles=[ratings.catalog.title(row[2]) for row in rows],
        similarities=np.array([row[3] for row in rows], np.float32),
    )


def _likeness(by: Recommender) -> Callable[[Codes], Values]:
    """How like some items all items are, shape (len(items), n_items); -inf: not at all."""
    model = by.model
    if isinstance(model, SimilarityModel):

        def weights(items: Codes) -> Values:
            said = model.say(items)
            said[said <= 0] = -np.inf
            return said

        return weights
    vectors = model.item_vectors()
    if vectors is None:
        raise NotFittedFor(
            f"{by.recipe.called} model does not say what items are like: fit one with factors, or "
            "one of item neighbours, such as EASE or ItemKNN"
        )
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return lambda items: unit[items] @ unit.T


def _rows(one: Scored, best: Codes) -> list[Row]:
    return [
        (user, rank, int(item), float(scores[item]))
        for user, items, scores in zip(one.users, best, one.scores, strict=True)
        for rank, item in enumerate(items[items >= 0], 1)
    ]
