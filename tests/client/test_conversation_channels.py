"""Open conversations against the sandbox: fan-out as the formulas say, and what must not happen is found."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import asyncpg
import pytest

from harness.client.device import Device
from harness.client.realtime.phoenix.codec import FrameKind as FrameKind
from harness.client.screens.chat.parts import Conversation
from harness.core.delivery_facts import ChannelTopic, DeliveryFate
from harness.plan.messages import changes_of_message, events_of_message
from sandbox.options import SandboxOptions
from sandbox.realtime.settings import RealtimeSettings
from sandbox.server import Sandbox
from tests.client.meeting import Meeting, Room, meeting, opened, room_of

PEOPLE = 24
SETTLED_S = 2.5
"""After a message: all its receipts are written, and their changes heard."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    quick = RealtimeSettings(
        cold_retry_min_ms=0, cold_retry_max_ms=50, max_events_per_second=0, max_joins_per_second=0, cost_percent=0
    )
    with Sandbox(SandboxOptions(people=PEOPLE, catalogue=120, realtime=quick)) as running:
        yield running


@pytest.mark.parametrize("members", [2, *(pytest.param(more, marks=pytest.mark.slow) for more in (5, 20))])
def test_one_message_fans_out_as_the_formulas_say(sandbox: Sandbox, members: int) -> None:
    """Contract realtime 2.5: 3n-1 writes, 3n-1 changes on subscribed tables and one more, n(3n-1) events."""
    room = room_of(sandbox, members)
    with meeting(sandbox, PEOPLE) as people:
        found: dict[str, int] = {}

        def figures() -> dict[str, int]:
            names = people.names()
            writes = names["message_send"] + names["delivery_receipt"] + names["read_receipt"]
            stats = sockets.stats if (sockets := people.engine.runner.kit.sockets) is not None else None
            assert stats is not None
            events = stats.frames_in.get(FrameKind.CHANGE, 0)
            return {"writes": writes, "events": events, "changes": changes_fed(people)}

        async def settled(phone: Device) -> dict[str, int]:
            """The figures once nothing more comes."""
            last, now = {"": 0}, figures()
            for _ in range(10):
                if last == now:
                    break
                await phone.pause(SETTLED_S)
                last, now = now, figures()
            return now

        async def session(phone: Device, number: int) -> None:
            # One after another: joins slower than 2 s, on a busy machine, make this client leave its own channel.
            await people.until(phone, lambda: people.listening(room.conversation) >= number, 50)
            conversation = await opened(phone, room.seen_by(number))
            await people.until(phone, lambda: people.listening(room.conversation) == members, 50)
            if number == 0:
                before = await settled(phone)  # the making of the room is a change as well
                await conversation.send("to all of you")
                after = await settled(phone)
                found.update({name: after[name] - before[name] for name in after})
            await people.all(phone, "done", members)
            conversation.leave()

        people.together(range(members), session)
        assert found == {
            "writes": 3 * members - 1,
            "changes": 3 * members,
            "events": members * (3 * members - 1),
        }
        assert found["changes"] - 1 == changes_of_message(members - 1)
        assert found["events"] == events_of_message(members - 1)
        delivered = [one for one in people.deliveries() if one.topic is ChannelTopic.CHANGES]
        assert [one.fate for one in delivered] == [DeliveryFate.DELIVERED] * members
        assert sum(one.sender != one.receiver for one in delivered) == members - 1


def changes_fed(people: Meeting) -> int:
    """Changes of published tables that the sandbox's feed read from the WAL."""
    return int(people.metrics()["poller"]["changes"])


def chat(
    people: Meeting, room: Room, members: int, messages: int, *, stranger: int | None = None, deleted: bool = False
) -> None:
    """Everybody opens the room; the first writes some messages; everybody goes on for a little."""

    async def session(phone: Device, number: int) -> None:
        if number == stranger:
            await people.until(phone, lambda: people.listening(room.conversation) == members)
            ear = phone.page.realtime.overhear(room.conversation)
            assert ear is not None
            await people.until(phone, lambda: ear.joined)
            await phone.pause(0.5)  # until the server listens for this one as well
            await people.all(phone, "overhearing", 2)
        else:
            conversation = await opened(phone, room.seen_by(number))
            await people.until(phone, lambda: people.listening(room.conversation) == members)
            if number == 0:
                if stranger is not None:
                    await people.all(phone, "overhearing", 2)
                for n in range(messages):
                    await conversation.types(0.1)
                    await conversation.send(f"message {n}")
                    await phone.pause(0.3)
                if deleted:
                    await emptied(people.sandbox, room)
                await phone.pause(SETTLED_S)
        await people.all(phone, "done", members + (stranger is not None))

    numbers = [*range(members)] if stranger is None else [*range(members), stranger]
    people.together(numbers, session)


async def emptied(sandbox: Sandbox, room: Room) -> None:
    """Somebody deletes all messages of the room for good, as the app never does."""
    connection = await asyncpg.connect(sandbox.discovery["dsn"])
    try:
        await connection.execute("delete from messages where conversation_id = $1", room.conversation)
    finally:
        await connection.close()


def test_a_healthy_chat_has_nothing_wrong(sandbox: Sandbox) -> None:
    room = room_of(sandbox, 3)
    with meeting(sandbox, PEOPLE) as people:
        chat(people, room, 3, 5, stranger=3)
        messages = [one for one in people.deliveries() if one.topic is ChannelTopic.CHANGES]
        assert Counter(one.fate for one in messages) == {DeliveryFate.DELIVERED: 15}
        typing = Counter(one.fate for one in people.deliveries() if one.topic is ChannelTopic.TYPING)
        assert typing[DeliveryFate.DELIVERED] >= 10
        assert not typing[DeliveryFate.LOST]
        assert not {"doubled", "strange", "misordered", "leaked"} & set(people.kinds())


def test_a_screen_holds_its_channels_and_no_longer(sandbox: Sandbox) -> None:
    """Two screens of one conversation share them; typing goes by HTTP until the channel is joined, then on it."""
    room = room_of(sandbox, 2)
    summary = room.seen_by(0)
    with meeting(sandbox, PEOPLE) as people:

        async def session(phone: Device, number: int) -> None:
            first, second = Conversation(phone, summary), Conversation(phone, summary)
            assert not phone.page.realtime.channels
            typing = phone.background.start(
                first.types(0.01)
            )  # its first step is when `open` first waits: nothing is joined yet
            assert await first.open()
            await typing
            assert await second.open()
            names = [channel.topic.partition(room.conversation)[0] for channel in phone.page.realtime.channels]
            assert names == [
                "realtime:presence:global",
                "realtime:conversation-db-",
                "realtime:supabase_realtime_typing:conversation:",
            ]
            await people.until(phone, lambda: first.joined and second.joined)
            assert first.poll_s == 5.0
            first.leave()
            assert len(phone.page.realtime.channels) == 3
            second.leave()
            assert [channel.topic for channel in phone.page.realtime.channels] == ["realtime:presence:global"]
            assert "leaked" not in people.kinds()
            # a hook that forgets its channel
            client = phone.page.realtime.client
            assert client is not None
            client.channel("conversation-db-forgotten").subscribe()
            (await opened(phone, summary)).leave()
            assert people.kinds()["leaked"] == 1

        people.together([0], session)
        said = [fact.detail for fact in people.note() if fact.kind == "said"]
        assert said[0] == "http"
        assert people.names()["typing_broadcast"] >= 1


def test_presence_lives_with_the_page_and_joins_again_on_return(sandbox: Sandbox) -> None:
    with meeting(sandbox, PEOPLE) as people:

        async def session(phone: Device, number: int) -> None:
            def joins() -> int:
                return people.names()["realtime_join_presence"]

            phone.page.realtime.track()
            await people.until(phone, lambda: joins() == 1 and people.metrics()["presences"] == 1)
            phone.network.hide()
            phone.network.show()
            await people.until(phone, lambda: joins() == 2 and people.metrics()["presences"] == 1)
            phone.load_page()
            await people.until(phone, lambda: people.metrics()["presences"] == 0)
            phone.page.realtime.track()
            await people.until(phone, lambda: joins() == 3 and phone.page.realtime.connected)
            phone.network.lose(phone.now())
            await people.until(phone, lambda: not phone.page.realtime.connected)
            phone.network.regain(phone.now())
            await people.until(phone, lambda: joins() == 4, 20)

        people.together([0], session)


def test_a_message_stored_but_never_delivered_is_found(sandbox: Sandbox) -> None:
    room = room_of(sandbox, 3)
    with meeting(sandbox, PEOPLE) as people:
        topic = f"conversation-db-{room.conversation}"
        people.fault("realtime_drop_one_in", 2, person=room.ids[2], topic=topic)
        try:
            chat(people, room, 3, 6)
        finally:
            people.heal()
        messages = [one for one in people.deliveries() if one.topic is ChannelTopic.CHANGES]
        fates = [(one.receiver, one.fate) for one in messages if one.fate is not DeliveryFate.DELIVERED]
        lost = [receiver for receiver, fate in fates if fate is DeliveryFate.LOST]
        assert lost
        assert set(lost) == {2}, "only that person's frames were dropped"


def reacting(people: Meeting, room: Room, *, breaks: bool = False, ends: int = 1) -> None:
    """Two people write and react to what they see. breaks: their sockets end in the midst of it, while writes are under
    way. ends: so many messages of each in the end, of whose changes one at least has to come for anything to be
    overtaken."""

    async def session(phone: Device, number: int) -> None:
        conversation = await opened(phone, room.seen_by(number))
        await people.until(phone, lambda: people.listening(room.conversation) == 2)
        for n in range(4):
            await conversation.send(f"message {n} of {number}")
            await phone.pause(0.3)
            if breaks and n == 1 + number:
                sending = asyncio.create_task(conversation.send("while the socket breaks"))
                phone.page.realtime.reset()
                await sending
            assert (await conversation.react(conversation.messages[0], "👍")).good
            await phone.pause(0.3)
        await phone.pause(4.0)  # a read marker comes 3 s after the one before
        for _ in range(ends):
            await conversation.send("that was all")
        await phone.pause(SETTLED_S)
        await people.all(phone, "done", 2)
        conversation.leave()

    people.together([0, 1], session)


def test_receipts_and_reactions_come_back_and_none_is_passed_over(sandbox: Sandbox) -> None:
    room = room_of(sandbox, 2)
    with meeting(sandbox, PEOPLE) as people:
        reacting(people, room)
        assert not {"untold", "contradicted"} & {*people.kinds()}
        names = people.names()
        assert names["realtime_delivery_receipt"] >= 10
        assert names["realtime_reaction"] >= 4
        assert names["realtime_read_receipt"] >= 2
        assert names["realtime_presence"] >= 2
        assert people.kinds()["again"] == 2, "the second receipt of a live message changes a row that is there"


def test_a_chat_whose_sockets_break_is_not_accused(sandbox: Sandbox) -> None:
    room = room_of(sandbox, 2)
    with meeting(sandbox, PEOPLE) as people:
        reacting(people, room, breaks=True)
        states = [fact.detail for fact in people.note() if fact.kind == "channel" and fact.key == "changes"]
        assert states.count("down") >= 2
        assert not {"untold", "contradicted"} & {*people.kinds()}


def test_receipts_and_reactions_that_one_person_is_not_told_of_are_found(sandbox: Sandbox) -> None:
    room = room_of(sandbox, 2)
    with meeting(sandbox, PEOPLE) as people:
        people.fault("realtime_drop_one_in", 2, person=room.ids[1], topic=f"conversation-db-{room.conversation}")
        try:
            reacting(people, room, ends=9)
        finally:
            people.heal()
        untold = [fact for fact in people.note() if fact.kind == "untold"]
        assert untold
        assert {fact.person for fact in untold} == {1}, "only that person's frames were dropped"
        assert {fact.conversation for fact in untold} == {room.conversation}


def test_a_message_delivered_twice_is_found(sandbox: Sandbox) -> None:
    room = room_of(sandbox, 2)
    with meeting(sandbox, PEOPLE) as people:
        people.fault("realtime_duplicate_one_in", 3)
        try:
            chat(people, room, 2, 6)
        finally:
            people.heal()
        doubled = [fact for fact in people.note() if fact.kind == "doubled"]
        assert any(fact.detail == "messages INSERT" for fact in doubled)
        stored = {fact.detail for fact in people.note() if fact.kind == "stored"}
        assert {fact.key for fact in doubled if fact.detail == "messages INSERT"} <= stored


def test_a_message_delivered_to_a_stranger_is_found(sandbox: Sandbox) -> None:
    room = room_of(sandbox, 2)
    with meeting(sandbox, PEOPLE) as people:
        people.fault("realtime_ignore_rls", 1)
        try:
            chat(people, room, 2, 3, stranger=5)
        finally:
            people.heal()
        strange = [fact for fact in people.note() if fact.kind == "strange"]
        assert {fact.person for fact in strange} == {5}
        stored = {fact.detail for fact in people.note() if fact.kind == "stored"}
        assert stored <= {fact.key for fact in strange}


def test_a_deletion_that_a_stranger_hears_of_is_no_leak(sandbox: Sandbox) -> None:
    """Row-level security is not asked about deletions; they show the row's key alone."""
    room = room_of(sandbox, 2)
    with meeting(sandbox, PEOPLE) as people:
        chat(people, room, 2, 3, stranger=5, deleted=True)
        assert "strange" not in people.kinds()
