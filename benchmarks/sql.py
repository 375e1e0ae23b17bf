"""Ratings out of databases: the way of `read_ratings`, and the usual ones, side by side.

    python benchmarks/sql.py

A million made ratings stand in a table of PostgreSQL, of SQLite and of DuckDB, and in a CSV file.
Each way ends with the same `Ratings`. The others fetch rows, or a frame of pandas, and hand these
to `read_ratings`; the last row is that last step alone. Runs are made in turn, each in a process of
its own. The seconds of PostgreSQL's own process are not in those of the processor. Writes
results/sql.md.

Needs PostgreSQL (`apt-get install postgresql`), which is started in a folder of its own, and
`pip install psycopg[binary] pandas sqlalchemy duckdb`.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
from epoch_speed import machine

import tastemap as tm

LIBRARIES = (
    *("adbc_driver_postgresql.dbapi", "adbc_driver_sqlite.dbapi", "duckdb"),
    *("psycopg", "pandas", "sqlalchemy"),
)
NAMES = ("user", "item", "rating", "time")
SELECT = 'select "user", item, rating, time from ratings'


def made(n: int) -> pa.Table:
    """Ratings of distinct pairs, in no order."""
    chance = np.random.default_rng(0)
    users, items = n // 100, 20_000
    pairs = chance.choice(users * items, n, replace=False)
    return pa.table(
        {
            "user": pairs // items,
            "item": pairs % items,
            "rating": chance.integers(1, 11, n) / 2,
            "time": chance.integers(1_000_000_000, 1_700_000_000, n),
        }
    )


def store(table: pa.Table, folder: Path, address: str) -> None:
    """Put the ratings into every place they are read from."""
    import adbc_driver_postgresql.dbapi
    import duckdb

    pyarrow.csv.write_csv(table, folder / "ratings.csv")
    pyarrow.feather.write_feather(table, folder / "ratings.feather")
    with sqlite3.connect(folder / "ratings.sqlite") as lite:
        lite.execute(
            'create table ratings ("user" integer, item integer, rating real, time integer)'
        )
        rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
        lite.executemany("insert into ratings values (?, ?, ?, ?)", rows)
    lite.close()
    with duckdb.connect(str(folder / "ratings.duckdb")) as duck:
        duck.register("made", table)
        duck.execute("create table ratings as select * from made")
    with (
        adbc_driver_postgresql.dbapi.connect(address, autocommit=True) as server,
        server.cursor() as cursor,
    ):
        cursor.adbc_ingest("ratings", table)
        cursor.execute("vacuum analyze ratings")


def of_rows(rows: list[tuple[Any, ...]]) -> tm.Ratings:
    columns = map(list, zip(*rows, strict=True))
    return tm.read_ratings(pa.table(dict(zip(NAMES, columns, strict=True))))


def by_psycopg(address: str) -> tm.Ratings:
    import psycopg

    with psycopg.connect(address) as connection:
        return of_rows(connection.execute(SELECT).fetchall())


def by_sqlite3(path: str) -> tm.Ratings:
    connection = sqlite3.connect(path)
    try:
        return of_rows(connection.execute(SELECT).fetchall())
    finally:
        connection.close()


def by_pandas(address: str) -> tm.Ratings:
    import pandas as pd
    import sqlalchemy

    with sqlalchemy.create_engine(address).connect() as connection:
        return tm.read_ratings(pd.read_sql(sqlalchemy.text(SELECT), connection))


def ways(folder: Path, address: str) -> dict[str, Callable[[], tm.Ratings]]:
    """Every way to read, by what it is called. The first of each database is ours."""
    sqlite, duck = (f"{folder / 'ratings'}.{kind}" for kind in ("sqlite", "duckdb"))
    psycopg = address.replace("postgresql:", "postgresql+psycopg:")
    table = None
    if (folder / "ratings.feather").exists():
        table = pyarrow.feather.read_table(folder / "ratings.feather", memory_map=False)
    return {
        "PostgreSQL: read_ratings (ADBC)": lambda: tm.read_ratings(address),
        "PostgreSQL: rows of psycopg": lambda: by_psycopg(address),
        "PostgreSQL: pandas.read_sql": lambda: by_pandas(psycopg),
        "SQLite: read_ratings (ADBC)": lambda: tm.read_ratings(f"sqlite:///{sqlite}"),
        "SQLite: rows of sqlite3": lambda: by_sqlite3(sqlite),
        "SQLite: pandas.read_sql": lambda: by_pandas(f"sqlite:///{sqlite}"),
        "DuckDB: read_ratings": lambda: tm.read_ratings(f"duckdb:///{duck}"),
        "CSV file: read_ratings": lambda: tm.read_ratings(folder / "ratings.csv"),
        "Arrow table in memory: read_ratings": lambda: tm.read_ratings(table),
    }


def version_of(address: str) -> str:
    import psycopg

    with psycopg.connect(address) as connection:
        said: str = connection.execute("show server_version").fetchall()[0][0]
    return said.split()[0]


def child(way: str, folder: Path, address: str) -> None:
    """Read once by a way, and tell what it took."""
    read = ways(folder, address)[way]
    for library in LIBRARIES:  # to load them is no part of reading
        importlib.import_module(library)
    tm.read_ratings(pa.table({name: [1] for name in NAMES}))
    begun, used = time.perf_counter(), time.process_time()
    ratings = read()
    took, used = time.perf_counter() - begun, time.process_time() - used
    # Not ru_maxrss, which begins with that of the process this one comes from.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    memory = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
    print(json.dumps([took, used, memory, ratings.fingerprint]))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    asked.add_argument("--rows", type=int, default=1_000_000, help="ratings in each database")
    asked.add_argument("--rounds", type=int, default=3, help="runs of each way, in turn")
    asked.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.child:
        child(given.child[0], Path(given.child[1]), given.child[2])
        return
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.servers import postgresql

    load = os.getloadavg()[0]
    runs: dict[str, list[list[Any]]] = {}
    with tempfile.TemporaryDirectory() as temporary, postgresql("fsync=off") as server:
        folder, address = Path(temporary), server.address()
        store(made(given.rows), folder, address)
        for _ in range(given.rounds):
            for way in ways(folder, address):
                call = [sys.executable, __file__, "--child", way, temporary, address]
                done = subprocess.run(call, check=True, stdout=subprocess.PIPE)
                runs.setdefault(way, []).append(json.loads(done.stdout))
                print(way, runs[way][-1][:3], flush=True)
        server_is = version_of(address)
    assert len({run[3] for some in runs.values() for run in some}) == 1, "different ratings"
    today = datetime.datetime.now(datetime.UTC).date()
    drivers = ("adbc-driver-postgresql", "adbc-driver-sqlite", "psycopg", "pandas", "duckdb")
    lines = [
        "# Reading from databases",
        "",
        f"{today}, {machine()} (load {load:.1f} before, {os.getloadavg()[0]:.1f} after), python "
        f"{platform.python_version()}, PostgreSQL {server_is}, SQLite {sqlite3.sqlite_version}, "
        f"{', '.join(f'{name} {version(name)}' for name in drivers)}. `python benchmarks/sql.py`: "
        f"{given.rows:,} ratings, {given.rounds} runs of each way in turn, medians. All give the "
        "same ratings; reading the Arrow table is the part that all but the files share.",
        "",
        "| way | seconds | of processor | times the first of its kind | MB of memory |",
        "|---|---:|---:|---:|---:|",
    ]
    first: dict[str, float] = {}
    for way, some in runs.items():
        took, used, memory = (statistics.median(run[k] for run in some) for k in range(3))
        times = took / first.setdefault(way.split(":")[0], took)
        lines.append(f"| {way} | {took:.2f} | {used:.2f} | {times:.1f} | {memory:,.0f} |")
    text = "\n".join([*lines, ""])
    (Path(__file__).parent / "results" / "sql.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
