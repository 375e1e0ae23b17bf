"""Data sets by name."""

from __future__ import annotations

import re

import pytest

import tastemap as tm
from tastemap.data.datasets import DATASETS, LICENCE, find_dataset
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError


def test_the_bundled_set_is_the_one_of_the_notebook(movielens: Ratings) -> None:
    assert (len(movielens), movielens.n_users, movielens.n_items) == (100_004, 671, 9_066)
    assert movielens.name == "movielens-small"
    assert movielens.scale == (0.5, 5.0)
    assert movielens.times is not None
    assert movielens.catalog.columns == ["title", "year", "genres"]
    assert movielens.user_ids.holds_integers
    assert movielens.catalog.code("Heat (1995)") == movielens.item_ids.code(6)
    assert movielens.catalog.table["title"].null_count == 0


def test_loading_without_a_name_gives_the_bundled_set(movielens: Ratings) -> None:
    assert tm.load_dataset().fingerprint == movielens.fingerprint


def test_unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match="no data set 'netflix': there are movielens-small, movie"
    ):
        tm.load_dataset("netflix")


def test_every_set_of_the_docs_is_known() -> None:
    for name in ("100k", "1m", "20m", "25m", "32m", "small-latest"):
        dataset = find_dataset(f"movielens-{name}")
        assert dataset.md5 is None or re.fullmatch("[0-9a-f]{32}", dataset.md5)
    assert len(DATASETS) == 6
    assert [name for name, one in DATASETS.items() if one.md5 is None] == ["movielens-small-latest"]


def test_the_licence_forbids_commercial_use_in_words() -> None:
    assert "may not be used for any commercial or revenue-bearing purpose" in LICENCE
    assert "no commercial use" in tm.load_dataset.__doc__
    assert "no commercial use" in tm.download_dataset.__doc__
