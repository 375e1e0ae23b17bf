"""The chance that a user likes an item they take, learnt from ratings held out of training.

A rating from `Liking.liked_from` on is a like. Of pairs that a model has not seen,

    P(liked | rated) = 1 / (1 + exp(-(w₀ + Σ_m w_m x_m))),    w_m >= 0 for m > 0,

where x is what the model says of the pair: what rating to expect, and how near the item is to the
top of the user's list. This is logistic calibration (Platt 1999, "Probabilistic outputs for support
vector machines", with more than one input): two or three numbers, which never turn the order of a
model around.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tastemap.arrays import Float64s, Mask, Values
from tastemap.errors import DataError

FEWEST = 50
"""Fewer likes than this, or fewer ratings below, and nothing is learnt."""
_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class Liking:
    """How what a model says becomes a chance of liking.

    Attributes:
        liked_from: the lowest rating that is a like, in units of the ratings.
        weights: w, of the constant and of each input.
        rows: held-out ratings it was learnt from.
        share: share of them that are likes.
    """

    liked_from: float
    weights: tuple[float, ...]
    rows: int
    share: float

    @classmethod
    def learnt(cls, inputs: Float64s, liked: Mask, liked_from: float) -> Self:
        """The most likely weights, none of an input below 0.

        Each weight has a normal prior with the scale of its input, worth next to nothing beside
        `FEWEST` rows: without, weights would have no end where likes can be told without a fault.

        Args:
            inputs: x of each held-out rating, shape (n, m).
            liked: whether it is a like, shape (n,).
            liked_from: the lowest rating that is one.

        Raises:
            DataError: there are fewer than `FEWEST` likes, or others.
        """
        likes = int(liked.sum())
        if min(likes, len(liked) - likes) < FEWEST:
            raise DataError(
                f"of {len(liked):,} held-out ratings {likes:,} are {liked_from:g} or higher: a "
                f"chance of liking takes {FEWEST} that are and {FEWEST} that are not"
            )
        centre, scale = inputs.mean(axis=0), inputs.std(axis=0)
        used = list(np.flatnonzero(scale > 0))
        while True:
            z = np.column_stack([np.ones(len(inputs)), (inputs - centre)[:, used] / scale[used]])
            found = _most_likely(z, liked)
            if not used or found[1:].min() >= 0:
                break
            del used[int(np.argmin(found[1:]))]
        weights = np.zeros(inputs.shape[1])
        weights[used] = found[1:] / scale[used]
        constant = float(found[0] - weights @ centre)
        return cls(
            liked_from=liked_from,
            weights=(constant, *weights.tolist()),
            rows=len(liked),
            share=likes / len(liked),
        )

    def chances(self, inputs: Float64s) -> Values:
        """Chance of a like for each row of x, shape (n,); x has the shape (n, m)."""
        constant, *weights = self.weights
        return _sigmoid(constant + inputs @ np.array(weights)).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values, for a manifest."""
        return {
            "liked_from": self.liked_from,
            "weights": list(self.weights),
            "rows": self.rows,
            "share": self.share,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(**{**fields, "weights": tuple(fields["weights"])})


def _most_likely(z: Float64s, liked: Mask) -> Float64s:
    """Weights by Newton's method, which halves a step that makes things worse."""
    prior = np.ones(z.shape[1])
    prior[0] = 0
    weights = np.zeros(z.shape[1])
    weights[0] = np.log(liked.mean() / (1 - liked.mean()))
    worst = _surprise(z, liked, weights, prior)
    for _ in range(_STEPS):
        chance = _sigmoid(z @ weights)
        gradient = z.T @ (liked - chance) - prior * weights
        curvature = (z * (chance * (1 - chance))[:, None]).T @ z + np.diag(prior)
        step = np.linalg.solve(curvature, gradient)
        while (now := _surprise(z, liked, weights + step, prior)) > worst and np.any(step):
            step = step / 2
        weights, gain, worst = weights + step, worst - now, now
        if gain <= 1e-12 * worst:
            break
    return weights


def _surprise(z: Float64s, liked: Mask, weights: Float64s, prior: Float64s) -> float:
    """-log of likelihood and prior."""
    logits = z @ weights
    of_rows = np.logaddexp(0, np.where(liked, -logits, logits)).sum()
    return float(of_rows + prior @ np.square(weights) / 2)


def _sigmoid(x: Float64s) -> Float64s:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -500, 500))))
