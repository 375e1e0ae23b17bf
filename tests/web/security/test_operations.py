"""What the documentation of the API says an operation needs is what the guard asks for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tastemap.web.app import OPERATIONS, create_app
from tastemap.web.operations import Access, Operation
from tastemap.web.security import scopes
from tastemap.web.settings import Settings


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_an_operation_needs_what_it_says(one: Operation) -> None:
    needed = scopes.needed(one.method, re.sub(r"{\w+}", "some", one.path))
    assert (needed or Access.OPEN) == one.access


def test_what_changes_something_beside_the_api_is_known_here(tmp_path: Path) -> None:
    routes = create_app(Settings(root=tmp_path, model="any")).routes
    api = {one.path for one in OPERATIONS}
    changing = {
        (method, route.path): scopes.needed(method, route.path)  # type: ignore[attr-defined]
        for route in routes
        for method in route.methods - {"GET", "HEAD"}  # type: ignore[attr-defined]
        if route.path not in api  # type: ignore[attr-defined]
    }
    assert changing == {
        ("POST", "/explore/taste"): "read",  # a question in a form
        ("POST", "/explore/taste/keep"): "write",
        ("POST", "/admin/serve"): "admin",
        ("POST", "/sign-in"): None,
        ("POST", "/sign-out"): "read",
    }
