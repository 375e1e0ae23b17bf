"""Cookies of people who signed in: nothing is kept of them, and each dies with its key."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tastemap.web.security.keys import Key, KeyFile

COOKIE = "tastemap_session"
LIFETIME = 12 * 3600
"""Seconds until one has to sign in again."""


def seal(key: Key, *, now: float | None = None) -> str:
    """A cookie's value for who showed a key: its id and an end, signed with the key's hash."""
    expires = int(time.time() if now is None else now) + LIFETIME
    text = f"{key.id}.{expires}"
    return f"{text}.{_signature(key, text)}"


def holder(cookie: str, keys: KeyFile, *, now: float | None = None) -> Key | None:
    """Whose cookie it is; None if it is made up, too old, or its key was taken away."""
    text, _, signature = cookie.rpartition(".")
    id_, _, expires = text.partition(".")
    key = keys.get(id_)
    if key is None or not hmac.compare_digest(
        _signature(key, text).encode(), signature.encode(errors="replace")
    ):
        return None
    # Only what we signed ourselves gets here, so that it is a number.
    return key if int(expires) > (time.time() if now is None else now) else None


def header(value: str, *, secure: bool, lifetime: int = LIFETIME) -> str:
    """The header ``Set-Cookie``: out of reach of scripts, and not sent from other sites."""
    only = "; Secure" if secure else ""
    return f"{COOKIE}={value}; Max-Age={lifetime}; Path=/; HttpOnly; SameSite=Strict{only}"


def of(cookies: str) -> str:
    """The value of our cookie in a header ``Cookie``, or nothing."""
    for one in cookies.split(";"):
        name, _, value = one.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _signature(key: Key, text: str) -> str:
    said = b"tastemap session " + text.encode(errors="replace")
    return hmac.digest(bytes.fromhex(key.sha256), said, hashlib.sha256).hex()
