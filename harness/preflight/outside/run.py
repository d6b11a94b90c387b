"""Asks a deployment from outside: finds out what there is, lists every request, sends them, and tidies up."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import jwt

from harness.client.auth.account import Account
from harness.core.counted import counted
from harness.core.errors import TargetError
from harness.core.resolved_target import ResolvedTarget
from harness.egress import database
from harness.egress.gate import Gate
from harness.preflight.model import MOST_CALLS, PreflightFinding, by_gravity
from harness.preflight.outside import matrix
from harness.preflight.outside.catalogue import exposed
from harness.preflight.outside.model import Answers, Ask, Found, Question, Relation, Rpc, SignedIn, Surface
from harness.preflight.outside.questions import QUESTIONS
from harness.preflight.outside.sender import Sender
from harness.preflight.outside.surface import from_openapi
from harness.preflight.outside.tokens import bad_tokens

DATABASE = {"application_name": "movinesta-harness preflight", "statement_timeout": "10000", "lock_timeout": "1000"}
NO_USE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What comes of replies that have another shape than the app's; a deployment may answer anything."""
MINIMAL = (("prefer", "return=minimal"),)


@dataclass(frozen=True)
class Asked:
    """What came of it.

    listed: every request that could be sent, the first `read` of them to know the
    others; sent: those that were.
    """

    findings: tuple[PreflightFinding, ...]
    asked: int
    unasked: tuple[str, ...]
    listed: tuple[Ask, ...]
    sent: tuple[Ask, ...]
    statements: tuple[str, ...]
    tag: str
    took_s: float
    read: int


@dataclass
class _Settings:
    people: tuple[int, int]
    tag: str
    calls: int
    largest: int
    questions: Sequence[Question]
    only_list: bool


@dataclass
class _Read:
    """What was found out before the first question."""

    relations: tuple[Relation, ...] = ()
    functions: tuple[Rpc, ...] = ()
    source: str = ""
    listed: list[Ask] = field(default_factory=list)


def outside(
    access: ResolvedTarget,
    *,
    people: tuple[int, int] = (0, 1),
    tag: str = "",
    calls: int = MOST_CALLS,
    largest: int = 1 << 20,
    questions: Sequence[Question] = QUESTIONS,
    only_list: bool = False,
) -> Asked:
    """Ask everything.

    people: numbers of two synthetic people. tag: in every row that is made; one of this asking's own by default.
    calls: of one endpoint at most, within a minute, to find its limit. largest: bytes of the largest body.
    only_list: find out what there is, list the requests, send none of them.
    :raises TargetError: nobody can sign in, or what the API exposes cannot be read.
    """
    settings = _Settings(people, tag or secrets.token_hex(4), calls, largest, questions, only_list)
    return asyncio.run(_outside(access, settings))


async def _outside(access: ResolvedTarget, settings: _Settings) -> Asked:
    began = time.monotonic()
    async with Sender(access, {}) as send:
        read = _Read()
        surface = await _surface(access, send, read, settings)
        send.know({"me": surface.me.token, "other": surface.other.token})
        send.know(
            bad_tokens(surface.me.token, access.signing_secret.reveal() or access.jwt_secret.reveal(), time.time())
        )
        reads = len(read.listed)
        before, after = _before(surface), _after(surface, access)
        plans = [(question, list(question.plan(surface))) for question in settings.questions]
        read.listed += [*before, *(one for _, plan in plans for one in plan), *after]
        statements = tuple(matrix.listed(surface)) if access.dsn else ()
        answers: list[tuple[Question, Answers]] = []
        if not settings.only_list:
            answers = await _asked(access, send, surface, plans, before, after)
        else:
            await _all(send, _sign_outs(access))
    findings, unasked = _gathered(answers)
    took = round(time.monotonic() - began, 2)
    return Asked(
        tuple(by_gravity(findings)),
        len(answers),
        tuple(unasked),
        tuple(read.listed),
        tuple(send.sent),
        statements,
        settings.tag,
        took,
        reads,
    )


async def _asked(
    access: ResolvedTarget,
    send: Sender,
    surface: Surface,
    plans: Sequence[tuple[Question, list[Ask]]],
    before: Sequence[Ask],
    after: Sequence[Ask],
) -> list[tuple[Question, Answers]]:
    answers = []
    try:
        for one in await _all(send, before):
            if not one.ok:
                raise TargetError(
                    f"the conversation to ask in could not be made: {one.text}",
                    remedy="may the service key write conversations? Leave keys.service_env out to go without",
                )
        tried = await _matrix(access, surface) if access.dsn else {}
        for question, plan in plans:
            send.allow(plan)
            try:
                answer = await question.ask(surface, send)
            except NO_USE as error:
                answer = Answers(unasked=(f"the target's answer was of no use: {type(error).__name__}",))
            if send.unanswered:
                why = f"{counted(len(send.unanswered), 'request')} were not answered: {send.unanswered[0]}"
                answer = Answers(answer.found, (*answer.unasked, why))
                send.unanswered.clear()
            answers.append((question, _with(answer, tried.get(question.id))))
    finally:
        await _all(send, after)
    return answers


async def _all(send: Sender, asks: Iterable[Ask]) -> list[Any]:
    replies = []
    for one in asks:
        send.allow([one])
        replies.append(await send(one))
    return replies


def _with(answer: Answers, tried: Answers | None) -> Answers:
    """What HTTP showed goes before what a statement showed of the same."""
    if tried is None:
        return answer
    known = {one.object for one in answer.found}
    more = tuple(one for one in tried.found if one.object not in known)
    return Answers((*answer.found, *more), (*answer.unasked, *tried.unasked))


def _gathered(answers: Iterable[tuple[Question, Answers]]) -> tuple[list[PreflightFinding], list[str]]:
    findings: dict[tuple[str, str], PreflightFinding] = {}
    unasked = []
    for question, answer in answers:
        for one in answer.found:
            made = _finding(question, one)
            findings.setdefault(made.key, made)
        unasked += [f"{question.id}: {why}" for why in answer.unasked]
    return list(findings.values()), unasked


def _finding(question: Question, one: Found) -> PreflightFinding:
    return PreflightFinding(
        lint=question.id,
        severity=one.severity or question.severity,
        title=question.title,
        why=question.why,
        manual=question.manual,
        object=one.object,
        evidence=one.evidence,
        remedy=one.remedy,
    )


# ---- before and after ------------------------------------------------------------------------------------------------


async def _surface(access: ResolvedTarget, send: Sender, read: _Read, settings: _Settings) -> Surface:
    me, other = [
        await _signed_in(access, send, read, number, who)
        for number, who in zip(settings.people, ("me", "other"), strict=True)
    ]
    await _exposed(access, send, read)
    mine, others = [
        await _known(send, read, f"conversation_participants?select=conversation_id&user_id=eq.{one.user_id}", who)
        for one, who in ((me, "me"), (other, "other"))
    ]
    direct = f"conversations?select=id&direct_participant_ids=cs.{{{me.user_id}}}"
    known = await _known(send, read, direct, "service") if access.service_key else []
    titles = await _known(send, read, "media_items?select=id&limit=1", "me")
    surface = Surface(
        me=me,
        other=other,
        relations=read.relations,
        functions=read.functions,
        source=read.source,
        tag=settings.tag,
        shared=tuple(sorted(set(mine) & set(others))),
        mine=tuple(sorted(set(mine) - set(others))),
        others=tuple(sorted(set(others) - set(mine))),
        title=next(iter(titles), ""),
        direct=tuple(sorted(known)),
        has_service=bool(access.service_key),
        signs=bool(access.signing_secret or access.jwt_secret),
        calls=settings.calls,
        largest=settings.largest,
    )
    if not surface.has_service:
        return surface
    ours, alone = surface.id("conversation of both"), surface.id("conversation of mine")
    return replace(surface, shared=(ours, *surface.shared), mine=(alone, *surface.mine))


def _before(surface: Surface) -> list[Ask]:
    """Two conversations of this asking's own, where the service key can take them away again."""
    if not surface.has_service:
        return []
    me, other = surface.me.user_id, surface.other.user_id
    ours, alone = surface.shared[0], surface.mine[0]
    named = {"is_group": True, "title": f"preflight {surface.tag}", "created_by": me}
    members = [(ours, me), (ours, other), (alone, me)]
    return [
        Ask("POST", "/rest/v1/conversations", "service", [{"id": one, **named} for one in (ours, alone)], MINIMAL),
        Ask(
            "POST",
            "/rest/v1/conversation_participants",
            "service",
            [{"conversation_id": one, "user_id": person, "role": "member"} for one, person in members],
            MINIMAL,
        ),
    ]


def _after(surface: Surface, access: ResolvedTarget) -> list[Ask]:
    """Takes away what questions leave: the conversations with all that is in them, counters of limits, sessions."""
    asks = []
    if surface.has_service:
        keys = ",".join(f"user:{one.user_id}" for one in (surface.me, surface.other))
        asks = [
            Ask(
                "DELETE",
                f"/rest/v1/conversations?id=in.({surface.shared[0]},{surface.mine[0]})",
                "service",
                headers=MINIMAL,
            ),
            Ask("DELETE", _made_meanwhile(surface), "service", headers=MINIMAL),
            Ask("DELETE", f"/rest/v1/rate_limits?key=in.({keys})", "service", headers=MINIMAL),
        ]
    return [*asks, *_sign_outs(access)]


def _made_meanwhile(surface: Surface) -> str:
    """Of my direct conversations those that functions made when they were called."""
    known = f"&id=not.in.({','.join(surface.direct)})" if surface.direct else ""
    return f"/rest/v1/conversations?is_group=is.false&direct_participant_ids=cs.{{{surface.me.user_id}}}{known}"


def _sign_outs(access: ResolvedTarget) -> list[Ask]:
    if access.user_ids:
        return []
    return [Ask("POST", "/auth/v1/logout?scope=local", who) for who in ("me", "other")]


async def _signed_in(access: ResolvedTarget, send: Sender, read: _Read, number: int, who: str) -> SignedIn:
    email = access.email_pattern.format(index=number)
    if access.user_ids:
        person = access.user_ids[number]
        account = Account.minted(person, email, access.jwt_secret.reveal(), now=0.0, epoch=time.time())
        send.know({who: account.access_token})  # the reads that follow are theirs
        return SignedIn(person, account.access_token)
    one = Ask("POST", "/auth/v1/token?grant_type=password", "anonymous", {"email": email, "password": "***"})
    read.listed.append(one)
    reply = await send.sign_in(one, {"email": email, "password": access.password.reveal()})
    found = reply.json()
    try:
        person, token = str(found["user"]["id"]), str(found["access_token"])
        jwt.decode(token, options={"verify_signature": False})
    except (LookupError, TypeError, jwt.PyJWTError):
        raise TargetError(
            f"person {number} cannot sign in: {reply.text}",
            where=access.url,
            remedy="make people with `harness users provision`, and look at the password's variable",
        ) from None
    send.know({who: token})
    return SignedIn(person, token)


async def _exposed(access: ResolvedTarget, send: Sender, read: _Read) -> None:
    """:raises TargetError: it cannot be read."""
    if access.dsn:
        connection = await _connected(access)
        try:
            read.relations, read.functions = await exposed(connection)
        finally:
            connection.terminate()
        read.source = "Postgres"
        return
    one = Ask("GET", "/rest/v1/", "service" if access.service_key else "anonymous")
    send.allow([one])
    read.listed.append(one)
    reply = await send(one)
    try:
        read.relations, read.functions = from_openapi(reply.json())
    except (ValueError, AttributeError, LookupError, TypeError):
        raise TargetError(
            f"what the API exposes cannot be read: its OpenAPI document is answered {reply.text}",
            where=access.url,
            remedy="name keys.service_env or keys.dsn_env in the target file",
        ) from None
    read.source = "OpenAPI"


async def _known(send: Sender, read: _Read, path: str, who: str) -> list[str]:
    """The one column that a read asks for."""
    one = Ask("GET", f"/rest/v1/{path}", who)
    send.allow([one])
    read.listed.append(one)
    return [str(next(iter(row.values()))) for row in (await send(one)).rows if row]


async def _matrix(access: ResolvedTarget, surface: Surface) -> dict[str, Answers]:
    connection = await _connected(access)
    try:
        return await matrix.tried(connection, surface)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        why = f"the database went away while tables were tried: {type(error).__name__}"
        return {question: Answers(unasked=(why,)) for question in (matrix.ANONYMOUS, matrix.OTHERS)}
    finally:
        connection.terminate()


async def _connected(access: ResolvedTarget) -> asyncpg.Connection:
    """:raises TargetError:"""
    try:
        return await database.connect(
            Gate(access.reach),
            access.dsn.reveal(),
            timeout=10.0,
            command_timeout=15.0,
            statement_cache_size=0,
            server_settings=DATABASE,
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise TargetError(
            f"the target's database does not let this machine in: {type(error).__name__}",
            remedy="look at the connection string; without keys.dsn_env the API's own description is used",
        ) from None
