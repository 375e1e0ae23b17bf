"""Ratings, items and their ids: reading, splitting, auditing."""
