"""Components and biases."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from tastemap.web.schemas.asked import Asked, Filters, Id, MinRatings, MostItems


class ComponentOptions(Asked, kw_only=True):
    """Which components of taste to list.

    Attributes:
        n: how many components.
        items: how many items at each end.
        most_rated: computed on this many items with the most training ratings.
    """

    n: Annotated[int, Meta(ge=1, le=100)] = 3
    items: Annotated[int, Meta(ge=1, le=1000)] = 10
    most_rated: Annotated[int, Meta(ge=1, le=2**31)] = 2000


class Placed(Struct, kw_only=True):
    """An item on a component.

    Attributes:
        item: its id.
        title: its name.
        coordinate: where it stands, in units of the model.
        ratings: how many training ratings it has.
    """

    item: Id
    title: str
    coordinate: float
    ratings: int


class Component(Struct, kw_only=True):
    """A component of taste.

    Attributes:
        component: its number, from 1.
        share: of the variance of predictions.
        deviation: standard deviation along it of the items it was computed on: coordinates divided
            by it are those of the map.
        high: items at its high end, highest first.
        low: items at its low end, lowest first.
    """

    component: int
    share: float
    deviation: float
    high: list[Placed]
    low: list[Placed]


class Components(Struct, kw_only=True):
    """The main components of taste.

    Attributes:
        model: name of the model.
        components: largest share first.
    """

    model: str
    components: list[Component]


class BiasOptions(Asked, kw_only=True):
    """Which biases to list.

    Attributes:
        n: how many items at each end.
        include: only items that fit.
        exclude: no items that fit any of these.
        most_rated: rank among this many items with the most training ratings.
        min_ratings: no items with fewer training ratings.
    """

    n: MostItems = 10
    include: Filters = field(default_factory=list)
    exclude: Filters = field(default_factory=list)
    most_rated: Annotated[int, Meta(ge=1, le=2**31)] = 2000
    min_ratings: MinRatings = 1


class Biased(Struct, kw_only=True):
    """An item and its bias.

    Attributes:
        rank: 1 for the largest bias of all that are ranked.
        item: its id.
        title: its name.
        bias: what it gets beyond what its raters and their taste explain.
        deviation: how unsure the model is of that; null where it does not say.
        mean: of its training ratings.
        ratings: how many there are.
    """

    rank: int
    item: Id
    title: str
    bias: float
    deviation: float | None
    mean: float
    ratings: int


class Biases(Struct, kw_only=True):
    """Items by bias.

    Attributes:
        model: name of the model.
        ranked: how many items are ranked.
        top: the largest biases, largest first.
        bottom: the smallest, smallest first.
        remarks: what else to know.
    """

    model: str
    ranked: int
    top: list[Biased]
    bottom: list[Biased]
    remarks: list[str]
