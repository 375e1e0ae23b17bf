"""What many requests have in common."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Id = int | str
"""An id as it stands in the ratings: a whole number or a text. Either may be sent as text."""

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
AnyId = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | Text
MostItems = Annotated[int, Meta(ge=1, le=1000, description="How many items, at most.")]
Level = Annotated[
    float,
    Meta(gt=0, lt=1, description="Also the interval that holds the rating with this chance: 0.8."),
]
MinRatings = Annotated[int, Meta(ge=1, le=2**31, description="No items with fewer ratings.")]
Filters = Annotated[
    list[Text],
    Meta(
        max_length=50,
        description="On metadata: `genres=Comedy`, `year=1990..1999`, `year=1990..`; again for "
        "more. Several values of one column: one of them must fit; several columns: all must.",
    ),
]


class Asked(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is sent: a field nobody knows is a mistake."""
