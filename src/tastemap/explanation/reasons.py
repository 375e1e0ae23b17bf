"""Why an item stands in a list: what the user's own items say of it, one by one."""

from __future__ import annotations

import numpy as np

from tastemap.arrays import Codes, Values
from tastemap.data.ratings import Ratings
from tastemap.explanation.why import DID, Explanation, rating_of
from tastemap.models.blend import RANKS_BEFORE, BlendModel, ranks_of
from tastemap.models.popularity import PopularityModel
from tastemap.models.preference import PreferenceModel
from tastemap.models.protocol import Model
from tastemap.models.similarity import SimilarityModel
from tastemap.results import MODEL, SOURCES

_SHOWN = 5
"""Items named one by one; the rest are summed."""
POPULARITY = "popularity"
"""What a list is made from for whom the model says nothing."""

Parts = dict[str, float]


def explain_score(model: Model, ratings: Ratings, user_code: int, item_code: int) -> Explanation:
    """The parts a score is made of; they add up to it.

    A model of similar items: what each item the user took says of this one. Factors of what users
    took: the same, since a user's factors are made of those items' (Hu, Koren & Volinsky 2008,
    section 5). A blend: what each model's rank adds. Popularity, and any model of a user it knows
    nothing of: the number of training ratings.

    Args:
        model: a fitted model that ranks items.
        ratings: the ratings it was trained on.
        user_code: code of the user, 0 to n_users - 1.
        item_code: code of the item.
    """
    one = np.array([user_code], np.int32)
    scores = model.predict_users(one)[0]
    knows = bool(ratings.user_counts[user_code]) and bool(scores.any())
    remarks: list[str] = []
    if isinstance(model, PopularityModel) or not knows:
        score = float(scores[item_code] if knows else ratings.item_counts[item_code])
        parts: Parts = {f"{ratings.noun} of this item": score}
    elif isinstance(model, BlendModel):
        score = float(scores[item_code])
        parts = _blend_parts(model, user_code, item_code)
    else:
        assert isinstance(model, SimilarityModel | PreferenceModel)  # noqa: S101  # no others
        score = float(scores[item_code])
        parts, remarks = _item_parts(ratings, score, *model.contributions(user_code, item_code))
    return Explanation(
        user=ratings.user_ids.raw(user_code),
        item=ratings.item_ids.raw(item_code),
        title=ratings.catalog.title(item_code),
        parts=list(parts),
        contributions=np.array(list(parts.values())),
        score=score,
        clipped=score,
        made_from=SOURCES[MODEL] if knows else POPULARITY,
        rating=rating_of(ratings, user_code, item_code),
        remarks=(*remarks, "a score ranks the items of one user; it is no rating"),
        explicit=ratings.explicit,
    )


def _item_parts(
    ratings: Ratings, score: float, items: Codes, contributions: Values
) -> tuple[Parts, list[str]]:
    order = np.argsort(-np.abs(contributions), kind="stable")
    shown = order[: _SHOWN if len(order) > _SHOWN + 1 else len(order)]
    parts: Parts = {}
    for at in shown:
        # Two items may have one title.
        name = ratings.catalog.title(items[at])
        if name in parts:
            name += f" ({ratings.item_ids.raw(items[at])})"
        parts[name] = float(contributions[at])
    if len(order) > len(shown):
        # What is left of the score, so that parts add up to it however it was rounded.
        rest = f"the other {len(order) - len(shown)} items they {DID[ratings.explicit]}"
        parts[rest] = score - sum(parts.values())
    return parts, [f"each part is what an item that the user {DID[ratings.explicit]} says"]


def _blend_parts(model: BlendModel, user: int, item: int) -> Parts:
    users = np.array([user], np.int32)
    taken, _ = model.users.row(user)
    parts: Parts = {}
    for number, (one, weight) in enumerate(zip(model.models, model.weights, strict=True), 1):
        ranks = ranks_of(one.predict_users(users)[0], taken)
        if ranks is not None:
            name = f"model {number} ({one.kind}) has it at rank {ranks[item]:,}"
            parts[name] = float(weight / (RANKS_BEFORE + ranks[item]))
    return parts
