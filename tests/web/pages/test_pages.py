"""The explorer's pages as they are sent: what they say, what they escape, how they fail."""

from __future__ import annotations

import gzip
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest
from starlette.testclient import TestClient

import tastemap as tm
from tastemap.web.app import create_app
from tastemap.web.pages.site import assets, version
from tastemap.web.settings import Settings
from tests.conftest import SCRIPT, interactions, make_ratings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tastemap.data.ratings import Ratings
    from tastemap.training.recipe import Recipe

PAGES = (
    "/",
    "/explore/map",
    "/explore/map?user=4",
    "/explore/rankings",
    "/explore/rankings?order=worst&f.genres=Drama&f.year.from=1990&f.year.to=1999&least=5",
    "/explore/rankings?order=title&page=2",
    "/explore/components",
    "/explore/components/2?order=ratings",
    "/explore/items/1",
    "/explore/users/4",
    "/explore/users/4?order=surprise&page=2",
    "/explore/search?q=matrix",
    "/explore/taste",
    "/explore/model",
)
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Wellformed(HTMLParser):
    """Follows start and end tags, and collects what could run or style in line."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        inline = [name for name in named if name.startswith("on") or name == "style"]
        if inline or (tag == "script" and not named.get("src")) or tag == "style":
            self.wrong.append(f"<{tag} {inline}> in line")
        if "id" in named:
            self.ids.append(str(named["id"]))
        self.links += [str(named[name]) for name in ("href", "src", "action") if named.get(name)]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> out of place")


def read(text: str) -> Wellformed:
    page = Wellformed()
    page.feed(text)
    page.close()
    return page


def some_ratings() -> Ratings:
    """Thirty users, twenty items, each user about half of them."""
    rng = np.random.default_rng(3)
    return make_ratings(
        [
            (user, int(item), float(rng.integers(1, 6)))
            for user in range(30)
            for item in rng.choice(20, 12, replace=False)
        ]
    )


def served(root: Path, model: str) -> TestClient:
    database = root / f"{model}.sqlite"
    settings = Settings(root=root, model=model, database=str(database))
    return TestClient(create_app(settings), base_url="http://localhost")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Users, items and metadata that try to be markup; ids with slashes and spaces."""
    rng = np.random.default_rng(3)
    items = [f"a/b {SCRIPT}", '"><img src=x>', *(f"item {number}" for number in range(18))]
    rows = [
        (f"{SCRIPT} {user}", items[item], float(rng.integers(1, 6)))
        for user in range(30)
        for item in rng.choice(20, 12, replace=False)
    ]
    rows = [(rows[0][0], item, 3.0) for item in items] + rows[12:]
    metadata: dict[str, list[object]] = {
        "title": [SCRIPT, '"><b>bold</b>', *(f"Film {number}" for number in range(18))],
        "genres": [f"{SCRIPT}|Drama", "Drama|Comedy", *["Comedy"] * 18],
    }
    ratings = make_ratings(list({row[:2]: row for row in rows}.values()), metadata=metadata)
    root = tmp_path_factory.mktemp("hostile")
    tm.BiasedMF(solver="als", factors=4).fit(ratings).save(root / "m")
    with served(root, "m") as client:
        yield client


@pytest.mark.parametrize("address", PAGES)
def test_pages_are_wellformed_and_run_nothing_in_line(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = read(answer.text)
    assert page.wrong == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"\bnan\b|None|\binf\b", re.sub(r"<[^>]*>", " ", answer.text))


def test_links_of_the_first_pages_lead_somewhere(client: TestClient) -> None:
    links = {link for address in PAGES for link in read(client.get(address).text).links}
    inside = sorted(link.partition("#")[0] for link in links if not link.startswith("#"))
    assert all(link.startswith("/") for link in inside)
    some = [link for link in inside if link.startswith(("/explore/items", "/explore/comp", "/st"))]
    for link in (*some[:40], *(link for link in inside if "?" in link)):
        assert client.get(link).status_code == 200, link


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/explore/map",
        "/explore/rankings?least=1",
        "/explore/components",
        "/explore/items/a%2Fb%20%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/explore/items/%22%3E%3Cimg%20src=x%3E",
        "/explore/users/%3Cscript%3Ealert(1)%3C%2Fscript%3E%200",
        "/explore/search?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/explore/items/%3Cscript%3E",
    ],
)
def test_titles_ids_and_metadata_stay_text(hostile: TestClient, address: str) -> None:
    answer = hostile.get(address)
    assert answer.status_code == (404 if address.endswith("items/%3Cscript%3E") else 200)
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert "<b>" not in answer.text
    assert read(answer.text).wrong == []


def test_links_with_slashes_and_markup_lead_to_their_item(hostile: TestClient) -> None:
    links = read(hostile.get("/explore/rankings?least=1&order=title").text).links
    items = [link for link in links if link.startswith("/explore/items/")]
    assert len(items) == 20
    for link in items:
        assert hostile.get(link).status_code == 200


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/explore/items/999999", 404, "No item has the id 999999"),
        ("/explore/items/none", 404, "none"),
        ("/explore/users/999999", 404, "No user has the id 999999"),
        ("/explore/components/99", 404, "There are components 1 to"),
        ("/explore/nowhere", 404, "There is no such page"),
        ("/explore/rankings?order=sideways", 422, "order must be one of"),
        ("/explore/rankings?least=many", 422, "least must be a whole number"),
        ("/explore/rankings?f.year.from=soon", 422, "must be a number"),
        ("/explore/rankings?page=0", 422, "page must be a whole number"),
        ("/explore/map?user=999999", 404, ""),
    ],
)
def test_what_is_not_there_is_said_on_a_page(
    client: TestClient, address: str, status: int, said: str
) -> None:
    answer = client.get(address)
    assert answer.status_code == status
    assert said in answer.text
    assert 'href="/"' in answer.text
    assert read(answer.text).wrong == []


def test_people_get_a_page_and_programs_a_problem(client: TestClient) -> None:
    page = client.get("/nothing", headers={"accept": "text/html,*/*"})
    assert (page.status_code, read(page.text).wrong) == (404, [])
    assert "There is no such page" in page.text
    problem = client.get("/nothing")
    assert problem.headers["content-type"] == "application/problem+json"
    assert "/openapi.json" in problem.json()["detail"]
    problem = client.delete("/health")
    assert problem.status_code == 405
    assert problem.headers["allow"]
    assert "Allow" in problem.json()["detail"]


def test_the_log_of_requests_names_pages_by_their_route(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "tastemap.web.access"):
        for address in ("/", "/explore/users/4", "/explore/map", "/openapi.json", "/sign-in"):
            client.get(address, follow_redirects=False)
    said = [record.getMessage() for record in caplog.records]
    routes = ["GET / 200", "GET /explore/users/{id:path} 200", "GET /explore/map 200"]
    routes += ["GET /openapi.json 200", "GET /sign-in 303"]
    assert len(said) == len(routes)
    assert all(one.startswith(route) for one, route in zip(said, routes, strict=True))


def test_rankings_are_filtered_and_ordered(client: TestClient, movielens: Ratings) -> None:
    text = client.get("/explore/rankings?f.genres=Western&least=30&order=worst").text
    rows = re.findall(r'rank">([\d,]+)</td><th scope="row"><a href="/explore/items/(\d+)"', text)
    catalog = movielens.catalog
    fits = catalog.matches({"genres": "Western"}) & (movielens.item_counts >= 30)
    assert {int(item) for _, item in rows} == set(movielens.item_ids.raws(np.flatnonzero(fits)))
    assert [int(place) for place, _ in rows] == list(range(1, len(rows) + 1))
    biases = [
        float(one) for one in re.findall(r'class="n"><span>([+−.\d]+)<', text.replace("−", "-"))
    ]
    assert biases == sorted(biases)
    assert 'rank">51<' in client.get("/explore/rankings?page=2").text
    empty = client.get("/explore/rankings?f.genres=Western&least=100000").text
    assert "No item fits." in empty


def test_a_model_that_does_not_say_how_sure_it_is_shows_no_margins(client: TestClient) -> None:
    assert "±" not in client.get("/").text
    assert "does not say how sure it is" in client.get("/explore/rankings").text


def test_the_model_page_draws_errors_and_writes_settings_for_people(client: TestClient) -> None:
    text = client.get("/explore/model").text
    assert ">als<" in text
    assert "&#39;als&#39;" not in text
    assert "Settings of BiasedMF" in text


def test_a_chain_is_told_in_sweeps_with_its_burn_in(movielens: Ratings, tmp_path: Path) -> None:
    few = movielens.take(np.arange(2000))
    split = tm.split.random(few, valid_fraction=0.2, seed=0)
    recipe = tm.BayesianMF(factors=2, sweeps=9, burn_in=3, draws=2)
    recipe.fit(split.train, valid=split.valid).save(tmp_path / "bayes")
    tm.BiasesOnly().fit(split.train, valid=split.valid).save(tmp_path / "floor")
    with served(tmp_path, "bayes") as client:
        text = client.get("/explore/model").text
    curve = text[text.index("Learning curve</h2>") : text.index('id="data-h"')]
    assert "over 9 sweeps" in curve
    assert "3 sweeps are the burn-in" in curve
    assert 'class="burn-in"' in curve
    assert "epoch" not in curve
    assert "learning rate" not in curve
    assert len(re.findall(r'<th scope="row" class="n">\d', curve)) == 9
    assert 'the upright is <span dir="auto">floor</span>' in text
    assert text.count('r="5"') == 2


def test_a_search_finds_words_in_any_order_and_near_titles(client: TestClient) -> None:
    assert "Matrix, The (1999)" in client.get("/explore/search?q=the+matrix").text
    assert "Amelie" in client.get("/explore/search?q=am%C3%A9lie").text
    assert "Spelt nearly so" in client.get("/explore/search?q=Alienn+(1979)").text
    assert (
        "those that begin so first, then the most rated"
        in client.get("/explore/search?q=star").text
    )
    assert "Try fewer words" in client.get("/explore/search?q=zzzz+qqqq").text
    assert "No item has the id nope." in client.get("/explore/items/nope").text
    there = client.get("/explore/search?user=4", follow_redirects=False)
    assert (there.status_code, there.headers["location"]) == (303, "/explore/users/4")


def test_a_user_page_counts_feedback_at_once(models: Path, tmp_path: Path) -> None:
    settings = Settings(root=models, model="biased", database=str(tmp_path / "f.sqlite"))
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        store = client.app.state.store  # type: ignore[attr-defined]
        before = client.get("/explore/users/4").text
        item = re.findall(r'data-item="(\d+)"', before)[0]
        store.rate("4", item, 0.5).result(timeout=10)
        after = client.get("/explore/users/4?order=low").text
        assert "changed since training" in after
        assert item not in re.findall(r'data-item="(\d+)"', after)
        assert after.count("since training</span>") == 1


@pytest.mark.parametrize("recipe", [tm.EASE(), tm.Popularity(), tm.BiasesOnly(), tm.GlobalMean()])
def test_models_without_components_or_biases_say_so(recipe: Recipe, tmp_path: Path) -> None:
    ratings = some_ratings()
    if recipe.name in ("ease", "popularity"):
        ratings = interactions(ratings)
    recipe.fit(ratings).save(tmp_path / "m")
    with served(tmp_path, "m") as client:
        for address in ("/", "/explore/rankings", "/explore/components", "/explore/map"):
            answer = client.get(address)
            assert answer.status_code == 200, address
            assert read(answer.text).wrong == []
        assert "has no components" in client.get("/explore/map").text.replace("so it ", "")
        assert client.get("/explore/map.json").status_code == 404
        assert client.get("/explore/items/3").status_code == 200
        assert client.get("/explore/users/4").status_code == 200


def test_the_map_gets_ids_and_every_component(client: TestClient, movielens: Ratings) -> None:
    answer = client.get("/explore/map.json")
    data = json.loads(answer.content)
    assert len(data["id"]) == len(data["title"]) == np.count_nonzero(movielens.item_counts)
    assert list(data["coords"]) == ["1", "2", "3", "4", "5", "6"]
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get("/explore/map.json", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content
    known = {"if-none-match": answer.headers["etag"]}
    assert client.get("/explore/map.json", headers=known).status_code == 304


def test_scripts_and_styles_are_kept_for_as_long_as_they_are_the_same(client: TestClient) -> None:
    for name, asset in assets().items():
        answer = client.get(f"/static/{version()}/{name}")
        assert answer.content == asset.body
        assert gzip.decompress(asset.packed) == asset.body
        assert "immutable" in answer.headers["cache-control"]
        assert client.get(f"/static/old/{name}").headers["cache-control"] == "no-cache"
    assert client.get(f"/static/{version()}/..%2Fsite.py").status_code == 404
    assert client.get(f"/static/{version()}/__init__.py").status_code == 404
