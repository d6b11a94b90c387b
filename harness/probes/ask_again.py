"""After a run, some of its questions once more: as the same people, past any proxy of the run, into its record (I80).

Only what asks and changes nothing (`harness.client.checks.shown_again`), at the pace that the target allows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from harness.client.api import calls, chat_calls
from harness.client.api.call import Call
from harness.client.checks.shown_again import AGAIN
from harness.client.http.paced import paced
from harness.core import ids
from harness.core.instants import epoch_us
from harness.core.reply_print import key_of, printed, rows_at
from harness.core.resolved_target import ResolvedTarget
from harness.core.rows import Row, Rows
from harness.core.tables import READ_AGAIN, READ_PRINTS, SCHEMAS
from harness.egress import web
from harness.egress.gate import Gate
from harness.probes import again_chosen
from harness.probes.again_chosen import Asked
from harness.probes.ask import NO_USE
from harness.probes.context import SignedInPerson, signed_in
from harness.record.added import add_tables
from harness.record.store import open_run

TIMEOUT_S = 30.0
ALL_S = 60.0
"""For all of it: whatever a target does, the run comes to its end."""
GOOD = (200, 206)
"""PostgREST says 206 of a page where the question is how many rows there are as well, and there are more."""
LARGEST = 16_000_000
"""Bytes of one answer."""
AT_ONCE = 2
"""People who ask side by side, each one question after the other."""
CALLS: Mapping[str, Call] = {
    call.name: call
    for module in (chat_calls, calls)
    for call in vars(module).values()
    if isinstance(call, Call) and call.name in AGAIN
}


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """How it went. problem: why fewer were asked than were chosen; empty: all were."""

    asked: int = 0
    answered: int = 0
    people: int = 0
    problem: str = ""
    took_s: float = 0.0


def ask_again(folder: Path, access: ResolvedTarget) -> AskedAgain:
    """Ask, and keep the answers in numbers. Never raises for what the target does.

    :raises HarnessError: the record cannot be written.
    """
    began = time.monotonic()
    files = open_run(folder)
    zero = files.manifest.zero_epoch_s
    chosen = again_chosen.chosen(files.rows(READ_PRINTS, again_chosen.COLUMNS)) if zero is not None else {}
    if zero is None or not chosen:
        return AskedAgain()
    rows, problem, people = asyncio.run(_asked(access, chosen, zero))
    if rows:
        add_tables(folder, {READ_AGAIN: Rows(READ_AGAIN, rows).batch()})
    answered = sum(row[_KEYS] is not None for row in rows)
    return AskedAgain(len(rows), answered, people, problem, round(time.monotonic() - began, 2))


async def _asked(
    access: ResolvedTarget, chosen: Mapping[int, Sequence[Asked]], zero: float
) -> tuple[list[Row], str, int]:
    client = web.async_client(
        Gate(access.reach), base_url=access.url, timeout=TIMEOUT_S, event_hooks=paced(access.limits)
    )
    waiting, rows, problems, people = list(chosen.items()), list[Row](), list[str](), list[int]()

    async def ask(http: httpx.AsyncClient) -> None:
        while waiting and not problems:
            number, questions = waiting.pop(0)
            try:
                me = await signed_in(http, access, number)
                account = ids.raw(me.user_id)
            except NO_USE as error:
                if reason := _why_no_more(error):
                    problems.append(reason)
                continue  # whoever signed up in the run is none of the target's people, say
            people.append(number)
            for question in questions:
                if account == question.account:
                    rows.append(await _answer(http, access, me, question, zero))

    async with client as http:
        try:
            async with asyncio.timeout(ALL_S):
                await asyncio.gather(*(ask(http) for _ in range(AT_ONCE)))
        except TimeoutError:
            problems.append(f"the target took more than {ALL_S:.0f} s")
    return rows, problems[0] if problems else "", len(people)


def _why_no_more(error: Exception) -> str:
    """Why nobody else is to be signed in; empty where it was this one alone."""
    if isinstance(error, httpx.HTTPStatusError):
        return "the target's sign-in limit is reached" if error.response.status_code == 429 else ""
    return f"no reply to a sign-in ({type(error).__name__})" if isinstance(error, httpx.HTTPError) else ""


async def _answer(
    http: httpx.AsyncClient, access: ResolvedTarget, me: SignedInPerson, question: Asked, zero: float
) -> Row:
    call, how, asked_us = CALLS[question.call], AGAIN[question.call], round((time.time() - zero) * 1e6)
    nothing = (asked_us, *question, None, None, None, None)
    try:
        arguments = orjson.loads(question.arguments)
        body = None if question.body == "null" else question.body.encode()
        request = http.build_request(
            call.method, call.path.format(*arguments), headers=_headers(call, access, me), content=body
        )
        found = await _read(http, request)
        if found is None:
            return nothing
        rows = rows_at(orjson.loads(found), how.under)
        shown = printed(rows, how.key)
    except NO_USE:
        return nothing
    made: dict[str, bytes] = {}
    for row in rows:
        named = key_of(row, how.key)
        if named is not None:
            made.setdefault(named, max(0, epoch_us(_text(row.get(how.made))) or 0).to_bytes(8, "big"))
    dates = b"".join(made[key] for key in shown.keys.split(",")) if shown.keys else b""
    return (asked_us, *question, *shown, dates)


async def _read(http: httpx.AsyncClient, request: httpx.Request) -> bytes | None:
    """The body of a good answer that is not too large."""
    reply = await http.send(request, stream=True)
    try:
        found = bytearray()
        async for piece in reply.aiter_bytes():
            found += piece
            if reply.status_code not in GOOD or len(found) > LARGEST:
                return None
        return bytes(found) if reply.status_code in GOOD else None
    finally:
        await reply.aclose()


def _headers(call: Call, access: ResolvedTarget, me: SignedInPerson) -> dict[str, str]:
    lines = dict(line.split(": ", 1) for line in call.headers.decode().splitlines())
    own = {"apikey": access.anon_key.reveal(), "authorization": f"Bearer {me.token}"}
    return {"content-type": "application/json"} | lines | own if call.method != "GET" else lines | own


def _text(value: Any) -> str | None:
    return value if type(value) is str else None


_KEYS = SCHEMAS[READ_AGAIN].names.index("keys")
