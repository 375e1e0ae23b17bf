import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.web.app import create_app
from tastemap.web.settings import Settings
from tests.web.conftest import Serve


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
    assert {one.get("chance_liked") for one in nobody} == {None}
    without = client.get("/users/4/recommendations").json()["items"]
    assert {one.get("chance_liked") for one in without} == {None}


def test_chances_of_liking_stand_beside_predictions(
    client: TestClient, movielens: Ratings, tmp_path: Path
) -> None:
    model = tm.BiasedMF(solver="als", factors=2, sweeps=2).fit(movielens).with_liking()
    model.save(tmp_path / "liked")
    served = create_app(Settings(root=tmp_path, model="liked"))
    pairs = {"pairs": [{"user": 4, "item": 1}, {"user": 4, "item": 987_654}]}
    with TestClient(served, base_url="http://localhost") as asking:
        own, fallen_back = asking.post("/predict", json=pairs).json()["predictions"]
        asking.post("/ratings", json={"user": 4, "item": 1, "rating": 0.5})
        folded = asking.post("/predict", json=pairs).json()["predictions"][0]
    expected = model.predict(4, 1).chances
    assert expected is not None
    assert own["chance_liked"] == pytest.approx(float(expected[0]))
    assert "chance_liked" not in fallen_back
    assert folded["chance_liked"] < own["chance_liked"]
    assert "chance_liked" not in client.post("/predict", json=pairs).json()["predictions"][0]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/users/jane/recommendations", 404, "user ids are whole numbers here"),
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


def test_a_list_for_somebody_unknown_stores_nothing(client: TestClient, models: Path) -> None:
    mine = {1: 5.0, 2: 1.5, 32: 4.0}
    ratings = [{"item": item, "rating": value} for item, value in mine.items()]
    answer = client.post("/recommendations", json={"ratings": ratings, "n": 4}).json()
    wanted = tm.load(models / "biased").recommend(ratings=mine, n=4)
    assert [one["item"] for one in answer["items"]] == list(wanted.items)
    assert answer["user"] is None
    assert all(one["reasons"]["exact"] for one in answer["items"])


@pytest.mark.parametrize(
    ("name", "ratings", "status", "said"),
    [
        ("biased", [{"item": 1, "rating": 6}], 422, "not on the scale"),
        ("biased", [{"item": 1, "rating": 5}, {"item": "1", "rating": 5}], 422, "twice"),
        ("biased", [{"item": 987_654, "rating": 5}], 422, "no item 987654"),
        ("neural", [{"item": 1, "rating": 5}], 409, "cannot take in new users"),
        ("clicks", [{"item": 1, "rating": 5}], 422, "give 1 for each"),
    ],
)
def test_ratings_of_somebody_unknown_that_cannot_be_taken_are_refused(
    serve: Serve, name: str, ratings: object, status: int, said: str
) -> None:
    answer = serve(name).post("/recommendations", json={"ratings": ratings})
    assert answer.status_code == status
    assert said in answer.json()["detail"]


def test_predictions_are_those_of_the_model_with_intervals(serve: Serve, models: Path) -> None:
    client, model = serve("bayesian"), tm.load(models / "bayesian")
    pairs = [(4, 1), (4, 50), (987_654, 1), (4, 987_654)]
    sent = {"pairs": [{"user": u, "item": i} for u, i in pairs], "interval": 0.8}
    found = client.post("/predict", json=sent).json()["predictions"]
    wanted = model.predict([u for u, _ in pairs], [i for _, i in pairs], interval=0.8)
    assert [one["prediction"] for one in found] == pytest.approx(wanted.values.tolist())
    assert [one["made_from"] for one in found] == wanted.sources
    assert wanted.interval is not None
    assert [one["low"] for one in found[:2]] == pytest.approx(wanted.interval.low[:2].tolist())
    assert "low" not in found[2]
    assert found[3].get("title") is None


def test_a_list_has_intervals_where_the_model_has_them(serve: Serve) -> None:
    with_them = serve("bayesian").get("/users/4/recommendations?interval=0.8&n=3").json()
    assert all(one["low"] <= one["score"] <= one["high"] for one in with_them["items"])
    answer = serve("biased").get("/users/4/recommendations?interval=0.8&n=3")
    assert answer.status_code == 409
    assert "BayesianMF" in answer.json()["detail"]


def test_questions_are_not_asked_twice(client: TestClient, models: Path) -> None:
    first = client.post("/next-questions", json={"n": 3}).json()["questions"]
    wanted = tm.load(models / "biased").ask_next(n=3)
    assert [one["item"] for one in first] == list(wanted.items)
    skip = [first[0]["item"]]
    ratings = [{"item": first[1]["item"], "rating": 4}]
    second = client.post("/next-questions", json={"n": 3, "skip": skip, "ratings": ratings}).json()
    asked = {one["item"] for one in second["questions"]}
    assert len(asked) == 3
    assert not asked & {first[0]["item"], first[1]["item"]}


def test_an_answer_is_remembered_until_the_user_says_something(serve: Serve) -> None:
    client = serve()
    service = client.app.state.shelf.live  # type: ignore[attr-defined]
    asked: list[object] = []
    recommend = service.recommend_many
    service.recommend_many = lambda *given: asked.append(given) or recommend(*given)
    for _ in range(3):
        client.get("/users/4/recommendations?n=2")
    assert len(asked) == 1
    client.post("/ratings", json={"user": 5, "item": 1, "rating": 5})
    client.get("/users/4/recommendations?n=2")
    assert len(asked) == 1
    client.post("/ratings", json={"user": 4, "item": 1, "rating": 0.5})
    client.get("/users/4/recommendations?n=2")
    assert len(asked) == 2


def test_the_same_newcomer_gets_the_same_answer_and_another_model_another(
    serve: Serve, models: Path, tmp_path: Path
) -> None:
    for name in ("biased", "ease"):
        shutil.copytree(models / name, tmp_path / "models" / name)
    client = serve("biased", tmp_path / "models")
    body = {"ratings": [{"item": 1, "rating": 5}], "n": 3}
    first, second = (client.post("/recommendations", json=body).json() for _ in range(2))
    assert first == second
    client.post("/admin/reload", json={"model": "ease"})
    assert client.post("/recommendations", json=body).json()["model"] == "ease"
