"""The example notebook runs, is short, and is stored without outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.conftest import ROOT

NOTEBOOK = ROOT / "examples" / "notebook.ipynb"


@pytest.fixture(scope="module")
def notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_notebook_has_under_forty_lines_of_code(notebook: Any) -> None:
    lines = [line for cell in _code(notebook) for line in cell.source.splitlines()]
    assert len([line for line in lines if line.strip()]) < 40


def test_the_notebook_is_stored_without_outputs(notebook: Any) -> None:
    assert all(not cell.outputs and cell.execution_count is None for cell in _code(notebook))


@pytest.mark.slow
def test_the_notebook_runs(notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing of the settings of whoever runs the tests.
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in _code(notebook) for output in cell.outputs]
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "Warning" not in said
    shown = "".join(str(output.get("data", {}).get("text/html", "")) for output in outputs)
    assert "Shawshank Redemption" in shown
    assert "image/png" in outputs[-1].data
    assert (tmp_path / "crosstab.xlsx").stat().st_size > 10_000
