"""The verbs of feedback, and a fit that takes it in."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import tastemap as tm
from tastemap.web import FeedbackStore
from tests.cli.conftest import QUICK, answer, run


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "feedback.sqlite"
    with FeedbackStore.open(path) as opened:
        opened.rate("1", "31", 4.5, at=1_445_714_835.25)
        opened.rate("9000", "31", 2, at=1_445_714_836)
        opened.remove("2", "10")
        opened.forget("3").result()
    return path


def test_show_says_how_much_there_is_and_what_was_said_last(store: Path) -> None:
    said = answer("feedback", "show", store)
    assert "2 ratings, 1 removed, 1 users forgotten" in said
    assert "2015-10-24 19:27:16" in said
    rows = json.loads(answer("feedback", "show", store, "--json"))
    assert rows["counts"] == {"ratings": 2, "removed": 1, "forgotten": 1}
    assert [row["action"] for row in rows["rows"]] == ["forget", "remove", "rate", "rate"]
    rows = json.loads(answer("feedback", "show", store, "--user", "1", "--json"))["rows"]
    assert [(row["user"], row["item"], row["rating"]) for row in rows] == [("1", "31", 4.5)]
    rows = json.loads(answer("feedback", "show", store, "-n", "1", "--json"))["rows"]
    assert len(rows) == 1
    assert answer("feedback", "show", store, "--csv").startswith("user,item,rating,time,action")


def test_an_export_is_the_table_of_the_store(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert answer("feedback", "export", store, "--out", out) == f"4 rows are in {out}\n"
    with FeedbackStore.open(store) as opened:
        assert pq.read_table(out).equals(opened.table())
    done = json.loads(answer("feedback", "export", store, "--out", out, "--json"))
    assert done == {"file": str(out), "rows": 4}


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for rest in (("show",), ("export", "--out", str(tmp_path / "x.parquet"))):
        result = run("feedback", rest[0], tmp_path / "none.db", *rest[1:])
        assert result.exit_code == 1
        assert "none.db does not exist: there is no feedback" in result.stderr
    assert not list(tmp_path.iterdir())


def test_fit_takes_feedback_from_a_store_or_an_export(
    store: Path, csv_files: Path, tmp_path: Path
) -> None:
    export = tmp_path / "out.parquet"
    answer("feedback", "export", store, "--out", export)
    models = []
    for source, name in ((store, "m1"), (export, "m2")):
        out = tmp_path / name
        result = run(
            *("fit", csv_files / "ratings.csv", "--items", csv_files / "movies.csv", "--out", out),
            *("--model", "biased", "--with-feedback", source, "--valid-fraction", 0, *QUICK),
        )
        assert result.exit_code == 0, result.stderr
        assert "feedback: users forgotten: 1, with 51 ratings; removed: 1 of 1" in result.stderr
        assert "ratings added: 1, replaced: 1, new users: 1, new items: 0" in result.stderr
        models.append(tm.load(out))
    first, second = models
    assert first.ratings.fingerprint == second.ratings.fingerprint
    assert 3 not in first.ratings.user_ids
    assert first.recommend(9000, n=1).users[0] == 9000


def test_a_damaged_export_is_said(csv_files: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    result = run(
        *("fit", csv_files / "ratings.csv", "--out", tmp_path / "m"),
        *("--with-feedback", tmp_path / "bad.parquet"),
    )
    assert result.exit_code == 1
    assert "bad.parquet cannot be read as Parquet" in result.stderr


def test_feedback_moves_to_another_store_by_a_file(store: Path, tmp_path: Path) -> None:
    export, other = tmp_path / "out.parquet", tmp_path / "other.db"
    answer("feedback", "export", store, "--out", export)
    assert answer("feedback", "import", other, export) == "4 rows are in other.db\n"
    assert answer("feedback", "show", other) == answer("feedback", "show", store)
    assert "holds feedback already" in run("feedback", "import", other, export).stderr
    said = json.loads(answer("feedback", "import", tmp_path / "third.db", export, "--json"))
    assert said == {"rows": 4}
