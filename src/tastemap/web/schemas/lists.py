"""Lists for users, predictions, and why."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from tastemap.web.schemas.asked import AnyId, Asked, Filters, Id, Level, MinRatings, MostItems


class ListOptions(Asked, kw_only=True):
    """What a list is to hold.

    Attributes:
        n: how many items.
        include: only items that fit.
        exclude: no items that fit any of these.
        min_ratings: no items with fewer training ratings.
        seen: keep items that the user has rated.
        why: how many of the user's own ratings to name as reasons for each item.
        interval: also the interval that holds the rating with this chance.
    """

    n: MostItems = 10
    include: Filters = field(default_factory=list)
    exclude: Filters = field(default_factory=list)
    min_ratings: MinRatings = 1
    seen: bool = False
    why: Annotated[int, Meta(ge=0, le=100)] = 3
    interval: Level | None = None


class Rated(Asked, kw_only=True):
    """What somebody rated.

    Attributes:
        item: its id.
        rating: on the scale of the training ratings; 1 where these are interactions.
    """

    item: AnyId
    rating: float


class NewcomerOptions(ListOptions, kw_only=True):
    """Somebody without an id, and what their list is to hold. Nothing is stored.

    Attributes:
        ratings: what they rated.
    """

    ratings: Annotated[list[Rated], Meta(max_length=10_000)]


class Because(Struct):
    """What one of the user's ratings says about an item.

    Attributes:
        item: what they rated.
        title: its name.
        rating: how they rated it.
        contribution: what that adds to the score, for this item more than for others: a share of
            the part ``"own ratings"``.
        without: what the score would be had they not rated it, and their other ratings said the
            more.
    """

    item: Id
    title: str
    rating: float
    contribution: float
    without: float


class Reasons(Struct):
    """Why a score is what it is.

    Attributes:
        score: before it is clipped to the scale.
        parts: what adds up to it: the mean, the biases of user and item, and what the user's own
            ratings add.
        because: those of these ratings without which the score would be another most, these first.
        exact: whether contributions are those of this very score, and not of one close to it.
        remarks: how to read it.
    """

    score: float
    parts: dict[str, float]
    because: list[Because]
    exact: bool
    remarks: list[str]


class Recommended(Struct, kw_only=True, omit_defaults=True):
    """An item of a list.

    Attributes:
        rank: 1 for the best.
        item: its id.
        title: its name.
        score: the predicted rating; of a model that ranks items, a number without a unit.
        low: lower end of the interval, if asked for.
        high: upper end.
        chance_liked: chance that the user likes the item if they rate it; only where the model
            learnt it and knows the user.
        reasons: why the score is what it is.
    """

    rank: int
    item: Id
    title: str
    score: float
    low: float | None = None
    high: float | None = None
    chance_liked: float | None = None
    reasons: Reasons | None = None


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


class Pair(Asked, kw_only=True):
    """A user and an item.

    Attributes:
        user: the user's id.
        item: the item's id.
    """

    user: AnyId
    item: AnyId


class PredictOptions(Asked, kw_only=True):
    """What is to be predicted.

    Attributes:
        pairs: of user and item.
        interval: also the interval that holds the rating with this chance.
        why: how many of the user's own ratings to name as reasons for each; null: no reasons.
    """

    pairs: Annotated[list[Pair], Meta(max_length=1000)]
    interval: Level | None = None
    why: Annotated[int, Meta(ge=0, le=100)] | None = None


class Predicted(Struct, kw_only=True, omit_defaults=True):
    """A predicted rating.

    Attributes:
        user: the user's id.
        item: the item's id.
        title: its name; null for an item nobody knows.
        prediction: clipped to the scale.
        made_from: ``"model"``, or what stands in for it: ``"item bias"``, ``"user bias"``,
            ``"global mean"``.
        low: lower end of the interval, if asked for and known.
        high: upper end.
        chance_liked: chance that the user likes the item if they rate it; only where the model
            learnt it and made the prediction.
        reasons: why it is what it is, if asked for.
    """

    user: Id | None
    item: Id
    title: str | None
    prediction: float
    made_from: str
    low: float | None = None
    high: float | None = None
    chance_liked: float | None = None
    reasons: Reasons | None = None


class Predictions(Struct, kw_only=True):
    """Predicted ratings, in the order they were asked for.

    Attributes:
        model: name of the model they are from.
        predictions: one for each pair.
    """

    model: str
    predictions: list[Predicted]


class QuestionOptions(Asked, kw_only=True):
    """What a newcomer has said so far.

    Attributes:
        ratings: what they rated.
        skip: items they were asked about and do not know.
        n: how many questions.
    """

    ratings: Annotated[list[Rated], Meta(max_length=10_000)] = field(default_factory=list)
    skip: Annotated[list[AnyId], Meta(max_length=10_000)] = field(default_factory=list)
    n: MostItems = 5


class Question(Struct, kw_only=True):
    """An item to ask about.

    Attributes:
        item: its id.
        title: its name.
        chance_known: share of the users who rated it.
    """

    item: Id
    title: str
    chance_known: float


class Questions(Struct, kw_only=True):
    """What to ask a newcomer, most telling first.

    Attributes:
        model: name of the model that asks.
        questions: the items.
    """

    model: str
    questions: list[Question]
