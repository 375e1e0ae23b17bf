import importlib
import subprocess
import sys

import pytest

import tastemap as tm


def test_names_are_sorted_and_all_there() -> None:
    assert tm.__all__ == sorted(tm.__all__)
    assert sorted(tm._HOMES) == tm.__all__
    assert dir(tm) == tm.__all__


@pytest.mark.parametrize("name", tm.__all__)
def test_every_name_can_be_loaded(name: str) -> None:
    module, attribute = tm._HOMES[name]
    loaded = importlib.import_module(module)
    assert getattr(tm, name) is (loaded if attribute is None else getattr(loaded, attribute))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        tm.Nothing  # noqa: B018


def test_importing_loads_nothing_heavy() -> None:
    script = "import tastemap, tastemap.cli, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "pyarrow", "jax", "numba", "matplotlib", "fastapi", "scipy"}
