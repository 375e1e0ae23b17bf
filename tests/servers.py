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
from typing import Any
from urllib.parse import quote

import pytest

PASSWORD = "p@ss/w%rd:£"  # noqa: S105 - of a server that lives as long as the tests
LONGEST = 900
"""Seconds after which the server ends even if nobody stops it."""


@dataclass
class Server:
    """A server with one user, ``owner``."""

    folder: Path
    port: int
    options: tuple[str, ...]
    as_user: dict[str, Any]
    running: subprocess.Popen[bytes] | None = None

    def address(self, password: str = quote(PASSWORD, safe=""), name: str = "postgres") -> str:
        return f"postgresql://owner:{password}@127.0.0.1:{self.port}/{name}"

    def execute(self, *statements: str) -> None:
        import adbc_driver_postgresql.dbapi

        with adbc_driver_postgresql.dbapi.connect(self.address(), autocommit=True) as connection:
            for statement in statements:
                with connection.cursor() as cursor:
                    cursor.execute(statement)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        place = ["-D", self.folder / "data", "-k", self.folder, "-p", str(self.port)]
        settings = [part for option in self.options for part in ("-c", option)]
        with (self.folder / "log").open("ab") as log:
            self.running = subprocess.Popen(
                ["timeout", "--signal=INT", str(LONGEST), _program("postgres"), *place, *settings],
                cwd=self.folder, stdout=log, stderr=log, **self.as_user,
            )  # fmt: skip
        end = time.monotonic() + 60
        while True:
            try:
                self.execute("select 1")
            except Exception:
                said = (self.folder / "log").read_text()
                assert self.running.poll() is None, said
                assert time.monotonic() < end, said
                time.sleep(0.1)
            else:
                return

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it by its own process id; at once means as a crash does: without a checkpoint."""
        if self.running is not None:
            self.running.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            self.running.wait(timeout=60)
            self.running = None


def _program(name: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    if found is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return found


@contextmanager
def postgresql(*options: str) -> Iterator[Server]:
    """Make and start a server, and stop it.

    Args:
        options: settings, such as ``"fsync=off"``.
    """
    pytest.importorskip("adbc_driver_postgresql")
    initdb = _program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="tastemap-postgresql-"))
    as_user = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    (folder / "password").chmod(0o644)
    try:
        made = subprocess.run(
            [
                *(initdb, "-D", folder / "data", "-U", "owner", "-A", "scram-sha-256"),
                *("--no-sync", "-E", "UTF8", "--locale=C", f"--pwfile={folder / 'password'}"),
            ],
            cwd=folder, capture_output=True, text=True, timeout=120, check=False, **as_user,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Server(folder, port, ("listen_addresses=127.0.0.1", *options), as_user)
        try:
            server.start()
            yield server
        finally:
            server.stop(at_once=True)  # what it holds is not needed any more
    finally:
        shutil.rmtree(folder)
