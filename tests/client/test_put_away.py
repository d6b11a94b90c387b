"""A device that was put away between two sessions is the same one in the second, and nothing of it stays but bytes."""

from __future__ import annotations

import asyncio
import gc
import re
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.client.api.calls import FOLLOW, LIBRARY_WRITE, SWIPE_EVENTS
from harness.client.faults.fault_schedule import FaultSchedule
from harness.client.put_away import put_away, take_up
from harness.client.screens.app import open_app
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.swipe import SwipePage
from harness.core.outcome import Outcome
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.core.scheduled_fault import ChaosEntry
from tests.client.answered import answer, answered
from tests.client.stage import OTHER, TITLE
from tests.client.virtual import ME, Notebook, Sent, VirtualPhone, World

PROFILE = Profile(
    name="away",
    people=10,
    phones=10,
    phases=Phases(warmup_s=0, measure_s=600, drain_s=1),
    arrivals=(ArrivalStage(seconds=600, rate=1),),
    mix={"reader": 1.0},
)
FEED = "get_home_feed"
SHARED = ("api", "auth", "event_sender", "network", "notes", "page", "clock", "behaviour", "local", "background")
INSTANT = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)")


class Counting(Notebook):
    """Remembers which rules were asked of which call, and what they found."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, int]] = []
        self.found: list[tuple[Any, ...]] = []

    def checked(self, call: str, rule: str, asked: int) -> None:
        self.asked.append((call, rule, asked))

    def violated(self, *what: Any) -> None:
        self.found.append(what[1:])


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def rows(*numbers: int) -> list[dict[str, Any]]:
    """Of a feed."""
    return [
        {"id": f"row {n}", "created_at": f"2026-01-01T00:{n:02}:00+00:00", "user_id": OTHER, "media_item_id": TITLE}
        for n in sorted(numbers, reverse=True)
    ]


class Target:
    """Answers well, but for the event endpoint while it is `down`. feed: what it shows."""

    def __init__(self) -> None:
        self.down = False
        self.feed = rows(*range(20))

    def __call__(self, sent: Sent) -> None:
        if self.down and sent.path.startswith(SWIPE_EVENTS.path):
            sent.answer({"ok": False}, 500)
        elif FEED in sent.path:
            sent.answer(self.feed)
        else:
            answer(sent)


async def session(phone: VirtualPhone, target: Target) -> None:
    """Swipes, of which one batch fails at first, the feed, and two writes that checks remember."""
    if phone.notes.ticket == 1:  # before the feed: whom one follows changes its past
        await phone.api.request(FOLLOW, body={"follower_id": ME, "followed_id": OTHER})
    assert await open_app(phone)
    swipes = SwipePage(phone)
    await swipes.open()
    for number in range(4):
        target.down = number == 1
        card = await swipes.next_card()
        assert card is not None
        await swipes.look_and_swipe(card, 2.0 + phone.behaviour.rng.of("look").random(), "skip")
    await phone.pause(20.0)
    swipes.leave()
    swipes = SwipePage(phone)  # which tries once more what the first one stored
    await swipes.open()
    await phone.pause(5.0)
    swipes.leave()
    home = Home(phone)
    await home.open()
    await phone.pause(1.0)
    home.leave()
    await phone.api.request(LIBRARY_WRITE, body={"title_id": TITLE, "user_id": ME, "status": "watched"})
    await phone.pause(3.0)


def used(world: World, phone: VirtualPhone, target: Target, ticket: int) -> None:
    phone.server = target
    phone.begin(ticket, world.loop.time() - world.kit.zero)
    world.run(session(phone, target))
    world.run(phone.end())
    world.loop.sleep(6.0)


def seen(requests: list[Sent]) -> list[tuple[str, str, bytes]]:
    """What of them a server could tell apart, but for the time of day."""
    return [(sent.method, INSTANT.sub(b"-", sent.path.encode()).decode(), INSTANT.sub(b"-", sent.body or b""))
            for sent in requests]  # fmt: skip


def second_session(*, away: bool, feed: list[dict[str, Any]]) -> tuple[list[Any], Counting, list[str]]:
    """What it sends and asks, on a device that was put away before, or was not."""
    world, notebook = World(), Counting()
    kit = replace(world.kit, observer=notebook)
    try:
        phone, target = VirtualPhone(kit, 0).signed_in(), Target()
        used(world, phone, target, 1)
        if away:
            kept = put_away(phone)
            assert kept is not None
            phone = VirtualPhone(kit, 0)
            take_up(phone, kept)
        sent_before = len(phone.sent)
        notebook.asked.clear()
        target.feed = feed
        used(world, phone, target, 2)
        assert not notebook.problems
        return seen(phone.sent[sent_before:]), notebook, [phone.new_id() for _ in range(3)]
    finally:
        world.close()


def test_the_next_session_is_the_same_as_on_a_device_that_was_never_put_away() -> None:
    feed = rows(*range(22))
    stayed, stayed_notes, stayed_ids = second_session(away=False, feed=feed)
    taken, taken_notes, taken_ids = second_session(away=True, feed=feed)
    assert len(stayed) > 40
    assert taken == stayed
    assert taken_ids == stayed_ids
    assert len(taken_notes.asked) > 20
    assert taken_notes.asked == stayed_notes.asked
    assert taken_notes.found == stayed_notes.found
    assert "feed-stays" not in str(taken_notes.found)


def test_it_still_knows_what_it_was_shown_and_wrote() -> None:
    """A feed that lost its newest rows meanwhile, as a target with a defect would show it."""
    lost = rows(*range(18))
    _, stayed, _ = second_session(away=False, feed=lost)
    _, taken, _ = second_session(away=True, feed=lost)
    assert taken.found == stayed.found
    assert "feed-stays" in str(taken.found)


def test_back_off_budget_and_tokens_are_kept(world: World) -> None:
    phone = VirtualPhone(world.kit, 3).signed_in()
    storage = phone.event_sender.storage
    storage.bump(phone.now(), phone.event_sender._rng)
    storage.bump(phone.now(), phone.event_sender._rng)
    phone.local.put("experiments", {"a": 1}, phone.now())
    phone.auth.lost = Outcome.AUTH
    before = storage.fail_count, storage.next_at
    session_id = phone.local.session_id
    kept = put_away(phone)
    assert kept is not None
    other = VirtualPhone(world.kit, 3)
    take_up(other, kept)
    after = other.event_sender.storage
    assert (after.fail_count, after.next_at) == before
    assert other.local.young("experiments", 60.0, other.now()) == {"a": 1}
    assert other.local.session_id == session_id
    assert other.auth.account is not None
    assert (other.auth.account.user_id, other.auth.account.access_token, other.auth.lost) == (ME, "token", Outcome.AUTH)

    never = VirtualPhone(world.kit, 3)
    for _ in range(2):
        never.event_sender.storage.bump(0.0, never.event_sender._rng)
    after.bump(0.0, other.event_sender._rng)
    never.event_sender.storage.bump(0.0, never.event_sender._rng)
    assert after.next_at == never.event_sender.storage.next_at, "the third draw, not the first"


def test_nothing_of_it_stays_but_bytes(world: World) -> None:
    """Without the collector, which in a worker looks at new things only."""
    phone = answered(world)
    used(world, phone, Target(), 1)
    gone = [weakref.ref(getattr(phone, name)) for name in SHARED if _can_be_watched(getattr(phone, name))]
    gone += [weakref.ref(phone), weakref.ref(phone.page.queries), weakref.ref(phone.page.realtime)]
    assert len(gone) > 6
    gc.collect()
    gc.disable()
    try:
        kept = put_away(phone)
        del phone
        assert [one() for one in gone] == [None] * len(gone)
    finally:
        gc.enable()
    assert kept is not None
    assert len(kept) < 4_000


def _can_be_watched(part: object) -> bool:
    try:
        weakref.ref(part)
    except TypeError:
        return False
    return True


def test_what_still_owes_something_is_not_put_away(world: World) -> None:
    phone, target = answered(world), Target()

    async def fails() -> None:
        target.down = True
        swipes = SwipePage(phone)
        await swipes.open()
        card = await swipes.next_card()
        assert card is not None
        await swipes.look_and_swipe(card, 2.0, "skip")
        await phone.pause(2.0)

    phone.server = target
    world.run(fails())
    world.run(phone.end())
    world.loop.sleep(6.0)
    assert phone.event_sender.storage.queue
    assert put_away(phone) is None
    assert phone.event_sender.storage.queue, "and is as it was"


def test_a_fault_that_was_planned_for_the_last_session_finds_nobody(world: World) -> None:
    """Its timers may ring when the device was put away: they know the injector, which must know that."""
    entry = ChaosEntry.model_validate({"at": 0, "for": 600, "fault": "offline", "share": 1.0})
    plan = PROFILE.model_copy(update={"chaos": (entry,)}).timeline(1).of_phones()
    schedule = FaultSchedule(plan, world.loop, world.kit.zero)
    phone = VirtualPhone(replace(world.kit, fault_schedule=schedule), 0).signed_in()
    injector = phone.fault_injector
    assert injector is not None

    async def begins() -> None:
        phone.begin(1, 0.0)

    world.run(begins())
    session = injector._session
    world.run(phone.end())
    assert put_away(phone) is not None
    (planned,) = plan.entries
    injector._join_when_due(planned, session)
    injector._cut(session)
    injector._outdated(session)
    injector._kill(None)


@pytest.mark.parametrize("what", ["task", "pause", "session", "refresh"])
def test_what_is_under_way_is_not_put_away(world: World, what: str) -> None:
    phone = answered(world)

    async def busy() -> bytes | None:
        match what:
            case "task":
                phone.background.start(asyncio.sleep(1.0))
            case "pause":
                pausing = world.loop.create_task(phone.clock.pause(1.0))
                await asyncio.sleep(0)
                assert not pausing.done()
            case "session":
                await phone.in_use.acquire()
            case "refresh":
                assert phone.auth.account is not None
                await phone.auth.account.refreshing.acquire()
        return put_away(phone)

    assert world.run(busy()) is None
    world.loop.sleep(2.0)
