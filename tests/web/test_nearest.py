"""Lists from an index of the items: nearly those of all scores, and exactly so where it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import tastemap as tm
from tastemap.errors import NotFittedFor
from tastemap.recommender import Recommender
from tastemap.web.nearest import FOLDER, Nearest, user_vector
from tastemap.web.schemas.lists import ListOptions
from tastemap.web.service import Service
from tastemap.web.shelf import Shelf

pytest.importorskip("usearch")


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    for name in ("biased", "ordinal", "ease"):
        shutil.copytree(models / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", ["biased", "ordinal"])
def test_nearly_all_of_the_best_are_found_and_their_scores_are_exact(root: Path, name: str) -> None:
    model = tm.load(root / name)
    made = Nearest.make(model, root, name)
    assert made.recall > 0.95
    service = Shelf(root, name, approximate=True).live
    exact, found, all_found = Service(model), 0, 0
    for user in model.ratings.user_ids.ids.to_pylist()[:40]:
        asked = ListOptions(n=10)
        near = service.recommend(service.people.person(user), asked)
        best = exact.recommend(exact.people.person(user), asked)
        scores = {one.item: one.score for one in best.items}
        all_found += len(scores)
        assert "approximate" in near.remarks[-1]
        assert not best.remarks or "approximate" not in best.remarks[-1]
        assert near.left_out == best.left_out
        for one in near.items:
            assert one.score == pytest.approx(scores.get(one.item, one.score), abs=1e-5)
            found += one.item in scores
    assert found > 0.95 * all_found


def test_as_many_candidates_are_followed_as_find_enough(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, recalls = tm.load(root / "biased"), {}
    for enough, expected in ((0.0, 10), (2.0, 1024)):
        monkeypatch.setattr("tastemap.web.nearest._EXPANSIONS", (10, 1024))
        monkeypatch.setattr("tastemap.web.nearest._ENOUGH", enough)
        made = Nearest.make(model, root, "biased")
        kept = Nearest.of(model, root, "biased")
        assert kept is not None
        assert made.expansion == kept.expansion == kept.index.expansion_search == expected
        recalls[expected] = made.recall
        shutil.rmtree(root / FOLDER)
    assert recalls[10] < recalls[1024]


def test_somebody_new_is_answered_from_the_index_too(root: Path) -> None:
    model = tm.load(root / "biased")
    Nearest.make(model, root, "biased")
    service = Shelf(root, "biased", approximate=True).live
    items = model.ratings.item_ids.ids.to_pylist()[:3]
    person = service.people.newcomer([(item, 5.0) for item in items])
    near = service.recommend(person, ListOptions(n=5))
    best = Service(model).recommend(person, ListOptions(n=5))
    assert len({one.item for one in near.items} & {one.item for one in best.items}) >= 4
    assert not {one.item for one in near.items} & set(items)


def test_where_a_filter_leaves_too_few_candidates_all_scores_are_looked_at(root: Path) -> None:
    model = tm.load(root / "biased")
    Nearest.make(model, root, "biased")
    service = Shelf(root, "biased", approximate=True).live
    user = service.people.person(model.ratings.user_ids.raw(0))
    rare = ListOptions(n=10, include=["genres=Film-Noir"])
    assert service.recommend(user, rare) == Service(model, name="biased").recommend(user, rare)


def test_an_index_is_made_once_for_what_a_model_folder_holds(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = tm.load(root / "biased")
    assert Shelf(root, "biased", approximate=True).live.nearest is None
    assert "biased has no index" in caplog.text
    made = Nearest.make(model, root, "biased")
    files = {path: path.stat().st_mtime_ns for path in (root / FOLDER).iterdir()}
    again = Nearest.make(model, root, "biased")
    assert files == {path: path.stat().st_mtime_ns for path in (root / FOLDER).iterdir()}
    assert (again.recall, again.seconds) == (made.recall, made.seconds)
    vector = user_vector(model.model.user_factors[0])
    np.testing.assert_array_equal(made.candidates(vector, 20), again.candidates(vector, 20))
    shutil.rmtree(root / "biased")
    shutil.copytree(root / "ordinal", root / "biased")
    assert Shelf(root, "biased", approximate=True).live.nearest is None
    Nearest.make(tm.load(root / "biased"), root, "biased")
    assert not set(files) & set((root / FOLDER).iterdir())


def test_a_model_without_vectors_is_refused(root: Path) -> None:
    ease: Recommender = tm.load(root / "ease")
    with pytest.raises(NotFittedFor, match="has no vectors to index"):
        Nearest.make(ease, root, "ease")
