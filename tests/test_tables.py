import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tastemap.tables import Table


@dataclass
class Films(Table):
    names: list[str]

    def columns(self) -> dict[str, Any]:
        scores = np.array([1.25, np.nan, 1e-5], np.float32)[: len(self.names)]
        return {"title": self.names, "score": scores, "seen": [True, False, True]}

    @property
    def caption(self) -> str:
        return "films & more"

    @property
    def notes(self) -> list[str]:
        return ["a <note>"]


films = Films(["=1+1", "<b>Big</b>", "Ça ira"])


def test_text_lines_up_numbers_on_the_right() -> None:
    lines = str(films).splitlines()
    assert lines[0] == "films & more"
    assert lines[1] == "title       score  seen"
    assert lines[2] == "=1+1        1.250  yes"
    assert lines[3] == "<b>Big</b>      -  no"
    assert lines[-1] == "a <note>"


def test_a_dataclass_is_shown_as_a_table() -> None:
    assert repr(films) == str(films)


def test_html_escapes_everything() -> None:
    page = films._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;Big&lt;/b&gt;" in page
    assert "a &lt;note&gt;" in page
    assert "films &amp; more" in page


def test_csv_disarms_formulas() -> None:
    rows = list(csv.reader(io.StringIO(films.to_csv())))
    assert rows[0] == ["title", "score", "seen"]
    assert rows[1][0] == "'=1+1"


def test_arrow_pandas_and_dictionaries_hold_the_same() -> None:
    assert films.to_arrow().num_rows == len(films) == 3
    assert pa.table(films).column_names == ["title", "score", "seen"]
    assert films.to_pandas()["title"].tolist() == films.names
    assert films.to_dicts()[0] == {"title": "=1+1", "score": 1.25, "seen": True}
