"""The assistant's small memory of a person: named JSON values, read, changed and written; a failure changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from sandbox.functions import intake, js
from sandbox.functions.assistant.actor import Actor

_READ_SQL = "select value::text from public.assistant_memory where user_id = $1 and key = $2"
_WRITE_SQL = """
insert into public.assistant_memory (user_id, key, value) values ($1, $2, $3::text::jsonb)
on conflict (user_id, key) do update set value = excluded.value
"""
_WRITE_DATED_SQL = """
insert into public.assistant_memory (user_id, key, value, updated_at)
values ($1, $2, $3::text::jsonb, date_trunc('milliseconds', clock_timestamp()))
on conflict (user_id, key) do update set value = excluded.value, updated_at = excluded.updated_at
"""
_FORGET_SQL = "delete from public.assistant_memory where user_id = $1 and key = $2"
_LONG_BODY = 140
_VERBOSITY, _LEAST, _MOST = 0.45, 0.1, 0.9


async def recall(actor: Actor, key: str) -> Any:
    """The value, None when there is none."""
    try:
        async with actor.request() as connection:
            return orjson.loads(await connection.fetchval(_READ_SQL, actor.user_id, key) or "null")
    except intake.DATABASE_ERRORS as error:
        actor.services.note_swallowed("assistant's memory", error)
        return None


async def store(actor: Actor, key: str, value: Any, *, dated: bool = False) -> None:
    """Write it. dated: the request says when, too."""
    try:
        async with actor.request() as connection:
            statement = _WRITE_DATED_SQL if dated else _WRITE_SQL
            await connection.execute(statement, actor.user_id, key, js.stringify(value))
    except intake.DATABASE_ERRORS as error:
        actor.services.note_swallowed("assistant's memory", error)


async def forget(actor: Actor, key: str) -> None:
    """Delete it."""
    try:
        async with actor.request() as connection:
            await connection.execute(_FORGET_SQL, actor.user_id, key)
    except intake.DATABASE_ERRORS as error:
        actor.services.note_swallowed("assistant's memory", error)


async def learn(actor: Actor, surface: str, kind: str, body: str, *, accepted: bool) -> None:
    """Count a suggestion that was taken or dismissed, and how many words the person likes."""
    long = js.length(body) > _LONG_BODY
    delta = (0.07 if long else 0.02) if accepted else (-0.08 if long else -0.03)
    await _change(actor, "assistant_stats", lambda value: counted(value, surface, kind, accepted=accepted))
    await _change(actor, "assistant_style", lambda value: styled(value, delta))


async def _change(actor: Actor, key: str, mutate: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    value = await recall(actor, key)
    await store(actor, key, mutate(js.spread(value) if isinstance(value, dict | list) else {}))


def counted(value: dict[str, Any], surface: str, kind: str, *, accepted: bool) -> dict[str, Any]:
    """One more, in total, on this screen and of this kind."""
    name = "accept" if accepted else "dismiss"
    counts = dict(value)
    _add(counts, f"{name}Total")
    for group, member in ((f"{name}BySurface", surface), (f"{name}ByKind", kind)):
        inside = counts.get(group)
        counts[group] = dict(inside) if isinstance(inside, dict) else {}
        _add(counts[group], member)
    counts["lastAcceptedAt" if accepted else "lastDismissedAt"] = js.iso_now()
    return counts


def styled(value: dict[str, Any], delta: float) -> dict[str, Any]:
    """A little more or fewer words from now on."""
    given = value.get("verbosityPreference")
    preference = js.to_number(_VERBOSITY if given is None else given)
    changed = None if preference is None else max(_LEAST, min(_MOST, preference + delta))
    return {**value, "verbosityPreference": changed}


def _add(counts: dict[str, Any], name: str) -> None:
    number = js.to_number(counts.get(name))
    finite = number is not None and number not in (float("inf"), float("-inf"))
    counts[name] = (number if finite and number is not None else 0) + 1
