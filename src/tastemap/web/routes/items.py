"""Items, and what is like them."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from tastemap.web.operations import Operation, answer, query_of
from tastemap.web.schemas import items


async def similar(request: Request) -> Response:
    """Items whose vectors point most nearly the same way."""
    reading = request.app.state.shelf.live.reading
    asked = query_of(request, items.SimilarOptions)
    return answer(await asyncio.to_thread(reading.similar, request.path_params["id"], asked))


async def item(request: Request) -> Response:
    """What is known of an item: metadata, ratings, bias."""
    reading = request.app.state.shelf.live.reading
    return answer(reading.item(request.path_params["id"]))


async def search(request: Request) -> Response:
    """Items by words of their titles and by metadata, most rated first."""
    reading = request.app.state.shelf.live.reading
    asked = query_of(request, items.SearchOptions)
    return answer(await asyncio.to_thread(reading.search, asked))


OPERATIONS = (
    Operation(
        method="GET",
        path="/items/{id}/similar",
        handler=similar,
        summary="Items like another",
        query=items.SimilarOptions,
        answer=items.SimilarItems,
        problems=(404, 409),
    ),
    Operation(
        method="GET",
        path="/items/{id}",
        handler=item,
        summary="An item",
        answer=items.Item,
        problems=(404,),
    ),
    Operation(
        method="GET",
        path="/items",
        handler=search,
        summary="Items by title and metadata",
        query=items.SearchOptions,
        answer=items.Items,
    ),
)
