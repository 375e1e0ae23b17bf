"""What the documentation of the API says an operation needs is what the guard asks for."""

from __future__ import annotations

import re

import pytest

from tastemap.web.app import OPERATIONS
from tastemap.web.operations import Access, Operation
from tastemap.web.security import scopes


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_an_operation_needs_what_it_says(one: Operation) -> None:
    needed = scopes.needed(one.method, re.sub(r"{\w+}", "some", one.path))
    assert (needed or Access.OPEN) == one.access
