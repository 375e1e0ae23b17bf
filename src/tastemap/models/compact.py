"""A model in as few factors as it needs, for serving.

A ridge on the factors of users and of items is a penalty on the singular values of their product
(Srebro, Rennie & Jaakkola 2004, "Maximum-margin matrix factorization"): those that the ratings do
not ask for become next to nothing, however many factors were allowed. Turned to the principal axes
of the items' factors, the last ones then say less than the rounding of float32, and all that is
worked out without them takes a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tastemap.arrays import Factors, Float64s
from tastemap.models.factors import FactorModel
from tastemap.models.protocol import Model, blocks

_ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Relative to the largest dot product: what may be left out of one."""
_SAMPLE = 2_000
"""Rows by which it is seen first whether there is anything to leave out."""


def compact(model: Model) -> Model:
    """The same predictions, to the rounding of float32, of fewer factors.

    Other models, posteriors (which are made of few factors already), and models that need more
    than half of their factors are given back as they are.
    """
    if type(model) is not FactorModel:
        return model
    users, items = model.user_factors, model.item_factors
    for step in (1 + len(items) // _SAMPLE, 1):
        axes = _axes(users[::step], items[::step])
        if 2 * axes.shape[1] > len(axes):
            return model
    turned = axes.astype(np.float32)
    return replace(model, user_factors=users @ turned, item_factors=items @ turned)


def _axes(users: Factors, items: Factors) -> Float64s:
    """The fewest principal axes of the items that tell every dot product, shape (k, r)."""
    gram = np.zeros((items.shape[1],) * 2)
    for rows in _rows(items):
        gram += rows.T @ rows
    axes = np.asarray(np.linalg.eigh(gram)[1][:, ::-1])
    # |p_rest · q_rest| <= |p_rest| |q_rest|
    left_out = _longest_rests(users, axes) * _longest_rests(items, axes)
    return axes[:, : max(1, int(np.argmax(left_out <= _ROUNDING * left_out[0])))]


def _longest_rests(factors: Factors, axes: Float64s) -> Float64s:
    """Length of the longest row without its first r coordinates, for r = 0 ... k."""
    longest = np.zeros(len(axes) + 1)
    for rows in _rows(factors):
        squares = np.square(rows @ axes)[:, ::-1]
        rests = np.cumsum(squares, axis=1)[:, ::-1].max(axis=0, initial=0)
        longest[:-1] = np.maximum(longest[:-1], rests)
    return np.sqrt(longest)


def _rows(factors: Factors) -> Iterator[Float64s]:
    for part in blocks(len(factors)):
        yield factors[part].astype(np.float64)
