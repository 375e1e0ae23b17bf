"""Why the service answers what it answers: `tastemap.explanation.own_ratings` for every model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tastemap.arrays import Codes, Mask, Values
from tastemap.explanation import own_ratings
from tastemap.explanation.basis import Centres
from tastemap.explanation.own_ratings import GroupWhys, Why
from tastemap.explanation.why import TwoWay
from tastemap.models.bias import BiasModel
from tastemap.models.blend import RANKS_BEFORE, BlendModel, ranks_of
from tastemap.models.factors import FactorModel
from tastemap.models.fold_in import FoldedGroup
from tastemap.models.network import NetworkModel
from tastemap.models.preference import PreferenceModel
from tastemap.models.protocol import ListModel
from tastemap.models.similarity import SimilarityModel
from tastemap.recommender import Recommender
from tastemap.web.people import Groups, People, Person
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
        self,
        people: Sequence[Person],
        groups: Groups,
        items: Codes,
        scores: Values,
        fell_back: Mask,
        shown: int,
    ) -> list[list[Reasons]]:
        """Reasons for the scores of some items for each of some users.

        Args:
            people: the users, m of them.
            groups: those who are solved for.
            items: codes for each user, shape (m, n).
            scores: unclipped, shape (m, n).
            fell_back: for whom they are not the model's own, shape (m,).
            shown: how many of the user's ratings to name for each.
        """
        found: dict[int, list[Reasons]] = {}
        for places, group in groups:
            whys = own_ratings.of_folded(group, self._centres, items[places], shown)
            found.update(zip(places.tolist(), self._group_told(whys), strict=True))
        own = [at for at, gone in enumerate(fell_back.tolist()) if not gone and at not in found]
        if isinstance(self._recommender.model, FactorModel) and own:
            found |= self._of_trained(people, own, items, shown)
        for at, person in enumerate(people):
            if at not in found:
                whys_of = self._why(person, items[at], scores[at], bool(fell_back[at]), shown)
                found[at] = [self._told(one) for one in whys_of]
        return [found[at] for at in range(len(people))]

    def _of_trained(
        self, people: Sequence[Person], places: list[int], items: Codes, shown: int
    ) -> dict[int, list[Reasons]]:
        """Reasons for users in training of a model with factors, by place."""
        model = self._recommender.model
        assert isinstance(model, FactorModel)  # noqa: S101  # asked of these alone
        codes = np.array([one.code for one in people], np.int32)
        groups: Sequence[tuple[Any, FoldedGroup | None]]
        groups = self._people.fold_trained(people, places) or [(np.array(places, np.int64), None)]
        found: dict[int, list[Reasons]] = {}
        for at, group in groups:
            whys = own_ratings.of_trained(model, codes[at], group, self._centres, items[at], shown)
            found.update(zip(at.tolist(), self._group_told(whys), strict=True))
        return found

    def _group_told(self, whys: GroupWhys) -> list[list[Reasons]]:
        """Reasons for each item of each user."""
        raws, titles = self._ratings.item_ids.raw_ids, self._ratings.catalog.titles
        n, shown = whys.items.shape[1:]
        rated = whys.items.ravel().tolist()
        because = list(
            map(
                Because,
                map(raws.__getitem__, rated),
                map(titles.__getitem__, rated),
                whys.values.ravel().tolist(),
                whys.contributions.ravel().tolist(),
                whys.without.ravel().tolist(),
            )
        )
        parts = [
            dict(zip(whys.parts, row, strict=True))
            for row in zip(*(part.ravel().tolist() for part in whys.parts.values()), strict=True)
        ]
        scores = whys.scores.ravel().tolist()
        remarks = list(whys.remarks)
        return [
            [
                Reasons(
                    scores[at],
                    parts[at],
                    because[at * shown : at * shown + count],
                    whys.exact,
                    remarks,
                )
                for at in range(row * n, (row + 1) * n)
            ]
            for row, count in enumerate(whys.counts.tolist())
        ]

    def _told(self, why: Why) -> Reasons:
        raw, title = self._ratings.item_ids.raw, self._ratings.catalog.title
        because = [
            Because(raw(item), title(item), value, contribution, without)
            for item, value, contribution, without in why.reasons
        ]
        return Reasons(why.score, why.parts, because, why.exact, list(why.remarks))

    def _why(
        self, person: Person, items: Codes, scores: Values, fell_back: bool, shown: int
    ) -> list[Why]:
        model = self._recommender.model
        if fell_back and model.predicts == "ratings":
            return own_ratings.of_biases(self._recommender.fallback, -1, items)
        if fell_back:
            return own_ratings.of_count(self._ratings, items)
        if isinstance(model, SimilarityModel | PreferenceModel):
            rated = person.items, person.values
            return own_ratings.of_list(model, person.code, rated, scores, items, shown)
        if isinstance(model, BiasModel):
            return own_ratings.of_biases(model, person.code, items)
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
