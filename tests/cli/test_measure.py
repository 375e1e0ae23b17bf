"""The verbs that measure."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest

import tastemap as tm
from tests.cli.conftest import answer, run

OPTIONS_OF_FILES = (
    *("--items", "--users", "--query", "--table", "--interactions", "--user-column"),
    *("--item-column", "--rating-column", "--time-column", "--weight-column", "--duplicates"),
    *("--sep", "--decimal", "--encoding"),
)


def test_evaluate_one_model(biased_folder: Path, csv_files: Path) -> None:
    result = run("evaluate", biased_folder, csv_files / "ratings.csv", "--json")
    said = json.loads(result.stdout)
    ratings = tm.read_ratings(csv_files / "ratings.csv")
    expected = tm.evaluate(tm.load(biased_folder), ratings)
    (row,) = said["rows"]
    assert {name: row[name] for name in expected.measures} == expected.measures
    assert said["differences"] == []
    assert any("also trained on" in note for note in said["notes"])
    lines = answer("evaluate", biased_folder, csv_files / "ratings.csv").splitlines()
    assert lines[0] == f"biased on {len(ratings):,} test rows"
    assert [line.split()[0] for line in lines[2:]][: len(expected)] == list(expected.measures)


def test_lists_of_another_length_and_another_bar(biased_folder: Path, csv_files: Path) -> None:
    options = ("--k", 3, "--relevant-from", 2, "--json")
    said = json.loads(answer("evaluate", biased_folder, csv_files / "ratings.csv", *options))
    ratings = tm.read_ratings(csv_files / "ratings.csv")
    expected = tm.evaluate(tm.load(biased_folder), ratings, k=3, relevant_from=2)
    assert said["rows"][0]["ndcg@3"] == expected.measures["ndcg@3"]
    assert any("rated 2 or higher" in note for note in said["notes"])


def test_evaluate_several_models_best_first(fitted: Callable[[str], Path], csv_files: Path) -> None:
    folders = [fitted(name) for name in ("mean", "biased", "biases")]
    said = json.loads(answer("evaluate", *folders, csv_files / "ratings.csv", "--json"))
    errors = [row["rmse"] for row in said["rows"]]
    assert len(errors) == 3
    assert said["differences"] == []  # most of these ratings were trained on
    assert "no model is said to be better" in " ".join(said["notes"])
    assert errors == sorted(errors)
    assert said["rows"][-1]["model"] == "mean"
    text = answer("evaluate", *folders, csv_files / "ratings.csv")
    assert text.splitlines()[0].split()[:3] == ["model", "rmse", "mse"]


def test_evaluate_counts_ratings_inside_the_intervals_of_models_that_have_any(
    fitted: Callable[[str], Path], csv_files: Path
) -> None:
    asked = ("evaluate", fitted("bayesian"), fitted("biases"), csv_files / "ratings.csv")
    expected = tm.coverage(tm.load(fitted("bayesian")), tm.read_ratings(csv_files / "ratings.csv"))
    said = json.loads(answer(*asked, "--json"))
    assert len(said["rows"]) == 2
    assert list(said["coverage"]) == ["bayesian"]
    assert said["coverage"]["bayesian"]["rows"][0] == expected.to_dicts()[0]
    text = answer(*asked)
    assert text.index("rmse") < text.index("ratings inside the 80% intervals of bayesian")
    assert "user ratings  item ratings" in text
    assert len(answer(*asked, "--csv").splitlines()) == 3
    alone = json.loads(answer("evaluate", fitted("biases"), csv_files / "ratings.csv", "--json"))
    assert "coverage" not in alone
    without = json.loads(answer(*asked, "--interactions", "--json"))
    assert len(without["rows"]) == 2
    assert "coverage" not in without


def test_what_is_to_be_liked_is_counted_for_models_fitted_with_liking(
    csv_files: Path, tmp_path: Path
) -> None:
    ratings, folder = csv_files / "ratings.csv", tmp_path / "knn"
    said = json.loads(
        answer("fit", ratings, "--model", "item-knn", "--liking", "--out", folder, "--json")
    )
    model = tm.load(folder)
    assert model.liking is not None
    valid = tm.split.random(tm.read_ratings(ratings)).valid
    expected = tm.reliability(model, valid)
    assert said["reliability"]["rows"] == expected.to_dicts()
    evaluated = json.loads(answer("evaluate", folder, ratings, "--json"))
    whole = tm.reliability(model, tm.read_ratings(ratings))
    assert evaluated["reliability"]["item-knn"]["rows"] == whole.to_dicts()
    assert "chance of item-knn that a rating is 4 or higher" in answer("evaluate", folder, ratings)
    shown = json.loads(answer("recommend", folder, "--user", 1, "-n", 2, "--json"))
    assert all(0 < row["chance_liked"] < 1 for row in shown["rows"])
    text = answer("fit", ratings, "--model", "item-knn", "--liking", "--out", folder)
    assert "Brier score" in text
    answer("fit", ratings, "--model", "biases", "--liking", "--out", tmp_path / "biases")
    asked = ("predict", tmp_path / "biases", "--user", 1, "--item", 1, "--item", 987_654, "--json")
    own, fallen_back = json.loads(answer(*asked))["rows"]
    assert 0 < own["chance_liked"] < 1
    assert fallen_back["chance_liked"] is None


def test_interactions_say_nothing_of_liking(csv_files: Path, tmp_path: Path) -> None:
    result = run("fit", csv_files / "ratings.csv", "--interactions", "--model", "ease",
                 "--liking", "--out", tmp_path / "m")  # fmt: skip
    assert result.exit_code == 2
    assert "interactions say what users took" in result.stderr
    assert not (tmp_path / "m").exists()


def test_biases_of_a_model_that_knows_how_sure_it_is_have_a_deviation(
    fitted: Callable[[str], Path],
) -> None:
    said = json.loads(answer("biases", fitted("bayesian"), "-n", 2, "--json"))
    assert all(row["deviation"] > 0 for end in ("top", "bottom") for row in said[end]["rows"])
    assert "deviation" in answer("biases", fitted("bayesian")).splitlines()[1]


def test_audit(csv_files: Path) -> None:
    files = (csv_files / "ratings.csv", "--items", csv_files / "movies.csv")
    said = json.loads(answer("audit", *files, "--json"))
    expected = tm.audit(tm.read_ratings(files[0], files[2]))
    assert said["rows"] == expected.to_dict()["findings"]
    result = run("audit", *files)
    assert "columns: user = userId" in result.stderr
    assert result.stdout.strip()


def test_interactions_are_read_when_told(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text("user,item\na,1\na,1\nb,2\n")
    command = ("audit", tmp_path / "clicks.csv")
    refused = run(*command)
    assert refused.exit_code == 1
    assert "pass rating=False (--interactions)" in refused.stderr
    rows = json.loads(answer(*command, "--interactions", "--json"))["rows"]
    assert (
        rows[0] == {"check": "interactions", "value": "2", "severity": "ok", "advice": ""} | rows[0]
    )
    both = run(*command, "--interactions", "--rating-column", "item")
    assert both.exit_code == 2
    assert "interactions have no ratings" in both.stderr


def test_ratings_are_filtered_as_they_are_read(csv_files: Path, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("userId,age\n1,30\n")
    limits = ("--min-user-ratings", 20, "--min-item-ratings", 5, "--since", "2000-01-01")
    command = (
        "fit",
        csv_files / "ratings.csv",
        "--users",
        tmp_path / "users.csv",
        "--model",
        "biases",
    )
    said = json.loads(answer(*command, *limits, "--out", tmp_path / "model", "--json"))
    notes = said["ratings"]["notes"]
    assert any(note.startswith("since 2000-01-01: left out") for note in notes)
    assert notes[-1].startswith("k_core(user=20, item=5), ")
    assert "users.csv: id = userId, metadata = age" in notes
    refused = run("audit", csv_files / "ratings.csv", "--before", "1900-01-01")
    assert refused.exit_code == 1
    assert "is left: before 1900-01-01" in refused.stderr


def test_a_database_is_read_by_its_address(csv_files: Path, tmp_path: Path) -> None:
    rows = tm.read_ratings(csv_files / "ratings.csv").to_arrow().to_pylist()
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("create table stars (user integer, item integer, rating real)")
        connection.executemany("insert into stars values (:user, :item, :rating)", rows)
        connection.commit()
    address = f"sqlite:///{tmp_path / 'shop.db'}"
    said = json.loads(answer("audit", address, "--table", "stars", "--json"))
    assert said["rows"][0]["value"] == f"{len(rows):,}"
    query = "select * from stars where rating > 4"
    good = json.loads(answer("audit", address, "--query", query, "--json"))
    assert int(good["rows"][0]["value"].replace(",", "")) == sum(row["rating"] > 4 for row in rows)
    assert "has the table stars, and not exactly one is called" in run("audit", address).stderr


def test_compare_fits_the_named_recipes_and_the_baselines(csv_files: Path, tmp_path: Path) -> None:
    picture = tmp_path / "differences.svg"
    options = ("--models", "biases,mean", "--seeds", 1, "--k", 3, "--seed", 7)
    result = run("compare", csv_files / "ratings.csv", *options, "--json", "--plot", picture)
    said = json.loads(result.stdout)
    split = tm.split.random(tm.read_ratings(csv_files / "ratings.csv"), 0.2, seed=7)
    expected = tm.compare_recipes([tm.BiasesOnly(), tm.GlobalMean()], split, seeds=(7,), k=3)
    errors = {row["model"]: row["rmse"] for row in said["rows"]}
    assert errors == {one.model: one.rmse for one in expected.evaluations}
    assert said["notes"][0] == expected.verdicts[0]
    assert len(said["differences"]) == len(expected.differences or ())
    assert "biases, seed 7" in result.stderr
    assert picture.read_text().startswith("<?xml")
    text = answer("compare", csv_files / "ratings.csv", *options, "--folds", 2)
    assert "2 splits" in text
    assert "better by" in text


def test_compare_writes_a_report_of_what_it_found(csv_files: Path, tmp_path: Path) -> None:
    page = tmp_path / "compared.html"
    options = ("--models", "biases,item-knn", "--seeds", 1, "--report", page)
    result = run("compare", csv_files / "ratings.csv", *options)
    assert f"written to {page}" in result.stderr
    text = unescape(page.read_text(encoding="utf-8"))
    verdicts = [line for line in result.stdout.splitlines() if line.startswith(("RMSE:", "nDCG"))]
    assert len(verdicts) == 2
    assert all(verdict in text for verdict in verdicts)
    assert f"compare {csv_files / 'ratings.csv'}" in text


@pytest.mark.parametrize("option", ["--plot", "--report"])
def test_compare_looks_for_the_folder_of_a_file_before_it_fits(
    csv_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    result = run("compare", csv_files / "ratings.csv", option, tmp_path / "nowhere" / "file.svg")
    assert result.exit_code == 2
    assert "there is no folder" in result.stderr
    assert "seed 42" not in result.stderr


def test_compare_on_new_users_tells_models_half_of_their_ratings(csv_files: Path) -> None:
    options = ("--models", "item-knn", "--seeds", 1, "--split", "new-users", "--seed", 3)
    shares = ("--valid-fraction", 0.3)
    said = json.loads(answer("compare", csv_files / "ratings.csv", *options, *shares, "--json"))
    split = tm.split.new_users(tm.read_ratings(csv_files / "ratings.csv"), 0.3, seed=3)
    expected = tm.compare_recipes([tm.ItemKNN()], split, seeds=(3,))
    assert [row["ndcg@10"] for row in said["rows"]] == expected.columns()["ndcg@10"]
    assert expected.evaluations[0].folded_in
    refused = run("compare", csv_files / "ratings.csv", "--models", "biases,dot", *options[2:])
    assert refused.exit_code == 1
    assert "a DotProduct model cannot take in new users" in refused.stderr
    assert "biases, seed 3" not in refused.stderr  # nothing was fitted before


def test_compare_refuses_names_it_does_not_know(csv_files: Path) -> None:
    for wrong, said in (("biases,nobody", "'nobody' is none of"), (",", "at least one name")):
        result = run("compare", csv_files / "ratings.csv", "--models", wrong)
        assert result.exit_code == 2
        assert said in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--folds 5 --split time", "folds are drawn at random, not by time"),
        ("--folds 5 --valid-fraction 0.1", "each of 5 folds keeps back 1/5"),
        ("--split leave-last-out --valid-fraction 0.1", "leave --valid-fraction out"),
    ],
)
def test_compare_refuses_options_that_would_change_nothing(
    csv_files: Path, monkeypatch: pytest.MonkeyPatch, options: str, said: str
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    result = run("compare", csv_files / "ratings.csv", *options.split())
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("option", OPTIONS_OF_FILES)
def test_a_named_data_set_refuses_options_of_files(
    monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    value = {"--interactions": (), "--duplicates": ("mean",)}.get(option, ("x",))
    result = run("audit", "movielens-small", option, *value)
    assert result.exit_code == 2
    assert f"{option} would change nothing" in result.stderr
