"""The map of taste in a real browser, offline and under a strict content policy."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.drawn import (
    FAR,
    FILES,
    HOSTILE,
    LONE,
    NO_WEBGL,
    ROOM,
    WHITE,
    at,
    films,
    pixel,
    settle,
    source,
    state,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Locator, Page

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser


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


def test_hostile_text_stays_text(open_map: Open) -> None:
    page = open_map()
    page.get_by_role("combobox", name="Find on the map").fill("<script>")
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


def assert_inside(boxes: list[list[float]], plot: Locator) -> None:
    """No label is cut at the frame."""
    room = plot.bounding_box()
    assert room is not None
    for left, top, right, bottom in boxes:
        assert 0 <= left <= right <= room["width"], (left, right)
        assert 0 <= top <= bottom <= room["height"], (top, bottom)


@pytest.mark.parametrize("width", [390, 1100])
def test_names_asked_for_stay_inside_wherever_the_view_is(open_map: Open, width: int) -> None:
    page = open_map(
        options="{highlight: [0, 1, 2, 3]}",
        reduced_motion="reduce",
        viewport={"width": width, "height": 760},
    )
    plot = page.locator(".tm-plot")
    shown = 0
    for key in ("0", "+", "ArrowRight", "+", "ArrowUp", "ArrowUp", "+", "ArrowLeft", "ArrowDown"):
        plot.press(key)
        labels = state(page)["labels"]
        shown += sum(label["index"] < 4 for label in labels)
        assert_inside([label["box"] for label in labels], plot)
    assert shown > 0


def test_labels_never_overlap_and_do_not_flicker(open_map: Open) -> None:
    page = open_map(reduced_motion="reduce")
    plot = page.locator(".tm-plot")
    seen: list[set[int]] = []
    for _ in range(9):
        labels = state(page)["labels"]
        boxes = [label["box"] for label in labels]
        assert len(boxes) > 3
        assert_inside(boxes, plot)
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
