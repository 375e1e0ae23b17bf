"""Ratings that users give, and what is held of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from tastemap.web.operations import Access, Operation, answer, body_of
from tastemap.web.schemas import ratings
from tastemap.web.service import Service

if TYPE_CHECKING:
    from tastemap.web.feedback.writer import Receipt


async def _stored(n: int, receipt: Future[Receipt], remarks: list[str]) -> Response:
    done = await asyncio.wrap_future(receipt)
    return answer(ratings.Stored(stored=n, at=done.at, replayed=done.replayed, remarks=remarks))


def _key(request: Request) -> str | None:
    return request.headers.get("idempotency-key")


async def rate(request: Request) -> Response:
    """Store one rating, or several, all or none. Answered when they are on disk.

    A user's earlier rating of the same item is replaced. The next answer for the user counts them.
    With a header ``Idempotency-Key`` the same request can be sent again without harm.
    """
    from tastemap.web.feedback.store import NewRating as Row

    service: Service = request.app.state.shelf.live
    sent = await body_of(request, ratings.NewRatings)
    given = sent if isinstance(sent, list) else [sent]
    checked = [service.held.check(one) for one in given]
    rows = [
        Row(user, item, one.rating, one.time)
        for (user, item, _), one in zip(checked, given, strict=True)
    ]
    new = sum(not known for _, _, known in checked)
    unknown = f"{new} are of items new to the model: they count from the next fit on"
    receipt = request.app.state.store.rate_all(rows, key=_key(request))
    return await _stored(len(rows), receipt, [unknown] if new else [])


async def remove(request: Request) -> Response:
    """Remove a rating, also one in training. Answered when it is on disk."""
    people = request.app.state.shelf.live.people
    user = people.user_id(request.path_params["user"])
    item = people.item_id(request.path_params["item"])
    receipt = request.app.state.store.remove(str(user), str(item), key=_key(request))
    return await _stored(1, receipt, [])


async def ratings_of(request: Request) -> Response:
    """All ratings of a user that count: of training, and posted since."""
    service: Service = request.app.state.shelf.live
    return answer(await asyncio.to_thread(service.held.ratings, request.path_params["id"]))


async def export(request: Request) -> Response:
    """Everything that is held of a user, to hand to them."""
    service: Service = request.app.state.shelf.live
    held = await asyncio.to_thread(service.held.export, request.path_params["id"])
    return answer(held, headers={"Content-Disposition": 'attachment; filename="export.json"'})


async def forget(request: Request) -> Response:
    """Erase what a user said, and let their ratings in training count no more.

    The next fit leaves these out; until then the live model's folder still holds them.
    """
    user = request.app.state.shelf.live.people.user_id(request.path_params["id"])
    receipt = request.app.state.store.forget(str(user), key=_key(request))
    remarks = ["the live model was trained with their ratings, if it had any: refit it"]
    return await _stored(1, receipt, remarks)


OPERATIONS = (
    Operation(
        method="POST",
        path="/ratings",
        handler=rate,
        summary="Store ratings",
        access=Access.WRITE,
        body=ratings.NewRatings,
        answer=ratings.Stored,
        idempotent=True,
        problems=(503,),
    ),
    Operation(
        method="DELETE",
        path="/ratings/{user}/{item}",
        handler=remove,
        summary="Remove a rating",
        access=Access.WRITE,
        answer=ratings.Stored,
        idempotent=True,
        problems=(404, 503),
    ),
    Operation(
        method="GET",
        path="/users/{id}/ratings",
        handler=ratings_of,
        summary="Ratings of a user",
        answer=ratings.UserRatings,
        problems=(404,),
    ),
    Operation(
        method="GET",
        path="/users/{id}/export",
        handler=export,
        summary="All that is held of a user",
        answer=ratings.Export,
        problems=(404,),
    ),
    Operation(
        method="DELETE",
        path="/users/{id}",
        handler=forget,
        summary="Forget a user",
        access=Access.WRITE,
        answer=ratings.Stored,
        idempotent=True,
        problems=(404, 503),
    ),
)
