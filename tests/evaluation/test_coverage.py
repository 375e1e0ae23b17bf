"""Shares of ratings inside their intervals."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import ConfigError, DataError, NotFittedFor
from tastemap.evaluation.coverage import Coverage, coverage
from tastemap.models.calibration import Calibration
from tastemap.models.posterior import PosteriorModel
from tastemap.recommender import Recommender
from tests.conftest import interactions, make_ratings
from tests.explanation.worlds import posterior_model, recommender, some_ratings


def calibrated(train: Ratings, seed: int = 0) -> Recommender:
    """A posterior of random numbers, calibrated on random scores."""
    random = np.random.default_rng(seed)
    scores = random.exponential(1, len(train)).astype(np.float32)
    calibration = Calibration.of(
        train.user_counts, train.item_counts, train.users, train.items, scores
    )
    model = posterior_model(train, 2, seed=seed, calibration=calibration)
    return recommender(model, train)


def naive(model: Recommender, test: Ratings, level: float) -> dict[tuple[int, int], list[float]]:
    """Rows, rows inside, and mean width of each bin, one rating at a time."""
    assert isinstance(model.model, PosteriorModel)
    calibration = model.model.calibration
    assert calibration is not None
    found: dict[tuple[int, int], list[tuple[bool, float]]] = {}
    train = model.ratings
    for user, item, value in zip(test.users, test.items, test.values, strict=True):
        who, what = test.user_ids.raw(user), test.item_ids.raw(item)
        said = model.predict(who, what, interval=level)
        if said.sources != ["model"]:
            continue
        assert said.interval is not None
        low, high = float(said.interval.low[0]), float(said.interval.high[0])
        bins = (
            int(calibration.user_bins[train.user_ids.code(who)]),
            int(calibration.item_bins[train.item_ids.code(what)]),
        )
        found.setdefault(bins, []).append((low <= value <= high, high - low))
    return {
        bins: [len(rows), sum(inside for inside, _ in rows), np.mean([width for _, width in rows])]
        for bins, rows in found.items()
    }


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_coverage_is_a_count_in_each_bin_of_the_calibration(level: float) -> None:
    ratings = some_ratings(25, 30, seed=1, cold=0)
    split = tm.split.random(ratings, 0.4, seed=1)
    model = calibrated(split.train)
    found = tm.coverage(model, split.valid, level=level)
    expected = naive(model, split.valid, level)
    assert len(expected) > 6
    for bins in np.ndindex(3, 3):
        rows, inside, width = expected.get(bins, [0, 0, np.nan])
        assert found.rows[bins] == rows
        assert found.inside[bins] == inside
        assert found.widths[bins] == pytest.approx(width, rel=1e-5, nan_ok=True)
    total = np.array(list(expected.values()))
    assert found.share == total[:, 1].sum() / total[:, 0].sum()
    assert found.mean_width == pytest.approx(total[:, 0] @ total[:, 2] / total[:, 0].sum())
    assert found.rows.sum() + found.without_interval == len(split.valid)
    assert found.overlap == 0


def test_the_table_has_a_row_for_all_and_one_for_each_bin() -> None:
    ratings = some_ratings(25, 30, seed=1, cold=0)
    split = tm.split.random(ratings, 0.4, seed=1)
    found = tm.coverage(calibrated(split.train), split.valid, name="mine")
    rows = found.to_dicts()
    assert len(rows) == len(found) == 10
    assert rows[0] == {
        "user_ratings": "all",
        "item_ratings": "all",
        "rows": found.rows.sum(),
        "inside": found.share,
        "mean_width": found.mean_width,
    }
    assert [rows[6]["user_ratings"], rows[6]["item_ratings"]] == ["more", "many"]
    assert rows[6]["rows"] == found.rows[1, 2]
    assert rows[6]["inside"] == found.shares[1, 2]
    assert found.caption == "ratings inside the 80% intervals of mine"
    counts = split.train.user_counts
    assert found.notes[0].startswith(f"users: few {counts[counts > 0].min()} to ")
    assert found.notes[0].endswith(f" to {counts.max()} training ratings")


def test_an_interval_that_reaches_an_end_of_the_scale_holds_the_ratings_there(
    small: Ratings,
) -> None:
    unsure = replace(posterior_model(small, 2), noise_variance=np.full(6, 100.0))
    wide = tm.coverage(recommender(unsure, small), small)
    assert wide.share == 1
    assert wide.mean_width == 4  # of ratings from 1 to 5
    assert wide.overlap == len(small)
    assert "14 test rows were also trained on" in wide.notes


def test_rows_without_an_interval_are_counted_and_left_out(small: Ratings) -> None:
    train = small.take(small.items != 3)
    model = recommender(posterior_model(train, 2), train)
    found = tm.coverage(model, small)
    assert found.without_interval == 2
    assert found.rows.sum() == 12
    assert any(note.startswith("2 rows without an interval") for note in found.notes)
    strangers = tm.coverage(model, make_ratings([(999, 1, 3.0), (10, 999, 4.0)]))
    assert strangers.without_interval == 2
    assert np.isnan([strangers.share, strangers.mean_width]).all()
    assert not strangers.far.any()
    assert strangers.to_dicts()[0]["rows"] == 0


def test_far_is_what_is_off_by_more_than_a_little_and_more_than_chance(small: Ratings) -> None:
    model = recommender(posterior_model(small, 2), small)
    rows = np.array([[10_000, 10_000, 100], [100, 1000, 1000], [0, 29, 10_000]])
    shares = np.array([[0.81, 0.825, 0.75], [0.71, 0.83, 0.77], [0, 0, 0.775]])
    inside = np.round(rows * shares).astype(np.int64)
    found = replace(tm.coverage(model, small), rows=rows, inside=inside)
    assert found.far.tolist() == [
        [False, True, False],
        [True, True, True],
        [False, False, True],
    ]
    assert "far from 80%: 82.5% where users have few and items more, 71.0% where" in str(found)


def test_a_model_without_intervals_is_refused_with_what_to_fit(small: Ratings) -> None:
    for recipe in (tm.BiasesOnly(), tm.GlobalMean()):
        with pytest.raises(NotFittedFor, match="cannot say how sure it is: fit BayesianMF"):
            tm.coverage(recipe.fit(small), small)


def test_nothing_to_test_and_levels_that_are_none_are_errors(small: Ratings) -> None:
    model = recommender(posterior_model(small, 2), small)
    with pytest.raises(DataError, match="no ratings to test on"):
        tm.coverage(model, small.take(np.zeros(0, np.int64)))
    with pytest.raises(DataError, match="intervals are of ratings"):
        tm.coverage(model, interactions(small))
    for level in (0, 1, -0.5):
        with pytest.raises(ConfigError, match="above 0 and below 1"):
            tm.coverage(model, small, level=level)


def test_intervals_on_the_bundled_ratings_hold_what_they_say(
    bayesian: Recommender, notebook_split: Split
) -> None:
    found = tm.coverage(bayesian, notebook_split.valid)
    assert 0.78 <= found.share <= 0.82
    assert 1.8 <= found.mean_width <= 2.1
    assert found.without_interval == 734
    assert found.rows.min() >= 500
    # Of rarely rated items users know less: their intervals must be wider.
    assert (found.widths[:, 0] > found.widths[:, 2]).all()
    # The last bin holds few users: on other splits of the same data it reaches 80 to 82 %.
    assert (np.abs(found.shares - 0.8).ravel()[:-1] < 0.03).all()
    assert 0.72 <= found.shares[2, 2] <= 0.84
    for level in (0.5, 0.95):
        assert tm.coverage(bayesian, notebook_split.valid, level=level).share == pytest.approx(
            level, abs=0.02
        )


def test_coverage_survives_a_manifest(bayesian: Recommender, notebook_split: Split) -> None:
    found = coverage(bayesian, notebook_split.valid)
    again = Coverage.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    for name, value in vars(found).items():
        np.testing.assert_equal(getattr(again, name), value)
    assert bayesian.coverage is not None
    np.testing.assert_equal(bayesian.coverage.shares, found.shares)


def test_a_bin_without_rows_survives_a_manifest(
    bayesian: Recommender, notebook_split: Split
) -> None:
    found = coverage(bayesian, notebook_split.valid.take(np.arange(2)))
    again = Coverage.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    np.testing.assert_equal(again.widths, found.widths)
