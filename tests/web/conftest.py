"""Served models, asked without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.web.app import create_app
from tastemap.web.settings import Settings
from tests.conftest import interactions

RECIPES = {
    "biased": tm.BiasedMF(solver="als", factors=8),
    "bayesian": tm.BayesianMF(factors=4, sweeps=12, burn_in=6, draws=6),
    "ordinal": tm.BayesianMF(factors=2, sweeps=8, burn_in=4, draws=4, likelihood="ordinal"),
    "neural": tm.NeuralNet(factors=4, schedule=((0.01, 1),), holdout=0),
    "biases": tm.BiasesOnly(),
    "ease": tm.EASE(),
    "implicit-als": tm.ImplicitALS(factors=8, sweeps=3),
    "popularity": tm.Popularity(min_rating=4),
    "blend": tm.Blend(recipes=(tm.ItemKNN(), tm.ImplicitALS(factors=8, sweeps=3))),
}


@pytest.fixture(scope="session")
def some(movielens: Ratings) -> Ratings:
    """The ratings of 120 users of MovieLens."""
    return movielens.take(movielens.users < 120).min_counts(item=3)


@pytest.fixture(scope="session")
def models(some: Ratings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models; tests that change it copy it."""
    root = tmp_path_factory.mktemp("models")
    for name, recipe in RECIPES.items():
        recipe.fit(some).save(root / name)
    tm.EASE().fit(interactions(some)).save(root / "clicks")
    return root


Serve = Callable[..., TestClient]


@pytest.fixture
def serve(models: Path, tmp_path: Path) -> Iterator[Serve]:
    """Serves one of the models, with feedback of its own."""
    with ExitStack() as stack:

        def served(model: str = "biased", root: Path = models) -> TestClient:
            settings = Settings(root=root, model=model, database=str(tmp_path / "feedback.sqlite"))
            return stack.enter_context(
                TestClient(create_app(settings), base_url="http://localhost")
            )

        yield served


@pytest.fixture(scope="session")
def client(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Asks the model of factors; for tests that store nothing."""
    database = tmp_path_factory.mktemp("feedback") / "feedback.sqlite"
    settings = Settings(root=models, model="biased", database=str(database))
    with TestClient(create_app(settings), base_url="http://localhost") as asking:
        yield asking
