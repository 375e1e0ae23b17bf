"""Reading the table of items into a catalog."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings
from tastemap.errors import DataError

RATED = "user,movieId,rating\n1,20,3\n1,10,4\n"


def with_items(
    tmp_path: Path, items: Any, *, name: str = "movies.csv", rated: str = RATED, **options: Any
) -> Ratings:
    (tmp_path / "ratings.csv").write_text(rated)
    if isinstance(items, str | bytes):
        content = items.encode() if isinstance(items, str) else items
        (tmp_path / name).write_bytes(content)
        items = tmp_path / name
    return read_ratings(tmp_path / "ratings.csv", items, **options)


def said(ratings: Ratings, words: str) -> bool:
    return any(words in note for note in ratings.notes)


def test_rows_follow_the_codes_and_unrated_items_are_counted(tmp_path: Path) -> None:
    ratings = with_items(tmp_path, 'movieId,title,genres\n10,"Big, The",A|B\n20,Heat,C\n30,No,D\n')
    assert ratings.catalog.table.to_pydict() == {
        "title": ["Heat", "Big, The"],
        "genres": ["C", "A|B"],
    }
    assert said(ratings, "movies.csv: id = movieId, title = title, metadata = genres")
    assert said(ratings, "items of movies.csv without a rating, left out: 1 of 3")


def test_rated_items_that_are_missing_are_counted_and_called_by_their_id(tmp_path: Path) -> None:
    ratings = with_items(tmp_path, "movieId,title,year\n20,Heat,1995\n")
    assert ratings.catalog.titles == ["Heat", "10"]
    assert ratings.catalog.table["year"].to_pylist() == [1995, None]
    assert said(ratings, "rated items that are not in movies.csv, and so have no metadata: 1")


def test_text_becomes_numbers_only_where_nothing_is_lost(tmp_path: Path) -> None:
    items = (
        "movieId,title,year,zip,score,flag,none\n20,300,1999,02139,1.50,true,\n10,12,,90210,2,,\n"
    )
    table = with_items(tmp_path, items).catalog.table.to_pydict()
    assert table == {
        "title": ["300", "12"],
        "year": [1999, None],
        "zip": ["02139", "90210"],
        "score": [1.5, 2.0],
        "flag": ["true", None],
        "none": [None, None],
    }


@pytest.mark.parametrize(
    ("header", "titles"),
    [
        ("movieId,title", ["y", "x"]),
        ("movie_id,name", ["y", "x"]),
        ("id,movie", ["y", "x"]),
        ("ID,Title", ["y", "x"]),
        ("movieId,colour", ["20", "10"]),
        ("itemId,label", ["y", "x"]),
    ],
)
def test_the_columns_of_id_and_title_are_found(
    tmp_path: Path, header: str, titles: list[str]
) -> None:
    assert with_items(tmp_path, f"{header}\n10,x\n20,y\n").catalog.titles == titles


def test_the_id_column_may_have_the_name_told_for_the_ratings(tmp_path: Path) -> None:
    ratings = with_items(
        tmp_path,
        "film,title\n10,x\n20,y\n",
        rated="who,film,stars\n1,10,3\n",
        user="who",
        item="film",
    )
    assert ratings.catalog.titles == ["x"]


def test_tables_without_a_header_go_by_position(tmp_path: Path) -> None:
    ratings = with_items(tmp_path, "10::x::A|B::1\n20::y::C::2\n", name="films.dat")
    assert ratings.catalog.table.to_pydict() == {
        "title": ["y", "x"],
        "column 2": ["C", "A|B"],
        "column 3": [2, 1],
    }
    ratings = with_items(tmp_path, "10::x::A|B\n20::y::C\n", name="movies.dat")
    assert ratings.catalog.columns == ["title", "genres"]
    assert said(ratings, "the columns MovieLens documents for this file")


def test_other_kinds_of_columns_are_kept_or_named(tmp_path: Path) -> None:
    items = pl.DataFrame(
        {
            "movieId": [10, 20],
            "title": ["x", "y"],
            "class": pl.Series(["b", "a"], dtype=pl.Categorical),
            "tags": [["a", "b"], ["c"]],
            "day": [datetime.date(2011, 1, 1), None],
            "size": [{"a": 1}, {"a": 2}],
            "sizes": [[1], [2]],
            "raw": [b"1", b"2"],
        }
    )
    ratings = with_items(tmp_path, items)
    assert ratings.catalog.table.to_pydict() == {
        "title": ["y", "x"],
        "class": ["a", "b"],
        "tags": ["c", "a|b"],
        "day": [None, datetime.date(2011, 1, 1)],
    }
    assert said(ratings, "the polars DataFrame: left out size, sizes, raw")


def test_json_lines_keep_what_only_some_lines_have(tmp_path: Path) -> None:
    items = '{"movieId":10,"title":"x","tags":["a","b"]}\n{"movieId":20,"year":3}\n'
    ratings = with_items(tmp_path, items, name="i.jsonl")
    table = ratings.catalog.table.to_pydict()
    assert table == {"title": [None, "x"], "tags": [None, "a|b"], "year": [3, None]}


def test_the_second_of_two_columns_of_one_name_is_left_out(tmp_path: Path) -> None:
    ratings = with_items(tmp_path, "movieId,title,title,y,y\n10,a,b,c,d\n20,e,f,g,h\n")
    assert ratings.catalog.table.to_pydict() == {"title": ["e", "a"], "y": ["g", "c"]}
    assert said(ratings, "left out title, y")


@pytest.mark.parametrize(
    "items",
    [
        "movieId,title\n10,x\n20,y\n007,z\n",
        pd.DataFrame({"movieId": ["10", "20"], "title": ["x", "y"]}),
    ],
)
def test_integers_and_text_meet_as_text(tmp_path: Path, items: Any) -> None:
    ratings = with_items(tmp_path, items)
    assert ratings.catalog.titles == ["y", "x"]
    assert ratings.item_ids.holds_integers
    assert said(ratings, "item ids are integers in the ratings and text in")


def test_text_in_the_ratings_meets_integers_in_the_items(tmp_path: Path) -> None:
    rated = "user,movieId,rating\n1,7,3\n1,007,4\n"
    ratings = with_items(tmp_path, "movieId,title\n7,seven\n8,eight\n", rated=rated)
    # 007 is another id than 7: it must not find the title.
    assert ratings.catalog.titles == ["seven", "007"]


def test_fractions_without_a_fraction_are_integers(tmp_path: Path) -> None:
    ratings = with_items(tmp_path, pd.DataFrame({"movieId": [10.0, 20.0], "title": ["x", None]}))
    assert ratings.catalog.titles == ["20", "x"]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            "movieId,title\n10,x\n20,y\n10,z\n",
            "movies.csv: item 10 stands in lines 2, 4: leave one",
        ),
        ("movieId,title\n10,x\n,y\n", "movies.csv, line 3: the item id is empty"),
        ("movieId,title\n10,x\n20\n", "movies.csv, line 3: 1 columns instead of 2"),
        ("movieId,title\n1,x\n", "holds none of the 2 rated items: ids are such as 20 in the"),
        ("movieId,title\n010,x\n", "and '010' there; is it the right table"),
        ("movieId,title\n", "holds none of the 2 rated items"),
        (
            "film,title\n10,x\n",
            "has no column of item ids: it has 'film', 'title'; call the column",
        ),
        (b"movieId,title\n10,\xe9\n", "movies.csv, line 2: byte 0xe9 at offset 17 is not UTF-8"),
        (b"movieId,title\n10,x\n\xe9,y\n", "movies.csv, line 3: byte 0xe9"),
        (Path("nowhere.csv"), "nowhere.csv does not exist"),
        (7, "the int is neither a path nor a table"),
        (pa.table({"movieId": [10.5]}), "row 0 (the first is 0): the item id is 10.5"),
        (
            pa.table({"movieId": pa.array([10, None])}),
            "row 1 (the first is 0): the item id is empty",
        ),
        (pa.table({"movieId": [10, 20, 20]}), "item 20 stands in rows 1, 2"),
    ],
)
def test_bad_tables_of_items_are_told(tmp_path: Path, items: Any, message: str) -> None:
    with pytest.raises(DataError) as error:
        with_items(tmp_path, items)
    assert message in str(error.value)


def test_titles_of_any_kind_are_text(tmp_path: Path) -> None:
    ratings = with_items(tmp_path, pa.table({"movieId": [10, 20], "title": [5, None]}))
    assert ratings.catalog.titles == ["20", "5"]
    ratings = with_items(tmp_path, pa.table({"movieId": [10], "title": pa.nulls(1)}))
    assert ratings.catalog.titles == ["20", "10"]
    ratings = with_items(tmp_path, "movieId\n10\n20\n")
    assert not ratings.catalog.has_titles
    assert said(ratings, "no titles")
