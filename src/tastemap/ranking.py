"""From scores of all items to lists of a few, with what was left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap.arrays import Codes, Mask, Values, top_n
from tastemap.data.catalog import Wanted, words
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import UNKNOWN
from tastemap.models.protocol import blocks
from tastemap.results import Recommendations, SimilarItems

if TYPE_CHECKING:
    from tastemap.recommender import Recommender

SCORES_AT_ONCE = 1 << 24
"""Scores held at a time when ranking for many users or items (64 MB)."""

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


def scored(
    by: Recommender, users: Sequence[Any], codes: Codes
) -> Iterator[tuple[Any, Codes, Values]]:
    """Each user with the items they rated and unclipped scores of all items."""
    for part in blocks(len(codes), max(1, SCORES_AT_ONCE // by.ratings.n_items)):
        scores = score_codes(by, codes[part])
        for name, code, mine in zip(users[part], codes[part], scores, strict=True):
            yield name, by.ratings.by_user.row(code)[0], mine


def score_codes(by: Recommender, users: Codes) -> Values:
    """See `Recommender.score_codes`."""
    scores = np.empty((len(users), by.ratings.n_items), np.float32)
    cold = (users < 0) | (by.ratings.user_counts[users] == 0)
    scores[~cold] = by.model.predict_users(users[~cold])
    if by.model.predicts == "scores":
        # All 0: nothing that the user rated says anything to the model.
        cold[~cold] = ~np.any(scores[~cold], axis=1)
        scores[cold] = by.ratings.item_counts
    elif cold.any():
        scores[cold] = by.fallback.predict_users(np.full(1, UNKNOWN, np.int32))
    return scores


def recommendations(
    ratings: Ratings,
    scored: Iterable[tuple[Any, Codes, Values]],
    n: int,
    *,
    allowed: Mask,
    filtered: dict[str, int],
    seen: bool,
    scale: tuple[float, float] | None,
    remarks: Iterable[str] = (),
) -> Recommendations:
    """The best allowed items of each user.

    Args:
        ratings: the training ratings.
        scored: for each user what to call them, codes of the items they rated, and unclipped
            scores of all items, shape (n_items,), which are used up.
        n: how many items for each.
        allowed: as `allowed_items` gives it.
        filtered: the same.
        seen: keep items that the user has rated.
        scale: lowest and highest rating, where scores are ratings; they are clipped to it.
        remarks: what else to say.
    """
    rows: list[Row] = []
    n_seen = 0
    for user, rated, scores in scored:
        scores[~allowed] = np.nan
        if not seen:
            n_seen += int(allowed[rated].sum())
            scores[rated] = np.nan
        rows += [
            (user, rank, int(item), float(scores[item]))
            for rank, item in enumerate(top_n(scores, n), 1)
        ]
    scores = np.array([row[3] for row in rows], np.float32)
    low, high = scale or (-np.inf, np.inf)
    n_high = int(np.sum(scores > high))
    said = [f"{n_high:,} scores above the scale, shown as {high:g}"] if n_high else []
    return Recommendations(
        users=[row[0] for row in rows],
        ranks=[row[1] for row in rows],
        items=ratings.item_ids.raws([row[2] for row in rows]),
        titles=[ratings.catalog.title(row[2]) for row in rows],
        scores=np.clip(scores, low, high),
        filtered={**filtered, "already rated": n_seen},
        remarks=(*remarks, *said),
    )


def similar(ratings: Ratings, vectors: Values, codes: Codes, n: int, allowed: Mask) -> SimilarItems:
    """The allowed items whose vectors point most nearly the same way as each of ``codes``.

    Args:
        ratings: the training ratings.
        vectors: of all items, shape (n_items, k).
        codes: the items to compare with, shape (m,).
        n: how many for each.
        allowed: which items may be listed, shape (n_items,).
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    at_once = max(1, SCORES_AT_ONCE // max(1, len(unit)))
    rows: list[Row] = []
    for first in range(0, len(codes), at_once):
        part = codes[first : first + at_once]
        for code, cosines in zip(part, unit[part] @ unit.T, strict=True):
            cosines[~allowed] = np.nan
            cosines[code] = np.nan
            rows += [
                (int(code), rank, int(other), float(cosines[other]))
                for rank, other in enumerate(top_n(cosines, n), 1)
            ]
    return SimilarItems(
        of=ratings.item_ids.raws([row[0] for row in rows]),
        ranks=[row[1] for row in rows],
        items=ratings.item_ids.raws([row[2] for row in rows]),
        titles=[ratings.catalog.title(row[2]) for row in rows],
        similarities=np.array([row[3] for row in rows], np.float32),
    )
