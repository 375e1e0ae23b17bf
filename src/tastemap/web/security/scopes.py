"""What each route needs: a table, closed by default."""

from __future__ import annotations

from tastemap.web.security.keys import Scope

OPEN = ("/health", "/ready", "/sign-in")
"""Paths that need no key: for probes, and for signing in."""

STATIC = "/static/"
"""Scripts and styles, the same in every installation, need none either."""

ASKING = ("/predict", "/recommendations", "/next-questions", "/explore/taste")
"""Paths where POST only asks, because a question does not fit into an address."""


def needed(method: str, path: str) -> Scope | None:
    """The scope that a request needs; None if it needs no key.

    Reading needs `read`; everything below ``/admin`` needs `admin`, whatever the method;
    everything else, also what nobody thought of, needs `write`.
    """
    if path in OPEN or (path.startswith(STATIC) and method in ("GET", "HEAD")):
        return None
    if path == "/admin" or path.startswith("/admin/"):
        return Scope.ADMIN
    if method in ("GET", "HEAD") or path == "/sign-out" or (method == "POST" and path in ASKING):
        return Scope.READ
    return Scope.WRITE
