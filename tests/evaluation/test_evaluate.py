"""What is said of one model on test ratings."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import DataError
from tastemap.evaluation.evaluate import Evaluation
from tastemap.recommender import Recommender
from tests.conftest import make_ratings
from tests.explanation.worlds import posterior_model, recommender
from tests.test_recommender import with_factors


def test_an_evaluation_is_of_what_users_get(small: Ratings) -> None:
    train = small.take(small.items != 3)
    model = with_factors(train)
    result = tm.evaluate(model, small)
    given = [
        float(model.predict(small.user_ids.raw(u), small.item_ids.raw(i)))
        for u, i in zip(small.users, small.items, strict=True)
    ]
    assert result.rmse == pytest.approx(np.sqrt(np.mean((small.values - given) ** 2)), abs=1e-6)
    assert result.made_from == {"model": 12, "item bias": 0, "user bias": 2, "global mean": 0}
    assert result.overlap == 12
    assert "2 from the user bias" in str(result)
    assert "12 test rows were also trained on" in str(result)


def test_ids_are_matched_by_name_not_by_code(small: Ratings) -> None:
    model = tm.BiasesOnly().fit(small)
    rows = [(60, 1, 3.0), (20, 2, 1.0), (999, 5, 4.0)]
    result = tm.evaluate(model, make_ratings(rows))
    given = model.predict([60, 20, 999], [1, 2, 5]).values
    assert result.mse == pytest.approx(np.mean((np.array([3, 1, 4]) - given) ** 2), abs=1e-6)
    assert result.made_from["item bias"] == 1
    assert result.overlap == 2


def test_an_evaluation_shows_every_measure_and_what_it_was_taken_on(small: Ratings) -> None:
    model = recommender(posterior_model(small, 2), small)
    test = make_ratings([(10, 4, 5.0), (20, 5, 1.0), (60, 2, 4.0), (60, 3, 2.0)])
    found = tm.evaluate(model, test, k=(1, 2), name="mine")
    rows = {row["measure"]: row["value"] for row in found.to_dicts()}
    assert list(rows)[:7] == ["rmse", "mse", "mae", "r2", "concordance", "log_likelihood", "inside"]
    assert {"ndcg@1", "ndcg@2", "auc", "novelty@2", "diversity@2"} <= set(rows)
    assert rows["inside"] == tm.coverage(model, test).share
    assert str(found).startswith("mine on 4 test rows\n")
    assert "4 rows tested, all of users and items with training ratings" in found.notes
    assert "lists of 2 users against 2 relevant test rows" in str(found)
    assert tm.evaluate(model, test, k=None, level=None).measures.keys() == {
        "rmse", "mse", "mae", "r2", "concordance",
    }  # fmt: skip


def test_an_evaluation_survives_being_written_as_json(small: Ratings) -> None:
    model = recommender(posterior_model(small, 2), small)
    test = make_ratings([(10, 4, 5.0), (60, 2, 4.0)])
    found = tm.evaluate(model, test, k=(1, 2))
    assert Evaluation.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_test_ratings_older_than_training_ratings_are_counted() -> None:
    train = make_ratings([(1, 1, 3.0), (1, 2, 4.0), (2, 1, 5.0)], times=[10, 20, 40])
    rows = [(1, 1, 4.0), (1, 2, 4.0), (2, 1, 4.0), (3, 1, 4.0), (3, 2, 4.0)]
    test = make_ratings(list(rows), times=[15, 30, 50, 30, 60])
    found = tm.evaluate(tm.BiasesOnly().fit(train), test)
    assert (found.before_own, found.before_any) == (1, 3)
    assert "20.0% of rows are older than a training rating of the same user, 60.0%" in str(found)
    later = tm.evaluate(tm.BiasesOnly().fit(train), test.take(np.array([2, 4])))
    assert (later.before_own, later.before_any) == (0, 0)
    assert "leaks" not in str(later)
    undated = tm.evaluate(tm.BiasesOnly().fit(train), make_ratings([(1, 1, 3.0)]))
    assert undated.before_any is None
    assert "not known whether the split leaks time" in str(undated)


def test_nothing_to_test_on_is_an_error(small: Ratings) -> None:
    model = tm.GlobalMean().fit(small)
    with pytest.raises(DataError, match="no ratings to test on"):
        tm.evaluate(model, small.take(np.zeros(0, np.int64)))


def test_measures_of_the_bundled_ratings_lie_in_a_band(
    bayesian: Recommender, notebook_split: Split
) -> None:
    found = tm.evaluate(bayesian, notebook_split.valid).measures
    assert 0.34 <= found["r2"] <= 0.39
    assert 0.69 <= found["concordance"] <= 0.72
    assert -1.25 <= found["log_likelihood"] <= -1.18
    assert 0.06 <= found["ndcg@10"] <= 0.11
    assert 0.74 <= found["auc"] <= 0.79


def test_rows_without_training_are_said_of_lists_as_lists_have_them(notebook_split: Split) -> None:
    model = tm.Popularity().fit(notebook_split.train)
    said = tm.evaluate(model, notebook_split.valid).notes[0]
    assert said.endswith(
        "734 of items that are in no list, 0 of users who get the list of everybody"
    )
    assert "bias" not in said


def test_why_there_is_no_measure_of_lists_is_said(notebook_split: Split) -> None:
    low = notebook_split.valid.take(notebook_split.valid.values < 3)
    model = tm.BiasesOnly().fit(notebook_split.train)
    found = tm.evaluate(model, low)
    assert found.lists is None
    assert "no measures of lists, such as nDCG: no test row is new to its user and rated" in str(
        found
    )
    assert "nDCG" not in str(tm.evaluate(model, low, k=None))
