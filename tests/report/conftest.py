"""One report of hostile ratings, for all tests of reports."""

from __future__ import annotations

import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tests.conftest import SCRIPT
from tests.report.made import hostile_ratings, made, unsure
from tests.report.pages import Node, Tree


@pytest.fixture(scope="package")
def hostile() -> Ratings:
    return hostile_ratings()


@pytest.fixture(scope="package")
def parts(hostile: Ratings) -> Split:
    return tm.split.random(hostile, 0.2, seed=1)


@pytest.fixture(scope="package")
def html(hostile: Ratings, parts: Split, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tm.write_report(
        tmp_path_factory.mktemp("report") / "report.html",
        models=[made(parts.train), made(parts.train, seed=1), unsure(parts.train)],
        ratings=hostile,
        split=parts,
        commands=["tastemap fit <ratings> && echo 'done'"],
        title=f"Films & {SCRIPT}",
    )
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="package")
def tree(html: str) -> Node:
    return Tree(html).root
