"""What ends a search for better settings, and what fails in it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError, MissingExtraError, TrainingError
from tastemap.evaluation import budget
from tastemap.evaluation import evaluate as evaluation
from tastemap.evaluation.tuning import TuningStep
from tests.conftest import interactions
from tests.evaluation.tuned import Made, sixty_users, tune_biases


@pytest.fixture(scope="module")
def ratings(movielens: Ratings) -> Ratings:
    return sixty_users(movielens)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still but for what `Made` takes."""
    monkeypatch.setattr(Made, "now", 0.0)
    monkeypatch.setattr(budget, "perf_counter", lambda: Made.now)


BAD = {"bad": [0.1 * number for number in range(1, 10)]}


@pytest.mark.usefixtures("clock")
def test_what_would_not_end_in_time_is_not_begun(ratings: Ratings) -> None:
    told: list[TuningStep] = []
    found = tm.tune(Made(bad=5, takes=10), ratings, BAD, budget=60, on_trial=told.append)
    # After three, 30 s are left: 12.5 s for a fourth, and 22.5 s for one part of the check, do
    # not fit. The check has 20 s a part: a second one does not fit either.
    assert len(found.trials) == len(told) == 3
    assert found.stopped == "the budget of 60 s has no time for another trial"
    assert found.check is not None
    assert len(found.check.parts) == 1
    assert found.seconds == Made.now == 50
    assert not any("than the budget" in note for note in found.notes)
    assert [step.share for step in told] == [10 / 25, 20 / 25, 1]
    assert {step.of for step in told} == {None}


@pytest.mark.usefixtures("clock")
def test_a_check_has_a_third_of_the_seconds_or_all_its_parts(ratings: Ratings) -> None:
    found = tm.tune(Made(bad=5, takes=1), ratings, {"bad": (0.1, 1.0)}, budget=60)
    assert found.check is not None
    assert len(found.check.parts) == 4
    # 9 s are kept for four parts, 1.25 s for a trial: the last is begun at 49 s.
    assert len(found.trials) == 50
    assert found.seconds == 50 + 2 * 4
    alone = tm.tune(
        Made(bad=5, takes=1), next(iter(tm.split.k_fold(ratings))), {"bad": (0.1, 1.0)}, budget=60
    )
    assert len(alone.trials) == 59  # there is nothing to check it on


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("takes", "over"), [(40, None), (100, "it took 100.0 s, 40.0 s more")])
def test_the_first_trial_is_always_made(ratings: Ratings, takes: float, over: str | None) -> None:
    found = tm.tune(Made(takes=takes), ratings, BAD, budget=60)
    assert len(found.trials) == 1
    assert found.seconds == takes
    more = takes + 2 * 1.25 * takes
    assert found.verdict == (
        "nothing but the recipe as given was tried: another trial and its check may take "
        f"{more:.0f} s more"
    )
    said = [note for note in found.notes if "more than the budget of 60 s" in note]
    assert said == ([f"{over} than the budget of 60 s"] if over else [])
    assert found.to_dict()["budget"] == 60


@pytest.mark.usefixtures("clock")
def test_a_check_that_would_not_end_in_time_is_not_begun(ratings: Ratings) -> None:
    slow = {"bad": [0.1], "takes": [50.0]}
    found = tm.tune(Made(bad=5, takes=1), ratings, slow, budget=60)
    assert found.best == Made(bad=0.1, takes=50)
    assert found.check is None
    assert found.seconds == 51
    assert found.verdict == (
        "not compared with the recipe as given: that takes about 51 s, more than was left of "
        "the budget"
    )


@pytest.mark.usefixtures("clock")
def test_what_earlier_trials_took_counts_when_a_search_is_gone_on_with(
    ratings: Ratings, tmp_path: Path
) -> None:
    run = partial(tm.tune, Made(bad=5, takes=10), ratings, BAD, storage=tmp_path / "search.db")
    run(trials=2)
    later = run(budget=40)
    assert len(later.trials) == 3
    assert later.seconds == 30  # one trial, and one part of the check
    assert later.stopped == "the budget of 40 s has no time for another trial, 2 of them before"


def test_a_setting_that_cannot_be_fitted_is_a_failed_trial(ratings: Ratings) -> None:
    space = {"breaks": ["", "it diverged", "memory"], "bad": [0.3, 0.1]}
    found = tm.tune(Made(bad=0.3), ratings, space, trials=6)
    failed = [one for one in found.trials if one.state == "failed"]
    assert {one.said for one in failed} == {"it diverged", "out of memory"}
    assert len(failed) == 4
    assert all(one.value is None for one in failed)
    assert found.best == Made(bad=0.1)
    assert "(2 finished, 4 failed)" in found.caption
    assert any(note.startswith("4 failed; the last of them: ") for note in found.notes)


def test_a_setting_out_of_its_range_is_a_failed_trial(ratings: Ratings) -> None:
    found = tm.tune(tm.BiasesOnly(), ratings, {"user_damping": [5.0, -1.0]}, trials=2)
    assert found.trials[1].said == "user_damping must be a number at least 0, got -1.0"


def test_where_nothing_can_be_fitted_the_reason_is_an_error(ratings: Ratings) -> None:
    told: list[TuningStep] = []
    with pytest.raises(TrainingError, match=r"none of 10 settings of ease .* EASE on .* items"):
        tm.tune(tm.EASE(memory=1e-6), ratings, budget=60, on_trial=told.append)
    assert {step.best for step in told} == {None}


def test_a_recipe_that_is_wrong_as_given_ends_the_search(ratings: Ratings) -> None:
    with pytest.raises(DataError, match="predicts ratings"):
        tune_biases(interactions(ratings), trials=2)
    with pytest.raises(MissingExtraError, match="no such library"):
        tm.tune(Made(), ratings, {"breaks": ["extra"]}, trials=2)


def test_as_given_it_may_fail_where_another_does_not(ratings: Ratings) -> None:
    found = tm.tune(Made(breaks="it diverged"), ratings, {"breaks": ["", "it diverged"]}, trials=2)
    assert found.best == Made()
    assert found.check is None
    assert found.verdict == "the recipe as given could not be fitted: it diverged"


def test_ctrl_c_ends_a_search_and_keeps_what_was_found(ratings: Ratings) -> None:
    def interrupt(step: TuningStep) -> None:
        if step.trials == 3:
            raise KeyboardInterrupt

    found = tune_biases(ratings, trials=20, on_trial=interrupt)
    assert len(found.trials) == 3
    assert found.stopped == "interrupted"
    assert found.interrupted
    assert found.check is None
    assert "was not compared" in found.verdict


def test_ctrl_c_before_there_is_anything_to_keep_is_ctrl_c(
    ratings: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune_biases(ratings, trials=4)


def test_ctrl_c_during_the_check_keeps_what_was_found(
    ratings: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = evaluation.measure
    calls = iter(range(99))

    def interrupted(*arguments: Any, **rest: Any) -> Any:
        if "level" not in rest and next(calls) == 5:
            raise KeyboardInterrupt
        return measure(*arguments, **rest)

    monkeypatch.setattr(evaluation, "measure", interrupted)
    found = tune_biases(ratings, trials=4)
    assert len(found.trials) == 4
    assert found.interrupted
    assert found.verdict == "interrupted: the best was not compared with the recipe as given"
    assert found.stopped == "all 4 trials were made"


def test_trials_worse_than_most_after_as_many_epochs_are_stopped(ratings: Ratings) -> None:
    Made.ran.clear()
    space = {"bad": [0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 0.95]}
    found = tm.tune(Made(bad=0.05), ratings, {"bad": [0.05, *space["bad"]]}, trials=8, seed=1)
    states = {one.settings["bad"]: one.state for one in found.trials}
    assert "stopped early" in states.values()
    epochs = {bad: max(n for b, n in Made.ran if b == bad) for bad in states}
    for bad, state in states.items():
        # Two of sixteen epochs are the first eighth.
        assert epochs[bad] == (2 if state == "stopped early" else 16)
    order = [one for one in found.trials if one.state == "finished"]
    assert len(order) >= 5  # before that there are not enough to compare with
    by_mae = tm.tune(Made(bad=0.05), ratings, space, trials=8, measure="mae", seed=1)
    assert {one.state for one in by_mae.trials} == {"finished"}
