"""HTTP as uvicorn and httptools speak it, with bounds on what comes before the body.

httptools takes headers of any size and waits for them forever; the bounds of everything that comes
after them are in `guard`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tastemap.web.security.guard import MAX_HEADERS

HEAD_SECONDS = 10.0
"""How long address and headers may take to come."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections whose request line and headers are too long or too slow."""

    _waiting = True
    _received = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request, but not forever."""
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        """A request begins to come."""
        super().on_message_begin()
        self._waiting, self._received = True, 0

    def on_headers_complete(self) -> None:
        """Its headers are there."""
        super().on_headers_complete()
        self._waiting = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        super().data_received(data)
        if not self._waiting or self.transport.is_closing():
            return
        self._received += len(data)
        if self._received > MAX_HEADERS:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._deadline is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)
