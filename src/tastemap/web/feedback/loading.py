"""An exported table taken into an empty store: to move it, or to restore it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tastemap.data.feedback import FORGET, REMOVE, check
from tastemap.errors import DataError, StoreError
from tastemap.web.feedback import queries
from tastemap.web.feedback.checks import checked_moment, checked_text, checked_value
from tastemap.web.feedback.database import Database
from tastemap.web.feedback.tables import feedback, forgotten

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 50_000


def load(database: Database, table: pa.Table) -> None:
    """See `FeedbackStore.load`."""
    check(table)
    with database.writing() as connection:
        if any(queries.counts(connection)):
            raise StoreError(f"{database.name} holds feedback already: load into an empty store")
        for batch in table.to_batches(max_chunksize=_BATCH):
            pairs: list[dict[str, Any]] = []
            users: list[dict[str, Any]] = []
            for row in batch.to_pylist():
                user = checked_text(row["user"], "user id")
                at = checked_moment(row["time"].timestamp())
                if row["action"] == FORGET:
                    users.append({"user_id": user, "at": at})
                    continue
                item = checked_text(row["item"], "item id")
                rating = None if row["action"] == REMOVE else checked_value(row["rating"])
                pairs.append({"user_id": user, "item_id": item, "rating": rating, "at": at})
            try:
                for into, rows in ((feedback, pairs), (forgotten, users)):
                    if rows:
                        connection.execute(sa.insert(into), rows)
            except sa.exc.IntegrityError as error:
                raise DataError(
                    f"the table has a pair or a forgotten user twice: {error.orig}"
                ) from None
