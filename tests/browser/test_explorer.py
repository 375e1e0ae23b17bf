"""The explorer in a real browser, from a real server, under the policy it is sent with."""

from __future__ import annotations

import re
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import tastemap as tm
from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tests.conftest import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PAGES = (
    "/",
    "/explore/map",
    "/explore/rankings",
    "/explore/components",
    "/explore/components/1",
    "/explore/items/1",
    "/explore/users/4",
    "/explore/taste",
    "/explore/model",
    "/explore/search?q=star",
    "/explore/nowhere",
)
MANY = 60_000
HOSTILE = f'{SCRIPT} <img src=x onerror="alert(2)">'


class Served:
    """A service on a port of its own, in a thread."""

    def __init__(self, root: Path, model: str) -> None:
        uvicorn = pytest.importorskip("uvicorn")
        from tastemap.web.app import create_app
        from tastemap.web.settings import Settings

        self.app = create_app(Settings(root=root, model=model, database=str(root / "f.sqlite")))
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        config = uvicorn.Config(self.app, log_level="warning", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],))

    def __enter__(self) -> Served:
        self.thread.start()
        until = time.monotonic() + 30
        while not self.server.started:
            assert self.thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=30)
        self.socket.close()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, movielens: Ratings) -> Iterator[Served]:
    """A posterior of the bundled ratings, quickly sampled, and two models beside it."""
    root = tmp_path_factory.mktemp("films")
    split = tm.split.random(movielens, valid_fraction=0.2, seed=42)
    quick = tm.BayesianMF(sweeps=24, burn_in=8, draws=8)
    quick.fit(split.train, split.valid).save(root / "bayes")
    tm.BiasesOnly().fit(split.train, split.valid).save(root / "biases")
    with Served(root, "bayes") as served:
        yield served


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """60,000 items, the most rated of which has a title that tries to be markup."""
    rng = np.random.default_rng(5)
    n = 400_000
    items = np.minimum((MANY * rng.random(n) ** 2.5).astype(np.int32), MANY - 1)
    items[:MANY] = np.arange(MANY)
    users = rng.integers(4000, size=n).astype(np.int32)
    pairs = np.unique(users.astype(np.int64) * MANY + items)
    users, items = (pairs // MANY).astype(np.int32), (pairs % MANY).astype(np.int32)
    side = np.sign(np.sin(users * 7.0) * np.sin(items * 3.0))
    values = np.clip(3.5 + side + rng.normal(size=len(pairs)) * 0.5, 1, 5).round()
    titles = [f"Film of the {number} ({1930 + number % 90})" for number in range(MANY)]
    ids = Vocabulary(pa.array(np.arange(MANY)), "item")
    titles[int(np.bincount(items).argmax())] = HOSTILE
    ratings = Ratings(
        users=users,
        items=items,
        values=values.astype(np.float32),
        user_ids=Vocabulary(pa.array(np.arange(4000)), "user"),
        item_ids=ids,
        catalog=Catalog(ids, pa.table({"title": titles, "genres": ["Drama", "Comedy"] * 30_000})),
    )
    root = tmp_path_factory.mktemp("crowd")
    tm.BiasedMF(solver="als", factors=4).fit(ratings).save(root / "m")
    with Served(root, "m") as served:
        yield served


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens a page, and at the end says whether anything went wrong in it."""
    wrong: list[str] = []
    contexts = []

    def opened(served: Served, address: str, **context: Any) -> Page:
        made = browser.new_context(**{"viewport": DESK, **context})
        contexts.append(made)
        page = made.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda asked: _stays(asked.url, served, wrong))
        page.goto(served.address + address)
        return page

    yield opened
    for one in contexts:
        one.close()
    expected = re.compile("the server responded with a status of 4(04|22)")
    assert [text for text in wrong if not expected.search(text)] == []


def _stays(url: str, served: Served, wrong: list[str]) -> None:
    if not url.startswith((served.address, "data:", "blob:")):
        wrong.append(f"asked {url}")


def ready(page: Page) -> None:
    """Wait for the interactive map."""
    page.locator("#taste-map[data-ready]").wait_for()


def rate(page: Page, value: str) -> str:
    """Rate what is asked first, and say what it was."""
    card = page.locator("#questions .card").first
    title = card.locator("a").inner_text()
    card.get_by_role("button", name=value, exact=True).click()
    page.locator("#rated .card a", has_text=title).wait_for()
    return title


def listed(page: Page) -> list[str]:
    return page.locator("#next tbody th a").all_inner_texts()


def place(page: Page) -> str | None:
    return page.locator("#place .mark-here").get_attribute("transform")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES)
def test_every_page_is_accessible_and_fits(
    films: Served, visit: Open, address: str, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = visit(films, address, color_scheme=scheme, reduced_motion="reduce")
    if address == "/explore/map":
        ready(page)
    found = axe.Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    told = [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in grave]
    assert told == []
    for size in (DESK, PHONE, {"width": 320, "height": 640}):
        page.set_viewport_size(size)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, size
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(19, 20, 23)")


def test_a_newcomer_rates_a_few_and_sees_what_follows(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/taste", reduced_motion="reduce")
    assert len(listed(page)) == 10
    said, places = [page.locator("#next").inner_text()], [place(page)]
    rated = []
    for value in ("5", "1", "4.5", "5"):
        rated.append(rate(page, value))
        said.append(page.locator("#next").inner_text())
        places.append(place(page))
        assert not set(rated) & set(listed(page))
    assert len(set(said)) == 5
    assert len(set(places)) == 5
    assert page.locator("#next .why").count()
    assert page.locator("#next thead").inner_text().count("80%")
    assert page.url.endswith("/explore/taste")
    assert "After 4 ratings" in page.locator("#said").inner_text()
    page.get_by_role("button", name=f"Take back the rating of {rated[0]}").click()
    page.locator("#rated .card a", has_text=rated[0]).wait_for(state="detached")
    page.locator("#q").fill("godfather")
    page.locator("#q").press("Enter")
    page.locator("#found .card").first.wait_for()
    store = films.app.state.store
    assert len(store.table()) == 0
    page.get_by_text("Keep these ratings").click()
    page.locator("#keep-user").fill("90210")
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("heading", name="User 90210").wait_for()
    assert len(store.of_user("90210").ratings) == 3
    store.forget("90210").result(timeout=10)


def test_rows_and_the_visitor_glide(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/taste")
    rate(page, "5")
    assert page.evaluate("document.getAnimations().length") > 0


def test_a_mistake_is_said_and_nothing_is_lost(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/taste")
    title = rate(page, "5")
    page.evaluate("document.querySelector('#questions button').value = '99'")
    page.locator("#questions button").first.click()
    page.locator("#said").get_by_text("not on the scale").wait_for()
    assert page.locator("#rated .card a").all_inner_texts() == [title]


def test_a_wrong_id_loses_nothing_and_is_said_at_its_field(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/taste", reduced_motion="reduce")
    title = rate(page, "5")
    page.get_by_text("Keep these ratings").click()
    page.locator("#keep-user").fill("ann")
    page.locator("#keep-user").press("Enter")
    page.get_by_role("alert").get_by_text("User ids are whole numbers here").wait_for()
    assert page.locator("#rated .card a").all_inner_texts() == [title]
    assert page.evaluate("document.activeElement.id") == "keep-user"
    assert page.locator("#keep-user").input_value() == "ann"
    page.locator("#keep-user").fill("90211")
    page.locator("#keep-user").press("Enter")
    page.get_by_role("heading", name="User 90211").wait_for()
    store = films.app.state.store
    assert len(store.of_user("90211").ratings) == 1
    store.forget("90211").result(timeout=10)


def test_ratings_outlive_a_look_at_another_page(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/taste", reduced_motion="reduce")
    rated = [rate(page, "5"), rate(page, "1")]
    held = page.locator("#rated .card a")
    page.locator("#next tbody th a").first.click()
    page.wait_for_url("**/explore/items/*")
    for back in (page.go_back, page.reload):
        back()
        page.locator("#rated .card").nth(1).wait_for()
        assert sorted(held.all_inner_texts()) == sorted(rated)
        assert page.locator("#rated [aria-pressed]").count() == 2
    page.get_by_role("link", name="Map", exact=True).first.click()
    page.get_by_role("link", name="Your taste").click()
    page.locator("#rated .card").nth(1).wait_for()
    page.get_by_role("link", name="Start again").click()
    page.wait_for_load_state()
    assert held.count() == 0
    page.reload()
    assert held.count() == 0
    assert "rate" not in films.app.state.store.table()["action"].to_pylist()


def test_a_phone_shows_what_a_rating_changed(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/taste", viewport=PHONE, reduced_motion="reduce")
    line = page.locator("#after")
    assert line.is_hidden()
    rate(page, "5")
    assert "After 1 rating, first: " in line.inner_text()
    box = line.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] == pytest.approx(PHONE["height"], abs=2)
    line.get_by_role("link").first.click()
    assert page.locator("#next-h").bounding_box()["y"] < PHONE["height"]  # type: ignore[index]
    page.set_viewport_size(DESK)
    assert line.is_hidden()


def test_rating_by_keyboard_goes_on_to_the_next_question(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/taste")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # the first title
    page.keyboard.press("Tab")  # its first rating
    for number in (1, 2):
        assert page.evaluate("document.activeElement.matches('#questions button')")
        page.keyboard.press("Enter")
        page.locator(f"#rated .card >> nth={number - 1}").wait_for()
        page.locator("#taste:not([aria-busy])").wait_for()
    page.locator("#q").focus()
    page.keyboard.type("matrix")
    page.keyboard.press("Enter")
    page.locator("#found .card").first.wait_for()
    assert page.locator("#rated .card").count() == 2


def test_the_map_is_walked_by_keyboard_to_the_page_of_an_item(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/map")
    ready(page)
    page.locator(".tm-plot").focus()
    page.keyboard.press("/")
    page.keyboard.type("alien (1979)")
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="Open its page")
    link.wait_for()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "tm-open":
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Alien (1979)").wait_for()


def test_the_map_shows_an_item_and_a_user_asked_for(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/map?user=4")
    ready(page)
    assert "User 4" in page.locator("#map-about").inner_text()
    page = visit(films, "/explore/map?item=1")
    ready(page)
    page.locator(".tm-card", has_text="Toy Story (1995)").wait_for()
    page.get_by_role("link", name="Open its page").click()
    page.get_by_role("heading", name="Toy Story (1995)").wait_for()


def test_the_map_says_what_a_finger_can_do(films: Served, visit: Open) -> None:
    for touch, said in ((False, "Hover over a point"), (True, "Tap a point")):
        page = visit(films, "/explore/map", viewport=PHONE, has_touch=touch, is_mobile=touch)
        ready(page)
        text = page.locator("#map-about").inner_text()
        assert said in text
        assert ("shift" in text) == (not touch)
        assert page.get_by_label("Find a title").count() == 1


def test_what_the_map_shows_stands_in_its_address(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/map?x=2&y=nonsense&colour=year")
    ready(page)
    axes = [page.get_by_label(f"{name} axis") for name in ("Horizontal", "Vertical")]
    assert [one.input_value() for one in axes] == ["2", "3"]
    assert page.get_by_label("Colour").input_value() == "year"
    axes[1].select_option("1")
    page.get_by_label("Colour").select_option("genres")
    page.wait_for_url("**/explore/map?x=2&y=1&colour=genres")


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_everything_is_there_without_scripts(
    films: Served, visit: Open, size: dict[str, int]
) -> None:
    page = visit(films, "/", java_script_enabled=False, viewport=size)
    page.get_by_role("link", name="Find your place on it").click()
    first = listed(page)
    for number in (1, 2):
        page.locator("#questions .card").first.get_by_role("button", name="5", exact=True).click()
        assert page.locator("#rated .card").count() == number
    assert listed(page) != first
    page.goto(f"{films.address}/explore/map")
    assert page.locator("svg.scatter").is_visible()
    assert "needs JavaScript" in page.content()
    assert page.locator(".scripted").is_hidden()
    page.goto(f"{films.address}/explore/rankings")
    page.get_by_label("Genres").select_option("Western")
    page.get_by_role("button", name="Show").click()
    about = page.locator("tbody th small").all_inner_texts()
    assert about
    assert all("Western" in one for one in about)
    page.get_by_role("searchbox").fill("toy story")
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("link", name="Toy Story (1995)").click()
    page.get_by_role("heading", name="Toy Story (1995)").wait_for()


def test_another_model_is_served_and_back(films: Served, visit: Open) -> None:
    page = visit(films, "/explore/model")
    page.get_by_role("button", name="Serve biases").click()
    page.get_by_role("heading", name="biases", exact=True, level=1).wait_for()
    page.get_by_role("button", name="Serve bayes").click()
    page.get_by_role("heading", name="bayes", exact=True, level=1).wait_for()


def test_sixty_thousand_items_and_a_title_with_markup(crowd: Served, visit: Open) -> None:
    page = visit(crowd, "/explore/map")
    ready(page)
    assert "60,000 items" in page.locator(".tm-plot").get_attribute("aria-label")
    page.locator(".tm-input").fill("<script>")
    page.locator(".tm-hit").first.click()
    card = page.locator(".tm-card", has_text=HOSTILE)
    card.wait_for()
    page.get_by_role("link", name="Open its page").click()
    page.get_by_role("heading", name=HOSTILE).wait_for()
    for address in ("/", "/explore/rankings", "/explore/components", "/explore/taste"):
        page.goto(crowd.address + address)
    assert page.locator("#place").is_visible()
