"""The application: models, feedback, operations and pages, put together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from tastemap.web import pages
from tastemap.web.feedback.store import FeedbackStore
from tastemap.web.openapi import document
from tastemap.web.operations import Operation, encode, json_bytes
from tastemap.web.pages.visit import on_http_error
from tastemap.web.routes import admin, health, items, people, ratings, reading
from tastemap.web.security import sign_in
from tastemap.web.security.auth import Authenticator
from tastemap.web.security.guard import Guard
from tastemap.web.security.logs import NamedRoute
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


class _Application(FastAPI):
    """FastAPI, with a short way to the operations of the API.

    They answer errors themselves and need nothing of what FastAPI puts around a request, which
    takes longer than most of them.
    """

    def __init__(self, auth: Authenticator, settings: Settings, **given: Any) -> None:
        super().__init__(**given)
        self._entry = Guard(
            _Operations(super().__call__),
            auth=auth,
            hosts=settings.hosts,
            origins=settings.origins,
            max_body=settings.max_body,
            rate=settings.rate,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["app"] = self
        await self._entry(scope, receive, send)


class _Operations:
    """Answers what asks for an operation, and gives the rest to another application."""

    def __init__(self, others: ASGIApp) -> None:
        self._routes, self._others = [one.route() for one in OPERATIONS], others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for route in self._routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    await route.app(scope, receive, send)
                    return
        await self._others(scope, receive, send)


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
    app = _Application(
        auth,
        settings,
        title="tastemap",
        openapi_url=None,  # written from the operations instead
        lifespan=_lifespan,
        exception_handlers={HTTPException: on_http_error},
    )
    app.state.settings, app.state.store = settings, store
    app.router.routes.extend(operation.route() for operation in OPERATIONS)
    app.router.routes.append(NamedRoute("/openapi.json", openapi))
    pages.mount(app)
    app.router.routes.extend(sign_in.routes(auth))
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
        # The lists of one batch alone are a thousand objects, and none of them is garbage yet.
        gc.set_threshold(20_000)
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
