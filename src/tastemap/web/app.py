"""The application: models, feedback, operations and pages, put together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tastemap.web import pages
from tastemap.web.feedback.store import FeedbackStore
from tastemap.web.openapi import document
from tastemap.web.operations import Operation, encode, json_bytes
from tastemap.web.pages.visit import on_http_error
from tastemap.web.routes import admin, health, items, people, ratings, reading
from tastemap.web.security import sign_in
from tastemap.web.security.auth import Authenticator
from tastemap.web.security.guard import Guard
from tastemap.web.settings import Settings
from tastemap.web.shelf import Shelf

OPERATIONS: tuple[Operation, ...] = (
    *people.OPERATIONS,
    *ratings.OPERATIONS,
    *items.OPERATIONS,
    *reading.OPERATIONS,
    *health.OPERATIONS,
    *admin.OPERATIONS,
)
"""Every operation of the API; those asked most often first."""

_LOOK_EVERY = 0.5
"""Seconds between looks whether another process has changed the live model. Pages look by
themselves: somebody has just asked for another model there."""


def create_app(settings: Settings, store: FeedbackStore | None = None) -> FastAPI:
    """The service as an ASGI application.

    Models are loaded when it starts, not here. Then ``app.state`` has the ``settings``, the
    ``shelf`` (`tastemap.web.shelf.Shelf`) and the ``store`` of feedback.

    Args:
        settings: how it runs.
        store: feedback, kept open by the caller; None: opened where the settings say.

    Raises:
        ConfigError: without keys it would be open to others than the programs of this machine.
    """
    auth = Authenticator.of(settings)
    app = FastAPI(
        title="tastemap",
        openapi_url=None,  # written from the operations instead
        lifespan=_lifespan,
        exception_handlers={HTTPException: on_http_error},
    )
    app.state.settings, app.state.store = settings, store
    app.router.routes.extend(operation.route() for operation in OPERATIONS)
    app.router.routes.append(Route("/openapi.json", openapi))
    pages.mount(app)
    app.router.routes.extend(sign_in.routes(auth))
    app.add_middleware(
        Guard,
        auth=auth,
        hosts=settings.hosts,
        origins=settings.origins,
        max_body=settings.max_body,
        rate=settings.rate,
    )
    return app


async def openapi(_: Request) -> Response:
    """The documentation of the API for programs."""
    return json_bytes(encode(document(OPERATIONS)))


def app_from_env() -> FastAPI:
    """The application of a worker process, with the settings in its environment."""
    app = create_app(Settings.from_env())
    app.state.owns_process = True
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    given = app.state.store
    if given is None:
        app.state.store = await asyncio.to_thread(FeedbackStore.open, settings.feedback)
    app.state.shelf = Shelf(
        settings.root,
        settings.model,
        app.state.store,
        settings.cache,
        approximate=settings.approximate,
    )
    if getattr(app.state, "owns_process", False):
        # Millions of ids live as long as the model: looking through them for garbage takes long.
        gc.collect()
        gc.freeze()
    app.state.refit = admin.RefitProcess()
    looking = asyncio.create_task(_look(app.state.shelf))
    try:
        yield
    finally:
        looking.cancel()
        app.state.refit.stop()
        if app.state.store is not None and given is None:
            app.state.store.close()


async def _look(shelf: Shelf) -> None:
    """Notice when another process has named another model."""
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        await asyncio.to_thread(shelf.current)
