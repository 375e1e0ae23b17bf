"""What the service answers: ids as text in, plain values out. Routes and pages ask it alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import ranking
from tastemap.arrays import Codes, Values
from tastemap.data.catalog import Wanted
from tastemap.data.vocabulary import UNKNOWN, Vocabulary
from tastemap.errors import NotFittedFor
from tastemap.liking import Rated
from tastemap.models.fold_in import FoldedUser
from tastemap.models.protocol import ListModel
from tastemap.newcomers import Newcomers
from tastemap.recommender import Recommender
from tastemap.web import schemas
from tastemap.web.schemas import Id

if TYPE_CHECKING:
    from tastemap.web.feedback.store import FeedbackStore, UserFeedback

_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, eq=False, kw_only=True)
class Person:
    """A user as the service sees them now: training ratings, and what was posted since.

    Attributes:
        id: raw id; None for somebody who sent their ratings along.
        code: of a user whose training ratings count as they are; otherwise -1.
        items: codes of the items they rated, shape (n,).
        values: the ratings, shape (n,).
        folded: the user solved for from these ratings; None where the trained rows hold, or the
            model cannot take in ratings.
        feedback: how many posted ratings and removals there are.
        counted: whether the answers count them.
        remarks: what to know of these.
    """

    id: Id | None
    code: int
    items: Codes
    values: Values
    folded: FoldedUser | None = None
    feedback: int = 0
    counted: bool = True
    remarks: list[str] = field(default_factory=list)


class Service:
    """A model that answers, with what users said since it was trained.

    Args:
        recommender: the model.
        store: feedback of the users; None: there is none.
        name: of the model's folder.
    """

    def __init__(
        self, recommender: Recommender, store: FeedbackStore | None = None, *, name: str = "model"
    ) -> None:
        self.recommender, self.store, self.name = recommender, store, name
        self.ratings, self.catalog = recommender.ratings, recommender.catalog
        self.rates = recommender.model.predicts == "ratings"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the model is."""
        return self.recommender.manifest()

    # Users

    def user_id(self, text: Id) -> Id:
        """A user id as the ratings have it; it may be one that nobody has.

        Raises:
            UnknownUserError: it is of another type than all ids.
        """
        return _id_of(self.ratings.user_ids, text)

    def item_id(self, text: Id) -> Id:
        """An item id as the ratings have it; it may be one that no item has.

        Raises:
            UnknownItemError: it is of another type than all ids.
        """
        return _id_of(self.ratings.item_ids, text)

    def person(self, user: Id) -> Person:
        """A user by id, as they are now.

        Raises:
            UnknownUserError: the id is of another type than all ids.
        """
        raw = self.user_id(user)
        code = self.ratings.user_ids.find(raw)
        said = self.store.of_user(str(raw)) if self.store is not None else None
        items, values = self._trained(code)
        if said is None or not (said.ratings or said.removed or said.forgotten):
            return Person(id=raw, code=code if len(items) else UNKNOWN, items=items, values=values)
        return self._with_feedback(raw, code, items, values, said)

    def newcomer(self, ratings: Sequence[tuple[Id, float]]) -> Person:
        """Somebody without an id, by their ratings.

        Raises:
            UnknownItemError: an item is unknown.
            DataError: an item is rated twice, or a rating is outside the scale.
            NotFittedFor: the model cannot take in new users.
        """
        raise NotImplementedError

    def _trained(self, code: int) -> tuple[Codes, Values]:
        if code == UNKNOWN:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        return self.ratings.by_user.row(code)

    def _with_feedback(
        self, raw: Id, code: int, items: Codes, values: Values, said: UserFeedback
    ) -> Person:
        """The user, posted ratings over those of training."""
        now: dict[int, float] = {}
        if not said.forgotten:
            now = dict(zip(items.tolist(), values.tolist(), strict=True))
        find = self.ratings.item_ids
        for item in said.removed:
            now.pop(find.find(find.parse(item)), None)
        unknown = 0
        for item, one in said.ratings.items():
            of = find.find(find.parse(item))
            unknown += of == UNKNOWN
            if of != UNKNOWN:
                now[of] = one.value
        remarks = [f"{unknown} rated items are new to the model"] if unknown else []
        rated = (
            np.fromiter(now, np.int32, len(now)),
            np.fromiter(now.values(), np.float32, len(now)),
        )
        some: dict[str, Any] = {
            "id": raw,
            "items": rated[0],
            "values": rated[1],
            "feedback": len(said.ratings) + len(said.removed),
            "remarks": remarks,
        }
        if not now:
            return Person(code=UNKNOWN, **some)
        if not self.rates:
            return Person(code=UNKNOWN, **some)
        if self._newcomers is None:
            why = "this model cannot take in new ratings: posted ones count from the next fit on"
            some["remarks"] = [*remarks, why]
            known = code if len(items) and not said.forgotten else UNKNOWN
            return Person(code=known, counted=False, **some)
        return Person(code=UNKNOWN, folded=self._newcomers.fold(self.recommender, *rated), **some)

    @cached_property
    def _newcomers(self) -> Newcomers | None:
        try:
            return Newcomers.of(self.recommender)
        except NotFittedFor:
            return None

    # Lists

    def recommend(
        self,
        person: Person,
        n: int = 10,
        *,
        include: Wanted | None = None,
        exclude: Wanted | None = None,
        min_ratings: int = 1,
        seen: bool = False,
    ) -> schemas.Recommendations:
        """The items a user would rate highest, or take first.

        Raises:
            ConfigError: items have no such metadata.
        """
        allowed, filtered = ranking.allowed_items(self.ratings, include, exclude, min_ratings)
        scores, fell_back = self._scores(person)
        rated = np.zeros(len(person.items), np.int64), person.items
        who: Codes | FoldedUser | Rated = np.array([person.code], np.int32)
        if person.code == UNKNOWN and len(person.items):
            who = person.folded or Rated(person.items, person.values)
        one = ranking.Scored([person.id], rated, scores[None], np.array([fell_back]), who)
        listed = ranking.recommendations(
            self.recommender, [one], n, allowed=allowed, filtered=filtered, seen=seen
        )
        chances = (
            [None] * len(listed)
            if fell_back or listed.chances is None
            else (listed.chances.tolist())
        )
        rows = zip(
            listed.ranks, listed.items, listed.titles, listed.scores.tolist(), chances, strict=True
        )
        return schemas.Recommendations(
            model=self.name,
            user=person.id,
            made_from=("item bias" if self.rates else "popularity") if fell_back else "model",
            feedback=person.feedback if person.counted else 0,
            items=[
                schemas.Recommended(
                    rank=rank, item=item, title=title, score=score, chance_liked=chance
                )
                for rank, item, title, score, chance in rows
            ],
            left_out={reason: count for reason, count in listed.filtered.items() if count},
            remarks=[*person.remarks, *listed.remarks],
        )

    def _scores(self, person: Person) -> tuple[Values, bool]:
        """Unclipped scores of all items, the caller's own, and whether they are not the model's."""
        if person.folded is not None:
            return person.folded.predict(), False
        model = self.recommender.model
        if person.code == UNKNOWN and len(person.items) and isinstance(model, ListModel):
            found = model.predict_new(person.items, person.values)
            if found.any():
                return np.array(found, np.float32), False
            return self.ratings.item_counts.astype(np.float32), True
        scores, cold = ranking.score_codes(self.recommender, np.array([person.code], np.int32))
        return scores[0], bool(cold[0])


def _id_of(vocabulary: Vocabulary, text: Id) -> Id:
    raw = vocabulary.parse(text) if isinstance(text, str) else text
    if isinstance(raw, int) and not vocabulary.holds_integers:
        raw = str(raw)
    if not vocabulary.is_of_type(raw) or (isinstance(raw, int) and raw not in _INT64):
        raise vocabulary.unknown(raw)
    return raw
