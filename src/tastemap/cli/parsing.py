"""Text typed by a person, made into settings, ids and filters."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import TYPE_CHECKING, Any

import typer

from tastemap.cli.options import ModelName
from tastemap.errors import ConfigError

if TYPE_CHECKING:
    from tastemap.data.catalog import Catalog, Wanted
    from tastemap.recommender import Recommender
    from tastemap.training.recipe import Recipe


_BETWEEN = ",:"
"""What stands between the parts of a setting, and between the parts of a part."""


def make_recipe(name: ModelName, settings: list[str], *, notebook: bool = False) -> Recipe:
    """The recipe of this name, with ``key=value`` settings over its own.

    Raises:
        typer.BadParameter: there is no such setting, or its value has another type.
        ConfigError: a value is out of its range.
    """
    from tastemap.training.registry import RECIPES

    kind = RECIPES[name.value]
    changed = dict(_setting(kind, text) for text in settings)
    if not notebook:
        return kind(**changed)
    preset = getattr(kind, "notebook", None)
    if preset is None:
        raise typer.BadParameter(f"{name} is not in the notebook", param_hint="--notebook")
    recipe: Recipe = dataclasses.replace(preset(), **changed)
    return recipe


def typed_settings(recipe: Recipe) -> list[str]:
    """What `make_recipe` makes this recipe of: its settings that are not the recipe's own."""
    return [
        f"{field.name}={_shown(getattr(recipe, field.name))}"
        for field in dataclasses.fields(recipe)
        if getattr(recipe, field.name) != field.default
    ]


def make_space(name: ModelName, texts: list[str]) -> dict[str, Any] | None:
    """What is varied, such as ``factors=8..128``, ``l2=0.01..1:log`` or ``hidden=30|70``.

    Returns:
        The space as `tastemap.tune` takes it; None without texts.

    Raises:
        typer.BadParameter: a text is no range and no choices of a setting of the recipe.
    """
    from tastemap.training.registry import RECIPES

    space: dict[str, Any] = {}
    for text in texts:
        key, equals, written = text.partition("=")
        key = key.strip().replace("-", "_")
        ends, _, log = written.partition(":log")
        low, dots, high = ends.partition("..")
        if key in space:
            raise typer.BadParameter(f"{key} is there twice", param_hint="--space")
        if dots or not equals:
            try:
                if log.strip():
                    raise ValueError
                space[key] = (_number(low), _number(high), *(["log"] if ":log" in written else []))
            except ValueError:
                raise typer.BadParameter(
                    f"{text!r}: write {key}=1..100, or {key}=1..100:log where factors count",
                    param_hint="--space",
                ) from None
        elif "|" not in written:
            raise typer.BadParameter(
                f"{text!r} is one value, and varies nothing: write a range, {key}=1..100, or "
                f"choices, {key}={written}|..., or fix it with --set {text}",
                param_hint="--space",
            )
        else:
            # Choices are settings: read, and refused, as those of --set.
            choices = [_setting(RECIPES[name.value], f"{key}={one}") for one in written.split("|")]
            space[key] = [value for _, value in choices]
    return space or None


def _number(text: str) -> int | float:
    return int(text) if text.strip().lstrip("-").isdecimal() else float(text)


def _setting(recipe: type[Recipe], text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    key = key.strip().replace("-", "_")
    hints = typing.get_type_hints(recipe)
    known = {field.name: field for field in dataclasses.fields(recipe)}
    if not equals or key not in known:
        listed = ", ".join(_described(field) for field in known.values())
        raise typer.BadParameter(
            f"{text!r} is not a setting of {recipe.name}: "
            + (f"write key=value with one of {listed}" if listed else "it has none"),
            param_hint="--set",
        )
    try:
        return key, _typed(value.strip(), hints[key])
    except ValueError as error:
        example = _shown(known[key].default)
        raise typer.BadParameter(
            f"{key} {error}, such as {example}, not {value!r}", param_hint="--set"
        ) from error


def _described(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return field.name
    return f"{field.name}={_shown(field.default)}"


def _shown(value: Any, between: str = _BETWEEN) -> str:
    """A value as `_typed` reads it."""
    if isinstance(value, tuple):
        return between[0].join(_shown(one, between[1:]) for one in value)
    return str(value)


_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {int: "must be a whole number", float: "must be a number"}


def _typed(text: str, hint: Any, between: str = _BETWEEN) -> Any:
    """Text as a value of a field's type; a schedule of stages is 0.002:40,0.001:10.

    Raises:
        ValueError: it is none; the message says what is wanted.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if text.casefold() == "none" and type(None) in arguments:
            return None
        errors = []
        for kind in arguments:
            if kind is not type(None):
                try:
                    return _typed(text, kind, between)
                except ValueError as error:
                    errors.append(error)
        raise errors[0]
    if origin is tuple:
        parts = [part.strip() for part in text.split(between[0]) if part.strip()]
        kinds = arguments[:1] * len(parts) if arguments[-1] is Ellipsis else arguments
        if len(parts) != len(kinds):
            raise ValueError(f"needs {len(kinds)} values with {between[0]!r} between them")
        return tuple(
            _typed(part, kind, between[1:]) for part, kind in zip(parts, kinds, strict=True)
        )
    if origin is typing.Literal:
        if text not in arguments:
            raise ValueError(f"must be one of {', '.join(map(str, arguments))}")
        return text
    if hint is bool:
        if text.casefold() not in _WORDS:
            raise ValueError("must be true or false")
        return _WORDS[text.casefold()]
    if hint in _KINDS:
        try:
            return hint(text)
        except ValueError:
            raise ValueError(_KINDS[hint]) from None
    return text


def model_names(text: str) -> list[str]:
    """Names of recipes with commas between, each once.

    Raises:
        typer.BadParameter: there is none, or one is not a recipe's.
    """
    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    known = [name.value for name in ModelName]
    for name in names:
        if name not in known:
            raise typer.BadParameter(
                f"{name!r} is none of {', '.join(known)}", param_hint="--models"
            )
    if not names:
        raise typer.BadParameter("give at least one name", param_hint="--models")
    return names


def named_users(recommender: Recommender, texts: list[str]) -> list[int | str]:
    """Users as typed, in the type of the raw ids."""
    return [recommender.ratings.user_ids.parse(text) for text in texts]


def named_items(recommender: Recommender, texts: list[str]) -> list[int | str]:
    """Items as typed: raw ids in their own type, or titles."""
    return [recommender.ratings.item_ids.parse(text) for text in texts]


def rated_items(recommender: Recommender, texts: list[str]) -> dict[int | str, float]:
    """Ratings such as ``Alien (1979)=5``, by raw id or title.

    Raises:
        typer.BadParameter: there is no number after the last equals sign, or an item is there
            twice.
    """
    rated: dict[int | str, float] = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            name = ""
        if not name:
            raise typer.BadParameter(f"{text!r} is not ITEM=RATING", param_hint="--rated")
        item = recommender.ratings.item_ids.parse(name)
        if item in rated:
            raise typer.BadParameter(f"{name!r} is rated twice", param_hint="--rated")
        rated[item] = number
    return rated


def wanted(catalog: Catalog, texts: list[str] | None, option: str) -> Wanted:
    """Filters such as ``genres=Comedy`` or ``year=1990..1999``: see `Catalog.wanted`.

    Raises:
        typer.BadParameter: a text is no filter.
    """
    try:
        return catalog.wanted(texts or [])
    except ConfigError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
