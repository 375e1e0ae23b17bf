"""The verb that serves: serve."""

from __future__ import annotations

import dataclasses
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tastemap.cli.output import say, tell
from tastemap.errors import require

if TYPE_CHECKING:
    from tastemap.web.settings import Settings

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def serve(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model folder; others beside it can follow.")
    ],
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="The port; 0: any that is free.")
    ] = 8000,
    workers: Annotated[int, typer.Option(min=0, help="Processes that answer; 0: one a core.")] = 1,
    database: Annotated[
        str,
        typer.Option(
            envvar="TASTEMAP_DATABASE",
            help="Where ratings are kept: postgresql://..., or a file for SQLite. If not given, "
            "feedback.sqlite beside the model.",
        ),
    ] = "",
    keys: Annotated[
        Path | None,
        typer.Option(
            envvar="TASTEMAP_KEYS",
            help="The file of keys; keys.json beside the model if not given. Where there is one, "
            "nobody without a key is answered. Make keys with `tastemap keys add`.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name of this server, such as tastemap.example.org; any number of times.",
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="Whose pages may ask from browsers (CORS), such as https://shop.example.org; any "
            "number of times. If not given, nobody's but our own.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Requests a second that one key, or one address without a key, may make of each "
            "worker; 0: any number. If not given, 100 where keys are needed.",
        ),
    ] = None,
    access_log: Annotated[
        bool,
        typer.Option(
            "--access-log", help="Log each request: method, route, status, time; no ids of people."
        ),
    ] = False,
) -> None:
    """Serve a model: an API, and pages to explore it.

    Ratings that it is given are kept in a database.

    Ctrl-C ends it.
    """
    require("uvicorn", "serve")
    from tastemap.web.settings import Settings

    folder = model.absolute()
    run(
        Settings(
            root=folder.parent,
            model=folder.name,
            database=database,
            host=host,
            port=port,
            workers=workers or os.cpu_count() or 1,
            keys=None if keys is None else keys.absolute(),
            hosts=tuple(allow_host or ()),
            origins=tuple(allow_origin or ()),
            rate=rate,
        ),
        access_log=access_log,
    )


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as free:
        free.bind((host, 0))
        port: int = free.getsockname()[1]
        return port


def run(settings: Settings, *, access_log: bool = False) -> None:
    """Serve until it is stopped."""
    # Requests are answered side by side: threads of BLAS within one only get in the way. Read
    # when NumPy is loaded, so before that.
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    if not settings.port:
        settings = dataclasses.replace(settings, port=_free_port(settings.host))
    os.environ.update(settings.to_env())
    if settings.workers > 1:
        # Where workers put what they count, so that any of them can tell it for all.
        counts = tempfile.TemporaryDirectory(prefix="tastemap-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts.name
    import uvicorn

    from tastemap.web.security import logs
    from tastemap.web.security.auth import Authenticator

    Authenticator.of(settings)  # refuses, before anything is opened
    tell(f"http://{settings.host}:{settings.port}")
    say(f"{settings.model} of {settings.root}; Ctrl-C ends it")
    uvicorn.run(
        "tastemap.web.app:app_from_env",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http="tastemap.web.security.protocol:BoundedProtocol",
        # One client cannot take all of a worker's memory by opening connections.
        limit_concurrency=1000,
        log_config=logs.config(access=access_log),
        access_log=False,
        server_header=False,
    )
