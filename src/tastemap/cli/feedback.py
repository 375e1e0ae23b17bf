"""The verbs that look at what users of a server said, and move it: feedback show, and others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tastemap.cli.output import AsCsv, AsJson, Form, as_plain, form_of, show, show_json, tell
from tastemap.errors import DataError, require

if TYPE_CHECKING:
    import pyarrow as pa

    from tastemap.web import FeedbackStore

feedback = typer.Typer(
    help="Look at what users of a server said, or move it.", no_args_is_help=True
)

_STORE = (
    "Where feedback is kept: the file, such as models/feedback.sqlite, or the address of a "
    "PostgreSQL database; its password is best left to PGPASSWORD or ~/.pgpass."
)
Store = Annotated[
    str, typer.Argument(metavar="STORE", envvar="TASTEMAP_DATABASE", show_envvar=True, help=_STORE)
]


@feedback.command("show")
def show_feedback(
    store: Store,
    user: Annotated[str | None, typer.Option(help="Only what this user said.")] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what was said last, and how much there is.

    JSON has counts of all beside rows and notes.
    """
    form = form_of(as_json, as_csv)
    from tastemap.cli.rows import Rows
    from tastemap.data.moments import written

    with _open(store) as opened:
        counts = opened.counts()
        newest = opened.newest(n, user)
    notes = [
        f"{counts.ratings:,} ratings, {counts.removed:,} removed, "
        f"{counts.forgotten:,} users forgotten"
    ]
    columns = newest.to_pydict()
    columns["time"] = [written(int(moment.timestamp())) for moment in columns["time"]]
    table = Rows(values=columns, said=notes)
    if form is Form.JSON:
        show_json({**as_plain(table), "counts": counts._asdict()})
    else:
        show(table, form)


@feedback.command()
def export(
    store: Store,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The Parquet file to write.")
    ],
    as_json: AsJson = False,
) -> None:
    """Write all feedback, as it counts now, to a Parquet file.

    Columns: user, item, rating, time, action (rate, remove or forget). `tastemap fit
    --with-feedback` takes it.
    """
    form = form_of(as_json)
    with _open(store) as opened:
        rows = opened.export(out)
    if form is Form.JSON:
        show_json({"file": str(out), "rows": rows})
    else:
        tell(f"{rows:,} rows are in {out}")


@feedback.command("import")
def import_(
    store: Store,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that export wrote.")],
    as_json: AsJson = False,
) -> None:
    """Take an exported file into an empty store: to move it to a database, or to restore it.

    All of it is taken, or nothing.
    """
    form = form_of(as_json)
    table = read_feedback(str(file))
    with _open(store, create=True) as opened:
        opened.load(table)
    if form is Form.JSON:
        show_json({"rows": len(table)})
    else:
        tell(f"{len(table):,} rows are in {opened.name}")


def read_feedback(source: str) -> pa.Table:
    """What a store holds, or a file exported from one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(source)
    if path.is_file():
        with path.open("rb") as file:
            is_export = file.read(4) == b"PAR1"
        if is_export:
            try:
                return pq.read_table(path)
            except pa.ArrowException as error:
                raise DataError(f"{path.name} cannot be read as Parquet: {error}") from error
    with _open(source) as store:
        return store.table()


def _open(store: str, *, create: bool = False) -> FeedbackStore:
    require("sqlalchemy", "serve")
    from tastemap.web import FeedbackStore

    return FeedbackStore.open(store, create=create)
