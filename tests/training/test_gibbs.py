"""Gibbs sampling: right on problems with a known answer, and accurate on real ratings."""

from __future__ import annotations

import sys
from importlib.resources import files

import numpy as np
import pytest

pytest.importorskip("numba")

import pyarrow.parquet as pq

from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.synthetic import SyntheticModel, SyntheticRatings, synthetic_ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ConfigError, MissingExtraError
from tastemap.metrics.rating import mse, rmse
from tastemap.models.posterior import PosteriorModel
from tastemap.training import hyperpriors
from tastemap.training.bayesian import BayesianMF
from tastemap.training.gibbs import GibbsSettings, fit_gibbs
from tastemap.training.history import Epoch
from tastemap.training.hyperpriors import draw_prior

QUICK = GibbsSettings(factors=4, sweeps=60, burn_in=20, draws=16)


@pytest.fixture(scope="module")
def made() -> SyntheticRatings:
    return synthetic_ratings(
        300,
        200,
        15_000,
        model=SyntheticModel(rank=2, taste_deviation=0.6, taste_decay=0, noise_deviation=0.85),
        seed=1,
    )


@pytest.fixture(scope="module")
def halves(made: SyntheticRatings) -> tuple[Ratings, Ratings, np.ndarray]:
    """Training ratings, the others, and the true means of the others."""
    in_train = np.random.default_rng(0).random(len(made.ratings)) < 0.8
    ratings = made.ratings
    return ratings.take(in_train), ratings.take(~in_train), made.expected[~in_train]


@pytest.fixture(scope="module")
def fitted(halves: tuple[Ratings, Ratings, np.ndarray]) -> PosteriorModel:
    return fit_gibbs(halves[0], settings=GibbsSettings(factors=4, sweeps=300, draws=60))[0]


def bits(model: PosteriorModel) -> list[bytes]:
    drawn = ("user_draws", "item_draws", "noise_variance")
    return [model.parameters()[name].tobytes() for name in drawn]


def test_predictions_near_the_truth(
    fitted: PosteriorModel, halves: tuple[Ratings, Ratings, np.ndarray]
) -> None:
    _, valid, truth = halves
    found = fitted.predict_pairs(valid.users, valid.items)
    assert rmse(truth, found) < 0.5 * float(np.std(truth))
    # Rounding to halves is noise as well; the ends of the scale take some away.
    assert 0.6 < float(fitted.noise_variance.mean()) < 0.8


def test_intervals_hold_what_they_say(
    fitted: PosteriorModel, halves: tuple[Ratings, Ratings, np.ndarray]
) -> None:
    _, valid, truth = halves
    found = fitted.posterior_pairs(valid.users, valid.items)
    within = np.abs(valid.values - found.mean) < 1.2816 * found.rating_deviation
    assert 0.77 < within.mean() < 0.86
    # Of the true mean as well, away from the ends of the scale, which the model does not know.
    inner = (truth > 1.5) & (truth < 4)
    within = np.abs(truth - found.mean)[inner] < 1.2816 * found.deviation[inner]
    assert 0.7 < within.mean() < 0.9


def test_less_is_known_of_who_rated_less(
    fitted: PosteriorModel, halves: tuple[Ratings, Ratings, np.ndarray]
) -> None:
    train, valid, _ = halves
    deviation = fitted.posterior_pairs(valid.users, valid.items).deviation
    counts = np.minimum(train.user_counts[valid.users], train.item_counts[valid.items])
    few, many = np.quantile(counts, [0.2, 0.8])
    assert deviation[counts <= few].mean() > 1.1 * deviation[counts >= many].mean()


@pytest.mark.parametrize("side", [False, True])
def test_who_has_no_ratings_is_a_draw_from_the_prior(side: bool) -> None:
    ratings = synthetic_ratings(100, 60, 2500, seed=2).ratings
    kept = ratings.take((ratings.items != 5) & (ratings.users != 7))
    settings = GibbsSettings(
        factors=3, sweeps=300, burn_in=50, draws=200, rated_items=side, raters=side
    )
    model, _ = fit_gibbs(kept, settings=settings)
    everyone = np.flatnonzero(kept.user_counts > 0).astype(np.int32)
    cold = np.full(len(everyone), 5, np.int32)
    found = model.posterior_pairs(everyone, cold)
    # On average as good as the average item, and less sure than any item that was rated.
    others = np.flatnonzero(kept.item_counts > 0).astype(np.int32)
    typical = model.predict_users(everyone)[:, others].mean()
    assert found.mean.mean() == pytest.approx(typical, abs=0.15)
    rated = model.posterior_pairs(everyone, np.full(len(everyone), others[0], np.int32))
    assert found.deviation.mean() > 1.5 * rated.deviation.mean()


@pytest.mark.parametrize("side", [False, True])
def test_the_error_of_a_draw_is_what_the_kernel_says(
    halves: tuple[Ratings, Ratings, np.ndarray], side: bool
) -> None:
    train = halves[0]
    settings = GibbsSettings(factors=3, sweeps=5, burn_in=4, draws=1, rated_items=side, raters=side)
    model, history = fit_gibbs(train, settings=settings)
    last = model.predict_draws(train.users, train.items)[0]
    assert history.epochs[-1].training_loss == pytest.approx(mse(train.values, last), rel=1e-3)


def test_the_number_of_threads_changes_no_bit(
    halves: tuple[Ratings, Ratings, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemap.training.schedule.SMALLEST_BLOCK", 1000)
    found = []
    for threads in (1, 2, 3):
        settings = GibbsSettings(
            factors=12, sweeps=6, burn_in=2, draws=2, threads=threads, rated_items=True, raters=True
        )
        found.append(bits(fit_gibbs(halves[0], settings=settings)[0]))
    assert found[0] == found[1] == found[2]


def test_the_seed_rules_every_draw(halves: tuple[Ratings, Ratings, np.ndarray]) -> None:
    settings = GibbsSettings(factors=2, sweeps=4, burn_in=2, draws=2)
    one, again, other = (
        bits(fit_gibbs(halves[0], settings=settings, seed=seed)[0]) for seed in (1, 1, 2)
    )
    assert one == again
    assert all(mine != its for mine, its in zip(one, other, strict=True))


def test_nothing_is_learnt_from_validation(halves: tuple[Ratings, Ratings, np.ndarray]) -> None:
    settings = GibbsSettings(factors=2, sweeps=8, burn_in=2, draws=2)
    heard: list[Epoch] = []
    one, history = fit_gibbs(halves[0], halves[1], settings, on_epoch=heard.append)
    other, _ = fit_gibbs(halves[0], settings=settings)
    assert bits(one) == bits(other)
    assert tuple(heard) == history.epochs
    assert [epoch.number for epoch in heard] == list(range(1, 9))
    assert all(epoch.validation_mse is not None for epoch in heard)


def test_draws_of_the_prior_have_the_moments_of_the_book() -> None:
    chance = np.random.default_rng(0)
    true = np.array([[0.5, 0.2], [0.2, 0.3]])
    x = chance.multivariate_normal([1, -2], true, 5000).astype(np.float32)
    draws = [draw_prior(x, 1.0, chance) for _ in range(400)]
    center = np.mean([mean for _, mean in draws], axis=0)
    np.testing.assert_allclose(center, x.mean(axis=0) * 5000 / 5001, atol=2e-3)
    spread = np.var([mean for _, mean in draws], axis=0)
    strength, variance = hyperpriors.PRIOR_STRENGTH, hyperpriors.PRIOR_VARIANCE
    degrees = hyperpriors.PRIOR_ROWS + 2
    inverse = np.eye(2) * degrees * variance + 5000 * np.cov(x.T, bias=True)
    inverse += 5000 * strength / (5000 + strength) * np.outer(x.mean(axis=0), x.mean(axis=0))
    # Of a Wishart: mean (ν₀ + n) W.
    expected = (degrees + 5000) * np.linalg.inv(inverse)
    found = np.mean([precision for precision, _ in draws], axis=0)
    np.testing.assert_allclose(found, expected, rtol=0.01)
    np.testing.assert_allclose(spread, np.diag(np.linalg.inv(expected)) / 5001, rtol=0.3)


@pytest.mark.parametrize("n", [0, 1, 7, 5000])
def test_products(n: int) -> None:
    x = np.random.default_rng(0).standard_normal((n, 17)).astype(np.float32)
    expected = x.T.astype(np.float64) @ x
    np.testing.assert_allclose(hyperpriors.products(x), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("sweeps", "burn_in", "draws"), [(240, 40, 32), (33, 1, 32), (5, 0, 5), (100, 99, 1)]
)
def test_as_many_draws_are_kept_as_asked(sweeps: int, burn_in: int, draws: int) -> None:
    settings = GibbsSettings(sweeps=sweeps, burn_in=burn_in, draws=draws)
    kept = [number for number in range(sweeps) if settings.keeps(number)]
    assert len(kept) == draws
    assert min(kept) >= burn_in
    assert draws == 1 or np.ptp(np.diff(kept)) <= 1


@pytest.mark.parametrize(
    "wrong",
    [{"factors": 0}, {"factors": 257}, {"draws": 0}, {"burn_in": -1}, {"sweeps": 50},
     {"threads": 0}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        GibbsSettings(**wrong)
    if "threads" not in wrong:
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            BayesianMF(**wrong)


def test_same_ratings_everywhere_are_no_trouble(
    halves: tuple[Ratings, Ratings, np.ndarray],
) -> None:
    train = halves[0].take(np.arange(200))
    flat = Ratings(
        users=train.users, items=train.items, values=np.full(200, 3, np.float32),
        user_ids=train.user_ids, item_ids=train.item_ids, catalog=train.catalog,
    )  # fmt: skip
    model, _ = fit_gibbs(flat, settings=QUICK)
    np.testing.assert_allclose(model.predict_pairs(flat.users, flat.items), 3, atol=0.01)


def test_the_recipe_calibrates_without_touching_the_model(
    halves: tuple[Ratings, Ratings, np.ndarray],
) -> None:
    train, valid, _ = halves
    quick = {"factors": 2, "sweeps": 60, "burn_in": 20, "draws": 20}
    fitted = BayesianMF(**quick).fit(train)
    plain = BayesianMF(**quick, calibration=0).fit(train)
    assert isinstance(fitted.model, PosteriorModel)
    assert isinstance(plain.model, PosteriorModel)
    assert bits(fitted.model) == bits(plain.model)
    assert plain.model.calibration is None
    low, high = fitted.model.interval_pairs(valid.users, valid.items, 0.8)
    within = (valid.values >= low) & (valid.values <= high)
    assert 0.77 < within.mean() < 0.83
    with pytest.raises(ConfigError, match="calibration must be"):
        BayesianMF(calibration=0.6)


def test_without_the_compiler_the_message_says_what_to_install(
    halves: tuple[Ratings, Ratings, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MissingExtraError, match=r'pip install "tastemap\[engine\]"'):
        BayesianMF().fit(halves[0])


@pytest.mark.parametrize(("side", "low", "high"), [(False, 0.735, 0.757), (True, 0.705, 0.728)])
def test_accuracy_on_the_bundled_ratings(side: bool, low: float, high: float) -> None:
    folder = files("tastemap") / "data" / "bundled" / "movielens-small"
    table = pq.read_table(str(folder / "ratings.parquet"))
    users, user_codes = Vocabulary.encode(table["userId"], "user")
    items, item_codes = Vocabulary.encode(table["movieId"], "item")
    everything = Ratings(
        users=user_codes, items=item_codes, values=table["rating"].to_numpy(),
        user_ids=users, item_ids=items, catalog=Catalog(items),
    )  # fmt: skip
    in_train = np.random.RandomState(42).rand(len(everything)) < 0.8
    train, valid = everything.take(in_train), everything.take(~in_train)
    settings = GibbsSettings(sweeps=120, rated_items=side, raters=side)
    model, _ = fit_gibbs(train, settings=settings)
    found = model.posterior_pairs(valid.users, valid.items)
    assert low < mse(valid.values, np.clip(found.mean, *train.scale)) < high
    within = np.abs(valid.values - found.mean) < 1.2816 * found.rating_deviation
    assert 0.78 < within.mean() < 0.83
