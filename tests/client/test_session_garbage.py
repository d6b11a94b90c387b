"""What a session leaves behind once its app is closed: what is in cycles stays, because the collector looks at new
things only (`harness.load.gc_control`)."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.search import Search
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.chat.parts import Conversation, conversation_list
from harness.core.people import Secrets
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.schedule.arrivals import Ticket
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.engines import engine_of

SESSIONS = 3
MOST_EACH = 100
"""Objects in cycles that a session may leave: those of an open conversation, whose parts know each other. It left 2,400
when flights, pollers and the page's reads did."""


async def session(phone: Device) -> None:
    """Some of everything that holds reads, polls and tasks."""
    assert await open_app(phone)
    home = Home(phone)
    await home.open()
    home.leave()
    swipes = SwipePage(phone)
    await swipes.open()
    for _ in range(5):
        if (card := await swipes.next_card()) is not None:
            await swipes.look_and_swipe(card, 0.05, "skip")
    swipes.leave()
    search = Search(phone)
    search.open()
    await search.type("night", [0.1] * 4)
    search.leave()
    rows = await conversation_list(phone)
    conversation = Conversation(phone, rows[0], joined=True, poll_s=0.3)
    await conversation.open()
    await phone.pause(1.0)
    conversation.leave()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=60, catalogue=300)) as running:
        yield running


def test_a_closed_app_leaves_next_to_nothing_in_cycles(sandbox: Sandbox) -> None:
    profile = Profile(
        name="garbage",
        people=SESSIONS + 1,
        phones=SESSIONS + 1,
        phases=Phases(warmup_s=0, measure_s=60, drain_s=1),
        arrivals=(ArrivalStage(seconds=60, rate=1),),
        mix={"swiper": 1.0},
    )
    found = sandbox.discovery
    secrets = Secrets(found["anon_key"], found["people"]["password"])
    with engine_of(profile, sandbox.url, secrets, pattern=found["people"]["email_pattern"]) as engine:

        def opened(numbers: range) -> None:
            over = [threading.Event() for _ in numbers]
            for number, event in zip(numbers, over, strict=True):
                engine.submit(Ticket(number, engine.now(), "swiper", number), session, event.set)
            assert all(event.wait(60) for event in over)

        opened(range(1))  # what is made once
        gc.collect()
        opened(range(1, SESSIONS + 1))
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            gc.collect()
            kinds = Counter(type(one).__name__ for one in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
        assert not list(engine.problems)
    assert kinds.total() / SESSIONS < MOST_EACH, kinds.most_common(12)
    assert kinds["Card"] == 0, kinds.most_common(12)
