"""Open conversations against the sandbox: fan-out as the formulas say, and what must not happen is found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.phone.phone import Phone
from harness.phone.realtime.codec import Kind as FrameKind
from harness.plan.realtime import changes_of_message, events_of_message
from harness.record.delivery import Fate
from sandbox.options import SandboxOptions
from sandbox.realtime.settings import RealtimeSettings
from sandbox.server import Sandbox
from tests.phone.meeting import Meeting, Room, meeting, opened, room_of

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


@pytest.mark.parametrize("members", [2, 5, 20])
def test_one_message_fans_out_as_the_formulas_say(sandbox: Sandbox, members: int) -> None:
    """Contract realtime 2.5: 3n-1 writes, 3n-1 changes on subscribed tables and one more, n(3n-1) events."""
    room = room_of(sandbox, members)
    with meeting(sandbox, PEOPLE) as people:
        found: dict[str, int] = {}

        def figures() -> dict[str, int]:
            names = people.names()
            writes = names["message_send"] + names["delivery_receipt"] + names["read_receipt"]
            stats = people.engine._sockets.stats if people.engine._sockets is not None else None
            assert stats is not None
            events = stats.frames_in.get(FrameKind.CHANGE, 0)
            return {"writes": writes, "events": events, "changes": changes_fed(people)}

        async def session(phone: Phone, number: int) -> None:
            # One after another: joins slower than 2 s, on a busy machine, make this client leave its own channel.
            await people.until(phone, lambda: people.listening(room.conversation) >= number, 50)
            conversation = await opened(phone, room.seen_by(number))
            await people.until(phone, lambda: people.listening(room.conversation) == members, 50)
            if number == 0:
                before = figures()
                await conversation.send("to all of you")
                after = figures()
                for _ in range(10):  # until nothing more comes
                    await phone.pause(SETTLED_S)
                    last, after = after, figures()
                    if last == after:
                        break
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
        delivered = people.deliveries()
        assert [one.fate for one in delivered] == [Fate.DELIVERED] * members
        assert sum(one.sender != one.receiver for one in delivered) == members - 1


def changes_fed(people: Meeting) -> int:
    """Changes of published tables that the sandbox's feed read from the WAL."""
    return int(people.metrics()["poller"]["changes"])


def chat(people: Meeting, room: Room, members: int, messages: int, *, stranger: int | None = None) -> None:
    """Everybody opens the room; the first writes some messages; everybody goes on for a little."""

    async def session(phone: Phone, number: int) -> None:
        if number == stranger:
            await people.until(phone, lambda: people.listening(room.conversation) == members)
            ear = phone.page.live.overhear(room.conversation)
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
                    await conversation.send(f"message {n}")
                    await phone.pause(0.3)
                await phone.pause(SETTLED_S)
        await people.all(phone, "done", members + (stranger is not None))

    numbers = [*range(members)] if stranger is None else [*range(members), stranger]
    people.together(numbers, session)


def test_a_healthy_chat_has_nothing_wrong(sandbox: Sandbox) -> None:
    room = room_of(sandbox, 3)
    with meeting(sandbox, PEOPLE) as people:
        chat(people, room, 3, 5, stranger=3)
        assert {one.fate for one in people.deliveries()} == {Fate.DELIVERED}
        assert len(people.deliveries()) == 15
        assert not {"doubled", "strange", "misordered", "leaked"} & set(people.kinds())


def test_a_message_stored_but_never_delivered_is_found(sandbox: Sandbox) -> None:
    room = room_of(sandbox, 3)
    with meeting(sandbox, PEOPLE) as people:
        topic = f"conversation-db-{room.conversation}"
        people.fault("realtime_drop_one_in", 2, person=room.ids[2], topic=topic)
        try:
            chat(people, room, 3, 6)
        finally:
            people.heal()
        fates = [(one.receiver, one.fate) for one in people.deliveries() if one.fate is not Fate.DELIVERED]
        lost = [receiver for receiver, fate in fates if fate is Fate.LOST]
        assert lost
        assert set(lost) == {2}, "only that person's frames were dropped"


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
