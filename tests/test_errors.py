import inspect
import re

import pytest

from tastemap import errors


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    defined = [
        name
        for name, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, errors.TastemapError) and value is not errors.TastemapError
    ]
    assert sorted(drawn) == sorted(defined)


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    with pytest.raises(errors.MissingExtraError, match=r'pip install "tastemap\[excel\]"'):
        errors.require("no_such_library", "excel")


def test_an_unknown_id_reads_as_a_sentence() -> None:
    assert str(errors.UnknownUserError("unknown user 7")) == "unknown user 7"
