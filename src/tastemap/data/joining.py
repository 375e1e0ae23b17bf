"""Ratings put to ratings: the rows of both, over vocabularies that hold the ids of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tastemap.arrays import AnyArray, Codes, Mask, Values
from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.reading.duplicates import Rule, repeated_rows, resolve
from tastemap.data.vocabulary import UNKNOWN, Vocabulary
from tastemap.errors import DataError


@dataclass(frozen=True, eq=False, kw_only=True)
class Joined:
    """Old ratings with new ones.

    Attributes:
        ratings: the old rows in their order, with the new rating where a pair was rated again;
            then the pairs that were not there. Codes of users and items are the old ones, and go
            on after them.
        fresh: rows whose pair was not there, shape (n_ratings,).
        before: the ratings as they were, shape (n_ratings,); of a fresh row the new rating.
        weights_before: the weights as they were, shape (n_ratings,); None where all are 1.
        changed: rows that are fresh or were rated again, shape (n_ratings,).
    """

    ratings: Ratings
    fresh: Mask
    before: Values
    weights_before: Values | None
    changed: Mask


def join(old: Ratings, new: Ratings) -> Joined:
    """Put new ratings to old ones; where both have a pair, the new rating replaces the old.

    Of a pair that is twice among the new ones, the last counts. Weights of interactions add up, 1
    each where there are none, for they say how often a user took an item. What was done stands in
    the notes of the result. Of items and users that both have, the metadata of ``old`` is kept.

    Raises:
        DataError: the one are ratings and the other interactions; ``new`` has ids or metadata of
            another type, or no times where ``old`` has some.
    """
    if old.explicit != new.explicit:
        raise DataError(
            f"the model has {old.noun}, and {new.noun} cannot be put to them: see the argument "
            "rating= of tastemap.read_ratings"
        )
    if old.times is not None and new.times is None:
        raise DataError(
            "the model's ratings have times, and the new ones have none: add a column of times"
        )
    rule: Rule = "last" if old.explicit else "count"
    new, said = resolve(new, rule) if len(repeated_rows(new)) else (new, "")
    user_ids, user_of = _grown(old.user_ids, new.user_ids)
    item_ids, item_of = _grown(old.item_ids, new.item_ids)
    users, items = user_of[new.users], item_of[new.items]
    n = len(old)
    width = np.int64(len(item_ids))
    known = old.users * width + old.items
    order = np.argsort(known, kind="stable")
    keys = users * width + items
    place = np.searchsorted(known, keys, sorter=order)
    row = order[place.clip(max=n - 1)]
    again = known[row] == keys
    fresh = np.arange(n + int(np.sum(~again))) >= n
    changed = fresh.copy()
    changed[row[again]] = True

    def both(mine: AnyArray, theirs: AnyArray) -> tuple[AnyArray, AnyArray]:
        before = np.concatenate([mine, theirs[~again]])
        now = before.copy()
        now[row[again]] = theirs[again]
        return before, now

    before, values = both(old.values, new.values)
    weights_before = weights = times = None
    counted = not old.explicit and bool(again.any())
    if old.weights is not None or new.weights is not None or counted:
        weights_before, weights = both(_weights(old), _weights(new))
        if counted:
            weights[row[again]] += weights_before[row[again]]
    if old.times is not None and new.times is not None:
        times = both(old.times, new.times)[1]
    notes = [
        f"{old.noun} added: {len(fresh) - n:,}, {'replaced' if old.explicit else 'counted again'}: "
        f"{int(again.sum()):,}, "
        f"new users: {len(user_ids) - old.n_users:,}, new items: {len(item_ids) - old.n_items:,}"
    ]
    if said:
        notes.append(f"among the new ratings, {said}")
    if old.times is None and new.times is not None:
        notes.append("the times of added ratings are left out: the others have none")
    low, high = old.scale
    if values.min() < low or values.max() > high:
        now = min(low, float(values.min())), max(high, float(values.max()))
        notes.append(f"the scale of ratings was {low:g} to {high:g}: now {now[0]:g} to {now[1]:g}")
    ratings = Ratings(
        users=np.concatenate([old.users, users[~again]]),
        items=np.concatenate([old.items, items[~again]]),
        values=values,
        times=times,
        weights=weights,
        user_ids=user_ids,
        item_ids=item_ids,
        catalog=_catalog(old.catalog, new.catalog, item_ids) or old.catalog,
        user_catalog=_catalog(old.user_catalog, new.user_catalog, user_ids),
        explicit=old.explicit,
        name=old.name,
        part=old.part and f"{old.part}; ratings added since",
        notes=(*old.notes, *notes),
    )
    return Joined(
        ratings=ratings,
        fresh=fresh,
        before=before,
        weights_before=weights_before,
        changed=changed,
    )


def _weights(ratings: Ratings) -> Values:
    return np.ones(len(ratings), np.float32) if ratings.weights is None else ratings.weights


def _grown(old: Vocabulary, new: Vocabulary) -> tuple[Vocabulary, Codes]:
    """The old ids, then those of the new that are new; and the code there of each new code."""
    if len(new) and old.holds_integers != new.holds_integers:
        kinds = ["integers" if ids.holds_integers else "text" for ids in (old, new)]
        raise DataError(
            f"{old.noun} ids are {kinds[0]} in the model, and {kinds[1]} in the new ratings: give "
            "them in the same form"
        )
    codes = old.codes(new.ids.to_pylist()).copy()
    unknown = codes == UNKNOWN
    if not unknown.any():
        return old, codes
    codes[unknown] = len(old) + np.arange(unknown.sum())
    ids = pa.concat_arrays([old.ids, new.ids.filter(pa.array(unknown))])
    return Vocabulary(ids, old.noun), codes


def _catalog(old: Catalog | None, new: Catalog | None, ids: Vocabulary) -> Catalog | None:
    """What is known of the old ids, and of those put to them in the same columns."""
    if old is None or ids is old.ids:
        return old
    added = ids.ids[len(old) :]
    columns = {}
    for name in old.columns:
        kind = old.table.schema.field(name).type
        more = pa.chunked_array([pa.nulls(len(added), kind)])
        if new is not None and name in new.columns:
            codes = new.ids.codes(added.to_pylist())
            more = new.take(codes.astype(np.int64)).column(name)
        try:
            chunks = [*old.table.column(name).chunks, *more.cast(kind).chunks]
        except (pa.ArrowException, TypeError) as error:
            raise DataError(
                f"the column {name!r} of {ids.noun}s holds {kind} in the model, and {more.type} "
                "with the new ratings: give it in the same form"
            ) from error
        columns[name] = pa.chunked_array(chunks, kind)
    return Catalog(ids, pa.table(columns) if columns else None)
