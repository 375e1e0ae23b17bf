"""The command line: every verb parses, calls the public interface, and prints."""

from __future__ import annotations

from tastemap.cli.program import app, main

__all__ = ["app", "main"]
