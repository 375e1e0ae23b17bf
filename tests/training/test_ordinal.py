"""Ratings as steps of a scale: kernels against twins, cut-points found again, eras, and use."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

pytest.importorskip("numba")

import tastemap as tm
from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ConfigError, DataError, NotFittedFor
from tastemap.metrics.rating import mse
from tastemap.models.posterior import PosteriorModel
from tastemap.training import kernels_ordinal
from tastemap.training.gibbs import fit_gibbs
from tastemap.training.ordinal import Ladder, draw_cuts, eras_of
from tastemap.training.schedule import Workers
from tastemap.training.solver_settings import GibbsSettings
from tests import oracles

CUTS = np.array([-1.4, -0.5, 0.1, 1.6])
CHANGE = 1_000_000
QUICK = GibbsSettings(factors=2, sweeps=120, burn_in=40, draws=20, likelihood="ordinal")


def made(n: int = 9000, seed: int = 0, eras: bool = False) -> tuple[Ratings, np.ndarray]:
    """Ratings 1 to 5 from unequal steps, and the expectation of each; by halves in the 2nd era."""
    chance = np.random.default_rng(seed)
    n_users, n_items = 150, 100
    users, items = chance.integers(0, n_users, n), chance.integers(0, n_items, n)
    pairs = np.unique(users * n_items + items)
    pairs = chance.permutation(pairs)
    users, items = pairs // n_items, pairs % n_items
    user_bias, item_bias = chance.standard_normal(n_users) * 0.6, chance.standard_normal(n_items)
    centers = user_bias[users] + item_bias[items]
    times = chance.integers(0, 2 * CHANGE, len(pairs))
    latent = centers + chance.standard_normal(len(pairs))
    values = 1 + np.searchsorted(CUTS, latent).astype(np.float64)
    cdf = np.vectorize(NormalDist().cdf)
    expected = 1 + cdf(centers[:, None] - CUTS).sum(axis=1)
    if eras:
        late = times >= CHANGE
        values[late & (values == 4) & (latent > 1)] = 4.5
    user_ids = Vocabulary(list(range(n_users)), "user")
    item_ids = Vocabulary(list(range(n_items)), "item")
    ratings = Ratings(
        users=users.astype(np.int32), items=items.astype(np.int32),
        values=values.astype(np.float32), times=times,
        user_ids=user_ids, item_ids=item_ids, catalog=Catalog(item_ids),
    )  # fmt: skip
    return ratings, expected


def test_quantiles_of_the_normal_distribution() -> None:
    for p in (1e-30, 1e-12, 1e-5, 0.01, 0.07, 0.0751, 0.3, 0.5):
        assert kernels_ordinal.inverse_normal(p) == pytest.approx(
            NormalDist().inv_cdf(p), rel=2e-6, abs=1e-9
        )


def test_latent_values_are_those_of_the_twin_and_within_their_cuts() -> None:
    chance = np.random.default_rng(0)
    low, high = np.array([-np.inf, -1.0, 0.5]), np.array([-1.0, 0.5, np.inf])
    centers = (chance.standard_normal(500) * 1.5).astype(np.float32)
    classes = chance.integers(0, 3, 500).astype(np.int32)
    uniforms = chance.random(500, np.float32)
    out = np.zeros(500, np.float32)
    kernels_ordinal.draw_latent(centers, classes, low, high, uniforms, out, 0, 500)
    expected = oracles.draw_latent(centers.astype(float), classes, low, high, uniforms)
    np.testing.assert_allclose(out, expected, atol=1e-4)
    # Far beyond what could happen: still finite, still within.
    far = np.full(3, 40, np.float32)
    kernels_ordinal.draw_latent(
        far, np.arange(3, dtype=np.int32), low, high, uniforms[:3].copy(), out, 0, 3
    )
    assert np.all(np.isfinite(out[:3]))
    assert np.all(out[:3] <= high + 1e-5)
    assert np.all(out[:3] >= low - 1e-5)


def test_likelihood_of_cuts_and_its_derivatives() -> None:
    chance = np.random.default_rng(0)
    grid = np.linspace(-2, 2, 30)
    counts = chance.integers(0, 4, (5, 30))
    gradient, hessian = np.zeros(4), np.zeros((4, 4))
    found = kernels_ordinal.cut_likelihood(counts, grid, CUTS, gradient, hessian)
    assert found == pytest.approx(oracles.cut_likelihood(counts, grid, CUTS), rel=1e-9)
    own, other, step = gradient.copy(), hessian.copy(), 1e-4
    for n in range(4):
        apart = step * np.eye(4)[n]
        high = oracles.cut_likelihood(counts, grid, CUTS + apart)
        low = oracles.cut_likelihood(counts, grid, CUTS - apart)
        assert own[n] == pytest.approx((high - low) / (2 * step), rel=1e-4, abs=1e-4)
        kernels_ordinal.cut_likelihood(counts, grid, CUTS + apart, gradient, hessian)
        above = gradient.copy()
        kernels_ordinal.cut_likelihood(counts, grid, CUTS - apart, gradient, hessian)
        np.testing.assert_allclose(other[n], (above - gradient) / (2 * step), rtol=1e-3, atol=1e-3)
    falling = np.array([0.0, -1, 1, 2])
    assert kernels_ordinal.cut_likelihood(counts, grid, falling, gradient, hessian) == -np.inf


def test_cut_points_are_drawn_from_their_posterior() -> None:
    # One cut, all means 0: Φ(γ) is the share below, and Φ(γ) ~ Beta would be with a prior φ(γ).
    counts, grid = np.array([[30], [10]]), np.zeros(1)
    chance = np.random.default_rng(0)
    cuts, draws = np.zeros(1), []
    for _ in range(6000):
        cuts = draw_cuts(cuts, counts, grid, chance)
        draws.append(cuts[0])
    x = np.linspace(-2, 3, 4001)
    cdf = np.vectorize(NormalDist().cdf)(x)
    density = cdf**30 * (1 - cdf) ** 10
    density /= density.sum()
    mean = float(x @ density)
    assert np.mean(draws) == pytest.approx(mean, abs=0.01)
    assert np.std(draws) == pytest.approx(np.sqrt((x - mean) ** 2 @ density), rel=0.05)
    assert len(np.unique(draws)) > 0.8 * len(draws)


def test_eras_begin_where_values_begin_to_occur() -> None:
    ratings, _ = made(eras=True)
    begins = eras_of(ratings.values, ratings.times)
    assert len(begins) == 1
    assert CHANGE <= begins[0] < CHANGE * 1.1
    assert not len(eras_of(ratings.values, None))
    plain, _ = made()
    assert not len(eras_of(plain.values, plain.times))


def test_steps_of_unequal_height_are_found_and_predicted_better_than_by_normal_noise() -> None:
    ratings, expected = made()
    train = np.arange(len(ratings)) % 4 > 0
    models = {}
    for likelihood in ("ordinal", "normal"):
        settings = GibbsSettings(factors=2, sweeps=120, burn_in=40, draws=20, likelihood=likelihood)
        models[likelihood], _ = fit_gibbs(ratings.take(train), settings=settings)
    test = ratings.take(~train)
    errors = {
        name: mse(expected[~train], model.predict_pairs(test.users, test.items))
        for name, model in models.items()
    }
    assert errors["ordinal"] < 0.9 * errors["normal"]
    thresholds = models["ordinal"].thresholds
    assert thresholds is not None
    # In units of the noise, from the first.
    found = (thresholds.cuts[0] - thresholds.cuts[0, 0]) / thresholds.noise
    np.testing.assert_allclose(found, CUTS - CUTS[0], atol=0.15)
    posterior = models["ordinal"].posterior_pairs(test.users, test.items)
    inside = np.abs(test.values - posterior.mean) < 1.2816 * posterior.rating_deviation
    assert 0.72 < inside.mean() < 0.9


def test_each_era_has_its_own_steps() -> None:
    ratings, _ = made(eras=True)
    model, history = fit_gibbs(ratings, ratings, settings=QUICK)
    thresholds = model.thresholds
    assert thresholds is not None
    assert thresholds.values.tolist() == [1, 2, 3, 4, 4.5, 5]
    assert thresholds.n_eras == 2
    assert thresholds.cuts[0, 3] == thresholds.cuts[0, 4]  # no 4.5 was on offer
    assert thresholds.cuts[1, 3] < thresholds.cuts[1, 4]
    np.testing.assert_allclose(thresholds.cuts[0, :3], thresholds.cuts[1, :3], atol=0.2)
    early = model.predict_dated(ratings.users, ratings.items, np.zeros(len(ratings), np.int64))
    late = model.predict_pairs(ratings.users, ratings.items)
    assert 0.01 < np.mean(late - early) < 0.3
    assert history.epochs[-1].validation_mse == pytest.approx(
        mse(ratings.values, model.predict_dated(ratings.users, ratings.items, ratings.times)),
        rel=0.03,
    )
    assert history.epochs[-1].training_loss == pytest.approx(
        history.epochs[-1].validation_mse, rel=0.2
    )


def test_same_bits_on_any_number_of_threads_and_after_saving() -> None:
    ratings, _ = made(3000)
    one, two = (
        fit_gibbs(
            ratings,
            settings=GibbsSettings(
                factors=3, sweeps=12, burn_in=4, draws=4, likelihood="ordinal", threads=threads,
                days=True,
            ),
        )[0].parameters()
        for threads in (1, 2)
    )  # fmt: skip
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
    again = PosteriorModel.from_parameters(one)
    for name, array in again.parameters().items():
        np.testing.assert_array_equal(array, one[name])


def test_what_an_ordinal_likelihood_refuses() -> None:
    ratings, _ = made(3000)
    weighted = Ratings(
        users=ratings.users, items=ratings.items, values=ratings.values,
        weights=np.ones(len(ratings), np.float32), user_ids=ratings.user_ids,
        item_ids=ratings.item_ids, catalog=ratings.catalog,
    )  # fmt: skip
    with pytest.raises(ConfigError, match="have weights"):
        Ladder.of(weighted, "auto")
    uneven = Ratings(
        users=ratings.users, items=ratings.items,
        values=np.arange(len(ratings), dtype=np.float32), user_ids=ratings.user_ids,
        item_ids=ratings.item_ids, catalog=ratings.catalog,
    )  # fmt: skip
    with pytest.raises(ConfigError, match="different ratings"):
        Ladder.of(uneven, "auto")
    with pytest.raises(ConfigError, match="eras need ratings with times"):
        Ladder.of(uneven.take(np.arange(50)), ("2003-01-01",))
    with pytest.raises(ConfigError, match="one after the other"):
        tm.BayesianMF(likelihood="ordinal", eras=("2004-01-01", "2003-01-01"))
    with pytest.raises(ConfigError, match="the likelihood is normal"):
        tm.BayesianMF(eras=("2004-01-01",))
    with pytest.raises(ConfigError, match="likelihood must be"):
        tm.BayesianMF(likelihood="poisson")
    quick = {"factors": 2, "sweeps": 12, "burn_in": 4, "draws": 4, "calibration": 0}
    fitted = tm.BayesianMF(likelihood="ordinal", **quick).fit(ratings)
    between = float(ratings.values.min()) + 0.3
    with pytest.raises(DataError, match="is not one of those of training"):
        fitted.fold_in({1: between})
    with pytest.raises(NotFittedFor, match="not a dot product"):
        tm.crosstab(ratings, 5, 5).to_excel("never.xlsx", model=fitted)


def test_one_value_is_no_trouble() -> None:
    ratings, _ = made(3000)
    flat = ratings.take(ratings.values == 3)
    model, _ = fit_gibbs(flat, settings=QUICK)
    np.testing.assert_allclose(model.predict_pairs(flat.users, flat.items), 3, atol=1e-6)


def test_classes_that_do_not_occur_get_no_chance() -> None:
    ratings, _ = made(eras=True)
    ladder = Ladder.of(ratings, (CHANGE,))
    with Workers(1) as workers:
        ladder.see(np.zeros(len(ratings), np.float32))
        ladder.draw(np.random.default_rng(0), workers)
    assert np.all(np.isfinite(ladder.latent))
    assert ladder.cuts[0, 3] == ladder.cuts[0, 4]
    assert np.all(np.diff(ladder.cuts, axis=1) >= 0)


@pytest.mark.parametrize(
    ("eras", "which"),
    [(("2093-01-01",), "from 2093-01-01 on"), (("1893-01-01",), "before the first")],
)
def test_an_era_without_ratings_is_refused(eras: tuple[str, ...], which: str) -> None:
    ratings, _ = made(eras=True)
    with pytest.raises(ConfigError, match=f"no training rating is of the era {which}; they are of"):
        Ladder.of(ratings, eras)
