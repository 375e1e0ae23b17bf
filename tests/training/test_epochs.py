"""Epochs, early stopping, refit, interruption, divergence."""

from __future__ import annotations

import dataclasses
import json
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import TrainingError
from tastemap.randomness import stream
from tastemap.recommender import Recommender
from tastemap.training.gradient_recipes import GradientRecipe
from tastemap.training.history import Epoch, TrainingHistory
from tests.training.generated import ratings_with_taste

FAST = tm.BiasedMF(factors=4, batch_size=64, schedule=((0.02, 8),), patience=2, l2=0.1)
WHOLE = dataclasses.replace(FAST, holdout=0, schedule=((0.02, 3), (0.005, 2)))
RECIPES: list[GradientRecipe] = [
    FAST,
    dataclasses.replace(FAST, refit=False),
    WHOLE,
    tm.DotProduct(factors=4, batch_size=50, schedule=((0.02, 6),)),
    tm.NeuralNet(factors=4, hidden=(6,), batch_size=64, schedule=((0.01, 6),), averaging=0.9),
]


@pytest.fixture(scope="module")
def train() -> Ratings:
    return ratings_with_taste()


def arrays(fitted: Recommender) -> dict[str, np.ndarray]:
    return dict(fitted.model.parameters())


def assert_same(one: Recommender, other: Recommender) -> None:
    assert arrays(one).keys() == arrays(other).keys()
    for name, array in arrays(one).items():
        np.testing.assert_array_equal(array, arrays(other)[name], err_msg=name)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_same_seed_gives_the_same_model(recipe: GradientRecipe, train: Ratings) -> None:
    one, again, other = (recipe.fit(train, seed=seed) for seed in (5, 5, 6))
    assert_same(one, again)
    assert any(not np.array_equal(a, arrays(other)[name]) for name, a in arrays(one).items())


def test_validation_ratings_are_measured_and_change_nothing(train: Ratings) -> None:
    rows = np.arange(len(train)) < 500
    part, rest = train.take(rows), train.take(~rows)
    blind, watched = FAST.fit(part), FAST.fit(part, rest)
    assert_same(blind, watched)
    assert [one.validation_mse for one in blind.history.epochs] == [None] * len(
        blind.history.epochs
    )
    predicted = watched.model.predict_pairs(rest.users, rest.items)
    last = watched.history.epochs[-1]
    assert last.validation_mse == pytest.approx(np.mean((predicted - rest.values) ** 2), rel=1e-5)


def test_search_chooses_the_epochs_and_the_fit_runs_them_on_all_ratings(train: Ratings) -> None:
    overfitting = dataclasses.replace(FAST, l2=0.0, schedule=((0.05, 30),))
    heard: list[Epoch] = []
    history = overfitting.fit(train, on_epoch=heard.append).history
    errors = [one.holdout_mse for one in history.search]
    assert None not in errors
    best = int(np.argmin(np.array(errors, float))) + 1
    assert len(history.search) == best + overfitting.patience < 30
    assert [one.number for one in history.epochs] == list(range(1, best + 1))
    assert {one.of for one in history.epochs} == {best}
    assert (history.stopped, history.best_epoch) == ("early", None)
    assert tuple(heard) == history.search + history.epochs
    assert {one.phase for one in history.search} == {"search"}
    assert all(one.phase == "fit" and one.holdout_mse is None for one in history.epochs)


def test_without_refit_the_best_weights_are_kept(train: Ratings) -> None:
    recipe = dataclasses.replace(FAST, l2=0.0, schedule=((0.05, 30),), refit=False)
    fitted = recipe.fit(train, seed=2)
    history = fitted.history
    errors = [one.holdout_mse or np.inf for one in history.epochs]
    assert history.best_epoch == int(np.argmin(errors)) + 1 < len(errors)
    assert (history.stopped, history.search) == ("early", ())
    order = stream(2, "adam/holdout").permutation(len(train))[: round(0.1 * len(train))]
    held = train.take(np.sort(order))
    error = fitted.model.predict_pairs(held.users, held.items) - held.values
    assert np.mean(error**2) == pytest.approx(min(errors), rel=1e-5)


def test_without_a_holdout_the_whole_schedule_is_run(train: Ratings) -> None:
    history = WHOLE.fit(train).history
    assert [one.learning_rate for one in history.epochs] == [0.02] * 3 + [0.005] * 2
    assert (history.stopped, history.best_epoch, history.search) == ("finished", None, ())
    losses = [one.training_loss for one in history.epochs]
    assert losses == sorted(losses, reverse=True)


def test_history_survives_json(train: Ratings) -> None:
    history = FAST.fit(train).history
    assert TrainingHistory.from_json(json.loads(json.dumps(history.to_json()))) == history
    without = {name: value for name, value in history.to_json().items() if name != "search"}
    assert TrainingHistory.from_json(without) == dataclasses.replace(history, search=())


def test_one_rating_can_be_learnt(train: Ratings) -> None:
    fitted = tm.BiasedMF(factors=2, schedule=((0.01, 2),)).fit(train.take(np.array([3])))
    assert len(fitted.history.epochs) == 2
    assert fitted.history.search == ()


def test_scaling_all_weights_changes_nothing(train: Ratings) -> None:
    def with_weights(weights: np.ndarray) -> Ratings:
        return Ratings(
            users=train.users,
            items=train.items,
            values=train.values,
            weights=weights,
            user_ids=train.user_ids,
            item_ids=train.item_ids,
            catalog=train.catalog,
        )

    chance = np.random.default_rng(0).uniform(0.5, 2, len(train)).astype(np.float32)
    once, twice = (WHOLE.fit(with_weights(times * chance)) for times in (1, 2))
    plain = WHOLE.fit(train)
    for name, array in arrays(once).items():
        np.testing.assert_allclose(array, arrays(twice)[name], atol=1e-5)
    assert not np.allclose(arrays(once)["item_bias"], arrays(plain)["item_bias"], atol=1e-3)


def test_divergence_is_told_with_what_to_change(train: Ratings) -> None:
    recipe = dataclasses.replace(WHOLE, init_scale=1e30)
    with pytest.raises(TrainingError, match=r"diverged in epoch 1: .* learning rate 0\.02\. Lower"):
        recipe.fit(train)


class Interrupt:
    """Presses Ctrl-C when an epoch of a phase has ended."""

    def __init__(self, phase: str, number: int) -> None:
        self._at = phase, number

    def __call__(self, epoch: Epoch) -> None:
        if (epoch.phase, epoch.number) == self._at:
            raise KeyboardInterrupt


def test_ctrl_c_in_the_search_keeps_the_best_weights(
    train: Ratings, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = dataclasses.replace(FAST, l2=0.0, schedule=((0.05, 30),), patience=10, refit=False)
    whole = recipe.fit(train).history
    assert whole.best_epoch is not None
    with caplog.at_level(logging.WARNING):
        fitted = recipe.fit(train, on_epoch=Interrupt("search", whole.best_epoch + 1))
    assert fitted.history.stopped == "interrupted"
    assert fitted.history.best_epoch == whole.best_epoch
    assert len(fitted.history.epochs) == whole.best_epoch + 1
    assert f"the weights of epoch {whole.best_epoch} are kept" in caplog.text
    best = dataclasses.replace(recipe, schedule=((0.05, whole.best_epoch),)).fit(train)
    assert_same(fitted, best)


def test_ctrl_c_in_the_fit_keeps_what_the_search_found(train: Ratings) -> None:
    fitted = FAST.fit(train, on_epoch=Interrupt("fit", 2))
    assert_same(fitted, dataclasses.replace(FAST, refit=False).fit(train))
    assert fitted.history.stopped == "interrupted"
    assert fitted.history.epochs[0].phase == "search"
    assert fitted.history.best_epoch is not None


def test_ctrl_c_without_a_holdout_keeps_the_last_weights(train: Ratings) -> None:
    fitted = WHOLE.fit(train, on_epoch=Interrupt("fit", 3))
    assert fitted.history.stopped == "interrupted"
    assert_same(fitted, dataclasses.replace(WHOLE, schedule=((0.02, 3),)).fit(train))


def test_ctrl_c_before_the_first_epoch_is_over_is_passed_on(
    train: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tastemap.training import gradient

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gradient, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        FAST.fit(train)


@pytest.mark.slow
def test_a_real_ctrl_c_stops_a_process_that_still_saves_its_model(tmp_path: Path) -> None:
    script = """
import sys, tastemap as tm
from tests.training.generated import ratings_with_taste

def on_epoch(epoch):
    print(epoch.number, flush=True)

recipe = tm.BiasedMF(factors=4, batch_size=8, schedule=((0.001, 100000),), holdout=0)
fitted = recipe.fit(ratings_with_taste(), on_epoch=on_epoch)
print(fitted.history.stopped, fitted.history.best_epoch, flush=True)
fitted.save(sys.argv[1])
"""
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "model")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 3:
            break
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 0
    assert rest[-1] == "interrupted None"
    assert tm.load(tmp_path / "model").history.stopped == "interrupted"


def test_seconds_are_wall_time(train: Ratings) -> None:
    started = time.perf_counter()
    history = WHOLE.fit(train).history
    passed = time.perf_counter() - started
    assert 0 < sum(one.seconds for one in history.epochs) <= passed
