"""Users as they are now: what they rated in training, and what they have said since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import newcomers
from tastemap.arrays import Codes, Int64s, Values
from tastemap.data.vocabulary import UNKNOWN, Vocabulary
from tastemap.errors import DataError, NotFittedFor, UnknownItemError, UnknownUserError
from tastemap.models.fold_in import FoldedGroup, FoldedUser
from tastemap.newcomers import Newcomers
from tastemap.recommender import Recommender
from tastemap.web.schemas.asked import Id

if TYPE_CHECKING:
    from tastemap.web.feedback.store import FeedbackStore, UserFeedback

Groups = list[tuple[Int64s, FoldedGroup]]
"""Users solved for together, with the places they have among others."""

_INT64 = range(-(2**63), 2**63)


@dataclass(eq=False, kw_only=True)
class Person:
    """A user as the service sees them now.

    Attributes:
        id: raw id; None for somebody who sent their ratings along.
        code: of a user whose training ratings count as they are; otherwise -1.
        items: codes of the items they rated, shape (n,).
        values: the ratings, shape (n,).
        solved: whether the user is solved for from these ratings; False where the rows of training
            hold, or the model cannot take in ratings.
        said: what was posted.
        counted: whether the answers count that.
        remarks: what to know of it.
    """

    id: Id | None
    code: int
    items: Codes
    values: Values
    solved: bool = False
    said: UserFeedback | None = None
    counted: bool = True
    remarks: tuple[str, ...] = ()

    @property
    def feedback(self) -> int:
        """How many posted ratings and removals the answers count."""
        if self.said is None or not self.counted:
            return 0
        return len(self.said.ratings) + len(self.said.removed)


class People:
    """Finds users.

    Args:
        recommender: the model they are users of.
        store: what they said since; None: nothing.
    """

    def __init__(self, recommender: Recommender, store: FeedbackStore | None) -> None:
        self._recommender, self._store = recommender, store
        self._ratings = recommender.ratings

    @cached_property
    def newcomers(self) -> Newcomers | None:
        """What the model expects of somebody new; None: it cannot fold anybody in."""
        try:
            return Newcomers.of(self._recommender)
        except NotFittedFor:
            return None

    def user_id(self, given: Id) -> Id:
        """A user id as the ratings have it; it may be one that nobody has.

        Raises:
            UnknownUserError: it is of another type than all ids.
        """
        raw = _in_type(self._ratings.user_ids, given)
        if raw is None:
            raise UnknownUserError(f"user ids are whole numbers here, not {given!r}")
        return raw

    def item_id(self, given: Id) -> Id:
        """An item id as the ratings have it; it may be one that no item has.

        Raises:
            UnknownItemError: it is of another type than all ids.
        """
        raw = _in_type(self._ratings.item_ids, given)
        if raw is None:
            raise UnknownItemError(
                f"item ids are whole numbers here, not {given!r}: look for titles with "
                "/items?search="
            )
        return raw

    def item_code(self, given: Id) -> int:
        """The code of an item.

        Raises:
            UnknownItemError: there is no such item.
        """
        code = self._ratings.item_ids.find(self.item_id(given))
        if code == UNKNOWN:
            raise UnknownItemError(f"there is no item {given!r}: look for it with /items?search=")
        return code

    def said(self, user: Id) -> UserFeedback | None:
        """What a user said since training.

        Raises:
            UnknownUserError: the id is of another type than all ids.
            StoreError: it cannot be read.
        """
        raw = self.user_id(user)
        return self._store.of_user(str(raw)) if self._store is not None else None

    def person(self, user: Id) -> Person:
        """A user by id, as they are now; one that nobody has is a user without ratings.

        Raises:
            UnknownUserError, StoreError: as of `said`.
        """
        return self.person_who(user, self.said(user))

    def person_who(self, user: Id, said: UserFeedback | None) -> Person:
        """A user who said this: posted ratings over those of training."""
        raw = self.user_id(user)
        code = self._ratings.user_ids.find(raw)
        items, values = self.trained(code)
        if not len(items):
            code = UNKNOWN
        if said is None or not (said.ratings or said.removed or said.forgotten):
            return Person(id=raw, code=code, items=items, values=values, said=said)
        trained = dict(zip(items.tolist(), values.tolist(), strict=True))
        now, unknown = self._overlaid({} if said.forgotten else trained, said)
        remarks = (f"{unknown} rated items are new to the model",) if unknown else ()
        if now == trained:
            return Person(id=raw, code=code, items=items, values=values, said=said, remarks=remarks)
        codes = np.fromiter(now, np.int32, len(now))
        some: dict[str, Any] = {
            "id": raw,
            "items": codes,
            "values": np.fromiter(now.values(), np.float32, len(now)),
            "said": said,
        }
        if not now or self._recommender.model.predicts == "scores":
            return Person(code=UNKNOWN, remarks=remarks, **some)
        if self.newcomers is None:
            why = "this model cannot take in ratings: what was posted counts from the next fit on"
            known = UNKNOWN if said.forgotten else code
            return Person(code=known, counted=False, remarks=(*remarks, why), **some)
        try:
            self.newcomers.check(some["values"])
        except DataError as error:  # posted when another model was live, on another scale
            return Person(code=code, counted=False, remarks=(*remarks, str(error)), **some)
        return Person(code=UNKNOWN, solved=True, remarks=remarks, **some)

    def newcomer(self, ratings: Sequence[tuple[Id, float]]) -> Person:
        """Somebody without an id, by their ratings.

        Raises:
            UnknownItemError: there is no such item.
            DataError: an item is rated twice, or a rating is outside the scale.
            NotFittedFor: the model cannot take in new users.
        """
        by_code: dict[int, float] = {}
        find, (low, high) = self._ratings.item_ids.find, self._ratings.scale
        for item, value in ratings:
            code = find(item)
            if code == UNKNOWN:
                code = self.item_code(item)
            if code in by_code:
                raise DataError(f"item {item!r} is rated twice: rate it once")
            by_code[code] = value
        if not all(low <= value <= high for _, value in ratings):
            newcomers.check(self._recommender, dict(ratings))  # says which
        items = np.fromiter(by_code, np.int32, len(by_code))
        values = np.fromiter(by_code.values(), np.float32, len(by_code))
        rates = self._recommender.model.predicts == "ratings"
        if rates and self.newcomers is None:
            Newcomers.of(self._recommender)  # raises
        if rates and self.newcomers is not None:
            self.newcomers.check(values)
        return Person(id=None, code=UNKNOWN, items=items, values=values, solved=rates)

    def folded(self, person: Person) -> FoldedUser | None:
        """The user solved for from their ratings; None: see `Person.solved`."""
        if not person.solved or self.newcomers is None:
            return None
        return self.newcomers.fold(self._recommender, person.items, person.values)

    def fold(self, people: Sequence[Person]) -> Groups:
        """Those solved for from their ratings, in groups, each with its places in ``people``."""
        places = [place for place, one in enumerate(people) if one.solved]
        return self._groups(places, [(people[at].items, people[at].values) for at in places])

    def fold_trained(self, people: Sequence[Person], places: Sequence[int]) -> Groups:
        """Users of training solved for from their ratings there alone, for reasons.

        Args:
            people: some users.
            places: which of them.
        """
        return self._groups(places, [once(*self.trained(people[at].code)) for at in places])

    def _groups(self, places: Sequence[int], rated: Sequence[tuple[Codes, Values]]) -> Groups:
        if self.newcomers is None or not places:
            return []
        at = np.array(places)
        return [
            (at[some], group)
            for some, group in self.newcomers.fold_together(self._recommender, rated)
        ]

    def trained(self, code: int) -> tuple[Codes, Values]:
        """What a user rated in training: codes of items, and ratings."""
        if code == UNKNOWN:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        return self._ratings.by_user.row(code)

    def _overlaid(
        self, before: dict[int, float], said: UserFeedback
    ) -> tuple[dict[int, float], int]:
        """Ratings with what was said over them, and how many are of items nobody knows."""
        now, unknown, ids = dict(before), 0, self._ratings.item_ids
        for item in said.removed:
            now.pop(ids.find(ids.parse(item)), None)
        for item, one in said.ratings.items():
            code = ids.find(ids.parse(item))
            if code == UNKNOWN:
                unknown += 1
            else:
                now[code] = float(np.float32(one.value))
        return now, unknown


def once(items: Codes, values: Values) -> tuple[Codes, Values]:
    """One rating an item, the last."""
    last = dict(zip(items.tolist(), values.tolist(), strict=True))
    if len(last) == len(items):
        return items, values
    return np.fromiter(last, np.int32, len(last)), np.fromiter(last.values(), np.float32, len(last))


def _in_type(vocabulary: Vocabulary, given: Id) -> Id | None:
    """An id in the type of all ids; None: it cannot be one."""
    if not vocabulary.holds_integers:
        return str(given)
    raw = vocabulary.parse(given) if isinstance(given, str) else given
    return raw if isinstance(raw, int) and raw in _INT64 else None
