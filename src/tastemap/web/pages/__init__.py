"""The explorer: pages that let people read a model, made on the server, light on scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Match, Route

from tastemap.web.pages import (
    components,
    items,
    maps,
    model,
    overview,
    people,
    rankings,
    search,
    site,
    taste,
    visit,
)

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Scope


class _Named(Route):
    """A route that the log of requests can name."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, {**found, "route": self}


def mount(app: Starlette) -> None:
    """Add the pages to an application whose ``state.shelf.live`` is the service to show."""
    app.router.routes += [
        _Named("/", overview.overview),
        _Named("/explore/map", maps.taste_map),
        _Named("/explore/map.json", maps.map_data),
        _Named("/explore/rankings", rankings.rankings),
        _Named("/explore/components", components.components),
        _Named("/explore/components/{number:int}", components.component),
        _Named("/explore/items", items.item),
        _Named("/explore/items/{id:path}", items.item),
        _Named("/explore/users", people.user),
        _Named("/explore/users/{id:path}", people.user),
        _Named("/explore/taste", taste.taste, methods=["GET", "POST"]),
        _Named("/explore/taste/keep", taste.keep, methods=["GET", "POST"]),
        _Named("/explore/model", model.model),
        _Named("/explore/search", search.search),
        _Named("/explore/{rest:path}", visit.lost),
        _Named("/admin/serve", model.serve, methods=["POST"]),
        _Named("/static/{version}/{name}", site.static),
    ]
