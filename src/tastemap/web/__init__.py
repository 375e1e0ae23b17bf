"""The service: an API, durable feedback and the explorer's pages, over a folder of models.

Public names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tastemap.web.feedback.store import FeedbackStore as FeedbackStore

_HOMES = {"FeedbackStore": "tastemap.web.feedback.store"}

__all__ = ["FeedbackStore"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tastemap.web' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
