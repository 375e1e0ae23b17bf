"""What a server writes about itself: one line an event, whatever ids and titles hold."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from starlette.routing import Match, Route

if TYPE_CHECKING:
    from starlette.types import Scope

# Control characters, line separators, what turns the direction of writing, lone surrogates.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class OneLine(logging.Formatter):
    """Spells control characters of a message out, so that an id cannot write lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # as logging names it
        """The line of an event, without its traceback."""
        return _HIDDEN.sub(
            lambda found: found[0].encode("unicode_escape").decode("ascii"),
            super().formatMessage(record),
        )


def config(*, access: bool) -> dict[str, Any]:
    """The configuration of logging for a server and its worker processes.

    Args:
        access: whether each request is told, in a line without ids, keys and questions: method,
            route, status, duration, id of the key.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": OneLine, "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            "tastemap": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "tastemap.web.access": {"level": "INFO" if access else "WARNING"},
            "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        },
    }


class NamedRoute(Route):
    """A route that the log of requests can name."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it fits a request, and what it says of it: which route it is, besides."""
        match, found = super().matches(scope)
        return match, {**found, "route": self}
