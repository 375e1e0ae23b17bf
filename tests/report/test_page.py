"""The page of a report: escaped, self-contained and well-formed."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import tastemap as tm
from tastemap.data.splits import Split
from tastemap.maps.data import describing
from tastemap.plots import numbers
from tastemap.report import page, svg
from tests.conftest import SCRIPT, make_ratings
from tests.report.made import HOSTILE, history
from tests.report.pages import Node

if TYPE_CHECKING:
    from pathlib import Path

    from tastemap.data.ratings import Ratings
    from tastemap.recommender import Recommender

# Safe


def test_nothing_of_a_title_becomes_markup(html: str, tree: Node) -> None:
    assert "<script>alert" not in html
    assert "<img" not in html
    scripts = tree.all("script")
    assert [node.attributes.get("type") for node in scripts] == ["application/json", "module"]
    assert "49" not in tree.one("crosstab").all("thead")[0].text  # {{ 7 * 7 }} is not computed


def test_hostile_titles_show_as_text(tree: Node) -> None:
    text = tree.one("crosstab").text
    for title in HOSTILE[:4]:
        assert " ".join(title.split())[:10] in text
    assert tree.all("h1")[0].text == f"Films & {SCRIPT}"
    assert tree.all("title")[0].text == f"Films & {SCRIPT}"


def test_data_for_the_map_reads_back_as_it_was(tree: Node, parts: Split) -> None:
    data = json.loads("".join(tree.one("map-data").own))
    codes = parts.train.most_rated_items()
    codes = codes[parts.train.item_counts[codes] > 0]
    assert data["title"] == [parts.train.catalog.title(code) for code in codes]
    assert data["count"] == parts.train.item_counts[codes].tolist()
    assert set(data["coords"]) == {"1", "2", "3"}
    assert {len(column) for column in data["coords"].values()} == {len(codes)}
    assert set(data["colour"]) == {"bias", "genres", "year"}


def test_json_holds_no_character_that_html_or_a_script_could_take_for_its_own() -> None:
    value = {"a": ["</script><!--", "\u2028\u2029 & ' \"", 1.5, None]}
    text = str(page.as_json(value))
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == value


def test_the_policy_allows_the_scripts_and_styles_of_the_page_and_nothing_else(
    html: str, tree: Node
) -> None:
    meta = next(node for node in tree.all("meta") if "http-equiv" in node.attributes)
    policy = str(meta.attributes["content"])
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        content = re.findall(rf"<{tag}(?: type=\"module\")?>(.*?)</{tag}>", html, re.DOTALL)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy


def test_the_page_needs_nothing_from_elsewhere(html: str, tree: Node) -> None:
    outside = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'<)]*", re.sub(r"/\*.*?\*/", "", html))
    assert [url for url in outside if "www.w3.org/" not in url] == []
    for node in tree.all():
        for name in ("src", "href", "xlink:href", "action", "srcset", "data"):
            value = node.attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (node.tag, name, value)
        assert "style" not in node.attributes, "a style attribute is forbidden by the policy"
        assert not [name for name in node.attributes if name.startswith("on")]
    assert "@import" not in html
    assert "url(" not in "".join(tree.all("style")[0].own)


# Well made


def test_headings_go_down_one_level_at_a_time(tree: Node) -> None:
    levels = [int(node.tag[1]) for node in tree.all() if re.fullmatch(r"h[1-6]", node.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))


def test_every_table_has_a_caption_and_headers_with_their_scope(tree: Node) -> None:
    for table in tree.all("table"):
        assert table.all("caption")[0].text
        assert all(node.attributes.get("scope") in ("col", "row") for node in table.all("th"))
        for body in table.all("tbody"):
            assert all(row.all("th") for row in body.all("tr"))


def test_every_id_is_unique_and_every_reference_leads_somewhere(tree: Node) -> None:
    ids = [node.attributes["id"] for node in tree.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in tree.all():
        for name in ("aria-labelledby", "aria-describedby"):
            value = node.attributes.get(name)
            assert value is None or value in ids
        for value in node.attributes.values():
            for target in re.findall(r"url\(#([^)]+)\)", value or ""):
                assert target in ids


def test_pictures_and_what_scrolls_are_named(tree: Node) -> None:
    for picture in tree.all("svg"):
        hidden = picture.attributes.get("aria-hidden") == "true"
        assert hidden or picture.attributes.get("aria-label")
    for node in tree.all():
        if node.attributes.get("class") == "scroller":
            assert node.attributes["role"] == "region"
            assert node.attributes["tabindex"] == "0"
            assert node.attributes["aria-label"]


def test_colours_of_pictures_are_variables_of_the_page(html: str, tree: Node) -> None:
    for picture in tree.all("svg"):
        for node in picture.all():
            for name in ("fill", "stroke"):
                value = node.attributes.get(name)
                assert value is None or value == "none" or value.startswith("var(--"), value
    style = "".join(tree.all("style")[0].own)
    for used in set(re.findall(r"var\((--[\w-]+)", html)):
        assert f"{used}:" in style, used


def test_a_figure_of_the_page_keeps_its_texts_and_loses_its_style() -> None:
    from tastemap import plots

    text = svg.inline(plots.learning_curve({SCRIPT: history()}), "one", 'a "picture" & more')
    assert "<style" not in text
    assert "style=" not in text
    assert "font-family" not in text
    assert 'aria-label="a &quot;picture&quot; &amp; more"' in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert re.findall(r"<svg[^>]*viewBox=\"0 0 \d+ \d+\"", text)


def test_two_pictures_of_a_page_share_no_id() -> None:
    from tastemap import plots

    figure = plots.learning_curve(history())
    ids = [set(re.findall(r" id=\"([^\"]+)\"", svg.inline(figure, name, ""))) for name in "ab"]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_the_modules_of_the_page_become_one_without_imports() -> None:
    script = page.bundle("report-map.js")
    assert not re.search(r"^import ", script, re.MULTILINE)
    for earlier, later in (("class Grid", "function createMap"), ("createMap(container", "ROWS =")):
        assert script.index(earlier) < script.index(later)
    whole = page.bundle("report.js") + script
    names = re.findall(r"^(?:export )?(?:const|let|function|class) (\w+)", whole, re.MULTILINE)
    assert len(names) == len(set(names))


def test_text_that_would_end_its_element_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_text", lambda _: "/* </script> */")
    with pytest.raises(ValueError, match="would end"):
        page.render({"map": None})


def test_numbers_are_written_for_people() -> None:
    assert numbers.count(1234567) == "1,234,567"
    assert numbers.decimal(-0.5, 2) == "−0.50"
    assert numbers.decimal(float("nan")) == "–"
    assert numbers.signed(0.314) == "+0.31"
    assert numbers.signed(float("nan")) == "–"
    assert numbers.percent(0.0164) == "1.6%"
    assert numbers.percent(-0.018, sign=True) == "−1.8%"
    assert [numbers.seconds(s) for s in (0.0001, 0.071, 9.1, 9.96, 59.7, 250.2)] == [
        "< 0.01 s", "0.071 s", "9.1 s", "10 s", "1 min 0 s", "4 min 10 s",
    ]  # fmt: skip


def test_columns_that_describe_items_are_told_from_others() -> None:
    import pyarrow as pa

    ratings = make_ratings(
        [(user, item, 3.0) for user in range(3) for item in range(4)],
        metadata={
            "title": ["a", "b", "c", "d"],
            "genres": ["X|Y", "X", None, ""],
            "plot": ["long " * 40] * 4,
            "price": [1.5, float("nan"), None, 2.0],
            "empty": [None] * 4,
            "director": [f"person {k}" for k in range(4)],
        },
    )
    found = {column.name: column for column in describing(ratings.catalog)}
    assert set(found) == {"genres", "price", "director"}
    assert found["price"].values == [1.5, None, None, 2.0]
    assert found["genres"].n_categories == 2
    coded = ratings.catalog.table.set_column(
        1, "genres", ratings.catalog.table["genres"].dictionary_encode()
    )
    assert pa.types.is_dictionary(coded["genres"].type)
    again = describing(type(ratings.catalog)(ratings.item_ids, coded))
    assert [column.name for column in again] == ["genres", "price", "director"]


def test_the_report_is_loaded_when_it_is_written_and_not_before() -> None:
    code = "import sys, tastemap.report; assert not {'jinja2', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_report_of_nine_thousand_items_is_small(
    biased: Recommender, movielens: Ratings, notebook_split: Split, tmp_path: Path
) -> None:
    path = tm.write_report(
        tmp_path / "report.html", models=biased, ratings=movielens, split=notebook_split
    )
    assert 500_000 < path.stat().st_size < 2_500_000
