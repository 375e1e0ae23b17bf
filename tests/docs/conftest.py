"""What the pages take for granted: the bundled ratings as files, and a model trained on them."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib as mpl
import pyarrow.csv as pc
import pytest

from tastemap.data.ratings import Ratings
from tastemap.recommender import Recommender

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def furnished(
    movielens: Ratings, biased: Recommender, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with ``ratings.csv``, ``movies.csv`` and ``models/biased``."""
    folder = tmp_path_factory.mktemp("docs")
    table = movielens.to_arrow().rename_columns(["userId", "movieId", "rating", "timestamp"])
    pc.write_csv(table, folder / "ratings.csv")
    items = movielens.catalog.table.add_column(0, "movieId", movielens.item_ids.ids)
    pc.write_csv(items.select(["movieId", "title", "genres"]), folder / "movies.csv")
    biased.save(folder / "models" / "biased")
    return folder


@pytest.fixture
def workshop(furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder of one's own, as the current one; pictures go to files only."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    return tmp_path


