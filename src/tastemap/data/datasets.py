"""Data sets by name: the bundled one."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings

BUNDLED = "movielens-small"


def load_dataset(name: str = BUNDLED, folder: str | Path | None = None) -> Ratings:
    """Load a data set by name."""
    with as_file(files("tastemap") / "data" / "bundled" / name) as place:
        return read_ratings(place / "ratings.parquet", items=place / "items.parquet", name=name)
