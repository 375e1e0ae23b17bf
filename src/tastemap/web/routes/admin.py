"""Which model is served, and training again."""

from __future__ import annotations

import asyncio
import subprocess

from starlette.requests import Request
from starlette.responses import Response

from tastemap.web import refit
from tastemap.web.operations import Access, Operation, answer, body_of
from tastemap.web.problems import problem
from tastemap.web.schemas import admin
from tastemap.web.shelf import Shelf


class RefitProcess:
    """The refit that this process has started; it ends with it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def began(self, child: subprocess.Popen[bytes]) -> None:
        """Keep it, and let go of the one before."""
        if self._child is not None:
            self._child.wait()  # ended already: only one holds the lock
        self._child = child

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait()


async def reload(request: Request) -> Response:
    """Serve another model of the same folder, or read the live one again, in every process.

    It is loaded before it replaces the one before, so that a damaged one changes nothing. The
    other processes follow within a second.
    """
    shelf: Shelf = request.app.state.shelf
    asked = await body_of(request, admin.ReloadOptions)
    service = await asyncio.to_thread(shelf.use, asked.model or shelf.live.name)
    return answer(admin.ModelInfo(name=service.name, manifest=service.manifest))


async def start_refit(request: Request) -> Response:
    """Train the live model's recipe again, with what users said since.

    The new model goes live if it is not worse on ratings that are kept back: both are measured on
    the same ones, which neither has seen. See `GET /admin/refit` for how it goes on.
    """
    state = request.app.state
    asked = await body_of(request, admin.RefitOptions)
    try:
        child, began = await asyncio.to_thread(refit.start, state.shelf, asked)
    except refit.Running as error:
        return problem(409, str(error), "running")
    await asyncio.to_thread(state.refit.began, child)
    return answer(began, 202)


async def refit_status(request: Request) -> Response:
    """How the refit goes on, or how the last one went, whichever process began it."""
    return answer(await asyncio.to_thread(refit.status, request.app.state.shelf.root))


async def models(request: Request) -> Response:
    """The model folders that can be served, with what they are."""
    shelf: Shelf = request.app.state.shelf
    found = await asyncio.to_thread(shelf.summaries)
    return answer(admin.Models(live=shelf.live.name, models=found))


OPERATIONS = (
    Operation(
        method="POST",
        path="/admin/reload",
        handler=reload,
        summary="Serve another model",
        access=Access.ADMIN,
        body=admin.ReloadOptions,
        answer=admin.ModelInfo,
        problems=(409,),
    ),
    Operation(
        method="POST",
        path="/admin/refit",
        handler=start_refit,
        summary="Train again with feedback",
        access=Access.ADMIN,
        body=admin.RefitOptions,
        answer=admin.Refit,
        status=202,
        problems=(409, 503),
    ),
    Operation(
        method="GET",
        path="/admin/refit",
        handler=refit_status,
        summary="How the refit goes on",
        access=Access.ADMIN,
        answer=admin.Refit,
    ),
    Operation(
        method="GET",
        path="/admin/models",
        handler=models,
        summary="The models there are",
        access=Access.ADMIN,
        answer=admin.Models,
    ),
)
