"""Seeded defects: slowness as asked, broken replies of finished work, a database that is whole again without them."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import asyncpg
import pytest
from starlette.types import Message

from sandbox import database_defects
from sandbox.interference import Interference
from sandbox.slowness import ONE_IN, Slowness
from sandbox.switches import DEFECTS, Switches, SwitchKind
from tests.sandbox.conftest import Seeded

PEER = ("127.0.0.1", 5)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def slow(*switches: str) -> tuple[Slowness, Clock]:
    clock = Clock()
    return Slowness(Switches.parse(switches), clock), clock


def test_nothing_is_slow_as_shipped() -> None:
    slowness, clock = slow()
    clock.now = 600
    assert slowness.before("POST", "/rest/v1/messages", PEER) == slowness.after("/rest/v1/messages", 3.0) == 0


def test_percentages_are_of_what_the_reply_took() -> None:
    assert slow("latency_percent=30")[0].after("/rest/v1/media_items", 0.2) == pytest.approx(0.06)
    chat = slow("chat_latency_percent=30")[0]
    assert chat.after("/rest/v1/messages", 0.2) == pytest.approx(0.06)
    assert chat.after("/functions/v1/media-swipe-deck", 0.2) == 0
    feed = slow("feed_latency_percent=30")[0]
    assert feed.after("/rest/v1/rpc/get_home_feed_v2", 0.2) == pytest.approx(0.06)
    assert feed.after("/rest/v1/messages", 0.2) == 0
    drifting, clock = slow("latency_drift_percent=60")
    clock.now = 100.0
    drifting.before("GET", "/rest/v1/messages", PEER)  # the first request: it begins here
    clock.now += 30.0
    assert drifting.after("/rest/v1/messages", 0.2) == pytest.approx(0.06)


def test_writes_make_everything_after_them_slower() -> None:
    slowness, _ = slow("latency_per_row_us=1000")
    waits = [slowness.before("POST", "/rest/v1/messages", PEER) for _ in range(3)]
    assert waits == pytest.approx([0.0, 0.001, 0.002])
    assert slowness.before("GET", "/rest/v1/messages", PEER) == pytest.approx(0.003)


def test_one_of_eight_connections_is_slow_and_stays_so() -> None:
    slowness, _ = slow("slow_connection_ms=500")
    for _ in range(2):
        waits = [slowness.before("GET", "/rest/v1/messages", ("127.0.0.1", port)) for port in range(2 * ONE_IN)]
        assert waits == ([0.0] * (ONE_IN - 1) + [0.5]) * 2


def test_every_eighth_call_of_a_function_is_cold() -> None:
    slowness, _ = slow("cold_start_ms=100")
    waits = [slowness.before("POST", "/functions/v1/media-swipe-deck", PEER) for _ in range(2 * ONE_IN)]
    assert waits == ([0.0] * (ONE_IN - 1) + [0.1]) * 2
    assert slowness.before("POST", "/rest/v1/messages", PEER) == 0


def test_a_percentage_counts_a_fixed_delay_once() -> None:
    """60 ms and a half of them; counted twice, as it once was, they would be 120."""
    began = time.monotonic()
    replies("delay_all_ms=60", "/rest/v1/media_items", 5, "latency_percent=50")
    assert 5 * 0.090 <= time.monotonic() - began < 5 * 0.115


def replies(switch: str, path: str, times: int, *more: str) -> list[tuple[int, dict[bytes, bytes], bytes]]:
    """What a caller gets of an application that always says 201 and 10 bytes."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"0123456789"})

    layer = Interference(app, switches=Switches.parse([switch, *more]), rng=random.Random(1))

    async def once() -> tuple[int, dict[bytes, bytes], bytes]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "client": PEER}
        await layer(scope, None, send)  # type: ignore[arg-type]
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]

    async def all_of_them() -> list[tuple[int, dict[bytes, bytes], bytes]]:
        return [await once() for _ in range(times)]

    return asyncio.run(all_of_them())


def test_truncated_replies_are_whole_http_and_half_a_body() -> None:
    whole, half = replies("truncate_one_in=2", "/rest/v1/media_items", 2)
    assert whole == (201, {b"content-length": b"10"}, b"0123456789")
    assert half == (201, {b"content-length": b"5"}, b"01234")


def test_a_lost_reply_breaks_off_before_its_promised_length() -> None:
    _, lost = replies("message_lost_reply_one_in=2", "/rest/v1/messages", 2)
    assert lost == (201, {b"content-length": b"10"}, b"")
    assert {reply[2] for reply in replies("message_lost_reply_one_in=1", "/rest/v1/media_items", 2)} == {b"0123456789"}


def test_a_refusal_after_the_fact_has_its_own_body() -> None:
    (status, headers, body) = replies("message_refused_stored_one_in=1", "/rest/v1/messages", 1)[0]
    assert status == 403
    assert int(headers[b"content-length"]) == len(body)
    assert b"42501" in body


FILES = sorted(file.stem for file in database_defects.FOLDER.glob("*.sql") if file.stem != database_defects.UNDO)
OBJECTS = """
select 'trigger', tgrelid::regclass::text, tgname, tgenabled::text from pg_trigger where not tgisinternal
union all select 'policy', tablename, policyname, cmd from pg_policies where schemaname = 'public'
union all select 'rls', oid::regclass::text, '', relrowsecurity::text from pg_class
  where relnamespace = 'public'::regnamespace
union all select 'child', inhparent::regclass::text, inhrelid::regclass::text, '' from pg_inherits
union all select 'index', tablename, indexname, regexp_replace(indexdef, '\\s+', ' ', 'g')
  from pg_indexes where schemaname = 'public'
union all select 'options', oid::regclass::text, reloptions::text, '' from pg_class where relname = 'messages'
union all select 'tablespace', spcname, spcoptions::text, '' from pg_tablespace
union all select 'rows', '', count(*)::text, '' from public.messages
union all select 'function', proname, proacl::text, md5(prosrc) from pg_proc where pronamespace = 'public'::regnamespace
union all select 'policy', tablename, policyname, cmd from pg_policies where schemaname = 'storage'
order by 1, 2, 3, 4
"""


def test_every_file_is_a_switch() -> None:
    assert set(FILES) <= {switch.name for switch in DEFECTS}


def test_a_kept_database_is_whole_again_without_the_defects(own: Seeded) -> None:
    kinds = {switch.name: switch.kind for switch in DEFECTS}
    switches = [f"{name}={'on' if kinds[name] is SwitchKind.FLAG else 3}" for name in FILES]

    async def story() -> None:
        connection = await asyncpg.connect(own.dsn())
        try:
            await database_defects.apply(connection, Switches())
            shipped = await connection.fetch(OBJECTS)
            for switch in switches:
                await database_defects.apply(connection, Switches.parse([switch]))
                assert await connection.fetch(OBJECTS) != shipped, switch
            await database_defects.apply(connection, Switches())
            assert await connection.fetch(OBJECTS) == shipped
        finally:
            await connection.close()

    asyncio.run(story())
