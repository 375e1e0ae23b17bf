"""Ratings that users give, and what is held of them."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from tastemap.web.schemas.asked import AnyId, Asked, Id


class NewRating(Asked, kw_only=True):
    """A rating to be stored.

    Attributes:
        user: the user's id; may be new.
        item: the item's id; may be new, and counts from the next fit on then.
        rating: on the scale of the training ratings; 1 where these are interactions.
        time: when it was given, in seconds since 1970; if left out, now.
    """

    user: AnyId
    item: AnyId
    rating: float
    time: Annotated[float, Meta(ge=0, le=253_402_300_799)] | None = None


NewRatings = NewRating | Annotated[list[NewRating], Meta(min_length=1, max_length=1000)]
"""One rating, or several that are stored all or none."""


class Stored(Struct, kw_only=True):
    """What is on disk now.

    Attributes:
        stored: how many ratings, removals or users it was.
        at: the moment it was taken, in seconds since 1970.
        replayed: whether the idempotency key had been given before, so that nothing was done.
        remarks: what of it does not count yet.
    """

    stored: int
    at: float
    replayed: bool
    remarks: list[str]


class UserRating(Struct, kw_only=True):
    """A rating that counts.

    Attributes:
        item: what was rated.
        title: its name.
        rating: how high.
        source: ``"training"`` or ``"feedback"``.
        time: when, in seconds since 1970, where known.
    """

    item: Id
    title: str
    rating: float
    source: str
    time: float | None


class UserRatings(Struct, kw_only=True):
    """All ratings of a user that count.

    Attributes:
        user: the user's id.
        ratings: those of training first.
        removed: items whose rating in training does not count any more.
    """

    user: Id
    ratings: list[UserRating]
    removed: list[Id]


class Export(Struct, kw_only=True):
    """Everything the service holds of a user.

    Attributes:
        user: the user's id.
        training: ratings the live model was trained on.
        metadata: what else the model knows of the user.
        feedback: ratings posted since.
        removed: items whose rating in training does not count any more.
        forgotten: whether the user was forgotten.
    """

    user: Id
    training: list[UserRating]
    metadata: dict[str, Any]
    feedback: list[UserRating]
    removed: list[Id]
    forgotten: bool
