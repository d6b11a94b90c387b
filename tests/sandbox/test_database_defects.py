"""Seeded defects that only the database itself can show: each is there, in the table or program that it is about."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import asyncpg

from sandbox import database_defects
from sandbox.switches import Switches
from tests.sandbox.conftest import Seeded
from tests.sandbox.signed_in import enter, sql
from tests.sandbox.test_hosted import sandbox_with

T = TypeVar("T")
A_MESSAGE = """
insert into public.messages (conversation_id, user_id, sender_id, body, text)
select conversation_id, user_id, user_id, '{}', 'hello' from public.conversation_participants limit 1
"""
OF_ONE = "select * from public.messages where conversation_id = (select id from public.conversations limit 1)"


def broken(own: Seeded, *switches: str, story: Callable[[asyncpg.Connection], Coroutine[Any, Any, T]]) -> T:
    """What a database with these defects shows; they are taken back at the end."""

    async def run() -> T:
        connection = await asyncpg.connect(own.dsn())
        try:
            await database_defects.apply(connection, Switches.parse(switches))
            return await story(connection)
        finally:
            await database_defects.apply(connection, Switches())
            await connection.close()

    return asyncio.run(run())


async def reads(connection: asyncpg.Connection) -> set[str]:
    """How Postgres reads the messages of a conversation."""
    (plan,) = json.loads(await connection.fetchval(f"explain (format json) {OF_ONE}"))
    steps, found = [plan["Plan"]], set()
    while steps:
        step = steps.pop()
        steps += step.get("Plans", [])
        if step.get("Relation Name") == "messages":
            found.add(step["Node Type"])
    return found


def test_without_its_indexes_a_large_table_is_read_whole(own: Seeded) -> None:
    assert broken(own, "message_indexes_dropped=on", story=reads) == {"Seq Scan"}
    assert broken(own, story=reads) != {"Seq Scan"}


def test_a_flipped_plan_leaves_the_indexes_unused(own: Seeded) -> None:
    async def story(connection: asyncpg.Connection) -> tuple[set[str], int]:
        indexes = await connection.fetchval("select count(*) from pg_indexes where tablename = 'messages'")
        return await reads(connection), int(indexes)

    flipped, healthy = broken(own, "plan_flip=on", story=story), broken(own, story=story)
    assert flipped[0] == {"Seq Scan"}
    assert healthy[0] != {"Seq Scan"}
    assert flipped[1] == healthy[1]


def test_half_of_a_bloated_table_is_dead(own: Seeded) -> None:
    async def story(connection: asyncpg.Connection) -> tuple[int, int]:
        await connection.execute("select pg_stat_force_next_flush()")
        row = await connection.fetchrow(
            "select n_live_tup, n_dead_tup from pg_stat_user_tables where relid = 'public.messages'::regclass"
        )
        return int(row["n_live_tup"]), int(row["n_dead_tup"])

    live, dead = broken(own, "table_bloat=on", story=story)
    assert live >= 20_000
    assert dead / (live + dead) > 0.4


def test_a_message_spills_to_disk(own: Seeded) -> None:
    async def story(connection: asyncpg.Connection) -> int:
        async def written() -> int:
            await connection.execute("select pg_stat_force_next_flush()")
            where = "where datname = current_database()"
            return int(await connection.fetchval(f"select temp_bytes from pg_stat_database {where}"))

        before = await written()
        await connection.execute(A_MESSAGE)
        return await written() - before

    assert broken(own, "temp_spill_rows=20000", story=story) > 500_000
    assert broken(own, story=story) == 0


def test_every_tenth_message_locks_all_conversations(own: Seeded) -> None:
    async def story(connection: asyncpg.Connection) -> list[bool]:
        held = []
        for _ in range(21):
            async with connection.transaction():
                await connection.execute(A_MESSAGE)
                held.append(
                    await connection.fetchval(
                        "select exists (select from pg_locks where pid = pg_backend_pid() and mode = 'ExclusiveLock' "
                        "and relation = 'public.conversations'::regclass)"
                    )
                )
        return held

    assert [place for place, held in enumerate(broken(own, "lock_held_ms=1", story=story), 1) if held] == [10, 20]


def test_decks_leak_connections_of_a_name() -> None:
    """Every second of four; the pool's own are not among them."""
    with sandbox_with("connection_leak_one_in=2") as sandbox:
        person = enter(sandbox, 0)
        for _ in range(4):
            assert person.call("media-swipe-deck", {"sessionId": person.id, "limit": 6}).status_code == 200
        query = "select count(*) n from pg_stat_activity where application_name = 'media-swipe-deck'"
        deadline = time.monotonic() + 20
        while (leaked := sql(sandbox, query)[0]["n"]) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert leaked == 2
