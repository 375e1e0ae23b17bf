"""Addresses of empty stores: an SQLite file, and a database of a real PostgreSQL server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tastemap.web import FeedbackStore
from tests.servers import Server

_NUMBERS = itertools.count()


def new_database(server: Server) -> str:
    """The address of an empty database."""
    name = f"store{next(_NUMBERS)}"
    server.execute(f"create database {name}")
    return server.address(name=name)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may be made."""
    if request.param == "sqlite":
        return str(tmp_path / "feedback.db")
    return new_database(request.getfixturevalue("postgresql_server"))


@pytest.fixture
def store(address: str) -> Iterator[FeedbackStore]:
    """An empty store."""
    with FeedbackStore.open(address) as opened:
        yield opened
