"""Lists that are asked for at the same time are made together.

A product of matrices for eight users takes much less time than eight products for one. Nobody
waits for a time that somebody might come in: what is made together is what came while the event
loop, or a thread for large models, was busy, and what comes while these requests are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tastemap.web.schemas.lists import ListOptions, Recommendations

if TYPE_CHECKING:
    from tastemap.web.people import Person
    from tastemap.web.service import Service

MOST = 16
"""Lists that are made together, at most: beyond, others would wait longer and little is gained."""

_QUIET = 2
"""Turns of the event loop in which nobody came, after which nobody is waited for: in one turn it
reads a request, in the next it handles it."""

_Asking = tuple["Person", ListOptions, "asyncio.Future[Recommendations]"]


class Batches:
    """Makes the lists of a service.

    Args:
        service: what makes them.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._waiting: list[_Asking] = []
        self._working: asyncio.Task[None] | None = None

    async def recommend(self, person: Person, asked: ListOptions) -> Recommendations:
        """As `Service.recommend`, together with others."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Recommendations] = loop.create_future()
        self._waiting.append((person, asked, answer))
        if self._working is None:
            self._working = loop.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._gathered()
                await self._next()
                await asyncio.sleep(0)  # what asks for less comes in between
        finally:
            self._working = None

    async def _gathered(self) -> None:
        """Let everybody come whose request is here already, or arrives meanwhile."""
        quiet = 0
        while quiet < _QUIET and len(self._waiting) < MOST:
            before = len(self._waiting)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == before else 0

    async def _next(self) -> None:
        """Make the lists of those who ask the same as the first."""
        asked = self._waiting[0][1]
        same = [one for one in self._waiting if one[1] == asked]
        self._waiting = same[MOST:] + [one for one in self._waiting if one[1] != asked]
        alike = [one for one in same[:MOST] if not one[2].done()]  # the others went away
        if not alike:
            return
        try:
            found = await self._made([person for person, _, _ in alike], asked)
        except Exception:
            for one in alike:  # it may be the fault of one of them
                await self._alone(*one)
            return
        for (_, _, answer), made in zip(alike, found, strict=True):
            if not answer.done():
                answer.set_result(made)

    async def _alone(
        self, person: Person, asked: ListOptions, answer: asyncio.Future[Recommendations]
    ) -> None:
        try:
            (made,) = await self._made([person], asked)
        except Exception as error:
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(made)

    async def _made(self, people: Sequence[Person], asked: ListOptions) -> list[Recommendations]:
        if self._service.is_heavy:
            return await asyncio.to_thread(self._service.recommend_many, people, asked)
        return self._service.recommend_many(people, asked)
