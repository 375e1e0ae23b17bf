"""Reading from real databases: SQLite and DuckDB files, and a PostgreSQL server."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import tastemap as tm
from tastemap.data.readers import read_ratings, read_sql
from tastemap.data.reading.databases import find_database
from tastemap.errors import ConfigError, DataError, MissingExtraError
from tests.servers import PASSWORD, Server

MAKE = (
    "create table ratings (customer integer, film integer, stars double precision, "
    "rated_at timestamp, review text)",
    "insert into ratings values (7, 10, 4.5, '2020-01-01 10:00:00', 'x'), "
    "(5, 10, 3, '2020-01-02 10:00:00', 'y'), (7, 20, 1, '2020-01-03 10:00:00', null)",
    "create table movies (film integer, title text, year integer)",
    "insert into movies values (20, 'Heat', 1995), (10, 'Alien', 1979)",
    'create table "Users" (customer integer, job text)',
    "insert into \"Users\" values (5, 'cook'), (7, 'nurse')",
)
EXPECTED = {
    "user": [7, 5, 7],
    "item": [10, 10, 20],
    "rating": [4.5, 3.0, 1.0],
    "time": [1577872800, 1577959200, 1578045600],
}
QUERY = "select customer, film, stars, rated_at from ratings where stars > 2 -- the good ones\n;"


@pytest.fixture(scope="session")
def server(postgresql_server: Server) -> Server:
    postgresql_server.execute(*MAKE)
    return postgresql_server


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    path = tmp_path / "my shop.db"
    connection = sqlite3.connect(path)
    for statement in MAKE:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture
def duck(tmp_path: Path) -> str:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in MAKE:
            connection.execute(statement)
    return f"duckdb:///{path}"


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("server")
        return server.address()
    found: str = request.getfixturevalue("sqlite" if request.param == "sqlite" else "duck")
    return found


COLUMNS: dict[str, Any] = {
    "user": "customer",
    "item": "film",
    "rating": "stars",
    "time": "rated_at",
}


def test_a_table_is_read_with_what_is_known_of_items_and_users(address: str) -> None:
    ratings = read_ratings(
        address, address, users=read_sql(address, table="Users"), table="ratings", **COLUMNS
    )
    assert ratings.to_arrow().to_pydict() == EXPECTED
    assert ratings.name == "ratings"
    assert ratings.catalog.table.to_pydict() == {"title": ["Alien", "Heat"], "year": [1979, 1995]}
    assert ratings.user_catalog is not None
    assert ratings.user_catalog.table.to_pydict() == {"job": ["nurse", "cook"]}
    assert ratings.notes[0].startswith("read table ratings of ")
    assert "columns not read: review" in ratings.notes


def test_a_query_is_read_and_keeps_its_order(address: str) -> None:
    ratings = read_ratings(address, query=QUERY, **COLUMNS)
    assert ratings.to_arrow().to_pydict() == {k: v[:2] for k, v in EXPECTED.items()}
    ordered = read_ratings(
        address,
        query="with r as (select * from ratings) select film as item, customer as user_id, "
        "stars as rating from r order by stars",
    )
    assert ordered.to_arrow().to_pydict()["rating"] == [1, 3, 4.5]
    assert not ordered.name.startswith("postgresql:")


def test_the_table_called_ratings_is_found(address: str) -> None:
    assert len(read_ratings(address, **COLUMNS)) == 3


def test_what_is_not_there_is_told_with_what_is(address: str) -> None:
    with pytest.raises(
        DataError, match=r"has no table 'rating': it has the tables .*movies, ratings"
    ):
        read_ratings(address, table="rating")
    with pytest.raises(DataError, match="nothing"):
        read_ratings(address, query="select * from nothing")
    with pytest.raises(
        DataError, match=r"has no column 'user': it has 'customer', 'film', 'stars'"
    ):
        read_ratings(address, table="ratings", user="user")
    with pytest.raises(DataError, match="selec"):
        read_ratings(address, query="selec 1")
    with pytest.raises(ConfigError, match="a query or a table, not both"):
        read_ratings(address, query="select 1", table="ratings")
    with pytest.raises(ConfigError, match="needs a query= or a table="):
        read_sql(address)


def test_a_wrong_value_is_found(address: str) -> None:
    query = "select customer as u, film as i, review as rating from ratings"
    with pytest.raises(
        DataError, match=r"\(query\), row 0 .*: the rating is 'x', which is not a nu"
    ):
        read_ratings(address, query=query, user="u", item="i")
    query = "select customer as u, film as i, nullif(stars, 3) as rating from ratings"
    with pytest.raises(DataError, match=r"row 1 \(the first is 0\): the rating is empty"):
        read_ratings(address, query=query, user="u", item="i")
    query = "select customer as u, 1 as i, stars as rating from ratings"
    with pytest.raises(DataError, match="user 7 rated item 1 2 times, in rows 0, 2"):
        read_ratings(address, query=query, user="u", item="i", duplicates="error")


def test_nothing_is_written(address: str) -> None:
    for statement in ("delete from ratings", "create table more (a integer)", "drop table movies"):
        with pytest.raises(DataError):
            read_ratings(address, query=statement)
    assert len(read_ratings(address, table="ratings", **COLUMNS)) == 3
    assert read_sql(address, table="movies").num_rows == 2
    with pytest.raises(DataError, match="has no table 'more'"):
        read_sql(address, table="more")


def test_many_rows_come_in_batches_and_only_the_columns_that_are_read(address: str) -> None:
    query = (
        "with recursive n as (select 1 as i union all select i + 1 from n where i < 70000) "
        "select i as user_id, i % 50 as item, i % 5 as rating, 'words' as review from n"
    )
    ratings = read_ratings(address, query=query)
    assert len(ratings) == 70_000
    assert ratings.values[-1] == 0
    assert ratings.n_items == 50


def test_kinds_of_postgresql_become_ids_and_numbers(server: Server) -> None:
    query = (
        "select gen_random_uuid() as user_id, n::numeric(12) as item_id, "
        "(n / 2.0)::numeric(4, 1) as rating, timestamptz '2020-01-01 00:00+02' as time "
        "from generate_series(1, 3) n"
    )
    ratings = read_ratings(server.address(), query=query)
    assert ratings.item_ids.ids.to_pylist() == [1, 2, 3]
    assert all(len(user) == 36 for user in ratings.user_ids.ids.to_pylist())
    assert ratings.values.tolist() == [0.5, 1.0, 1.5]
    assert set(ratings.times.tolist()) == {1577829600}
    with pytest.raises(DataError, match=r"row 0 .* the rating is nan"):
        read_ratings(server.address(), query="select 1 as user_id, 2 as item_id, "
                     "'NaN'::numeric as rating")  # fmt: skip
    tagged = read_sql(
        server.address(), query="select 1 as id, array['a', 'b'] as tags, '1.5'::numeric as n"
    )
    assert tagged["tags"].to_pylist() == [["a", "b"]]
    assert tagged["n"].to_pylist() == [1.5]


def test_schemas_and_views_are_named(server: Server) -> None:
    server.execute(
        "create schema if not exists shop",
        "create or replace view shop.clicks as "
        "select customer as user_id, film as item from ratings",
    )
    clicks = read_ratings(server.address(), table="shop.clicks", rating=False)
    assert (len(clicks), clicks.name) == (3, "clicks")
    assert len(read_ratings(server.address(), table="public.ratings", **COLUMNS)) == 3
    server.execute("drop schema shop cascade")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.address("wrong%40" + "secret"), "password authentication failed"),
        (lambda s: s.address(name="nowhere"), 'database "nowhere" does not exist'),
        (
            lambda s: s.address() + "?sslpassword=wrong%40secret&bad=1",
            "invalid URI query parameter",
        ),
        (lambda s: s.address("wrong/secret"), "write / as %2F"),
        (lambda s: s.address().replace(f":{s.port}", ":1"), "Connection refused"),
    ],
)
def test_no_message_holds_a_password(
    server: Server, change: Callable[[Server], str], message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        read_ratings(change(server), table="ratings")
    shown = "".join(str(one) for one in (error.value, error.value.__cause__, error.getrepr()))
    said = str(error.value) + repr(error.value) + repr(find_or_none(change(server)))
    for secret in (PASSWORD, "secret", server.address().split(":")[2].split("@")[0]):
        assert secret not in said
        assert secret not in str(error.value.__cause__)
    assert error.value.__cause__ is None
    assert message.split("%")[0] in shown


def find_or_none(address: str) -> object:
    try:
        return find_database(address)
    except DataError:
        return None


def test_a_password_may_be_written_as_it_is(server: Server) -> None:
    plain = PASSWORD.replace("/", "%2F").replace("%rd", "%25rd")
    ratings = read_ratings(server.address(plain), table="ratings", **COLUMNS)
    everything = f"{ratings!r}{ratings.name}{ratings.notes}"
    fitted = tm.BiasesOnly().fit(ratings)
    assert "w%rd" not in everything
    assert "owner" not in everything
    assert f"postgresql://127.0.0.1:{server.port}/postgres" in everything
    assert "w%rd" not in repr(fitted)


def test_values_of_several_kinds_in_a_column_of_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "odd.db"
    connection = sqlite3.connect(path)
    connection.execute("create table ratings (user, item, rating)")
    rows: list[tuple[Any, ...]] = [(n, 1, 4) for n in range(5000)]
    connection.executemany("insert into ratings values (?, ?, ?)", [*rows, ("z", 1, 5)])
    connection.execute(
        "create table halves as select user, item, rating from ratings where user <> 'z'"
    )
    connection.execute("insert into halves values (9999, 1, 3.5)")
    connection.commit()
    connection.close()
    address = f"sqlite:///{path}"
    with pytest.raises(
        DataError, match=r"row 5000 .* the user id is 'z': ids must be all integers"
    ):
        read_ratings(address)
    with pytest.raises(DataError, match=r"several kinds .* cast it in the query, such as cast\("):
        read_ratings(address, table="halves")
    query = "select user, item, cast(rating as real) as rating from halves"
    assert read_ratings(address, query=query).values[-1] == 3.5


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://me:secret@host/shop", "begin with mysql:// are not read, only those with"),
        ("sqlite://shop.db", "names no file: write sqlite:///ratings.db"),
        ("duckdb:///", "names no file"),
        ("sqlite:///missing.db", "missing.db does not exist"),
        ("sqlite:///text.csv", "text.csv is no sqlite database$"),
        ("postgresql://u:a/secret@host/db", "write / as %2F"),
    ],
)
def test_addresses_that_cannot_be_read(
    address: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.csv").write_text("user,item,rating\n1,2,3\n")
    with pytest.raises(DataError, match=message) as error:
        read_ratings(address, table="ratings")
    assert "secret" not in str(error.value)


def test_files_and_addresses_are_told_apart(sqlite: str, duck: str) -> None:
    path = sqlite.removeprefix("sqlite:///")
    with pytest.raises(DataError, match="is a database: give its address, sqlite:///"):
        read_ratings(path)
    with pytest.raises(
        DataError, match="no duckdb database: it is one of sqlite, write sqlite:///"
    ):
        read_ratings(f"duckdb:///{path}")
    with pytest.raises(ConfigError, match="query= and table= are for databases"):
        read_ratings(pa.table({"a": [1]}), table="ratings")
    assert find_database(f"duckdb+engine:///{duck.removeprefix('duckdb:///')}").kind == "duckdb"


def test_two_columns_of_one_name_are_refused(address: str) -> None:
    query = "select customer as user_id, film, film, stars as rating from ratings"
    with pytest.raises(DataError, match="has 2 columns 'film': rename one"):
        read_ratings(address, query=query, item="film")


@pytest.mark.parametrize("module", ["adbc_driver_sqlite", "duckdb"])
def test_a_missing_driver_is_told_with_its_extra(
    module: str, sqlite: str, duck: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf'needs {module}: pip install "tastemap\[sql\]"'):
        read_ratings(duck if module == "duckdb" else sqlite, table="ratings")
