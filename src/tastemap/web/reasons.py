"""Why the service answers what it answers: `tastemap.explanation.own_ratings` for every model."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from tastemap.arrays import Codes, Values
from tastemap.explanation import own_ratings
from tastemap.explanation.basis import Centres
from tastemap.explanation.own_ratings import Why
from tastemap.explanation.why import TwoWay
from tastemap.models.bias import BiasModel
from tastemap.models.blend import RANKS_BEFORE, BlendModel, ranks_of
from tastemap.models.factors import FactorModel
from tastemap.models.network import NetworkModel
from tastemap.models.preference import PreferenceModel
from tastemap.models.protocol import ListModel
from tastemap.models.similarity import SimilarityModel
from tastemap.recommender import Recommender
from tastemap.web.people import People, Person
from tastemap.web.schemas.lists import Because, Reasons


class Explainer:
    """Says why a user gets a score.

    Args:
        recommender: the model.
        people: its users.
    """

    def __init__(self, recommender: Recommender, people: People) -> None:
        self._recommender, self._people = recommender, people
        self._ratings = recommender.ratings

    def reasons(
        self, person: Person, items: Codes, scores: Values, fell_back: bool, shown: int
    ) -> list[Reasons]:
        """Reasons for the scores of some items.

        Args:
            person: whose.
            items: codes, shape (n,).
            scores: unclipped, shape (n,).
            fell_back: whether they are not the model's own.
            shown: how many of the user's ratings to name for each.
        """
        found = self._why(person, items, scores, fell_back, shown)
        return [self._told(one) for one in found]

    def _told(self, why: Why) -> Reasons:
        raw, title = self._ratings.item_ids.raw, self._ratings.catalog.title
        return Reasons(
            score=why.score,
            parts=why.parts,
            because=[
                Because(
                    item=raw(one.item),
                    title=title(one.item),
                    rating=one.value,
                    contribution=one.contribution,
                    without=one.without,
                )
                for one in why.reasons
            ],
            exact=why.exact,
            remarks=list(why.remarks),
        )

    def _why(
        self, person: Person, items: Codes, scores: Values, fell_back: bool, shown: int
    ) -> list[Why]:
        model, people = self._recommender.model, self._people
        if fell_back and model.predicts == "ratings":
            return own_ratings.of_biases(self._recommender.fallback, -1, items)
        if fell_back:
            return own_ratings.of_count(self._ratings, items)
        if person.folded is not None and people.newcomers is not None:
            prior = people.newcomers.prior
            return own_ratings.of_folded(person.folded, prior, self._centres, items, shown)
        if isinstance(model, SimilarityModel | PreferenceModel):
            rated = person.items, person.values
            return own_ratings.of_list(model, person.code, rated, scores, items, shown)
        if isinstance(model, BiasModel):
            return own_ratings.of_biases(model, person.code, items)
        if isinstance(model, FactorModel):
            prior_of = people.newcomers.prior if people.newcomers else None
            folded = people.training_folded(person)
            return own_ratings.of_trained(
                model, person.code, folded, prior_of, self._centres, items, shown
            )
        if isinstance(model, NetworkModel):
            parts = self._two_way.parts(np.array([person.code], np.int32), items)
            remarks = tuple(self._two_way.remarks)
            return [
                Why(score=float(score), parts=one, exact=False, remarks=remarks)
                for score, one in zip(scores, parts, strict=True)
            ]
        if isinstance(model, BlendModel):
            return self._blended(model, person, items, scores)
        # Popularity: the number of ratings, or of those that are high enough.
        return [Why(score=score, parts={"popularity": score}) for score in scores.tolist()]

    @cached_property
    def _centres(self) -> Centres:
        model = self._recommender.model
        assert isinstance(model, FactorModel)  # noqa: S101  # asked of these alone
        return Centres.of(model, self._ratings)

    @cached_property
    def _two_way(self) -> TwoWay:
        return TwoWay(self._recommender.model, self._ratings)

    def _blended(
        self, model: BlendModel, person: Person, items: Codes, scores: Values
    ) -> list[Why]:
        """What each model's rank adds."""
        taken, _ = model.users.signal.read(person.items, person.values)
        parts: list[dict[str, float]] = [{} for _ in items]
        for number, (one, weight) in enumerate(zip(model.models, model.weights, strict=True), 1):
            ranks = ranks_of(_scores(one, person), taken)
            for row, item in enumerate(items.tolist()):
                added = 0.0 if ranks is None else float(weight / (RANKS_BEFORE + ranks[item]))
                parts[row][f"model {number}, {one.kind}"] = added
        remark = "each part is what the rank an item has in one of the models adds"
        return [
            Why(score=float(score), parts=part, remarks=(remark,))
            for score, part in zip(scores, parts, strict=True)
        ]


def _scores(model: ListModel, person: Person) -> Values:
    if person.code >= 0:
        return np.asarray(model.predict_users(np.array([person.code], np.int32))[0])
    return model.predict_new(person.items, person.values)
