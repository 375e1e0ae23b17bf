"""A new user is solved for as the equations say, and as well as by training again."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from tastemap.errors import DataError, NotFittedFor
from tastemap.models.factors import FactorModel
from tastemap.models.fold_in import FoldedUser, ask_next
from tastemap.models.fold_in import fold_in as solve
from tastemap.models.prior import Prior, users_of
from tastemap.models.thresholds import Thresholds


def make_model(n_users: int = 40, n_items: int = 30, k: int = 3, seed: int = 0) -> FactorModel:
    chance = np.random.default_rng(seed)
    return FactorModel(
        mean=3.5,
        user_bias=chance.normal(0.2, 0.5, n_users),
        item_bias=chance.normal(0, 0.5, n_items),
        user_factors=chance.normal(0.1, 0.5, (n_users, k)),
        item_factors=chance.normal(0, 0.5, (n_items, k)),
    )


def fold_in(
    model: FactorModel, items: object, values: object, *, noise_variance: float = 0.5
) -> FoldedUser:
    prior = Prior.of(users_of(model))
    return solve(model, items, values, noise_variance=noise_variance, prior=prior)


def nobody_in(model: FactorModel, noise_variance: float = 0.5) -> FoldedUser:
    nothing = np.empty(0, np.int32), np.empty(0, np.float32)
    return fold_in(model, *nothing, noise_variance=noise_variance)


def test_without_ratings_a_new_user_is_the_average_user() -> None:
    model = make_model()
    nobody = nobody_in(model)
    average = model.predict_users(np.arange(40, dtype=np.int32)).mean(axis=0)
    np.testing.assert_allclose(nobody.predict(), average, rtol=1e-5)
    known = np.column_stack([model.user_factors, np.asarray(model.user_bias)])
    np.testing.assert_allclose(nobody.covariance, np.cov(known.T, bias=True), atol=1e-5)


def test_the_gradient_is_zero_at_the_solution() -> None:
    model = make_model()
    items, values = np.array([3, 7, 12, 29], np.int32), np.array([5, 1, 3, 4.5], np.float32)
    user = fold_in(model, items, values, noise_variance=0.4)
    prior = Prior.of(users_of(model))
    x = np.append(user.factors, user.bias)
    z = np.column_stack([model.item_factors[items], np.ones(4)])
    residual = values - user.predict()[items]
    gradient = z.T @ residual / 0.4 - prior.precision @ (x - prior.mean)
    np.testing.assert_allclose(gradient, 0, atol=1e-4)


def test_noise_alone_is_left_of_a_user_whose_many_ratings_are_known() -> None:
    model = make_model(n_items=4000)
    items = np.arange(4000, dtype=np.int32)
    truth = model.predict_users(np.array([5], np.int32))[0]
    user = fold_in(model, items, truth, noise_variance=0.4)
    np.testing.assert_allclose(user.predict(), truth, atol=0.02)
    np.testing.assert_allclose(user.deviations(items), np.sqrt(0.4), rtol=0.01)


def test_more_ratings_make_surer() -> None:
    model = make_model()
    everything = np.arange(30, dtype=np.int32)
    wide = [
        fold_in(
            model, everything[:n], np.full(n, 4, np.float32), noise_variance=0.4
        ).deviations(everything)
        for n in (0, 1, 5, 30)
    ]  # fmt: skip
    assert np.all(np.diff(wide, axis=0) <= 1e-6)


@pytest.mark.parametrize(
    ("items", "values", "message"),
    [
        ([1, 1], [3, 4], "rated twice"), ([30], [3], "not one of 30"), ([-1], [3], "not one of"),
        ([1], [np.nan], "finite"), ([1, 2], [3], "not pairs"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(items: list[int], values: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        fold_in(
            make_model(), np.array(items, np.int32), np.array(values, np.float32), noise_variance=1
        )


def test_a_model_without_biases_is_refused() -> None:
    plain = FactorModel(user_factors=np.ones((3, 2)), item_factors=np.ones((4, 2)))
    with pytest.raises(NotFittedFor, match="without biases"):
        fold_in(plain, np.array([1], np.int32), np.ones(1, np.float32), noise_variance=1)


def test_the_first_question_tells_the_most() -> None:
    model = make_model()
    nobody = nobody_in(model)
    known = np.linspace(0.1, 0.9, 30)
    gains = []
    for item in range(30):
        asked = np.array([item], np.int32)
        after = fold_in(model, asked, np.array([3], np.float32), noise_variance=0.5)
        # Information gained: half the log of how much the volume of what is open shrinks.
        gain = np.linalg.slogdet(nobody.covariance)[1] - np.linalg.slogdet(after.covariance)[1]
        gains.append(known[item] * gain / 2)
    assert ask_next(nobody, known, 1)[0] == int(np.argmax(gains))


def test_questions_do_not_ask_the_same_again() -> None:
    model = make_model(n_items=6)
    factors = model.item_factors.copy()
    factors[1] = factors[0] = [3, 0, 0]
    factors[2] = [0, 2.5, 0]
    factors[3:] *= 0.01
    model = FactorModel(
        mean=3.5, user_bias=model.user_bias, item_bias=model.item_bias,
        user_factors=model.user_factors, item_factors=factors,
    )  # fmt: skip
    nobody = nobody_in(model, 0.1)
    known = np.array([1, 0.99, 0.95, 0.5, 0.5, 0])
    assert ask_next(nobody, known, 2).tolist() == [0, 2]
    assert 5 not in ask_next(nobody, known, 6)
    assert len(ask_next(nobody, known, 6)) == 5
    somebody = fold_in(
        model, np.array([0, 2], np.int32), np.ones(2, np.float32), noise_variance=0.1
    )
    assert ask_next(somebody, known, 1).tolist() == [1]


def test_of_steps_of_a_scale_the_gradient_of_the_log_posterior_is_zero() -> None:
    model, values = make_model(), np.array([1, 2, 3, 4, 5], np.float64)
    steps = Thresholds(
        values=values, begins=np.empty(0), cuts=np.array([[1.6, 2.6, 3.4, 4.4]]), noise=0.7,
        spread=0.8,
    )  # fmt: skip
    items, given = np.array([3, 7, 12, 29], np.int32), np.array([5, 1, 3, 4], np.float32)
    prior = Prior.of(users_of(model))
    user = solve(model, items, given, noise_variance=0.49, prior=prior, thresholds=steps)
    z = np.column_stack([model.item_factors[items], np.ones(4)])
    offset = model.mean + np.asarray(model.item_bias)[items]
    low, high = np.array([4.4, -np.inf, 2.6, 3.4]), np.array([np.inf, 1.6, 3.4, 4.4])
    cdf = np.vectorize(NormalDist().cdf)

    def loss(x: np.ndarray) -> float:
        latent = offset + z @ x
        chance = cdf((high - latent) / 0.7) - cdf((low - latent) / 0.7)
        apart = x - prior.mean
        return float(apart @ prior.precision @ apart / 2 - np.log(chance).sum())

    x = np.append(user.factors, user.bias).astype(np.float64)
    eye = np.eye(4) * 1e-4
    gradient = [(loss(x + one) - loss(x - one)) / 2e-4 for one in eye]
    np.testing.assert_allclose(gradient, 0, atol=2e-3)
    wide = np.eye(4) * 1e-2

    def curvature(a: np.ndarray, b: np.ndarray) -> float:
        return (loss(x + a + b) - loss(x + a - b) - loss(x - a + b) + loss(x - a - b)) / 4e-4

    hessian = [[curvature(a, b) for b in wide] for a in wide]
    np.testing.assert_allclose(np.linalg.inv(user.covariance), hessian, rtol=2e-2, atol=2e-2)
    assert 1 < user.predict().min() < user.predict().max() < 5
