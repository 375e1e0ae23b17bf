"""The verb that fetches data sets: data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import tastemap as tm
from tastemap.cli.options import BUNDLED, DOWNLOADS
from tastemap.cli.output import AsJson, Form, as_plain, form_of, say, show, show_json, tell


def _complete_name(incomplete: str) -> list[str]:
    return [name for name in DOWNLOADS if name.startswith(incomplete)]


def data(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Which one; without a name, all are listed.", autocompletion=_complete_name
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where to make its folder; data if not given.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(envvar="TASTEMAP_BASE_URL", help="Another server.", hidden=True)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download an original MovieLens data set, or list them.

    MovieLens is for research: no commercial use without permission of GroupLens.
    """
    form = form_of(as_json)
    if name is None:
        _list(form)
        return
    from tastemap.data.download import GROUPLENS

    with _progress(name) as on_progress:
        download = tm.download_dataset(
            name, folder, base_url=base_url or GROUPLENS, on_progress=on_progress
        )
    if form is Form.JSON:
        show_json(
            {
                "name": download.name,
                "folder": str(download.folder),
                "ratings": str(download.ratings),
                "items": str(download.items),
                "verified": download.verified,
                "fetched": download.fetched,
                "licence": download.licence,
            }
        )
        return
    tell(f"{download.name} is in {download.folder} ({download.verified})", "bold")
    tell(download.licence)
    tell(f"next: tastemap fit {name}{f' --folder {folder}' if folder else ''} --out models/m1")


def _list(form: Form) -> None:
    from tastemap.cli.rows import Rows
    from tastemap.data.datasets import DATASETS, LICENCE

    sets = Rows(
        values={
            "name": [BUNDLED, *DATASETS],
            "MB": [None, *(one.size for one in DATASETS.values())],
            "where": ["comes with tastemap", *("tastemap data " + name for name in DATASETS)],
        },
        said=[LICENCE],
    )
    if form is Form.JSON:
        show_json(as_plain(sets))
    else:
        show(sets)


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """A bar that a download moves; where nobody watches, one line that it has begun."""
    if not sys.stderr.isatty():
        say(f"downloading {name}")
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True, highlight=False),
        transient=True,
    ) as progress:
        task = progress.add_task(f"downloading {name}", total=None)

        def moved(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield moved
