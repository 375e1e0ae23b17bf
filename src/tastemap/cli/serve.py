"""The verbs that serve: serve, up."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

import tastemap as tm
from tastemap.cli.options import ModelName, RatingsSource, Reading, Seed, spread
from tastemap.cli.output import COMMAND, say, show, tell
from tastemap.cli.parsing import make_recipe
from tastemap.errors import require

if TYPE_CHECKING:
    from tastemap.web.settings import Settings

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How a model is served: the options of `serve` and `up`."""

    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1"
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="The port; 0: any that is free.")
    ] = 8000
    workers: Annotated[int, typer.Option(min=0, help="Processes that answer; 0: one a core.")] = 1
    database: Annotated[
        str,
        typer.Option(
            envvar="TASTEMAP_DATABASE",
            help="Where ratings are kept: postgresql://..., or a file for SQLite. If not given, "
            "feedback.sqlite beside the model.",
        ),
    ] = ""
    keys: Annotated[
        Path | None,
        typer.Option(
            envvar="TASTEMAP_KEYS",
            help="The file of keys; keys.json beside the model if not given. Where there is one, "
            "nobody without a key is answered. Make keys with `tastemap keys add`.",
        ),
    ] = None
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name of this server, such as tastemap.example.org; any number of times.",
        ),
    ] = None
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="Whose pages may ask from browsers (CORS), such as https://shop.example.org; any "
            "number of times. If not given, nobody's but our own.",
        ),
    ] = None
    rate: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Requests a second that one key, or one address without a key, may make of each "
            "worker; 0: any number. If not given, 100 where keys are needed.",
        ),
    ] = None
    access_log: Annotated[
        bool,
        typer.Option(
            "--access-log", help="Log each request: method, route, status, time; no ids of people."
        ),
    ] = False

    def settings(self, model: Path) -> Settings:
        """The settings of a service of this model."""
        require("uvicorn", "serve")
        from tastemap.web.settings import Settings

        folder = model.absolute()
        return Settings(
            root=folder.parent,
            model=folder.name,
            database=self.database,
            host=self.host,
            port=self.port or _free_port(self.host),
            workers=self.workers or os.cpu_count() or 1,
            keys=None if self.keys is None else self.keys.absolute(),
            hosts=tuple(self.allow_host or ()),
            origins=tuple(self.allow_origin or ()),
            rate=self.rate,
        )


@spread
def serve(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model folder; others beside it can follow.")
    ],
    serving: Serving,
    approximate: Annotated[
        bool,
        typer.Option(
            "--approximate",
            help="Make lists from an index of the items, for catalogs of a million; the index is "
            "made first, if there is none, and its recall is printed.",
        ),
    ] = False,
) -> None:
    """Serve a model: an API, and pages to explore it.

    Ratings that it is given are kept in a database.

    Ctrl-C ends it.
    """
    _one_thread()
    from tastemap.model_folder import read_manifest

    read_manifest(model)  # what is wrong with it is said here, in a line
    settings = replace(serving.settings(model), approximate=approximate)
    if approximate:
        _refuse_exposure(settings)  # before minutes are spent
        _index(model)
    run(settings, access_log=serving.access_log)


def _index(folder: Path) -> None:
    from tastemap.web.nearest import Nearest

    model, folder = tm.load(folder), folder.absolute()
    say("making the index of its items, if there is none")
    made = Nearest.make(model, folder.parent, folder.name)
    say(f"the index finds {made.recall:.1%} of the ten best items; made in {made.seconds:.0f} s")


@spread
def up(
    ctx: typer.Context,
    ratings: RatingsSource,
    reading: Reading,
    serving: Serving,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="For the model and the report.")
    ] = Path("tastemap-up"),
    model: Annotated[
        ModelName, typer.Option("--model", "-m", help="What to fit.")
    ] = ModelName.BAYESIAN,
    seed: Seed = 42,
) -> None:
    """From ratings to a served model in one go.

    Audit, fit, evaluate, report, serve. A fifth of the ratings is kept back to measure on.
    """
    recipe = make_recipe(model, [])
    place = out / "models" / model.value
    settings = serving.settings(place)
    _refuse_exposure(settings)  # before minutes are spent on training
    read = reading.read(ratings)
    for note in read.notes:
        say(note)
    show(tm.audit(read))
    tell("")
    split = tm.split.random(read, valid_fraction=0.2, seed=seed)
    say(split.description)
    with tm.progress_bar(recipe.name) as bar:
        fitted = recipe.fit(split.train, split.valid, seed=seed, on_epoch=bar)
    if fitted.history.stopped == "interrupted":
        raise KeyboardInterrupt
    known = [tm.BiasesOnly()] if fitted.model.predicts == "ratings" else [tm.Popularity()]
    baselines = [one.fit(split.train) for one in known if one != recipe]
    show(tm.compare([fitted, *baselines], split.valid))
    fitted.save(place)
    page = tm.write_report(
        out / "report.html",
        models=[fitted, *baselines],
        ratings=read,
        split=split,
        commands=[ctx.meta[COMMAND]],
    )
    tell("")
    tell(f"report: {page}", "bold")
    _serve_anew(settings, serving)


def _serve_anew(settings: Settings, serving: Serving) -> NoReturn:
    """Serve as another program: this one has loaded all that training needs."""
    program = "from tastemap.cli.serve import run_from_env; run_from_env()"
    environment = {**os.environ, **settings.to_env(), _ACCESS_LOG: str(int(serving.access_log))}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-c", program], environment)  # noqa: S606


_ACCESS_LOG = "TASTEMAP_ACCESS_LOG"


def run_from_env() -> None:
    """Serve with the settings in the environment: what `up` starts."""
    from tastemap.web.settings import Settings

    run(Settings.from_env(), access_log=os.environ[_ACCESS_LOG] == "1")


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as free:
        free.bind((host, 0))
        port: int = free.getsockname()[1]
        return port


def run(settings: Settings, *, access_log: bool = False) -> None:
    """Serve until it is stopped."""
    _one_thread()
    os.environ.update(settings.to_env())
    if settings.workers > 1:
        # Where workers put what they count, so that any of them can tell it for all.
        counts = tempfile.TemporaryDirectory(prefix="tastemap-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts.name
    import uvicorn

    from tastemap.web.security import logs

    _refuse_exposure(settings)  # before anything is opened
    tell(f"http://{settings.host}:{settings.port}")
    say(f"{settings.model} of {settings.root}; Ctrl-C ends it")
    uvicorn.run(
        "tastemap.web.app:app_from_env",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http="tastemap.web.security.protocol:BoundedProtocol",
        ws="none",
        # One client cannot take all of a worker's memory by opening connections.
        limit_concurrency=1000,
        log_config=logs.config(access=access_log),
        access_log=False,
        server_header=False,
    )


def _one_thread() -> None:
    """Let BLAS use one thread: requests are answered side by side, and would wait for each other.

    It is read when NumPy is loaded, so this must come first.
    """
    for name in _THREADS:
        os.environ.setdefault(name, "1")


def _refuse_exposure(settings: Settings) -> None:
    from tastemap.web.security.auth import Authenticator

    Authenticator.of(settings)
