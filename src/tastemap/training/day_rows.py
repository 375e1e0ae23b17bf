"""Ratings grouped by user and day, for a sampler whose users differ from day to day.

    r ~ N(mean + b_u + b_d + c_i + (p_u + p_d) · q_i, 1 / α),    (p_d, b_d) ~ N(0, Λ_D⁻¹),

where d is the day of user u: a row of its own for each user and day. Given the items, the users
see what is left of the ratings without the days, and the days what is left without the users. The
items see a user of one day as a row of the other side: p_u + p_d.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tastemap.arrays import Codes, Factors, Int64s, Values
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError
from tastemap.models.days import SECONDS_A_DAY, day_keys
from tastemap.training.rows import GroupedRows, RowRatings, predict, read_only, with_values
from tastemap.training.schedule import Workers, row_blocks


@dataclass(frozen=True, eq=False, kw_only=True)
class DayRows:
    """The ratings by day of a user, and what the other sides need to know of days.

    Attributes:
        users: user of each day, shape (n_days,), int32; days are in order of user, then date.
        numbers: days since 1970 UTC, shape (n_days,), int32.
        of: the day of each rating, shape (n_ratings,), int32.
        by_user, by_day: ratings grouped, with room for other values.
        item_columns: the day of each rating, in the order of the items, shape (n_ratings,), int32.
        user_order, day_order: which rating stands where in ``by_user`` and ``by_day``.
    """

    users: Codes
    numbers: Codes
    of: Codes
    by_user: GroupedRows
    by_day: GroupedRows
    item_columns: Codes
    user_order: Int64s
    day_order: Int64s

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def group(cls, train: Ratings, by_user: GroupedRows, width: int, threads: int) -> DayRows:
        """Find the days, and group by them.

        Args:
            train: the ratings.
            by_user: the same by user.
            width: k + 1.
            threads: how many will share the work.

        Raises:
            ConfigError: the ratings have no times.
        """
        if train.times is None:
            raise ConfigError("days=True needs ratings with times, and these have none")
        numbers = (train.times // SECONDS_A_DAY).clip(-(1 << 31), (1 << 31) - 1)
        found, places = np.unique(day_keys(train.users, numbers), return_inverse=True)
        of: Codes = places.astype(np.int32)
        order = np.argsort(of, kind="stable")
        counts = np.bincount(of, minlength=len(found))
        start = np.concatenate([[0], np.cumsum(counts)])
        weights = train.weights
        by_day = GroupedRows(
            noun="day",
            ratings=RowRatings(
                read_only(start),
                read_only(train.items[order]),
                by_user.ratings.values,
                read_only(np.zeros(0, np.float32) if weights is None else np.sqrt(weights[order])),
                np.float32(1),
                np.float32(0),
            ),
            totals=np.bincount(of, weights, minlength=len(found)).astype(np.float64),
            blocks=row_blocks(start, width + 1, threads),
        )
        return cls(
            users=(found >> 32).astype(np.int32),
            numbers=((found & ((1 << 32) - 1)) - (1 << 31)).astype(np.int32),
            of=of,
            by_user=by_user,
            by_day=by_day,
            item_columns=of[np.argsort(train.items, kind="stable")],
            user_order=np.argsort(train.users, kind="stable"),
            day_order=order,
        )

    def facing_items(self, by_item: GroupedRows) -> GroupedRows:
        """Ratings grouped by item, their columns days in place of users."""
        ratings = by_item.ratings._replace(columns=read_only(self.item_columns))
        return replace(by_item, ratings=ratings)

    def left_for_users(
        self, train: Ratings, values: Values, days: Factors, items: Factors, on: Workers
    ) -> GroupedRows:
        """Ratings by user, without what days explain.

        Args:
            train: the ratings.
            values: rating - mean, or what is drawn in its place, shape (n_ratings,), float32.
            days: factors then bias of each day, shape (n_days, k + 1).
            items: of each item, shape (n_items, k + 1).
            on: the threads.
        """
        left = values - predict(self.of, train.items, days, _unbiased(items), 0.0, on)
        return with_values(self.by_user, left[self.user_order])

    def left_for_days(
        self, train: Ratings, values: Values, users: Factors, items: Factors, on: Workers
    ) -> GroupedRows:
        """Ratings by day, without what users explain; arguments as of `left_for_users`."""
        left = values - predict(train.users, train.items, users, _unbiased(items), 0.0, on)
        return with_values(self.by_day, left[self.day_order])


def _unbiased(items: Factors) -> Factors:
    """The factors with biases 0: the kernels take the items' biases off themselves."""
    items = items.copy()
    items[:, -1] = 0
    return items
