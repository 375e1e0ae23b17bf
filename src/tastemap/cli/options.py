"""Arguments and options that several verbs share."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import tastemap as tm

if TYPE_CHECKING:
    import pyarrow as pa

    from tastemap.data.ratings import Ratings

# Spelled out here, so that neither --help nor completion need load what they stand for.
BUNDLED = "movielens-small"
DOWNLOADS = (
    "movielens-100k",
    "movielens-1m",
    "movielens-20m",
    "movielens-25m",
    "movielens-32m",
    "movielens-small-latest",
)


class ModelName(StrEnum):
    """The recipes, by the names they have in `tastemap.training.registry`."""

    BAYESIAN = "bayesian"
    DOT = "dot"
    BIASED = "biased"
    NEURAL = "neural"
    BIASES = "biases"
    MEAN = "mean"
    EASE = "ease"
    IMPLICIT_ALS = "implicit-als"
    ITEM_KNN = "item-knn"
    RP3BETA = "rp3beta"
    POPULARITY = "popularity"
    BLEND = "blend"


class Duplicates(StrEnum):
    """What to do where a user rated an item twice."""

    LAST = "last"
    MEAN = "mean"
    COUNT = "count"
    ERROR = "error"


def complete_source(incomplete: str) -> list[str]:
    """Names of data sets, and files."""
    folder, slash, _ = incomplete.rpartition("/")
    try:
        here = sorted(Path(folder + slash or ".").iterdir())
    except OSError:
        here = []
    paths = [f"{path}/" if path.is_dir() else str(path) for path in here]
    return [text for text in [BUNDLED, *DOWNLOADS, *paths] if text.startswith(incomplete)]


RATINGS_HELP = (
    "A file of ratings, the name of a data set, such as movielens-small, or the address of a "
    "database, such as sqlite:///shop.db."
)
RatingsSource = Annotated[
    str, typer.Argument(metavar="RATINGS", help=RATINGS_HELP, autocompletion=complete_source)
]
ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.")]
Seed = Annotated[
    int, typer.Option(min=0, help="Of everything random: the same seed gives the same answer.")
]
Count = Annotated[int, typer.Option("--n", "-n", min=1, help="How many.")]
MinRatings = Annotated[
    int, typer.Option(min=1, help="Leave out items with fewer training ratings.")
]
MostRated = Annotated[
    int, typer.Option(min=1, help="Look at this many items with the most training ratings.")
]


def _option(text: str) -> Any:
    return typer.Option(help=text)


_OF_ANY_SOURCE = ("folder", "since", "before", "min_user_ratings", "min_item_ratings")
"""Options of `Reading` that say something of a named data set too."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a file of ratings is read: the options of `tastemap.read_ratings`."""

    items: Annotated[str | None, _option("File of the items' titles and metadata.")] = None
    users: Annotated[str | None, _option("File of what is known about the users.")] = None
    query: Annotated[str | None, _option("What to ask a database: select ...")] = None
    table: Annotated[str | None, _option("Or which of its tables to read: ratings.")] = None
    interactions: Annotated[
        bool, typer.Option("--interactions", help="Rows have no ratings: clicks, purchases.")
    ] = False
    user_column: Annotated[str | None, _option("Column of user ids: name, or place from 0.")] = None
    item_column: Annotated[str | None, _option("Column of item ids.")] = None
    rating_column: Annotated[str | None, _option("Column of ratings.")] = None
    time_column: Annotated[str | None, _option("Column of times.")] = None
    weight_column: Annotated[str | None, _option("Column of weights of ratings.")] = None
    duplicates: Annotated[
        Duplicates | None,
        _option("Where a user rated an item twice: last; of interactions: count."),
    ] = None
    min_user_ratings: Annotated[
        int, typer.Option(min=1, help="Leave out users with fewer ratings.")
    ] = 1
    min_item_ratings: Annotated[
        int,
        typer.Option(min=1, help="Leave out items with fewer; with both, until all have enough."),
    ] = 1
    since: Annotated[str | None, _option("Only ratings from this date on: 2015-03-09.")] = None
    before: Annotated[str | None, _option("Only ratings before this date.")] = None
    sep: Annotated[str | None, _option("Separator of columns, such as ';'.")] = None
    decimal: Annotated[str, _option("Decimal mark.")] = "."
    encoding: Annotated[str, _option("Encoding of text, such as latin-1.")] = "utf-8"
    folder: Annotated[Path | None, _option("Folder of downloaded data sets: data.")] = None

    def read(self, source: str, feedback: pa.Table | None = None) -> Ratings:
        """Read a file, or a data set where the name is no file's; put feedback to it; filter it."""
        ratings = self._read(source)
        if feedback is not None:
            ratings = ratings.with_feedback(feedback)
        if self.since is not None or self.before is not None:
            ratings = ratings.dated(since=self.since, before=self.before)
        if self.min_user_ratings > 1 or self.min_item_ratings > 1:
            ratings = ratings.k_core(self.min_user_ratings, self.min_item_ratings)
        return ratings

    def typed(self) -> list[str]:
        """The options that were given, as they are typed."""
        words: list[str] = []
        for one in fields(self):
            value = getattr(self, one.name)
            if value != one.default:
                words.append(f"--{one.name.replace('_', '-')}")
                words += [] if value is True else [str(value)]
        return words

    def _read(self, source: str) -> Ratings:
        named = source in (BUNDLED, *DOWNLOADS) and not Path(source).exists()
        if self.folder is not None and not (named and source != BUNDLED):
            raise typer.BadParameter(
                f"{source} is not looked for in a folder of downloaded data sets: leave --folder "
                f"out, or name one of {', '.join(DOWNLOADS)}",
                param_hint="--folder",
            )
        if named:
            self._refuse_options_of_files(source)
            return tm.load_dataset(source, self.folder)
        if self.interactions and self.rating_column is not None:
            raise typer.BadParameter(
                "interactions have no ratings: leave --rating-column out",
                param_hint="--interactions",
            )
        return tm.read_ratings(
            source,
            self.items,
            users=self.users,
            query=self.query,
            table=self.table,
            user=_column(self.user_column),
            item=_column(self.item_column),
            rating=False if self.interactions else _column(self.rating_column),
            time=_column(self.time_column),
            weight=_column(self.weight_column),
            duplicates=self.duplicates.value if self.duplicates else None,
            sep=self.sep,
            decimal=self.decimal,
            encoding=self.encoding,
        )

    def _refuse_options_of_files(self, source: str) -> None:
        given = [
            f"--{one.name.replace('_', '-')}"
            for one in fields(self)
            if one.name not in _OF_ANY_SOURCE and getattr(self, one.name) != one.default
        ]
        if given:
            raise typer.BadParameter(
                f"{source} is a data set that is read in one way: {', '.join(given)} would change "
                "nothing, being for files and databases; leave it out, or give the path of a file"
            )


def _column(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isdecimal() else text


def spread(verb: Callable[..., None]) -> Callable[..., None]:
    """Let a verb take groups of options: a parameter whose type is a dataclass becomes its fields.

    Typer knows parameters one by one only; without this, every verb that reads ratings would
    repeat the options of `Reading`.
    """
    signature = inspect.signature(verb, eval_str=True)
    annotations = {name: one.annotation for name, one in signature.parameters.items()}
    groups: dict[str, Any] = {name: one for name, one in annotations.items() if is_dataclass(one)}
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        if name not in groups
    ]
    for group in groups.values():
        hints = typing.get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is MISSING else field.default,
                annotation=hints[field.name],
            )
            for field in fields(group)
        ]

    @functools.wraps(verb)
    def run(**given: Any) -> None:
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        verb(**given, **made)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    del run.__dict__["__wrapped__"]
    return run
