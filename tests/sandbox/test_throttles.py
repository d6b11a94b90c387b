"""The throttles: each takes its own resource, and no other, for as long as it says."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import httpx
import pytest

from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
from sandbox.throttles import OneCore, transaction_begin


def sandbox_with(*assignments: str) -> Sandbox:
    return Sandbox(SandboxOptions(people=5, catalogue=60, switches=Switches.parse(assignments)))


async def at_once(sandbox: Sandbox, number: int) -> float:
    """So many reads at the same time; seconds until the last one is answered."""
    found = sandbox.discovery
    headers = {"apikey": found["anon_key"], "authorization": f"Bearer {found['service_key']}"}
    async with httpx.AsyncClient(base_url=sandbox.url, headers=headers, timeout=60, trust_env=False) as http:
        begun = time.monotonic()
        reads = [asyncio.ensure_future(http.get("/rest/v1/media_items?select=id&limit=1")) for _ in range(number)]
        replies = await asyncio.gather(*reads)
    assert {reply.status_code for reply in replies} == {200}, replies[0].text
    return time.monotonic() - begun


def test_one_core_works_off_one_after_the_other_with_real_cpu() -> None:
    core = OneCore(20)

    async def line() -> float:
        begun = time.monotonic()
        await asyncio.gather(*(core.work() for _ in range(10)))
        return time.monotonic() - begun

    before = time.process_time()
    took = asyncio.run(line())
    assert took >= 0.2
    assert 0.2 <= time.process_time() - before < 0.4


def test_requests_wait_for_the_one_core() -> None:
    with sandbox_with("throttle_cpu_ms=40") as sandbox:
        before = time.process_time()
        assert asyncio.run(at_once(sandbox, 8)) >= 8 * 0.04
        assert time.process_time() - before >= 8 * 0.04, "the sandbox runs in this process"


def test_transactions_keep_their_connections() -> None:
    with sandbox_with("rest_pool_size=2", "throttle_transaction_ms=150") as sandbox:
        assert asyncio.run(at_once(sandbox, 6)) >= 3 * 0.15, "two at a time"


def test_transactions_wait_for_the_one_lock_and_the_database_shows_it() -> None:
    with sandbox_with("throttle_lock_ms=300") as sandbox:
        took, waiting = asyncio.run(_looked_at(sandbox, 6))
    assert took >= 6 * 0.3, "one at a time, although connections are free"
    assert waiting > 0


async def _looked_at(sandbox: Sandbox, number: int) -> tuple[float, int]:
    """Seconds that so many reads took, and the most of them that the database saw waiting for a lock."""
    connection = await asyncpg.connect(sandbox.discovery["dsn"])
    try:
        reads = asyncio.ensure_future(at_once(sandbox, number))
        most = 0
        while not reads.done():
            asked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            most = max(most, await connection.fetchval(asked))
            await asyncio.sleep(0.01)
        return await reads, most
    finally:
        await connection.close()


def test_realtimes_limit_goes_before_its_plan() -> None:
    options = SandboxOptions(switches=Switches.parse(["preset=hosted", "throttle_realtime_per_second=7"]))
    assert options.realtime.max_events_per_second == options.realtime.max_presence_events_per_second == 7
    assert options.realtime.max_concurrent_users == 500, "of the preset"
    assert SandboxOptions().realtime.max_events_per_second == 100


@pytest.mark.parametrize("switches", [Switches(), Switches.parse(["lock_wait_ms=5"])])
def test_without_a_throttle_a_transaction_begins_as_ever(switches: Switches) -> None:
    assert transaction_begin(switches) == ""
