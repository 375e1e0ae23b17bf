"""The tables of the store. What makes them is in migrations/; a test compares the two."""

from __future__ import annotations

import sqlalchemy as sa

REVISION = "0001"
"""The newest migration: what the tables of an opened store are at."""

# Names that do not get in the way where the database is shared with others.
VERSION_TABLE = "tastemap_version"

metadata = sa.MetaData()

# One row a pair: what counts now. A removal is a row without a rating.
feedback = sa.Table(
    "tastemap_feedback",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("rating", sa.Double, nullable=True),
    sa.Column("at", sa.Double, nullable=False),
    sqlite_with_rowid=False,  # so that the rows of a user lie side by side
)

# Users whose earlier ratings, in training too, do not count any more.
forgotten = sa.Table(
    "tastemap_forgotten",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sqlite_with_rowid=False,
)

# Idempotency keys, and what they were given with.
keys = sa.Table(
    "tastemap_keys",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False, index=True),
    sqlite_with_rowid=False,
)
