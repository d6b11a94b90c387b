"""Settings of phones: each takes effect against a real sandbox, and none does as shipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from harness.client.device import Device
from harness.client.realtime.phoenix.codec import FrameKind
from harness.client.screens.app import open_app
from harness.client.screens.browse.search import Search
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.chat.parts import Conversation, conversation_list
from harness.client.screens.presence import look_away
from harness.core.actions import UserAction
from harness.core.client_settings import SHIPPED, ClientSettings, Live
from harness.core.delivery_facts import FactKind
from harness.core.people import Secrets
from harness.core.profile import Profile
from sandbox.options import SandboxOptions
from sandbox.realtime.settings import RealtimeSettings
from sandbox.server import Sandbox
from tests.client.meeting import Meeting, meeting, opened, room_of
from tests.client.stage import Driven, Scripted, drive, running

PEOPLE = 12
SETTLED_S = 2.5
Body = Callable[[Device], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    quick = RealtimeSettings(
        cold_retry_min_ms=0, cold_retry_max_ms=50, max_events_per_second=0, max_joins_per_second=0, cost_percent=0
    )
    with Sandbox(SandboxOptions(people=PEOPLE, catalogue=300, realtime=quick)) as running_:
        yield running_


def session(sandbox: Sandbox, body: Body, *, realtime: bool = False, person: int = 0, **changes: Any) -> Driven:
    """One session of `body` by a phone with these settings."""
    found = sandbox.discovery
    secrets = Secrets(found["anon_key"], found["people"]["password"])
    with running(
        sandbox.url,
        secrets,
        pattern=found["people"]["email_pattern"],
        people=PEOPLE,
        realtime=realtime,
        settings=ClientSettings(**changes),
    ) as engine:
        return drive(engine, body, person=person)


def names(phone: Device) -> Counter[str]:
    """How often each call has been answered so far."""
    return Counter(one.name for one in phone.kit.observer.attempts)  # type: ignore[attr-defined]


async def until(phone: Device, what: Callable[[], bool]) -> None:
    """Wait until it is so; the machine may be busy. Then a moment more, for what must not come."""
    end = phone.now() + 25
    while not what() and phone.now() < end:
        await phone.pause(0.05)
    await phone.pause(0.5)


async def swipe(phone: Device, page: SwipePage, count: int) -> None:
    for _ in range(count):
        card = await page.next_card()
        assert card is not None
        await page.look_and_swipe(card, 0.0, "skip")


def test_as_shipped_is_the_default_of_profiles() -> None:
    assert Profile.model_fields["settings"].default == SHIPPED


# ---- swiping ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "while_swiping", "in_all"),
    [
        ({"batch_size": 1}, 13, 13),  # the first card and six gestures with the next one each, all by themselves
        ({"batch_size": 4, "batch_wait_s": 300.0}, 3, 4),
        ({"batch_size": 50, "batch_wait_s": 300.0}, 0, 1),
    ],
)
def test_events_leave_in_batches_of_that_size(
    sandbox: Sandbox, changes: dict[str, Any], while_swiping: int, in_all: int
) -> None:
    sent: list[int] = []

    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        page = SwipePage(phone)
        assert await page.open()
        await swipe(phone, page, 6)
        await until(phone, lambda: names(phone)["swipe_events"] >= while_swiping)
        sent.append(names(phone)["swipe_events"])

    done = session(sandbox, body, **changes)
    assert sent == [while_swiping]
    assert done.names["swipe_events"] == in_all


def test_decks_have_that_many_cards(sandbox: Sandbox) -> None:
    came: list[int] = []

    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        page = SwipePage(phone)
        assert await page.open()
        await swipe(phone, page, 9)
        await until(phone, lambda: names(phone)["swipe_deck"] == 2)
        came.extend(int(row[3]) for row in phone.log._actions if row[1] is UserAction.CARDS)

    session(sandbox, body, deck_first=20, deck_refill=30)
    assert came[0] == 20
    assert 0 < sum(came[1:]) <= 35, "eleven left: thirty, or what is left and 24 more"


@pytest.mark.parametrize(("ttl_s", "decks"), [(0.0, 2), (300.0, 1)])
def test_a_kept_deck_is_gone_on_with(sandbox: Sandbox, ttl_s: float, decks: int) -> None:
    tops: list[str] = []

    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        page = SwipePage(phone)
        assert await page.open()
        await swipe(phone, page, 3)
        assert page.card is not None
        tops.append(page.card.title)
        page.leave()
        again = SwipePage(phone)
        assert await again.open()
        assert again.card is not None
        tops.append(again.card.title)

    done = session(sandbox, body, deck_ttl_s=ttl_s)
    assert done.names["swipe_deck"] == decks
    assert (tops[0] == tops[1]) or not ttl_s


@pytest.mark.parametrize(("ttl_s", "decks"), [(0.0, 8), (300.0, 4), (0.001, 8)])
def test_a_page_load_asks_for_no_deck_that_is_young_enough(sandbox: Sandbox, ttl_s: float, decks: int) -> None:
    async def body(phone: Device) -> None:
        for load in (1, 2):
            assert await open_app(phone, landing=False)
            await until(phone, lambda asked=decks // 2 * load: names(phone)["background_deck"] >= min(asked, decks))  # type: ignore[misc]

    assert session(sandbox, body, deck_ttl_s=ttl_s).names["background_deck"] == decks


@pytest.mark.parametrize(("ahead", "details"), [(8, 9), (2, 3), (0, 1)])
def test_so_many_titles_are_read_ahead(sandbox: Sandbox, ahead: int, details: int) -> None:
    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        assert await SwipePage(phone).open()
        await until(phone, lambda: names(phone)["title_detail"] >= details)

    done = session(sandbox, body, read_ahead=ahead)
    assert (done.names["title_detail"], done.names["title_preview"]) == (details, 1)


@pytest.mark.parametrize("decks", [0, 1, 4])
def test_a_page_load_reads_so_many_decks_ahead(sandbox: Sandbox, decks: int) -> None:
    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        await until(phone, lambda: names(phone)["background_deck"] >= decks)

    assert session(sandbox, body, background_decks=decks).names["background_deck"] == decks


@pytest.mark.parametrize("rerank", [True, False])
def test_decks_ask_to_be_left_as_they_are(rerank: bool) -> None:
    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        assert await SwipePage(phone).open()

    with Scripted().serving() as server:
        with running(server.url, Secrets("anon", "password"), settings=ClientSettings(rerank=rerank)) as engine:
            drive(engine, body)
        decks = [deck for deck in server.decks() if deck["limit"] == SHIPPED.deck_first]
    assert decks
    assert all(("skipRerank" in deck) is not rerank for deck in decks)


@pytest.mark.parametrize("rerank", [True, False])
def test_searches_ask_to_be_left_as_they_are(rerank: bool) -> None:
    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        search = Search(phone)
        search.open()
        await search.type("night", [0.0] * 4)
        search.leave()

    with Scripted().serving() as server:
        with running(server.url, Secrets("anon", "password"), settings=ClientSettings(rerank=rerank)) as engine:
            drive(engine, body)
        asked = [heard.body for heard in server.of("media-search")]
    assert asked
    assert all(("skipRerank" in one) is not rerank for one in asked)


# ---- what is read again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "again"),
    [({}, 0), ({"stale_factor": 0.001}, 1), ({"stale_factor": 0.001, "refetch_on_focus": False}, 0)],
)
def test_coming_back_reads_what_is_stale(sandbox: Sandbox, changes: dict[str, Any], again: int) -> None:
    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        await until(phone, lambda: names(phone)["own_profile"] == 1)
        phone.kit.observer.attempts.clear()  # type: ignore[attr-defined]
        await look_away(phone, 0.2)
        await until(phone, lambda: names(phone)["own_profile"] >= again)

    assert session(sandbox, body, **changes).names["own_profile"] == again


@pytest.mark.parametrize(("changes", "polls"), [({}, 0), ({"chat_poll_s": 0.3}, 3)])
def test_an_open_chat_polls_that_often(sandbox: Sandbox, changes: dict[str, Any], polls: int) -> None:
    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        (summary, *_) = await conversation_list(phone) or []
        conversation = Conversation(phone, summary)
        assert await conversation.open()
        await phone.pause(0.5)
        phone.kit.observer.attempts.clear()  # type: ignore[attr-defined]
        await phone.pause(3.0)
        conversation.leave()

    found = session(sandbox, body, **changes).names["reactions_poll"]
    assert found == 0 if polls == 0 else found >= polls


def test_the_list_is_polled_that_often(sandbox: Sandbox) -> None:
    asked = 1

    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        assert await SwipePage(phone).open()  # whose sheet for sharing shows it
        await until(phone, lambda: names(phone)["conversation_list"] >= asked)

    assert session(sandbox, body).names["conversation_list"] == 1
    asked = 4
    assert session(sandbox, body, list_poll_s=0.4).names["conversation_list"] >= 4


# ---- presence --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("presence", "before", "within", "after"), [("always", 1, 1, 1), ("chats", 0, 1, 0)])
def test_presence_is_joined_where_it_is_wanted(
    sandbox: Sandbox, presence: str, before: int, within: int, after: int
) -> None:
    there: list[int] = []

    def held(phone: Device) -> int:
        return sum("presence" in channel.topic for channel in phone.page.realtime.channels)

    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        summaries = await conversation_list(phone)
        assert summaries
        there.append(held(phone))
        conversation = Conversation(phone, summaries[0])
        assert await conversation.open()
        there.append(held(phone))
        conversation.leave()
        there.append(held(phone))

    session(sandbox, body, realtime=True, presence=presence)
    assert there == [before, within, after]


def test_without_presence_only_a_chat_opens_a_socket(sandbox: Sandbox) -> None:
    sockets: list[bool] = []

    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        summaries = await conversation_list(phone)
        assert summaries
        await phone.pause(0.5)
        sockets.append(phone.page.realtime.connected)
        conversation = Conversation(phone, summaries[0])
        assert await conversation.open()
        for _ in range(100):
            if conversation.joined:
                break
            await phone.pause(0.1)
        sockets.append(phone.page.realtime.connected and conversation.joined)
        conversation.leave()

    done = session(sandbox, body, realtime=True, presence="off")
    assert sockets == [False, True]
    shared = done.engine.runner.kit.sockets
    assert shared is not None
    assert shared.sent["presence"] == 0


# ---- messages --------------------------------------------------------------------------------------------------


def chat(people: Meeting, members: int, messages: int) -> None:
    """Everybody opens a new room; the first writes some messages there."""
    room = room_of(people.sandbox, members)

    async def body(phone: Device, number: int) -> None:
        conversation = await opened(phone, room.seen_by(number))
        await people.until(phone, lambda: conversation.joined, 50)
        await people.all(phone, "open", members)
        await phone.pause(SETTLED_S)  # until the server listens
        await people.all(phone, "quiet", members)
        if number == 0:
            people.engine.observer.attempts.clear()
            stats = phone.kit.sockets.stats if phone.kit.sockets is not None else None
            assert stats is not None
            people.counts["changes before"] = stats.frames_in.get(FrameKind.CHANGE, 0)
            for n in range(messages):
                await conversation.send(f"message {n}")
                await phone.pause(0.2)
            await phone.pause(SETTLED_S)
            people.counts["changes"] = stats.frames_in.get(FrameKind.CHANGE, 0) - people.counts["changes before"]
        await people.all(phone, "done", members)
        conversation.leave()

    people.together(range(members), body)


@pytest.mark.slow
@pytest.mark.parametrize("live", ["changes", "broadcast_messages", "broadcast"])
def test_messages_reach_everybody_whichever_way(sandbox: Sandbox, live: Live) -> None:
    members, messages = 3, 4
    with meeting(sandbox, PEOPLE, ClientSettings(live=live, presence="off")) as people:
        chat(people, members, messages)
        heard = Counter(fact.person for fact in people.note() if fact.kind is FactKind.HEARD)
        assert {heard[1], heard[2]} == {messages}
        assert heard[0] == (messages if live == "changes" else 0), "by Broadcast nobody hears oneself"
        assert not [fact for fact in people.note() if fact.kind is FactKind.STRANGE]
        if live == "broadcast":
            assert people.counts["changes"] == 0
        else:
            assert people.counts["changes"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(("every_s", "requests"), [(0.0, 16), (1.5, 2)])
def test_delivery_receipts_go_together(sandbox: Sandbox, every_s: float, requests: int) -> None:
    """Four messages to two others: two receipts each as shipped; gathered, one request of each reader's."""
    with meeting(sandbox, PEOPLE, ClientSettings(receipts_every_s=every_s, presence="off")) as people:
        chat(people, 3, 4)
        assert people.names()["delivery_receipt"] == requests
