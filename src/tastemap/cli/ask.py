"""The verbs that ask a model: predict, recommend, similar, explain, biases, components."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

import tastemap as tm
from tastemap.cli.options import Count, MinRatings, ModelFolder, MostRated
from tastemap.cli.output import AsCsv, AsJson, Form, as_plain, form_of, show, show_json, tell
from tastemap.cli.parsing import named_items, named_users, rated_items, wanted

_Include = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=VALUE",
        help="Only items that fit: genres=Comedy, year=1990..1999. Repeat for more.",
    ),
]
_Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN=VALUE", help="No items that fit. Repeat for more."),
]


_Rated = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ITEM=RATING",
        help='Instead of a user, what somebody new rated: "Alien (1979)=5". Repeat for more.',
    ),
]


def predict(
    model: ModelFolder,
    user: Annotated[
        list[str] | None, typer.Option("--user", "-u", help="A user id. Repeat for more.")
    ] = None,
    item: Annotated[
        list[str] | None, typer.Option("--item", "-i", help="An item id or title. Repeat for more.")
    ] = None,
    rated: _Rated = None,
    pairs: Annotated[
        Path | None,
        typer.Option(help="A CSV file with the columns user and item, one pair a line."),
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(
            metavar="CHANCE",
            help="Also the interval that holds the rating with this chance, such as 0.8.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="When the ratings are given, such as 2004-05-01; needs a model fitted with "
            "--days.",
        ),
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Predict ratings of users for items.

    One user with several items, several users with one item, or as many of the one as of the
    other, taken in pairs. Without --item: every item. The user may be somebody new.
    """
    form = form_of(as_json, as_csv)
    if bool(user) + bool(rated) + bool(pairs) != 1 or (item and pairs):
        raise typer.BadParameter(
            "give --user, with or without --item; or --rated for somebody new; or --pairs"
        )
    users, items = _read_pairs(pairs) if pairs else (user or [], item)
    recommender = tm.load(model)
    show(
        recommender.predict(
            recommender.fold_in(rated_items(recommender, rated))
            if rated
            else named_users(recommender, users),
            None if items is None else named_items(recommender, items),
            interval=interval,
            at=at,
        ),
        form,
    )


def _read_pairs(path: Path) -> tuple[list[str], list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"user", "item"} <= set(rows.fieldnames or ()):
                found = ", ".join(rows.fieldnames or ()) or "none"
                raise tm.errors.DataError(
                    f"{path} must begin with a line that names the columns user and item: "
                    f"the columns are {found}"
                )
            listed = [(row["user"], row["item"]) for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise tm.errors.DataError(f"{path} is not a CSV file in UTF-8: {error}") from error
    if any(user is None or item is None for user, item in listed):
        raise tm.errors.DataError(f"{path} has a line with fewer columns than its first")
    return [user for user, _ in listed], [item for _, item in listed]


def recommend(
    model: ModelFolder,
    user: Annotated[
        list[str] | None, typer.Option("--user", "-u", help="A user id. Repeat for more.")
    ] = None,
    rated: _Rated = None,
    n: Count = 10,
    include: _Include = None,
    exclude: _Exclude = None,
    min_ratings: MinRatings = 1,
    seen: Annotated[
        bool, typer.Option("--seen", help="Keep items that the user has rated.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the items a user would rate highest.

    The user may be somebody new: give some of their ratings. Nothing is stored.
    """
    form = form_of(as_json, as_csv)
    if bool(user) == bool(rated):
        raise typer.BadParameter("give --user, or --rated for somebody new")
    recommender = tm.load(model)
    show(
        recommender.recommend(
            named_users(recommender, user) if user else None,
            n,
            ratings=rated_items(recommender, rated) if rated else None,
            include=wanted(recommender.catalog, include, "--include"),
            exclude=wanted(recommender.catalog, exclude, "--exclude"),
            min_ratings=min_ratings,
            seen=seen,
        ),
        form,
    )


def similar(
    model: ModelFolder,
    item: Annotated[list[str], typer.Argument(metavar="ITEM...", help="Item ids or titles.")],
    n: Count = 10,
    min_ratings: MinRatings = 1,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the items most like another.

    Alike means that what the model learnt of them points the same way; to a model of item
    neighbours, that who took the one will take the other.
    """
    form = form_of(as_json, as_csv)
    recommender = tm.load(model)
    show(
        recommender.similar_items(named_items(recommender, item), n, min_ratings=min_ratings), form
    )


def explain(
    model: ModelFolder,
    user: Annotated[str, typer.Option("--user", "-u", help="A user id.")],
    item: Annotated[str, typer.Option("--item", "-i", help="An item id or title.")],
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Take a prediction or a score apart into what it is made of."""
    form = form_of(as_json, as_csv)
    recommender = tm.load(model)
    (who,), (what,) = named_users(recommender, [user]), named_items(recommender, [item])
    explanation = recommender.explain(who, what)
    if form is Form.JSON:
        rates = recommender.model.predicts == "ratings"
        taken = {"taken": explanation.rating is not None}
        show_json(
            {
                "user": explanation.user,
                "item": explanation.item,
                "title": explanation.title,
                **({"prediction": explanation.clipped} if rates else {}),
                "score": explanation.score,
                "made_from": explanation.made_from,
                **({"rating": explanation.rating} if recommender.ratings.explicit else taken),
                **as_plain(explanation),
            }
        )
        return
    show(explanation, form)


def biases(
    model: ModelFolder,
    n: Count = 10,
    most_rated: MostRated = 2000,
    as_json: AsJson = False,
) -> None:
    """List the items with the largest and smallest biases.

    They are liked more, or less, than the generosity and taste of who rated them explain.
    """
    ranking = tm.load(model).item_biases(most_rated)
    top, bottom = ranking.top(n), ranking.bottom(n)
    if form_of(as_json) is Form.JSON:
        show_json({"top": as_plain(top), "bottom": as_plain(bottom)})
        return
    show(top, title="largest biases")
    tell("")
    show(bottom, title="smallest biases")


def components(
    model: ModelFolder,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many components.")] = 3,
    items: Annotated[int, typer.Option(min=1, help="Items at each end of a component.")] = 5,
    most_rated: MostRated = 2000,
    as_json: AsJson = False,
) -> None:
    """List the items at both ends of components of taste."""
    found = tm.load(model).components(n, most_rated=most_rated)
    if form_of(as_json) is Form.JSON:
        show_json(
            [
                {
                    "component": one.number,
                    "share": one.share,
                    "high": as_plain(one.top(items)),
                    "low": as_plain(one.bottom(items)),
                }
                for one in found
            ]
        )
        return
    for one in found:
        if one.number > 1:
            tell("")
        show(one.top(items), title=f"{one.caption}, high end")
        tell("")
        show(one.bottom(items), title=f"component {one.number}, low end")
