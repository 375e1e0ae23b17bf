"""Whatever the documentation of the API allows, and more, is answered without an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from tastemap.web.app import OPERATIONS, create_app
from tastemap.web.settings import Settings

BOUNDED = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MODELS = ("bayesian", "biases", "clicks")
"""One that can do everything, one that can do little, and one without ratings."""
# Trains again in a process of its own: its tests are in test_admin.py.
ASKED = [one for one in OPERATIONS if (one.method, one.path) != ("POST", "/admin/refit")]
RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CASES = [
    pytest.param(one, mode, id=f"{one.method} {one.path} {mode.value}")
    for one in ASKED
    for mode in (RIGHT, WRONG)
    # What takes nothing cannot be asked wrongly.
    if mode is RIGHT or one.query or one.body or "{" in one.path
]


@pytest.fixture(scope="module", params=MODELS)
def schema(
    request: pytest.FixtureRequest, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """The documentation of a running service."""
    place = tmp_path_factory.mktemp("fuzz")
    app = create_app(
        Settings(root=models, model=request.param, database=str(place / "feedback.sqlite"))
    )
    with TestClient(app, base_url="http://localhost"):
        yield schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "localhost"})


@pytest.mark.parametrize(("one", "mode"), CASES)
def test_no_request_ends_in_an_error_of_ours(schema: Any, one: Any, mode: GenerationMode) -> None:
    operation = schema[one.path][one.method]
    checks = [content_type_conformance, status_code_conformance, response_schema_conformance]

    @BOUNDED
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = case.call(headers={"Host": "localhost"})
        assert answer.status_code < 500, answer.text
        assert "Traceback" not in answer.text
        if answer.status_code != 405:  # an empty part of a path makes another path of it
            case.validate_response(answer, checks=checks)

    ask()
