"""Ratings put together with what users of a running server have said since."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tastemap.arrays import Codes, Mask, frozen
from tastemap.data.catalog import Catalog
from tastemap.data.joining import join
from tastemap.data.vocabulary import UNKNOWN, Vocabulary
from tastemap.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from tastemap.data.ratings import Ratings

ACTIONS = RATE, REMOVE, FORGET = "rate", "remove", "forget"
COLUMNS = {
    "user": pa.string(),
    "item": pa.string(),  # null where a user was forgotten
    "rating": pa.float64(),  # null where there is none
    "time": pa.timestamp("us", tz="UTC"),
    "action": pa.string(),
}
"""What a table of feedback has; one row a pair of user and item, and one a forgotten user."""


def with_feedback(ratings: Ratings, feedback: pa.Table) -> Ratings:
    """See `Ratings.with_feedback`."""
    check(feedback)
    said = {action: feedback.filter(pc.equal(feedback["action"], action)) for action in ACTIONS}
    forgotten = _codes(ratings.user_ids, said[FORGET]["user"])
    of_forgotten = np.isin(ratings.users, forgotten[forgotten != UNKNOWN])
    removed = _are_pairs(
        ratings,
        _codes(ratings.user_ids, said[REMOVE]["user"]),
        _codes(ratings.item_ids, said[REMOVE]["item"]),
    )
    removed &= ~of_forgotten
    kept = ratings.take(~of_forgotten & ~removed)
    note = (
        f"feedback: users forgotten: {len(forgotten):,}, with {of_forgotten.sum():,} "
        f"{ratings.noun}; removed: {removed.sum():,} of {len(said[REMOVE]):,} that were to be"
    )
    if not len(kept):
        raise DataError(f"none of the {len(ratings):,} {ratings.noun} is left: {note}")
    kept = replace(_without(kept, forgotten), notes=(*ratings.notes, note))
    return join(kept, _as_ratings(said[RATE], kept)).ratings


def check(feedback: pa.Table) -> None:
    """Raise `DataError` if a table is not what `FeedbackStore.table` gives."""
    if not isinstance(feedback, pa.Table):
        raise ArgumentError(
            f"feedback must be a table of Arrow, got a {type(feedback).__name__}: export it with "
            "`tastemap feedback export`, and read it with pyarrow.parquet.read_table"
        )
    for name, kind in COLUMNS.items():
        if name not in feedback.column_names:
            raise DataError(
                f"this is no feedback: it has no column {name!r}; export it with "
                "tastemap feedback export"
            )
        found = feedback.schema.field(name).type
        if found != kind:
            raise DataError(f"the column {name!r} of the feedback must be {kind}, not {found}")
    wrong = pc.invert(pc.is_in(feedback["action"], pa.array(ACTIONS)))
    if others := pc.sum(wrong).as_py():
        raise DataError(
            f"{others:,} rows of the feedback have an action other than rate, remove and forget"
        )
    for name, needs in (
        ("user", ACTIONS),
        ("item", ACTIONS[:2]),
        ("rating", ACTIONS[:1]),
        ("time", ACTIONS),
    ):
        missing = feedback.filter(pc.is_in(feedback["action"], pa.array(needs)))[name].null_count
        if missing:
            raise DataError(f"{missing:,} rows of the feedback have no {name}")


def _ids(vocabulary: Vocabulary, texts: pa.ChunkedArray) -> pa.Array:
    """Ids of the feedback, which are text, in the type of those that are known."""
    if not vocabulary.holds_integers:
        return texts.combine_chunks().cast(pa.large_string())
    raws: list[Any] = [vocabulary.parse(text) for text in texts.to_pylist()]
    for raw in raws:
        if isinstance(raw, str) or not -(2**63) <= raw < 2**63:
            raise DataError(
                f"the feedback has the {vocabulary.noun} {raw!r}, and {vocabulary.noun} ids of "
                "the ratings are integers: it was given to a server of other ratings; take its "
                "rows out of an export, and use that"
            )
    return pa.array(raws, pa.int64())


def _codes(vocabulary: Vocabulary, texts: pa.ChunkedArray) -> Codes:
    return vocabulary.codes(_ids(vocabulary, texts).to_pylist())


def _are_pairs(ratings: Ratings, users: Codes, items: Codes) -> Mask:
    """Which ratings are of one of these pairs of a user and an item."""
    known = (users != UNKNOWN) & (items != UNKNOWN)
    width = np.int64(ratings.n_items)
    pairs = users[known] * width + items[known]
    return np.isin(ratings.users * width + ratings.items, pairs)


def _without(ratings: Ratings, forgotten: Codes) -> Ratings:
    """The same without these users, who have no ratings here, in the vocabulary and catalog."""
    keep = np.ones(ratings.n_users, np.bool_)
    keep[forgotten[forgotten != UNKNOWN]] = False
    if keep.all():
        return ratings
    ids = Vocabulary(ratings.user_ids.ids.filter(pa.array(keep)), "user")
    catalog = ratings.user_catalog
    if catalog is not None:
        known = catalog.take(np.flatnonzero(keep)) if catalog.columns else None
        catalog = Catalog(ids, known)
    users = (np.cumsum(keep) - 1)[ratings.users]
    return replace(ratings, users=frozen(users, np.int32), user_ids=ids, user_catalog=catalog)


def _as_ratings(given: pa.Table, old: Ratings) -> Ratings:
    values = given["rating"].to_numpy()
    if not old.explicit and np.any(values != 1):
        raise DataError(
            f"the feedback has ratings such as {values[values != 1][0]:g}, and the others are "
            "interactions, which have none: all of its ratings must be 1"
        )
    user_ids, users = Vocabulary.encode(_ids(old.user_ids, given["user"]), "user")
    item_ids, items = Vocabulary.encode(_ids(old.item_ids, given["item"]), "item")
    times = pc.floor_temporal(given["time"], unit="second").cast(pa.timestamp("s", "UTC"))
    return replace(
        old,
        users=users,
        items=items,
        values=frozen(values, np.float32),
        times=times.cast(pa.int64()).to_numpy(),
        weights=None,
        user_ids=user_ids,
        item_ids=item_ids,
        catalog=Catalog(item_ids),
        user_catalog=None,
        notes=(),
    )
