"""Asks everything once, before the load: the schema's facts, then the questions, with two synthetic people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx
import jwt

from harness.client.http.paced import paced
from harness.core.resolved_target import ResolvedTarget
from harness.egress import web
from harness.egress.gate import Gate
from harness.probes import assistant_quota, schema
from harness.probes.context import ProbeContext, signed_in
from harness.probes.questions import (
    anonymous_messages,
    expired_token,
    forged_token,
    fresh_settings,
    invalid_event,
    others_events,
    others_messages,
    same_event_other_day,
    same_event_twice,
    strangers_changes,
)
from harness.record.probe_results import ProbeAnswer, Probes, SchemaFact

TIMEOUT_S = 15.0
NO_USE: tuple[type[Exception], ...] = (
    httpx.HTTPError,
    httpx.InvalidURL,
    jwt.PyJWTError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What comes of replies that have another shape than the app's; a deployment may answer anything."""
QUESTIONS: tuple[tuple[str, Callable[[ProbeContext], Awaitable[ProbeAnswer]]], ...] = tuple(
    (module.ID, module.ask)
    for module in (
        expired_token,
        forged_token,
        anonymous_messages,
        others_messages,
        others_events,
        strangers_changes,
        invalid_event,
        same_event_twice,
        same_event_other_day,
        fresh_settings,
    )
)


def probe(access: ResolvedTarget, people: int, assistant_answers: int | None = None) -> Probes:
    """Ask the target. Never raises for what it does. people: how many the target has; the first two are asked with.

    :param assistant_answers: that its assistant gives a person in a minute; None: nobody said, it is not asked.
    """
    return asyncio.run(_probe(access, people, assistant_answers))


async def _probe(access: ResolvedTarget, people: int, assistant_answers: int | None) -> Probes:
    began = time.monotonic()
    client = web.async_client(
        Gate(access.reach), base_url=access.url, timeout=TIMEOUT_S, event_hooks=paced(access.limits)
    )
    async with client as http:
        source, facts = await _facts(http, access)
        answers = await _answers(http, access, people)
        if assistant_answers is not None:
            answers += await _quota(http, access, people, assistant_answers)
    return Probes(source=source, facts=facts, answers=answers, took_s=round(time.monotonic() - began, 2))


async def _facts(http: httpx.AsyncClient, access: ResolvedTarget) -> tuple[str, tuple[SchemaFact, ...]]:
    if access.dsn:
        return "Postgres", await schema.from_postgres(access.dsn.reveal(), Gate(access.reach))
    facts = await schema.from_rest(http, access.service_key.reveal())
    return ("PostgREST" if access.service_key else ""), facts


async def _answers(http: httpx.AsyncClient, access: ResolvedTarget, people: int) -> tuple[ProbeAnswer, ...]:
    try:
        context = ProbeContext(http, access, *[await signed_in(http, access, number % people) for number in range(2)])
    except NO_USE as error:
        why = f"nobody could sign in: {type(error).__name__}"
        return tuple(ProbeAnswer(id=id_, status="not asked", text=why) for id_, _ in QUESTIONS)
    return tuple(await asyncio.gather(*[_asked(context, id_, ask) for id_, ask in QUESTIONS]))


async def _quota(http: httpx.AsyncClient, access: ResolvedTarget, people: int, limit: int) -> tuple[ProbeAnswer, ...]:
    try:
        return await assistant_quota.ask(http, access, people, limit)
    except NO_USE as error:
        why = f"the target's answer was of no use: {type(error).__name__}"
        ids = (assistant_quota.ONE, assistant_quota.TWO)
        return tuple(ProbeAnswer(id=id_, status="not asked", text=why) for id_ in ids)


async def _asked(context: ProbeContext, id_: str, ask: Callable[[ProbeContext], Awaitable[ProbeAnswer]]) -> ProbeAnswer:
    try:
        return await ask(context)
    except NO_USE as error:
        return ProbeAnswer(
            id=id_, status="not asked", text=f"the target's answer was of no use: {type(error).__name__}"
        )
