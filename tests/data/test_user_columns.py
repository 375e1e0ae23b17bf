"""What is known about users: read beside the ratings, carried along, saved."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

import tastemap as tm
from tastemap.data.readers import read_ratings
from tastemap.errors import DataError

RATED = "customer,item,rating\n7,1,4\n5,1,3\n7,2,5\n"
USERS = "customer,age,title,job,zip\n5,31,Ms,nurse,02139\n6,20,Mr,cook,11111\n7,,Dr,,90210\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "ratings.csv").write_text(RATED)
    (tmp_path / "users.csv").write_text(USERS)
    return tmp_path


def test_columns_of_users_follow_their_codes(files: Path) -> None:
    ratings = read_ratings(files / "ratings.csv", users=files / "users.csv")
    assert ratings.user_catalog is not None
    assert ratings.user_catalog.table.to_pydict() == {
        "age": [None, 31],
        "title": ["Dr", "Ms"],
        "job": [None, "nurse"],
        "zip": ["90210", "02139"],
    }
    assert repr(ratings.user_catalog) == "<Catalog of 2 users: age, title, job, zip>"
    assert ratings.notes[-2:] == (
        "users.csv: id = customer, metadata = age, title, job, zip",
        "users of users.csv without ratings, left out: 1 of 3",
    )
    assert read_ratings(files / "ratings.csv").user_catalog is None


def test_users_that_are_missing_are_counted(files: Path) -> None:
    users = pa.table({"user_id": ["7"], "age": [40]})
    ratings = read_ratings(files / "ratings.csv", users=users)
    assert ratings.user_catalog is not None
    assert ratings.user_catalog.table["age"].to_pylist() == [40, None]
    assert ratings.notes[-2:] == (
        "user ids are integers in the ratings and text in the pyarrow Table: compared as text",
        "users with ratings that are not in the pyarrow Table, and so have no metadata: 1",
    )


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ("age,sex\n3,f\n", "has no column of user ids: it has 'age', 'sex'; call the column "),
        ("id,age\n7,1\n7,2\n", "users.csv: user 7 stands in lines 2, 3: leave one of them"),
        ("id,age\n1,1\n", "holds none of the 2 users with ratings"),
        ("id,age\n,1\n", "users.csv, line 2: the user id is empty"),
    ],
)
def test_a_wrong_table_of_users_is_refused(files: Path, users: str, message: str) -> None:
    (files / "users.csv").write_text(users)
    with pytest.raises(DataError) as error:
        read_ratings(files / "ratings.csv", users=files / "users.csv")
    assert message in str(error.value)


def test_a_zip_with_users_says_so(files: Path) -> None:
    packed = files / "all.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("ratings.csv", "users.csv"):
            archive.write(files / name, name)
    ratings = read_ratings(packed)
    assert "the zip also holds users.csv: pass it as users= too, for what it says" in ratings.notes
    assert read_ratings(packed, users=packed).user_catalog is not None


def test_splits_and_model_folders_carry_them(files: Path, tmp_path: Path) -> None:
    ratings = read_ratings(files / "ratings.csv", users=files / "users.csv")
    train = tm.split.random(ratings, valid_fraction=0.4, seed=2).train
    assert train.user_catalog is ratings.user_catalog
    loaded = tm.load(tm.BiasesOnly().fit(ratings).save(tmp_path / "model")).ratings
    assert loaded.user_catalog is not None
    assert ratings.user_catalog is not None
    assert loaded.user_catalog.table.equals(ratings.user_catalog.table)
    bare = tm.BiasesOnly().fit(read_ratings(files / "ratings.csv")).save(tmp_path / "bare")
    assert tm.load(bare).ratings.user_catalog is None
