"""A factor model of a handful of users and items, as a spreadsheet holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tastemap.arrays import Float64s, Values
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError, NotFittedFor
from tastemap.models.factors import FactorModel
from tastemap.models.posterior import PosteriorModel
from tastemap.randomness import stream

if TYPE_CHECKING:
    from tastemap.explanation.crosstab import Crosstab
    from tastemap.recommender import Recommender


@dataclass(frozen=True, eq=False, kw_only=True)
class SmallModel:
    """r̂(u, i) = μ + b_u + c_i + p_u · q_i for the users and items of a crosstab, in float64.

    Attributes:
        mean: μ, in units of the ratings.
        user_bias, item_bias: b and c, shapes (n_users,) and (n_items,).
        user_factors, item_factors: p and q, shapes (n_users, k) and (n_items, k).
        source: where these numbers come from, in a sentence or two.
    """

    mean: float
    user_bias: Float64s
    item_bias: Float64s
    user_factors: Float64s
    item_factors: Float64s
    source: str

    def predictions(self) -> Float64s:
        """Unclipped predictions, shape (n_users, n_items)."""
        predicted: Float64s = self.user_factors @ self.item_factors.T
        return predicted + self.mean + self.user_bias[:, None] + self.item_bias

    def errors(self, values: Values) -> Float64s:
        """Prediction minus rating, shape (n_users, n_items); NaN where there is no rating."""
        errors: Float64s = self.predictions() - values
        return errors

    def rmse(self, values: Values) -> float:
        """Root mean squared error over the ratings there are; NaN without any."""
        errors = self.errors(values)
        errors = errors[~np.isnan(errors)]
        return float(np.sqrt(np.mean(errors**2))) if len(errors) else float("nan")

    def slopes(self, values: Values) -> SmallModel:
        """Derivatives of ½ Σ error² by every bias and factor, in their places; 0 for the mean.

        ∂/∂p_u = Σ_i e_ui q_i,  ∂/∂b_u = Σ_i e_ui, and the same for items.
        """
        errors = np.nan_to_num(self.errors(values))
        return replace(
            self,
            mean=0.0,
            user_bias=errors.sum(axis=1),
            item_bias=errors.sum(axis=0),
            user_factors=errors @ self.item_factors,
            item_factors=errors.T @ self.user_factors,
        )

    def step(self, values: Values, rate: float) -> SmallModel:
        """The model after one step of gradient descent: every number minus ``rate`` x slope."""
        slopes = self.slopes(values)
        return replace(
            self,
            user_bias=self.user_bias - rate * slopes.user_bias,
            item_bias=self.item_bias - rate * slopes.item_bias,
            user_factors=self.user_factors - rate * slopes.user_factors,
            item_factors=self.item_factors - rate * slopes.item_factors,
        )


def learning_rate(n_users: int, n_items: int) -> float:
    """A third of what overshoots when all errors have one sign, to one significant digit.

    ½ Σ error² over a full grid is steepest when all biases move together, with curvature
    n_users + n_items.
    """
    return float(f"{1 / (3 * (n_users + n_items)):.0e}")


def start(crosstab: Crosstab, factors: int) -> SmallModel:
    """Where training starts: the mean of the crosstab, no biases, small random factors."""
    n_users, n_items = crosstab.values.shape
    random = stream(0, "crosstab/factors")
    given = crosstab.values[~np.isnan(crosstab.values)].astype(np.float64)
    # Two decimals, so that the cells show all there is.
    return SmallModel(
        mean=round(float(given.mean()), 2) if len(given) else round(crosstab.ratings.mean, 2),
        user_bias=np.zeros(n_users),
        item_bias=np.zeros(n_items),
        user_factors=np.round(random.normal(0, 0.2, (n_users, factors)), 2),
        item_factors=np.round(random.normal(0, 0.2, (n_items, factors)), 2),
        source="Nothing is learnt yet: biases are 0, factors are small random numbers, and the "
        "mean is that of the ratings shown.",
    )


def taken_from(fitted: Recommender, crosstab: Crosstab, factors: int) -> SmallModel:
    """A fitted model's numbers for the users and items of a crosstab.

    With at most ``factors`` factors they are the model's own. With more, P Qᵀ of these users and
    items has its row and column means put into the biases, and the rest is replaced by its best
    approximation of rank ``factors``, U √S and V √S of its singular value decomposition.

    Raises:
        NotFittedFor: the model's predictions are not ratings made by a dot product of factors.
        UnknownUserError, UnknownItemError: the model does not know a user or item.
        DataError: it knows one but had no training ratings of it.
    """
    model, train = fitted.model, fitted.ratings
    if not isinstance(model, FactorModel):
        raise NotFittedFor(
            f"a {model.kind!r} model has no factors of users and items to put into cells: pass "
            "one fitted by DotProduct or BiasedMF, or none"
        )
    if model.predicts != "ratings":
        raise NotFittedFor(
            f"a {model.kind!r} model scores items and predicts no ratings, so cells have no errors "
            "to show: pass one fitted by DotProduct or BiasedMF, or none"
        )
    if isinstance(model, PosteriorModel) and model.thresholds is not None:
        raise NotFittedFor(
            "with an ordinal likelihood predictions are not a dot product that cells can show: "
            'pass a model fitted with likelihood="normal", or none'
        )
    users = [train.user_ids.code(raw) for raw in crosstab.users]
    items = [train.item_ids.code(raw) for raw in crosstab.items]
    _check_trained(train, users, items)
    p = model.user_factors[users].astype(np.float64)
    q = model.item_factors[items].astype(np.float64)
    user_bias, item_bias = np.zeros(len(users)), np.zeros(len(items))
    if model.user_bias is not None and model.item_bias is not None:
        user_bias, item_bias = (
            user_bias + model.user_bias[users],
            item_bias + model.item_bias[items],
        )
    name = f"{fitted.recipe.called} model ({p.shape[1]} factors) fitted on {train.name}"
    own = SmallModel(
        mean=model.mean,
        user_bias=user_bias,
        item_bias=item_bias,
        user_factors=p,
        item_factors=q,
        source=f"The numbers are those of {name}, and so are the predictions, before they are "
        "clipped to the scale.",
    )
    if p.shape[1] <= factors:
        return own
    p_mean, q_mean = p.mean(axis=0), q.mean(axis=0)
    u, s, v_t = np.linalg.svd((p - p_mean) @ (q - q_mean).T, full_matrices=False)
    root = np.sqrt(s[:factors])
    shown = replace(
        own,
        mean=own.mean + float(p_mean @ q_mean),
        user_bias=user_bias + (p - p_mean) @ q_mean,
        item_bias=item_bias + (q - q_mean) @ p_mean,
        user_factors=u[:, :factors] * root,
        item_factors=v_t[:factors].T * root,
    )
    apart = float(np.max(np.abs(shown.predictions() - own.predictions())))
    source = (
        f"The numbers come from {name}. Its factors are too many to read, so the {len(root)} "
        "shown are those that come nearest to it for these users and items (a truncated singular "
        "value decomposition of their dot products; what they have in common is in the biases). "
        f"Predictions differ from the model's by at most {apart:.3f}."
    )
    return replace(shown, source=source)


def _check_trained(train: Ratings, users: Sequence[int], items: Sequence[int]) -> None:
    sides = ((train.user_ids, train.user_counts, users), (train.item_ids, train.item_counts, items))
    for vocabulary, counts, codes in sides:
        for code in codes:
            if not counts[code]:
                raise DataError(
                    f"the model had no training ratings of {vocabulary.noun} "
                    f"{vocabulary.raw(code)!r}: make the crosstab of the ratings it was trained on"
                )
