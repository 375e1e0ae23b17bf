"""The service: an API, durable feedback and the explorer's pages, over a folder of models.

`tastemap serve` runs it. Public names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tastemap.web.app import create_app as create_app
    from tastemap.web.feedback.store import FeedbackStore as FeedbackStore
    from tastemap.web.settings import Settings as Settings

_HOMES = {
    "FeedbackStore": "tastemap.web.feedback.store",
    "Settings": "tastemap.web.settings",
    "create_app": "tastemap.web.app",
}

__all__ = ["FeedbackStore", "Settings", "create_app"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tastemap.web' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
