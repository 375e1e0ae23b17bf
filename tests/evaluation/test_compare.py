"""Which model is better, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import DataError
from tastemap.evaluation.compare import Comparison, Difference
from tastemap.models.bias import BiasModel
from tastemap.recommender import Recommender
from tests.explanation.worlds import some_ratings


@pytest.fixture(scope="module")
def parts() -> Split:
    return tm.split.random(some_ratings(60, 40, seed=5, cold=0), 0.4, seed=1)


@pytest.fixture(scope="module")
def compared(biased: Recommender, bayesian: Recommender, notebook_split: Split) -> Comparison:
    baselines = [one.fit(notebook_split.train) for one in (tm.GlobalMean(), tm.BiasesOnly())]
    return tm.compare([biased, *baselines, bayesian], notebook_split.valid)


def off(model: Recommender, by: float) -> Recommender:
    """The model with predictions that are higher by as much."""
    assert isinstance(model.model, BiasModel)
    return replace(model, model=replace(model.model, mean=model.model.mean + by))


def test_the_best_comes_first_with_every_measure(
    compared: Comparison, bayesian: Recommender, notebook_split: Split
) -> None:
    names = [one.model for one in compared.evaluations]
    assert names == ["bayesian", "biased", "biases", "mean"]
    first = compared.to_dicts()[0]
    alone = tm.evaluate(bayesian, notebook_split.valid)
    assert {name: first[name] for name in alone.measures} == alone.measures
    assert first["rows"] == 19905
    assert compared.to_dicts()[1]["inside"] is None  # biased has no intervals


def test_a_printed_comparison_has_what_is_looked_at_first(compared: Comparison) -> None:
    head = str(compared).splitlines()[0].split()
    assert head == ["model", "rmse", "mse", "mae", "ndcg@10", "recall@10", "catalog@10",
                    "fit_seconds"]  # fmt: skip
    assert compared.to_pandas().shape[1] > 15


def test_models_are_told_apart_from_the_baseline_and_from_the_best(compared: Comparison) -> None:
    assert compared.differences is not None
    rows = {(one.measure, one.model, one.against): one for one in compared.differences.each}
    for measure in ("rmse", "ndcg@10"):
        pairs = {key[1:] for key in rows if key[0] == measure}
        assert pairs == {
            ("bayesian", "biases"), ("biased", "biases"), ("mean", "biases"),
            ("bayesian", "biased"), ("bayesian", "mean"),
        }  # fmt: skip
    errors = {one.model: one.rmse for one in compared.evaluations}
    gain = rows["rmse", "bayesian", "biases"]
    assert errors["biases"] is not None
    assert errors["bayesian"] is not None
    assert gain.better_by == pytest.approx(errors["biases"] - errors["bayesian"])
    assert 0.035 < gain.low < gain.better_by < gain.high < 0.065
    assert gain.sure
    assert rows["rmse", "mean", "biases"].better_by < 0
    table = compared.differences.to_dicts()
    assert {row["verdict"] for row in table} == {"better", "worse"}


def test_the_verdict_is_a_plain_sentence_for_each_measure(compared: Comparison) -> None:
    said = compared.verdicts
    assert len(said) == 2
    assert said[0].startswith("RMSE: bayesian beats biases by 0.0")
    assert "; it beats biased, the next, by 0.0" in said[0]
    assert said[1].startswith("nDCG@10: bayesian beats biases by 0.0")
    assert "671 users" in str(compared)
    assert "10 differences by Holm's method" in str(compared)


def test_a_difference_that_may_be_luck_is_no_evidence(parts: Split) -> None:
    biases = tm.BiasesOnly().fit(parts.train)
    found = tm.compare({"base": biases, "near": off(biases, 1e-4)}, parts.valid, k=None)
    assert len(found.verdicts) == 1
    assert "no evidence that" in found.verdicts[0]
    assert found.differences is not None
    assert [row["verdict"] for row in found.differences.to_dicts()] == ["no evidence"]


def test_a_baseline_that_is_best_is_said_to_be(parts: Split) -> None:
    biases = tm.BiasesOnly().fit(parts.train)
    models = {"base": biases, "mean": replace(off(biases, 0.5), recipe=tm.GlobalMean())}
    found = tm.compare(models, parts.valid, k=None)
    assert found.verdicts == ["RMSE: nothing beats base"]
    assert found.differences is not None
    assert [(one.model, one.against) for one in found.differences.each] == [("mean", "base")]


def test_without_a_baseline_the_best_is_held_against_the_others(parts: Split) -> None:
    biases = tm.BiasesOnly().fit(parts.train)
    models = {
        name: replace(off(biases, by), recipe=tm.BiasedMF())
        for name, by in (("good", 0.0), ("bad", 0.5), ("worse", 1.0))
    }
    found = tm.compare(models, parts.valid, k=None)
    assert found.verdicts[0].startswith("RMSE: good beats bad, the next, by ")


def test_the_interval_is_that_of_resampled_users(parts: Split) -> None:
    biases, mean = tm.BiasesOnly().fit(parts.train), tm.GlobalMean().fit(parts.train)
    found = tm.compare([biases, mean], parts.valid, k=None).differences
    assert found is not None
    test, random = parts.valid, np.random.default_rng(0)
    errors = [
        np.square(one.predict_codes(test.users, test.items).values - test.values)
        for one in (biases, mean)
    ]
    rows = [np.flatnonzero(test.users == user) for user in np.unique(test.users)]
    drawn = []
    for _ in range(1000):
        taken = np.concatenate([rows[i] for i in random.integers(0, len(rows), len(rows))])
        one, other = (np.sqrt(error[taken].mean()) for error in errors)
        drawn.append(one - other)
    low, high = np.quantile(drawn, [0.025, 0.975])
    (gain,) = found.each
    sign = 1 if gain.model == "mean" else -1
    ends = sorted([sign * low, sign * high])
    np.testing.assert_allclose([gain.low, gain.high], ends, atol=0.15 * (high - low))


def some_users(parts: Split, n: int) -> Ratings:
    return parts.valid.take(parts.valid.users < n)


def test_few_users_tell_nothing_however_far_models_are_apart(parts: Split) -> None:
    biases = tm.BiasesOnly().fit(parts.train)
    models = {"base": biases, "bad": off(biases, 1.5)}
    enough = tm.compare(models, some_users(parts, 10), k=None)
    assert enough.differences is not None
    assert enough.differences.each[0].sure
    few = tm.compare(models, some_users(parts, 9), k=None)
    assert few.verdicts == ["RMSE: too few users to tell which model is better: 9"]
    assert few.differences is not None
    assert not few.differences.each[0].sure
    assert few.differences.to_dicts()[0]["verdict"] == "too few users"
    alone = tm.compare(models, some_users(parts, 1), k=None)
    assert "better: 1" in str(alone)


def test_no_difference_beats_nothing_and_a_small_one_is_not_written_as_none(parts: Split) -> None:
    biases = tm.BiasesOnly().fit(parts.train)
    same = tm.compare({"base": biases, "twin": biases}, parts.valid, k=None)
    assert "beats base by" not in same.verdicts[0]
    rounding = Difference(
        measure="rmse", model="a", against="b", better_by=1e-8, low=1e-9, high=2e-8, p=0.0, users=99
    )
    assert not rounding.sure
    small = replace(rounding, better_by=0.0003, low=0.0001, high=0.0005)
    assert small.sure
    assert str(small) == "0.000300 [0.000100, 0.000500]"


def test_of_ratings_a_model_was_trained_on_nothing_is_said_but_that(parts: Split) -> None:
    models = [tm.BiasesOnly().fit(parts.train), tm.GlobalMean().fit(parts.train)]
    found = tm.compare(models, parts.train)
    assert found.overlap == len(parts.train)
    assert found.verdicts == []
    assert found.differences is None
    assert found.notes[0] == f"biases: {len(parts.train):,} test rows were also trained on"
    assert "no model is said to be better" in found.notes[2]


def test_models_may_be_given_names_and_are_numbered_where_they_share_one(small: Ratings) -> None:
    two = {"mild": tm.BiasesOnly(), "strict": tm.BiasesOnly(user_damping=100, item_damping=100)}
    fitted = {name: recipe.fit(small) for name, recipe in two.items()}
    table = tm.compare(fitted, small)
    assert [one.model for one in table.evaluations] == ["mild", "strict"]
    table = tm.compare(list(fitted.values()), small)
    assert [one.model for one in table.evaluations] == ["biases", "biases 2"]


def test_one_model_alone_is_measured_and_compared_with_nothing(small: Ratings) -> None:
    found = tm.compare([tm.BiasesOnly().fit(small)], small)
    assert len(found) == 1
    assert found.differences is None
    assert found.verdicts == []


def test_nothing_to_compare_is_an_error(small: Ratings) -> None:
    with pytest.raises(DataError, match="no models to compare"):
        tm.compare([], small)
