"""The explorer: pages that let people read a model, made on the server, light on scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from tastemap.web.pages.components import component, components
from tastemap.web.pages.items import item
from tastemap.web.pages.maps import map_data, taste_map
from tastemap.web.pages.model import model, serve
from tastemap.web.pages.overview import overview
from tastemap.web.pages.people import user
from tastemap.web.pages.rankings import rankings
from tastemap.web.pages.search import search
from tastemap.web.pages.site import static
from tastemap.web.pages.taste import keep, taste
from tastemap.web.pages.visit import lost

if TYPE_CHECKING:
    from starlette.applications import Starlette


def mount(app: Starlette) -> None:
    """Add the pages to an application whose ``state.shelf.live`` is the service to show."""
    app.router.routes += [
        Route("/", overview),
        Route("/explore/rankings", rankings),
        Route("/explore/components", components),
        Route("/explore/components/{number:int}", component),
        Route("/explore/items/{id:path}", item),
        Route("/explore/users/{id:path}", user),
        Route("/explore/map", taste_map),
        Route("/explore/map.json", map_data),
        Route("/explore/taste", taste, methods=["GET", "POST"]),
        Route("/explore/taste/keep", keep, methods=["POST"]),
        Route("/explore/model", model),
        Route("/admin/serve", serve, methods=["POST"]),
        Route("/explore/search", search),
        Route("/explore/{rest:path}", lost),
        Route("/static/{version}/{name}", static),
    ]
