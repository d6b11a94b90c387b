"""What a phone keeps: ten thousand of them live in one worker, most of them in nobody's hand."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from tests.client.virtual import VirtualPhone, World

PHONES, QUESTIONS, DRAWS = 40, 10, 8
KB = 1024


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def test_what_a_session_decided_by_goes_with_it(world: World) -> None:
    def session(phone: VirtualPhone) -> None:
        phone.begin(1, 0.0)
        for question in range(QUESTIONS):
            for _ in range(DRAWS):
                phone.behaviour.rng.of(f"question {question}").random()

    def held_kb() -> float:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / PHONES / KB

    phones = [VirtualPhone(world.kit, number) for number in range(PHONES)]
    session(phones[0])  # whatever is made once and kept
    world.run(phones[0].end())
    tracemalloc.start()
    try:
        idle = held_kb()
        for phone in phones:
            session(phone)
        assert held_kb() - idle < 15, "in session"
        for phone in phones:
            world.run(phone.end())
        assert held_kb() - idle < 3, "after it"
    finally:
        tracemalloc.stop()


def test_work_beside_the_session_leaves_no_room_behind(world: World) -> None:
    phone = world.phone()

    async def nothing() -> None:
        return

    for _ in range(500):
        phone.background.start(nothing())
    world.loop.settle()
    assert sys.getsizeof(phone.background._tasks) == sys.getsizeof(set())
