"""Rows as the database counts them, at a real one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.egress.gate import LOOPBACK
from harness.levers.counters import SETTLED_S, between, hand_in, rows_written
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox

COUNTS = st.dictionaries(st.sampled_from(("messages", "rec_requests", "auth.users")), st.integers(0, 10**9))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=10, catalogue=100)) as running:
        yield running


def test_inserts_updates_and_deletes_are_rows(sandbox: Sandbox) -> None:
    """A connection that ends has told all of its counts."""
    dsn = sandbox.discovery["dsn"]
    before = rows_written(dsn, LOOPBACK)

    async def write() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            made = "insert into public.app_settings (key, scope, value) values ('levers.test', 'public', '1')"
            await connection.execute(made)
            for value in ("2", "3"):
                await connection.execute(
                    "update public.app_settings set value = $1::jsonb where key = 'levers.test'", value
                )
            await connection.execute("delete from public.app_settings where key = 'levers.test'")
        finally:
            await connection.close()

    asyncio.run(write())
    end = time.monotonic() + SETTLED_S + 20
    while (written := between(before, rows_written(dsn, LOOPBACK)).get("app_settings", 0)) < 4:
        assert time.monotonic() < end, "the counts never came"
        time.sleep(0.1)
    assert written == 4


def test_a_sandbox_hands_in_the_counts_of_connections_that_fell_idle(sandbox: Sandbox) -> None:
    dsn = sandbox.discovery["dsn"]
    service = sandbox.discovery["service_key"]
    key = {"apikey": service, "Authorization": f"Bearer {service}"}
    names = [f"levers.handed.{number}" for number in range(12)]
    assert hand_in(sandbox.url, LOOPBACK)
    before = rows_written(dsn, LOOPBACK)
    rows = [{"key": name, "scope": "public", "value": 1} for name in names]
    with httpx.Client(headers=key) as http, ThreadPoolExecutor(6) as together:
        told = list(together.map(lambda row: http.post(f"{sandbox.url}/rest/v1/app_settings", json=row), rows))
    assert {reply.status_code for reply in told} == {201}, told[0].text
    assert hand_in(sandbox.url, LOOPBACK)
    assert between(before, rows_written(dsn, LOOPBACK)) == {"app_settings": len(rows), "app_settings_meta": len(rows)}
    assert not hand_in(sandbox.url + "/nothing", LOOPBACK)


@given(COUNTS, COUNTS)
def test_only_what_grew_is_told(before: dict[str, int], more: dict[str, int]) -> None:
    after = {table: before.get(table, 0) + more.get(table, 0) for table in {*before, *more}}
    assert between(before, after) == {table: count for table, count in more.items() if count}
