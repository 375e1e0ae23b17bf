"""The ratings that are held of users: those of training, and what they said since."""

from __future__ import annotations

import numpy as np

from tastemap.data.vocabulary import UNKNOWN
from tastemap.errors import DataError
from tastemap.recommender import Recommender
from tastemap.web.people import People
from tastemap.web.schemas import ratings as schemas
from tastemap.web.schemas.asked import Id


class Held:
    """Tells what is held of users, and checks what is to be.

    Args:
        recommender: the model.
        people: its users, with what they said.
    """

    def __init__(self, recommender: Recommender, people: People) -> None:
        self._recommender, self._people = recommender, people
        self._ratings = recommender.ratings

    def check(self, given: schemas.NewRating) -> tuple[str, str, bool]:
        """A rating to be stored: the ids as the store has them, and whether it counts at once.

        Raises:
            UnknownUserError, UnknownItemError: an id is of another type than all ids.
            DataError: the rating is not on the scale.
        """
        user, item = self._people.user_id(given.user), self._people.item_id(given.item)
        low, high = self._ratings.scale
        if not low <= given.rating <= high:  # nor NaN
            raise DataError(
                f"the rating {given.rating:g} of {item!r} is not on the scale of the training "
                f"ratings, {low:g} to {high:g}"
            )
        steps = getattr(self._recommender.model, "thresholds", None)
        if steps is not None and given.rating not in steps.values:
            known = ", ".join(f"{step:g}" for step in steps.values)
            raise DataError(f"the rating {given.rating:g} of {item!r} is none of {known}")
        return str(user), str(item), self._ratings.item_ids.find(item) != UNKNOWN

    def ratings(self, user: Id) -> schemas.UserRatings:
        """All ratings of a user that count."""
        held = self.export(user)
        posted = {one.item for one in held.feedback}
        gone = posted.union(held.removed)
        before = [] if held.forgotten else [one for one in held.training if one.item not in gone]
        return schemas.UserRatings(
            user=held.user, ratings=[*before, *held.feedback], removed=held.removed
        )

    def export(self, user: Id) -> schemas.Export:
        """Everything that is held of a user."""
        raw = self._people.user_id(user)
        code = self._ratings.user_ids.find(raw)
        said = self._people.said(raw)
        parse, users = self._ratings.item_ids.parse, self._ratings.user_catalog
        metadata = users.take([code]).to_pylist()[0] if users and code != UNKNOWN else {}
        return schemas.Export(
            user=raw,
            training=self._trained_ratings(code),
            metadata=metadata,
            feedback=[
                self._rating(parse(item), one.value, "feedback", one.time)
                for item, one in (said.ratings.items() if said else ())
            ],
            removed=[parse(item) for item in sorted(said.removed)] if said else [],
            forgotten=said.forgotten if said else False,
        )

    def _trained_ratings(self, code: int) -> list[schemas.UserRating]:
        of = self._ratings
        rows: list[int] = np.flatnonzero(of.users == code).tolist()  # none for UNKNOWN
        times = of.times
        return [
            self._rating(
                of.item_ids.raw(of.items[row]),
                float(of.values[row]),
                "training",
                None if times is None else float(times[row]),
            )
            for row in rows
        ]

    def _rating(
        self, item: Id, value: float, source: str, time: float | None
    ) -> schemas.UserRating:
        code = self._ratings.item_ids.find(item)
        title = str(item) if code == UNKNOWN else self._ratings.catalog.title(code)
        return schemas.UserRating(item=item, title=title, rating=value, source=source, time=time)
