"""What a report says of how good models are, and which is better."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import tastemap as tm
from tastemap.data.splits import Split
from tastemap.evaluation.compare import Comparison
from tastemap.report import accuracy, certainty
from tests.conftest import interactions
from tests.report.made import hostile_ratings, made, unsure
from tests.report.pages import Node, write

if TYPE_CHECKING:
    from pathlib import Path

    from tastemap.data.ratings import Ratings
    from tastemap.recommender import Recommender


def test_the_summary_says_how_much_better_than_biases_the_best_model_is(
    notebook_split: Split, biased: Recommender, movielens: Ratings, tmp_path: Path
) -> None:
    found = write(tmp_path, models=biased, ratings=movielens, split=notebook_split)
    summary = found.one("summary").text
    biases = tm.BiasesOnly().fit(notebook_split.train, notebook_split.valid).evaluation
    assert biases is not None
    assert biased.evaluation is not None
    gain = 1 - biased.evaluation.rmse / biases.rmse
    assert gain > 0
    assert f"{100 * gain:.1f}% lower" in summary
    assert f"(RMSE {biased.evaluation.rmse:.3f})" in summary
    assert f"{biases.rmse:.3f}" in summary
    assert "19,905 ratings" in summary


def test_a_model_worse_than_biases_is_called_so(tree: Node) -> None:
    # The models made by hand are random numbers.
    assert "biases alone do no worse" in tree.one("summary").text


def test_the_comparison_has_the_models_and_all_baselines_best_first(
    tree: Node, parts: Split
) -> None:
    rows = tree.one("accuracy").all("table")[0].all("tr")[1:]
    names = [row.all("th")[0].text for row in rows]
    assert sorted(names) == [
        "bayesian", "biased", "biased 2",
        "biases baseline", "mean baseline", "popularity baseline",
    ]  # fmt: skip
    assert names[-1] == "popularity baseline"  # it has no error
    errors = [float(row.all("td")[0].text) for row in rows[:-1]]
    assert errors == sorted(errors)
    mean = tm.evaluate(tm.GlobalMean().fit(parts.train), parts.valid)
    assert errors[names.index("mean baseline")] == round(mean.rmse, 4)


def test_baselines_that_were_given_are_called_so_and_do_not_count_as_models(
    parts: Split, tmp_path: Path
) -> None:
    models = [made(parts.train), tm.BiasesOnly().fit(parts.train), tm.GlobalMean().fit(parts.train)]
    found = write(tmp_path, models=models, split=parts)
    names = [row.all("th")[0].text for row in found.one("accuracy").all("table")[0].all("tr")[1:]]
    assert sorted(names) == ["biased", "biases baseline", "mean baseline", "popularity baseline"]
    summary = found.one("summary")
    assert summary.all("strong")[0].text == "biased"
    assert "the best of" not in summary.text
    assert "biases alone do no worse" in summary.text
    assert "worse than biases only" in summary.text


def test_without_validation_ratings_the_errors_of_fitting_are_shown(
    parts: Split, tmp_path: Path
) -> None:
    model = made(parts.train, parts.valid)
    found = write(tmp_path, models=model)
    assert model.evaluation is not None
    assert f"{model.evaluation.rmse:.4f}" in found.one("accuracy").text
    assert "baseline" not in found.one("accuracy").text


def test_a_comparison_of_recipes_is_shown_as_it_is(parts: Split, tmp_path: Path) -> None:
    compared = tm.compare_recipes({"mine": tm.BiasesOnly()}, parts, seeds=(0,), k=3)
    found = write(tmp_path, models=made(parts.train), comparison=compared)
    section = found.one("accuracy")
    names = [row.all("th")[0].text for row in section.all("table")[0].all("tr")[1:]]
    assert len(names) == len(compared)
    assert "mine baseline" in names
    assert "nDCG@3" in section.text
    for verdict in compared.verdicts:
        assert verdict in section.text


def test_the_best_model_of_a_comparison_of_recipes_is_found(parts: Split, tmp_path: Path) -> None:
    recipes = [tm.ImplicitALS(factors=2), tm.BayesianMF(factors=2)]
    compared = tm.compare_recipes(recipes, parts, seeds=(0,))
    models = [recipes[0].fit(parts.train), unsure(parts.train)]  # the best is given last
    found = write(tmp_path, models=models, valid=parts.valid, comparison=compared)
    summary = found.one("summary")
    assert summary.all("strong")[0].text == "bayesian"
    assert "its 80% intervals hold" in summary.text
    for section in ("sure", "biases", "components", "map"):
        assert "bayesian" in found.one(section).text, section
        assert "implicit-als" not in found.one(section).text, section


def test_models_are_found_in_a_comparison_by_the_names_given_there(tmp_path: Path) -> None:
    ratings = hostile_ratings()
    split = tm.split.random(ratings, seed=1)
    recipes = {"mine": tm.BiasedMF(solver="als", factors=2), "theirs": tm.BiasesOnly()}
    compared = tm.compare_recipes(recipes, split)
    model = recipes["mine"].fit(split.train)
    for models in (model, [model], {"mine": model}):
        found = write(tmp_path, models=models, comparison=compared)
        assert "From mine, among" in found.one("biases").text
    found = write(tmp_path, models={"other": model}, comparison=compared)
    assert "From other, among" in found.one("biases").text
    # Two of one recipe cannot be told apart by it.
    found = write(tmp_path, models=[model, model], comparison=compared)
    assert "From biased, among" in found.one("biases").text


def test_a_report_of_interactions_compares_lists_with_popularity(tmp_path: Path) -> None:
    clicks = interactions(hostile_ratings())
    divided = tm.split.random(clicks, 0.2, seed=1)
    model = tm.ItemKNN().fit(divided.train)
    found = write(tmp_path, models=model, ratings=clicks, split=divided)
    section = found.one("accuracy")
    rows = section.all("table")[0].all("tr")[1:]
    assert {row.all("th")[0].text for row in rows} == {"item-knn", "popularity baseline"}
    assert all(float(row.all("td")[0].text) > 0 for row in rows)  # no columns of errors
    assert "nDCG@10" in section.text
    assert "shows everybody the most taken items" in section.text
    assert "Errors in units" not in section.text
    assert "holds interactions" in found.one("crosstab").text
    data = found.one("data").text
    assert data.startswith("The interactions")
    assert "most taken items" in data
    assert "How often each rating was given" not in data
    assert "memory of" not in data
    assert "interactions" in found.one("summary").text
    assert "all interactions" in found.one("origin").text
    untested = certainty.measured({"one": unsure(divided.train)}, ["one"], divided.valid)
    assert isinstance(untested, str)
    assert "the validation ratings are interactions" in untested


def test_of_ratings_trained_on_the_report_says_so_first_and_nothing_of_better(
    parts: Split, tmp_path: Path
) -> None:
    models = [made(parts.train), unsure(parts.train)]
    found = write(tmp_path, models=models, valid=parts.train)
    n = f"{len(parts.train):,}"
    for section in ("summary", "accuracy", "sure"):
        told = found.one(section)
        first = told.all("p")[section == "summary"]  # its first line is the date
        assert first.all("strong")[0].text.startswith(f"{n} of ")
        assert first.all("strong")[0].text.endswith("were also trained on")
        marks = [node.attributes.get("class") for node in told.all("span")]
        assert "mark warning" in marks
        for claim in ("not seen", "which none was trained on", "beats", "lower than", "worth its"):
            assert claim not in told.text, (section, claim)
    assert not [row for row in found.one("accuracy").all("tr") if "best" in str(row.attributes)]


def test_ratings_no_model_was_trained_on_are_what_models_and_baselines_are_compared_on(
    parts: Split, hostile: Ratings, tmp_path: Path
) -> None:
    model = made(parts.train)
    with_all = write(tmp_path, models=model, ratings=hostile).one("accuracy").text
    by_split = write(tmp_path, models=model, valid=parts.valid).one("accuracy").text
    # Baselines are fitted anew, and take as long as they take.
    with_all, by_split = (re.sub(r"(< )?[\d.]+ s\b", "", one) for one in (with_all, by_split))
    assert with_all == by_split
    assert "biases baseline" in with_all
    alone = write(tmp_path, models=made(parts.train, parts.valid)).one("accuracy").text
    assert "among them it is not known whether they have learnt anything" in alone
    assert "worth its trouble" not in alone


def test_models_that_hardly_differ_stand_close_together(parts: Split) -> None:
    first = tm.evaluate(tm.BiasesOnly().fit(parts.train), parts.valid)
    rows = [
        replace(first, model=name, recipe=name, rmse=rmse)
        for name, rmse in (("one", 0.8357), ("two", 0.8360), ("biases", 0.8930))
    ]
    told = accuracy.section(Comparison(evaluations=tuple(rows)), "")
    assert not isinstance(told, str)
    places = [row["dot"]["at"] for row in told["rows"]]
    assert places[1] - places[0] < 3
    assert told["baseline"] == {"model": "biases", "at": places[2]}


def test_models_that_were_never_measured_are_not_compared(parts: Split, tmp_path: Path) -> None:
    found = write(tmp_path, models=made(parts.train))
    assert "were not compared" in found.one("accuracy").text
    assert "not measured on ratings they had not seen" in found.one("summary").text
