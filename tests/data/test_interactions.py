"""Interactions: rows without ratings, read when told so, and known for what they are."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings
from tastemap.errors import ConfigError, DataError
from tastemap.training.baselines import BiasesOnly
from tastemap.training.recipe import Recipe
from tastemap.training.registry import RECIPES
from tests import conformance

CLICKS = {"user": ["a", "a", "b", "a"], "item": [1, 2, 2, 1], "time": [10**9, 5, 7, 10**9 - 1]}


def clicks(**options: Any) -> Ratings:
    return read_ratings(pa.table(CLICKS), name="clicks", rating=False, **options)


def columns_of(ratings: Ratings) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = ratings.to_arrow().to_pydict()
    return columns


def test_interactions_are_read_when_told_and_counted_into_weights() -> None:
    ratings = clicks()
    assert not ratings.explicit
    assert columns_of(ratings) == {
        "user": ["a", "b", "a"],
        "item": [2, 2, 1],
        "time": [5, 7, 10**9],
        "weight": [1, 1, 2],
    }
    assert ratings.values.tolist() == [1, 1, 1]
    assert "no ratings: rows are interactions" in ratings.notes
    assert ratings.notes[-1] == (
        "repeated pairs of user and item: 1; rule 'count': the weights of each pair (1 a row where "
        "there were none) added up, in its last row; rows dropped: 1"
    )
    assert repr(ratings) == "<Ratings 'clicks': 3 interactions of 2 items by 2 users>"


def test_weights_of_repeated_interactions_are_added_up() -> None:
    table = pa.table({"user": [1, 1, 2], "item": [5, 5, 5], "weight": [0.5, 2.0, 3.0]})
    assert columns_of(read_ratings(table, rating=False))["weight"] == [2.5, 3]


def test_without_repeated_pairs_there_are_no_weights() -> None:
    ratings = read_ratings(pa.table({"user": [1, 2], "item": [5, 5]}), rating=False)
    assert ratings.weights is None
    assert ratings.notes[-1] == "no user has an item twice"


def test_repeated_interactions_are_kept_once_or_refused_when_told() -> None:
    once = clicks(duplicates="last")
    assert once.weights is None
    assert columns_of(once)["time"] == [10**9, 5, 7]
    with pytest.raises(
        DataError, match=r"user 'a' has item 1 2 times, in rows 0, 3 .* or \"count\""
    ):
        clicks(duplicates="error")
    with pytest.raises(ConfigError, match='averages ratings, interactions have none: use "count"'):
        clicks(duplicates="mean")
    with pytest.raises(ConfigError, match="is for interactions"):
        read_ratings(pa.table(CLICKS), duplicates="count")


def test_a_column_of_ratings_is_left_when_told() -> None:
    table = pa.table({"user": [1, 2], "item": [5, 5], "rating": [4.0, 2.0]})
    ratings = read_ratings(table, rating=False)
    assert columns_of(ratings) == {"user": [1, 2], "item": [5, 5]}
    assert "columns not read: rating" in ratings.notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("user,item,when\n1,2,3\n", "no rating column by a known name"),
        ("user,item\n1,2\n", "ratings need a user, an item and a rating"),
    ],
)
def test_without_a_column_of_ratings_the_error_says_how(
    content: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "clicks.csv").write_text(content)
    with pytest.raises(DataError) as error:
        read_ratings(tmp_path / "clicks.csv")
    assert message in str(error.value)
    assert str(error.value).endswith(
        "; if there are none (clicks, purchases), pass rating=False (--interactions)"
    )
    assert len(read_ratings(tmp_path / "clicks.csv", rating=False)) == 1


def test_interactions_by_position_and_their_errors(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text("1,2,1500000000\n1,3,1500000001\n")
    ratings = read_ratings(tmp_path / "clicks.csv", rating=False)
    assert ratings.notes[1] == "columns by position: user = 0, item = 1, time = 2"
    (tmp_path / "users.csv").write_text("user\n1\n2\n")
    with pytest.raises(DataError, match="interactions need a user and an item"):
        read_ratings(tmp_path / "users.csv", rating=False)
    (tmp_path / "bad.csv").write_text("user,item\n1,2\n,3\n")
    with pytest.raises(DataError, match=r"bad.csv, line 3: the user id is empty"):
        read_ratings(tmp_path / "bad.csv", rating=False)


def test_interactions_stay_interactions() -> None:
    ratings = clicks()
    split = tm.split.random(ratings, valid_fraction=0.5, seed=1)
    assert not split.train.explicit
    assert not split.valid.explicit
    ones = dataclasses.replace(ratings, explicit=True)
    assert ones.fingerprint != ratings.fingerprint
    with pytest.raises(DataError, match="all values must be 1"):
        dataclasses.replace(ratings, values=np.array([1, 2, 1]))


def test_an_audit_of_interactions_has_no_scale_and_no_warning_about_it() -> None:
    looked = tm.audit(clicks())
    checks = [finding.check for finding in looked.findings]
    assert checks[0] == "interactions"
    assert looked["scale"].value == "interactions, without ratings; weights 1 to 2, median 1"
    assert "interactions per user" in checks
    assert "users with one interaction" in checks
    assert not any("rating" in check for check in checks)
    even = read_ratings(pa.table({"user": [1, 2], "item": [5, 5]}), rating=False)
    assert tm.audit(even)["scale"].value.endswith("each counts alike")
    twice = dataclasses.replace(even, users=[0, 0])
    assert 'duplicates="last" or "count"' in tm.audit(twice)["duplicates"].advice


PREDICTORS = [recipe for recipe in conformance.RECIPES if not recipe.fits_interactions]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Taker(BiasesOnly):
    """A recipe that takes interactions, whatever others there are."""

    name: ClassVar[str] = "taker"
    fits_interactions: ClassVar[bool] = True


@pytest.mark.parametrize("recipe", PREDICTORS, ids=lambda recipe: recipe.name)
def test_recipes_that_predict_ratings_refuse_them(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "taker", Taker)
    with pytest.raises(DataError) as error:
        recipe.fit(clicks())
    name = type(recipe).__name__
    wanted = f"{name} predicts ratings, and clicks has interactions without any: for lists of items"
    assert str(error.value).startswith(wanted)
    assert "Taker" in str(error.value)


def test_ratings_and_interactions_do_not_mix() -> None:
    ratings = clicks()
    with pytest.raises(DataError, match="one has ratings and one interactions"):
        Taker().fit(ratings, dataclasses.replace(ratings, explicit=True))


def test_a_model_folder_keeps_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(RECIPES, "taker", Taker)
    fitted = Taker().fit(clicks())
    loaded = tm.load(fitted.save(tmp_path / "model"))
    assert not loaded.ratings.explicit
    assert loaded.ratings.fingerprint == fitted.ratings.fingerprint
