"""Whether the service is up, and what it serves."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

import tastemap
from tastemap.web import schemas
from tastemap.web.operations import Access, Operation, answer
from tastemap.web.problems import problem


async def health(_: Request) -> Response:
    """Answers as long as the process runs; says nothing of models or databases."""
    return answer(schemas.Health(status="ok", version=tastemap.__version__))


async def ready(request: Request) -> Response:
    """Whether the model is loaded and feedback can be read."""
    state = request.app.state
    if state.store is not None:
        try:
            await asyncio.to_thread(state.store.ping)
        except Exception as error:
            return problem(503, f"feedback cannot be read: {error}", "not-ready")
    name = state.shelf.live.name
    return answer(schemas.Ready(status="ready", model=name, feedback=state.store is not None))


async def model(request: Request) -> Response:
    """The manifest of the live model."""
    service = request.app.state.shelf.live
    return answer(schemas.ModelInfo(name=service.name, manifest=service.manifest))


OPERATIONS = (
    Operation(
        method="GET",
        path="/health",
        handler=health,
        summary="Whether the process runs",
        access=Access.OPEN,
        answer=schemas.Health,
    ),
    Operation(
        method="GET",
        path="/ready",
        handler=ready,
        summary="Whether the service can answer",
        access=Access.OPEN,
        answer=schemas.Ready,
        problems=(503,),
    ),
    Operation(
        method="GET",
        path="/model",
        handler=model,
        summary="The live model",
        answer=schemas.ModelInfo,
    ),
)
