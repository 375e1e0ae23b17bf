import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.web import app, refit
from tastemap.web.feedback.store import FeedbackStore, NewRating
from tastemap.web.schemas.admin import Refit
from tastemap.web.shelf import Shelf
from tests.web.conftest import Serve


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    """A copy of three of the models."""
    for name in ("biased", "biases", "ease"):
        shutil.copytree(models / name, tmp_path / "models" / name)
    return tmp_path / "models"


def ended(client: TestClient) -> dict[str, Any]:
    """The refit when it has ended."""
    for _ in range(1200):
        found: dict[str, Any] = client.get("/admin/refit").json()
        if found["state"] != "running":
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def until(true: Callable[[], bool]) -> None:
    for _ in range(200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def test_models_are_listed_and_a_damaged_one_says_so(serve: Serve, root: Path) -> None:
    (root / "biases" / "manifest.json").write_text("{}")
    (root / "notes").mkdir()
    found = serve("biased", root).get("/admin/models").json()
    assert found["live"] == "biased"
    by_name = {one["name"]: one for one in found["models"]}
    assert set(by_name) == {"biased", "biases", "ease"}
    assert by_name["biased"]["live"]
    assert by_name["biased"]["recipe"] == "biased"
    assert "manifest" in by_name["biases"]["problem"]


def test_another_model_is_served_at_once_and_after_a_restart(serve: Serve, root: Path) -> None:
    client = serve("biased", root)
    assert client.post("/admin/reload", json={"model": "ease"}).json()["name"] == "ease"
    assert client.get("/users/4/recommendations").json()["model"] == "ease"
    assert serve("biased", root).get("/ready").json()["model"] == "ease"
    assert serve("biases", root).get("/ready").json()["model"] == "biases"


def test_other_processes_notice(serve: Serve, root: Path) -> None:
    one, other = serve("biased", root), serve("biased", root)
    one.post("/admin/reload", json={"model": "ease"})
    until(lambda: other.get("/ready").json()["model"] == "ease")


def test_pages_of_other_processes_follow_at_once(
    serve: Serve, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_LOOK_EVERY", 3600)
    one, other = serve("biased", root), serve("biased", root)
    one.post("/admin/reload", json={"model": "ease"})
    assert other.get("/ready").json()["model"] == "biased"
    assert "no components" in other.get("/explore/map").text.replace("so it has ", "")
    assert other.get("/ready").json()["model"] == "ease"
    # A live model that cannot be loaded leaves the one before.
    (root / "live.json").write_text("{", encoding="utf-8")
    assert other.get("/explore/model").status_code == 200
    assert other.get("/ready").json()["model"] == "ease"


def test_a_model_that_was_replaced_in_its_folder_is_read_again(
    serve: Serve, root: Path, some: Ratings
) -> None:
    one, other = serve("biased", root), serve("biased", root)
    tm.BiasedMF(solver="als", factors=3).fit(some).save(root / "biased")
    one.post("/admin/reload")
    for client in (one, other):
        until(
            lambda client=client: (  # type: ignore[misc]
                client.get("/model").json()["manifest"]["recipe"]["settings"]["factors"] == 3
            )
        )


@pytest.mark.parametrize("name", ["nowhere", "../biased", "/etc", "", ".", "biased/../ease"])
def test_only_models_of_the_folder_are_served(serve: Serve, root: Path, name: str) -> None:
    client = serve("biased", root)
    answer = client.post("/admin/reload", json={"model": name})
    assert answer.status_code in (409, 422)
    assert client.get("/ready").json()["model"] == "biased"


def test_a_damaged_model_does_not_go_live(serve: Serve, root: Path) -> None:
    client = serve("biased", root)
    arrays = root / "ease" / "arrays.safetensors"
    arrays.write_bytes(arrays.read_bytes()[:-9])
    answer = client.post("/admin/reload", json={"model": "ease"})
    assert answer.status_code == 409
    assert "checksum" in answer.json()["detail"]
    assert client.get("/users/4/recommendations").json()["model"] == "biased"


def test_a_refit_takes_feedback_in_and_goes_live(serve: Serve, root: Path) -> None:
    client = serve("biased", root)
    assert client.get("/admin/refit").json()["state"] == "none"
    new = [
        {"user": 900_000 + user, "item": item, "rating": 4 + user % 2}
        for user in range(5)
        for item in (1, 2, 32, 50, 987_654)
    ]
    assert client.post("/ratings", json=new).status_code == 200
    client.delete("/users/4")
    began = client.post("/admin/refit", json={"seed": 3})
    assert began.status_code == 202
    assert client.post("/admin/refit").status_code == 409
    found = ended(client)
    assert found["state"] == "live", found
    assert found["measure"] == "rmse"
    assert found["low"] <= found["better_by"] <= found["high"]
    assert found["better_by"] == pytest.approx(found["before"] - found["after"])
    until(lambda: client.get("/ready").json()["model"] == found["new"])
    assert client.get("/items/987654").json()["ratings"] == 5
    fresh = tm.load(root / found["new"])
    assert fresh.ratings.user_ids.find(4) == -1
    assert client.get("/users/900001/recommendations").json()["made_from"] == "model"
    assert not (root / "refit-feedback.parquet").exists()
    again = client.post("/admin/refit")
    assert again.status_code == 202
    done = ended(client)
    assert done["state"] == "refused"
    assert "no feedback" in done["detail"]


def test_a_refit_that_was_killed_has_failed(serve: Serve, root: Path) -> None:
    client = serve("biased", root)
    client.post("/ratings", json={"user": 4, "item": 1, "rating": 1})
    client.post("/admin/refit")
    child = client.app.state.refit._child  # type: ignore[attr-defined]
    child.kill()
    child.wait()
    found = client.get("/admin/refit").json()
    assert found["state"] == "failed"
    assert "ended before" in found["detail"]
    assert client.get("/ready").json()["model"] == "biased"


@pytest.fixture
def job(root: Path, tmp_path: Path) -> refit.Job:
    """A refit in which one user has said something new."""
    with FeedbackStore.open(tmp_path / "other.sqlite") as store:
        store.rate_all([NewRating("4", "1", 0.5), NewRating("987654", "2", 5.0)]).result()
        store.export(root / "refit-feedback.parquet")
    told = {"root": str(root), "asked": "biased", "live": "biased", "new": "fresh"}
    return refit.Job(**told, seed=0, holdout=0.1, lock=-1)


def test_a_model_that_is_worse_does_not_go_live(
    job: refit.Job, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(live: Any, train: Ratings, *rest: Any) -> Any:
        values = train.values if rest[1] == 0 else np.where(train.values < 5, 1.0, 5.0)
        return tm.BiasesOnly().fit(replace(train, values=values))

    monkeypatch.setattr(refit, "_fit", spoiled)
    told = Refit(state="running")
    refit.run(job, told, lambda: None)
    assert told.state == "refused"
    assert "worse, and that is more than luck" in told.detail
    assert told.after is not None
    assert told.before is not None
    assert told.after > told.before
    assert "fresh" not in Shelf(root, "biased").names()
    assert Shelf(root, "biased").live.name == "biased"


def test_a_model_does_not_replace_one_that_went_live_meanwhile(job: refit.Job, root: Path) -> None:
    told = Refit(state="running")
    steps: list[tuple[str, float]] = []

    def tell() -> None:
        steps.append((told.step, told.progress))
        if told.step == "comparing":
            Shelf(root, "biased").use("ease")

    refit.run(job, told, tell)
    assert told.state == "refused"
    assert "'ease' went live meanwhile" in told.detail
    assert Shelf(root, "biased").live.name == "ease"
    assert "fresh" in Shelf(root, "biased").names()
    assert [progress for _, progress in steps] == sorted(progress for _, progress in steps)


def test_neither_model_has_seen_what_both_are_measured_on(some: Ratings) -> None:
    kept, test = refit.divided(some, 0.1, seed=1)
    assert len(kept) + len(test) == len(some)
    before = refit.without(some, test)

    def pairs(ratings: Ratings) -> set[tuple[int, int]]:
        return set(zip(ratings.users.tolist(), ratings.items.tolist(), strict=True))

    assert pairs(before) == pairs(kept)
    assert not pairs(kept) & pairs(test)


def test_lists_are_compared_by_their_order(some: Ratings) -> None:
    kept, test = refit.divided(some, 0.1, seed=1)
    told = Refit(state="running")
    refit.measure(tm.EASE().fit(kept), tm.Popularity().fit(kept), test, told)
    assert told.measure == "ndcg@10"
    assert told.better_by is not None
    assert told.better_by < 0
    assert told.detail
