"""Who asks: by a key in ``Authorization: Bearer``, or by the cookie of the sign-in page."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from tastemap.web.security import session
from tastemap.web.security.hosts import check_exposure
from tastemap.web.security.keys import KeyFile
from tastemap.web.security.rates import RateLimiter

if TYPE_CHECKING:
    from tastemap.web.security.keys import Key
    from tastemap.web.settings import Settings

_LOG = logging.getLogger("tastemap.web.security")

ATTEMPTS = 10
"""Wrong keys that one address may give in a row; after that, one in `PAUSE` seconds."""
PAUSE = 6.0


class Refused(Exception):
    """A request that is not let in: the problem details of the answer."""

    def __init__(
        self, status: int, kind: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(HTTPStatus(status).phrase)
        self.status, self.kind, self.detail, self.headers = status, kind, detail, headers


class Authenticator:
    """Lets in who has a key; slows down who guesses, and nobody else.

    Whoever gives a wrong key learns that it is wrong, but not why, and the log learns where from,
    but not which.
    """

    def __init__(self, keys: KeyFile) -> None:
        self.keys = keys
        self._wrong = RateLimiter(1 / PAUSE, ATTEMPTS)

    @classmethod
    def of(cls, settings: Settings) -> Authenticator:
        """The authenticator of a service, unless that would be open to everybody.

        Raises:
            ConfigError: it would be (`hosts.check_exposure`), or its keys cannot be read.
        """
        keys = KeyFile(settings.keys or settings.root / "keys.json")
        keys.read()
        check_exposure(
            settings.host, hosts=settings.hosts, origins=settings.origins, keyed=keys.needed
        )
        return cls(keys)

    @property
    def needed(self) -> bool:
        """Whether a key is needed at all."""
        return self.keys.needed

    def by_token(self, token: str, client: str) -> Key:
        """The key that a client gave.

        Raises:
            Refused: it is none of ours (401), or the client gave too many of those (429).
        """
        key = self.keys.find(token)
        if key is not None:
            return key
        wait = self._wrong.wait(client)
        if wait:
            raise too_many(wait, "too many wrong keys")
        _LOG.warning("a wrong key from %s", client)
        raise unauthorized("this key is not valid here")

    def by_header(self, authorization: str, client: str) -> Key:
        """The key of a header ``Authorization``.

        Raises:
            Refused: as `by_token`.
        """
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer":
            raise unauthorized("the header Authorization must be: Bearer, a blank, and a key")
        return self.by_token(token.strip(), client)

    def by_cookies(self, cookies: str) -> Key | None:
        """Whose sign-in the header ``Cookie`` has, if anybody's."""
        value = session.of(cookies)
        return session.holder(value, self.keys) if value else None


def unauthorized(detail: str) -> Refused:
    """The refusal of somebody unknown."""
    return Refused(401, "unauthorized", detail, {"WWW-Authenticate": 'Bearer realm="tastemap"'})


def too_many(wait: float, what: str) -> Refused:
    """The refusal of somebody who asks too often."""
    seconds = str(int(wait) + 1)
    detail = f"{what}: wait {seconds} s, as the header Retry-After says"
    return Refused(429, "too-many-requests", detail, {"Retry-After": seconds})
