"""Titles in pictures: apart from each other, next to their points, and text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tastemap import plots
from tastemap.plots import labels
from tastemap.plots.text import short
from tests.plotted import axes, drawn_labels, map_of, overlaps, ranking_of, svg_texts
from tests.report.made import history

if TYPE_CHECKING:
    from pathlib import Path

    from tastemap.data.ratings import Ratings
    from tastemap.recommender import Recommender


# Labels


def test_titles_of_movies_51_to_100_do_not_overlap_nor_cover_points(biased: Recommender) -> None:
    points = biased.components(3).map(x=0, y=2).popular(50, 100)
    figure = plots.taste_map(points)
    titles, boxes = drawn_labels(figure)
    assert sorted(titles) == sorted(short(title) for title in points.titles)
    assert overlaps(boxes) == []
    at = axes(figure).transData.transform(np.column_stack([points.x, points.y]))
    inside = (at[:, None] > boxes[:, :2]) & (at[:, None] < boxes[:, 2:])
    assert not inside.all(axis=2).any()
    frame = axes(figure).get_window_extent().extents
    assert (boxes[:, :2] >= frame[:2]).all()
    assert (boxes[:, 2:] <= frame[2:]).all()


def test_titles_stay_apart_when_the_picture_is_saved_sharper(
    biased: Recommender, tmp_path: Path
) -> None:
    figure = plots.taste_map(biased.components(3).map(x=0, y=2).popular(50, 100))
    before = axes(figure).get_position().bounds
    plots.save(figure, tmp_path / "map.png")
    figure.set_dpi(200)
    assert overlaps(drawn_labels(figure)[1]) == []
    assert axes(figure).get_position().bounds == pytest.approx(before, abs=0.005)


def test_each_title_stands_next_to_its_point_or_has_a_line_to_it() -> None:
    points = map_of([f"Film number {k} (1999)" for k in range(40)])
    figure = plots.taste_map(points)
    titles, boxes = drawn_labels(figure)
    at = axes(figure).transData.transform(np.column_stack([points.x, points.y]))
    gaps = np.abs(np.clip(at, boxes[:, :2], boxes[:, 2:]) - at).max(axis=1)
    led = {tuple(np.round(line.get_xydata()[0], 4)) for line in axes(figure).lines[2:]}
    for title, gap, x, y in zip(titles, gaps, points.x, points.y, strict=True):
        assert gap < 12 or tuple(np.round([x, y], 4)) in led, title


def test_titles_without_room_are_left_out_and_counted() -> None:
    figure = plots.taste_map(map_of([f"Film number {k} (1999)" for k in range(140)], spread=0.01))
    texts = axes(figure).texts
    note = texts[-1].get_text()
    left_out = sum(not text.get_visible() for text in texts)
    assert left_out > 0
    assert note == f"{left_out:,} titles left out for want of room"
    assert overlaps(drawn_labels(figure)[1][:-1]) == []


def test_points_in_one_place_still_get_titles_apart() -> None:
    sizes = np.full((6, 2), [80.0, 12.0])
    points = np.full((6, 2), 300.0)
    centres, shown = labels.place(sizes, points, np.array([0.0, 0, 600, 600]), 3.0)
    assert shown.all()
    assert overlaps(np.hstack([centres - sizes / 2, centres + sizes / 2])) == []


def test_a_title_larger_than_the_picture_is_not_shown() -> None:
    sizes = np.array([[900.0, 12.0], [50.0, 12.0]])
    points = np.array([[300.0, 300.0], [200.0, 200.0]])
    _, shown = labels.place(sizes, points, np.array([0.0, 0, 600, 600]), 3.0)
    assert shown.tolist() == [False, True]


# Titles are text


def test_dollar_signs_are_not_read_as_formulas(tmp_path: Path) -> None:
    titles = ["Cost $5 or $x^2$", "$\\frac{1}{2}$", "Only one $"]
    assert set(titles) <= set(svg_texts(plots.taste_map(map_of(titles)), tmp_path))
    assert set(titles) <= set(svg_texts(plots.item_biases(ranking_of(titles)), tmp_path))
    curve = plots.learning_curve({titles[0]: history(), titles[1]: history(3)})
    assert set(titles[:2]) <= set(svg_texts(curve, tmp_path))


def test_letters_no_font_has_are_drawn_without_warnings(tmp_path: Path) -> None:
    titles = ["七人の侍 (1954)", "\U0001f600 \U00013080", "אור", "\u0950 \U0001f1e9\U0001f1ea"]
    for figure in (plots.taste_map(map_of(titles)), plots.item_biases(ranking_of(titles))):
        for kind in ("svg", "png"):
            plots.save(figure, tmp_path / f"picture.{kind}")
        assert set(titles) <= set(svg_texts(figure, tmp_path))


def test_a_long_title_loses_what_is_in_parentheses_first_and_keeps_its_year() -> None:
    raiders = "Raiders of the Lost Ark (Indiana Jones and the Raiders of the Lost Ark) (1981)"
    assert short(raiders) == "Raiders of the Lost Ark (1981)"
    cut = short("Birdman or The Unexpected Virtue of Ignorance (2014)")
    assert cut == "Birdman or The Unexpected Virtue… (2014)"
    assert len(short("x" * 500)) == 40
    assert short("Alien (1979)") == "Alien (1979)"
    assert short("(a comment and nothing else but a comment)").startswith("(a comment")
    assert short("xxi 12345678", 8) == "xxi…"
    assert short("ab1234567890", 8) == "ab…"
    assert short("two\nlines\tand \x07") == "two lines and \ufffd"


def test_cut_titles_never_name_another_film(movielens: Ratings) -> None:
    assert short("Star Wars: Episode IV - A New Hope (1977)", 28) == "Star Wars: Episode… (1977)"
    assert short("Star Wars: Episode IV - A New Hope (1977)", 32) == "Star Wars: Episode IV… (1977)"
    assert short("Naked Gun 33 1/3: The Final Insult (1994)", 21) == "Naked Gun… (1994)"
    for title in movielens.catalog.titles:
        for longest in (26, 28, 32, 40):
            cut = short(title, longest)
            words = cut.replace("…", "").split()
            assert len(cut) <= longest
            assert (cut[-6:] == title[-6:]) or not title.endswith(")")
            assert {re.sub(r"\W+$", "", one) for one in words} <= {
                re.sub(r"\W+$", "", one) for one in title.split()
            }, (title, cut)
