"""The report in a real browser, opened from a file, offline, under its own content policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import tastemap as tm
from tests.conftest import SCRIPT
from tests.report.made import HOSTILE, hostile_ratings, made, unsure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tastemap.data.ratings import Ratings
    from tastemap.data.splits import Split
    from tastemap.recommender import Recommender

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

# Contrast of every text with what is behind it (WCAG 2.2, 1.4.3), where the background is a
# colour; disabled buttons are exempt, and texts on the map's canvas are the map's own business.
CONTRAST = """
() => {
  const brush = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((c, k) => c * a + under[k] * (1 - a));
  const behind = (node) => {
    if (!node) return [255, 255, 255];
    const colour = rgba(getComputedStyle(node).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, behind(node.parentElement));
  };
  const light = (rgb) => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = walker.nextNode()); ) {
    const node = text.parentElement;
    if (!text.data.trim() || !node.checkVisibility()) continue;
    if (node.closest("script, style, :disabled")) continue;
    const style = getComputedStyle(node);
    const back = behind(node.closest("svg")?.parentElement ?? node);
    const front = over(rgba(node.closest("svg") ? style.fill : style.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 600);
    if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) {
      poor.push(`${text.data.trim().slice(0, 40)}: ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
    }
  }
  return poor;
}
"""


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ratings = hostile_ratings()
    split = tm.split.random(ratings, 0.2, seed=1)
    return tm.write_report(
        tmp_path_factory.mktemp("hostile") / "report.html",
        models=[made(split.train), made(split.train, seed=1), unsure(split.train)],
        ratings=ratings,
        split=split,
        commands=["tastemap fit ratings.csv", "tastemap report models/biased"],
        title=SCRIPT,
    )


@pytest.fixture(scope="module")
def real_report(
    biased: Recommender,
    bayesian: Recommender,
    movielens: Ratings,
    notebook_split: Split,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    return tm.write_report(
        tmp_path_factory.mktemp("real") / "report.html",
        models=[biased, bayesian],
        ratings=movielens,
        split=notebook_split,
    )


@pytest.fixture
def open_report(browser: Browser) -> Iterator[Open]:
    """Open a report; a console message, a request, a refusal or a dialog fails the test."""
    problems: list[str] = []
    contexts = []

    def opened(path: Path, **settings: Any) -> Page:
        context = browser.new_context(**{"viewport": DESK, "offline": True, **settings})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda asked: asked_for(asked.url))
        page.on("dialog", lambda dialog: (problems.append("a script ran"), dialog.dismiss()))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error(e.violatedDirective))"
        )
        page.goto(path.as_uri())
        return page

    def asked_for(url: str) -> None:
        if not url.startswith("data:") and not url.endswith("/report.html"):
            problems.append(f"asked for {url}")

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def found(page: Page) -> str:
    return page.locator("#map-table .found").inner_text()


def titles(page: Page) -> list[str]:
    return page.locator("#map-table tbody th").all_inner_texts()


def test_the_report_opens_offline_and_shows_every_section(
    open_report: Open, real_report: Path
) -> None:
    page = open_report(real_report)
    for link in page.locator("nav a").all():
        section = page.locator(str(link.get_attribute("href")))
        assert section.is_visible()
        assert len(section.inner_text()) > 100
    assert page.locator(".missing:visible").all_inner_texts() == [
        "The commands that made the models were not given."
    ]


def test_hostile_titles_show_as_text_and_run_nothing(
    open_report: Open, hostile_report: Path
) -> None:
    page = open_report(hostile_report)
    assert page.title() == SCRIPT
    assert page.locator("h1").inner_text() == SCRIPT
    page.locator("#map-table input").fill("alert")
    assert set(titles(page)) == {title for title in HOSTILE if "alert" in title}
    page.locator("#taste-map input").fill("alert")
    page.locator("#taste-map [role=option]").first.click()
    page.locator("#taste-map .tm-card").wait_for()
    assert page.locator("main img").count() == 0
    assert page.locator("main script").count() == 0
    assert SCRIPT in page.locator("#map figure").inner_text()


def test_the_map_finds_a_title_and_the_table_leads_to_it(
    open_report: Open, real_report: Path
) -> None:
    page = open_report(real_report)
    page.locator("#taste-map input").fill("matrix")
    page.locator("#taste-map input").press("Enter")
    card = page.locator("#taste-map .tm-card")
    card.wait_for()
    assert "Matrix, The (1999)" in card.inner_text()
    page.locator("#map-table input").fill("amelie")
    page.locator("#map-table tbody button").first.click()
    card.filter(has_text="Amelie").wait_for()


def test_the_map_draws_its_points(open_report: Open, real_report: Path) -> None:
    page = open_report(real_report)
    plot = page.locator("#taste-map .tm-points")
    plot.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    colours = page.evaluate(
        """async () => {
          const canvas = document.querySelector("#taste-map .tm-points");
          await new Promise(requestAnimationFrame);
          document.querySelector("#taste-map .tm-plot").dispatchEvent(new Event("pointerleave"));
          const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
          copy.drawImage(canvas, 0, 0);
          const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
          return new Set(new Uint32Array(data.buffer)).size;
        }"""
    )
    shot = plot.screenshot()
    assert colours > 50 or len(shot) > 20_000


def test_the_table_has_all_items_of_the_map_sorted_filtered_and_in_pages(
    open_report: Open, real_report: Path, bayesian: Recommender
) -> None:
    page = open_report(real_report)
    n = len(bayesian.components(3).map(0, 2))
    assert found(page) == f"1 to 20 of {n:,}"
    assert titles(page)[0] == "Forrest Gump (1994)"
    page.get_by_role("button", name="Next").click()
    assert found(page) == f"21 to 40 of {n:,}"
    page.get_by_role("button", name="bias").click()
    best = bayesian.item_biases(most_rated=n)
    assert titles(page)[0] == best.titles[0]
    assert page.locator("#map-table th[aria-sort=descending]").inner_text().startswith("bias")
    page.get_by_role("button", name="bias").click()
    assert titles(page)[0] == best.titles[-1]
    page.locator("#map-table input").fill("star wars")
    assert all("Star Wars" in title for title in titles(page))
    page.locator("#map-table input").fill("no such film")
    assert found(page) == "No title fits"
    page.get_by_role("button", name="Show all items").click()
    assert found(page) == f"1 to 20 of {n:,}"


def test_points_chosen_on_the_map_are_listed_in_the_table(
    open_report: Open, real_report: Path
) -> None:
    page = open_report(real_report)
    plot = page.locator("#taste-map .tm-plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.down("Shift")
    page.mouse.move(middle[0] - 60, middle[1] - 60)
    page.mouse.down()
    for dx, dy in ((60, -60), (60, 60), (-60, 60), (-60, -60)):
        page.mouse.move(middle[0] + dx, middle[1] + dy, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert found(page).endswith("chosen on the map")
    page.get_by_role("button", name="Show all items").click()
    assert "chosen" not in found(page)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_never_scrolls_sideways(
    open_report: Open, real_report: Path, hostile_report: Path, size: dict[str, int]
) -> None:
    for report in (real_report, hostile_report):
        page = open_report(report, viewport=size)
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_grid_of_shares_and_the_ranking_need_no_scrolling_on_a_phone(
    open_report: Open, real_report: Path
) -> None:
    page = open_report(real_report, viewport=PHONE)
    grid = page.locator("#sure table")
    assert grid.locator("tbody td").count() == 9
    for place in page.locator("#sure .scroller, #biases .scroller").all():
        assert place.evaluate("(one) => one.scrollWidth - one.clientWidth") <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(
    open_report: Open, real_report: Path, hostile_report: Path, scheme: str
) -> None:
    for report in (real_report, hostile_report):
        page = open_report(report, color_scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert page.evaluate(CONTRAST) == []


def test_titles_of_the_picture_do_not_overlap_in_the_fonts_of_the_page(
    open_report: Open, real_report: Path
) -> None:
    page = open_report(real_report)
    meeting = page.evaluate(
        """() => {
          const texts = [...document.querySelectorAll(".chart-map text")];
          const boxes = texts.map((text) => text.getBoundingClientRect());
          const meet = (a, b) => a.left < b.right && b.left < a.right
            && a.top + a.height / 5 < b.bottom - b.height / 5
            && b.top + b.height / 5 < a.bottom - a.height / 5;
          return boxes.flatMap((a, i) => boxes.slice(i + 1).flatMap((b, j) =>
            meet(a, b) ? [[texts[i].textContent, texts[i + 1 + j].textContent]] : []));
        }"""
    )
    assert page.locator(".chart-map text").count() > 50
    assert meeting == []


def test_the_contents_show_where_the_reader_is(open_report: Open, real_report: Path) -> None:
    page = open_report(real_report, reduced_motion="reduce")
    current = page.locator("nav [aria-current]")
    assert current.inner_text() == "Summary"
    page.get_by_role("link", name="Components").click()
    current.filter(has_text="Components").wait_for()
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    current.filter(has_text="How it was made").wait_for()
    assert current.count() == 1


def test_the_first_stop_of_the_keyboard_skips_the_contents(
    open_report: Open, hostile_report: Path
) -> None:
    page = open_report(hostile_report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_printing_opens_what_is_folded_and_leaves_out_what_paper_cannot_do(
    open_report: Open, hostile_report: Path
) -> None:
    page = open_report(hostile_report, color_scheme="dark")
    folded = "document.querySelectorAll('details:not([open])').length"
    assert page.evaluate(folded) > 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(folded) == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(folded) > 0
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator("#taste-map").is_visible()
    assert page.locator(".chart-map").is_visible()
    white = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert white == "rgb(255, 255, 255)"


def test_without_scripts_the_report_is_still_all_there_but_the_map(
    open_report: Open, hostile_report: Path
) -> None:
    page = open_report(hostile_report, java_script_enabled=False)
    assert page.locator("noscript p").is_visible()
    assert page.locator(".chart-map").is_visible()
    assert not page.locator("#taste-map").is_visible()
    page.get_by_text("The same as a table").click()
    assert page.locator("#map details table").is_visible()
