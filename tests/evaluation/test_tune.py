"""The search for better settings: what it sees, what it finds, and what it says of that."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import optuna
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, DataError, MissingExtraError, TrainingError
from tastemap.evaluation import budget
from tastemap.evaluation import evaluate as evaluation
from tastemap.evaluation.tuning import Measure, Tuning, TuningStep
from tastemap.models.bias import BiasModel
from tastemap.randomness import stream
from tastemap.training.history import Epoch, OnEpoch, TrainingHistory
from tastemap.training.recipe import Recipe
from tests.conftest import interactions

DAMPING = {"user_damping": (0.5, 500.0, "log"), "item_damping": (0.5, 500.0, "log")}


@pytest.fixture(scope="module")
def ratings(movielens: Ratings) -> Ratings:
    """The first sixty users of MovieLens, and what some of them have in common."""
    return movielens.take(movielens.users < 60).k_core(3, 3)


tune_biases = partial(tm.tune, tm.BiasesOnly(user_damping=400, item_damping=300), space=DAMPING)


@pytest.fixture(scope="module")
def found(ratings: Ratings) -> Tuning:
    return tune_biases(ratings, trials=24, seed=3)


def tried(tuning: Tuning) -> list[tuple[dict[str, Any], float | None]]:
    return [(dict(one.settings), one.value) for one in tuning.trials]


@dataclass(frozen=True, kw_only=True)
class Made(Recipe):
    """The mean and item biases that depend on a setting in a way the test knows.

    Attributes:
        bad: how far predictions are off.
        luck: with it, item biases are drawn by setting and seed: nothing is better than another.
        breaks: raises this.
        takes: seconds, of the clock that tests turn.
    """

    name: ClassVar[str] = "made"
    ran: ClassVar[list[tuple[float, int]]] = []
    now: ClassVar[float] = 0.0

    bad: float = 0.0
    luck: int | None = None
    breaks: str = ""
    takes: float = 0.0

    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[BiasModel, TrainingHistory]:
        Made.now += self.takes
        if self.breaks == "memory":
            raise MemoryError
        if self.breaks == "extra":
            raise MissingExtraError("no such library")
        if self.breaks:
            raise TrainingError(self.breaks)
        for number in range(1, 17):
            self.ran.append((self.bad, number))
            error = None if valid is None else self.bad + 1 / number
            epoch = Epoch(number=number, of=16, learning_rate=1, training_loss=1,
                          validation_mse=error, seconds=0)  # fmt: skip
            if on_epoch is not None:
                on_epoch(epoch)
        items = np.full(train.n_items, self.bad)
        if self.luck is not None:
            items = stream(seed, f"luck {self.luck}").normal(0, 0.2, train.n_items)
        model = BiasModel(
            mean=train.mean,
            user_bias=np.zeros(train.n_users, np.float32),
            item_bias=items.astype(np.float32),
        )
        return model, TrainingHistory()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Ratings]]:
    """What models are measured on, in order."""
    seen: list[Ratings] = []
    measure = evaluation.measure

    def spy(model: tm.Recommender, test: Ratings, **rest: Any) -> evaluation.Measured:
        if "level" not in rest:  # else it is the evaluation that a fitted model carries
            seen.append(test)
        return measure(model, test, **rest)

    monkeypatch.setattr(evaluation, "measure", spy)
    return seen


def pairs(ratings: Ratings) -> set[tuple[int, int]]:
    return set(zip(ratings.users.tolist(), ratings.items.tolist(), strict=True))


# What is found


def test_the_best_of_trials_is_found_and_ready_to_fit(found: Tuning, ratings: Ratings) -> None:
    values = [one.value for one in found.trials]
    assert None not in values
    assert len(values) == 24
    assert values[found.best_trial] == min(values)
    best = found.trials[found.best_trial].settings
    assert found.best == tm.BiasesOnly(**best)
    assert found.settings == best
    assert found.trials[0].settings == {"user_damping": 400, "item_damping": 300}
    assert found.best.fit(ratings).recipe == found.best


def test_a_value_is_that_of_evaluate(found: Tuning, ratings: Ratings) -> None:
    fold = next(iter(tm.split.k_fold(ratings, 5, seed=3)))
    assert found.chosen_on == fold.description
    for one in (found.trials[0], found.trials[found.best_trial]):
        model = tm.BiasesOnly(**one.settings).fit(fold.train, seed=3)
        assert tm.evaluate(model, fold.valid).rmse == one.value


def test_what_is_checked_on_had_no_part_in_the_choice(
    ratings: Ratings, measured: list[Ratings]
) -> None:
    tune_biases(ratings, trials=5)
    chosen_on = {one.fingerprint for one in measured[:5]}
    assert len(chosen_on) == 1
    first, checked = pairs(measured[0]), measured[5:]
    assert len(checked) == 2 * 4
    assert not any(pairs(one) & first for one in checked)
    assert set().union(first, *(pairs(one) for one in checked)) == pairs(ratings)


def test_a_better_setting_is_said_to_be_better(found: Tuning) -> None:
    check = found.check
    assert check is not None
    assert check.difference is not None
    assert check.difference.sure
    assert 0 < check.difference.low < check.difference.better_by < check.difference.high
    assert check.seeds == (4, 5, 6, 7)
    assert all(by > 0 for by in check.better_by)
    assert found.verdict.startswith("it beats the recipe as given: RMSE by ")
    assert "better on 4 of 4 parts" in found.verdict
    assert found.verdict in str(found)


def test_luck_is_not_said_to_be_better(ratings: Ratings) -> None:
    space = {"luck": list(range(1, 31))}
    found = tm.tune(Made(luck=0), ratings, space, trials=30, measure="mse")
    first, best = found.trials[0].value, found.trials[found.best_trial].value
    assert first is not None
    assert best is not None
    assert first - best > 0.005  # by which one would be taken in
    assert "no evidence that it is better than as given: MSE by" in found.verdict


def test_nothing_better_is_said_as_well(ratings: Ratings) -> None:
    found = tm.tune(Made(), ratings, {"bad": [0.0, 0.5, 1.0]}, trials=9)
    assert len(found.trials) == 3
    assert found.stopped == "every setting of the space was tried"
    assert found.best == found.given
    assert found.check is None
    assert found.verdict.startswith("nothing that was tried is better than the recipe as given")


def test_a_range_in_which_settings_come_twice_is_searched_on(ratings: Ratings) -> None:
    space = {"user_damping": (5.0, 5.02)}
    assert len(tm.tune(tm.BiasesOnly(), ratings, space, trials=9).trials) == 9


def test_a_recipe_of_ones_own_needs_a_space(ratings: Ratings) -> None:
    with pytest.raises(ConfigError, match="worth varying of Made is not known: give a space"):
        tm.tune(Made(), ratings, trials=2)


def test_a_space_need_not_hold_the_recipe_as_given(ratings: Ratings) -> None:
    space = {"user_damping": (1.0, 9.0), "item_damping": [2.0, 3.0]}
    given = tm.BiasesOnly(user_damping=99)
    found = tm.tune(given, ratings, space, trials=22)
    assert found.trials[0].settings == {"user_damping": 99, "item_damping": 5}
    assert all(1 <= one.settings["user_damping"] <= 9 for one in found.trials[1:])
    assert set(found.importance) == set(space)


# The same again, and going on


def test_the_same_seed_gives_the_same_trials(found: Tuning, ratings: Ratings) -> None:
    again = tune_biases(ratings, trials=24, seed=3)
    assert tried(again) == tried(found)
    assert again.verdict == found.verdict
    assert tried(tune_biases(ratings, trials=3, seed=4))[1:] != tried(found)[1:3]


def test_a_search_that_is_gone_on_with_is_the_same(
    found: Tuning, ratings: Ratings, tmp_path: Path
) -> None:
    file = tmp_path / "a b#?%20.db"
    tune_biases(ratings, trials=9, seed=3, storage=file)
    assert file.exists()
    told: list[TuningStep] = []
    later = tune_biases(ratings, trials=24, seed=3, storage=str(file), on_trial=told.append)
    assert tried(later) == tried(found)
    assert [step.trial.number for step in told] == list(range(9, 24))
    assert later.stopped == "all 24 trials were made, 9 of them before"
    assert later.verdict == found.verdict


def test_what_was_killed_half_way_is_forgotten(
    found: Tuning, ratings: Ratings, tmp_path: Path
) -> None:
    file = tmp_path / "search.db"
    tune_biases(ratings, trials=6, seed=3, storage=file)
    # One was being tried, another was about to be, when the process was killed.
    study = optuna.load_study(study_name="biases", storage=f"sqlite:///{file}")
    study.ask()
    study.enqueue_trial({"user_damping": 1.0, "item_damping": 1.0})
    later = tune_biases(ratings, trials=12, seed=3, storage=file)
    assert tried(later) == tried(found)[:12]


def test_another_search_is_not_gone_on_with(ratings: Ratings, tmp_path: Path) -> None:
    file = tmp_path / "search.db"
    run = partial(tm.tune, trials=2, storage=file)
    run(tm.BiasesOnly(), ratings, DAMPING)
    fewer = ratings.take(np.arange(len(ratings) - 1))
    for other, what in (
        (partial(run, tm.BiasesOnly(), fewer, DAMPING), "ratings"),
        (partial(run, tm.BiasesOnly(sweeps=3), ratings, DAMPING), "recipe"),
        (partial(run, tm.BiasesOnly(), ratings), "space"),
        (partial(run, tm.BiasesOnly(), ratings, DAMPING, measure="mae"), "measure"),
        (partial(run, tm.BiasesOnly(), ratings, DAMPING, seed=8), "seed"),
        (partial(run, tm.Popularity(), ratings, {"min_rating": [1.0]}, name="biases"),
         "recipe, space, measure"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=f"called 'biases' with another {what}: it cannot"):
            other()
    assert len(run(tm.BiasesOnly(), fewer, DAMPING, name="fewer").trials) == 2


def test_a_file_that_cannot_keep_a_search_is_refused(ratings: Ratings, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no data base" * 100)
    for file, said in (
        (tmp_path / "notes.txt", "is no file that keeps a search"),
        (tmp_path, "is a folder: name a file"),
        (tmp_path / "none" / "search.db", "is no folder: make it first"),
    ):
        with pytest.raises(ConfigError, match=said):
            tune_biases(ratings, trials=1, storage=file)


# What ends a search, and what fails in it


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
    assert found.trials[1].said == "user_damping and item_damping must not be negative"


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


# Measures, splits, other forms


@pytest.mark.parametrize("name", ["mae", "r2", "concordance", "ndcg@5", "auc", "gini@10"])
def test_any_measure_is_gone_by_in_its_direction(ratings: Ratings, name: str) -> None:
    found = tune_biases(ratings, trials=6, measure=name)
    values = [one.value for one in found.trials if one.value is not None]
    assert len(values) == 6
    best = min(values) if name in ("mae", "gini@10") else max(values)
    assert found.trials[found.best_trial].value == best
    assert name in found.columns()
    if found.check is not None and name in ("mae", "r2", "concordance", "gini@10"):
        assert found.check.difference is None
        assert "how sure is not known" in found.verdict


def test_every_measure_there_is_has_a_direction(ratings: Ratings) -> None:
    quick = tm.BayesianMF(factors=2, sweeps=6, burn_in=2, draws=4)
    split = tm.split.random(ratings)
    named = tm.evaluate(quick.fit(split.train), split.valid).measures
    smaller = {name for name in named if name != "inside" and Measure.of(name).smaller}
    assert smaller == {"rmse", "mse", "mae", "gini@10"}
    with pytest.raises(ConfigError, match="tune by log_likelihood"):
        Measure.of("inside")


@pytest.mark.parametrize("name", ["rsme", "ndcg", "ndcg@", "ndcg@0", "ndcg@x", "rmse@10", "gini"])
def test_a_measure_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"'{name}'"):
        Measure.of(name)


def test_a_measure_the_model_has_not_is_refused(ratings: Ratings) -> None:
    with pytest.raises(ConfigError, match=r"cannot be judged by 'rmse' .* lists"):
        tm.tune(tm.Popularity(), ratings, measure="rmse", trials=2)


def test_interactions_are_tuned_by_lists(ratings: Ratings) -> None:
    found = tm.tune(tm.ItemKNN(neighbours=3), interactions(ratings), trials=4)
    assert found.measure.name == "ndcg@10"
    assert list(found.settings) == ["neighbours", "shrinkage"]


def test_splits_are_chosen_and_checked_on_in_order(ratings: Ratings) -> None:
    late = tm.split.time_cut(ratings)
    early = tm.split.time_cut(late.train)
    found = tm.tune(tm.BiasesOnly(item_damping=400), [early, late], DAMPING, trials=5)
    assert found.chosen_on == early.description
    assert found.check is not None
    assert found.check.parts == (late.description,)
    alone = tm.tune(tm.BiasesOnly(item_damping=400), early, DAMPING, trials=5)
    assert tried(alone) == tried(found)
    assert alone.check is None
    assert "no other ratings" in alone.verdict
    with pytest.raises(DataError, match="no splits"):
        tm.tune(tm.BiasesOnly(), [], trials=2)


def test_new_users_are_folded_in(ratings: Ratings) -> None:
    splits = [tm.split.new_users(ratings, seed=seed) for seed in (1, 2)]
    found = tm.tune(tm.ItemKNN(neighbours=2), splits, trials=3)
    assert found.trials[0].value is not None
    model = tm.ItemKNN(neighbours=2).fit(splits[0].train)
    expected = tm.evaluate(model, splits[0].valid, known=splits[0].known).measures["ndcg@10"]
    assert found.trials[0].value == expected


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trials": 0}, "trials must be at least 1"),
        ({"budget": 0}, "budget must be seconds above 0"),
        ({"budget": float("nan")}, "budget must be seconds above 0"),
        ({"seed": -1}, "seed must not be negative"),
    ],
)
def test_wrong_numbers_are_refused(ratings: Ratings, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        tune_biases(ratings, **wrong)


def test_too_few_ratings_are_refused(small: Ratings) -> None:
    with pytest.raises(DataError, match="4 ratings cannot be divided into 5 parts"):
        tune_biases(small.take(np.arange(4)))


def test_the_result_has_many_forms(found: Tuning) -> None:
    table = found.to_arrow()
    assert table.num_rows == 24
    assert table.column_names == [
        "trial", "user_damping", "item_damping", "rmse", "state", "seconds", "said",
    ]  # fmt: skip
    values = table["rmse"].to_pylist()
    assert values == sorted(values)
    lines = repr(found).splitlines()
    assert lines[0] == "biases tuned by RMSE: 24 trials (24 finished)"
    assert len([line for line in lines if line.endswith("finished") or " finished " in line]) >= 10
    assert "the best 10 of 24 trials are shown" in lines
    assert "<table>" in found._repr_html_()
    (best,) = (line for line in lines if line.startswith("best: "))
    assert eval(best.removeprefix("best: "), vars(tm)) == found.best  # noqa: S307
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["best"] == {**found.settings, "sweeps": 10}
    assert len(plain["trials"]) == 24
    assert plain["check"]["difference"]["better_by"] == found.check.difference.better_by  # type: ignore[union-attr]
    assert sum(found.importance.values()) == pytest.approx(1)


def test_choices_of_several_kinds_go_into_a_table(ratings: Ratings) -> None:
    found = tm.tune(tm.Popularity(), ratings, {"min_rating": [None, 4.0]}, trials=2)
    assert sorted(found.to_arrow()["min_rating"].to_pylist(), key=str) == [4.0, None]
    als = tm.BiasedMF(solver="als", factors=2)
    mixed = tm.tune(als, ratings, {"regularization": ["auto", 0.1]}, trials=2)
    assert set(mixed.to_arrow()["regularization"].to_pylist()) == {"auto", "0.1"}


def test_optuna_is_as_loud_as_it_was(ratings: Ratings, capfd: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    tune_biases(ratings, trials=2)
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
    assert capfd.readouterr().err == ""


def test_without_optuna_the_extra_to_install_is_named(
    ratings: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"tastemap\[tune\]"):
        tune_biases(ratings)
