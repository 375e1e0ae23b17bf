"""Leaving out some of the ratings, and saying how many. `Ratings` has these as methods."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tastemap import arguments
from tastemap.arrays import Codes, Int64s, Mask, frozen
from tastemap.data.catalog import Catalog
from tastemap.data.moments import Moment, seconds_of, written
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tastemap.data.ratings import Ratings


def min_counts(ratings: Ratings, user: int, item: int) -> Ratings:
    """See `Ratings.min_counts`."""
    _check(user=user, item=item)
    keep = ratings.user_counts[ratings.users] >= user
    keep &= ratings.item_counts[ratings.items] >= item
    return _kept(ratings, keep, f"min_counts(user={user}, item={item})")


def k_core(ratings: Ratings, user: int, item: int) -> Ratings:
    """See `Ratings.k_core`."""
    _check(user=user, item=item)
    rows = np.arange(len(ratings))
    rounds, left = 0, -1
    while left != len(rows):
        left = len(rows)
        user_counts = np.bincount(ratings.users[rows], minlength=ratings.n_users)
        rows = rows[user_counts[ratings.users[rows]] >= user]
        item_counts = np.bincount(ratings.items[rows], minlength=ratings.n_items)
        rows = rows[item_counts[ratings.items[rows]] >= item]
        rounds += left != len(rows)
    keep = np.zeros(len(ratings), np.bool_)
    keep[rows] = True
    said = f"k_core(user={user}, item={item}), {rounds} round{'' if rounds == 1 else 's'}"
    return _kept(ratings, keep, said)


def dated(ratings: Ratings, since: Moment | None, before: Moment | None) -> Ratings:
    """See `Ratings.dated`."""
    if since is None and before is None:
        raise ConfigError("dated needs since, before or both")
    times = ratings.times
    if times is None:
        raise DataError(f"{ratings.name} has no times: read it with its column of times")
    said = []
    keep = np.ones(len(ratings), np.bool_)
    if since is not None:
        keep &= times >= seconds_of(since)
        said.append(f"since {written(seconds_of(since))}")
    if before is not None:
        keep &= times < seconds_of(before)
        said.append(f"before {written(seconds_of(before))}")
    if len(times) and not keep.any():
        said.append(f"they are from {written(times.min())} to {written(times.max())}")
    return _kept(ratings, keep, ", ".join(said))


def _kept(ratings: Ratings, keep: Mask, filtered: str) -> Ratings:
    """The ratings that are kept, without the users and items that have none left."""
    if not keep.any():
        raise DataError(f"none of the {len(ratings):,} {ratings.noun} is left: {filtered}")
    part = ratings.take(keep)
    users, user_ids, kept_users = _renumbered(part.users, part.user_ids)
    items, item_ids, kept_items = _renumbered(part.items, part.item_ids)
    known = part.user_catalog
    left_out = [
        f"{before - after:,} of {before:,} {noun}"
        for before, after, noun in (
            (len(ratings), len(part), ratings.noun),
            (ratings.n_users, len(user_ids), "users"),
            (ratings.n_items, len(item_ids), "items"),
        )
    ]
    return replace(
        part,
        users=users,
        items=items,
        user_ids=user_ids,
        item_ids=item_ids,
        catalog=_of(part.catalog, item_ids, kept_items),
        user_catalog=None if known is None else _of(known, user_ids, kept_users),
        notes=(*ratings.notes, f"{filtered}: left out {', '.join(left_out)}"),
    )


def _renumbered(codes: Codes, ids: Vocabulary) -> tuple[Codes, Vocabulary, Int64s]:
    """Codes of those that occur, by first appearance; their ids; and their codes of before."""
    n = len(codes)
    first = np.full(len(ids), n)
    first[codes[::-1]] = np.arange(n)[::-1]  # of several, the last one written stays
    before = np.flatnonzero(first < n)
    before = before[np.argsort(first[before])]
    after = np.zeros(len(ids), np.int32)
    after[before] = np.arange(len(before))
    return frozen(after[codes], np.int32), Vocabulary(ids.ids.take(before), ids.noun), before


def _of(catalog: Catalog, ids: Vocabulary, before: Int64s) -> Catalog:
    return Catalog(ids, catalog.take(before)) if catalog.columns else Catalog(ids)


def _check(**least: int) -> None:
    for name, value in least.items():
        arguments.integer(name, value, 1)
