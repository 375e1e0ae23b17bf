"""A PostgreSQL server that goes away: what is said, and that work goes on when it is back."""

from __future__ import annotations

import time

import pytest

from tastemap.errors import StoreError
from tastemap.web import FeedbackStore
from tastemap.web.feedback import writer
from tests.servers import Server, postgresql
from tests.web.feedback.conftest import new_database

CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity "
    "where application_name = 'tastemap' and datname = '{}'"
)


def test_connections_that_are_cut_do_not_lose_anything(postgresql_server: Server) -> None:
    address = new_database(postgresql_server)
    cut = CUT.format(address.rpartition("/")[2])
    with FeedbackStore.open(address) as store:
        waiting = []
        for n in range(3_000):
            waiting.append(store.rate("anna", str(n), n))
            if n % 500 == 250:
                postgresql_server.execute(cut)
        for one in waiting:
            one.result()
        postgresql_server.execute(cut)
        assert len(store.of_user("anna").ratings) == 3_000
        postgresql_server.execute(cut)
        store.ping()


def test_a_server_that_is_away_fails_what_waits_and_work_goes_on_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.3)
    with postgresql("fsync=off") as server:
        address = new_database(server)
        with FeedbackStore.open(address) as store:
            store.rate("anna", "alien", 3).result()
            server.stop()
            refused = store.rate("anna", "heat", 3, key="k").exception(timeout=10)
            assert isinstance(refused, StoreError)
            assert "postgresql://127.0.0.1" in str(refused)
            with pytest.raises(StoreError, match="refused"):
                store.of_user("anna")
            with pytest.raises(StoreError):
                store.ping()
            server.start()
            assert not store.rate("anna", "heat", 3, key="k").result().replayed
            assert set(store.of_user("anna").ratings) == {"alien", "heat"}
            server.stop()
            last = store.rate("anna", "big", 3)
            begun = time.monotonic()
        assert time.monotonic() - begun < 5  # closing does not wait for it
        assert isinstance(last.exception(), StoreError)
