"""Whatever a user can see is documented: names, errors, recipes, verbs, options."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.main import get_command

import tastemap as tm
from tastemap import errors, model_folder, packing
from tastemap.cli import app
from tastemap.data.splits import Split
from tastemap.tables import Table
from tastemap.training.registry import RECIPES
from tastemap.web.app import OPERATIONS
from tastemap.web.schemas.lists import ListOptions
from tests.docs.conftest import ROOT

PROGRAM: Any = get_command(app)
# A verb of a group has two words.
COMMANDS: dict[str, Any] = {
    " ".join([name, inner] if inner else [name]): one
    for name, command in PROGRAM.commands.items()
    for inner, one in getattr(command, "commands", {"": command}).items()
}
ERRORS = [
    name
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, errors.TastemapError)
]
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SPHINX = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as HTML, built as ``make docs`` does: a warning is an error."""
    folder = tmp_path_factory.mktemp("built")
    done = subprocess.run(
        [*SPHINX, "-d", str(folder / "doctrees"), str(ROOT / "docs"), str(folder / "html")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def documented(built: Path) -> dict[str, set[str]]:
    """Names in the index of the built pages, by kind."""
    packed = (built / "objects.inv").read_bytes().split(b"\n", 4)[4]
    names: dict[str, set[str]] = {}
    for line in zlib.decompress(packed).decode().splitlines():
        found = re.fullmatch(r"(.+?) (\S+:\S+) -?\d+ \S+ .*", line)
        assert found, line
        names.setdefault(found[2], set()).add(found[1])
    return names


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_every_public_name_is_documented(documented: dict[str, set[str]]) -> None:
    names = set().union(*(names for kind, names in documented.items() if kind.startswith("py:")))
    for name in tm.__all__:
        value = getattr(tm, name)
        if not inspect.ismodule(value):
            assert f"tastemap.{name}" in names, name
            continue
        for inside, one in vars(value).items():
            ours = inspect.isroutine(one) or inspect.isclass(one)
            ours = ours and one.__module__ == value.__name__
            if ours and not inside.startswith("_") and inside != "require":
                assert f"{value.__name__}.{inside}" in names, f"{name}.{inside}"


def test_every_public_name_stands_in_the_overview() -> None:
    overview = _page("reference/index.md")
    missing = [name for name in tm.__all__ if f"`{name}`" not in overview]
    assert not missing


def test_every_public_method_is_documented(documented: dict[str, set[str]]) -> None:
    for owner in (tm.Recommender, tm.Ratings):
        for name, value in vars(owner).items():
            if name.startswith("_") or not inspect.getdoc(value) or not callable(value):
                continue
            assert f"tastemap.{owner.__name__}.{name}" in documented["py:method"], name


def test_every_result_is_documented(documented: dict[str, set[str]]) -> None:
    def below(table: type) -> set[type]:
        return {table}.union(*(below(one) for one in table.__subclasses__()))

    for module in pkgutil.walk_packages(tm.__path__, prefix="tastemap."):
        if ".migrations." not in module.name:  # run by Alembic alone
            importlib.import_module(module.name)
    shown_by_the_program = {"Rows"}
    for table in below(Table):
        if table.__module__.startswith("tastemap.") and table.__name__ not in shown_by_the_program:
            assert f"{table.__module__}.{table.__name__}" in documented["py:class"]


def test_every_error_is_documented_in_one_tree(documented: dict[str, set[str]]) -> None:
    for name in ERRORS:
        assert f"tastemap.errors.{name}" in documented["py:exception"]

    def tree(text: str) -> list[str]:
        return re.findall(r"^(?:[├│└─ ]+)?(?:\w+Error|NotFittedFor)", text, re.MULTILINE)

    assert errors.__doc__ is not None
    shown = _page("reference/errors.md").split("```text")[1]
    assert tree(shown.split("```")[0]) == tree(errors.__doc__)
    assert len(tree(errors.__doc__)) == len(ERRORS)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_field_of_a_recipe_is_explained(name: str, built: Path) -> None:
    recipe = RECIPES[name]
    assert dataclasses.is_dataclass(recipe)
    page = (built / "reference" / "recipes.html").read_text(encoding="utf-8")
    assert f'id="tastemap.{recipe.__name__}"' in page
    for field in dataclasses.fields(recipe):
        owner = next(
            one
            for one in reversed(recipe.__mro__)
            if field.name in vars(one).get("__annotations__", {})
        )
        assert re.search(rf"^\s+{field.name}: ", inspect.getdoc(owner) or "", re.MULTILINE), (
            field.name
        )
        assert f"<strong>{field.name}</strong>" in page, field.name
    explained = _page("explanation/models.md")
    assert f"`{recipe.__name__}`" in explained


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_verb_and_option_is_documented(name: str, documented: dict[str, set[str]]) -> None:
    assert name in HEADING.findall(_page("reference/command-line.md"))
    command = COMMANDS[name]
    assert command.help
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        assert parameter.help, f"{name} {parameter.name} has no help"
        if parameter.param_type_name == "option":
            for flag in (*parameter.opts, *parameter.secondary_opts):
                program = "-".join(["tastemap", *name.split()])
                assert f"{program}.{flag}" in documented["std:cmdoption"]


def test_every_verb_is_used_in_an_example() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    used = re.findall(r"^\$ tastemap (.*)", text, re.MULTILINE)
    # demo takes long, and what serves does not end: their own tests run them.
    for name in set(COMMANDS) - {"demo", "serve", "up"}:
        assert any(f"{line} ".startswith(f"{name} ") for line in used), name


def test_every_operation_of_the_server_is_documented() -> None:
    page = _page("reference/http-api.md")
    for one in OPERATIONS:
        assert f"| `{one.method} {one.path}` | {one.summary} | {one.access.value} |" in page
    for field in msgspec.structs.fields(ListOptions):
        assert f"| `{field.name}` |" in page, field.name


def test_every_field_and_array_of_a_model_folder_is_documented(
    notebook_split: Split, tmp_path: Path
) -> None:
    page = _page("reference/model-folder.md")
    recipe = tm.BiasedMF(factors=2, schedule=((1e-3, 1),), holdout=0)
    recipe.fit(notebook_split.train, notebook_split.valid).save(tmp_path / "model")
    content = model_folder.read(tmp_path / "model")
    for name, value in content.manifest.items():
        inner = value if name in ("recipe", "training_data", "history") else {}
        for key in inner or [name]:
            assert re.search(rf"`({name})?\.?{key}`", page), f"{name} {key}"
    factors = tm.ImplicitALS(factors=2, sweeps=1)
    lists = (tm.Popularity(), tm.ItemKNN(), factors, tm.Blend(recipes=(tm.ItemKNN(), factors)))
    recipes = (recipe, tm.BayesianMF(factors=2, sweeps=6, burn_in=2, draws=4), *lists)
    for fitted in (one.fit(notebook_split.train) for one in recipes):
        for name in packing.pack(fitted).arrays:
            # A part of a blend has the names of its kind, after its number and kind.
            assert f"`{re.sub(r'[.][0-9]+[.][a-z]+', '', name)}`" in page, name


def test_every_decision_is_listed_once() -> None:
    numbers = [path.name[:3] for path in (ROOT / "docs" / "decisions").glob("0*.md")]
    assert len(numbers) == len(set(numbers))


def test_nothing_in_the_built_pages_is_fetched_from_elsewhere(built: Path) -> None:
    for page in built.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?:[^"]+)"', text)
        assert not fetched, page


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_links_to_files_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    for path in re.findall(r"`((?:docs|src|tests|benchmarks|examples)/[\w./-]+)`", text):
        assert (ROOT / path).exists() or "_build" in path, path
