from pathlib import Path

import pytest
from starlette.testclient import TestClient

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.web.app import create_app
from tastemap.web.settings import Settings


def test_a_list_is_what_the_model_recommends(client: TestClient, models: Path) -> None:
    wanted = tm.load(models / "biased").recommend(4, n=7, include={"genres": "Comedy"})
    found = client.get("/users/4/recommendations?n=7&include=genres=Comedy")
    assert found.status_code == 200
    answer = found.json()
    assert [one["item"] for one in answer["items"]] == list(wanted.items)
    assert [one["score"] for one in answer["items"]] == pytest.approx(wanted.scores.tolist())
    assert (answer["user"], answer["made_from"], answer["model"]) == (4, "model", "biased")


def test_a_user_nobody_knows_gets_a_list_by_item_bias(client: TestClient) -> None:
    answer = client.get("/users/999999/recommendations").json()
    assert answer["made_from"] == "item bias"
    assert len(answer["items"]) == 10
    assert "no training ratings" in answer["remarks"][0]


def test_chances_of_liking_stand_beside_the_scores(
    client: TestClient, movielens: Ratings, tmp_path: Path
) -> None:
    model = tm.Popularity(min_rating=4).fit(movielens).with_liking()
    model.save(tmp_path / "liked")
    served = create_app(Settings(root=tmp_path, model="liked"))
    with TestClient(served, base_url="http://localhost") as asking:
        rows = asking.get("/users/4/recommendations?n=3").json()["items"]
        nobody = asking.get("/users/999999/recommendations").json()["items"]
    expected = model.recommend(4, n=3).chances
    assert expected is not None
    assert [one["chance_liked"] for one in rows] == pytest.approx(expected.tolist())
    assert {one["chance_liked"] for one in nobody} == {None}
    without = client.get("/users/4/recommendations").json()["items"]
    assert {one["chance_liked"] for one in without} == {None}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/users/jane/recommendations", 404, "user ids are integers here"),
        ("/users/4/recommendations?n=0", 422, "n"),
        ("/users/4/recommendations?n=many", 422, "n"),
        ("/users/4/recommendations?size=3", 422, "size"),
        ("/users/4/recommendations?n=3&n=4", 422, "twice"),
        ("/users/4/recommendations?include=colour=red", 422, "no column 'colour'"),
        ("/nowhere", 404, ""),
    ],
)
def test_a_mistake_is_a_problem_that_says_what_to_do(
    client: TestClient, path: str, status: int, said: str
) -> None:
    found = client.get(path)
    assert found.status_code == status
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["status"] == status
    assert said in found.json().get("detail", "")


def test_another_method_is_refused(client: TestClient) -> None:
    assert client.post("/users/4/recommendations").status_code == 405
