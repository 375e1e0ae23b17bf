"""Pictures: what they draw is where the numbers are, and text in them stays text."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemap.training.history import Epoch, TrainingHistory
from tastemap.web.pages.charts import Axis, Scatter, bar, columns, learning_curve
from tastemap.web.pages.finding import find, prepared
from tests.conftest import SCRIPT

numbers = st.floats(-50, 50, allow_nan=False)


def drawn(svg: str) -> ElementTree.Element:
    """The picture, read as XML: so that it is whole."""
    return ElementTree.fromstring(svg)  # noqa: S314


@given(value=numbers, low=numbers, high=numbers, start=st.floats(-9, 0), end=st.floats(0.1, 9))
def test_a_range_lies_on_its_axis(
    value: float, low: float, high: float, start: float, end: float
) -> None:
    axis = Axis(start, end, 150)
    picture = drawn(axis.range(value, min(low, high), max(low, high)))
    dot = float(picture[2].get("cx", ""))
    inside = min(max(value, start), end)
    assert dot == pytest.approx(5 + 140 * (inside - start) / (end - start), abs=0.06)
    left, right = map(float, re.findall(r"-?[\d.]+", picture[1].get("d", ""))[::2])
    assert 5 <= left <= right + 0.01 <= 145.02
    assert ("high" in str(picture.get("class"))) == (value >= 0)


def test_an_axis_holds_all_values_and_zero() -> None:
    assert Axis.around(np.array([1, 2]), np.array([3, 4])) == Axis(0, 4)
    assert Axis.around(np.array([-3]), np.array([-1])) == Axis(-3, 0)
    axis = Axis.around(np.array([]), np.array([]))
    assert axis.low < axis.high


def test_errors_that_hardly_differ_lie_close_together() -> None:
    def places(errors: list[float]) -> list[float]:
        axis = Axis.of_errors(errors, 160)
        pictures = [drawn(axis.dot(one, errors[-1])) for one in errors]
        assert len({one[0].get("d") for one in pictures}) == 1  # all have the same upright
        return [float(one[1].get("cx", "")) for one in pictures]

    assert places([0.5, 1.0]) == [5, 155]
    assert places([0.999, 1.0]) == pytest.approx([5, 8], abs=0.1)
    assert places([0.0, 0.0]) == [5, 5]


def test_bars_and_columns_are_as_long_as_their_shares() -> None:
    lengths = [float(drawn(bar(share, 100))[1].get("width", "")) for share in (-1, 0, 0.25, 2)]
    assert lengths == [0, 0, 25, 100]
    picture = drawn(columns([0.2, 0.4], [0.8, 0.1], ["1", SCRIPT]))
    tall = [float(one.get("height", "")) for one in picture if one.tag == "rect"]
    assert tall == [24.0, 48.0]
    lines = [one.get("d", "") for one in picture if one.tag == "path"]
    assert [float(line.split()[1].split("h")[0]) for line in lines] == [0.0, 84.0]
    assert SCRIPT in "".join(picture.itertext())


def test_a_scatter_marks_places_where_they_are_and_at_its_edge() -> None:
    random = np.random.default_rng(0)
    xy = random.normal(size=(400, 2)).clip(-2, 2)
    xy[:2] = (-2, -2), (2, 2)
    picture = Scatter.of(xy, random.integers(1, 900, 400), [f"{SCRIPT} {n}" for n in range(400)])
    marks = {"middle": (0.0, 0.0), SCRIPT: (99.0, -99.0)}
    svg = drawn(picture.draw('a "picture"', marks))[0]
    assert svg.get("aria-label") == 'a "picture"'
    found = {
        "".join(one.itertext()): tuple(map(float, re.findall(r"[\d.]+", one.get("transform", ""))))
        for one in svg
        if one.get("class") == "mark-here"
    }
    assert found["middle"] == (480, 280)
    assert found[SCRIPT] == (946, 546)
    dots = sum(one.get("d", "").count("h0") for one in svg if one.get("class") == "p")
    assert dots == 400
    names = [one for one in svg if str(one.get("class")).startswith("names")]
    assert [0 < len(one) <= most for one, most in zip(names, (26, 10), strict=True)] == [True] * 2


def test_names_give_way_to_a_mark_and_its_name() -> None:
    random = np.random.default_rng(0)
    xy, titles = random.normal(size=(400, 2)), [f"film number {n}" for n in range(400)]
    picture = Scatter.of(xy, random.integers(1, 900, 400), titles)

    def named(marks: dict[str, tuple[float, float]]) -> dict[str, list[ElementTree.Element]]:
        svg = drawn(picture.draw("map", marks))[0]
        return {str(one.get("class")): list(one) for one in svg if one.tag == "g"}

    everything = named({})
    for row in range(60):
        name, (x, y) = titles[row], xy[row].tolist()
        shown = named({name: (x, y)})
        at = next(one for one in picture.draw("", {name: (x, y)}).split("<g ") if "mark-" in one)
        left, top = map(float, re.findall(r"translate\(([\d.]+) ([\d.]+)", at)[0])
        anchor = shown["mark-here"][1].get("text-anchor")
        for kind, size, radius, own in (("many", 11.5, 8, 16), ("few", 26.0, 13, 26)):
            names = [one for one in shown[f"names {kind}"] if one.text is not None]
            assert name not in {one.text for one in names}
            assert 0 < len(names) <= len(everything[f"names {kind}"])
            reach = 18 + 0.5 * own * len(name)
            ends = (-radius, reach) if anchor == "start" else (-reach, radius)
            for one in names:
                middle, half = float(one.get("x", "")), 0.25 * size * len(str(one.text))
                beside = middle - half >= left + ends[1] or middle + half <= left + ends[0]
                above = abs(float(one.get("y", "")) - size / 3 - top) >= radius / 2 + size / 2
                assert beside or above, (name, one.text)


@pytest.mark.parametrize("at", [(-9, -9), (9, 9), (0, 9), (-9, 0), (0.2, 0), (0, 0)])
def test_the_name_of_a_mark_is_never_cut_by_the_frame(at: tuple[float, float]) -> None:
    picture = Scatter.of(np.array([[-1, -1], [1, 1]]), np.array([3, 4]), ["one", "two"])
    mark = drawn(picture.draw("map", {"W" * 60: at}))[0][-1]
    x, y = map(float, re.findall(r"[\d.]+", mark.get("transform", "")))
    text = mark[1]
    assert len(str(text.text)) <= 30
    wide = 18 + 0.58 * 26 * len(str(text.text))
    assert x + wide < 960 if text.get("text-anchor") == "start" else x - wide > 0
    assert 18 <= y + float(text.get("y", "")) <= 560 - 18


def test_a_scatter_of_one_item_has_room() -> None:
    picture = Scatter.of(np.zeros((1, 2)), np.array([3]), ["one"])
    assert "480 280" in picture.draw("one", {"one": (0.0, 0.0)}).replace(".0", "")


def test_a_chain_has_an_upright_at_the_end_of_its_burn_in() -> None:
    sweeps = tuple(
        Epoch(number=k, of=5, learning_rate=1, training_loss=k, validation_mse=None, seconds=0.1)
        for k in range(1, 6)
    )
    svg = learning_curve(TrainingHistory(epochs=sweeps, unit="sweep", burn_in=2))
    upright = next(one for one in drawn(svg) if one.get("class") == "burn-in")
    left, right = 46, 626  # sweeps 1 and 5
    assert upright.get("d", "").startswith(f"M{left + 1.5 / 4 * (right - left):.1f} ")
    assert "over 5 sweeps" in svg
    assert ">sweep<" in svg
    assert "epoch" not in svg


@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_a_learning_curve_has_a_point_an_epoch(n: int, validated: bool) -> None:
    epochs = tuple(
        Epoch(
            number=k + 1,
            of=n,
            learning_rate=0.1,
            training_loss=1 / (k + 1),
            validation_mse=1 + 1 / (k + 1) if validated else None,
            seconds=0.1,
        )
        for k in range(n)
    )
    picture = drawn(learning_curve(TrainingHistory(epochs=epochs, best_epoch=n)))
    lines = {one.get("class"): one.get("d", "") for one in picture if one.tag == "path"}
    assert set(lines) == {"axis", "training"} | ({"validation"} if validated else set())
    assert lines["training"].count("L") == n - 1
    assert "nan" not in "".join(lines.values())


def test_titles_are_found_without_accents_and_in_any_order() -> None:
    titles = ["Amélie", "The Matrix", "Matrix Reloaded", "Animatrix", "AMELIE II", "Straße"]
    at = prepared(titles)
    counts = np.array([5, 9, 8, 20, 1, 1])
    assert find(at, counts, "amelie", 9) == ([0, 4], 2)
    assert find(at, counts, "matrix", 9) == ([2, 1, 3], 3)
    assert find(at, counts, "matrix the", 9) == ([1], 1)
    assert find(at, counts, "matrix", 1) == ([2], 3)
    assert find(at, counts, "STRASSE", 9) == ([5], 1)
    assert find(at, counts, "  ", 9) == ([], 0)
