"""Pages of models of all bundled ratings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.web.app import create_app
from tastemap.web.settings import Settings


@pytest.fixture(scope="session")
def models(movielens: Ratings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models of the bundled ratings; tests that change it copy it."""
    root = tmp_path_factory.mktemp("models")
    tm.BiasedMF(solver="als", factors=8).fit(movielens).save(root / "biased")
    tm.BiasesOnly().fit(movielens).save(root / "biases")
    return root


@pytest.fixture(scope="session")
def client(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Asks the model of factors; for tests that store nothing."""
    database = tmp_path_factory.mktemp("feedback") / "feedback.sqlite"
    settings = Settings(root=models, model="biased", database=str(database))
    with TestClient(create_app(settings), base_url="http://localhost") as asking:
        yield asking
