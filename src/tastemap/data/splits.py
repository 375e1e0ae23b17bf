"""Dividing ratings into training, validation and test sets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tastemap.arrays import Mask
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError


@dataclass(frozen=True)
class Split:
    """Train, valid and test ratings of one `Ratings`, over the same vocabularies.

    Attributes:
        train: what is learnt from.
        valid: what settings are chosen by.
        test: what is looked at once, at the end; None where there is no third part.
        description: how the division was made, for reports.
    """

    train: Ratings
    valid: Ratings
    test: Ratings | None = None
    description: str = field(default="")

    def __repr__(self) -> str:
        test = "" if self.test is None else f", {len(self.test):,} test"
        return (
            f"<Split: {len(self.train):,} train, {len(self.valid):,} valid{test}; "
            f"{self.description}>"
        )

    @property
    def leaks_time(self) -> bool | None:
        """Whether training has seen the future of what it is judged by.

        True if a training rating is later than the earliest rating of valid or test, None if
        there are no times. A split that leaks time flatters every model a little: in use, a
        model never knows later ratings.
        """
        held = [part for part in (self.valid, self.test) if part is not None and len(part)]
        if self.train.times is None or not len(self.train) or not held:
            return None
        earliest = min(int(part.times.min()) for part in held if part.times is not None)
        return bool(self.train.times.max() > earliest)


def random(ratings: Ratings, valid_fraction: float = 0.2, seed: int = 42) -> Split:
    """Each rating goes to valid by chance.

    On the bundled MovieLens set, ``valid_fraction=0.2`` and ``seed=42`` give the 80,099 training
    and 19,905 validation ratings of the course notebook tastemap starts from.

    Args:
        ratings: what to divide.
        valid_fraction: chance of a rating to be in valid, between 0 and 1.
        seed: 0 to 2**32 - 1.

    Returns:
        Two parts; their sizes vary around the fraction.

    Raises:
        ConfigError: the fraction is not between 0 and 1, or the seed is out of its range.
    """
    _check_fraction("valid_fraction", valid_fraction)
    if not 0 <= seed < 2**32:
        raise ConfigError(f"seed={seed}: a random split takes 0 to {2**32 - 1}")
    # NumPy's legacy generator, here alone: published results of the notebook are drawn with it,
    # and only the same draws give the same sets.
    draws = np.random.RandomState(seed).rand(len(ratings))
    in_train = draws < 1 - valid_fraction
    said = f"random, {valid_fraction:g} of the ratings in valid, seed {seed}"
    return _split(ratings, in_train, ~in_train, said)


def _split(
    ratings: Ratings, train: Mask, valid: Mask, said: str, test: Mask | None = None
) -> Split:
    return Split(
        train=ratings.take(train),
        valid=ratings.take(valid),
        test=None if test is None else ratings.take(test),
        description=said,
    )


def _check_fraction(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ConfigError(f"{name}={value}: must lie between 0 and 1")
