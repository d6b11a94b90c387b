"""Database changes over real sockets: who hears what, when, and what goes wrong on request."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import asyncpg
import orjson
import pytest

from tests.sandbox.realtime.conftest import Settings, Stage, topic
from tests.sandbox.realtime.wire import V1, V2, Heard, Wire, wire
from tests.sandbox.signed_in import Person, send, sql

pytestmark = pytest.mark.xdist_group("realtime")
MANY = """
insert into public.messages (user_id, sender_id, conversation_id, body, text)
select $1, $1, $2, '{}', 'one of many' from generate_series(1, 100)
"""


async def say(stage: Stage, person: Person, text: str = "hello") -> str:
    return await asyncio.to_thread(send, person, stage.conversation, text)


async def change(heard: Wire, limit_s: float = 4.0) -> Any:
    return (await heard.event("postgres_changes", limit_s)).payload


async def texts(heard: Wire, count: int) -> list[str]:
    return [(await change(heard))["data"]["record"]["text"] for _ in range(count)]


@pytest.mark.parametrize("vsn", [V1, V2])
def test_a_message_reaches_its_subscribers(stage: Stage, vsn: str) -> None:
    async def run() -> None:
        async with wire(stage.sandbox, vsn) as socket:
            name = topic("conversation-db")
            bindings = stage.bindings("messages", "message_read_receipts")
            ref = await socket.push(
                name, "phx_join", {"config": {"postgres_changes": bindings}, "access_token": stage.token(stage.ann)}
            )
            echoed = (await socket.reply(ref)).payload["response"]["postgres_changes"]
            assert [{k: v for k, v in one.items() if k != "id"} for one in echoed] == bindings
            notice = await socket.event("system")
            assert notice.payload["message"] == "Subscribed to PostgreSQL"
            assert notice.join_ref == (ref if vsn == V2 else None)
            begun = time.time()
            sent = await say(stage, stage.bob)
            message = await socket.event("postgres_changes")
            assert (message.join_ref, message.ref, message.topic) == (None, None, name)
            assert message.payload["ids"] == [echoed[0]["id"]]
            data = message.payload["data"]
            row = sql(stage.sandbox, "select to_jsonb(m)::text as said from messages m where id = $1", uuid.UUID(sent))
            assert data["record"] == orjson.loads(row[0]["said"])
            assert list(data["record"]) == list(orjson.loads(row[0]["said"]))
            assert (data["type"], data["schema"], data["table"], data["errors"]) == (
                "INSERT",
                "public",
                "messages",
                None,
            )
            assert {"name": "message_type", "type": "message_type"} in data["columns"]
            assert "old_record" not in data
            committed = time.mktime(time.strptime(data["commit_timestamp"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
            assert abs(committed - begun) < 5

    asyncio.run(run())


def test_who_is_no_member_hears_nothing_unless_rls_is_ignored(stage: Stage, faults: Any) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as member, wire(stage.sandbox) as stranger, wire(stage.sandbox) as nobody:
            name = topic()
            await member.join(name, stage.token(stage.ann), postgres_changes=stage.bindings("messages"))
            await stranger.join(name, stage.token(stage.eve), postgres_changes=stage.bindings("messages"))
            await nobody.join(name, None, postgres_changes=stage.bindings("messages"))
            await say(stage, stage.bob)
            await change(member)
            await stranger.silence()
            await nobody.silence()
            await asyncio.to_thread(faults, "realtime_ignore_rls", person=stage.eve.id)
            await say(stage, stage.bob, "overheard")
            assert await texts(member, 1) == await texts(stranger, 1) == ["overheard"]
            await nobody.silence()

    asyncio.run(run())


def test_updates_and_deletes_say_what_the_identity_allows(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as socket:
            tables = ("messages", "message_reactions", "message_delivery_receipts", "message_read_receipts")
            await socket.join(topic(), stage.token(stage.ann), postgres_changes=stage.bindings(*tables))
            sent = await say(stage, stage.bob)
            await change(socket)
            rest = stage.bob.client
            await asyncio.to_thread(
                rest.patch, f"/rest/v1/messages?id=eq.{sent}", json={"text": "edited"}, headers=stage.bob.headers
            )
            data = (await change(socket))["data"]
            assert (data["type"], data["record"]["text"], data["old_record"]["text"]) == ("UPDATE", "edited", "hello")

            def receipt(table: str, **more: Any) -> None:
                row = {"conversation_id": stage.conversation, "user_id": stage.ann.id, **more}
                headers = {**stage.ann.headers, "prefer": "resolution=merge-duplicates"}
                reply = stage.ann.client.post(f"/rest/v1/{table}", json=row, headers=headers)
                assert reply.status_code in (200, 201), reply.text

            sql(
                stage.sandbox,
                "delete from message_read_receipts where conversation_id = $1",
                uuid.UUID(stage.conversation),
            )
            while True:  # the receipts that were there, if any: deletes that pass the filter by their key
                try:
                    gone = (await change(socket, 0.3))["data"]
                except TimeoutError:
                    break
                assert set(gone["old_record"]) == {"conversation_id", "user_id"}
            await asyncio.to_thread(receipt, "message_read_receipts", last_read_message_id=sent)
            assert (await change(socket))["data"]["type"] == "INSERT"
            await asyncio.to_thread(receipt, "message_read_receipts", last_read_message_id=None)
            data = (await change(socket))["data"]
            assert data["type"] == "UPDATE"
            assert data["old_record"] == {"conversation_id": stage.conversation, "user_id": stage.ann.id}
            await asyncio.to_thread(receipt, "message_delivery_receipts", message_id=sent)
            assert (await change(socket))["data"]["table"] == "message_delivery_receipts"
            await asyncio.to_thread(receipt, "message_reactions", message_id=sent, emoji="x")
            reaction = (await change(socket))["data"]["record"]["id"]

            sql(stage.sandbox, "delete from message_delivery_receipts where message_id = $1", uuid.UUID(sent))
            sql(stage.sandbox, "delete from message_reactions where message_id = $1", uuid.UUID(sent))
            data = (await change(socket))[
                "data"
            ]  # the receipt's key does not hold the conversation, the reaction's does
            assert (data["table"], data["type"], data["old_record"]) == (
                "message_reactions",
                "DELETE",
                {"id": reaction},
            )
            assert "record" not in data
            await socket.silence()

    asyncio.run(run())


def test_what_is_committed_before_the_notice_is_lost(stage: Stage, faults: Any) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as socket:
            name = topic("slow")
            await asyncio.to_thread(faults, "realtime_subscribe_delay_ms", 700, topic=name.removeprefix("realtime:"))
            config = {"postgres_changes": stage.bindings("messages")}
            ref = await socket.push(name, "phx_join", {"config": config, "access_token": stage.token(stage.ann)})
            await socket.reply(ref)
            begun = time.monotonic()
            await say(stage, stage.bob, "before")
            notice = await socket.event("system")
            assert notice.payload["message"] == "Subscribed to PostgreSQL"
            assert time.monotonic() - begun > 0.4
            await say(stage, stage.bob, "after")
            assert await texts(socket, 1) == ["after"]

    asyncio.run(run())


def test_planted_losses_copies_and_swaps(stage: Stage, faults: Any) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as socket:
            name = topic("planted")
            place = {"topic": name.removeprefix("realtime:")}
            await socket.join(name, stage.token(stage.ann), postgres_changes=stage.bindings("messages"))

            async def heard(count: int) -> list[str]:
                for number in range(4):
                    await say(stage, stage.bob, str(number))
                found = await texts(socket, count)
                await socket.silence(0.2)
                return found

            await asyncio.to_thread(faults, "realtime_drop_one_in", 2, **place)
            assert await heard(2) == ["0", "2"]
            await asyncio.to_thread(faults, "realtime_drop_one_in", 0, **place)
            await asyncio.to_thread(faults, "realtime_duplicate_one_in", 2, **place)
            assert await heard(6) == ["0", "1", "1", "2", "3", "3"]
            await asyncio.to_thread(faults, "realtime_duplicate_one_in", 0, **place)
            await asyncio.to_thread(faults, "realtime_swap_one_in", 3, **place)
            assert await heard(4) == ["0", "1", "3", "2"]
            await asyncio.to_thread(faults, "realtime_swap_one_in", 1, **place)
            await say(stage, stage.bob, "the last is not held for ever")
            assert await texts(socket, 1) == ["the last is not held for ever"]

    asyncio.run(run())


def test_a_token_refresh_changes_whom_it_reads_as(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as socket:
            name = topic()
            ref = await socket.join(name, stage.token(stage.ann), postgres_changes=stage.bindings("messages"))
            await socket.push(name, "access_token", {"access_token": stage.token(stage.ann)}, ref)
            await socket.push(name, "access_token", {"access_token": None}, ref)
            await socket.silence()
            await socket.push(name, "access_token", {"access_token": stage.token(stage.eve)}, ref)
            assert (await socket.event("system")).payload["message"] == "Subscribed to PostgreSQL"
            await say(stage, stage.bob)
            await socket.silence()
            await socket.push(name, "access_token", {"access_token": stage.minted(stage.ann, 60)}, ref)
            await socket.event("system")
            await say(stage, stage.bob, "again")
            assert await texts(socket, 1) == ["again"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ({"table": "messages", "filter": "wrong"}, 'Error parsing `filter` params: ["wrong"]'),
        (
            {"table": "profiles"},
            "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given "
            "connect parameters: [event: *, schema: public, table: profiles, filters: [], select: nil]",
        ),
    ],
)
def test_wrong_bindings_are_told_and_the_channel_stays(stage: Stage, binding: Any, message: str) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as socket:
            name = topic()
            binding.update(event="*", schema="public")
            ref = await socket.push(name, "phx_join", {"config": {"postgres_changes": [binding]}})
            assert (await socket.reply(ref)).payload["status"] == "ok"
            notice = await socket.event("system")
            assert (notice.payload["status"], notice.payload["message"]) == ("error", message)
            assert notice.payload["extension"] == "postgres_changes"
            left = await socket.push(name, "phx_leave", {}, ref)
            assert (await socket.reply(left)).payload["status"] == "ok"

    asyncio.run(run())


def test_the_poller_costs_what_the_model_says(stage: Stage, settings: Settings) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as socket:
            await socket.join(topic(), stage.token(stage.ann), postgres_changes=stage.bindings("messages"))
            before = (await asyncio.to_thread(stage.admin, "GET", ""))["poller"]
            begun = time.monotonic()
            await say(stage, stage.bob)
            await change(socket)
            assert time.monotonic() - begun > 0.5, "the cost is waited for"
            after = await asyncio.to_thread(stage.admin, "GET", "")
            poller = after["poller"]
            assert poller["delivered"] == before["delivered"] + 1
            # one subscription, one match: 0.6 + 1.4 + 0.04 + 0.055 ms, and 0.6 for the conversation nobody watches
            assert poller["cost_ms"] - before["cost_ms"] == pytest.approx(300 * (2.095 + 0.6), rel=0.01)
            assert poller["lag_ms"] > 500
            assert after["subscriptions_by_table"]["public.messages"] >= 1
            assert (poller["queue"], poller["running"]) == (0, True)

    with settings(cost_percent=30_000):
        asyncio.run(run())


def test_a_paused_feed_loses_what_it_misses_and_a_wiped_one_subscribes_again(stage: Stage) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as socket:
            await socket.join(topic(), stage.token(stage.ann), postgres_changes=stage.bindings("messages"))

            async def pause(seconds: float) -> int:
                await asyncio.to_thread(stage.admin, "POST", "/commands", {"do": "pause", "seconds": seconds})
                return int((await asyncio.to_thread(stage.admin, "GET", ""))["poller"]["lost"])

            before = await pause(100)
            await say(stage, stage.bob, "missed")
            while await pause(100) == before:  # noqa: ASYNC110 - the server offers no event
                await asyncio.sleep(0.02)
            await pause(0)
            await say(stage, stage.bob, "heard")
            assert await texts(socket, 1) == ["heard"]
            await asyncio.to_thread(stage.admin, "POST", "/commands", {"do": "resubscribe"})
            assert (await socket.event("system")).payload["message"] == "Subscribed to PostgreSQL"
            await say(stage, stage.bob, "again")
            assert await texts(socket, 1) == ["again"]

    asyncio.run(run())


def test_a_left_channel_may_leak(stage: Stage, faults: Any) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as socket:
            name = topic()
            ref = await socket.join(name, stage.token(stage.ann), postgres_changes=stage.bindings("messages"))
            await asyncio.to_thread(faults, "realtime_keep_left_channels", person=stage.ann.id)
            left = await socket.push(name, "phx_leave", {}, ref)
            await socket.reply(left)
            await say(stage, stage.bob, "leaked")
            assert await texts(socket, 1) == ["leaked"]

    asyncio.run(run())


@pytest.mark.parametrize("vsn", [V1, V2])
def test_an_error_for_one_subscriber_silences_everybody_until_he_is_gone(stage: Stage, faults: Any, vsn: str) -> None:
    async def run() -> None:
        reacted = (
            "insert into public.message_reactions (conversation_id, message_id, user_id, emoji) values ($1, $2, $3, $4)"
        )
        name = topic()
        async with wire(stage.sandbox, vsn) as hers, wire(stage.sandbox, vsn) as his:
            joined = await hers.join(name, stage.token(stage.ann), postgres_changes=stage.bindings("messages"))
            await his.join(topic(), stage.token(stage.bob), postgres_changes=stage.bindings("message_reactions"))
            first = await say(stage, stage.bob, "heard")
            assert await texts(hers, 1) == ["heard"]
            await asyncio.to_thread(faults, "realtime_rls_error_from", 1, person=stage.ann.id)
            await say(stage, stage.bob, "poison")
            row = (uuid.UUID(stage.conversation), uuid.UUID(first), uuid.UUID(stage.ann.id), "🔥")
            await asyncio.to_thread(sql, stage.sandbox, reacted, *row)
            with pytest.raises(TimeoutError):  # who reads another table of another person's rows is as deaf
                await change(his, 1.5)
            assert not [one for one in hers.kept if isinstance(one, Heard) and one.event == "postgres_changes"]
            reply = await his.reply(await his.push("phoenix", "heartbeat", {}))
            assert reply.payload["status"] == "ok", "sockets and channels look well"
            poller = (await asyncio.to_thread(stage.admin, "GET", ""))["poller"]
            assert poller["errors"] > 1
            assert poller["queue"] >= 1
            await hers.reply(await hers.push(name, "phx_leave", {}, joined))
            heard = await change(his)
            assert heard["data"]["record"]["emoji"] == "🔥", "nothing of it was lost"

    asyncio.run(run())


def test_a_socket_that_ends_takes_its_subscriptions_along(stage: Stage) -> None:
    async def run() -> None:
        def count() -> int:
            return int(stage.admin("GET", "")["subscriptions_by_table"].get("public.message_reactions", 0))

        before = await asyncio.to_thread(count)
        async with wire(stage.sandbox) as socket:
            await socket.join(topic(), stage.token(stage.ann), postgres_changes=stage.bindings("message_reactions"))
            assert await asyncio.to_thread(count) == before + 1
        for _ in range(100):
            if await asyncio.to_thread(count) == before:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the subscription stayed")

    asyncio.run(run())


@pytest.mark.slow
def test_over_the_event_limit_changes_are_skipped_silently(stage: Stage, faults: Any) -> None:
    async def run() -> None:
        async with wire(stage.sandbox) as socket:
            await socket.join(topic(), stage.token(stage.ann), postgres_changes=stage.bindings("messages"))
            await asyncio.to_thread(faults, "realtime_db_event_limit", 1)
            await asyncio.to_thread(sql, stage.sandbox, MANY, uuid.UUID(stage.bob.id), uuid.UUID(stage.conversation))
            skipped = 0
            for number in range(60):  # the tick that judges comes within five seconds
                await say(stage, stage.bob, str(number))
                skipped = (await asyncio.to_thread(stage.admin, "GET", ""))["poller"]["skipped"]
                if skipped:
                    break
                await asyncio.sleep(0.3)
            assert skipped
            assert all(isinstance(one, Heard) and one.event == "postgres_changes" for one in socket.kept)

    asyncio.run(run())


@pytest.mark.slow
def test_nothing_is_lost_doubled_or_out_of_order_under_concurrent_writers(stage: Stage) -> None:
    writers, each = 8, 40
    write = (
        "insert into public.messages (user_id, sender_id, conversation_id, body, text) values ($1, $1, $2, '{}', $3)"
    )

    async def run() -> None:
        async with wire(stage.sandbox) as socket:
            await socket.join(topic(), stage.token(stage.ann), postgres_changes=stage.bindings("messages"))
            person, conversation = uuid.UUID(stage.bob.id), uuid.UUID(stage.conversation)

            async def writer(number: int) -> None:
                connection = await asyncpg.connect(stage.sandbox.discovery["dsn"])
                try:
                    for turn in range(each):
                        await connection.execute(write, person, conversation, f"{number} {turn:03}")
                finally:
                    await connection.close()

            writing = asyncio.gather(*(writer(number) for number in range(writers)))
            heard = await texts(socket, writers * each)
            await writing
            assert len(set(heard)) == len(heard)
            for number in range(writers):
                mine = [one for one in heard if one.startswith(f"{number} ")]
                assert mine == sorted(mine)
            await socket.silence()

    asyncio.run(run())
