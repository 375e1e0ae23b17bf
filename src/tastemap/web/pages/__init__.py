"""The explorer: pages that let people read a model, made on the server, light on scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

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


def mount(app: Starlette) -> None:
    """Add the pages to an application whose ``state.shelf.live`` is the service to show."""
    app.router.routes += [
        Route("/", overview.overview),
        Route("/explore/map", maps.taste_map),
        Route("/explore/map.json", maps.map_data),
        Route("/explore/rankings", rankings.rankings),
        Route("/explore/components", components.components),
        Route("/explore/components/{number:int}", components.component),
        Route("/explore/items", items.item),
        Route("/explore/items/{id:path}", items.item),
        Route("/explore/users", people.user),
        Route("/explore/users/{id:path}", people.user),
        Route("/explore/taste", taste.taste, methods=["GET", "POST"]),
        Route("/explore/taste/keep", taste.keep, methods=["GET", "POST"]),
        Route("/explore/model", model.model),
        Route("/explore/search", search.search),
        Route("/explore/{rest:path}", visit.lost),
        Route("/admin/serve", model.serve, methods=["POST"]),
        Route("/static/{version}/{name}", site.static),
    ]
