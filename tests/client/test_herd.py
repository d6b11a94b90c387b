"""Everybody without a network, and back in the same instant: what the first second carries, worked out beforehand.

The rules of `cache.paused` say what goes on at once; the phones of a virtual crowd show it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from harness.client.api.calls import OWN_PROFILE, OWN_PROFILE_PUBLIC, OWN_STATS
from harness.client.cache.paused import PausedWork, Wake
from harness.client.screens.app import enter
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.commute import come_back, go_offline
from tests.client.answered import EVENTS, answered, kinds
from tests.client.virtual import Sent, VirtualPhone, World

CROWD = 10
READS_PER_CARD = 4
"""Details of the eighth card ahead, a preview, and the two of the diary (observed: 32 for eight cards)."""
SHELL_READS = (OWN_PROFILE, OWN_PROFILE_PUBLIC, OWN_STATS)
"""Of the frame around every screen, stale by then; preferences stay fresh for five minutes."""
LOOK_S = 2.0


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def first_instant(swipes: int) -> tuple[int, int]:
    """By the rules alone: how many reads go on at once for somebody who swiped so often, and how many events with
    them into the buffer. Reads on screen that have gone stale are asked for in the same instant."""
    paused: PausedWork[str] = PausedWork()
    paused.online = False
    for swipe in range(swipes):
        for event in ("gesture", "impression"):
            assert not paused.may_begin()
            paused.hold_mutation(f"{event} {swipe}")
        for read in range(READS_PER_CARD):
            paused.hold_read(f"read {swipe}.{read}")
    paused.online = True
    resumed = paused.wake(Wake.ONLINE)
    reads, events = 0, 0
    todo = list(resumed.works)
    while todo:
        work = todo.pop(0)
        if work.startswith("read"):
            reads += 1
        else:
            events += 1
            todo += paused.over(work).works
    return reads, events


def crowd(world: World) -> list[tuple[VirtualPhone, SwipePage]]:
    found = []
    for number in range(CROWD):
        phone = answered(world, number)
        world.run(enter(phone, landing=False))
        page = SwipePage(phone)
        world.run(page.open())
        found.append((phone, page))
    world.loop.sleep(5.0)
    return found


async def swipe_all(phones: list[tuple[VirtualPhone, SwipePage]]) -> None:
    """The first not at all, the second once, and so on, side by side."""

    async def swipe(page: SwipePage, swipes: int) -> None:
        for _ in range(swipes):
            assert page.card is not None
            await page.look_and_swipe(page.card, LOOK_S, "like")

    await asyncio.gather(*(swipe(page, swipes) for swipes, (_, page) in enumerate(phones)))


def test_the_first_second_of_a_herd_is_everything_that_was_held_back(world: World) -> None:
    phones = crowd(world)
    for phone, _ in phones:
        go_offline(phone)
    world.run(swipe_all(phones))
    world.loop.sleep(20.0)
    before = [len(phone.sent) for phone, _ in phones]
    assert not any(phone.open for phone, _ in phones), "nothing tries without a network"
    back_at = world.loop.time()
    for phone, _ in phones:
        come_back(phone)
    world.loop.sleep(2.0)
    first: Counter[str] = Counter()
    for swipes, (phone, _) in enumerate(phones):
        reads, events = first_instant(swipes)
        assert (reads, events) == (READS_PER_CARD * swipes, 2 * swipes)
        made = phone.sent[before[swipes] :]
        cards = [sent for sent in made if _of_cards(sent) and sent.at - back_at < 0.25]
        # the card on top was read before the tunnel by whoever never swiped: its diary is stale after 15 s
        assert len(cards) == reads + (2 if swipes == 0 else 0)
        shell = [sent for sent in made if any(call.path.split("?")[0] in sent.path for call in SHELL_READS)]
        assert len([sent for sent in shell if sent.at - back_at < 0.5]) == len(SHELL_READS)
        batches = [sent for sent in made if EVENTS in sent.path]
        assert sum(len(kinds(sent)) for sent in batches) == events
        assert [round(sent.at - back_at, 1) for sent in batches] == [1.0] * (events > 0)
        first.update("reads" for sent in made if sent.method == "GET" and sent.at - back_at < 1.0)
    predicted = sum(READS_PER_CARD * swipes + len(SHELL_READS) for swipes in range(CROWD)) + 2
    assert first["reads"] == predicted


def _of_cards(sent: Sent) -> bool:
    return any(f"/{table}?" in sent.path for table in ("media_items", "library_entries", "ratings"))
