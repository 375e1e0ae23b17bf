"""What the pages take for granted: the bundled ratings as files, and a model trained on them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow.csv as pc
import pytest

from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.recommender import Recommender
from tastemap.training.gradient_recipes import GradientRecipe
from tastemap.training.recipe import Recipe

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


@pytest.fixture(scope="session")
def trained(biased: Recommender, notebook_split: Split) -> dict[Any, Recommender]:
    """What has been trained in this session, by recipe, seed and ratings."""
    return {_key(biased.recipe, notebook_split.train, notebook_split.valid, biased.seed): biased}


@pytest.fixture
def workshop(
    furnished: Path,
    trained: dict[Any, Recommender],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A copy of that folder of one's own, as the current one.

    Pages train the same models again and again; here each is trained once a session.
    """
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    fit_anew = GradientRecipe.fit

    def fit(
        self: GradientRecipe,
        train: Ratings,
        valid: Ratings | None = None,
        *,
        seed: int = 0,
        **rest: Any,
    ) -> Recommender:
        if rest:
            return fit_anew(self, train, valid, seed=seed, **rest)
        key = _key(self, train, valid, seed)
        if key not in trained:
            trained[key] = fit_anew(self, train, valid, seed=seed)
        return trained[key]

    monkeypatch.setattr(GradientRecipe, "fit", fit)
    return tmp_path


def _key(recipe: Recipe, train: Ratings, valid: Ratings | None, seed: int) -> Any:
    return recipe, train.fingerprint, valid.fingerprint if valid is not None else None, seed
