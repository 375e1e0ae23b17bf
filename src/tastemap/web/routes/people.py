"""Lists, predictions and questions."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from tastemap.web.operations import Operation, answer, body_of, encode, json_bytes, query_of
from tastemap.web.schemas import lists
from tastemap.web.service import Service


async def recommendations(request: Request) -> Response:
    """The items a user would rate highest, or take first, and why.

    What they rated since training counts. A user nobody knows gets the items with the largest
    biases, or the most popular ones, and the answer says so.
    """
    service: Service = request.app.state.shelf.live
    user, question = request.path_params["id"], request.scope["query_string"]
    said = service.people.said(user)
    body = service.answered(user, question, said)
    if body is None:
        asked = query_of(request, lists.ListOptions)
        person = service.people.person_who(user, said)
        body = encode(await service.batches.recommend(person, asked))
        service.remember(user, question, said, body)
    return json_bytes(body)


async def recommendations_for_newcomer(request: Request) -> Response:
    """The same for somebody without an id, by the ratings sent along. Nothing is stored."""
    service: Service = request.app.state.shelf.live
    asked = await body_of(request, lists.NewcomerOptions)
    person = service.people.newcomer([(one.item, one.rating) for one in asked.ratings])
    return answer(await service.batches.recommend(person, _options(asked)))


def _options(asked: lists.NewcomerOptions) -> lists.ListOptions:
    """What the list is to hold, without whom it is for."""
    given = {name: getattr(asked, name) for name in lists.ListOptions.__struct_fields__}
    return lists.ListOptions(**given)


async def predict(request: Request) -> Response:
    """What users would rate items, what each prediction is made from, and how sure it is."""
    service: Service = request.app.state.shelf.live
    asked = await body_of(request, lists.PredictOptions)
    return answer(await asyncio.to_thread(_predicted, service, asked))


def _predicted(service: Service, asked: lists.PredictOptions) -> lists.Predictions:
    rows: dict[int, lists.Predicted] = {}
    by_user: dict[int | str, list[int]] = {}
    for place, pair in enumerate(asked.pairs):
        by_user.setdefault(service.people.user_id(pair.user), []).append(place)
    for user, places in by_user.items():
        person = service.people.person(user)
        wanted = [asked.pairs[place].item for place in places]
        found = service.predict(person, wanted, asked.interval, asked.why)
        rows.update(zip(places, found, strict=True))
    ordered = [rows[place] for place in range(len(asked.pairs))]
    return lists.Predictions(model=service.name, predictions=ordered)


async def next_questions(request: Request) -> Response:
    """The items to ask a newcomer about, most telling first. Nothing is stored."""
    service: Service = request.app.state.shelf.live
    asked = await body_of(request, lists.QuestionOptions)
    return answer(await asyncio.to_thread(service.next_questions, asked))


OPERATIONS = (
    Operation(
        method="GET",
        path="/users/{id}/recommendations",
        handler=recommendations,
        summary="A list for a user",
        query=lists.ListOptions,
        answer=lists.Recommendations,
        problems=(404, 409),
    ),
    Operation(
        method="POST",
        path="/recommendations",
        handler=recommendations_for_newcomer,
        summary="A list for somebody unknown",
        body=lists.NewcomerOptions,
        answer=lists.Recommendations,
        problems=(409,),
    ),
    Operation(
        method="POST",
        path="/predict",
        handler=predict,
        summary="Predictions of pairs",
        body=lists.PredictOptions,
        answer=lists.Predictions,
        problems=(409,),
    ),
    Operation(
        method="POST",
        path="/next-questions",
        handler=next_questions,
        summary="What to ask a newcomer",
        body=lists.QuestionOptions,
        answer=lists.Questions,
        problems=(409,),
    ),
)
