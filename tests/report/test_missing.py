"""Sections of a report without their input: what they say instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import tastemap as tm
from tastemap.data.splits import Split
from tastemap.errors import DataError
from tastemap.report import sections
from tests.conftest import SCRIPT, make_ratings
from tests.report.made import history, made, unsure
from tests.report.pages import write

if TYPE_CHECKING:
    from pathlib import Path

    from tastemap.data.ratings import Ratings


def test_baselines_alone_make_a_report_that_says_what_is_missing(
    parts: Split, tmp_path: Path
) -> None:
    models = [tm.GlobalMean().fit(parts.train), tm.BiasesOnly().fit(parts.train)]
    found = write(tmp_path, models=models, split=parts)
    assert "no model here is trained in epochs" in found.one("curves").text
    assert "no model here is a product of factors" in found.one("components").text
    assert "no model here is a product of factors" in found.one("map").text
    assert found.one("biases").all("table")
    assert "commands" in found.one("origin").text
    assert not any(node.attributes.get("id") == "map-data" for node in found.all())


def test_without_intervals_or_ratings_to_test_them_one_sentence_says_so(
    parts: Split, small: Ratings, tmp_path: Path
) -> None:
    surely = write(tmp_path, models=made(parts.train), split=parts).one("sure")
    assert surely.all("p")[0].text == "No model here says how sure it is; a BayesianMF does."
    untested = write(tmp_path, models=unsure(parts.train)).one("sure")
    assert "no validation ratings were given" in untested.text
    strangers = make_ratings([(1, 1, 3.0)])
    unknown = write(tmp_path, models=unsure(small), valid=strangers).one("sure")
    assert "no validation rating is of a user and an item with training ratings" in unknown.text
    for section in (surely, untested, unknown):
        assert len(section.all("p")) == 1
        assert not section.all("table")


def test_a_mean_alone_has_no_ranking_by_bias(parts: Split, tmp_path: Path) -> None:
    found = write(tmp_path, models=tm.GlobalMean().fit(parts.train))
    assert "no ranking by bias" in found.one("biases").text


def test_a_model_of_one_factor_has_a_component_and_no_map(parts: Split, tmp_path: Path) -> None:
    found = write(tmp_path, models=made(parts.train, factors=1))
    assert len(found.one("components").all("h3")) == 1
    assert "needs two components" in found.one("map").text
    two = write(tmp_path, models=made(parts.train, factors=2))
    assert len(two.one("components").all("h3")) == 2
    assert two.one("map").all("svg")


def test_the_smallest_ratings_make_a_report(small: Ratings, tmp_path: Path) -> None:
    found = write(tmp_path, models=made(small, factors=2), ratings=small)
    assert found.one("map").all("svg")
    assert SCRIPT in found.one("crosstab").text


def test_ratings_given_twice_leave_out_the_crosstab_and_say_so(
    parts: Split, tmp_path: Path
) -> None:
    twice = make_ratings([(1, 1, 3.0), (1, 1, 4.0), (2, 1, 3.0), (2, 2, 5.0), (1, 2, 2.0)])
    found = write(tmp_path, models=tm.BiasesOnly().fit(twice))
    assert "more than once" in found.one("crosstab").text


def test_a_report_needs_a_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no models"):
        tm.write_report(tmp_path / "report.html", models=[])


def test_a_comparison_without_models_has_what_was_measured_and_nothing_learnt(
    hostile: Ratings, parts: Split, tmp_path: Path
) -> None:
    compared = tm.compare_recipes([tm.ItemKNN(neighbours=7)], parts, seeds=(0,))
    assert compared.differences is not None
    with pytest.raises(DataError, match="comparison and ratings"):
        tm.write_report(tmp_path / "report.html", comparison=compared)
    found = write(tmp_path, comparison=compared, ratings=hostile)
    sections = ["summary", "data", "accuracy", "crosstab", "origin"]
    links = [node.attributes["href"] for node in found.all("nav")[0].all("a")]
    assert links == [f"#{name}" for name in sections]
    assert [found.one(name).text != "" for name in sections] == [True] * len(sections)
    accuracy = found.one("accuracy")
    assert all(verdict in accuracy.text for verdict in compared.verdicts)
    assert len(accuracy.all("figure")) == len(compared.compared_by) == 2
    errors, models, differences = accuracy.all("table")
    assert len(errors.all("tr")) == len(models.all("tr")) == 1 + len(compared)
    assert len(differences.all("tr")) == 1 + len(compared.differences)
    assert [cell.text for cell in models.all("th")][:2] == ["model", "rmse"]
    assert "7" in [cell.text for cell in found.one("origin").all("td")]


def test_a_history_that_searched_says_how_long(parts: Split) -> None:
    import dataclasses

    model = made(parts.train)
    searched = dataclasses.replace(history(4), search=history(9).epochs)
    model = dataclasses.replace(model, history=searched)
    found = sections.gather(
        sections.Inputs(
            models={"one": model},
            ratings=parts.train,
            valid=None,
            split="",
            learning_rates=None,
            commands=(),
            title=None,
        )
    )
    assert found["curves"]["searched"] == ["one 4 of 9 tried"]


def test_a_model_alone_is_held_against_what_it_must_beat(parts: Split, tmp_path: Path) -> None:
    alone = tm.GlobalMean().fit(parts.train)
    path = tm.write_report(tmp_path / "report.html", models=alone, split=parts)
    said = path.read_text(encoding="utf-8")
    assert "worth its trouble if it beats <em>biases</em>" in said
    assert "beat <em>popularity" not in said
