"""Every example in the README and the documentation runs, and prints what is shown."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import tastemap
from tests.docs.conftest import ROOT
from tests.docs.examples import Page, commands, difference

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if "_build" not in page.parts]
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(tastemap.__path__, prefix="tastemap.")
)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [page for page in PAGES if len(Page(page))], ids=_name)
def test_the_examples_of_a_page_run(page: Path, workshop: Path) -> None:
    Page(page).run()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_example_escapes_the_tests(page: Path) -> None:
    for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        assert language in ("python", "text", "console", "sh", "bibtex"), language
        if language == "sh":  # for the machine, not for tastemap
            assert not re.search(r"^\$|^tastemap ", block, re.MULTILINE), block
        if language == "console":
            assert commands(block), block


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_docstring_run(module: str, workshop: Path) -> None:
    loaded = importlib.import_module(module)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, _ = doctest.testmod(loaded, optionflags=flags)
    assert not failed


@pytest.mark.parametrize(
    ("shown", "printed", "wrong"),
    [
        ("a 1.00\nb 2", "a  1.04\nb 2", ""),
        ("a 1.00", "a 1.50", "1.5 was printed where 1 is shown"),
        ("model  rmse", "model  mae", "the first line"),
        ("a 1\nb 2", "a 1", "1 lines were printed, 2 are shown"),
        ("a\n...\nz", "a\nb\nc\nz", ""),
        ("a\n...\nz", "a\nb\nc\ny", "fifths of the words"),
        ("took 3 s", "took 90 s", ""),
        ("x seconds\na 1 3.2", "x seconds\na 1 88.1", ""),
        ("said\nx seconds\na 1 3.2\nb 2", "said\nx seconds\na 1 88.1\nb 2", ""),
        ("said\nx seconds\na 1 3.2\nb", "said\nx seconds\na 2 3.2\nb", "2 was printed"),
        ("1,234 rows", "9,999 rows", "9999 was printed"),
    ],
)
def test_what_is_shown_is_compared(shown: str, printed: str, wrong: str) -> None:
    found = difference(shown, printed)
    assert found.startswith(wrong) if not wrong else wrong in found
    assert bool(found) == bool(wrong)


def test_a_page_that_shows_something_wrong_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TASTEMAP_UPDATE_EXAMPLES", raising=False)
    page = tmp_path / "page.md"
    page.write_text("```python\nprint('good')\n```\n\n```text\nbad\n```\n")
    with pytest.raises(AssertionError, match="the first line is 'good'"):
        Page(page).run()
    page.write_text("```console\n$ exit 3\n```\n")
    with pytest.raises(AssertionError, match="ended with 3, not 0"):
        Page(page).run()
    page.write_text("```python\nimport warnings\nwarnings.warn('x')\n```\n")
    with pytest.raises(UserWarning, match="x"):
        Page(page).run()
