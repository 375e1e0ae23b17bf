import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import tastemap as tm
from tests.web.conftest import Serve


def test_search_finds_every_word_most_rated_first(client: TestClient, models: Path) -> None:
    found = client.get("/items?search=WARS%20star").json()
    titles = [one["title"] for one in found["items"]]
    assert titles
    assert all("star" in one.casefold() and "wars" in one.casefold() for one in titles)
    assert found["total"] == len(titles)
    counts = [one["ratings"] for one in found["items"]]
    assert counts[0] == max(counts)


def test_search_takes_what_is_spelled_alike_where_nothing_fits(client: TestClient) -> None:
    found = client.get("/items", params={"search": "Termnator, The (1984)"}).json()
    assert found["items"][0]["title"] == "Terminator, The (1984)"


def test_items_are_listed_a_page_at_a_time(client: TestClient) -> None:
    ask = "/items?n=4&include=genres=War&exclude=genres=Drama"
    first, second = (client.get(f"{ask}&offset={offset}").json() for offset in (0, 4))
    together = [*first["items"], *second["items"]]
    assert len({one["item"] for one in together}) == 8
    counts = [one["ratings"] for one in together]
    assert counts == sorted(counts, reverse=True)
    genres = [one["metadata"]["genres"].split("|") for one in together]
    assert all("War" in one and "Drama" not in one for one in genres)


def test_an_item_says_what_is_known_of_it(serve: Serve, models: Path) -> None:
    client, model = serve("bayesian"), tm.load(models / "bayesian")
    item = client.get("/items/1").json()
    ranking = model.item_biases(model.ratings.n_items)
    row = list(ranking.items).index(1)
    assert item["title"] == "Toy Story (1995)"
    assert item["ratings"] == ranking.counts[row]
    assert item["mean"] == pytest.approx(ranking.means[row])
    assert item["bias"] == pytest.approx(ranking.biases[row])
    assert ranking.deviations is not None
    assert item["deviation"] == pytest.approx(ranking.deviations[row])


def test_similar_items_are_those_of_the_model(client: TestClient, models: Path) -> None:
    found = client.get("/items/1/similar?n=5&min_ratings=10").json()
    wanted = tm.load(models / "biased").similar_items(1, 5, min_ratings=10)
    assert [one["item"] for one in found["items"]] == list(wanted.items)


def test_components_and_biases_are_those_of_the_model(client: TestClient, models: Path) -> None:
    model = tm.load(models / "biased")
    first = client.get("/components?n=2&items=4").json()["components"][0]
    component = model.components(2)[0]
    assert first["share"] == pytest.approx(component.share)
    assert [one["item"] for one in first["high"]] == list(component.top(4).items)
    assert [one["item"] for one in first["low"]] == list(component.bottom(4).items)
    biases = client.get("/biases?n=3").json()
    ranking = model.item_biases()
    assert [one["item"] for one in biases["top"]] == list(ranking.top(3).items)
    assert [one["item"] for one in biases["bottom"]] == list(ranking.bottom(3).items)


def test_the_map_has_every_item_with_ratings(client: TestClient, models: Path) -> None:
    packed = client.get("/map", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = client.get("/map", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    data = plain.json()
    points = tm.load(models / "biased").components(3).map(0, 2)
    assert data["id"] == list(points.items)
    assert len(data["title"]) == len(data["coords"]["1"]) == len(points.items)


def test_the_map_is_that_of_the_explorer_in_deviations(client: TestClient, models: Path) -> None:
    data = client.get("/map").json()
    pages = client.get("/explore/map.json").json()
    assert data.pop("model") == "biased"
    assert [str(one) for one in data.pop("id")] == pages.pop("id")
    assert data == pages
    found = client.get("/components?n=3").json()["components"]
    model = tm.load(models / "biased").components(3)
    codes = model.map(0, 1).codes
    ranked = np.isin(codes, model.ranked)
    for one, raw in zip(found, model.coordinates, strict=True):
        along = np.array(data["coords"][str(one["component"])])
        assert along[ranked].std() == pytest.approx(1, abs=0.001)
        np.testing.assert_allclose(along, raw[codes] / one["deviation"], atol=0.00051)


def test_the_packed_map_is_the_plain_one(client: TestClient) -> None:
    plain, packed = client.app.state.shelf.live.reading.map  # type: ignore[attr-defined]
    assert json.loads(gzip.decompress(packed)) == json.loads(plain)


@pytest.mark.parametrize("path", ["/components", "/map", "/biases", "/items/1/similar"])
def test_what_a_model_does_not_have_is_said(serve: Serve, path: str) -> None:
    answer = serve("popularity").get(path)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:tastemap:problem:not-fitted-for"
    assert "fit" in answer.json()["detail"]
