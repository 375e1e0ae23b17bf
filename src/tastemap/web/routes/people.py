"""What the service says to and of users."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tastemap.web import schemas
from tastemap.web.operations import Operation, answer, query_of
from tastemap.web.service import Service


async def recommendations(request: Request) -> Response:
    """The items a user would rate highest, with what they rated since training."""
    service: Service = request.app.state.shelf.live
    asked = query_of(request, schemas.RecommendQuery)
    person = service.person(request.path_params["id"])
    return answer(
        service.recommend(
            person,
            asked.n,
            include=service.catalog.wanted(asked.include),
            exclude=service.catalog.wanted(asked.exclude),
            min_ratings=asked.min_ratings,
            seen=asked.seen,
        )
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/users/{id}/recommendations",
        handler=recommendations,
        summary="A list for a user",
        query=schemas.RecommendQuery,
        answer=schemas.Recommendations,
        problems=(404,),
    ),
)
