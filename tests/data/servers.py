"""A PostgreSQL server of the tests' own, in a folder of its own, on a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

PASSWORD = "p@ss/w%rd:£"  # noqa: S105 - of a server that lives as long as the tests
LONGEST = 900
"""Seconds after which the server ends even if nobody stops it."""


@dataclass(frozen=True)
class Server:
    """A running server with one user, ``owner``."""

    port: int

    def address(self, password: str = quote(PASSWORD, safe=""), name: str = "postgres") -> str:
        return f"postgresql://owner:{password}@127.0.0.1:{self.port}/{name}"

    def execute(self, *statements: str) -> None:
        import adbc_driver_postgresql.dbapi

        with adbc_driver_postgresql.dbapi.connect(self.address(), autocommit=True) as connection:
            for statement in statements:
                with connection.cursor() as cursor:
                    cursor.execute(statement)


def _program(name: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    if found is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return found


@contextmanager
def postgresql() -> Iterator[Server]:
    """Make and start a server, and stop it by its own process id."""
    pytest.importorskip("adbc_driver_postgresql")
    initdb, postgres = _program("initdb"), _program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="tastemap-postgresql-"))
    as_user = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    (folder / "password").chmod(0o644)
    data = folder / "data"
    try:
        made = subprocess.run(
            [
                *(initdb, "-D", data, "-U", "owner", "-A", "scram-sha-256", "--no-sync"),
                *("-E", "UTF8", "--locale=C", f"--pwfile={folder / 'password'}"),
            ],
            cwd=folder, capture_output=True, text=True, timeout=120, check=False, **as_user,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            server = Server(free.getsockname()[1])
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        command = [postgres, "-D", data, "-k", folder, "-p", str(server.port), *options]
        with (folder / "log").open("wb") as log:
            running = subprocess.Popen(
                ["timeout", "--signal=INT", str(LONGEST), *command],
                cwd=folder, stdout=log, stderr=log, **as_user,
            )  # fmt: skip
        try:
            _wait(server, running, folder / "log")
            yield server
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(timeout=60)
    finally:
        shutil.rmtree(folder)


def _wait(server: Server, running: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            server.execute("select 1")
        except Exception:
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        else:
            return
