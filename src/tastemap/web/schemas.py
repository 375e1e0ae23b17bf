"""What requests send and answers hold, as the documentation of the API shows it."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

Id = int | str
"""An id as it stands in the ratings: a whole number or a text. Either may be sent as text."""

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
AnyId = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | Text
MostItems = Annotated[int, Meta(ge=1, le=1000, description="How many items, at most.")]
Filters = Annotated[
    list[Text],
    Meta(
        max_length=50,
        description="On metadata: `genres=Comedy`, `year=1990..1999`, `year=1990..`; again for "
        "more. Several values of one column: one of them must fit; several columns: all must.",
    ),
]


class Health(Struct, kw_only=True):
    """A process that answers.

    Attributes:
        status: ``"ok"``.
        version: of tastemap.
    """

    status: str
    version: str


class Ready(Struct, kw_only=True):
    """A process that can do its work.

    Attributes:
        status: ``"ready"``.
        model: name of the live model.
        feedback: whether ratings can be stored.
    """

    status: str
    model: str
    feedback: bool


class ModelInfo(Struct, kw_only=True):
    """The live model.

    Attributes:
        name: of its folder.
        manifest: what it is: recipe, training data, learning curve, errors, versions.
    """

    name: str
    manifest: dict[str, Any]


class RecommendQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """How to recommend.

    Attributes:
        n: how many items.
        include: only items that fit.
        exclude: no items that fit any of these.
        min_ratings: no items with fewer training ratings.
        seen: keep items that the user has rated.
    """

    n: MostItems = 10
    include: Filters = []
    exclude: Filters = []
    min_ratings: Annotated[int, Meta(ge=1)] = 1
    seen: bool = False


class Recommended(Struct, kw_only=True):
    """An item of a list.

    Attributes:
        rank: 1 for the best.
        item: its id.
        title: its name.
        score: the predicted rating; of a model that ranks items, a number without a unit.
        chance_liked: chance that the user likes the item if they rate it; null unless the model
            learnt it and knows the user.
    """

    rank: int
    item: Id
    title: str
    score: float
    chance_liked: float | None = None


class Recommendations(Struct, kw_only=True):
    """A list for one user.

    Attributes:
        model: name of the model it is from.
        user: whom it is for; null for somebody without an id.
        made_from: ``"model"``, or what stands in for it where it knows nothing of the user:
            ``"item bias"`` or ``"popularity"``.
        feedback: how many posted ratings and removals it counts.
        items: best first.
        left_out: how many items were left out, by reason.
        remarks: what else to know.
    """

    model: str
    user: Id | None
    made_from: str
    feedback: int
    items: list[Recommended]
    left_out: dict[str, int]
    remarks: list[str]
