"""The map of taste in a real browser, offline and under a strict content policy."""

from __future__ import annotations

import io
import json
import re
import time
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser

FILES = ("map-view.js", "map-parts.js", "map-gestures.js", "map.js")
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(2)>"
FAR, LONE = 0, 1  # items drawn apart from all others, so that a test can point at them
WHITE, ROOM = (255, 255, 255), 3000
POLICY = (
    "default-src 'none'; script-src 'nonce-test'; style-src 'nonce-test'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
NO_WEBGL = """
const plain = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind === "webgl2" ? null : plain.call(this, kind, ...rest);
};
"""


def source(name: str) -> str:
    return resources.files("tastemap.maps").joinpath(name).read_text(encoding="utf-8")


def inlined() -> str:
    """The four files as their header says to inline them."""
    return re.sub(r"(?m)^import .*\n", "", "\n".join(map(source, FILES)))


def films(n: int) -> dict[str, Any]:
    """Clusters of films; two lie apart, the most rated of which has a hostile title."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(12, 3)) * [1.2, 0.7, 0.7]
    places = centres[rng.integers(12, size=n)] + rng.normal(size=(n, 3)) * 0.3
    places = np.clip(places, -3, 3)
    places[FAR], places[LONE] = (4.87, 4, 3.87), (-4.87, -4, -3.87)  # between the grid lines
    counts = (3 * (1 + rng.pareto(0.9, n))).clip(max=20_000).astype(int)
    counts[FAR], counts[LONE] = 30_000, 25_000
    titles = [f"Film of the {number} ({1930 + number % 90})" for number in range(n)]
    titles[FAR], titles[LONE], titles[7] = HOSTILE, "Amélie (2001)", "Matrix, The (1999)"
    years: list[int | None] = [1930 + number % 90 for number in range(n)]
    years[FAR] = None
    return {
        "items": "films",
        "title": titles,
        "count": counts.tolist(),
        "coords": {str(k + 1): places[:, k].round(4).tolist() for k in range(3)},
        "axis_labels": {"1": "Component 1", "2": "Component 2", "3": HOSTILE},
        "colour": {
            "bias": {"kind": "number", "label": "Bias", "values": places[:, 1].tolist()},
            "genre": {
                "kind": "category",
                "label": "Genre",
                "values": [f"Genre {rng.integers(13)}" for _ in titles],
            },
        },
        "fields": {"year": years, "genres": [["Drama", HOSTILE]] * n},
        "x": "1",
        "y": "3",
    }


def html(data: dict[str, Any], options: str) -> str:
    safe = json.dumps(data).replace("<", "\\u003c")
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style nonce="test">body {{ margin: 10px; background: #fff }} {source("map.css")}</style></head>
<body><div id="place" aria-label="Taste"></div><p id="about">About</p>
<script type="application/json" id="data">{safe}</script>
<script type="module" nonce="test">{inlined()}
window.createMap = createMap;
window.data = JSON.parse(document.getElementById("data").textContent);
window.said = [];
window.map = createMap(document.getElementById("place"), window.data, {options});
for (const name of ["select", "focus", "axes"]) map.on(name, (...v) => said.push([name, ...v]));
</script></body></html>"""


@pytest.fixture
def open_map(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open a page with a map; any message in the console or failed request fails the test."""
    problems: list[str] = []
    contexts = []

    def opened(n: int = ROOM, options: str = "{}", script: str = "", **settings: Any) -> Page:
        file = tmp_path / "map.html"
        file.write_text(html(films(n), options), encoding="utf-8")
        settings = {"viewport": {"width": 1100, "height": 760}, "offline": True, **settings}
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(f"asked for {request.url}"))
        page.on("dialog", lambda dialog: (problems.append("a script ran"), dialog.dismiss()))
        if script:
            page.add_init_script(script)
        page.goto(file.as_uri())
        settle(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def settle(page: Page, seconds: float = 60) -> None:
    """Wait until the map stands still. (Not wait_for_function, which the policy forbids.)"""
    end = time.monotonic() + seconds
    while not page.evaluate("Boolean(window.map) && !map.state().moving"):
        assert time.monotonic() < end, "the map never came to rest"
        page.wait_for_timeout(30)


def state(page: Page) -> dict[str, Any]:
    settle(page)
    return page.evaluate("map.state()")


def at(page: Page, item: int) -> tuple[float, float]:
    """Where an item is, on the page."""
    settle(page)
    x, y = page.evaluate(f"map.locate({item})")
    box = page.locator(".tm-plot").bounding_box()
    assert box is not None
    return box["x"] + x, box["y"] + y


def pixel(page: Page, x: float, y: float) -> tuple[int, ...]:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    picture = image.open(io.BytesIO(page.screenshot())).convert("RGB")
    scale = page.evaluate("devicePixelRatio")
    colour: tuple[int, ...] = picture.getpixel((round(x * scale), round(y * scale)))
    return colour


def test_draws_offline_under_a_strict_policy(open_map: Open) -> None:
    page = open_map(options="{ describedBy: 'about' }")
    now = state(page)
    assert now["renderer"] == "webgl2"
    assert (now["x"], now["y"], now["colour"], now["zoom"]) == ("1", "3", "bias", 1)
    x, y = at(page, FAR)
    red, _, blue = pixel(page, x, y)
    assert red > blue + 40  # orange: liked beyond its audience
    assert pixel(page, x - 45, y + 60) == WHITE
    red, _, blue = pixel(page, *at(page, LONE))
    assert blue > red + 40
    plot = page.get_by_role("application")
    assert plot.get_attribute("aria-describedby") == "about"
    assert f"{ROOM:,} films" in (plot.get_attribute("aria-label") or "")
    assert page.get_by_role("group", name="Taste").count() == 1


def test_works_from_files_that_only_allow_themselves(browser: Browser) -> None:
    policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
    pages = {
        "/": '<!doctype html><link rel="stylesheet" href="/map.css"><div id="place"></div>'
        '<script type="module" src="/start.js"></script>',
        "/start.js": 'import { createMap } from "/map.js"; const answer = await fetch("/data");'
        'window.map = createMap(document.getElementById("place"), await answer.json());',
        "/data": json.dumps(films(300)),
        **{f"/{name}": source(name) for name in (*FILES, "map.css")},
    }
    kinds = {"js": "text/javascript", "css": "text/css", "/": "text/html"}
    context = browser.new_context()
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))

    def answer(route: Any) -> None:
        path = route.request.url.removeprefix("http://map.test")
        kind = kinds.get(path.rpartition(".")[2], "application/json")
        headers = {"content-type": kind, "content-security-policy": policy}
        route.fulfill(body=pages.get(path, ""), headers=headers)

    page.route("**/*", answer)
    page.goto("http://map.test/")
    settle(page)
    assert len(state(page)["labels"]) > 3
    assert page.locator(".tm-ramp").evaluate("node => getComputedStyle(node).backgroundImage") != (
        "none"
    )
    context.close()
    assert problems == []


@pytest.mark.parametrize("name", FILES)
def test_source_has_nothing_a_policy_or_a_page_would_trip_over(name: str) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    forbidden += r"|\"style\"|cssText|</script|<!--|https?://(?!www.w3.org)"
    assert re.findall(forbidden, source(name)) == []


def test_search_jumps_and_announces(open_map: Open) -> None:
    page = open_map()
    page.locator(".tm-plot").focus()
    page.keyboard.press("/")
    page.keyboard.type("amelie")
    box = page.get_by_role("combobox", name="Find a title")
    assert box.get_attribute("aria-expanded") == "true"
    assert page.locator(".tm-hit[role=option]").all_inner_texts()[0].startswith("Amélie (2001)")
    assert page.get_by_role("status").inner_text() == "1 suggestion"
    page.keyboard.press("Enter")
    now = state(page)
    assert now["focused"] == LONE
    assert now["zoom"] > 5
    assert page.get_by_role("status").inner_text() == "Found Amélie (2001), 25,000 ratings"
    plot = page.locator(".tm-plot").bounding_box()
    x, y = at(page, LONE)
    assert plot is not None
    assert abs(x - plot["x"] - plot["width"] / 2) < 2
    assert abs(y - plot["y"] - plot["height"] / 2) < 2
    assert box.get_attribute("aria-expanded") == "false"


def test_search_walks_its_suggestions(open_map: Open) -> None:
    page = open_map()
    box = page.get_by_role("combobox", name="Find a title")
    box.fill("the matrix")  # words in any order
    assert page.locator(".tm-hit[role=option]").all_inner_texts()[0].startswith("Matrix, The")
    box.fill("film of the 1")
    options = page.locator(".tm-hit[role=option]")
    assert options.count() == 8
    page.keyboard.press("ArrowDown")
    assert options.nth(1).get_attribute("aria-selected") == "true"
    assert box.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    box.fill("no such film")
    assert page.get_by_role("status").inner_text() == "No title found"
    page.keyboard.press("Enter")
    assert state(page)["focused"] is None


def test_hostile_text_stays_text(open_map: Open) -> None:
    page = open_map()
    page.get_by_role("combobox", name="Find a title").fill("<script>")
    option = page.locator(".tm-hit[role=option]").first
    assert HOSTILE in option.inner_text()
    option.click()
    settle(page)
    assert page.locator(".tm-title").inner_text() == HOSTILE
    assert HOSTILE in page.locator(".tm-card dl").inner_text()
    page.evaluate(f"map.select([{FAR}])")
    assert HOSTILE in page.locator(".tm-list").inner_text()
    assert page.locator("#place :is(script, img)").count() == 0
    page.wait_for_timeout(100)  # a dialog would fail the test when the page closes


def test_the_card_of_a_chosen_item_links_to_its_page(open_map: Open) -> None:
    page = open_map(options="{ href: (index) => `#item-${index}` }")
    link = page.get_by_role("link", name="Open its page")
    x, y = at(page, LONE)
    page.mouse.move(x, y)
    settle(page)
    assert page.locator(".tm-card").is_visible()
    assert link.is_hidden()
    page.mouse.click(x, y)
    page.mouse.move(x + 200, y)
    centre = state(page)["centre"]
    link.click()
    assert page.evaluate("location.hash") == f"#item-{LONE}"
    assert state(page)["centre"] == centre
    page.locator(".tm-plot").focus()
    page.keyboard.press("Tab")
    page.evaluate("location.hash = ''")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == f"#item-{LONE}"


def test_a_mark_glides_to_where_it_belongs(open_map: Open) -> None:
    page = open_map()
    assert state(page)["mark"] is None
    far, lone = (page.evaluate(f"map.locate({item})") for item in (FAR, LONE))
    page.evaluate("label => map.setMark({ label, at: { 1: 0, 3: 0 } })", HOSTILE)
    assert state(page)["mark"] == pytest.approx(np.mean([far, lone], axis=0), abs=0.5)
    first = page.evaluate(
        "map.setMark({ label: 'You', at: { 1: 4.87, 3: 3.87 } }), map.state().mark"
    )
    assert lone[0] < first[0] < far[0] - 5
    assert state(page)["mark"] == pytest.approx(far, abs=0.5)
    page.evaluate("map.setAxes('2', '3')")
    assert state(page)["mark"] is None
    page.evaluate("map.setMark(null)")
    assert state(page)["mark"] is None


def test_hover_shows_the_card_and_click_opens(open_map: Open) -> None:
    page = open_map(options="{ onOpen: (index) => said.push(['open', index]) }")
    card = page.locator(".tm-card")
    assert card.is_hidden()
    x, y = at(page, LONE)
    page.mouse.move(x + 3, y + 3)
    settle(page)
    assert card.is_visible()
    text = card.inner_text()
    for part in ("Amélie (2001)", "25,000", "1931", "Bias", "−4.00", "Component 1", "−4.87"):
        assert part in text
    page.mouse.click(x, y)
    assert ["open", LONE] in page.evaluate("said")
    x, y = at(page, FAR)
    page.mouse.move(x, y)
    settle(page)
    assert "Year" not in card.inner_text()  # the year of this one is not known
    page.mouse.move(5, 5)
    page.locator(".tm-plot").press("Escape")
    settle(page)
    assert card.is_hidden()


def test_keyboard_moves_the_view(open_map: Open) -> None:
    page = open_map(reduced_motion="reduce")
    plot = page.locator(".tm-plot")
    plot.press("+")
    plot.press("+")
    near = state(page)
    assert near["zoom"] == pytest.approx(1.4**2)
    plot.press("ArrowRight")
    moved = state(page)
    assert moved["centre"][0] > near["centre"][0]
    plot.press("ArrowUp")
    assert state(page)["centre"][1] > moved["centre"][1]
    plot.press("-")
    assert state(page)["zoom"] == pytest.approx(1.4)
    plot.press("0")
    whole = state(page)
    assert (whole["zoom"], whole["centre"]) == (1, [0, 0])


def test_wheel_zooms_about_the_pointer_and_drag_pans(open_map: Open) -> None:
    page = open_map()
    start = x, y = at(page, LONE)
    page.mouse.move(x, y)
    for _ in range(4):
        page.mouse.wheel(0, -200)
    zoom = state(page)["zoom"]
    assert zoom > 2
    # Wheel events come in whole pixels: what was under that pixel is still there.
    away = [(value - int(value)) * zoom for value in (x, y)]
    x, y = at(page, LONE)
    assert (x, y) == pytest.approx([int(v) + d for v, d in zip(start, away, strict=True)], abs=0.5)
    page.mouse.down()
    page.mouse.move(start[0] + 150, start[1] - 90, steps=5)
    page.mouse.up()
    assert at(page, LONE) == pytest.approx((x + 150, y - 90), abs=0.5)
    assert state(page)["focused"] is None  # a drag is not a click
    page.mouse.dblclick(start[0] + 300, start[1] - 150)
    assert state(page)["zoom"] == 1


def test_lasso_selects_what_lies_inside(open_map: Open) -> None:
    page = open_map()
    plot = page.locator(".tm-plot").bounding_box()
    assert plot is not None
    left, top = plot["x"] + plot["width"] * 0.45, plot["y"] + plot["height"] * 0.4
    corners = [(left, top), (left + 120, top), (left + 120, top + 90), (left, top + 90)]
    places = page.evaluate("data.title.map((_, i) => map.locate(i))")
    inside = {
        i
        for i, (x, y) in enumerate(places)
        if left < x + plot["x"] < left + 120 and top < y + plot["y"] < top + 90
    }
    assert len(inside) > 20

    def draw() -> None:
        page.mouse.move(*corners[0])
        page.mouse.down()
        for corner in corners[1:]:
            page.mouse.move(*corner, steps=4)
        page.mouse.up()

    page.keyboard.down("Shift")
    draw()
    page.keyboard.up("Shift")
    chosen = state(page)["selected"]
    assert set(chosen) == inside
    counts = page.evaluate("data.count")
    assert [counts[i] for i in chosen] == sorted((counts[i] for i in chosen), reverse=True)
    assert page.evaluate("said.at(-1)") == ["select", chosen]
    assert page.get_by_role("status").inner_text().startswith(f"{len(inside):,} selected.")
    listed = page.get_by_role("complementary", name="Chosen films")
    assert listed.get_by_role("listitem").count() == min(len(inside), 201)
    assert state(page)["zoom"] == 1  # it did not pan

    listed.get_by_role("button", name="Clear the selection").click()
    assert listed.is_hidden()
    assert state(page)["selected"] == []

    button = page.get_by_role("button", name="Lasso")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    draw()
    assert set(state(page)["selected"]) == inside
    assert button.get_attribute("aria-pressed") == "false"


def test_labels_never_overlap_and_do_not_flicker(open_map: Open) -> None:
    page = open_map(reduced_motion="reduce")
    plot = page.locator(".tm-plot")
    seen: list[set[int]] = []
    for _ in range(9):
        labels = state(page)["labels"]
        boxes = [label["box"] for label in labels]
        assert len(boxes) > 3
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                apart = a[0] >= b[2] or a[2] <= b[0] or a[1] >= b[3] or a[3] <= b[1]
                assert apart, (a, b)
        # Panning only moves labels: those still in view afterwards are those before.
        centre = {one["index"]: one["box"] for one in labels}
        plot.press("ArrowRight")
        after = {one["index"]: one["box"] for one in state(page)["labels"]}
        assert {i for i, box in centre.items() if box[0] > 75} <= set(after)
        assert {i for i, box in after.items() if box[2] < plot.bounding_box()["width"] - 75} <= set(
            centre
        )
        plot.press("ArrowLeft")
        seen.append(set(centre))
        plot.press("+")
    assert len(set.union(*seen)) > len(seen[0])
    page.evaluate("map.reset()")
    assert {label["index"] for label in state(page)["labels"]} == seen[0]


def test_rests_when_nothing_changes(open_map: Open) -> None:
    page = open_map(20_000, reduced_motion="reduce")
    # Zoom out again while the labels of the deep levels are still being chosen, sooner or later.
    zoomed_out_early = """async (frames) => { const plot = document.querySelector(".tm-plot");
        const press = (key) => plot.dispatchEvent(new KeyboardEvent("keydown", { key }));
        map.setAxes("1", "3");
        for (let k = 0; k < 12; k++) press("+");
        for (let k = 0; k < frames; k++) await new Promise(requestAnimationFrame);
        press("0"); }"""
    for frames in (3, 6, 8, 10, 12):
        page.evaluate(zoomed_out_early, frames)
        settle(page, 10)
    count_frames = """() => { window.frames_asked = 0; const ask = requestAnimationFrame;
        window.requestAnimationFrame = (f) => { window.frames_asked++; return ask(f); }; }"""
    page.evaluate(count_frames)
    page.wait_for_timeout(300)
    assert page.evaluate("frames_asked") == 0


def test_axes_and_colours_change(open_map: Open) -> None:
    page = open_map()
    before = at(page, 100)
    page.get_by_label("Vertical axis").select_option("2")
    assert state(page)["y"] == "2"
    assert at(page, 100) != before
    assert page.evaluate("said.at(-1)") == ["axes", "1", "2"]
    page.get_by_label("Colour").select_option("genre")
    chips = page.locator(".tm-chip")
    assert chips.count() == 10  # nine genres and the rest together
    assert chips.last.inner_text() == "Other"
    genres = page.evaluate("data.colour.genre.values")
    x, y = at(page, FAR)
    own = genres[FAR] if genres[FAR] in chips.all_inner_texts() else "Other"
    bright = pixel(page, x, y)
    page.get_by_role("button", name=own, exact=True).click()
    settle(page)
    assert pixel(page, x, y) == bright
    page.locator(".tm-chip").filter(has_not_text=own).first.click()
    settle(page)
    assert pixel(page, x, y) != bright  # faded, since another genre is picked


@pytest.mark.slow
def test_sixty_thousand_points(open_map: Open) -> None:
    start = time.monotonic()
    page = open_map(60_000)
    assert time.monotonic() - start < 60
    x, y = at(page, FAR)
    assert pixel(page, x, y) != WHITE
    page.mouse.move(x, y)
    settle(page)
    assert page.locator(".tm-title").inner_text() == HOSTILE
    page.evaluate("map.focus(59999)")
    assert state(page)["focused"] == 59_999
    took = page.evaluate(
        """() => { const start = performance.now();
        document.querySelector(".tm-input").value = "film of the 5999";
        document.querySelector(".tm-input").dispatchEvent(new Event("input"));
        return performance.now() - start; }"""
    )
    assert page.locator(".tm-hit[role=option]").count() == 8
    assert took < 2000


def test_without_webgl(open_map: Open) -> None:
    page = open_map(script=NO_WEBGL)
    assert state(page)["renderer"] == "canvas2d"
    x, y = at(page, FAR)
    assert pixel(page, x, y) != WHITE
    assert pixel(page, x - 45, y + 60) == WHITE
    page.mouse.move(x, y)
    settle(page)
    assert page.locator(".tm-title").inner_text() == HOSTILE


def test_a_lost_graphics_context_comes_back(open_map: Open) -> None:
    page = open_map()
    x, y = at(page, FAR)
    drawn = pixel(page, x, y)
    assert drawn != WHITE
    page.evaluate(
        """async () => {
        const gl = document.querySelector(".tm-points").getContext("webgl2");
        const loss = gl.getExtension("WEBGL_lose_context");
        loss.loseContext();
        await new Promise((done) => setTimeout(done, 100));
        loss.restoreContext();
        await new Promise((done) => setTimeout(done, 100));
        }"""
    )
    settle(page)
    page.locator(".tm-plot").press("+")
    page.locator(".tm-plot").press("0")
    settle(page)
    assert pixel(page, x, y) == drawn


def test_fingers(open_map: Open) -> None:
    page = open_map(
        viewport={"width": 390, "height": 800},
        device_scale_factor=2,
        has_touch=True,
        is_mobile=True,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    canvas = page.locator(".tm-points")
    assert canvas.evaluate("node => node.width / node.clientWidth") == pytest.approx(2, abs=0.01)
    x, y = at(page, LONE)
    page.touchscreen.tap(x, y)
    settle(page)
    assert page.locator(".tm-title").inner_text() == "Amélie (2001)"
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (180, 300), (220, 300))
    for step in range(1, 9):
        fingers("touchMove", (180 - 10 * step, 300), (220 + 10 * step, 300))
    fingers("touchEnd")
    assert state(page)["zoom"] == pytest.approx(5, rel=0.05)


def test_honours_the_wishes_of_the_reader(open_map: Open) -> None:
    page = open_map(reduced_motion="reduce", color_scheme="dark")
    page.locator(".tm-plot").press("+")
    assert page.evaluate("map.state().zoom") == pytest.approx(1.4)  # at once, no easing
    back = page.locator("#place").evaluate("node => getComputedStyle(node).backgroundColor")
    assert back == "rgb(19, 20, 23)"
    settle(page)
    ink = "document.querySelector('.tm-front').getContext('2d').fillStyle"
    dark = page.evaluate(ink)
    page.emulate_media(color_scheme="light")
    end = time.monotonic() + 10
    while page.evaluate(ink) == dark:
        assert time.monotonic() < end, "the map kept the colours of the dark page"
        page.wait_for_timeout(30)


def test_highlighted_items_are_named(open_map: Open) -> None:
    page = open_map(options="{ highlight: [1500] }")
    labels = state(page)["labels"]
    assert labels[0]["index"] == 1500
    assert 1500 not in {label["index"] for label in labels[1:]}


def test_two_maps_and_an_end(open_map: Open) -> None:
    page = open_map()
    page.evaluate(
        """() => { const place = document.body.appendChild(document.createElement("div"));
        place.id = "other"; window.second = createMap(place, data); }"""
    )
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert len(ids) == len(set(ids))
    page.evaluate("map.destroy()")
    place = page.locator("#place")
    assert place.evaluate("node => node.outerHTML") == (
        '<div id="place" aria-label="Taste" class=""></div>'
    )
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 800, "height": 700})
    page.wait_for_timeout(200)
    assert page.evaluate("second.state().labels.length") > 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{ count: [1] }", "count has 1 values"),
        ("{ coords: { 1: data.coords[1], 3: data.title } }", "coords 3 must be finite"),
        ("{ y: '9' }", "no component 9"),
        ("{ coords: {} }", "no component"),
    ],
)
def test_refuses_data_it_cannot_draw(open_map: Open, change: str, message: str) -> None:
    page = open_map(50)
    answer = page.evaluate(
        f"""() => {{ try {{ createMap(document.createElement("div"), {{ ...data, ...{change} }}); }}
        catch (error) {{ return error.message; }} }}"""
    )
    assert message in answer


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_items(open_map: Open, n: int) -> None:
    page = open_map(50)
    page.evaluate(
        f"""() => {{ map.destroy(); const few = (list) => list.slice(0, {n});
        window.map = createMap(document.getElementById("place"), {{ title: few(data.title),
          count: few(data.count), coords: {{ a: few(data.coords[1]) }} }}); }}"""
    )
    now = state(page)
    assert (now["x"], now["y"], now["colour"], len(now["labels"])) == ("a", "a", None, n)
