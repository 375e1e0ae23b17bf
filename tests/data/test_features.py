"""Metadata as a sparse matrix of features."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemap.data.catalog import Catalog
from tastemap.data.features import Features, features
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ConfigError


def catalog_of(columns: dict[str, Any], noun: str = "item") -> Catalog:
    table = pa.table(columns)
    return Catalog(Vocabulary(list(range(table.num_rows)), noun), table)


def dense(made: Features) -> dict[str, list[float]]:
    """Each feature by its name, as a column of all rows."""
    whole = np.zeros((len(made), len(made.names)))
    for row in range(len(made)):
        part = slice(made.start[row], made.start[row + 1])
        whole[row, made.columns[part]] += made.values[part]
    return {name: whole[:, place].tolist() for place, name in enumerate(made.names)}


def test_text_has_one_feature_a_value_and_one_for_missing() -> None:
    made = features(catalog_of({"genres": ["B|A", "B", None, "A", "B | A|A"]}))
    assert dense(made) == {
        "genres = A": [1, 0, 0, 1, 1],
        "genres = B": [1, 1, 0, 0, 1],
        "genres is missing": [0, 0, 1, 0, 0],
    }
    assert made.sources == ("genres",) * 3
    assert repr(made) == "<Features: 3 of 5 rows, 7 entries>"


def test_numbers_are_standard_scores_over_the_rows_that_have_one() -> None:
    made = dense(features(catalog_of({"year": [1990, None, 2010, 2000]})))
    scores = np.array([1990, 2010, 2000])
    expected = (scores - 2000) / scores.std()
    assert [made["year"][row] for row in (0, 2, 3)] == pytest.approx(expected.tolist())
    assert made["year"][1] == 0
    assert made["year is missing"] == [0, 1, 0, 0]


def test_flags_stay_and_dates_are_numbers() -> None:
    day = datetime.date
    zone = datetime.UTC
    columns = {
        "flag": [0, 1, 1],
        "seen": [True, False, None],
        "day": [day(2001, 1, 1), day(2001, 1, 2), day(2001, 1, 3)],
        "moment": [datetime.datetime(2001, 1, n, tzinfo=zone) for n in (1, 2, 3)],
        "shelf": pa.array(["a", "b", "a"]).dictionary_encode(),
    }
    made = dense(features(catalog_of(columns)))
    assert made["flag"] == [0, 1, 1]
    assert made["seen = true"] == [1, 0, 0]
    assert made["seen is missing"] == [0, 0, 1]
    assert made["day"] == made["moment"] == pytest.approx([-np.sqrt(1.5), 0, np.sqrt(1.5)])
    assert made["shelf = a"] == [1, 0, 1]


def test_codes_are_categories_when_told() -> None:
    catalog = catalog_of({"job": [10, 16, 10], "age": [1, 2, 3]}, "user")
    assert dense(features(catalog, categories=["job"]))["job = 10"] == [1, 0, 1]
    assert features(catalog).names == ("job", "age")
    assert features(catalog, ["age"]).names == ("age",)


def test_what_says_nothing_is_left_out_and_said() -> None:
    columns = {
        "title": ["a", "b", "a", "b"],
        "zip": ["1", "2", "3", "4"],
        "none": pa.nulls(4),
        "same": [5.0] * 4,
        "word": ["x"] * 4,
        "many": [datetime.time(1)] * 4,
        "endless": [1.0, np.inf, 2.0, 3.0],
    }
    made = features(catalog_of(columns))
    assert made.names == ()
    assert len(made) == 4
    assert made.start.tolist() == [0] * 5
    assert made.notes == (
        "title: left out, names rather than kinds",
        "zip: left out, 4 distinct values in 4 rows, names rather than kinds",
        "none: left out, no row has a value",
        "same: left out, it is the same in every row",
        "word: left out, it is the same in every row",
        "many: left out, its kind is time64[us]",
        "endless: left out, a number is infinite",
    )


def test_what_is_asked_for_is_used_or_refused() -> None:
    catalog = catalog_of({"zip": ["1", "2", "3"], "none": pa.nulls(3)})
    assert len(features(catalog, ["zip"]).names) == 3
    with pytest.raises(ConfigError, match="none cannot be made into features: no row has a value"):
        features(catalog, ["none"])
    with pytest.raises(ConfigError, match="items have no column 'genres': there are zip, none"):
        features(catalog, ["genres"])
    with pytest.raises(ConfigError, match="users have no column 'x': there are none"):
        features(Catalog(Vocabulary([1], "user")), categories=["x"])


def test_the_bundled_movies_have_years_and_genres(movielens: Ratings) -> None:
    made = features(movielens.catalog)
    whole = dense(made)
    for genre in ("Comedy", "Sci-Fi"):
        expected = movielens.catalog.matches({"genres": genre})
        assert (
            np.flatnonzero(whole[f"genres = {genre}"]).tolist() == np.flatnonzero(expected).tolist()
        )
    years = np.array(whole["year"])
    assert years.mean() == pytest.approx(0, abs=1e-5)
    assert np.count_nonzero(whole["year is missing"]) == movielens.catalog.table["year"].null_count


TEXTS = st.lists(st.one_of(st.none(), st.text("abc|", max_size=6)), min_size=1, max_size=12)


@settings(deadline=None)
@given(TEXTS)
def test_each_row_has_exactly_its_parts(texts: list[str | None]) -> None:
    catalog = catalog_of({"kind": pa.array(texts, pa.string())})
    expected = [
        {f"kind = {part}" for part in (text or "").split("|") if part} or {"kind is missing"}
        for text in texts
    ]
    if set().union(*expected) == {"kind is missing"} or all(one == expected[0] for one in expected):
        return  # nothing to tell apart
    made = features(catalog, ["kind"])
    for row, names in enumerate(expected):
        part = slice(made.start[row], made.start[row + 1])
        assert {made.names[column] for column in made.columns[part]} == names
        assert np.all(np.diff(made.columns[part]) > 0)
