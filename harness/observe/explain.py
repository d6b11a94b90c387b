"""Plans of what the load asked the database, read when the load is over, by a connection of its own.

The statements that took the most time are planned without values (a generic plan) and never run. The hot calls' reads
are run, under a person's role and claims, in transactions that are rolled back; what goes on within their functions
comes from auto_explain, where the role may load it. Everything has a time limit, and nothing that is refused ends
anything: it is said.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from harness.core.secret_filter import WORDS
from harness.egress import database
from harness.egress.gate import Gate
from harness.observe import questions
from harness.observe.hot_calls import A_CONVERSATION, A_PERSON, HOT_CALLS, HotCall
from harness.observe.observer import CONNECT_LIMIT_S, FAULTS, Observations, dearest, told
from harness.observe.query_plan import QueryPlan, Source, read
from harness.observe.tables import PLANS, STATEMENTS

STATEMENT_LIMIT_S = 5.0
WHOLE_LIMIT_S = 30.0
MOST_STATEMENTS = 20
MOST_CHILDREN = 400
"""Of what auto_explain says of one call."""
APPLICATION = "movinesta-harness explain"
ROLES = frozenset({"anon", "authenticated", "service_role"})
"""Of PostgREST; a statement of anybody else is planned as the connection's own role."""
_PLANNED = re.compile(r"\s*(select|with|insert|update|delete|merge)\b", re.IGNORECASE)
_CHILD = re.compile(r"duration: [\d.]+ ms\s+plan:\s*(\{.*\})\s*\Z", re.DOTALL)
_NAME = "harness_explained"
_EXPLAIN = "explain (analyze, buffers, format json, verbose)"
_OWN = re.compile(r"\s*(explain|begin|rollback|set)\b|\s*select set_config\(", re.IGNORECASE)
"""What we ourselves say beside the calls."""
_REFUSED = (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError)
_CHILDREN = """
set auto_explain.log_min_duration = 0; set auto_explain.log_analyze = on; set auto_explain.log_buffers = on;
set auto_explain.log_verbose = on; set auto_explain.log_nested_statements = on; set auto_explain.log_format = json;
set auto_explain.log_level = notice; set client_min_messages = notice
"""


@dataclass(frozen=True, slots=True)
class Who:
    """Whose calls are explained. emails, ids: of the run's people, either."""

    emails: Sequence[str] = ()
    ids: Sequence[str] = ()


def explain(found: Observations, dsn: str, gate: Gate, who: Who) -> None:
    """Add the plans to what was observed. Does nothing where nothing was observed."""
    if found.problem and not found.rows:
        return
    try:
        asyncio.run(asyncio.wait_for(_explain(found, dsn, gate, who), WHOLE_LIMIT_S))
    except FAULTS as error:
        found.lacks(f"plans: {told(error)}")


@dataclass
class _Asked:
    found: Observations
    connection: asyncpg.Connection
    role: str
    person: str | None = None
    children: bool = False
    heard: list[str] = field(default_factory=list)

    def hear(self, _: object, message: Any) -> None:
        if len(self.heard) < MOST_CHILDREN and "plan:" in (text := str(message.message)):
            self.heard.append(text)

    def add(
        self, source: Source, name: str, role: str, query_id: int, text: str, plan: QueryPlan | None, why: str
    ) -> None:
        kept = "" if plan is None else plan.model_dump_json(exclude_defaults=True)
        shown = questions.without_literals(text)
        self.found.add(PLANS, time.time_ns() // 1000, [(source, name, role, query_id, shown, kept, why)])


async def _explain(found: Observations, dsn: str, gate: Gate, who: Who) -> None:
    milliseconds = f"{STATEMENT_LIMIT_S * 1000:.0f}"
    connection = await database.connect(
        gate,
        dsn,
        timeout=CONNECT_LIMIT_S,
        command_timeout=STATEMENT_LIMIT_S * 2,
        statement_cache_size=0,
        server_settings={
            "application_name": APPLICATION,
            "default_transaction_read_only": "on",
            "statement_timeout": milliseconds,
            "lock_timeout": "1000",
        },
    )
    try:
        asked = _Asked(found, connection, str(await connection.fetchval("select current_user")))
        asked.person = await _person(asked, who)
        for query_id, role, text in await _dearest(asked):
            await _statement(asked, query_id, role, text)
        await _calls(asked)
    finally:
        connection.terminate()


async def _person(asked: _Asked, who: Who) -> str | None:
    try:
        person = await asked.connection.fetchval(A_PERSON, list(who.emails), list(who.ids))
    except asyncpg.PostgresError as error:
        asked.found.lacks(f"plans of the hot calls: no person of the run could be looked up ({_reason(error)})")
        return None
    if person is None:
        asked.found.lacks("plans of the hot calls: the database knows none of the run's people")
    return None if person is None else str(person)


async def _dearest(asked: _Asked) -> list[tuple[int, str, str]]:
    """Id, role and raw text of the statements with the most time, the dearest first."""
    readings = asked.found.rows.get(STATEMENTS, [])
    ids = dearest(readings)
    schema = await asked.connection.fetchval(questions.EXTENSION)
    if not ids or not schema:
        return []
    roles = {row[1]: row[2] for row in readings if row[2] in ROLES}
    rows = await asked.connection.fetch(questions.texts(schema), ids)
    texts = {row[0]: row[1] for row in rows}
    chosen = [
        (one, roles.get(one, ""), texts[one])
        for one in ids
        if one in texts and _PLANNED.match(texts[one]) and not questions.OURS.search(texts[one])
    ]
    return chosen[:MOST_STATEMENTS]


async def _statement(asked: _Asked, query_id: int, role: str, text: str) -> None:
    """Planned with its parameters unknown, and not run: neither a write nor a function does anything."""
    connection = asked.connection
    try:
        async with _acting(asked, role):
            await connection.execute("set local plan_cache_mode = force_generic_plan")
            await connection.fetch(f"prepare {_NAME} as {text}")  # the extended protocol takes one statement, no more
            number = await connection.fetchval(
                "select cardinality(parameter_types) from pg_prepared_statements where name = $1", _NAME
            )
            values = f"({', '.join(['null'] * number)})" if number else ""
            plan = read(await connection.fetchval(f"explain (format json, verbose) execute {_NAME}{values}"))
    except _REFUSED as error:
        asked.add("statement", "", role, query_id, text, None, _reason(error))
    else:
        asked.add("statement", "", role, query_id, text, plan, "")
    finally:
        with contextlib.suppress(*FAULTS):
            await connection.execute("deallocate all")


async def _calls(asked: _Asked) -> None:
    if asked.person is None:
        return
    connection = asked.connection
    conversation = await connection.fetchval(A_CONVERSATION, asked.person)
    plans = []
    for call in HOT_CALLS:
        if call.conversation and conversation is None:
            asked.add("call", call.endpoint, "authenticated", 0, call.sql, None, "that person has no conversation")
            continue
        plans.append((call, conversation if call.conversation else asked.person))
    for call, subject in plans:
        await _call(asked, call, subject)
    try:
        if await connection.fetchval("select current_setting('auto_explain.log_min_duration', true)") is None:
            await connection.execute("load 'auto_explain'")  # where it is not preloaded, superusers may
        await connection.execute(_CHILDREN)
    except asyncpg.PostgresError as error:
        asked.found.lacks(
            f"what goes on within the hot calls' functions: preload auto_explain, and let {asked.role} set it "
            f"({_reason(error)})"
        )
        return
    connection.add_log_listener(asked.hear)
    for call, subject in plans:
        asked.heard.clear()
        with contextlib.suppress(*_REFUSED):  # said when it was explained alone
            async with _acting(asked, "authenticated", writing=call.scratch):
                await connection.fetchval(f"{_EXPLAIN} {call.sql}", subject)
        _within(asked, call)


async def _call(asked: _Asked, call: HotCall, subject: object) -> None:
    """Run twice: what is read for the first time today is not what people wait for."""
    why, plan = "", None
    try:
        for _ in range(2):
            async with _acting(asked, "authenticated", writing=call.scratch):
                answer = await asked.connection.fetchval(f"{_EXPLAIN} {call.sql}", subject)
            plan = read(answer)
    except _REFUSED as error:
        why = _reason(error)
    asked.add("call", call.endpoint, "authenticated", 0, call.sql, plan, why)


def _within(asked: _Asked, call: HotCall) -> None:
    """Of each statement that the call's functions ran: its longest run."""
    longest: dict[str, tuple[float, QueryPlan]] = {}
    for text in asked.heard:
        found = _CHILD.match(text)
        try:
            document = json.loads(found[1]) if found else {}
            plan = read(document)
        except ValueError:
            continue
        said = str(document.get("Query Text", ""))
        ms = plan.steps[0].ms or 0.0
        if not _OWN.match(said) and ms >= longest.get(said, (-1.0, plan))[0]:
            longest[said] = (ms, plan)
    for said, (_, plan) in sorted(longest.items(), key=lambda item: -item[1][0]):
        asked.add("child", call.endpoint, "authenticated", 0, said, plan, "")


@asynccontextmanager
async def _acting(asked: _Asked, role: str, *, writing: bool = False) -> AsyncIterator[None]:
    """A transaction as PostgREST opens it for that person; whatever happens in it is taken back."""
    connection = asked.connection
    await connection.execute(f"begin read {'write' if writing else 'only'}")
    try:
        await connection.execute("set local search_path = public, extensions")
        if role in ROLES:
            subject = {} if role != "authenticated" or asked.person is None else {"sub": asked.person}
            await connection.execute(f"set local role {role}")
            claims = json.dumps({**subject, "role": role})
            await connection.fetchval("select set_config('request.jwt.claims', $1, true)", claims)
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("rollback")


def _reason(error: BaseException) -> str:
    """Why not, without anything that was in a row."""
    if isinstance(error, asyncpg.PostgresError):
        first = str(error).partition("\n")[0]
        return WORDS.known(questions.without_literals(f"{first} ({error.sqlstate})"))[:200]
    return f"{type(error).__name__}"
