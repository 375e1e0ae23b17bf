"""What the service answers: ids as text in, plain values out. Routes and pages ask it alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap import predicting, ranking
from tastemap.arrays import Codes, Mask, Values
from tastemap.data.vocabulary import UNKNOWN
from tastemap.errors import NotFittedFor
from tastemap.liking import pair_chances
from tastemap.models import fold_in
from tastemap.models.compact import compact
from tastemap.models.factors import FactorModel
from tastemap.models.fold_in import FoldedHistory, FoldedUser
from tastemap.models.protocol import ListModel
from tastemap.recommender import Recommender
from tastemap.results import MODEL, SOURCES, Interval, PairPredictions
from tastemap.web.batches import Batches
from tastemap.web.held import Held
from tastemap.web.nearest import Nearest, user_vector
from tastemap.web.people import Groups, People, Person
from tastemap.web.reading import Reading
from tastemap.web.reasons import Explainer
from tastemap.web.recent import Recent
from tastemap.web.schemas import lists
from tastemap.web.schemas.asked import Id

if TYPE_CHECKING:
    from tastemap.web.feedback.store import FeedbackStore, UserFeedback

_Question = tuple[Id, bytes]
_Answer = tuple["UserFeedback | None", bytes]

_APPROXIMATE = "approximate: an index chose the candidates, their scores are exact"
_HEAVY = 1 << 21
"""Multiplications in a list beyond which it is made beside the event loop: about a millisecond."""
_LONG, _LARGE = 1 << 14, 1 << 16
"""Bytes of a question, and of an answer, that are not kept: a few of them would push out many."""


class Service:
    """A model that answers, with what users said since it was trained.

    Args:
        recommender: the model; it is served in as few factors as it needs.
        store: feedback of the users; None: there is none.
        name: of the model's folder.
        manifest: of that folder; None: what the model would be saved with now.
        cache: bytes of answers that are held until somebody asks again.
        nearest: an index of the items, to make lists of candidates from; None: of all scores.
    """

    def __init__(
        self,
        recommender: Recommender,
        store: FeedbackStore | None = None,
        *,
        name: str = "model",
        manifest: dict[str, Any] | None = None,
        cache: int = 64 << 20,
        nearest: Nearest | None = None,
    ) -> None:
        self.manifest = recommender.manifest() if manifest is None else manifest
        if nearest is None:  # which was made of all factors
            recommender = replace(recommender, model=compact(recommender.model))
        self.recommender, self.store, self.name = recommender, store, name
        self.ratings, self.catalog = recommender.ratings, recommender.catalog
        self.nearest = nearest
        self.rates = recommender.model.predicts == "ratings"
        self.people = People(recommender, store)
        self._answers: Recent[_Question, _Answer] = Recent(cache, lambda one: len(one[1]) + 1000)
        self.batches = Batches(self)
        self._explainer = Explainer(recommender, self.people)
        vectors = recommender.model.item_vectors()
        width = 1 if vectors is None else vectors.shape[1]
        self.is_heavy = self.ratings.n_items * width > _HEAVY
        self._allowed = lru_cache(maxsize=256)(self._find_allowed)
        self.reading = Reading(recommender, self.people, self._allowed, name)
        self.held = Held(recommender, self.people)

    def warm_up(self) -> None:
        """Work out what the first questions would wait for."""
        person = self.people.person_who(self.ratings.user_ids.raw(0), None)
        self.recommend(person, lists.ListOptions())

    # Answers given before

    def answered(self, who: Id, question: bytes, said: UserFeedback | None) -> bytes | None:
        """The answer that was given to the same question, if nothing has changed since.

        Args:
            who: the user who asked.
            question: all else that the answer depends on.
            said: what the user has said by now.
        """
        found = self._answers.get((who, question))
        return found[1] if found is not None and found[0] == said else None

    def remember(self, who: Id, question: bytes, said: UserFeedback | None, answer: bytes) -> None:
        """Keep an answer for `answered`."""
        if len(question) < _LONG and len(answer) < _LARGE:
            self._answers.put((who, question), (said, answer))

    # Lists and predictions

    def recommend(self, person: Person, asked: lists.ListOptions) -> lists.Recommendations:
        """The items a user would rate highest, or take first.

        Raises:
            ConfigError: items have no such metadata.
            NotFittedFor: an interval is asked for, and the model does not know how sure it is.
        """
        return self.recommend_many([person], asked)[0]

    def recommend_many(
        self, people: Sequence[Person], asked: lists.ListOptions
    ) -> list[lists.Recommendations]:
        """The same for several users at once, which takes less time than one after the other."""
        allowed, filtered = self._allowed(
            tuple(asked.include), tuple(asked.exclude), asked.min_ratings
        )
        told: dict[str, Any] = {"allowed": allowed, "filtered": filtered, "seen": asked.seen}
        if self.nearest is not None or self.recommender.liking is not None:
            return [self._recommend_alone(person, asked, told) for person in people]
        groups = self.people.fold(people)
        places = np.repeat(np.arange(len(people)), [len(one.items) for one in people])
        together = ranking.Scored(
            [one.id for one in people],
            (places, np.concatenate([one.items for one in people])),
            *self._scores(people, groups),
            np.array([one.code for one in people], np.int32),
        )
        best = together.best(asked.n, allowed, seen=asked.seen)
        found = ranking.listings(self.recommender, together, best, **told)
        return self._told(people, groups, asked, found, together)

    def _recommend_alone(
        self, person: Person, asked: lists.ListOptions, told: dict[str, Any]
    ) -> lists.Recommendations:
        groups, remarks = self.people.fold([person]), list[str]()
        near = self._near_scores(person, told["allowed"], asked)
        if near is None:
            scores, fell_back = self._scores([person], groups)
        else:
            scores, fell_back = near[None], np.zeros(1, np.bool_)
            remarks.append(_APPROXIMATE)
        rated = np.zeros(len(person.items), np.int64), person.items
        one = ranking.Scored([person.id], rated, scores, fell_back, self._who(person))
        found = ranking.recommendations(self.recommender, [one], asked.n, **told)
        listing = ranking.Listing(
            self.ratings.item_ids.codes(found.items).tolist(),
            found.scores.tolist(),
            found.filtered,
            [*found.remarks, *remarks],
        )
        (answer,) = self._told([person], groups, asked, [listing], one)
        if found.chances is not None and not fell_back[0]:
            for row, chance in zip(answer.items, found.chances.tolist(), strict=True):
                row.chance_liked = chance
        return answer

    def _who(self, person: Person) -> Codes | FoldedUser | FoldedHistory:
        """One user, as rankings know them."""
        model = self.recommender.model
        folded = self.people.folded(person)
        if folded is not None:
            return folded
        if person.code == UNKNOWN and not self.rates:
            assert isinstance(model, ListModel)  # noqa: S101  # what predicts scores is one
            return FoldedHistory(model=model, items=person.items, values=person.values)
        return np.array([person.code], np.int32)

    def _told(
        self,
        people: Sequence[Person],
        groups: Groups,
        asked: lists.ListOptions,
        found: Sequence[ranking.Listing],
        scored: ranking.Scored,
    ) -> list[lists.Recommendations]:
        """Lists as they are sent, with intervals and reasons if they are asked for."""
        answers = [
            self._answer(person, asked, listing, fell_back)
            for person, listing, fell_back in zip(
                people, found, scored.fell_back.tolist(), strict=True
            )
        ]
        if asked.why:
            codes = np.zeros((len(people), max(len(one.items) for one in found)), np.int32)
            for row, listing in enumerate(found):
                codes[row, : len(listing.items)] = listing.items
            scores = scored.scores[np.arange(len(people))[:, None], codes]
            fell_back, shown = scored.fell_back, asked.why
            told = self._explainer.reasons(people, groups, codes, scores, fell_back, shown)
            for answer, of_user in zip(answers, told, strict=True):
                for one, reasons in zip(answer.items, of_user, strict=False):
                    one.reasons = reasons
        return answers

    def _answer(
        self, person: Person, asked: lists.ListOptions, listing: ranking.Listing, fell_back: bool
    ) -> lists.Recommendations:
        ids, titles = self.ratings.item_ids.raws(listing.items), self.catalog.titles
        rows = [
            lists.Recommended(rank=rank, item=item, title=titles[code], score=score)
            for rank, (code, item, score) in enumerate(
                zip(listing.items, ids, listing.scores, strict=True), 1
            )
        ]
        if asked.interval is not None:
            codes = np.array(listing.items, np.int32)
            _, sure = self._predicted(person, codes, asked.interval)
            assert sure is not None  # noqa: S101  # asked for
            for row, low, high in zip(rows, *_ends(sure), strict=True):
                row.low, row.high = low, high
        stand_in = "item bias" if self.rates else "popularity"
        return lists.Recommendations(
            model=self.name,
            user=person.id,
            made_from=stand_in if fell_back else "model",
            feedback=person.feedback,
            items=rows,
            left_out={reason: count for reason, count in listing.filtered.items() if count},
            remarks=[*person.remarks, *listing.remarks],
        )

    def predict(
        self,
        person: Person,
        wanted: Sequence[Id],
        interval: float | None = None,
        why: int | None = None,
    ) -> list[lists.Predicted]:
        """What a user would rate items.

        Args:
            person: the user.
            wanted: item ids; one that no item has falls back to what is known of the user.
            interval: also the interval that holds the rating with this chance.
            why: how many of the user's ratings to name as reasons; None: give no reasons.

        Raises:
            UnknownItemError: an id is of another type than all ids.
            NotFittedFor: the model predicts no ratings, or does not know how sure it is.
        """
        ids = [self.people.item_id(one) for one in wanted]
        codes = self.ratings.item_ids.codes(ids)
        pairs, sure = self._predicted(person, codes, interval)
        rows = [
            lists.Predicted(
                user=person.id,
                item=item,
                title=None if code == UNKNOWN else self.catalog.title(code),
                prediction=value,
                made_from=SOURCES[source],
            )
            for item, code, value, source in zip(
                ids, codes, pairs.values.tolist(), pairs.source.tolist(), strict=True
            )
        ]
        if sure is not None:
            for row, low, high in zip(rows, *_ends(sure), strict=True):
                row.low, row.high = low, high
        own = np.flatnonzero(pairs.source == MODEL)
        who = self.people.folded(person) or np.full(len(codes), person.code, np.int32)
        chances = pair_chances(self.recommender, who, codes, pairs)
        if chances is not None:
            for at in own.tolist():
                rows[at].chance_liked = float(chances[at])
        if why is not None:
            (told,) = self._explainer.reasons(
                [person],
                self.people.fold([person]),
                codes[None, own],
                pairs.unclipped[None, own],
                np.zeros(1, np.bool_),
                why,
            )
            for at, reasons in zip(own.tolist(), told, strict=True):
                rows[at].reasons = reasons
        return rows

    def next_questions(self, asked: lists.QuestionOptions) -> lists.Questions:
        """What to ask a newcomer.

        Raises:
            UnknownItemError: there is no such item.
            DataError: a rating is outside the scale.
            NotFittedFor: the model cannot fold in new users.
        """
        person = self.people.newcomer([(one.item, one.rating) for one in asked.ratings])
        folded = self.people.folded(person)
        if folded is None:
            raise NotFittedFor(
                f"{self.recommender.recipe.called} model knows no questions: serve BayesianMF"
            )
        chance = self.ratings.item_counts / float(np.count_nonzero(self.ratings.user_counts))
        known = chance.copy()
        known[[self.people.item_code(one) for one in asked.skip]] = 0
        codes = fold_in.ask_next(folded, known, asked.n)
        raw, title = self.ratings.item_ids.raw, self.catalog.title
        return lists.Questions(
            model=self.name,
            questions=[
                lists.Question(item=raw(one), title=title(one), chance_known=float(chance[one]))
                for one in codes.tolist()
            ],
        )

    def _near_scores(
        self, person: Person, allowed: Mask, asked: lists.ListOptions
    ) -> Values | None:
        """Scores of the candidates that the index finds, -inf of all other items.

        None: all scores are needed, because there is no index, or no vector of the user, or too few
        candidates may be listed.
        """
        model = self.recommender.model
        if self.nearest is None or not isinstance(model, FactorModel):
            return None
        folded = self.people.folded(person)
        if folded is not None:
            vector = folded.factors
        elif person.code != UNKNOWN:
            vector = model.user_factors[person.code]
        else:
            return None
        rated = person.items if not asked.seen else person.items[:0]
        codes = self.nearest.candidates(user_vector(vector), 4 * asked.n + len(rated) + 32)
        if np.count_nonzero(allowed[codes] & ~np.isin(codes, rated)) < asked.n:
            return None
        scores = np.full(self.ratings.n_items, -np.inf, np.float32)
        if folded is not None:
            scores[codes] = folded.predict(codes)
        else:
            scores[codes] = model.predict_pairs(np.full(len(codes), person.code), codes)
        return scores

    def _scores(self, people: Sequence[Person], groups: Groups) -> tuple[Values, Mask]:
        """Unclipped scores of all items for each, the caller's own, and whose fell back."""
        model = self.recommender.model
        if len(groups) == 1 and len(groups[0][1]) == len(people):
            return groups[0][1].predict(), np.zeros(len(people), np.bool_)
        scores = np.empty((len(people), self.ratings.n_items), np.float32)
        fell_back = np.zeros(len(people), np.bool_)
        for places, group in groups:
            scores[places] = group.predict()
        trained = []
        for row, person in enumerate(people):
            if person.solved:
                continue
            if person.code == UNKNOWN and len(person.items) and not self.rates:
                assert isinstance(model, ListModel)  # noqa: S101  # what predicts scores is one
                scores[row] = model.predict_new(person.items, person.values)
                if not scores[row].any():
                    scores[row], fell_back[row] = self.ratings.item_counts, True
            else:
                trained.append(row)
        codes = np.array([people[row].code for row in trained], np.int32)
        if len(trained) == len(people):
            return ranking.score_codes(self.recommender, codes)
        if trained:
            scores[trained], fell_back[trained] = ranking.score_codes(self.recommender, codes)
        return scores, fell_back

    def _predicted(
        self, person: Person, codes: Codes, interval: float | None
    ) -> tuple[PairPredictions, Interval | None]:
        by, sure = self.recommender, None
        folded = self.people.folded(person)
        if folded is not None:
            pairs = predicting.predict_newcomer(by, folded, codes, None)
            if interval is not None:
                sure = predicting.newcomer_interval(by, folded, codes, pairs, interval)
            return pairs, sure
        users = np.full(len(codes), person.code, np.int32)
        pairs = by.predict_codes(users, codes)
        if interval is not None:
            sure = by.interval_codes(users, codes, pairs, interval)
        return pairs, sure

    def _find_allowed(
        self, include: tuple[str, ...], exclude: tuple[str, ...], min_ratings: int
    ) -> tuple[Mask, dict[str, int]]:
        catalog = self.catalog
        return ranking.allowed_items(
            self.ratings, catalog.wanted(include), catalog.wanted(exclude), min_ratings
        )


def _ends(sure: Interval) -> tuple[list[float | None], list[float | None]]:
    """Lower and upper ends; None where the model does not say."""
    low, high = (
        [None if value != value else value for value in end.tolist()]
        for end in (sure.low, sure.high)
    )
    return low, high
