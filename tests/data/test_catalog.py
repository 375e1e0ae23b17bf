"""What is known about items: titles, searches, filters on metadata."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.errors import ConfigError, UnknownItemError

IDS = Vocabulary([10, 20, 30, 40], "item")


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(
        IDS,
        pa.table(
            {
                "title": ["Heat (1995)", "Heat (1986)", None, "Big  Fish"],
                "genres": ["Crime|Drama", "Action", None, "Drama"],
                "year": pa.array([1995, 1986, None, 2003], pa.int16()),
                "score": [7.5, None, 3.0, 8.0],
                "day": [datetime.date(2011, 1, 1), None, None, datetime.date(2012, 6, 1)],
                "seen": [True, False, None, True],
                "shelf": pa.array(["a", "b|a", None, "c"]).dictionary_encode(),
                "none": pa.nulls(4),
            }
        ),
    )


def test_titles_stand_in_for_ids_and_ids_for_titles(catalog: Catalog) -> None:
    assert catalog.titles == ["Heat (1995)", "Heat (1986)", "30", "Big  Fish"]
    assert catalog.title(np.int32(0)) == "Heat (1995)"
    assert len(catalog) == 4
    assert repr(catalog).startswith("<Catalog of 4 items: title, genres")
    bare = Catalog(IDS)
    assert bare.titles == ["10", "20", "30", "40"]
    assert not bare.has_titles
    assert repr(bare) == "<Catalog of 4 items: no metadata>"
    assert bare.take([0]).num_columns == 0


def test_items_are_named_by_id_or_title(catalog: Catalog) -> None:
    assert catalog.code(20) == 1
    assert catalog.code("Heat (1995)") == 0
    assert catalog.code("Big Fish") == 3


def test_an_id_goes_before_a_title() -> None:
    ids = Vocabulary(["a", "b"], "item")
    assert Catalog(ids, pa.table({"title": ["b", "a"]})).code("a") == 0


def test_a_title_of_several_items_is_refused_with_their_ids() -> None:
    catalog = Catalog(IDS, pa.table({"title": ["Heat", "Heat", "x", "y"]}))
    with pytest.raises(UnknownItemError, match="2 items are called 'Heat': use an id, 10, 20"):
        catalog.code("Heat")


def test_an_unknown_title_is_told_with_near_ones(catalog: Catalog) -> None:
    with pytest.raises(UnknownItemError, match=r"did you mean 'Heat \(1995\)', 'Heat \(1986\)'"):
        catalog.code("Heat (1996)")
    with pytest.raises(UnknownItemError, match="ids are such as 10, 20, 30"):
        Catalog(IDS).code(11)


def test_a_search_finds_titles_and_ids(catalog: Catalog) -> None:
    assert sorted(catalog.search("heat")) == [0, 1]
    assert catalog.search("fish") == [3]
    assert len(catalog.search("heat", 1)) == 1
    assert Catalog(IDS).search("30") == [2]


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        ({}, [0, 1, 2, 3]),
        ({"genres": "Drama"}, [0, 3]),
        ({"genres": ["Action", "Crime"]}, [0, 1]),
        ({"genres": ("Action", "Crime")}, [0, 1]),
        ({"genres": []}, []),
        ({"year": 1995}, [0]),
        ({"year": 1995.5}, []),
        ({"year": [1995, 2003, 7]}, [0, 3]),
        ({"year": {1986}}, [1]),
        ({"year": (1990, None)}, [0, 3]),
        ({"year": (None, 1995)}, [0, 1]),
        ({"year": (1990, 2000)}, [0]),
        ({"year": (None, None)}, [0, 1, 3]),
        ({"year": None}, []),
        ({"score": (3, 7.5)}, [0, 2]),
        ({"day": datetime.date(2011, 1, 1)}, [0]),
        ({"day": "2011-01-01"}, [0]),
        ({"day": ("2011-06-01", None)}, [3]),
        ({"seen": True}, [0, 3]),
        ({"shelf": "a"}, [0, 1]),
        ({"none": (None, None)}, []),
        ({"genres": "Drama", "year": (2000, None)}, [3]),
    ],
)
def test_filters_choose_items(catalog: Catalog, wanted: Any, codes: list[int]) -> None:
    mask = catalog.matches(wanted)
    assert mask.dtype == np.bool_
    assert np.flatnonzero(mask).tolist() == codes


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"yaer": 1}, "no column 'yaer': the columns are title, genres, year"),
        ({"year": "1995"}, "year='1995' cannot be compared: the column holds int16"),
        ({"year": ("a", None)}, "cannot be compared"),
        ({"day": "soon"}, "day='soon' cannot be compared: the column holds date32"),
        ({"seen": 3.5}, "cannot be compared"),
        ({"year": object()}, "cannot be compared"),
    ],
)
def test_filters_that_cannot_be_are_refused(catalog: Catalog, wanted: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        catalog.matches(wanted)


def test_a_filter_without_metadata_says_there_is_none() -> None:
    with pytest.raises(ConfigError, match="the columns are none"):
        Catalog(IDS).matches({"year": 1})


def test_rows_are_taken_by_code(catalog: Catalog) -> None:
    assert catalog.take(np.array([3, 0]))["year"].to_pylist() == [2003, 1995]


def test_a_table_of_another_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="one row a code: 1 rows, 4 items"):
        Catalog(IDS, pa.table({"title": ["x"]}))


def test_a_text_that_no_item_has_is_refused_with_the_nearest(movielens: Ratings) -> None:
    said = r"no item has genres='Comdy': did you mean 'Comedy'\?"
    for wanted in ({"genres": "Comdy"}, {"genres": ["Drama", "Comdy"]}):
        with pytest.raises(ConfigError, match=said):
            movielens.catalog.matches(wanted)
    with pytest.raises(ConfigError, match=r"has genres='xyz': there are .*Action, Adventure"):
        movielens.catalog.matches({"genres": "xyz"})
