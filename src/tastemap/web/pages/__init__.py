"""The explorer: pages that let people read a model, made on the server, light on scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from tastemap.web.security.logs import NamedRoute

if TYPE_CHECKING:
    from starlette.applications import Starlette


def mount(app: Starlette) -> None:
    """Add the pages to an application whose ``state.shelf.live`` is the service to show."""
    app.router.routes += [
        NamedRoute("/", overview.overview),
        NamedRoute("/explore/map", maps.taste_map),
        NamedRoute("/explore/map.json", maps.map_data),
        NamedRoute("/explore/rankings", rankings.rankings),
        NamedRoute("/explore/components", components.components),
        NamedRoute("/explore/components/{number:int}", components.component),
        NamedRoute("/explore/items", items.item),
        NamedRoute("/explore/items/{id:path}", items.item),
        NamedRoute("/explore/users", people.user),
        NamedRoute("/explore/users/{id:path}", people.user),
        NamedRoute("/explore/taste", taste.taste, methods=["GET", "POST"]),
        NamedRoute("/explore/taste/keep", taste.keep, methods=["GET", "POST"]),
        NamedRoute("/explore/model", model.model),
        NamedRoute("/explore/search", search.search),
        NamedRoute("/explore/{rest:path}", visit.lost),
        NamedRoute("/admin/serve", model.serve, methods=["POST"]),
        NamedRoute("/static/{version}/{name}", site.static),
    ]
