"""Ratings and models that many tests share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import settings

import tastemap as tm
from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.recommender import Recommender
from tests.servers import Server, postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tastemap.data.splits import Split

# Nothing here is timed: a busy machine would fail what is right.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SCRIPT = "<script>alert(1)</script>"


def make_ratings(
    rows: list[tuple[object, object, float]],
    *,
    times: list[int] | None = None,
    metadata: dict[str, list[object]] | None = None,
) -> Ratings:
    """Ratings from (user, item, rating) rows; metadata in order of first appearance of items."""
    users, user_codes = Vocabulary.encode(pa.array([row[0] for row in rows]), "user")
    items, item_codes = Vocabulary.encode(pa.array([row[1] for row in rows]), "item")
    return Ratings(
        users=user_codes,
        items=item_codes,
        values=np.array([row[2] for row in rows], np.float32),
        times=None if times is None else np.array(times),
        user_ids=users,
        item_ids=items,
        catalog=Catalog(items, None if metadata is None else pa.table(metadata)),
    )


def interactions(ratings: Ratings) -> Ratings:
    """Who has which item, without how high it was rated."""
    return replace(ratings, values=np.ones_like(ratings.values), explicit=False)


@pytest.fixture
def small() -> Ratings:
    """Six users, five films, written by hand; one title is hostile, one is there twice."""
    table = [
        (10, 1, 5.0), (10, 2, 3.0), (10, 3, 4.0),
        (20, 1, 4.0), (20, 2, 1.0), (20, 4, 5.0),
        (30, 2, 2.0), (30, 3, 3.5), (30, 5, 4.5),
        (40, 1, 4.5), (40, 5, 5.0),
        (50, 3, 2.5), (50, 4, 4.0),
        (60, 1, 3.0),
    ]  # fmt: skip
    return make_ratings(
        table,
        metadata={
            "title": ["Alien (1979)", "Big (1988)", SCRIPT, "Heat (1995)", "Heat (1995)"],
            "year": [1979, 1988, None, 1995, 1986],
            "genres": ["Horror|Sci-Fi", "Comedy", "Drama", "Crime|Drama", "Action"],
        },
    )


@pytest.fixture(scope="session")
def movielens() -> Ratings:
    """The whole bundled data set."""
    return tm.load_dataset("movielens-small")


@pytest.fixture(scope="session")
def notebook_split(movielens: Ratings) -> Split:
    """The split of the course notebook."""
    return tm.split.random(movielens, valid_fraction=0.2, seed=42)


@pytest.fixture(scope="session")
def biased(notebook_split: Split) -> Recommender:
    """Matrix factorization with biases, defaults, on the bundled ratings."""
    return tm.BiasedMF().fit(notebook_split.train, notebook_split.valid)


@pytest.fixture(scope="session")
def bayesian(notebook_split: Split) -> Recommender:
    """Bayesian matrix factorization, defaults, on the bundled ratings."""
    return tm.BayesianMF().fit(notebook_split.train, notebook_split.valid)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A PostgreSQL server that all tests share; it need not survive a crash of the machine."""
    with postgresql("fsync=off") as running:
        yield running


@pytest.fixture(scope="session")
def csv_files(movielens: Ratings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``ratings.csv`` and ``movies.csv``: the first forty users of MovieLens."""
    folder = tmp_path_factory.mktemp("csv")
    few = movielens.take(movielens.users < 40)
    table = few.to_arrow().rename_columns(["userId", "movieId", "rating", "timestamp"])
    pyarrow.csv.write_csv(table, folder / "ratings.csv")
    catalog = movielens.catalog
    items = pa.table(
        {"movieId": movielens.item_ids.ids, **{n: catalog.table[n] for n in catalog.columns}}
    )
    pyarrow.csv.write_csv(items, folder / "movies.csv")
    return folder
