"""The verbs that ask a model."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tastemap as tm
from tests.cli.conftest import answer, run


def test_predict_gives_what_the_library_gives(biased_folder: Path) -> None:
    said = json.loads(
        answer("predict", biased_folder, "-u", 4, "-i", "Heat (1995)", "-i", 10, "--json")
    )
    expected = tm.load(biased_folder).predict(4, ["Heat (1995)", 10])
    assert said["rows"] == expected.to_dicts()
    assert said["rows"][0]["title"] == "Heat (1995)"


def test_predict_without_items_means_all_of_them(biased_folder: Path) -> None:
    rows = json.loads(answer("predict", biased_folder, "-u", 4, "--json"))["rows"]
    assert len(rows) == tm.load(biased_folder).ratings.n_items


def test_predict_takes_pairs_from_a_file(biased_folder: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("item,user\n10,4\nHeat (1995),5\n", encoding="utf-8")
    rows = json.loads(answer("predict", biased_folder, "--pairs", pairs, "--json"))["rows"]
    expected = tm.load(biased_folder).predict([4, 5], [10, "Heat (1995)"]).to_dicts()
    assert rows == expected


def test_predict_says_what_a_newcomer_is_predicted_from(biased_folder: Path) -> None:
    out = answer("predict", biased_folder, "-u", 123456, "-i", 10)
    assert "item bias" in out
    assert "without training ratings of user or item" in out


def test_predict_and_recommend_take_somebody_new(biased_folder: Path) -> None:
    model = tm.load(biased_folder)
    new = model.fold_in({"Heat (1995)": 5, 10: 1.5})
    rated = ("--rated", "Heat (1995)=5", "--rated", "10=1.5", "--json")
    said = json.loads(answer("predict", biased_folder, "-i", 1, *rated))
    assert said["rows"] == model.predict(new, 1).to_dicts()
    said = json.loads(answer("recommend", biased_folder, "-n", 3, *rated))
    assert said["rows"] == model.recommend(new, 3).to_dicts()
    wrong = run("predict", biased_folder, "--rated", "10=7")
    assert wrong.exit_code == 1
    assert "the rating 7.0 of 10 is not on the scale" in wrong.stderr


def test_predict_takes_the_date_of_the_rating(csv_files: Path, tmp_path: Path) -> None:
    short = ("--set", "factors=2", "--set", "sweeps=12", "--set", "burn_in=4", "--set", "draws=4")
    model = tmp_path / "dated"
    answer("fit", csv_files / "ratings.csv", "--days", "--out", model, *short)
    dated = tm.load(model)
    assert dated.model.days is not None
    user, day = dated.ratings.user_ids.raw(0), int(dated.model.days.numbers[0])
    date = str(np.datetime64(day, "D"))
    said = json.loads(answer("predict", model, "-u", user, "-i", 10, "--at", date, "--json"))
    assert said == {
        "rows": dated.predict(user, 10, at=date).to_dicts(),
        "notes": [f"at {date} UTC: by what the user was like that day"],
    }
    wrong = run("predict", model, "-u", user, "-i", 10, "--at", "yesterday")
    assert wrong.exit_code == 1
    assert "'yesterday' is no date: write it such as 2015-03-09" in wrong.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--item", 10),
        ("--pairs", "pairs.csv", "--user", 4),
        ("--user", 4, "--rated", "10=4"),
    ],
)
def test_predict_wants_users_or_pairs(biased_folder: Path, arguments: tuple[object, ...]) -> None:
    result = run("predict", biased_folder, *arguments)
    assert result.exit_code == 2
    assert "--pairs" in result.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("who,what\n1,2\n", "the columns are who, what"),
        ("", "the columns are none"),
        ("user,item\n1\n", "fewer columns"),
        ("user,item\n1,\xe9\n", "UTF-8"),
    ],
)
def test_a_file_of_pairs_that_is_none_is_refused(
    biased_folder: Path, tmp_path: Path, content: str, said: str
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(content, encoding="latin-1")
    result = run("predict", biased_folder, "--pairs", pairs)
    assert result.exit_code == 1
    assert said in result.stderr


def test_recommend_filters_by_metadata(biased_folder: Path) -> None:
    options = ("--include", "genres=Comedy", "--include", "year=1990..1999")
    options += ("--exclude", "genres=Drama", "--min-ratings", 2)
    said = json.loads(answer("recommend", biased_folder, "-u", 4, "-n", 5, *options, "--json"))
    expected = tm.load(biased_folder).recommend(
        4,
        5,
        include={"genres": "Comedy", "year": (1990, 1999)},
        exclude={"genres": "Drama"},
        min_ratings=2,
    )
    assert said["rows"] == expected.to_dicts()
    assert said["notes"] == expected.notes
    assert len(said["rows"]) == 5


def test_a_filter_given_twice_means_either_and_a_range_may_be_open(biased_folder: Path) -> None:
    options = ("--include", "genres=War", "--include", "genres=Western", "--include", "year=..1969")
    rows = json.loads(answer("recommend", biased_folder, "-u", 4, "-u", 5, *options, "--json"))
    expected = tm.load(biased_folder).recommend(
        [4, 5], include={"genres": ["War", "Western"], "year": (None, 1969)}
    )
    assert rows["rows"] == expected.to_dicts()


@pytest.mark.parametrize(
    ("include", "code", "said"),
    [
        ("colour=red", 1, "the columns are"),
        ("genres", 2, "write column=value"),
        ("genres=", 2, "write column=value"),
        ("year=young", 2, "holds numbers"),
    ],
)
def test_a_filter_that_is_none_is_refused(
    biased_folder: Path, include: str, code: int, said: str
) -> None:
    result = run("recommend", biased_folder, "-u", 4, "--include", include)
    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())


def test_two_ranges_of_one_column_are_refused(biased_folder: Path) -> None:
    years = ("--exclude", "year=1950..1959", "--exclude", "year=1970..1979")
    result = run("recommend", biased_folder, "-u", 4, *years)
    assert result.exit_code == 2
    assert "one range for year" in result.stderr


def test_recommend_with_seen_keeps_rated_items(biased_folder: Path) -> None:
    model = tm.load(biased_folder)
    rated = set(model.ratings.item_ids.raws(model.ratings.by_user.row(3)[0]))
    user, n = model.ratings.user_ids.raw(3), model.ratings.n_items

    def items(*options: object) -> set[int]:
        rows = json.loads(answer("recommend", biased_folder, "-u", user, "-n", n, *options))
        return {row["item"] for row in rows["rows"]}

    assert not items("--json") & rated
    assert rated <= items("--json", "--seen")


def test_similar_takes_ids_and_titles(biased_folder: Path) -> None:
    rows = json.loads(answer("similar", biased_folder, "Heat (1995)", 10, "-n", 2, "--json"))
    assert rows["rows"] == tm.load(biased_folder).similar_items([6, 10], 2).to_dicts()


def test_similar_asks_item_neighbours_too(csv_files: Path, tmp_path: Path) -> None:
    ratings = tm.read_ratings(csv_files / "ratings.csv", csv_files / "movies.csv")
    model = tm.ItemKNN().fit(ratings)
    model.save(tmp_path / "knn")
    rows = json.loads(answer("similar", tmp_path / "knn", "Heat (1995)", "-n", 3, "--json"))["rows"]
    assert rows == model.similar_items("Heat (1995)", 3).to_dicts()
    assert len(rows) == 3


def test_explain_has_parts_that_add_up(biased_folder: Path) -> None:
    said = json.loads(answer("explain", biased_folder, "-u", 4, "-i", "Heat (1995)", "--json"))
    total = sum(row["contribution"] for row in said["rows"])
    assert total == pytest.approx(said["score"], abs=1e-4)
    assert said["title"] == "Heat (1995)"
    assert 0.5 <= said["prediction"] <= 5
    assert "Heat (1995)" in answer("explain", biased_folder, "-u", 4, "-i", 6)


def test_a_score_is_not_called_a_prediction(fitted: Callable[[str], Path]) -> None:
    said = json.loads(answer("explain", fitted("item-knn"), "-u", 4, "-i", 6, "--json"))
    assert said["score"] == pytest.approx(sum(row["contribution"] for row in said["rows"]))
    assert "prediction" not in said


def test_of_interactions_it_is_said_whether_the_item_was_taken(
    csv_files: Path, tmp_path: Path
) -> None:
    asked = ("--interactions", "--model", "item-knn", "--out", tmp_path / "m")
    answer("fit", csv_files / "ratings.csv", *asked)
    model = tm.load(tmp_path / "m")
    taken = model.ratings.item_ids.raw(int(model.ratings.by_user.row(0)[0][0]))
    user = model.ratings.user_ids.raw(0)
    said = json.loads(answer("explain", tmp_path / "m", "-u", user, "-i", taken, "--json"))
    assert said["taken"] is True
    assert "rating" not in said
    rest = model.recommend(user, 1).items[0]
    said = json.loads(answer("explain", tmp_path / "m", "-u", user, "-i", rest, "--json"))
    assert said["taken"] is False


def test_biases_has_both_ends(biased_folder: Path) -> None:
    options = ("-n", 3, "--most-rated", 50)
    said = json.loads(answer("biases", biased_folder, *options, "--json"))
    ranking = tm.load(biased_folder).item_biases(50)
    assert said["top"]["rows"] == ranking.top(3).to_dicts()
    assert said["bottom"]["rows"] == ranking.bottom(3).to_dicts()
    text = answer("biases", biased_folder, *options)
    assert text.index("largest biases") < text.index("smallest biases")


def test_components_has_both_ends(biased_folder: Path) -> None:
    options = ("-n", 2, "--items", 3, "--most-rated", 100)
    said = json.loads(answer("components", biased_folder, *options, "--json"))
    second = tm.load(biased_folder).components(2, most_rated=100)[1]
    assert said[1]["component"] == 2
    assert said[1]["high"]["rows"] == second.top(3).to_dicts()
    assert said[1]["low"]["rows"] == second.bottom(3).to_dicts()
    text = answer("components", biased_folder, *options)
    assert text.count("high end") == text.count("low end") == 2


def test_a_question_the_model_cannot_answer(fitted: Callable[[str], Path]) -> None:
    for verb in (("similar", "Heat (1995)"), ("components",)):
        result = run(verb[0], fitted("biases"), *verb[1:])
        assert result.exit_code == 1
        assert result.stderr.startswith("error: a")


def test_csv_has_the_table_and_standard_error_the_notes(biased_folder: Path) -> None:
    result = run("recommend", biased_folder, "-u", 4, "-n", 4, "--csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    assert "left out" in result.stderr
