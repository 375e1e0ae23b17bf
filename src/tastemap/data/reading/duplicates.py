"""Users who rated an item more than once: found, and resolved by a named rule."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from tastemap.arrays import Int64s
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tastemap.data.reading.formats import Source

Rule = Literal["last", "mean", "count", "error"]
"""What to do with repeated pairs: keep the latest, average, count (interactions), or refuse."""

RESOLVED = "repeated pairs of user and item"
"""What the note on resolved duplicates says."""

RULES: tuple[str, ...] = get_args(Rule)


def pair_keys(ratings: Ratings) -> Int64s:
    """One number for each pair of user and item, shape (n_ratings,)."""
    keys: Int64s = ratings.users.astype(np.int64)
    keys *= ratings.n_items
    keys += ratings.items
    return keys


def repeated_rows(ratings: Ratings) -> Int64s:
    """Rows whose pair of user and item occurs more than once, in rising order."""
    ordered = pair_keys(ratings)
    ordered.sort()
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if not len(repeated):
        return np.empty(0, np.int64)
    keys = pair_keys(ratings)
    found = np.searchsorted(repeated, keys)
    found[found == len(repeated)] = 0
    return np.flatnonzero(repeated[found] == keys)


def fitting_rule(rule: Rule | None, explicit: bool) -> Rule:
    """The rule for ratings (explicit) or interactions; None is ``"last"`` or ``"count"``.

    Raises:
        ConfigError: there is no such rule, or it does not fit: ``"mean"`` is of ratings only,
            ``"count"`` of interactions only.
    """
    if rule is None:
        return "last" if explicit else "count"
    if rule not in RULES:
        raise ConfigError(f"duplicates={rule!r}: use one of {', '.join(map(repr, RULES))}")
    if rule == "mean" and not explicit:
        raise ConfigError('duplicates="mean" averages ratings, interactions have none: use "count"')
    if rule == "count" and explicit:
        raise ConfigError('duplicates="count" is for interactions: use "last" or "mean" of ratings')
    return rule


def resolve(ratings: Ratings, rule: Rule, table: Source | None = None) -> tuple[Ratings, str]:
    """Leave one rating of each pair of user and item.

    Args:
        ratings: as read.
        rule: ``"last"`` keeps the latest by time, of equal times or without times the last row.
            ``"mean"`` puts the (weighted) mean of ratings, the mean of weights and the latest
            time in the last row of the pair. ``"count"`` puts the sum of weights (1 a row, where
            there are none) and the latest time there. ``"error"`` refuses.
        table: where the rows come from, to name their lines; None to name rows.

    Returns:
        The ratings that are left, in order, and a sentence on what was done.

    Raises:
        DataError: the rule is ``"error"`` and a pair is repeated.
    """
    rows = repeated_rows(ratings)
    if not len(rows):
        return ratings, f"no user {'rated an item' if ratings.explicit else 'has an item'} twice"
    keys = pair_keys(ratings)[rows]
    pairs, group = np.unique(keys, return_inverse=True)
    if rule == "error":
        raise _repeated(ratings, rows[group == group[0]], len(pairs), table)
    chosen, kept = _last(ratings, rows, group)
    if rule == "mean":
        ratings, kept = _averaged(ratings, rows, group)
        chosen = "the mean of each pair, in its last row"
    elif rule == "count":
        ratings, kept = _counted(ratings, rows, group)
        chosen = (
            "the weights of each pair (1 a row where there were none) added up, in its last row"
        )
    mask = np.ones(len(ratings), np.bool_)
    mask[rows] = False
    mask[kept] = True
    said = (
        f"{RESOLVED}: {len(pairs):,}; rule {rule!r}: {chosen}; rows dropped: "
        f"{len(rows) - len(pairs):,}"
    )
    return ratings.take(mask), said


def _repeated(ratings: Ratings, rows: Int64s, n_pairs: int, table: Source | None) -> DataError:
    user = ratings.user_ids.raw(ratings.users[rows[0]])
    item = ratings.item_ids.raw(ratings.items[rows[0]])
    name, unit, lines = ratings.name, "row", rows[:5].tolist()
    if table is not None:
        name, unit, lines = table.name, table.unit, table.lines_of(lines)
    did = "rated" if ratings.explicit else "has"
    other = "mean" if ratings.explicit else "count"
    listed = ", ".join(f"{line:,}" for line in lines) + (", ..." if len(rows) > 5 else "")
    return DataError(
        f"{name}: user {user!r} {did} item {item!r} {len(rows)} times, in {unit}s "
        f'{listed} (such pairs in all: {n_pairs:,}); correct them, or pass duplicates="last" or '
        f'"{other}"'
    )


def _last(ratings: Ratings, rows: Int64s, group: Int64s) -> tuple[str, Int64s]:
    times = np.zeros(len(rows)) if ratings.times is None else ratings.times[rows]
    order = np.lexsort((times, group))
    is_last = np.append(np.diff(group[order]) != 0, True)
    kept = "row" if ratings.times is None else "by time"
    return f"the last {kept} of each is kept", rows[order[is_last]]


def _averaged(ratings: Ratings, rows: Int64s, group: Int64s) -> tuple[Ratings, Int64s]:
    ratings, last = _merged(ratings, rows, group)
    values, new_weights = ratings.values.copy(), ratings.weights
    weights = np.ones(len(rows)) if ratings.weights is None else ratings.weights[rows]
    total = np.bincount(group, weights)
    values[last] = np.bincount(group, weights * ratings.values[rows]) / total
    if new_weights is not None:
        new_weights = new_weights.copy()
        new_weights[last] = total / np.bincount(group)
    return replace(ratings, values=values, weights=new_weights), last


def _counted(ratings: Ratings, rows: Int64s, group: Int64s) -> tuple[Ratings, Int64s]:
    ratings, last = _merged(ratings, rows, group)
    weights = np.ones_like(ratings.values) if ratings.weights is None else ratings.weights.copy()
    weights[last] = np.bincount(group, weights[rows])
    return replace(ratings, weights=weights), last


def _merged(ratings: Ratings, rows: Int64s, group: Int64s) -> tuple[Ratings, Int64s]:
    # The last row of each pair, given the latest time of the pair.
    last = np.zeros(group.max() + 1, np.int64)
    np.maximum.at(last, group, rows)
    if ratings.times is None:
        return ratings, last
    latest = np.full(len(last), np.iinfo(np.int64).min)
    np.maximum.at(latest, group, ratings.times[rows])
    times = ratings.times.copy()
    times[last] = latest
    return replace(ratings, times=times), last
