from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import tastemap as tm
from tastemap.data.ratings import Ratings
from tests.web.conftest import RECIPES, Serve

USER = 4


def rated_by(some: Ratings, user: int) -> dict[Any, float]:
    code = some.user_ids.find(user)
    items, values = some.by_user.row(code)
    return dict(zip(some.item_ids.raws(items), values.tolist(), strict=True))


def listed(client: TestClient, user: object = USER, **query: object) -> dict[str, Any]:
    answer = client.get(f"/users/{user}/recommendations", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def rate(client: TestClient, user: object, item: object, rating: float) -> dict[str, Any]:
    answer = client.post("/ratings", json={"user": user, "item": item, "rating": rating})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_rating_counts_at_once_and_is_folded_in(serve: Serve, models: Path) -> None:
    client, model = serve(), tm.load(models / "biased")
    before = listed(client)
    first = before["items"][0]["item"]
    assert rate(client, USER, first, 0.5)["stored"] == 1
    after = listed(client)
    assert first not in [one["item"] for one in after["items"]]
    assert (before["feedback"], after["feedback"]) == (0, 1)
    wanted = model.recommend(ratings={**rated_by(model.ratings, USER), first: 0.5})
    assert [one["item"] for one in after["items"]] == list(wanted.items)
    scores = [one["score"] for one in after["items"]]
    assert scores == pytest.approx(wanted.scores.tolist(), abs=1e-4)


def test_a_rating_replaces_that_of_training(serve: Serve, some: Ratings) -> None:
    client = serve()
    item, value = next(iter(rated_by(some, USER).items()))
    other = 0.5 if value > 2 else 5.0
    rate(client, str(USER), str(item), other)
    found = {one["item"]: one for one in client.get(f"/users/{USER}/ratings").json()["ratings"]}
    assert len(found) == len(rated_by(some, USER))
    assert (found[item]["rating"], found[item]["source"]) == (other, "feedback")


def test_the_same_ratings_as_in_training_change_nothing(serve: Serve, some: Ratings) -> None:
    client = serve()
    before = listed(client)
    item, value = next(iter(rated_by(some, USER).items()))
    rate(client, USER, item, value)
    after = listed(client)
    assert after["items"] == before["items"]


def test_a_removed_rating_counts_no_more(serve: Serve, models: Path, some: Ratings) -> None:
    client, mine = serve(), rated_by(some, USER)
    item = next(iter(mine))
    assert client.delete(f"/ratings/{USER}/{item}").json()["stored"] == 1
    held = client.get(f"/users/{USER}/ratings").json()
    assert held["removed"] == [item]
    assert {one["item"] for one in held["ratings"]} == set(mine) - {item}
    del mine[item]
    wanted = tm.load(models / "biased").recommend(ratings=mine)
    assert [one["item"] for one in listed(client)["items"]] == list(wanted.items)


def test_somebody_new_is_known_after_one_rating(serve: Serve) -> None:
    client = serve()
    assert listed(client, 987_654)["made_from"] == "item bias"
    rate(client, 987_654, 1, 5)
    assert listed(client, 987_654)["made_from"] == "model"


def test_a_forgotten_user_is_a_stranger(serve: Serve, some: Ratings) -> None:
    client = serve()
    rate(client, USER, 1, 5)
    assert client.delete(f"/users/{USER}").json()["stored"] == 1
    assert listed(client)["made_from"] == "item bias"
    assert client.get(f"/users/{USER}/ratings").json()["ratings"] == []
    held = client.get(f"/users/{USER}/export").json()
    assert held["forgotten"]
    assert held["feedback"] == []
    rate(client, USER, 1, 5)
    assert [one["item"] for one in client.get(f"/users/{USER}/ratings").json()["ratings"]] == [1]


def test_what_is_exported_is_all_there_is(serve: Serve, some: Ratings) -> None:
    client = serve()
    rate(client, USER, 1, 4.5)
    answer = client.get(f"/users/{USER}/export")
    assert "attachment" in answer.headers["content-disposition"]
    held = answer.json()
    assert {one["item"]: one["rating"] for one in held["training"]} == rated_by(some, USER)
    assert [(one["item"], one["rating"]) for one in held["feedback"]] == [(1, 4.5)]
    code, times = some.user_ids.find(USER), some.times
    assert times is not None
    assert [one["time"] for one in held["training"]] == times[some.users == code].tolist()


def test_an_idempotency_key_acts_once(serve: Serve) -> None:
    client = serve()
    send = {"user": USER, "item": 1, "rating": 5}
    key = {"Idempotency-Key": "once"}
    first = client.post("/ratings", json=send, headers=key).json()
    rate(client, USER, 1, 2)
    second = client.post("/ratings", json=send, headers=key).json()
    assert (first["replayed"], second["replayed"]) == (False, True)
    ratings = client.get(f"/users/{USER}/ratings").json()["ratings"]
    assert {one["item"]: one["rating"] for one in ratings}[1] == 2
    other = client.post("/ratings", json={**send, "rating": 1}, headers=key)
    assert other.status_code == 422
    assert other.json()["type"] == "urn:tastemap:problem:key-reuse"


def test_a_rating_that_is_no_step_of_the_scale_is_refused_where_there_are_steps(
    serve: Serve,
) -> None:
    between = {"user": USER, "item": 1, "rating": 3.25}
    answer = serve("ordinal").post("/ratings", json=between)
    assert answer.status_code == 422
    assert "0.5, 1, 1.5" in answer.json()["detail"]
    assert serve("biased").post("/ratings", json=between).status_code == 200
    told = listed(serve("ordinal"))
    assert told["feedback"] == 0
    assert told["items"]


def test_of_several_ratings_all_are_stored_or_none(serve: Serve) -> None:
    client = serve()
    good, bad = ({"user": 99_999, "item": 1, "rating": value} for value in (4, 9))
    answer = client.post("/ratings", json=[good, bad])
    assert answer.status_code == 422
    assert "0.5 to 5" in answer.json()["detail"]
    assert client.get("/users/99999/ratings").json()["ratings"] == []


def test_an_item_that_is_new_waits_for_the_next_fit(serve: Serve) -> None:
    client = serve()
    assert "new to the model" in rate(client, USER, 987_654, 5)["remarks"][0]
    assert "new to the model" in " ".join(listed(client)["remarks"])
    assert client.get(f"/users/{USER}/ratings").json()["ratings"][-1]["title"] == "987654"


def test_ids_written_differently_are_the_same(serve: Serve) -> None:
    client = serve()
    rate(client, "0004", "01", 5)
    assert client.get("/users/4/ratings").json()["ratings"][-1]["item"] == 1


@pytest.mark.parametrize(
    "sent",
    [
        {"user": 4, "item": 1},
        {"user": 4, "item": 1, "rating": "5"},
        {"user": 4, "item": 1, "rating": True},
        {"user": "", "item": 1, "rating": 5},
        {"user": "jane", "item": 1, "rating": 5},
        {"user": 10**30, "item": 1, "rating": 5},
        {"user": 4, "item": 1, "rating": 5, "when": 3},
        {"user": 4, "item": 1, "rating": 5, "time": -1},
        [],
    ],
)
def test_what_is_no_rating_is_refused(serve: Serve, sent: object) -> None:
    answer = serve().post("/ratings", json=sent)
    assert answer.status_code in (400, 422)
    assert answer.json()["detail"]


@pytest.mark.parametrize("name", [*RECIPES, "clicks"])
def test_every_model_takes_part(serve: Serve, models: Path, name: str) -> None:
    client, model = serve(name), tm.load(models / name)
    low, high = model.ratings.scale
    first = listed(client, n=5)
    assert [one["item"] for one in first["items"]] == list(model.recommend(USER, 5).items)
    item = first["items"][0]["item"]
    rate(client, USER, item, high)
    after = listed(client, n=5)
    assert item not in [one["item"] for one in after["items"]]
    folds = name in ("biased", "bayesian", "ordinal")
    can = folds or model.model.predicts == "scores"
    assert after["feedback"] == (1 if can else 0)
    assert any("cannot take in ratings" in one for one in after["remarks"]) == (not can)
    for one in (*first["items"], *after["items"]):
        reasons = one["reasons"]
        assert sum(reasons["parts"].values()) == pytest.approx(reasons["score"], abs=2e-4)
        if model.model.predicts == "ratings":
            assert np.clip(reasons["score"], low, high) == pytest.approx(one["score"], abs=1e-5)
    if folds:
        assert all(one["reasons"]["exact"] for one in after["items"])
        assert not any(one["reasons"]["exact"] for one in first["items"])
        assert all(len(one["reasons"]["because"]) == 3 for one in after["items"])


@pytest.mark.parametrize("name", ["biased", "bayesian", "ordinal"])
def test_without_a_rating_is_what_is_said_after_it_is_removed(serve: Serve, name: str) -> None:
    client = serve(name)
    for item, value in ((1, 5.0), (2, 1.5), (32, 4.0), (50, 5.0)):
        rate(client, 987_654, item, value)
    asked = {"pairs": [{"user": 987_654, "item": 110}], "why": 4}
    (before,) = client.post("/predict", json=asked).json()["predictions"]
    for because in before["reasons"]["because"]:
        client.delete(f"/ratings/987654/{because['item']}")
        (after,) = client.post("/predict", json=asked).json()["predictions"]
        assert after["reasons"]["score"] == pytest.approx(because["without"], abs=1e-3)
        rate(client, 987_654, because["item"], because["rating"])
