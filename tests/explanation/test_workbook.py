import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from openpyxl.cell import Cell
from openpyxl.workbook import Workbook

import tastemap as tm
from tastemap.arrays import Float64s
from tastemap.errors import ConfigError, MissingExtraError
from tastemap.explanation.crosstab import Crosstab
from tastemap.explanation.small_model import SmallModel, learning_rate, start, taken_from
from tests.conftest import make_ratings
from tests.explanation.worlds import factor_model, recommender, some_ratings

RATINGS = some_ratings(20, 25)
TABLE = tm.crosstab(RATINGS, 8, 6)
HOSTILE = ["=1+1", "+2", "-3", "@SUM(A1)", "http://example.org", "Heat & <b>"]


def area(book: Workbook, name: str) -> list[list[object]]:
    """The cells of a named area."""
    sheet, cells = next(iter(book.defined_names[name].destinations))
    found = book[sheet][cells]
    if not isinstance(found, tuple):
        return [[found.value]]
    return [[one.value for one in row] for row in found]


def numbers(book: Workbook, name: str) -> Float64s:
    """The same as numbers, empty cells and empty text as NaN."""
    rows = area(book, name)
    return np.array([[np.nan if v in (None, "") else v for v in row] for row in rows], float)


def check_values(book: Workbook, table: Crosstab, small: SmallModel) -> None:
    """Every number in the workbook is the one NumPy makes of the small model."""
    values = table.values
    rate = float(numbers(book, "learning_rate")[0, 0])
    expected = {
        "ratings_given": values,
        "user_factors": small.user_factors,
        "item_factors": small.item_factors.T,
        "user_biases": small.user_bias[:, None],
        "item_biases": small.item_bias[None, :],
        "mean_rating": [[small.mean]],
        "predictions": small.predictions(),
        "errors": small.errors(values),
        "rmse": [[small.rmse(values)]],
        "rmse_after_step": [[small.step(values, rate).rmse(values)]],
    }
    for name, array in expected.items():
        np.testing.assert_allclose(numbers(book, name), array, atol=1e-9, err_msg=name)
    slopes, after = small.slopes(values), small.step(values, rate)
    sheet = book["Gradient step"]
    found = [[cell.value for cell in row] for row in sheet.iter_rows()]
    n_users, k = small.user_factors.shape
    for block, model, grid in (
        (0, slopes, small.errors(values)),
        (1, after, after.predictions()),
    ):
        top = [i for i, row in enumerate(found) if row[0] == "user code"][block] + 1
        grid_column = 4 + k
        lines = [found[top + i] for i in range(n_users)]
        by_user = np.array([line[2 : 3 + k] for line in lines], float)
        expected_users = np.column_stack([model.user_factors, model.user_bias])
        np.testing.assert_allclose(by_user, expected_users, atol=1e-9)
        columns = slice(grid_column, grid_column + values.shape[1])
        above = [found[top - 1 - k + i][columns] for i in range(k + 1)]
        expected_items = np.vstack([model.item_factors.T, model.item_bias])
        np.testing.assert_allclose(np.array(above, float), expected_items, atol=1e-9)
        cells = [[np.nan if v in (None, "") else v for v in line[columns]] for line in lines]
        np.testing.assert_allclose(np.array(cells, float), grid, atol=1e-9)


def places(book: Workbook, name: str) -> tuple[tuple[Cell, ...], ...]:
    """The cells of a named area, to be changed."""
    sheet, cells = next(iter(book.defined_names[name].destinations))
    found: tuple[tuple[Cell, ...], ...] = book[sheet][cells]
    return found


def texts(path: Path) -> str:
    book = openpyxl.load_workbook(path)
    cells = (cell.value for row in book["Start here"].iter_rows() for cell in row)
    return "\n".join(text for text in cells if isinstance(text, str))


@pytest.mark.parametrize("factors", [1, 2, 5, 30])
def test_stored_values_are_those_of_numpy(tmp_path: Path, factors: int) -> None:
    path = TABLE.to_excel(tmp_path / "a.xlsx", factors=factors)
    check_values(openpyxl.load_workbook(path, data_only=True), TABLE, start(TABLE, factors))
    fitted = recommender(factor_model(RATINGS, 9), RATINGS)
    path = TABLE.to_excel(tmp_path / "b.xlsx", model=fitted, factors=factors)
    small = taken_from(fitted, TABLE, factors)
    check_values(openpyxl.load_workbook(path, data_only=True), TABLE, small)
    assert small.source in texts(path)


def test_all_but_ratings_and_the_model_is_formulas(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(TABLE.to_excel(tmp_path / "a.xlsx"))
    for name in ("predictions", "errors", "rmse", "rmse_after_step"):
        assert all(str(cell).startswith("=") for row in area(book, name) for cell in row)
    inputs = "ratings_given", "user_factors", "item_factors", "user_biases", "item_biases"
    for name in (*inputs, "mean_rating", "learning_rate"):
        assert all(
            cell is None or isinstance(cell, int | float)
            for row in area(book, name)
            for cell in row
        )
    missing = np.isnan(TABLE.values)
    empty = np.array([[cell is None for cell in row] for row in area(book, "ratings_given")])
    np.testing.assert_array_equal(empty, missing)


def test_panes_are_frozen_and_colours_follow_the_numbers(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(TABLE.to_excel(tmp_path / "a.xlsx"))
    assert book.sheetnames == ["Start here", "Model", "Gradient step"]
    assert book.active.title == "Start here"
    for name in ("Model", "Gradient step"):
        sheet = book[name]
        assert sheet.freeze_panes == "C6"
        kinds = {rule.type for area in sheet.conditional_formatting for rule in area.rules}
        assert {"colorScale", "expression"} <= kinds
        assert sheet["J3"].alignment.textRotation == 90


def test_titles_and_ids_stay_text_whatever_they_begin_with(tmp_path: Path) -> None:
    rows: list[tuple[object, object, float]] = [
        (f"={user}", f"@{item}", 3.0) for user in range(3) for item in range(len(HOSTILE))
    ]
    table = tm.crosstab(make_ratings(rows, metadata={"title": list(HOSTILE)}))
    path = table.to_excel(tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(path)["Model"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    for text in [*HOSTILE, "@0", "=2"]:
        found = [cell for cell in cells if cell.value == text]
        assert [(cell.data_type, cell.hyperlink) for cell in found[:1]] == [("s", None)], text
    with zipfile.ZipFile(path) as parts:
        xml = "".join(parts.read(name).decode() for name in parts.namelist() if "sheet" in name)
    for text in HOSTILE[:4]:
        assert f"<f>{text.lstrip('=')}</f>" not in xml
    assert "hyperlink" not in xml


def test_long_ids_keep_all_their_digits(tmp_path: Path) -> None:
    table = tm.crosstab(make_ratings([(2**60 + 1, 7, 3.0)]))
    sheet = openpyxl.load_workbook(table.to_excel(tmp_path / "a.xlsx"))["Model"]
    cells = [cell.value for row in sheet.iter_rows() for cell in row]
    assert str(2**60 + 1) in cells
    assert 7 in cells


def test_the_guide_names_cells_that_are_there(tmp_path: Path) -> None:
    text = texts(TABLE.to_excel(tmp_path / "a.xlsx"))
    known = int(np.sum(~np.isnan(TABLE.values)))
    assert f"{known} of 48 ratings are there" in text
    assert f"There are 84 numbers to choose and {known} ratings to fit" in text
    assert "user_factors,user_biases,item_factors,item_biases. Untick" in text
    assert "Minimum. By changing cells: $C$24:$H$31;$J$18:$O$23." in text
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert len(area(book, "user_factors")) == 8
    assert book["Model"]["C24"].value == area(book, "user_factors")[0][0]
    assert book["Model"]["O23"].value == area(book, "item_biases")[0][-1]


def test_more_cells_than_solver_takes_are_changed_in_turn(tmp_path: Path) -> None:
    text = texts(TABLE.to_excel(tmp_path / "a.xlsx", factors=20))
    assert "there are 294 cells to change; this Solver takes 200 at a time" in text


def test_a_table_without_any_ratings_and_one_of_a_single_cell_can_be_written(
    tmp_path: Path,
) -> None:
    far = make_ratings([("a", 1, 3.0), ("a", 2, 3.0), ("b", 3, 4.0), ("c", 3, 5.0)])
    nobody = tm.crosstab(far, 1, 1)
    assert np.isnan(nobody.values).all()
    path = nobody.to_excel(tmp_path / "nobody.xlsx")
    book = openpyxl.load_workbook(path, data_only=True)
    assert area(book, "rmse") == area(book, "rmse_after_step") == [[0]]
    single = tm.crosstab(make_ratings([("a", 1, 3.0)]))
    path = single.to_excel(tmp_path / "single.xlsx", factors=1)
    check_values(openpyxl.load_workbook(path, data_only=True), single, start(single, 1))


def test_a_file_already_there_is_replaced_and_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_text("old")
    assert TABLE.to_excel(str(path)) == path
    assert openpyxl.load_workbook(path).sheetnames
    with pytest.raises(FileNotFoundError):
        TABLE.to_excel(tmp_path / "none" / "a.xlsx")


def test_wrong_settings_and_a_missing_library_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for factors in (0, 101):
        with pytest.raises(ConfigError, match=f"from 1 to 100, got {factors}"):
            TABLE.to_excel(tmp_path / "a.xlsx", factors=factors)
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(MissingExtraError, match=r'pip install "tastemap\[excel\]"'):
        TABLE.to_excel(tmp_path / "a.xlsx")
    assert not (tmp_path / "a.xlsx").exists()


def test_copying_the_step_over_the_model_again_and_again_trains_it() -> None:
    """What the guide says to do by hand, done with the numbers of NumPy: the error falls."""
    small = start(TABLE, 5)
    rate = learning_rate(*TABLE.values.shape)
    errors = [small.rmse(TABLE.values)]
    for _ in range(200):
        small = small.step(TABLE.values, rate)
        errors.append(small.rmse(TABLE.values))
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < 0.7 * errors[0]


# Recalculated by a real spreadsheet

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")


def recalculated(paths: list[Path], profile: Path) -> Iterator[Workbook]:
    """Open workbooks in LibreOffice, which works out every formula, and read what it saves.

    openpyxl keeps no values of formulas when it saves, so nothing can be left over from writing.
    """
    out = profile / "out"
    subprocess.run(
        [
            SOFFICE or "soffice",
            f"-env:UserInstallation={(profile / 'profile').as_uri()}",
            "--headless",
            "--convert-to",
            "xlsx",
            "--outdir",
            str(out),
            *map(str, paths),
        ],
        check=True,
        capture_output=True,
        timeout=180,
    )
    for path in paths:
        yield openpyxl.load_workbook(out / path.name, data_only=True)


@pytest.mark.office
@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice (soffice) is not installed")
def test_libreoffice_works_out_the_same_numbers_and_follows_a_change(tmp_path: Path) -> None:
    fitted = recommender(factor_model(RATINGS, 9), RATINGS)
    small = taken_from(fitted, TABLE, 5)
    written = TABLE.to_excel(tmp_path / "written.xlsx", model=fitted)
    stored = openpyxl.load_workbook(written, data_only=True)

    book = openpyxl.load_workbook(written)
    book.save(tmp_path / "same.xlsx")

    # Another factor of the third user, another bias, a rating taken away, another rate.
    places(book, "user_factors")[2][1].value += 0.75
    places(book, "item_biases")[0][3].value = -0.5
    row, column = np.argwhere(~np.isnan(TABLE.values))[4]
    places(book, "ratings_given")[row][column].value = None
    book["Gradient step"]["E2"].value = 0.03
    book.save(tmp_path / "changed.xlsx")

    same, after = recalculated([tmp_path / "same.xlsx", tmp_path / "changed.xlsx"], tmp_path)
    check_values(same, TABLE, small)
    for name in ("rmse", "rmse_after_step", "predictions", "errors"):
        np.testing.assert_allclose(numbers(same, name), numbers(stored, name), atol=1e-9)
    starts = [book["Start here"]["C4"].value for book in (same, stored)]
    assert starts[0] == pytest.approx(starts[1])
    for model in (same["Model"], stored["Model"]):
        assert model["H39"].value == pytest.approx(
            np.sqrt(np.nanmean(small.errors(TABLE.values)[4] ** 2))
        )

    user_factors, item_bias = small.user_factors.copy(), small.item_bias.copy()
    user_factors[2, 1] += 0.75
    item_bias[3] = -0.5
    values = TABLE.values.copy()
    values[row, column] = np.nan
    moved = SmallModel(
        mean=small.mean,
        user_bias=small.user_bias,
        item_bias=item_bias,
        user_factors=user_factors,
        item_factors=small.item_factors,
        source="",
    )
    table = type(TABLE)(
        user_codes=TABLE.user_codes, item_codes=TABLE.item_codes, values=values, ratings=RATINGS
    )
    check_values(after, table, moved)
    assert numbers(after, "learning_rate")[0, 0] == 0.03
    assert moved.rmse(values) != pytest.approx(small.rmse(TABLE.values), abs=0.01)
