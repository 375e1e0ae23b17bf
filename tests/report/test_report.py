"""The report as a file: complete, self-contained, escaped, well-formed and true."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.splits import Split
from tastemap.evaluation.compare import Comparison
from tastemap.plots.coverage import grid
from tastemap.report import accuracy, certainty, reading
from tastemap.training.history import TrainingHistory
from tests.conftest import interactions, make_ratings
from tests.report.made import hostile_ratings, made, unsure
from tests.report.pages import Node, write

if TYPE_CHECKING:
    from pathlib import Path

    from tastemap.data.ratings import Ratings
    from tastemap.recommender import Recommender

SECTIONS = [
    "summary", "data", "accuracy", "sure", "curves", "biases", "components", "map", "crosstab",
]  # fmt: skip

# Complete


def test_every_section_is_there_and_the_contents_lead_to_it(tree: Node) -> None:
    links = [node.attributes["href"] for node in tree.all("nav")[0].all("a")]
    assert links == [f"#{name}" for name in [*SECTIONS, "origin"]]
    for link in links:
        assert link is not None
        assert tree.one(link[1:]).text


def test_no_section_is_empty_when_there_is_everything(tree: Node) -> None:
    missing = [
        node.text
        for node in tree.all()
        if node.attributes.get("class") == "missing"
        and node.parent
        and node.parent.tag != "noscript"
    ]
    assert missing == []


def test_the_commands_are_there_word_for_word(tree: Node) -> None:
    assert tree.all("pre")[0].text == "tastemap fit <ratings> && echo 'done'"


def test_fingerprints_seed_settings_and_versions_are_told(
    tree: Node, hostile: Ratings, parts: Split
) -> None:
    origin = tree.one("origin").text
    for told in (
        hostile.fingerprint,
        parts.train.fingerprint,
        parts.description,
        "factors",
        "seed",
        f"tastemap {tm.__version__}",
        f"numpy {np.__version__}",
    ):
        assert told in origin


def test_the_licence_of_movielens_is_told_with_its_ratings_only(
    tree: Node, movielens: Ratings, tmp_path: Path
) -> None:
    assert "GroupLens" not in tree.text
    few = movielens.take(np.arange(5000))
    told = write(tmp_path, models=tm.BiasesOnly().fit(few)).one("origin").text
    assert "GroupLens at the University of Minnesota" in told
    assert "not for commercial" in told


def test_learning_rates_get_their_section(parts: Split, tmp_path: Path) -> None:
    from tests.test_plots import rates

    found = write(tmp_path, models=made(parts.train), learning_rates={"BiasedMF": rates(0.02)})
    section = found.one("rates")
    assert "Suggested: 0.02" in section.text
    assert section.all("svg")
    assert "#rates" in [node.attributes.get("href") for node in found.all("a")]


# True


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


def test_the_grid_has_the_coverage_of_each_bin(tree: Node, parts: Split) -> None:
    found = tm.coverage(unsure(parts.train), parts.valid)
    rows = tree.one("sure").all("tbody")[0].all("tr")
    for user, row in enumerate(rows):
        cells = row.all("td")
        assert len(cells) == 3
        for item, cell in enumerate(cells):
            if not found.rows[user, item]:
                assert cell.text == "no ratings"
                continue
            assert cell.all("strong")[0].text == f"{100 * found.shares[user, item]:.1f}%"
            assert f"{found.rows[user, item]} ratings" in cell.text
            assert ("too " in cell.text) == found.far[user, item]
    told = tree.one("sure").text
    assert f"{100 * found.share:.1f}%" in told
    ends = found.user_ranges[2]
    assert ends is not None
    assert f"{ends[0]} to {ends[1]} ratings" in rows[2].text
    # The picture: at the upright is the level, ten points to either side are the ends.
    off = (found.shares[0, 0] - found.level) / 0.1
    place = float(rows[0].all("circle")[0].attributes["cx"] or "nan")
    assert place == pytest.approx(50 + 44 * np.clip(off, -1, 1), abs=0.06)


def test_shares_far_from_the_level_are_marked_with_what_is_wrong(small: Ratings) -> None:
    import dataclasses

    rows = np.full((3, 3), 1000)
    inside = np.array([[800, 700, 900], [810, 790, 800], [800, 800, 800]])
    model = unsure(small)
    found = dataclasses.replace(tm.coverage(model, small), rows=rows, inside=inside)
    told = grid(found, (1, 5))
    assert not isinstance(told, str)
    marks = [[cell["mark"] for cell in row["items"]] for row in told["cells"]]
    assert marks == [["", "too narrow", "too wide"], ["", "", ""], ["", "", ""]]
    assert told["far"]
    assert told["overlap"] == "14"
    calm = grid(dataclasses.replace(found, inside=rows * 8 // 10), (1, 5))
    assert not isinstance(calm, str)
    assert not calm["far"]


def test_what_is_sure_and_what_is_read_are_of_the_best_model(
    bayesian: Recommender,
    biased: Recommender,
    movielens: Ratings,
    notebook_split: Split,
    tmp_path: Path,
) -> None:
    found = write(tmp_path, models=[biased, bayesian], ratings=movielens, split=notebook_split)
    share = tm.coverage(bayesian, notebook_split.valid).share
    summary = found.one("summary")
    assert summary.all("strong")[0].text == "bayesian"
    assert "its 80% intervals hold" in summary.text
    assert summary.all("strong")[-1].text == f"{100 * share:.1f}%"
    for section in ("sure", "biases", "components", "map"):
        assert "bayesian" in found.one(section).text, section
        assert "biased" not in found.one(section).text, section
    assert "734 more ratings" in found.one("sure").text


def test_biases_have_their_deviation_where_the_model_knows_it(parts: Split) -> None:
    model = unsure(parts.train)
    told = reading.biases({"one": model}, ["one"])
    assert not isinstance(told, str)
    ranking = model.item_biases()
    assert ranking.deviations is not None
    assert told["unsure"]
    margins = [row["margin"] for row in told["ends"][0]]
    assert margins == [f"{2 * one:.2f}" for one in ranking.top(15).deviations]
    longest = max(row["line"][1] for end in told["ends"] for row in end)
    assert longest == pytest.approx(64)
    for row in told["ends"][0]:
        assert 0 <= row["line"][0] <= row["width"] <= row["line"][1]
        if row["line"][0]:
            assert row["line"][1] - row["width"] == pytest.approx(
                row["width"] - row["line"][0], abs=0.21
            )


def test_biases_without_deviations_show_none(parts: Split, tmp_path: Path) -> None:
    section = write(tmp_path, models=made(parts.train)).one("biases")
    assert "±" not in section.text
    assert not section.all("path")


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


def test_sweeps_are_not_told_of_as_epochs(parts: Split, tmp_path: Path) -> None:
    model = tm.BayesianMF(factors=2, sweeps=9, burn_in=4, draws=3, calibration=0).fit(
        parts.train, parts.valid
    )
    section = write(tmp_path, models=model).one("curves")
    assert "mean squared residual of the sweep's draw" in section.text
    assert "4 sweeps of bayesian are the burn-in" in section.text
    for word in ("penalty", "learning rate", "epoch"):
        assert word not in section.text, word
    again = TrainingHistory.from_json(model.history.to_json())
    assert (again.unit, again.burn_in) == ("sweep", 4)


def test_settings_are_written_for_people(parts: Split, tmp_path: Path) -> None:
    table = write(tmp_path, models=unsure(parts.train)).one("origin").all("table")[0]
    told = {row.all("th")[0].text: row.all("td")[0].text for row in table.all("tr")[1:]}
    assert told["likelihood"] == "normal"
    assert (told["rated_items"], told["days"]) == ("yes", "no")
    assert told["calibration"] == "0.2"


def test_models_that_were_never_measured_are_not_compared(parts: Split, tmp_path: Path) -> None:
    found = write(tmp_path, models=made(parts.train))
    assert "were not compared" in found.one("accuracy").text
    assert "not measured on ratings they had not seen" in found.one("summary").text


def test_the_histogram_counts_every_rating(tree: Node, hostile: Ratings) -> None:
    table = next(node for node in tree.all("table") if node.attributes.get("class") == "histogram")
    counts = [int(row.all("td")[0].text.replace(",", "")) for row in table.all("tr")[1:]]
    assert sum(counts) == len(hostile)


def test_ratings_of_many_values_are_counted_in_ranges(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [(user, item, float(rng.random())) for user in range(20) for item in range(15)]
    found = write(tmp_path, models=tm.BiasesOnly().fit(make_ratings(list(rows))))
    table = next(node for node in found.all("table") if node.attributes.get("class") == "histogram")
    counts = [int(row.all("td")[0].text) for row in table.all("tr")[1:]]
    assert len(counts) == 12
    assert sum(counts) == 300


def test_what_the_audit_found_is_there(tree: Node, hostile: Ratings) -> None:
    told = tree.one("data").text
    audit = tm.audit(hostile)
    assert audit["density"].value in told
    assert audit["ratings per item"].value in told


def test_the_crosstab_holds_the_ratings(tree: Node, hostile: Ratings) -> None:
    table = tm.crosstab(hostile, 15, 15)
    rows = tree.one("crosstab").all("tbody")[0].all("tr")
    shown = [[cell.text for cell in row.all("td")] for row in rows]
    wanted = [["" if np.isnan(value) else f"{value:g}" for value in row] for row in table.values]
    assert shown == wanted


def test_the_picture_and_its_table_have_the_same_items(
    biased: Recommender, movielens: Ratings, tmp_path: Path
) -> None:
    found = write(tmp_path, models=biased, ratings=movielens)
    figure = next(node for node in found.one("map").all("svg"))
    table = found.one("map").all("table")[0]
    titles = [row.all("th")[0].text for row in table.all("tr")[1:]]
    assert titles == biased.components(3).map(0, 2).popular(50, 100).titles
    drawn = " ".join(node.text for node in figure.all("text"))
    assert all(title.split(" (")[0][:15] in drawn for title in titles)


def test_coordinates_are_in_standard_deviations(parts: Split) -> None:
    model = made(parts.train)
    found, name = reading.components_of({"one": model}, ["one"])
    assert name == "one"
    assert found is not None
    ranked = found.coordinates[:, found.ranked]
    np.testing.assert_allclose(ranked.std(axis=1), 1, rtol=1e-5)
    plain = model.components(3).coordinates
    for scaled, raw in zip(found.coordinates, plain, strict=True):
        np.testing.assert_allclose(np.corrcoef(scaled, raw)[0, 1], 1, atol=1e-6)
