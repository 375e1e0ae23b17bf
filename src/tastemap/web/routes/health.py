"""Whether the service is up, what it serves, and how much it does."""

from __future__ import annotations

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import Response

import tastemap
from tastemap.errors import StoreError
from tastemap.web import metrics
from tastemap.web.operations import Access, Operation, answer
from tastemap.web.problems import problem
from tastemap.web.schemas import admin

_LOG = logging.getLogger("tastemap.web")


async def health(_: Request) -> Response:
    """Answers as long as the process runs; says nothing of models or databases."""
    return answer(admin.Health(status="ok", version=tastemap.__version__))


async def ready(request: Request) -> Response:
    """Whether the model is loaded, and feedback can be read and stored."""
    try:
        await asyncio.to_thread(request.app.state.store.ping)
    except StoreError as error:
        # Whoever asks has shown no key, and need not know which database it is.
        _LOG.warning("not ready: %s", error)
        return problem(503, "feedback cannot be read or stored: see the log", "not-ready")
    return answer(admin.Ready(status="ready", model=request.app.state.shelf.live.name))


async def measured(_: Request) -> Response:
    """Counts and durations of requests, of all processes together, for Prometheus."""
    return Response(metrics.written(), media_type=metrics.MEDIA_TYPE)


async def model(request: Request) -> Response:
    """The manifest of the live model."""
    service = request.app.state.shelf.live
    return answer(admin.ModelInfo(name=service.name, manifest=service.manifest))


OPERATIONS = (
    Operation(
        method="GET",
        path="/health",
        handler=health,
        summary="Whether the process runs",
        access=Access.OPEN,
        answer=admin.Health,
    ),
    Operation(
        method="GET",
        path="/ready",
        handler=ready,
        summary="Whether the service can answer",
        access=Access.OPEN,
        answer=admin.Ready,
        problems=(503,),
    ),
    Operation(
        method="GET",
        path="/metrics",
        handler=measured,
        summary="Measurements for Prometheus",
        answer=str,
        media_type="text/plain",
    ),
    Operation(
        method="GET",
        path="/model",
        handler=model,
        summary="The live model",
        answer=admin.ModelInfo,
    ),
)
