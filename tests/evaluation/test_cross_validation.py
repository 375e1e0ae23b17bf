"""Recipes fitted on several splits with several seeds."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import ConfigError, DataError
from tastemap.evaluation.memory import PeakMemory
from tastemap.models.bias import BiasModel
from tastemap.training.history import OnEpoch, TrainingHistory
from tastemap.training.recipe import Recipe
from tests.conftest import make_ratings
from tests.explanation.worlds import some_ratings


@dataclass(frozen=True, kw_only=True)
class Chance(Recipe):
    """The mean, and an item bias that depends on the seed alone."""

    name: ClassVar[str] = "chance"

    def _train(
        self,
        train: Ratings,
        valid: Ratings | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
        checkpoint: Path | None,
    ) -> tuple[BiasModel, TrainingHistory]:
        bias = np.random.default_rng(seed).normal(0, 0.5, train.n_items)
        model = BiasModel(mean=train.mean, user_bias=np.zeros(train.n_users), item_bias=bias)
        return model, TrainingHistory()


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return some_ratings(40, 30, seed=5, cold=0)


@pytest.fixture(scope="module")
def parts(ratings: Ratings) -> Split:
    return tm.split.random(ratings, 0.4, seed=1)


def test_every_split_is_fitted_with_every_seed(ratings: Ratings) -> None:
    told: list[str] = []
    folds = tm.split.k_fold(ratings, 3)
    found = tm.cross_validate(Chance(), folds, seeds=(4, 9), on_fit=told.append)
    assert list(zip(found.splits, found.seeds, strict=True)) == [
        (f"fold {fold} of 3, seed 0", seed) for fold in (1, 2, 3) for seed in (4, 9)
    ]
    assert told[1] == "chance, seed 9, fold 1 of 3, seed 0"
    for number, one in enumerate(tm.split.k_fold(ratings, 3)):
        alone = tm.evaluate(Chance().fit(one.train, seed=9), one.valid)
        assert found.evaluations[2 * number + 1].measures == alone.measures


def test_the_mean_is_over_all_rows_and_all_lists(ratings: Ratings) -> None:
    found = tm.cross_validate(tm.BiasesOnly(), tm.split.k_fold(ratings, 3), seeds=(0, 1))
    each, mean = found.evaluations[::2], found.mean  # both seeds give the same
    assert mean.rows == len(ratings)
    assert mean.rmse == pytest.approx(np.sqrt(sum((x.mse or 0) * x.rows for x in each) / mean.rows))
    users = [x.lists.users for x in each if x.lists]
    assert mean.lists is not None
    assert mean.lists.users == sum(users)
    expected = np.average([x.measures["ndcg@10"] for x in each], weights=users)
    assert mean.measures["ndcg@10"] == pytest.approx(expected)
    table = found.to_dicts()
    assert [row["split"] for row in table[-2:]] == ["mean", "standard deviation"]
    assert table[-1]["rmse"] == pytest.approx(np.std([x.rmse for x in found.evaluations], ddof=1))
    assert str(found).startswith("biases, fitted 6 times\n")


@pytest.mark.parametrize("kind", ["random", "per_user", "leave_last_out", "time_cut"])
def test_every_kind_of_split_will_do(movielens: Ratings, kind: str) -> None:
    split = getattr(tm.split, kind)(movielens)
    found = tm.cross_validate(tm.BiasesOnly(), split).mean
    assert found.rows == len(split.valid)
    assert (found.before_any == 0) == (kind == "time_cut")
    assert (found.before_own == 0) == (kind in ("time_cut", "leave_last_out"))


def test_baselines_are_always_in_the_comparison(parts: Split) -> None:
    found = tm.compare_recipes([Chance()], parts, seeds=(0,), k=3)
    assert {"biases", "mean", "chance"} <= {one.model for one in found.evaluations}
    assert found.spreads == {}
    again = tm.compare_recipes({"mine": tm.BiasesOnly()}, parts, seeds=(0,), k=3)
    assert "biases" not in {one.model for one in again.evaluations}
    # These ratings are random numbers: the mean is as good as anything.
    assert "mean beats mine: " in again.verdicts[0]


def test_a_comparison_is_that_of_the_fitted_models(parts: Split) -> None:
    found = tm.compare_recipes([Chance()], parts, seeds=(7,), k=3)
    names = [one.model for one in found.evaluations]
    recipes = {"chance": Chance(), **{x.name: x for x in (tm.GlobalMean(), tm.BiasesOnly())}}
    fitted = {name: one.fit(parts.train, seed=7) for name, one in recipes.items() if name in names}
    expected = tm.compare(fitted, parts.valid, k=3)
    for one in expected.evaluations:
        ours = next(x for x in found.evaluations if x.model == one.model)
        assert ours.measures == pytest.approx(one.measures)
    assert found.differences is not None
    assert expected.differences is not None
    if len(fitted) == len(names):
        assert str(found.differences) == str(expected.differences)


def test_spreads_are_from_seed_to_seed(parts: Split) -> None:
    found = tm.compare_recipes([Chance()], parts, seeds=(0, 1, 2), k=3)
    errors = [tm.evaluate(Chance().fit(parts.train, seed=s), parts.valid).rmse for s in range(3)]
    assert found.spreads["chance"]["rmse"] == pytest.approx(np.std(errors, ddof=1))
    assert found.spreads["biases"]["rmse"] == 0
    row = next(row for row in found.to_dicts() if row["model"] == "chance")
    assert row["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert row["rmse_spread"] == found.spreads["chance"]["rmse"]
    assert "rmse_spread" in str(found)
    assert "means of 3 seeds; random, 0.4 of the ratings in valid, seed 1" in found.notes


def test_folds_are_compared_together(ratings: Ratings) -> None:
    found = tm.compare_recipes([Chance()], tm.split.k_fold(ratings, 3), seeds=(0,), k=3)
    assert {one.rows for one in found.evaluations} == {len(ratings)}
    assert "3 splits" in found.notes


def test_interactions_are_compared_by_lists_alone() -> None:
    random = np.random.default_rng(0)
    pairs = sorted({(int(u), int(i)) for u, i in random.integers(0, 15, (120, 2))})
    rows = make_ratings([(user, item, 1.0) for user, item in pairs])
    biases = tm.BiasesOnly().fit(rows.take(np.arange(0, len(rows), 2)))
    clicks = tm.split.random(
        tm.Ratings(
            users=rows.users, items=rows.items, values=rows.values, explicit=False,
            user_ids=rows.user_ids, item_ids=rows.item_ids, catalog=rows.catalog,
        ), 0.3,
    )  # fmt: skip
    found = tm.evaluate(biases, clicks.valid, k=3)
    assert found.rmse is None
    assert "rmse" not in found.measures
    assert "every test row is relevant" in str(found)


def test_nothing_to_fit_is_an_error(parts: Split) -> None:
    with pytest.raises(DataError, match="no recipes"):
        tm.compare_recipes([], parts)
    with pytest.raises(DataError, match="no splits"):
        tm.compare_recipes([Chance()], [])
    with pytest.raises(DataError, match="no splits"):
        tm.cross_validate(Chance(), [])
    with pytest.raises(ConfigError, match="no seeds"):
        tm.cross_validate(Chance(), parts, seeds=())
    told: list[str] = []
    for fitting in (
        tm.cross_validate,
        lambda recipe, *a, **b: tm.compare_recipes([recipe], *a, **b),
    ):
        with pytest.raises(ConfigError, match=r"twice in seeds=\(0, 1, 0\)"):
            fitting(Chance(), parts, seeds=(0, 1, 0), on_fit=told.append)
    assert not told


def test_a_recipe_cannot_have_the_name_of_a_baseline_that_is_added(parts: Split) -> None:
    with pytest.raises(ConfigError, match=r"'biases' is the name of a baseline .* call Chance"):
        tm.compare_recipes({"biases": Chance()}, parts)
    own = {"biases": tm.BiasesOnly(user_damping=1)}
    found = tm.compare_recipes(own, parts, seeds=(0,), k=None)
    assert [one.model for one in found.evaluations].count("biases") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux is asked")
def test_peak_memory_counts_what_is_let_go_again() -> None:
    # Large beside what tests before this one may let go of meanwhile.
    gc.collect()
    with PeakMemory() as memory:
        big = np.ones(400_000_000, np.uint8)
        del big
    assert memory.bytes is not None
    assert 200e6 < memory.bytes < 600e6
    with PeakMemory() as none:
        pass
    assert none.bytes is not None
    assert none.bytes < 10e6
