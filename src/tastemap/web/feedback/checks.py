"""What can be stored, on every kind of database, and read back as it was."""

from __future__ import annotations

import math

from tastemap.errors import DataError

MAX_ID_BYTES = 1_000
"""Of a user id, an item id or an idempotency key in UTF-8. An index of PostgreSQL holds two."""
_LAST_MOMENT = 253_402_300_799  # the end of the year 9999


def checked_text(text: str, what: str) -> str:
    """An id or a key, as it was given.

    Raises:
        DataError: it cannot be stored.
    """
    if not isinstance(text, str) or not text:
        raise DataError(f"the {what} {text!r} cannot be stored: it must be text, and not empty")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise DataError(f"the {what} {text!r} cannot be stored: it is not valid Unicode") from None
    if size > MAX_ID_BYTES:
        raise DataError(
            f"the {what} {text[:20]!r}... has {size:,} bytes: at most {MAX_ID_BYTES:,} can be "
            "stored"
        )
    if "\0" in text:
        raise DataError(f"the {what} {text!r} cannot be stored: it holds the character 0")
    return text


def checked_value(value: float) -> float:
    """A rating, as it was given.

    Raises:
        DataError: it is not finite.
    """
    if not math.isfinite(value):
        raise DataError(f"the rating {value} cannot be stored: it must be a finite number")
    return float(value)


def checked_moment(at: float) -> float:
    """A time, as it was given.

    Raises:
        DataError: it is not from 1970 to 9999.
    """
    if not 0 <= at <= _LAST_MOMENT:
        raise DataError(f"the time {at} cannot be stored: it must be seconds since 1970")
    return float(at)
