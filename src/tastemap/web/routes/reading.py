"""Components of taste, the map, biases."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tastemap.web.operations import Operation, answer, json_bytes, query_of
from tastemap.web.schemas import reading


async def components(request: Request) -> Response:
    """The main components of taste, with the items at both ends of each."""
    live = request.app.state.shelf.live.reading
    asked = query_of(request, reading.ComponentOptions)
    return answer(await asyncio.to_thread(live.components, asked))


async def taste_map(request: Request) -> Response:
    """All items on the first components, most rated first, as the map of the explorer draws them.

    Columns of equal length: ``id``, ``title``, ``count``; ``coords`` by component, in standard
    deviations of the 2,000 most rated items; what to colour by, and what else to say of an item.
    """
    live = request.app.state.shelf.live.reading
    plain, packed = await asyncio.to_thread(lambda: live.map)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return json_bytes(packed, {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
    return json_bytes(plain, {"Vary": "Accept-Encoding"})


async def biases(request: Request) -> Response:
    """The items liked most and least beyond what their audience and its taste explain."""
    live = request.app.state.shelf.live.reading
    asked = query_of(request, reading.BiasOptions)
    return answer(await asyncio.to_thread(live.biases, asked))


OPERATIONS = (
    Operation(
        method="GET",
        path="/components",
        handler=components,
        summary="Components of taste",
        query=reading.ComponentOptions,
        answer=reading.Components,
        problems=(409,),
    ),
    Operation(
        method="GET",
        path="/map",
        handler=taste_map,
        summary="The map of taste",
        answer=dict[str, Any],
        problems=(409,),
    ),
    Operation(
        method="GET",
        path="/biases",
        handler=biases,
        summary="Items by bias",
        query=reading.BiasOptions,
        answer=reading.Biases,
        problems=(409,),
    ),
)
