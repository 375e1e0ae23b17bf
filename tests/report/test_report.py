"""The report as a file: complete, self-contained, escaped, well-formed and true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import tastemap as tm
from tastemap.data.splits import Split
from tastemap.plots.coverage import grid
from tastemap.report import reading
from tastemap.training.history import TrainingHistory
from tests.conftest import make_ratings
from tests.report.made import made, unsure
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
