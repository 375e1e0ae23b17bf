import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import tastemap as tm
from tastemap.errors import NotFittedFor
from tastemap.web.batches import MOST
from tastemap.web.people import Person
from tastemap.web.schemas.lists import ListOptions
from tastemap.web.service import Service
from tests.web.conftest import RECIPES


def people_of(service: Service) -> list[Person]:
    """Users in training, a stranger, and where the model can take them, newcomers."""
    ids = [*service.ratings.user_ids.raws([5, 3, 8, 5]), 987_654]
    found = [service.people.person(one) for one in ids]
    try:
        found.insert(1, service.people.newcomer([(1, 5.0), (50, 2.0)]))
        found.append(service.people.newcomer([(32, 1.0)]))
    except NotFittedFor:
        pass
    return found


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("name", RECIPES)
def test_lists_made_together_are_those_made_alone(models: Path, name: str, heavy: bool) -> None:
    service = Service(tm.load(models / name))
    service.is_heavy = heavy
    people = people_of(service)
    options = [ListOptions(n=4), ListOptions(n=7, why=0, seen=True)]
    sizes: list[int] = []
    many = service.recommend_many

    def counted(some: Sequence[Person], asked: ListOptions) -> Any:
        sizes.append(len(some))
        return many(some, asked)

    service.recommend_many = counted  # type: ignore[method-assign]

    async def ask() -> list[Any]:
        asking = [service.batches.recommend(one, o) for one in people for o in options]
        return await asyncio.gather(*asking)

    found = asyncio.run(ask())
    assert max(sizes) > 1
    assert sum(sizes) == len(found)
    assert max(sizes) <= MOST
    alone = [many([one], o)[0] for one in people for o in options]
    for one, other in zip(found, alone, strict=True):
        assert [row.item for row in one.items] == [row.item for row in other.items]
        for row, wanted in zip(one.items, other.items, strict=True):
            assert row.score == pytest.approx(wanted.score, abs=1e-4)
        assert (one.user, one.made_from, one.left_out) == (
            other.user,
            other.made_from,
            other.left_out,
        )
        assert one.remarks == other.remarks


def test_a_mistake_is_told_to_who_made_it(models: Path) -> None:
    service = Service(tm.load(models / "biased"))
    good, bad = service.people.person(4), service.people.person(5)
    answer = service._answer

    def fails(person: Person, *given: Any) -> Any:
        if person is bad:
            raise ValueError("of one user alone")
        return answer(person, *given)

    service._answer = fails  # type: ignore[method-assign]

    async def ask() -> list[Any]:
        asking = [service.batches.recommend(one, ListOptions(n=2)) for one in (good, bad, good)]
        return await asyncio.gather(*asking, return_exceptions=True)

    first, second, third = asyncio.run(ask())
    assert isinstance(second, ValueError)
    assert first == third
    assert len(first.items) == 2


def test_who_goes_away_does_not_hold_up_others(models: Path) -> None:
    service = Service(tm.load(models / "biased"))
    person = service.people.person(4)

    async def ask() -> Any:
        gone = asyncio.ensure_future(service.batches.recommend(person, ListOptions(n=2)))
        stays = asyncio.ensure_future(service.batches.recommend(person, ListOptions(n=2)))
        await asyncio.sleep(0)
        gone.cancel()
        found = await stays
        assert gone.cancelled()
        again = await service.batches.recommend(person, ListOptions(n=2))
        assert again == found
        return found

    assert len(asyncio.run(ask()).items) == 2
