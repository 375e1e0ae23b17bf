"""The map of taste in a real browser, in the hands of a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.browser.drawn import FAR, HOSTILE, LONE, at, pixel, settle, state

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser


def test_search_jumps_and_announces(open_map: Open) -> None:
    page = open_map()
    page.locator(".tm-plot").focus()
    page.keyboard.press("/")
    page.keyboard.type("amelie")
    box = page.get_by_role("combobox", name="Find on the map")
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
    box = page.get_by_role("combobox", name="Find on the map")
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


def test_names_give_way_to_a_mark(open_map: Open) -> None:
    page = open_map(reduced_motion="reduce")
    before = state(page)["labels"]
    for label in before[:5]:
        x, y = page.evaluate(f"map.locate({label['index']})")
        page.evaluate(
            """([i]) => map.setMark({ label: "User 4", at: { 1: data.coords[1][i],
              3: data.coords[3][i] } })""",
            [label["index"]],
        )
        now = state(page)
        assert now["mark"] == pytest.approx([x, y], abs=0.5)
        for one in now["labels"]:
            left, top, right, bottom = one["box"]
            assert left >= x + 10 or right <= x - 10 or top >= y + 10 or bottom <= y - 10
        assert 3 < len(now["labels"]) < len(before) + 1
    # Where it is out of sight, its name is too: nothing is drawn that was not there without it.
    shown = "document.querySelector('.tm-front').toDataURL()"
    page.evaluate("map.setMark({ label: 'User 4', at: { 1: 4.87, 3: 3.87 } })")
    page.evaluate(f"map.focus({LONE})")
    page.evaluate("map.setMark({ label: 'User 4', at: { 1: -99, 3: -99 } })")
    settle(page)
    with_mark = page.evaluate(shown)
    page.evaluate("map.setMark(null)")
    settle(page)
    assert page.evaluate(shown) == with_mark


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
