"""Why a prediction is what it is: parts that add up to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tastemap.arrays import Codes, Float64s
from tastemap.data.ratings import Ratings
from tastemap.explanation.basis import standard_basis
from tastemap.explanation.biases import check_trained_on
from tastemap.models.bias import BiasModel
from tastemap.models.factors import FactorModel
from tastemap.models.posterior import PosteriorModel
from tastemap.models.protocol import Model
from tastemap.randomness import stream
from tastemap.results import GLOBAL_MEAN, ITEM_BIAS, MODEL, SOURCES, USER_BIAS
from tastemap.tables import Table

_SHOWN = 5
"""Components named one by one; the rest are summed."""
_KNOWN = 300
"""Most rated items among which those are chosen that tell what a component is."""
_SAMPLE = 400
"""Users, and items, over which the means of a model without linear parts are taken."""

DID = {True: "rated", False: "took"}
"""What users did with items, by whether it was with a rating."""

_STEPS = "steps of the scale"

Parts = dict[str, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation(Table):
    """The parts of one predicted rating.

    Attributes:
        user, item, title: raw user id, raw item id and name.
        parts: what each part is.
        contributions: how much each adds, in units of the ratings, shape (n,); their sum is
            ``score`` up to the rounding of float32.
        score: the prediction before clipping to the scale.
        clipped: the prediction as users see it.
        made_from: one of `tastemap.results.SOURCES`.
        rating: what the user gave the item in training; None if they did not rate it.
        remarks: how to read the parts.
        explicit: False where the training ratings are interactions; ``rating`` is 1 then.
    """

    user: Any
    item: Any
    title: str
    parts: Sequence[str]
    contributions: Float64s
    score: float
    clipped: float
    made_from: str
    rating: float | None
    remarks: tuple[str, ...] = ()
    explicit: bool = True

    def columns(self) -> dict[str, Any]:
        """Part and contribution."""
        return {"part": self.parts, "contribution": self.contributions}

    @property
    def caption(self) -> str:
        """Who, what, and the prediction."""
        return f"user {self.user}, {self.title}: {self.clipped:.2f}, from the {self.made_from}"

    @property
    def notes(self) -> list[str]:
        """Clipping, the user's own rating, and how to read the parts."""
        notes = []
        if self.clipped != self.score:
            notes.append(f"the parts add up to {self.score:.3f}, outside the scale")
        if self.rating is not None:
            given = f" {self.rating:g}" if self.explicit else ""
            notes.append(
                f"the user {DID[self.explicit]} this{given}; the model was trained on that"
            )
        return notes + list(self.remarks)


def explain(model: Model, ratings: Ratings, user_code: int, item_code: int) -> Explanation:
    """The parts a prediction is made of; they add up to it.

    A model with factors: the mean, what is the same for all items of this user (``user bias``),
    what is the same for all users of this item (``item bias``), and the canonical components
    (`tastemap.explanation.basis`, on the 2,000 most rated items) with the largest contributions
    one by one, the rest summed. What everybody's taste says about an item is part of its bias,
    and what a user's taste says about every item part of theirs, as in `components`.

    With an ordinal likelihood these add up to the latent value behind the rating; one more part
    (``steps of the scale``) is what the expected rating differs from it by.

    A bias model: mean and biases. A user or item without training ratings contributes nothing.

    Any other model: the two-way decomposition of its predictions r̂. With means over users and
    items that have training ratings (over a sample of them when there are many, which a remark
    then says): the mean r̂.., what this user adds (r̂u. - r̂..), what this item adds
    (r̂.i - r̂..), and what is special to the pair (r̂ui - r̂u. - r̂.i + r̂..).

    Args:
        model: a fitted model; for a user or item without training ratings the bias model that
            predictions fall back to.
        ratings: the ratings it was trained on.
        user_code: code of the user, 0 to n_users - 1.
        item_code: code of the item.

    Raises:
        DataError: there are no ratings, or they are not of the model's users and items.
    """
    check_trained_on(model, ratings)
    known_user = bool(ratings.user_counts[user_code] > 0)
    known_item = bool(ratings.item_counts[item_code] > 0)
    # Same codes as in Recommender.predict_codes: -1 for what has no training ratings.
    is_bias = isinstance(model, BiasModel)
    user = np.array([user_code if known_user or not is_bias else -1], np.int32)
    item = np.array([item_code if known_item or not is_bias else -1], np.int32)
    remarks: list[str] = []
    if isinstance(model, BiasModel):
        parts = _bias_parts(model, int(user[0]), int(item[0]))
    elif isinstance(model, FactorModel):
        parts, remarks = _factor_parts(model, ratings, user_code, item_code)
    else:
        two_way = TwoWay(model, ratings)
        (parts,), remarks = two_way.parts(user, item), two_way.remarks
    score = float(model.predict_pairs(user, item)[0])
    if isinstance(model, PosteriorModel) and model.thresholds is not None:
        parts[_STEPS] = score - float(model.predict_latent(user, item)[0])
        remarks.append(
            f"the parts above {_STEPS!r} are on a scale without ends, where most ratings are in "
            "stars; that part leads to the steps of the scale, beyond whose ends no rating goes"
        )
    source = MODEL if (known_user and known_item) or not is_bias else GLOBAL_MEAN
    if is_bias and known_user != known_item:
        source = USER_BIAS if known_user else ITEM_BIAS
    return Explanation(
        user=ratings.user_ids.raw(user_code),
        item=ratings.item_ids.raw(item_code),
        title=ratings.catalog.title(item_code),
        parts=list(parts),
        contributions=np.array(list(parts.values())),
        score=score,
        clipped=float(np.clip(score, *ratings.scale)),
        made_from=SOURCES[source],
        rating=rating_of(ratings, user_code, item_code),
        remarks=tuple(remarks),
        explicit=ratings.explicit,
    )


def rating_of(ratings: Ratings, user_code: int, item_code: int) -> float | None:
    """What a user gave an item in training; None if they did not rate it."""
    items, values = ratings.by_user.row(user_code)
    given = values[items == item_code]
    return float(given[-1]) if len(given) else None


def _bias_parts(model: BiasModel, user: int, item: int) -> Parts:
    return {
        "mean": model.mean,
        "user bias": float(model.user_bias[user]) if user >= 0 else 0.0,
        "item bias": float(model.item_bias[item]) if item >= 0 else 0.0,
    }


def _factor_parts(
    model: FactorModel, ratings: Ratings, user: int, item: int
) -> tuple[Parts, list[str]]:
    ranked, basis = standard_basis(model, ratings)
    p = model.user_factors[user].astype(np.float64)
    q = model.item_factors[item].astype(np.float64)
    p_mean, q_mean = basis.user_centre, basis.item_centre
    assert p_mean is not None  # noqa: S101  # a canonical basis has a place for users
    user_bias = item_bias = 0.0
    if model.user_bias is not None and model.item_bias is not None:
        user_bias, item_bias = float(model.user_bias[user]), float(model.item_bias[item])
    # p·q = p̄·q̄ + (p - p̄)·q̄ + p̄·(q - q̄) + (p - p̄)·(q - q̄), the last summed over components
    user_shared, item_shared = float((p - p_mean) @ q_mean), float(p_mean @ (q - q_mean))
    along = basis.of_users(p[None])[0] * basis.of_items(q[None])[0]
    order = np.argsort(-np.abs(along), kind="stable")
    shown = order[: _SHOWN if len(order) > _SHOWN + 1 else len(order)]
    parts = {
        "mean": model.mean + float(p_mean @ q_mean),
        "user bias": user_bias + user_shared,
        "item bias": item_bias + item_shared,
    }
    parts |= {f"component {number + 1}": float(along[number]) for number in shown}
    # An item outside the basis may also differ in a direction that no item of the basis has.
    rest = float((p - p_mean) @ (q - q_mean)) - float(along[shown].sum())
    n_rest = len(order) - len(shown)
    if n_rest or abs(rest) > 1e-6:
        parts[f"the other {n_rest} components" if n_rest else "outside the components"] = rest
    remarks = [
        f"of the item bias {item_shared:+.3f} is taste that all users share; "
        f"of the user bias {user_shared:+.3f} is this user's taste for what all items share"
    ]
    known = ranked[:_KNOWN]
    places = basis.of_items(model.item_factors[known])
    title = ratings.catalog.title
    for number in shown[:_SHOWN]:
        low, high = (known[place(places[:, number])] for place in (np.argmin, np.argmax))
        remarks.append(
            f"component {number + 1}: low for {title(low)}, high for {title(high)} "
            f"(of the {len(known)} most rated)"
        )
    return parts, remarks


class TwoWay:
    """The two-way decomposition of a model's predictions: see `explain`.

    Args:
        model: any model.
        ratings: the ratings it was trained on.
    """

    def __init__(self, model: Model, ratings: Ratings) -> None:
        self._model = model
        self._users, all_users = _some(ratings.user_counts > 0, "explain/users")
        self._items, all_items = _some(ratings.item_counts > 0, "explain/items")
        self.exact = all_users == len(self._users) and all_items == len(self._items)
        self.mean = self._mean_over(self._users, self._items)
        self.remarks = [
            f"a {model.kind!r} model has no linear parts: these are means of its predictions"
        ]
        if not self.exact:
            self.remarks.append(
                f"means over a sample of {len(self._users):,} of {all_users:,} users and "
                f"{len(self._items):,} of {all_items:,} items: each part is approximate, their "
                "sum is exact"
            )

    def _mean_over(self, rows: Codes, columns: Codes) -> float:
        pairs = np.repeat(rows, len(columns)), np.tile(columns, len(rows))
        return float(np.mean(self._model.predict_pairs(*pairs), dtype=np.float64))

    def parts(self, user: Codes, items: Codes) -> list[Parts]:
        """The parts of one user's prediction for each of some items.

        Args:
            user: the code, shape (1,).
            items: codes, shape (n,).
        """
        of_user = self._mean_over(user, self._items)
        pairs = self._model.predict_pairs(np.repeat(user, len(items)), items)
        about = "" if self.exact else ", approximate"
        found = []
        for item, pair in zip(items, pairs.tolist(), strict=True):
            of_item = self._mean_over(self._users, np.array([item], np.int32))
            found.append(
                {
                    f"mean prediction{about}": self.mean,
                    f"this user{about}": of_user - self.mean,
                    f"this item{about}": of_item - self.mean,
                    f"this user with this item{about}": pair - of_user - of_item + self.mean,
                }
            )
        return found


def _some(known: np.ndarray, name: str) -> tuple[Codes, int]:
    """At most `_SAMPLE` of the known codes, always the same ones, and how many there are."""
    codes = np.flatnonzero(known).astype(np.int32)
    if len(codes) <= _SAMPLE:
        return codes, len(codes)
    chosen = stream(0, name).choice(len(codes), _SAMPLE, replace=False)
    return codes[np.sort(chosen)], len(codes)
