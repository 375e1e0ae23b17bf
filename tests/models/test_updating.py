"""New ratings are taken in as the equations say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import tastemap as tm
from tastemap.data.joining import join
from tastemap.data.ratings import Ratings
from tastemap.models.calibration import Calibration, bins_of
from tastemap.models.days import UserDays
from tastemap.models.distil import distil
from tastemap.models.factors import FactorModel
from tastemap.models.fold_in import fold_in
from tastemap.models.posterior import PosteriorModel
from tastemap.models.prior import Prior, items_of, users_of
from tastemap.models.updating import updated

NOISE = 0.4
DAY = 86_400


def table(rows: list[tuple[int, int, float]], **columns: list[float]) -> Ratings:
    users, items, values = zip(*rows, strict=True)
    columns |= {"user": users, "item": items, "rating": values}
    return tm.read_ratings(pa.table(columns), duplicates="error")


def many(n_users: int, n_items: int, seed: int = 0, **columns: bool) -> Ratings:
    """Each user rates about half of the items; ids are codes plus 100."""
    chance = np.random.default_rng(seed)
    pairs = [(u, i) for u in range(n_users) for i in range(n_items) if chance.random() < 0.5]
    rows = [(u + 100, i + 100, float(chance.integers(1, 6))) for u, i in pairs]
    more: dict[str, list[float]] = {}
    if columns.get("weights"):
        more["weight"] = chance.uniform(0.5, 2, len(rows)).tolist()
    if columns.get("times"):
        more["time"] = (1_000_000_000 + DAY * chance.integers(0, 3, len(rows))).tolist()
    return table(rows, **more)


def make(ratings: Ratings, k: int = 2, seed: int = 1) -> FactorModel:
    chance = np.random.default_rng(seed)
    return FactorModel(
        mean=3.1,
        user_bias=chance.normal(0.1, 0.5, ratings.n_users),
        item_bias=chance.normal(0, 0.5, ratings.n_items),
        user_factors=chance.normal(0.1, 0.7, (ratings.n_users, k)),
        item_factors=chance.normal(0, 0.7, (ratings.n_items, k)),
    )


def slow_step(
    x: np.ndarray,
    prior: Prior,
    now: list[tuple[np.ndarray, float, float]],
    before: list[tuple[np.ndarray, float, float]],
) -> np.ndarray:
    """The twin: one row; a rating is (the other side's row, rating less μ, weight)."""
    left, right = prior.precision.copy(), np.zeros(len(x))
    for sign, rated in ((1, now), (-1, before)):
        for other, value, weight in rated:
            z = np.append(other[:-1], 1.0)
            right += sign * weight * z * (value - other[-1] - z @ x) / NOISE
            if sign == 1:
                left += weight * np.outer(z, z) / NOISE
    return x + np.linalg.solve(left, right)


@pytest.mark.parametrize("weights", [False, True])
def test_rows_with_new_ratings_move_as_the_equation_says(weights: bool) -> None:
    old = many(7, 9, weights=weights)
    model = make(old)
    user, item = old.user_ids.raw(0), old.item_ids.raw(0)
    again = (user, old.item_ids.raw(int(old.items[old.users == 0][0])), 1.5)
    unrated = [i for i in range(9) if i not in old.items[old.users == 1]]
    new = [again, (old.user_ids.raw(1), old.item_ids.raw(unrated[0]), 5.0), (999, item, 2.0),
           (999, 888, 4.0)]  # fmt: skip
    joined = join(old, table(new, **({"weight": [1.5, 0.7, 2, 1]} if weights else {})))
    ratings = joined.ratings
    moved = updated(model, joined, NOISE, np.random.default_rng(0))

    def rated(
        mine: np.ndarray, other: np.ndarray, codes: np.ndarray, *, now: bool
    ) -> list[tuple[np.ndarray, float, float]]:
        values = ratings.values if now else joined.before
        weight = ratings.weights if now else joined.weights_before
        weight = np.ones(len(ratings)) if weight is None else weight
        return [
            (other[codes[row]].astype(float), float(values[row]) - model.mean, float(weight[row]))
            for row in np.flatnonzero(mine & (now | ~joined.fresh))
        ]

    users, items = users_of(model), items_of(model)
    user_prior, item_prior = Prior.of(users), Prior.of(items)
    users = np.vstack([users, user_prior.mean])
    items = np.vstack([items, item_prior.mean])
    expected = users.copy()
    for row in (0, 1, 7):
        mine = (ratings.users == row) & (ratings.items != 9)  # the new item says nothing yet
        pairs = (rated(mine, items, ratings.items, now=now) for now in (True, False))
        expected[row] = slow_step(users[row], user_prior, *pairs)
    np.testing.assert_allclose(users_of(moved), expected, atol=1e-4)
    untouched = [row for row in range(7) if row not in (0, 1)]
    np.testing.assert_array_equal(users_of(moved)[untouched], users_of(model)[untouched])

    expected_items = items.copy()
    for row in {int(code) for code in ratings.items[joined.changed]}:
        mine = ratings.items == row
        expected_items[row] = slow_step(
            items[row], item_prior,
            rated(mine, expected, ratings.users, now=True),
            rated(mine, users, ratings.users, now=False),
        )  # fmt: skip
    np.testing.assert_allclose(items_of(moved), expected_items, atol=1e-4)


def test_a_new_user_is_solved_for_as_in_folding_in() -> None:
    old = many(12, 9)
    model = make(old)
    new = [(999, old.item_ids.raw(i), v) for i, v in ((0, 5.0), (3, 1.0), (8, 4.0))]
    moved = updated(model, join(old, table(new)), NOISE, np.random.default_rng(0))
    values = np.array([5, 1, 4], np.float32)
    prior = Prior.of(users_of(model))
    folded = fold_in(
        model, np.array([0, 3, 8], np.int32), values, noise_variance=NOISE, prior=prior
    )
    np.testing.assert_allclose(moved.user_factors[12], folded.factors, atol=1e-5)
    assert moved.user_bias[12] == pytest.approx(folded.bias, abs=1e-5)


def test_the_same_ratings_again_change_nothing() -> None:
    old = many(6, 5)
    model = make(old)
    moved = updated(model, join(old, old.take(np.arange(4))), NOISE, np.random.default_rng(0))
    np.testing.assert_allclose(users_of(moved), users_of(model), atol=1e-6)
    np.testing.assert_allclose(items_of(moved), items_of(model), atol=1e-6)


def test_blocks_of_ratings_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    old = many(30, 9)
    joined = join(old, table([(100, 999, 3.0), (999, 100, 2.0)]))
    whole = updated(make(old), joined, NOISE, np.random.default_rng(0))
    monkeypatch.setattr("tastemap.models.updating._AT_ONCE", 7)
    parts = updated(make(old), joined, NOISE, np.random.default_rng(0))
    np.testing.assert_allclose(users_of(parts), users_of(whole), atol=1e-5)
    np.testing.assert_allclose(items_of(parts), items_of(whole), atol=1e-5)


def posterior(old: Ratings, n_draws: int, chance: np.random.Generator) -> PosteriorModel:
    users = chance.normal(0, 0.6, (n_draws, old.n_users, 3)).astype(np.float32)
    items = chance.normal(0, 0.6, (n_draws, old.n_items, 3)).astype(np.float32)
    mean = distil(users, items, 3.1, old.user_counts, old.item_counts)
    return PosteriorModel.of(mean, users, items, 3.1, np.full(n_draws, NOISE))


def test_draws_of_a_user_become_draws_with_the_new_ratings() -> None:
    """Draws from N(m, A⁻¹) must become draws from that with one term more in m and A."""
    old = many(40, 9, seed=3)
    chance = np.random.default_rng(0)
    model = posterior(old, 1, chance)
    prior, items = Prior.of(model.user_draws[0]), model.item_draws[0].astype(float)

    def normal(codes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = np.column_stack([items[codes][:, :-1], np.ones(len(codes))])
        covariance = np.linalg.inv(prior.precision + z.T @ z / NOISE)
        rest = values - 3.1 - items[codes][:, -1]
        return covariance @ (prior.precision @ prior.mean + z.T @ rest / NOISE), covariance

    mine = old.users == 0
    unrated = next(i for i in range(9) if i not in old.items[mine])
    joined = join(old, table([(old.user_ids.raw(0), old.item_ids.raw(unrated), 5.0)]))
    mean, covariance = normal(old.items[mine], old.values[mine])
    draws = []
    for _ in range(3000):
        users = model.user_draws.copy()
        users[0, 0] = chance.multivariate_normal(mean, covariance)
        # The prior the step takes is that of the rows; put it back by the other 39.
        one = replace(model, user_draws=users)
        draws.append(updated(one, joined, NOISE, chance).user_draws[0, 0])
    codes = np.append(old.items[mine], unrated)
    expected, spread = normal(codes, np.append(old.values[mine], 5.0))
    np.testing.assert_allclose(np.mean(draws, axis=0), expected, atol=0.05)
    np.testing.assert_allclose(np.cov(np.transpose(draws)), spread, atol=0.02)


def test_a_posterior_keeps_draws_calibration_and_days_together() -> None:
    old = many(12, 10, times=True)
    chance = np.random.default_rng(0)
    model = posterior(old, 4, chance)
    own = Calibration(
        user_bins=bins_of(old.user_counts), item_bins=bins_of(old.item_counts),
        multipliers=np.ones((3, 3, 21)), counts=np.ones((3, 3), np.int64),
    )  # fmt: skip
    first = int(old.times[old.users == 2][0]) // DAY
    k = model.user_factors.shape[1]
    days = UserDays(
        users=np.array([2], np.int32), numbers=np.array([first], np.int32),
        bias=chance.normal(size=1), factors=chance.normal(size=(1, k)),
        draws=chance.normal(size=(4, 1, 3)), calibration=own,
    )  # fmt: skip
    model = replace(model, calibration=own, days=days)
    unrated = [i for i in range(10) if i not in old.items[old.users == 2]]
    rows = [(old.user_ids.raw(2), old.item_ids.raw(i), 5.0) for i in unrated]
    rows += [(999, old.item_ids.raw(0), 1.0), (998, 777, 2.0)]
    joined = join(old, table(rows, time=[first * DAY] * len(rows)))
    moved = updated(model, joined, NOISE, np.random.default_rng(5))
    assert isinstance(moved, PosteriorModel)
    assert (moved.n_users, moved.n_items) == (14, 11)
    assert moved.user_draws.shape == (4, 14, 3)
    assert moved.item_draws.shape == (4, 11, 3)
    assert moved.days is not None
    # A day moves as its user does, in the mean and in the draws.
    np.testing.assert_allclose(
        moved.days.draws[:, 0] - days.draws[:, 0],
        moved.user_draws[:, 2] - model.user_draws[:, 2],
        atol=1e-5,
    )
    assert moved.user_bias is not None
    assert model.user_bias is not None
    np.testing.assert_allclose(
        moved.days.bias[0] - days.bias[0], moved.user_bias[2] - model.user_bias[2], atol=1e-5
    )
    assert np.abs(moved.user_draws[:, 2] - model.user_draws[:, 2]).max() > 0.01
    # Bins: by the edges of training, for the numbers of ratings there are now.
    for calibration in (moved.calibration, moved.days.calibration):
        assert calibration is not None
        assert calibration.user_bins[2] == 2 >= own.user_bins[2]
        assert calibration.user_bins[12:].tolist() == [0, 0]
        assert len(calibration.item_bins) == 11
        np.testing.assert_array_equal(calibration.multipliers, own.multipliers)
    assert updated(model, joined, NOISE, np.random.default_rng(5)).user_draws.tobytes() == (
        moved.user_draws.tobytes()
    )


def test_who_had_no_ratings_begins_like_anybody() -> None:
    old = many(12, 9)
    kept = old.take((old.users != 3) & (old.items != 4))
    model = make(kept)
    mean = Prior.of(np.delete(users_of(model), 3, axis=0)).mean
    joined = join(kept, table([(old.user_ids.raw(3), old.item_ids.raw(4), 5.0)]))
    moved = updated(model, joined, NOISE, np.random.default_rng(0))
    # Nothing is known of the item, so the user is any user; the item is rated by any user.
    np.testing.assert_allclose(users_of(moved)[3], mean, atol=1e-6)
    item_mean = Prior.of(np.delete(items_of(model), 4, axis=0)).mean
    assert items_of(moved)[4, -1] > item_mean[-1]
