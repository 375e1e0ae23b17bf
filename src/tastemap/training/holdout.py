"""Training ratings that are held out to say how long to train."""

from __future__ import annotations

import numpy as np

from tastemap.data.ratings import Ratings


def hold_out(
    ratings: Ratings, share: float, chance: np.random.Generator
) -> tuple[Ratings, Ratings]:
    """The rest, and a random share: at least one of the ratings, and not all.

    Args:
        ratings: at least two.
        share: above 0 and below 1.
        chance: what to draw with.
    """
    n = min(len(ratings) - 1, max(1, round(share * len(ratings))))
    order = chance.permutation(len(ratings))
    return ratings.take(np.sort(order[n:])), ratings.take(np.sort(order[:n]))
