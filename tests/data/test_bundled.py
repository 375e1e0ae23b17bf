"""The bundled data set is the one it says it is, and carries its licence."""

import runpy
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

FOLDER = Path(str(files("tastemap"))) / "data" / "bundled" / "movielens-small"
BUILD = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "build_movielens_small.py"))


@pytest.fixture(scope="module")
def ratings() -> pa.Table:
    return pq.read_table(FOLDER / "ratings.parquet")


@pytest.fixture(scope="module")
def items() -> pa.Table:
    return pq.read_table(FOLDER / "items.parquet")


@pytest.fixture(scope="module")
def titles(items: pa.Table) -> dict[int, str]:
    return dict(zip(items["movieId"].to_pylist(), items["title"].to_pylist(), strict=True))


@pytest.fixture(scope="module")
def readme() -> str:
    return " ".join((FOLDER / "README.txt").read_text(encoding="utf-8").split())


def test_files_hold_what_the_build_script_checked(ratings: pa.Table, items: pa.Table) -> None:
    check: Callable[[pa.Table, pa.Table], None] = BUILD["check"]
    check(ratings, items)


def test_columns_have_the_documented_types(ratings: pa.Table, items: pa.Table) -> None:
    assert {field.name: str(field.type) for field in ratings.schema} == {
        "userId": "int32",
        "movieId": "int32",
        "rating": "float",
        "timestamp": "int64",
    }
    assert {field.name: str(field.type) for field in items.schema} == {
        "movieId": "int32",
        "title": "string",
        "year": "int16",
        "genres": "string",
    }
    assert all(column.null_count == 0 for column in ratings.columns)


def test_counts_are_those_of_the_october_2016_edition(ratings: pa.Table, items: pa.Table) -> None:
    assert ratings.num_rows == 100_004
    assert pc.count_distinct(ratings["userId"]).as_py() == 671
    assert pc.count_distinct(ratings["movieId"]).as_py() == 9_066
    assert items.num_rows == 9_066


def test_items_are_exactly_the_rated_movies_by_id(ratings: pa.Table, items: pa.Table) -> None:
    rated = set(ratings["movieId"].to_pylist())
    assert items["movieId"].to_pylist() == sorted(rated)


def test_ratings_keep_the_original_order(ratings: pa.Table) -> None:
    rows = [tuple(row.values()) for row in ratings.to_pylist()]
    assert rows[:3] == [
        (1, 31, 2.5, 1260759144),
        (1, 1029, 3.0, 1260759179),
        (1, 1061, 3.0, 1260759182),
    ]
    assert rows[-1] == (671, 6565, 3.5, 1074784724)
    pairs = [row[:2] for row in rows]
    assert pairs == sorted(set(pairs))


def test_ratings_are_half_stars(ratings: pa.Table) -> None:
    assert sorted(ratings["rating"].unique().to_pylist()) == [n / 2 for n in range(1, 11)]


def test_timestamps_are_seconds_within_the_stated_period(ratings: pa.Table) -> None:
    times = ratings["timestamp"].cast(pa.timestamp("s", tz="UTC"))
    days = pc.strftime(times, format="%Y-%m-%d")
    assert pc.min_max(days).as_py() == {"min": "1995-01-09", "max": "2016-10-16"}


def test_the_notebook_s_split_gives_its_counts(ratings: pa.Table) -> None:
    in_train = np.random.RandomState(42).rand(ratings.num_rows) < 0.8
    assert (in_train.sum(), (~in_train).sum()) == (80_099, 19_905)


@pytest.mark.parametrize(
    ("movie", "title"),
    [
        (1, "Toy Story (1995)"),
        (11, "American President, The (1995)"),
        (73, "Misérables, Les (1995)"),
        (7789, "11'09\"01 - September 11 (2002)"),
        (60069, "WALL·E (2008)"),
        (116797, "The Imitation Game (2014)"),
        (147426, "\u0130tiraz\u0131m Var (2014)"),
        # Two blanks, as in the original.
        (72641, "Blind Side, The  (2009)"),
        # A year in the title itself is not the year.
        (72378, "2012 (2009)"),
        (81660, "1990: The Bronx Warriors (1990: I guerrieri del Bronx) (1982)"),
        # Missing in the source.
        (108548, "Big Bang Theory, The (2007-)"),
        (108583, "Fawlty Towers (1975-1979)"),
        (143410, "Hyena Road"),
        (151307, "The Lovers and the Despot"),
        (162376, "Stranger Things"),
    ],
)
def test_title_is_that_of_the_original(titles: dict[int, str], movie: int, title: str) -> None:
    assert titles[movie] == title


def test_every_title_ends_in_its_year_where_there_is_one(items: pa.Table) -> None:
    without_year = []
    for row in items.to_pylist():
        assert row["title"] == row["title"].strip() != ""
        if row["year"] is None:
            without_year.append(row["movieId"])
        else:
            assert row["title"].endswith(f" ({row['year']})")
    assert without_year == [108548, 108583, 143410, 151307, 162376]
    assert pc.min_max(items["year"]).as_py() == {"min": 1902, "max": 2016}


def test_no_title_is_garbled(titles: dict[int, str]) -> None:
    accented = [title for title in titles.values() if not title.isascii()]
    assert len(accented) == 271
    for title in accented:
        assert title.isprintable()
        assert "\N{REPLACEMENT CHARACTER}" not in title
        for wrong in ("latin-1", "cp1252"):
            # UTF-8 read with the wrong encoding turns back into UTF-8; real text does not.
            with pytest.raises(UnicodeError):
                title.encode(wrong).decode("utf-8")


def test_genres_are_the_original_ones_joined_by_bars(items: pa.Table) -> None:
    genres = items["genres"].to_pylist()
    assert {name for row in genres for name in row.split("|")} == {
        *("Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary"),
        *("Drama", "Fantasy", "Film-Noir", "Horror", "IMAX", "Musical", "Mystery", "Romance"),
        *("Sci-Fi", "Thriller", "War", "Western", "(no genres listed)"),
    }
    assert genres[0] == "Adventure|Animation|Children|Comedy|Fantasy"
    assert genres.count("(no genres listed)") == 17


@pytest.mark.parametrize(
    "words",
    [
        "so long as it is distributed under these same license conditions",
        "may not use this information for any commercial or revenue-bearing purposes",
        "may not state or imply any endorsement",
        "must acknowledge the use of the data set in publications",
        "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets",
        "10.1145/2827872",
        "grouplens-info@umn.edu",
        "NOT under tastemap's own licence",
    ],
)
def test_readme_states_the_licence_conditions(readme: str, words: str) -> None:
    assert words in readme


def test_the_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.parquet")) < 600_000
