"""The verb that serves: serve."""

from __future__ import annotations

import os
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
) -> None:
    """Serve a model: an API, durable feedback, and pages to explore it.

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
        )
    )


def run(settings: Settings) -> None:
    """Serve until it is stopped."""
    # Requests are answered side by side: threads of BLAS within one only get in the way. Read
    # when NumPy is loaded, so before that.
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    os.environ.update(settings.to_env())
    import uvicorn

    tell(f"http://{settings.host}:{settings.port}")
    say(f"{settings.model} of {settings.root}; Ctrl-C ends it")
    uvicorn.run(
        "tastemap.web.app:app_from_env",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_level="warning",
        access_log=False,
        server_header=False,
    )
