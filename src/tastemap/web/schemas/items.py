"""Items, and what is like them."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from tastemap.web.schemas.asked import Asked, Filters, Id, MinRatings, MostItems


class SearchOptions(Asked, kw_only=True):
    """Which items to list.

    Attributes:
        search: part of a title; empty: all items, most rated first.
        include: only items that fit.
        exclude: no items that fit any of these.
        n: how many.
        offset: how many to pass over.
    """

    search: Annotated[str, Meta(max_length=200)] = ""
    include: Filters = field(default_factory=list)
    exclude: Filters = field(default_factory=list)
    n: MostItems = 20
    offset: Annotated[int, Meta(ge=0, le=2**31)] = 0


class Item(Struct, kw_only=True):
    """An item.

    Attributes:
        item: its id.
        title: its name.
        ratings: how many training ratings it has.
        mean: of these; null without any, and for interactions.
        bias: what it gets beyond what its raters and their taste explain; null where the model
            has no biases.
        deviation: how unsure the model is of that; null where it does not say.
        metadata: what else is known of it.
    """

    item: Id
    title: str
    ratings: int
    mean: float | None
    bias: float | None
    deviation: float | None
    metadata: dict[str, Any]


class Items(Struct, kw_only=True):
    """Items.

    Attributes:
        total: how many there are in all.
        items: those asked for.
    """

    total: int
    items: list[Item]


class SimilarOptions(Asked, kw_only=True):
    """Which similar items to list.

    Attributes:
        n: how many.
        min_ratings: no items with fewer training ratings.
    """

    n: MostItems = 10
    min_ratings: MinRatings = 1


class Similar(Struct, kw_only=True):
    """An item like another.

    Attributes:
        rank: 1 for the most similar.
        item: its id.
        title: its name.
        similarity: cosine of the item vectors, or what the one says of the other.
    """

    rank: int
    item: Id
    title: str
    similarity: float


class SimilarItems(Struct, kw_only=True):
    """The items most like another.

    Attributes:
        of: id of the other.
        title: its name.
        items: most similar first.
    """

    of: Id
    title: str
    items: list[Similar]
