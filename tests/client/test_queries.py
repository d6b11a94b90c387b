"""Reads of a page on a virtual clock: what is fetched, joined, overtaken, let go of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from harness.client.cache.queries import CachedQuery, Fetched, Queries
from harness.core.outcome import Outcome
from tests.client.virtual import VirtualPhone, World


class Source:
    """What is fetched, answered by hand: oldest first."""

    def __init__(self, *, abortable: bool = False) -> None:
        self.asked: list[asyncio.Future[Fetched[str]]] = []
        self.query = CachedQuery(("k", "1"), self._fetch, abortable=abortable)

    async def _fetch(self) -> Fetched[str]:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]

    def answer(self, number: int, value: str) -> None:
        self.asked[number].set_result(Fetched(Outcome.OK, value))


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.fixture
def queries(world: World) -> Queries:
    phone: VirtualPhone = world.phone()
    return phone.page.queries


def started(world: World, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = world.loop.create_task(work)
    world.loop.settle()
    return task


def shown(world: World, queries: Queries, source: Source) -> None:
    """It is on screen, with a value, and being fetched again."""
    queries.mount(source.query)
    world.loop.settle()
    source.answer(0, "first")
    world.loop.settle()
    started(world, queries.refetch(source.query))
    assert len(source.asked) == 2


def test_a_write_during_a_fetch_has_it_fetched_again_and_the_older_answer_is_nobodys(
    world: World, queries: Queries
) -> None:
    source = Source()
    shown(world, queries, source)
    waiting = started(world, queries.settled(source.query))
    queries.invalidate("k")
    world.loop.settle()
    assert len(source.asked) == 3, "the overtaken request goes on, a new one leaves"
    source.answer(1, "from before the write")
    world.loop.settle()
    assert queries.cache.value(source.query.key, world.loop.time()) == "first"
    assert not waiting.done()
    source.answer(2, "with the write")
    world.loop.settle()
    assert waiting.result() == Fetched(Outcome.OK, "with the write")
    queries.mount(source.query)
    world.loop.settle()
    assert len(source.asked) == 3, "fresh"


def test_an_answer_that_comes_after_the_one_that_overtook_it_changes_nothing(world: World, queries: Queries) -> None:
    source = Source()
    shown(world, queries, source)
    queries.invalidate("k")
    world.loop.settle()
    source.answer(2, "with the write")
    world.loop.settle()
    source.answer(1, "from before the write")
    world.loop.settle()
    assert queries.cache.value(source.query.key, world.loop.time()) == "with the write"


def test_the_first_fetch_is_joined(world: World, queries: Queries) -> None:
    source = Source()
    queries.mount(source.query)
    queries.invalidate("k")
    world.loop.settle()
    assert len(source.asked) == 1


@pytest.mark.parametrize("act", [Queries.invalidate, None])
def test_what_listens_to_its_signal_is_cancelled_when_overtaken_or_left(
    world: World, queries: Queries, act: Callable[..., None] | None
) -> None:
    source = Source(abortable=True)
    shown(world, queries, source)
    if act is not None:
        act(queries, "k")
    else:
        world.loop.sleep(20)
        queries.unmount(source.query)
        queries.mount(source.query)  # stale, in the same instant
    world.loop.settle()
    assert source.asked[1].cancelled()
    assert len(source.asked) == 3
    source.answer(2, "second")
    world.loop.settle()
    assert queries.cache.value(source.query.key, world.loop.time()) == "second"
