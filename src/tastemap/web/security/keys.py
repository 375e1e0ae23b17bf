"""API keys: made once, shown once, kept as hashes in one file that running servers notice."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from tastemap.errors import ConfigError

_LOG = logging.getLogger("tastemap.web.security")

MARK = "tm"
"""What every key begins with, so that scanners for leaked secrets can find it."""


class Scope(StrEnum):
    """What a key is good for; each scope includes the ones before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: Scope) -> bool:
        """Whether a key of this scope may do what needs ``other``."""
        ranks = list(Scope)
        return ranks.index(self) >= ranks.index(other)


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a key.

    Attributes:
        id: names the key in lists, logs and cookies; no secret.
        name: whose it is, for people.
        scope: what it is good for.
        created: when it was made, in ISO 8601, UTC.
        sha256: the hash of the whole key, in hexadecimal. A key has 256 random bits, so that a
            plain hash cannot be turned back; but cookies are signed with it: it stays private.
    """

    id: str
    name: str
    scope: Scope
    created: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[Key, ...]
    format: int = 1


# What an unknown id is compared with: so that it takes as long as a known one.
_NOBODY = Key(id="", name="", scope=Scope.READ, created="", sha256="0" * 64)


class KeyFile:
    """The keys of a service, in a JSON file that only its owner may read.

    A file without keys lets nobody in; only where there never was a file, no key is needed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}
        self._needed = False

    @property
    def needed(self) -> bool:
        """Whether who asks needs a key: the file is there, or was there when last looked."""
        self._refresh()
        return self._needed

    def read(self) -> tuple[Key, ...]:
        """The keys of the file, oldest first; none if there is no file.

        Raises:
            ConfigError: others may read the file, or it is no file of keys.
        """
        try:
            content = self.path.read_bytes()
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            return ()
        if os.name == "posix" and mode & 0o077:
            raise ConfigError(
                f"{self.path} may be read by others (mode {mode & 0o777:o}): "
                f"chmod 600 {self.path}, or make new keys if others did"
            )
        try:
            found = msgspec.json.decode(content, type=_Content)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{self.path} is no file of keys: {error}") from None
        if found.format != 1:
            raise ConfigError(f"{self.path} has format {found.format}, this tastemap reads 1")
        return found.keys

    def add(self, name: str, scope: Scope) -> tuple[Key, str]:
        """Make a key, and the file if there is none.

        Returns:
            What is kept, and the key itself, which cannot be had again.

        Raises:
            ConfigError: the name is empty, too long, taken or unprintable; as `read`.
        """
        if not name.strip() or len(name) > 100 or not name.isprintable():
            raise ConfigError(f"a key needs a name of 1 to 100 printable characters, not {name!r}")
        id_ = secrets.token_hex(4)
        token = f"{MARK}_{id_}_{secrets.token_urlsafe(32)}"
        key = Key(
            id=id_,
            name=name,
            scope=scope,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            sha256=_hash(token),
        )
        with _Replacing(self.path) as file:
            keys = self.read()
            if any(name == other.name for other in keys):
                raise ConfigError(f"there is a key named {name!r} already: choose another name")
            file.write(_Content((*keys, key)))
        return key, token

    def remove(self, id_: str) -> Key:
        """Take a key away, by its id or name; running servers refuse it from then on.

        Raises:
            ConfigError: there is no such key; as `read`.
        """
        with _Replacing(self.path) as file:
            keys = self.read()
            chosen = [key for key in keys if id_ in (key.id, key.name)]
            if len(chosen) != 1:
                there = ", ".join(f"{key.id} ({key.name})" for key in keys) or "none"
                raise ConfigError(f"no one key has the id or name {id_!r}; there are: {there}")
            file.write(_Content(tuple(key for key in keys if key is not chosen[0])))
        return chosen[0]

    def find(self, token: str) -> Key | None:
        """The key that somebody gave, or None; takes as long whatever is wrong with it."""
        self._refresh()
        parts = token.split("_", 2)
        known = self._keys.get(parts[1], _NOBODY) if len(parts) == 3 else _NOBODY
        return known if hmac.compare_digest(known.sha256, _hash(token)) else None

    def get(self, id_: str) -> Key | None:
        """The key with an id, if it still is there."""
        self._refresh()
        return self._keys.get(id_)

    def _refresh(self) -> None:
        """Look whether the file has changed: one `stat`, about a microsecond."""
        try:
            found = self.path.stat()
        except OSError as error:
            self._needed |= not isinstance(error, FileNotFoundError)
            if self._seen is not None:
                _LOG.error("the file of keys is gone: nobody is let in")
            self._seen, self._keys = None, {}
            return
        # A change always makes a new file, so that its inode, if nothing else, is another.
        seen = (found.st_mtime_ns, found.st_ino, found.st_mode)
        if seen == self._seen:
            return
        self._seen, self._needed = seen, True
        try:
            self._keys = {key.id: key for key in self.read()}
        except (ConfigError, OSError) as error:
            self._keys = {}
            _LOG.error("nobody is let in: %s", error)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


class _Replacing:
    """Writes a file anew: all or nothing, one at a time, readable by its owner only.

    The new content goes into a file beside it, which is the lock as long as it exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.new = path.with_name(path.name + ".new")
        self._written = False

    def __enter__(self) -> _Replacing:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = os.open(self.new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ConfigError(
                f"{self.new} exists: somebody else is changing the keys just now; "
                "if nobody is, delete it"
            ) from None
        return self

    def write(self, content: _Content) -> None:
        text = msgspec.json.format(msgspec.json.encode(content)) + b"\n"
        with os.fdopen(self._file, "wb", closefd=False) as file:
            file.write(text)
            file.flush()
            os.fsync(self._file)
        self._written = True

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        os.close(self._file)
        if kind is None and self._written:
            self.new.replace(self.path)
        else:
            with suppress(OSError):
                self.new.unlink()
