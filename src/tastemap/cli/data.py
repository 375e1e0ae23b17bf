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
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write the set as ratings.csv and movies.csv into this folder."
        ),
    ] = None,
) -> None:
    """Download a MovieLens data set, write it as CSV, or list all.

    MovieLens is for research: no commercial use without permission of GroupLens.
    """
    form = form_of(as_json)
    if name is None:
        if csv is not None:
            raise typer.BadParameter("say which data set", param_hint="NAME")
        _list(form)
        return
    if csv is not None:
        _write(name, folder, csv, form)
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


def _write(name: str, folder: Path | None, into: Path, form: Form) -> None:
    """A data set that is there, as two files such as people have of their own."""
    import pyarrow as pa
    from pyarrow.csv import write_csv

    ratings = tm.load_dataset(name, folder)
    catalog = ratings.catalog
    movies = {"movieId": ratings.item_ids.ids}
    movies |= {column: catalog.table[column] for column in catalog.columns}
    names = {"user": "userId", "item": "movieId", "time": "timestamp"}
    table = ratings.to_arrow()
    tables = {
        "ratings": table.rename_columns([names.get(one, one) for one in table.column_names]),
        "movies": pa.table(movies),
    }
    into.mkdir(parents=True, exist_ok=True)
    if there := [stem for stem in tables if (into / f"{stem}.csv").exists()]:
        raise typer.BadParameter(
            f"{into / there[0]}.csv is there already: choose another folder", param_hint="--csv"
        )
    for stem, content in tables.items():
        write_csv(content, into / f"{stem}.csv")
    paths = {stem: str(into / f"{stem}.csv") for stem in tables}
    if form is Form.JSON:
        show_json({"name": name, **paths})
        return
    tell(f"{name} is in {paths['ratings']} and {paths['movies']}", "bold")
    tell(f"next: tastemap fit {paths['ratings']} --items {paths['movies']} --out models/m1")


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
