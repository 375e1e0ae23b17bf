"""Ratings as the kernels want them: grouped by user and by item, values in one byte if they fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from tastemap.arrays import AnyArray, Codes, Factors, Float64s, Mask, Values
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, TrainingError
from tastemap.models.protocol import blocks
from tastemap.training import kernels, kernels_passes
from tastemap.training.schedule import Block, Workers, even_blocks, row_blocks

_STEPS = (1.0, 0.5, 0.25)
"""Distances between ratings that are tried for one-byte codes; all exact in binary."""


class RowRatings(NamedTuple):
    """Ratings grouped by row; row r is ``start[r]:start[r + 1]``.

    Attributes:
        start: shape (n_rows + 1,), int64.
        columns: the other side's code of each rating, shape (n_ratings,), int32.
        values: coded ratings, shape (n_ratings,), uint8 or float32.
        roots: square root of the weight of each rating, float32, shape (n_ratings,), or (0,)
            when every weight is 1.
        step, shift: rating - mean = code * step + shift; float32.
    """

    start: Any
    columns: Any
    values: Any
    roots: Any
    step: Any
    shift: Any


class Other(NamedTuple):
    """The other side, held fixed.

    Attributes:
        factors: factors and, last, the bias, shape (n_other, k + 1), float32.
        variance: their posterior variances, same shape, or (0, k + 1) to take them as known.
        intercept: float32 1, or 0 for rows without a bias of their own.
    """

    factors: Any
    variance: Any
    intercept: Any


class Prior(NamedTuple):
    """What is known of a row before its ratings.

    Attributes:
        precision: Λ, shape (k + 1, k + 1), float32.
        linear: Λμ, shape (1, k + 1), or (n_rows, k + 1) where each row has a μ of its own; float32.
        scale: both are multiplied by it, one number a row, shape (n_rows,), float32.
        noise: α, precision of a rating of weight 1, float32.
    """

    precision: Any
    linear: Any
    scale: Any
    noise: Any


class Solved(NamedTuple):
    """What the solvers write, one row a row.

    Attributes:
        factors: factors then bias, shape (n_rows, k + 1), float32; NaN where a pivot failed.
        means: A⁻¹ b, whatever is drawn; same shape, or (0, k + 1) when not wanted.
        variance: diagonal of A⁻¹; same shape, or (0, k + 1) when not wanted.
        objective: α Σ w t² - bᵀ A⁻¹ b, shape (n_rows,), float32: the minimum over x of
            α Σ w (t - z · x)² + (x - μ)ᵀ Λ (x - μ) - μᵀΛμ, and the part of the variances.
    """

    factors: Any
    means: Any
    variance: Any
    objective: Any


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupedRows:
    """Ratings grouped by one side, and how its rows are shared out.

    Attributes:
        noun: ``"user"`` or ``"item"``: what a row is called in messages.
        ratings: the rows, for the kernels.
        totals: sum of the weights of each row's ratings, shape (n_rows,).
        blocks: rows of about equal work.
    """

    noun: str
    ratings: RowRatings
    totals: Float64s
    blocks: list[Block]

    def __len__(self) -> int:
        return len(self.ratings.start) - 1

    @property
    def rated(self) -> Mask:
        """Which rows have ratings, shape (n_rows,)."""
        return self.totals > 0


def group_both(
    train: Ratings, mean: float, factors: int, workers: Workers
) -> tuple[GroupedRows, GroupedRows]:
    """Group ratings by user and by item.

    Args:
        train: the ratings.
        mean: what is subtracted from them.
        factors: how many a row will have: decides how rows are shared out.
        workers: the threads; both sides are grouped at the same time.

    Returns:
        Rows of users and rows of items. Rows that are in order already share the memory of
        ``train``.

    Raises:
        ConfigError: more factors than the kernels can hold, or none.
    """
    if not 1 <= factors <= kernels.MAX_FACTORS:
        raise ConfigError(f"factors must be 1 to {kernels.MAX_FACTORS}, got {factors}")
    values, step, low = coded(train.values)
    roots = np.zeros(0, np.float32) if train.weights is None else np.sqrt(train.weights)
    sides = [
        ("user", train.users, train.items, train.user_counts),
        ("item", train.items, train.users, train.item_counts),
    ]
    grouped: dict[int, GroupedRows] = {}

    def group(first: int, last: int) -> None:
        for one in range(first, last):
            noun, codes, others, counts = sides[one]
            start = np.concatenate([[0], np.cumsum(counts)])
            columns, mine, weights = _grouped(codes, others, values, roots, start)
            ratings = RowRatings(
                read_only(start),
                read_only(columns),
                read_only(mine),
                read_only(weights),
                np.float32(step),
                np.float32(low - mean),
            )
            grouped[one] = GroupedRows(
                noun=noun,
                ratings=ratings,
                totals=np.bincount(codes, train.weights, minlength=len(counts)).astype(np.float64),
                blocks=row_blocks(start, factors + 2, workers.threads),
            )

    workers.each(group, [(0, 1), (1, 2)])
    return grouped[0], grouped[1]


def coded(values: Values) -> tuple[AnyArray, float, float]:
    """Ratings as codes: rating = code * step + low.

    Returns:
        Codes, uint8 where every rating is a whole number of steps above the lowest; else the
        ratings themselves, with step 1 and low 0. Step. Low.
    """
    low = float(values.min()) if len(values) else 0.0
    codes = np.empty(len(values), np.uint8)
    for step in _STEPS:
        for part in blocks(len(values)):
            steps = (values[part] - np.float32(low)) / np.float32(step)
            whole = np.rint(steps)
            if not (np.array_equal(steps, whole) and steps.max() <= 255):
                break
            codes[part] = whole
        else:
            return codes, step, low
    return values, 1.0, 0.0


def _grouped(
    codes: Codes, others: Codes, values: AnyArray, roots: Values, start: AnyArray
) -> tuple[Codes, AnyArray, Values]:
    if not np.any(codes[1:] < codes[:-1]):
        return others, values, roots
    columns = np.empty(len(codes), np.int32)
    grouped = np.empty_like(values)
    sources = np.empty(len(codes) if len(roots) else 0, np.int64)
    kernels_passes.group_rows(
        read_only(codes), read_only(others), read_only(values), start[:-1].copy(),
        columns, grouped, sources,
    )  # fmt: skip
    return columns, grouped, roots[sources] if len(roots) else roots


def with_values(rows: GroupedRows, values: Values) -> GroupedRows:
    """The same rows with other values: ratings less the mean, float32, in the order of the rows."""
    ratings = rows.ratings._replace(
        values=read_only(values), step=np.float32(1), shift=np.float32(0)
    )
    return replace(rows, ratings=ratings)


def read_only(array: AnyArray) -> AnyArray:
    """A view that cannot be written: Numba would compile anew for ratings that can."""
    array = np.ascontiguousarray(array).view()
    array.flags.writeable = False
    return array


def solve(
    rows: GroupedRows,
    other: Factors,
    other_variance: Factors,
    prior: Prior,
    normals: Factors,
    solved: Solved,
    workers: Workers,
) -> None:
    """Solve for every row, or draw it, given the other side (`kernels.solve_rows`).

    Raises:
        TrainingError: a row could not be solved: the message names it.
    """
    given = Other(other, other_variance, np.float32(1))

    def work(first: int, last: int) -> None:
        kernels.solve_rows(rows.ratings, given, prior, normals, solved, first, last)

    workers.each(work, rows.blocks)
    check_solved(rows, solved.objective)


def check_solved(rows: GroupedRows, objective: Values) -> None:
    """Raise TrainingError if a row could not be solved."""
    failed = np.flatnonzero(~np.isfinite(objective))
    if len(failed):
        raise TrainingError(
            f"{len(failed):,} {rows.noun}s could not be solved, the first with code {failed[0]}: "
            "its normal equations are singular; use a larger regularization"
        )


def predict(
    users: Codes, items: Codes, user_side: Factors, item_side: Factors, mean: float, on: Workers
) -> Values:
    """Predicted rating of each pair, shape (n,), from factors with the bias as last column."""
    out = np.empty(len(users), np.float32)
    # Codes of Ratings are read-only; so must others be.
    users, items = read_only(users), read_only(items)

    def work(first: int, last: int) -> None:
        kernels_passes.predict_pairs(
            users, items, user_side, item_side, np.float32(mean), out, first, last
        )

    on.each(work, even_blocks(len(users), on.threads))
    return out
