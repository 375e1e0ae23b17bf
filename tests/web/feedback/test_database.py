"""Opening: migrations, settings that make a commit durable, and what cannot be opened."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tastemap.errors import StoreError
from tastemap.web import FeedbackStore
from tastemap.web.feedback import database as databases
from tastemap.web.feedback.database import MIGRATIONS, connect, migrate
from tastemap.web.feedback.tables import REVISION, VERSION_TABLE, metadata
from tests.servers import PASSWORD, Server
from tests.web.feedback.conftest import new_database

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{before}"

def upgrade():
    op.add_column("tastemap_feedback", sa.Column("comment", sa.Text))
    {more}
"""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Migrations of a later version of tastemap."""
    folder = shutil.copytree(MIGRATIONS, tmp_path / "newer")
    step = NEXT.format(before=REVISION, more="")
    (folder / "versions" / "next.py").write_text(step, encoding="utf-8")
    return folder


def test_the_migrations_make_the_tables_that_are_used(address: str) -> None:
    database = connect(address)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISION
    database.engine.dispose()
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [REVISION]


def test_an_older_store_is_brought_up_to_date_with_what_it_holds(address: str, newer: Path) -> None:
    with FeedbackStore.open(address) as store:
        store.rate("anna", "alien", 3).result()
    database = connect(address)
    with database.writing() as connection:
        migrate(connection, database.name, newer)
    with database.engine.connect() as connection:
        rows = connection.exec_driver_sql("select item_id, comment from tastemap_feedback").all()
        assert [tuple(row) for row in rows] == [("alien", None)]
    database.engine.dispose()


def test_a_migration_that_fails_leaves_the_store_as_it_was(address: str, newer: Path) -> None:
    step = NEXT.format(before=REVISION, more='op.execute("select nothing from nowhere")')
    (newer / "versions" / "next.py").write_text(step, encoding="utf-8")
    database = connect(address)
    with pytest.raises(sa.exc.DBAPIError, match="nowhere"), database.writing() as connection:
        migrate(connection, database.name, newer)
    columns = sa.inspect(database.engine).get_columns("tastemap_feedback")
    assert "comment" not in [column["name"] for column in columns]
    database.engine.dispose()
    with FeedbackStore.open(address) as store:
        store.rate("anna", "alien", 3).result()


def test_a_store_of_a_newer_tastemap_is_refused(address: str, newer: Path) -> None:
    database = connect(address)
    with database.writing() as connection:
        migrate(connection, database.name, newer)
    database.engine.dispose()
    said = f"its tables are of version next, and this tastemap knows versions up to {REVISION}"
    with pytest.raises(StoreError, match=said):
        FeedbackStore.open(address)


def test_tables_of_others_in_the_same_database_are_left_alone(address: str) -> None:
    database = connect(address)
    with database.writing() as connection:
        connection.exec_driver_sql("create table alembic_version (version_num text)")
        connection.exec_driver_sql("insert into alembic_version values ('theirs')")
    database.engine.dispose()
    database = connect(address)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("select * from alembic_version").scalar() == "theirs"
    database.engine.dispose()


def test_a_commit_to_a_file_waits_for_the_disk(tmp_path: Path) -> None:
    database = connect(tmp_path / "feedback.db")
    with database.writing() as connection:
        for setting, value in [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1)]:
            assert connection.exec_driver_sql(f"pragma {setting}").scalar() == value
    database.engine.dispose()


def test_a_commit_to_a_server_waits_for_the_disk(postgresql_server: Server) -> None:
    address = new_database(postgresql_server)
    name = address.rpartition("/")[2]
    postgresql_server.execute(f"alter database {name} set synchronous_commit = off")
    database = connect(address)
    with database.writing() as connection:
        assert connection.exec_driver_sql("show synchronous_commit").scalar() == "on"
    database.engine.dispose()


def test_a_server_that_does_not_wait_for_its_disk_is_named(
    postgresql_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with FeedbackStore.open(new_database(postgresql_server)):
        pass
    assert "the server runs with fsync=off" in caplog.text


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database, " * 100)
    with pytest.raises(StoreError, match=r"text\.db: file is not a database: give the path"):
        FeedbackStore.open(tmp_path / "text.db")
    with pytest.raises(StoreError, match="begins with mysql://, only in a file or at postgresql"):
        FeedbackStore.open("mysql://host/name")
    with pytest.raises(StoreError, match="cannot be read: write postgresql://user:password@host"):
        FeedbackStore.open("postgresql://user:p/w@host:port/name")


def test_a_password_is_never_said(postgresql_server: Server) -> None:
    address = postgresql_server.address(password="wr0ng-s3cret")  # noqa: S106
    with pytest.raises(StoreError, match="password authentication failed") as refused:
        FeedbackStore.open(address)
    assert "wr0ng-s3cret" not in str(refused.value)
    with FeedbackStore.open(new_database(postgresql_server)) as store:
        shown = f"{store.name} {store!r} {store._database!r}"
    assert PASSWORD not in shown
    assert "owner" not in store.name


def test_a_server_that_does_not_answer_is_said() -> None:
    with pytest.raises(StoreError, match=r"postgresql://127\.0\.0\.1:1/none: .*refused"):
        FeedbackStore.open("postgresql://anna:secret@127.0.0.1:1/none")


def test_a_locked_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "PATIENCE", 0.2)
    with FeedbackStore.open(tmp_path / "feedback.db") as store:
        store.rate("anna", "alien", 3).result()
        blocker = sqlite3.connect(tmp_path / "feedback.db", isolation_level=None)
        blocker.execute("begin immediate")
        error = store.rate("anna", "heat", 3).exception()
        assert isinstance(error, StoreError)
        assert "is locked: another program has held it for more than" in str(error)
        blocker.execute("rollback")
        blocker.close()
        store.rate("anna", "big", 3).result()
        assert set(store.of_user("anna").ratings) == {"alien", "big"}


def test_a_full_disk_is_said_and_what_was_acknowledged_stays(tmp_path: Path) -> None:
    with FeedbackStore.open(tmp_path / "feedback.db") as store:

        def small(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("pragma max_page_count = 30")

        store._database.engine.dispose()
        sa.event.listen(store._database.engine, "connect", small)
        done = 0
        for n in range(10_000):
            error = store.rate("anna", f"{n}-{'x' * 500}", 1).exception()
            if error is not None:
                break
            done += 1
        assert isinstance(error, StoreError)
        assert "is full: free some space" in str(error)
        assert 0 < done == store.counts().ratings
        store.forget("anna").result()  # which makes room
        store.rate("anna", "alien", 1).result()


def test_a_file_that_cannot_be_written_is_said() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tastemap-store-"))
    try:
        with FeedbackStore.open(folder / "feedback.db") as store:
            store.rate("anna", "alien", 3).result()
        (folder / "feedback.db").chmod(0o444)
        folder.chmod(0o555)
        me = os.geteuid()
        if me == 0:  # whom permissions do not stop
            os.seteuid(65534)
        try:
            with pytest.raises(StoreError, match="make the file and its folder writable"):
                FeedbackStore.open(folder / "feedback.db")
            with pytest.raises(StoreError, match="make its folder, writable for this user"):
                FeedbackStore.open(folder / "other.db")
        finally:
            os.seteuid(me)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
