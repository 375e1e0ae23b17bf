"""The verbs that make, list and take away the keys of a server."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tastemap.cli.output import AsJson, form_of, say, show, tell
from tastemap.errors import require

if TYPE_CHECKING:
    from tastemap.web.security.keys import KeyFile

keys = typer.Typer(help="Make, list and take away the keys of a server.", no_args_is_help=True)


class ScopeName(StrEnum):
    """What a key may do; spelled out here so that --help need not load the server."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


File = Annotated[
    Path,
    typer.Option(
        "--file",
        envvar="TASTEMAP_KEYS",
        help="The file of keys, as `tastemap serve --keys` has it: keys.json beside the models.",
    ),
]
_FILE = Path("models/keys.json")


@keys.command()
def add(
    name: Annotated[str, typer.Option(help="Whose key it is, to know it again in the list.")],
    scope: Annotated[
        ScopeName,
        typer.Option(
            help="What it is good for: read: ask and look; write: also give and erase ratings; "
            "admin: also change models.",
        ),
    ] = ScopeName.READ,
    file: File = _FILE,
) -> None:
    """Make a key and print it: the only time it can be seen.

    Once there is a file of keys, nobody without a key is answered, not even from this machine.
    Running servers notice.
    """
    from tastemap.web.security.keys import Scope

    made, token = _open(file).add(name, Scope(scope))
    say(f"made a key of scope {made.scope} for {made.name}, in {file}")
    say(f"its id is {made.id}; note the key down, only its hash is kept")
    tell(token, "bold")


@keys.command(name="list")
def list_(file: File = _FILE, as_json: AsJson = False) -> None:
    """List the keys: their ids, names, scopes and dates; nobody can list the keys themselves."""
    from tastemap.cli.rows import Rows

    there = _open(file).read()
    columns = ("id", "name", "scope", "created")
    table = Rows(
        values={column: [str(getattr(key, column)) for key in there] for column in columns},
        said=[] if there else [f"{file} has no keys"],
    )
    show(table, form_of(as_json))


@keys.command()
def remove(
    key: Annotated[str, typer.Argument(help="Its id or its name.")], file: File = _FILE
) -> None:
    """Take a key away; running servers refuse it, and who signed in with it, from then on."""
    gone = _open(file).remove(key)
    tell(f"the key of {gone.name} is no longer valid")


def _open(file: Path) -> KeyFile:
    require("msgspec", "serve")
    from tastemap.web.security.keys import KeyFile

    return KeyFile(file)
