"""Bounds on what comes before the body, on a real socket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from tastemap.web.security import protocol
from tastemap.web.security.keys import KeyFile
from tastemap.web.security.protocol import BoundedProtocol
from tests.web.security.conftest import guarded


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Where a server without keys listens."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = guarded(KeyFile(tmp_path / "none.json"), max_body=1000)
    config = uvicorn.Config(app, http=BoundedProtocol, ws="none", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()
    server.should_exit = True
    thread.join(10)
    listening.close()
    assert not thread.is_alive()


def talk(address: tuple[str, int], *parts: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    with socket.create_connection(address, timeout=10) as asking:
        found = b""
        try:
            for part in parts:
                asking.sendall(part)
            while more := asking.recv(65536):
                found += more
        except (BrokenPipeError, ConnectionResetError):
            pass  # it closed while we were still talking
        return found


def test_requests_follow_one_another_on_one_connection(address: tuple[str, int]) -> None:
    one = b"GET /%d HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 9000 + b"\r\n\r\n"
    last = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    found = talk(address, *(one % number for number in range(5)), last)
    assert found.count(b"HTTP/1.1 200 OK") == 6
    assert b'"path":"/4"' in found


def test_a_request_may_come_in_pieces(address: tuple[str, int]) -> None:
    whole = b"POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    whole += b"Content-Length: 5\r\n\r\nabcde"
    found = talk(address, *(whole[n : n + 1] for n in range(len(whole))))
    assert b'"bytes":5' in found


@pytest.mark.parametrize("head", [b"GET /", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_without_end_is_cut_off(address: tuple[str, int], head: bytes) -> None:
    found = talk(address, head, *([b"y" * 8192] * 40))
    assert b"HTTP/1.1 200" not in found
    assert found == b"" or found.startswith(b"HTTP/1.1 431")


def test_many_headers_are_too_large(address: tuple[str, int]) -> None:
    many = b"".join(b"X-%d: y\r\n" % number for number in range(4000))
    found = talk(address, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n")
    assert found == b"" or found.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
def test_a_head_that_does_not_come_is_not_waited_for(
    address: tuple[str, int], begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    started = time.monotonic()
    assert talk(address, begun) == b""
    assert time.monotonic() - started < 8


def test_a_chunked_body_without_end_is_cut_off(address: tuple[str, int]) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = talk(address, head, *([b"100\r\n" + b"y" * 256 + b"\r\n"] * 100))
    assert found == b"" or found.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "request_",
    [b"nonsense\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\nConnection: close\r\n\r\n",
     b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
     b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
)  # fmt: skip
def test_what_is_malformed_is_refused(address: tuple[str, int], request_: bytes) -> None:
    found = talk(address, request_)
    assert found.startswith((b"HTTP/1.1 400", b"HTTP/1.1 421"))
