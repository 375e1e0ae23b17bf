"""Data sets by name: the bundled one, and those that `tastemap.download_dataset` fetches."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pyarrow as pa

from tastemap import arguments
from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings
from tastemap.data.reading.delimited import GENRES_OF_100K
from tastemap.data.reading.opening import open_source
from tastemap.errors import ConfigError, DataError

BUNDLED = "movielens-small"
DEFAULT_FOLDER = Path("data")
"""Where data sets are put and looked for unless told otherwise: below the working directory."""

LICENCE = (
    "MovieLens is free for research. Without permission of GroupLens it may not be used for any "
    "commercial or revenue-bearing purpose; publications must acknowledge it (Harper and "
    "Konstan 2015, doi:10.1145/2827872). See its README."
)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """An original data set of GroupLens.

    Attributes:
        archive: name of the zip without its ending, and of the folder in it.
        ratings: file of the ratings in that folder.
        items: file of the movies.
        users: file of what is known about the users, if there is one.
        encoding: of these files.
        size: of the zip in megabytes, about.
        md5: the checksum GroupLens publishes, in hexadecimal; None for a set that changes.
    """

    archive: str
    ratings: str = "ratings.csv"
    items: str = "movies.csv"
    users: str | None = None
    encoding: str = "utf-8"
    size: int
    md5: str | None = None


DATASETS = {
    "movielens-100k": DataSet(
        archive="ml-100k",
        ratings="u.data",
        items="u.item",
        users="u.user",
        encoding="latin-1",
        size=5,
        md5="0e33842e24a9c977be4e0107933c0723",
    ),
    "movielens-1m": DataSet(
        archive="ml-1m",
        ratings="ratings.dat",
        items="movies.dat",
        users="users.dat",
        encoding="latin-1",
        size=6,
        md5="c4d9eecfca2ab87c1945afe126590906",
    ),
    "movielens-20m": DataSet(archive="ml-20m", size=199, md5="cd245b17a1ae2cc31bb14903e1204af3"),
    "movielens-25m": DataSet(archive="ml-25m", size=262, md5="6b51fb2759a8657d3bfcbfc42b592ada"),
    "movielens-32m": DataSet(archive="ml-32m", size=239, md5="d472be332d4daa821edc399621853b57"),
    "movielens-small-latest": DataSet(archive="ml-latest-small", size=1),
}
"""Name -> data set, for those that can be downloaded."""


def find_dataset(name: str) -> DataSet:
    """The downloadable data set of this name.

    Raises:
        ConfigError: there is none; the message lists the names.
    """
    arguments.text("name", name, BUNDLED)
    if name in DATASETS:
        return DATASETS[name]
    known = ", ".join(DATASETS)
    if name == BUNDLED:
        raise ConfigError(f"{name} comes with tastemap and needs no download; others are {known}")
    raise ConfigError(f"there is no data set {name!r}: there are {BUNDLED}, {known}")


def load_dataset(name: str = BUNDLED, folder: str | Path | None = None) -> Ratings:
    """Load a data set by name: ratings, titles and genres.

    MovieLens, the bundled set included, is for research: **no commercial use** without
    permission of GroupLens. Its conditions stand in the README of each set.

    Args:
        name: ``"movielens-small"``, which comes with tastemap (100,004 ratings of 9,066 movies by
            671 users, October 2016), or one that was downloaded: ``"movielens-100k"``,
            ``"movielens-1m"``, ``"movielens-20m"``, ``"movielens-25m"``, ``"movielens-32m"``,
            ``"movielens-small-latest"``.
        folder: where it was downloaded to; None for ``data`` in the working directory. Not used
            for the bundled set.

    Returns:
        The ratings; the catalog has titles and ``genres`` as text such as ``Comedy|Drama``. Of the
        users, 100k and 1m know gender, age, occupation and zip code.

    Raises:
        DataError: it has not been downloaded; the message has the command that does it.
        ConfigError: there is no data set of this name.

    Example:
        >>> ratings = load_dataset("movielens-small")
        >>> ratings.catalog.title(ratings.catalog.code("Heat (1995)"))
        'Heat (1995)'
    """
    if folder is not None:
        arguments.path("folder", folder)
    if name == BUNDLED:
        with as_file(files("tastemap") / "data" / "bundled" / name) as place:
            return read_ratings(place / "ratings.parquet", place / "items.parquet", name=name)
    dataset = find_dataset(name)
    parent = DEFAULT_FOLDER if folder is None else Path(folder)
    # Also when given the folder of the set itself.
    place = parent if parent.name == dataset.archive else parent / dataset.archive
    if not (place / dataset.ratings).is_file():
        where = "" if folder is None else f" --folder {parent}"
        raise DataError(
            f"{name} is not in {place}: download it with `tastemap data {name}{where}`, or say "
            "where it is with folder="
        )
    items: object = place / dataset.items
    if dataset.items == "u.item":
        items = _items_of_100k(place / dataset.items)
    users = place / dataset.users if dataset.users else None
    return read_ratings(
        place / dataset.ratings, items, users=users, encoding=dataset.encoding, name=name
    )


def _items_of_100k(path: Path) -> pa.Table:
    # The genres of the 100K set are columns of 0 and 1: here as text, like those of the others.
    source = open_source(path, wanted=(), sep="|", encoding="latin-1", decimal=".")
    names = list(source.columns)
    wanted = [names.index(name) for name in ("movie id", "title", "release date")]
    flags = [names.index(name) for name in GENRES_OF_100K]
    table = source.read(dict.fromkeys([*wanted, *flags], "text"))
    marked = np.column_stack([table.column(str(p)).to_numpy() == "1" for p in flags])
    genres = [
        "|".join(name for name, has in zip(GENRES_OF_100K, row, strict=True) if has)
        for row in marked
    ]
    movie, title, released = (table.column(str(position)) for position in wanted)
    columns = {
        "movie id": movie.cast(pa.int64()),
        "title": title,
        "release date": released,
        "genres": genres,
    }
    return pa.table(columns)
