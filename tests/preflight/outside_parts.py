"""What the tests of preflight from outside share."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg

from harness.core.resolved_target import ResolvedTarget
from harness.core.secret import NOTHING
from harness.load.discovery import discover

KEPT_BY_HOUR = {"public.swipe_ingest_hourly_metrics", "public.swipe_ingest_hourly_issue_counts"}
"""Counters of everybody's requests, one in ten of which they count."""
ENDED = "auth.sessions"
"""The sandbox keeps a session that was ended, so that its tokens stay refused."""
TOUCHED = {"auth.users": "last_sign_in_at, updated_at"}
"""Signing in is written down there."""
TABLES = """
select c.oid::regclass::text as name, n.nspname || '.' || c.relname as full_name from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname in ('public', 'auth', 'storage') order by 1
"""


def access(url: str, *, dsn: bool = True, service: bool = True) -> ResolvedTarget:
    found = discover(url)
    return ResolvedTarget(
        name=found.name,
        url=found.url,
        environment="sandbox",
        anon_key=found.anon_key,
        password=found.people.password,
        email_pattern=found.people.email_pattern,
        signing_secret=found.jwt_secret,
        service_key=found.service_key if service else NOTHING,
        dsn=found.dsn if dsn else NOTHING,
    )


def minted_access(url: str) -> ResolvedTarget:
    """The same people with tokens that are made here."""
    found, known = access(url), discover(url)
    addresses = [found.email_pattern.format(index=number) for number in (0, 1)]
    ids = asyncio.run(_ids(known.dsn.reveal(), addresses))
    return replace(found, jwt_secret=known.jwt_secret, user_ids=tuple(ids))


async def _ids(dsn: str, addresses: list[str]) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("select id, email from auth.users where email = any($1)", addresses)
        by_address = {row["email"]: str(row["id"]) for row in rows}
        return [by_address[one] for one in addresses]
    finally:
        await connection.close()


def snapshot(url: str) -> dict[str, tuple[int, str]]:
    """Of every table: how many rows, and a digest over all of them."""
    return asyncio.run(_snapshot(discover(url).dsn.reveal()))


async def _snapshot(dsn: str) -> dict[str, tuple[int, str]]:
    connection = await asyncpg.connect(dsn)
    try:
        found = {}
        for name, full_name in await connection.fetch(TABLES):
            if full_name in KEPT_BY_HOUR | {ENDED}:
                continue
            row = "to_jsonb(t)"
            for column in TOUCHED.get(full_name, "").split(", "):
                row += f" - '{column}'" if column else ""
            rows = f"select ({row})::text as x from {name} t"
            sql = f"select count(*), coalesce(md5(string_agg(x, '|' order by x)), '') from ({rows}) y"
            count, digest = await connection.fetchrow(sql)
            found[full_name] = (count, digest)
        return found
    finally:
        await connection.close()
