"""The search for better settings: what it sees, what it finds, and what it says of that."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, DataError, MissingExtraError
from tastemap.evaluation import evaluate as evaluation
from tastemap.evaluation.tuning import Measure, Tuning, TuningStep
from tests.conftest import interactions
from tests.evaluation.tuned import DAMPING, Made, sixty_users, tried, tune_biases


@pytest.fixture(scope="module")
def ratings(movielens: Ratings) -> Ratings:
    return sixty_users(movielens)


@pytest.fixture(scope="module")
def found(ratings: Ratings) -> Tuning:
    return tune_biases(ratings, trials=24, seed=3)


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
    assert "valid of the split is used up" in alone.verdict
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
        ({"trials": 0}, "trials must be an integer of at least 1"),
        ({"budget": 0}, "budget, in seconds, must be a number above 0"),
        ({"budget": float("nan")}, "budget, in seconds, must be a number above 0"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
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
