"""Which column of a table is the user, the item, the rating, the time, the weight."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tastemap.data.reading.faults import as_number, is_date
from tastemap.data.reading.formats import Source
from tastemap.errors import ConfigError, DataError

Column = str | int | None
"""How a caller names a column: by name, by position counted from 0, or not at all."""

ROLES = ("user", "item", "rating", "time", "weight")
_NEEDED = ROLES[:3]

# Names by falling preference, in lower case without anything but letters and digits.
_ALIASES = {
    "user": "userid user uid reviewerid customerid memberid accountid profileid visitorid "
    "useridx userindex userno usernumber customer reviewer member rater username",
    "item": "movieid itemid productid item movie product iid bookid songid trackid artistid "
    "animeid gameid appid recipeid jokeid articleid newsid businessid parentasin asin isbn sku "
    "itemidx itemindex itemno book song track artist anime game recipe joke article business",
    "rating": "rating ratings score stars star overall bookrating userrating reviewrating "
    "reviewscore value preference",
    "time": "timestamp time datetime date unixreviewtime ts ratingtime ratingtimestamp ratedat "
    "createdat reviewdate reviewtime ratingdate datecreated dateadded",
    "weight": "weight weights",
}
ALIASES = {role: tuple(names.split()) for role, names in _ALIASES.items()}


def plain(name: str) -> str:
    """A column name as it is compared: small letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def known_roles(names: Sequence[str]) -> dict[str, int]:
    """Position of the best column of each role, by name; a role without one is left out."""
    found: dict[str, int] = {}
    compared = [plain(name) for name in names]
    for role, aliases in ALIASES.items():
        positions = [compared.index(alias) for alias in aliases if alias in compared]
        if positions:
            found[role] = positions[0]
    return found


@dataclass(frozen=True)
class Taken:
    """Which columns are read.

    Attributes:
        positions: role -> position.
        notes: what was taken, and why.
    """

    positions: Mapping[str, int]
    notes: tuple[str, ...]


def take_columns(source: Source, given: Mapping[str, Column | Literal[False]]) -> Taken:
    """Decide which column plays which role.

    Args:
        source: the table.
        given: role -> name or position as told by the caller, None to find out, False for none.

    Raises:
        DataError: a needed column is missing, or two roles share one.
        ConfigError: a position is not a column, or a needed role is switched off.
    """
    told = {
        role: _position(source, role, column)
        for role, column in given.items()
        if column is not None and column is not False
    }
    off = [role for role, column in given.items() if column is False]
    for role in off:
        if role in ("user", "item"):
            raise ConfigError(f"{role}=False: the {role} column is needed; give a name or position")
    wanted = [role for role in ROLES if role not in off]
    if source.named:
        guessed = known_roles(source.columns)
    else:
        guessed = _by_position(source, set(told.values()), [r for r in wanted if r not in told])
    positions = {
        role: position
        for role in wanted
        if (position := told.get(role, _free(guessed.get(role), told))) is not None
    }
    _check_roles(source, positions, [role for role in wanted if role in _NEEDED])
    how = "columns" if source.named else "columns by position"
    parts = [
        f"{role} = {source.columns[position] if source.named else position}"
        for role, position in positions.items()
    ]
    notes = [f"{how}: {', '.join(parts)}"]
    if "rating" in off:
        notes.append("no ratings: rows are interactions")
    left = [name for p, name in enumerate(source.columns) if p not in positions.values()]
    if left:
        shown = ", ".join(left[:8]) + (", ..." if len(left) > 8 else "")
        notes.append(f"columns not read: {shown}")
    return Taken(positions, tuple(notes))


def _free(position: int | None, told: Mapping[str, int]) -> int | None:
    return None if position in told.values() else position


def _position(source: Source, role: str, column: str | int) -> int:
    names = source.columns
    if isinstance(column, int) and not isinstance(column, bool):
        if 0 <= column < len(names):
            return column
        raise ConfigError(
            f"{role}={column}: {source.name} has {len(names)} columns, 0 to {len(names) - 1}"
        )
    if not isinstance(column, str):
        raise ConfigError(f"{role}={column!r}: give the name or the position of a column")
    if not source.named:
        raise DataError(
            f"{source.name} has no header, so no column is called {column!r}: give a position, "
            f"such as {role}=0"
        )
    if names.count(column) > 1:
        raise DataError(f"{source.name} has {names.count(column)} columns {column!r}: rename one")
    if column in names:
        return names.index(column)
    near = difflib.get_close_matches(column, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise DataError(f"{source.name} has no column {column!r}: it has {_listed(names)}{hint}")


def _by_position(source: Source, told: set[int], roles: Sequence[str]) -> dict[str, int]:
    left = [position for position in range(len(source.columns)) if position not in told]
    guessed = dict(zip([role for role in roles if role in _NEEDED], left, strict=False))
    after = [position for position in left if position not in guessed.values()]
    # A further column is taken for times only if all it shows are dates or large numbers.
    if "time" in roles and after:
        cells = [row[after[0]] for row in source.sample() if len(row) > after[0]]
        numbers = [as_number(cell, ".") for cell in cells]
        large = all(n is not None and n >= 1e8 and n.is_integer() for n in numbers)
        if cells and (large or all(is_date(cell) for cell in cells)):
            guessed["time"] = after[0]
    return guessed


def _check_roles(source: Source, positions: Mapping[str, int], needed: Sequence[str]) -> None:
    for role in needed:
        if role in positions:
            continue
        without = ""
        if role == "rating":
            without = "; if there are none (clicks, purchases), pass rating=False (--interactions)"
        if not source.named or len(source.columns) < len(needed):
            sep = getattr(source, "sep", None)
            split = f" (separated by {sep!r}; if that is wrong, pass sep=)" if sep else ""
            needs = "ratings need a user, an item and a rating"
            if "rating" not in needed:
                needs = "interactions need a user and an item"
            raise DataError(
                f"{source.name} has {len(source.columns)} column(s){split}: "
                f"{_listed(source.columns)}; {needs}{without}"
            )
        raise DataError(
            f"{source.name} has no {role} column by a known name: it has "
            f"{_listed(source.columns)}; say which it is, such as "
            f"{role}={_unclaimed(source, positions)!r}{without}"
        )
    for role, position in positions.items():
        twin = next((r for r, p in positions.items() if p == position and r != role), None)
        if twin is not None:
            raise DataError(
                f"{source.name}: {source.columns[position]!r} cannot be both the {role} and the "
                f"{twin} column: say which is which"
            )


def _unclaimed(source: Source, positions: Mapping[str, int]) -> str:
    free = (name for p, name in enumerate(source.columns) if p not in positions.values())
    return next(free, source.columns[0])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown + (", ..." if len(names) > 12 else "")
