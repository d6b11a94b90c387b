"""Traps of contract section 12.3 that concern events, chats and receipts: each fails a phone that is naive about it.

The first half runs on the virtual clock, the second against the sandbox and its database.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from harness.client.api.calls import APP_SETTINGS
from harness.client.api.chat_shapes import ChatMessage, Summary
from harness.client.device import Device
from harness.client.events.emission import EmissionRules
from harness.client.events.outbox import SwipeEvent, strict_uuid
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.chat.keyboard import TOPIC
from harness.client.screens.chat.parts import Conversation, Inbox, conversation_list
from harness.client.screens.commute import come_back, go_offline, plan_outages
from harness.core.outcome import Outcome
from harness.core.people import Secrets
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.load.engine import Engine
from harness.schedule.arrivals import Ticket
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.client.chat_server import CONVERSATION, OTHER, ChatServer
from tests.client.test_commuter import event
from tests.client.virtual import ME, Sent, VirtualPhone, World
from tests.engines import engine_of

DIRECT = Summary(CONVERSATION, False, (OTHER,))


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def swiping(world: World, count: int = 0) -> VirtualPhone:
    phone = world.phone()
    phone.event_sender.mount()
    for number in range(1, count + 1):
        phone.event_sender.emit(event(number))
    world.loop.settle()
    return phone


def accept(sent: Sent) -> None:
    sent.answer({"ok": True, "acceptedClientEventIds": sent.event_ids, "issues": []})


# ---- events ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 429])
def test_t26_the_queue_ignores_retry_after(world: World, status: int) -> None:
    phone = swiping(world, 25)
    body = {"ok": True, "acceptedClientEventIds": [], "shouldRetry": True, "retryAfterSeconds": 30}
    phone.sent[0].answer(body, status, {b"retry-after": b"30"})
    world.loop.settle()
    assert phone.event_sender.storage.next_at - phone.now() <= 1.0
    world.loop.sleep(1.1)
    come_back_online(world, phone)
    assert len(phone.sent) == 2, "the back-off is over long before the 30 s"


def come_back_online(world: World, phone: VirtualPhone) -> None:
    """A network that blinks while nothing is under way: the `online` event and nothing else."""
    go_offline(phone)
    come_back(phone)
    world.loop.settle()


def test_t29_the_back_off_is_full_jitter_within_its_bounds_and_shared(world: World) -> None:
    phone = swiping(world)
    waits: dict[int, list[float]] = {}
    for number in range(1, 200):
        world.loop.sleep(61.0)
        phone.event_sender.emit(event(number))
        world.loop.sleep(1.5)
        phone.open[-1].answer(b"", 500)
        world.loop.settle()
        waits.setdefault(phone.event_sender.storage.fail_count, []).append(
            phone.event_sender.storage.next_at - phone.now()
        )
        if number == 30:
            world.loop.sleep(61.0)
            phone.event_sender.mount()  # another mount goes on where the last one stood
            world.loop.settle()
            for sent in phone.open:
                sent.answer(b"", 500)
            world.loop.settle()
            assert phone.event_sender.storage.fail_count == 10
    assert set(waits) == set(range(1, 11))
    capped = sorted(waits[10])
    assert min(capped) >= 0.25
    assert max(capped) <= 60.0
    assert capped[0] < 6.0, "equal jitter would never wait so little"
    assert capped[-1] > 54.0
    assert 20.0 < sum(capped) / len(capped) < 40.0
    assert all(wait <= 1.0 for wait in waits[1])


def test_t30_a_stored_event_waits_for_mount_or_online_however_long(world: World) -> None:
    phone = swiping(world, 25)
    phone.sent[0].answer(b"", 400)
    world.loop.sleep(3600.0)
    assert len(phone.sent) == 1, "no timer tries again"
    phone.event_sender.emit(event(100))
    world.loop.sleep(2.0)
    accept(phone.sent[1])
    world.loop.sleep(60.0)
    assert len(phone.sent) == 2, "nor does a success of younger events"
    come_back_online(world, phone)
    assert phone.sent[2].event_ids == phone.sent[0].event_ids


def test_t30_the_oldest_chunk_blocks_the_younger_ones_and_4xx_are_kept_for_ever(world: World) -> None:
    phone = swiping(world, 60)
    phone.event_sender.unmount()
    for _ in range(5):
        world.loop.sleep(61.0)
        before = len(phone.sent)
        phone.event_sender.mount()
        world.loop.settle()
        assert len(phone.sent) == before + 1, "one chunk; the others wait behind it"
        phone.sent[-1].answer({"code": "BAD"}, 400)
        world.loop.settle()
    assert len(phone.event_sender.storage.queue) == 60
    assert len({tuple(sent.event_ids) for sent in phone.sent[2:]}) == 1


def test_t31_a_page_that_hides_for_good_stores_what_is_in_flight_and_sends_it_twice(world: World) -> None:
    phone = swiping(world, 25)
    phone.event_sender.unmount()
    accept(phone.sent[0])
    world.loop.settle()
    phone.event_sender.mount()
    world.loop.settle()
    assert phone.sent[1].event_ids == phone.sent[0].event_ids


def test_t31_leaving_in_the_middle_of_a_drain_sends_accepted_chunks_again(world: World) -> None:
    phone = swiping(world, 50)
    phone.event_sender.unmount()
    phone.event_sender.mount()
    world.loop.settle()
    accept(phone.sent[2])
    world.loop.settle()
    assert len(phone.sent) == 4  # the second chunk is under way
    phone.event_sender.unmount()
    phone.event_sender.mount()
    world.loop.settle()
    assert phone.sent[4].event_ids == phone.sent[2].event_ids


def test_t31_nothing_keeps_two_drains_apart(world: World) -> None:
    phone = swiping(world, 25)
    phone.event_sender.unmount()
    phone.event_sender.mount()
    world.loop.settle()
    phone.network.online = False  # the browser fires `online` again without a break that would fail the request
    phone.network.regain(phone.now())
    world.loop.settle()
    assert phone.sent[1].event_ids == phone.sent[2].event_ids


def test_t32_the_queue_belongs_to_the_device_not_to_the_person(world: World) -> None:
    phone = swiping(world, 25)
    phone.event_sender.unmount()
    world.run(phone.end())
    phone.begin(1, 1.0)
    phone.signed_in()  # somebody else
    phone.event_sender.mount()
    world.loop.settle()
    assert phone.sent[1].event_ids == phone.sent[0].event_ids
    assert b"Bearer token\r\n" in phone.sent[1].headers
    assert b"Bearer token\r\n" not in phone.sent[0].headers


def test_t35_events_go_in_multi_form_one_per_item_and_at_most_25(world: World) -> None:
    phone = swiping(world, 60)
    world.loop.sleep(2.0)
    assert [len(sent.json["items"]) for sent in phone.sent] == [25, 25, 10]
    for sent in phone.sent:
        assert list(sent.json) == ["items"]
        for item in sent.json["items"]:
            assert len(item["events"]) == 1
            assert strict_uuid(item["events"][0]["clientEventId"])


def test_t36_dwell_times_are_whole_milliseconds(world: World) -> None:
    rules = EmissionRules()
    dwell = rules.dwell("deck", "title", 1234.567, 0.0)
    assert dwell == 1235
    phone = swiping(world)
    phone.event_sender.emit(replace(event(1), event_type="dwell", dwell_ms=dwell))
    with pytest.raises(ValueError, match="whole milliseconds"):
        phone.event_sender.emit(replace(event(2), event_type="dwell", dwell_ms=1234.567))  # type: ignore[arg-type]
    world.loop.sleep(1.5)
    assert b'"dwellMs":1235,' in (phone.sent[0].body or b"")


def test_t37_null_is_sent_only_where_the_person_took_something_back(world: World) -> None:
    phone = swiping(world)
    phone.event_sender.emit(replace(event(1), event_type="rating", rating0_10=8.0))
    phone.event_sender.emit(replace(event(2), event_type="rating", rating0_10=None))  # all stars off: deletes
    phone.event_sender.emit(replace(event(3), event_type="watchlist", in_watchlist=False))
    with pytest.raises(ValueError, match="in_watchlist"):
        phone.event_sender.emit(replace(event(4), event_type="watchlist"))
    world.loop.sleep(1.5)
    events = [item["events"][0] for item in phone.sent[0].json["items"]]
    assert [(e["eventType"], e["rating0_10"], e["inWatchlist"]) for e in events] == [
        ("rating", 8, None),
        ("rating", None, None),
        ("watchlist", None, False),
    ]


# ---- chats ----------------------------------------------------------------------------------------------------


def chatting(world: World, server: ChatServer, **options: Any) -> tuple[VirtualPhone, Conversation]:
    phone = world.phone().signed_in()
    phone.server = server
    conversation = Conversation(phone, DIRECT, **options)
    assert world.run(conversation.open())
    world.loop.sleep(1.0)
    return phone, conversation


def test_t42_reading_dominates_writing(world: World) -> None:
    phone, conversation = chatting(world, ChatServer(10, mine=1))
    before = len(phone.sent)
    for _ in range(4):  # a message each 15 s
        world.run(conversation.types(5.0))
        world.run(conversation.send("hello"))
        world.loop.sleep(9.9)
    sent = phone.sent[before:]
    posts = [s for s in sent if s.path.startswith("/rest/v1/messages?") and s.method == "POST"]
    checks = [s for s in sent if "blocked_users" in s.path]
    polls = [s for s in sent if s.method == "GET" and "blocked_users" not in s.path]
    receipts = [s for s in sent if s.method == "POST" and "read_receipts" in s.path]
    assert (len(posts), len(checks), len(receipts)) == (4, 4, 4)
    assert 40 <= len(polls) <= 60  # four pollers each 5.05 s for 60 s, and one more per message
    assert len(polls) > 3 * (len(sent) - len(polls))


def test_t43_a_failed_send_is_not_repeated_by_itself_and_keeps_its_client_id(world: World) -> None:
    server = ChatServer()
    phone, conversation = chatting(world, server)
    server.first("messages?select", (500, b""))
    bubble = world.run(conversation.send("hello"))
    world.loop.sleep(30.0)
    assert len(phone.to("/messages?", "POST")) == 1
    world.run(conversation.try_again(bubble))
    posts = phone.to("/messages?", "POST")
    assert [post.json["client_id"] for post in posts] == [bubble.client_id] * 2
    assert all(b"idempotency" not in post.headers.lower() for post in posts)


def test_t45_read_receipts_carry_the_phones_clock_and_may_go_backwards(world: World) -> None:
    clock = [datetime(2026, 1, 2, tzinfo=UTC)]

    def tells() -> str:
        return clock[0].isoformat()

    phone, conversation = chatting(world, ChatServer(), clock=tells)
    clock[0] -= timedelta(hours=1)  # the phone's clock was corrected
    world.loop.sleep(5.0)
    world.run(conversation.send("hello"))
    world.loop.sleep(1.0)
    receipts = [sent.json["last_read_at"] for sent in phone.to("message_read_receipts", "POST")]
    assert receipts == ["2026-01-02T00:00:00+00:00", "2026-01-01T23:00:00+00:00"]


def test_t46_delivery_receipts_in_the_apps_amounts(world: World) -> None:
    server = ChatServer(100, mine=5)
    phone, conversation = chatting(world, server)

    def receipts() -> int:
        return len(phone.to("message_delivery_receipts", "POST"))

    assert receipts() == 40  # the newest page, all at once
    first_burst = [sent.at for sent in phone.to("message_delivery_receipts", "POST")]
    assert max(first_burst) == min(first_burst)
    world.run(conversation.load_older())
    assert receipts() == 80
    server.say(OTHER)
    world.loop.sleep(6.0)
    assert receipts() == 82  # two for a live message
    conversation.leave()
    again = Conversation(phone, DIRECT)
    world.run(again.open())
    assert receipts() == 122  # the same messages once more


def test_t47_typing_goes_over_http_while_the_channel_is_not_joined(world: World) -> None:
    phone, conversation = chatting(world, ChatServer(), joined=False)
    begun = phone.now()
    world.run(conversation.types(5.0))
    world.run(conversation.send("hello"))
    world.loop.sleep(10.0)
    signals = phone.to("/realtime/v1/api/broadcast", "POST")
    assert [round(sent.at - begun) for sent in signals] == [0, 2, 4, 5]
    assert [sent.json["messages"][0]["payload"]["isTyping"] for sent in signals] == [True, True, True, False]
    assert signals[0].json == {
        "messages": [
            {
                "topic": TOPIC + CONVERSATION,
                "event": "typing",
                "payload": {"userId": ME, "displayName": "Pat Zero", "isTyping": True},
                "private": False,
            }
        ]
    }
    world.run(conversation.types(1.0))  # and then nothing: 3 s later it is over
    world.loop.sleep(10.0)
    assert [round(sent.at - begun) for sent in phone.to("/realtime/v1/api/broadcast")][4:] == [15, 19]


def test_t47_a_joined_channel_needs_no_http_for_typing(world: World) -> None:
    phone, conversation = chatting(world, ChatServer())
    world.run(conversation.types(5.0))
    world.run(conversation.send("hello"))
    assert phone.to("/realtime/v1/api/broadcast") == []


# ---- against the sandbox ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=20, catalogue=120)) as running:
        yield running


_run_tags = itertools.count(1)


@contextmanager
def driving(sandbox: Sandbox, url: str = "") -> Iterator[Callable[[Callable[[Device], Awaitable[None]]], Engine]]:
    """An engine against the sandbox; call what it yields with a session. Each engine is another person's."""
    tag = next(_run_tags)
    profile = Profile(
        name="traps",
        people=20,
        phones=20,
        phases=Phases(warmup_s=0, measure_s=60, drain_s=1),
        arrivals=(ArrivalStage(seconds=60, rate=1),),
        mix={"chatter": 1.0},
    )
    found = sandbox.discovery
    secrets = Secrets(found["anon_key"], found["people"]["password"])
    numbers = iter(range(100))
    pattern = found["people"]["email_pattern"]
    with engine_of(profile, url or sandbox.url, secrets, pattern=pattern, run_tag=tag) as engine:

        def run(session: Callable[[Device], Awaitable[None]]) -> Engine:
            over = threading.Event()
            engine.submit(Ticket(next(numbers), engine.now(), "chatter", tag), session, over.set)
            assert over.wait(40)
            assert engine.failures == 0, engine.problems[0]
            return engine

        yield run


def rows(sandbox: Sandbox, query: str, *arguments: object) -> list[dict[str, Any]]:
    async def fetch() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(sandbox.discovery["dsn"])
        try:
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def outcomes(engine: Engine) -> dict[str, set[Outcome]]:
    found: dict[str, set[Outcome]] = {}
    for attempt in engine.attempts:
        found.setdefault(attempt.name, set()).add(attempt.outcome)
    return found


async def direct(phone: Device) -> Conversation:
    assert await phone.auth.sign_in() is Outcome.OK
    conversations = await conversation_list(phone)
    summary = next(row for row in conversations if not row.is_group)
    return Conversation(phone, summary)


def test_the_whole_conversation_screen_against_the_sandbox(sandbox: Sandbox) -> None:
    async def session(phone: Device) -> None:
        conversation = await direct(phone)
        conversation._poll_s = 0.3
        assert await conversation.open()
        bubble = await conversation.send("hello")
        assert bubble.message is not None
        assert await conversation.react(bubble.message, "👍") is Outcome.OK
        assert await conversation.react(bubble.message, "👍") is Outcome.OK
        await phone.pause(1.0)
        inbox = Inbox.of(phone)
        assert await inbox.mark_read(conversation.summary) is Outcome.OK
        assert await inbox.set_prefs(conversation.summary, muted=True) is Outcome.OK
        assert await inbox.set_prefs(conversation.summary) is Outcome.OK
        conversation.leave()

    with driving(sandbox) as run:
        seen = outcomes(run(session))
    good = {Outcome.OK}
    assert seen.pop("react") == {Outcome.OK, Outcome.CONFLICT}
    assert {name: found for name, found in seen.items() if found != good and name != "avatar_sign"} == {}
    assert {"conversation_list", "prefs_probe", "messages_poll", "read_receipts_poll"} <= set(seen)
    assert {"delivery_receipts_poll", "reactions_poll", "last_active", "delivery_receipt", "read_receipt"} <= set(seen)
    assert {"blocked_check", "message_send", "unreact", "mark_read", "prefs_write", "prefs_delete"} <= set(seen)


def test_older_pages_against_the_sandbox(sandbox: Sandbox) -> None:
    loaded: list[ChatMessage] = []

    async def session(phone: Device) -> None:
        conversation = await direct(phone)
        for _ in range(45):
            await conversation.send("x")
        assert await conversation.open()
        assert await conversation.load_older()
        loaded.extend(conversation.messages)
        conversation.leave()

    with driving(sandbox) as run:
        run(session)
    query = (
        "select count(*) n from messages where conversation_id = (select conversation_id from messages where id = $1)"
    )
    [row] = rows(sandbox, query, uuid.UUID(loaded[0].id))
    assert len(loaded) == min(row["n"], 80) > 45


class LossyRelay:
    """Between phone and sandbox: the reply to the first message post is lost after the server has committed it, but for
    `left` bytes of it."""

    def __init__(self, host: str, port: int, *, left: int) -> None:
        self._left = left
        self._upstream = (host, port)
        self._loop = asyncio.new_event_loop()
        self._lost = False
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        dropping = False

        async def back() -> None:
            while data := await up_reader.read(65536):
                if dropping:
                    writer.write(data[: self._left])
                    break
                writer.write(data)
            writer.close()

        answers = asyncio.ensure_future(back())
        while data := await reader.read(65536):
            if data.startswith(b"POST /rest/v1/messages?") and not self._lost:
                self._lost = dropping = True
            up_writer.write(data)
        up_writer.close()
        await answers


def test_t43_a_lost_reply_and_a_person_who_tries_again_make_two_rows(sandbox: Sandbox) -> None:
    host, port = sandbox.url.removeprefix("http://").rsplit(":", 1)
    relay = LossyRelay(host, int(port), left=8)  # what the browser would send again needs that nothing came
    client_ids: list[str] = []

    async def session(phone: Device) -> None:
        conversation = await direct(phone)
        bubble = await conversation.send("twice")
        assert bubble.outcome is Outcome.NETWORK
        client_ids.append(bubble.client_id)
        await conversation.try_again(bubble)
        assert not bubble.failed

    try:
        with driving(sandbox, f"http://127.0.0.1:{relay.port}") as run:
            run(session)
    finally:
        relay.stop()
    assert len(rows(sandbox, "select id from messages where client_id = $1", client_ids[0])) == 2


def test_t43_so_do_a_lost_reply_and_the_browser_which_sends_it_again_by_itself(sandbox: Sandbox) -> None:
    host, port = sandbox.url.removeprefix("http://").rsplit(":", 1)
    relay = LossyRelay(host, int(port), left=0)
    client_ids: list[str] = []

    async def session(phone: Device) -> None:
        conversation = await direct(phone)
        bubble = await conversation.send("once")
        assert bubble.outcome is Outcome.OK
        client_ids.append(bubble.client_id)

    try:
        with driving(sandbox, f"http://127.0.0.1:{relay.port}") as run:
            engine = run(session)
            tried = Counter(one.outcome for one in engine.attempts if one.name == "message_send")
    finally:
        relay.stop()
    assert tried == Counter({Outcome.NETWORK: 1, Outcome.OK: 1})
    assert len(rows(sandbox, "select id from messages where client_id = $1", client_ids[0])) == 2


def test_t44_deleting_and_editing_leave_what_a_checker_by_client_id_cannot_find(sandbox: Sandbox) -> None:
    kept: list[str] = []

    async def session(phone: Device) -> None:
        conversation = await direct(phone)
        edited = await conversation.send("helo")
        assert await conversation.edit(edited, "hello") is Outcome.OK
        deleted = await conversation.send("oops")
        assert await conversation.delete(deleted) is Outcome.OK
        assert edited.message is not None
        assert deleted.message is not None
        assert deleted.message.deleted
        kept.extend((edited.message.id, deleted.message.id))

    with driving(sandbox) as run:
        run(session)
    query = "select client_id, meta, jsonb_typeof(body) kind, body #>> '{}' body from messages where id = $1"
    [edited], [deleted] = (rows(sandbox, query, uuid.UUID(id_)) for id_ in kept)
    assert list(orjson.loads(edited["meta"])) == ["editedAt"]
    assert orjson.loads(edited["body"])["text"] == "hello"
    assert deleted["client_id"] is None
    assert deleted["kind"] == "string"
    assert orjson.loads(deleted["body"])["deleted"] is True


def test_t45_marking_unread_changes_nothing_and_looks_like_success(sandbox: Sandbox) -> None:
    where: list[str] = []

    async def session(phone: Device) -> None:
        conversation = await direct(phone)
        await conversation.send("x")
        await Inbox.of(phone).mark_read(replace(conversation.summary, last_message=conversation.messages[0].id))
        assert await Inbox.of(phone).mark_unread(conversation.summary) is Outcome.OK
        where.extend((conversation.summary.conversation, phone.user_id))

    with driving(sandbox) as run:
        run(session)
    query = "select 1 from message_read_receipts where conversation_id = $1 and user_id = $2"
    assert len(rows(sandbox, query, *map(uuid.UUID, where))) == 1


def test_t46_every_open_writes_the_receipts_again(sandbox: Sandbox) -> None:
    counts: list[int] = []

    async def session(phone: Device) -> None:
        conversation = await direct(phone)
        foreign = 0
        for _ in range(2):
            screen = Conversation(phone, conversation.summary)
            assert await screen.open()
            foreign += sum(message.sender != phone.user_id for message in screen.messages)
            await phone.pause(0.5)
            screen.leave()
        counts.append(foreign)

    with driving(sandbox) as run:
        engine = run(session)
    assert counts[0] > 0
    told = [(one.code, one.outcome) for one in engine.attempts if one.name == "delivery_receipt"]
    assert len(told) == counts[0], told


def test_a_commuters_swipes_all_arrive_after_the_tunnel(sandbox: Sandbox) -> None:
    emitted: list[str] = []
    offline: list[float] = []

    async def rides(phone: Device) -> None:
        assert await phone.auth.sign_in() is Outcome.OK
        page = SwipePage(phone)
        assert await page.open()
        record = phone.event_sender.emit

        def emit(event: SwipeEvent) -> None:
            emitted.append(event.client_event_id)
            record(event)

        phone.event_sender.emit = emit  # type: ignore[method-assign]
        begun = phone.now()
        plan_outages(phone, [(0.7, 1.5)])
        for _ in range(15):
            card = await page.next_card()
            assert card is not None
            await page.look_and_swipe(card, 0.2, "like")
        assert phone.network.online
        offline.append(phone.network.offline_seconds(begun, phone.now()))

    async def opens_again(phone: Device) -> None:
        await phone.api.request(APP_SETTINGS, body={})  # the first edge call of a page load dies on the phone (quirk A)
        phone.event_sender.mount()
        await phone.pause(3.0)

    with driving(sandbox) as run:
        run(rides)
        engine = run(opens_again)
        failed = [a for a in engine.attempts if a.name == "swipe_events" and a.outcome is not Outcome.OK]
    query = "select count(distinct client_event_id) n from media_events where client_event_id = any($1)"
    [row] = rows(sandbox, query, [uuid.UUID(id_) for id_ in emitted])
    assert offline == [pytest.approx(1.5, abs=0.1)]
    assert row["n"] == len(emitted) == 30
    assert len(failed) <= 1, "offline requests are no attempts; at most the one under way broke"
