"""`POST /functions/v1/assistant-chat-reply`: thinks of a reply and stores it as a message (contract 6.6).

Answers as JSON or, with `stream`, as events; by default those leave only when the reply is complete, because that is
how it is shipped. With `assistant_settings.params.stream_passthrough` on and an `accept` for events they leave as they
come, and only then can a failure be an `error` event. The job runner's calls without a bearer are refused: there is no
runner here.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, intake
from sandbox.functions.assistant import identity as assistant_identity
from sandbox.functions.assistant import reply_model as assistant_reply_model
from sandbox.functions.assistant import reply_request as assistant_reply_request
from sandbox.functions.assistant import reply_store as assistant_reply_store
from sandbox.functions.assistant import stream as assistant_stream
from sandbox.functions.assistant.identity import AssistantMissing
from sandbox.functions.assistant.reply_model import ModelFailed, ModelReply, Wanted
from sandbox.functions.assistant.reply_request import BadReplyRequest, ReplyRequest
from sandbox.functions.envelope import FunctionRefusal
from sandbox.services import Services, log

NAME = "assistant-chat-reply"
_PARTICIPANTS_SQL = "select user_id::text from public.conversation_participants where conversation_id = $1"
_SETTINGS_SQL = """
select behavior::text, params::text, model_fast, model_creative, model_planner, model_maker, model_critic,
  fallback_models, model_catalog
from public.assistant_settings where id = 1
"""
_LIMIT_SQL = "select public.rate_limit_check_v1($1, $2, $3)"
_LIMIT, _LIMIT_RANGE = 6, (1, 30)
_WINDOW_S, _WINDOW_RANGE_S = 60, (10, 600)


@dataclass(frozen=True, slots=True)
class Task:
    """A reply that has to be thought of."""

    asked: ReplyRequest
    user_id: str
    assistant_id: str
    wanted: Wanted
    handles: list[str]
    passthrough: bool
    tool_failed: bool = False


async def handle(services: Services, request: Request) -> Response:
    """Body, then person, then everything else; unexpected trouble is 503 INTERNAL_ERROR."""
    begun = time.monotonic()
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.method_not_allowed(request)
    body = await intake.json_body(request)
    try:
        asked = assistant_reply_request.parse(body)
    except BadReplyRequest:
        intake.bad_body(request)
    if not request.headers.get("authorization"):  # as from the job runner, whose token nobody here has
        return envelope.reply(request, {"ok": False, "error": "Unauthorized", "code": "INVALID_JOB_TOKEN"}, 401)
    me = (await assistant_identity.caller(services, request)).user_id
    quota = _Quota.of(services, request, me)
    try:
        async with services.acting(services.service) as connection:
            task = await _prepare(
                connection, request, asked, me, quota, begun, services.switches.assistant_tool_failing_one_in
            )
        if isinstance(task, Response):
            return task
        if task.tool_failed and services.switches.assistant_partial_missing:
            return envelope.error(request, "Tool failed", 502, "TOOL_ERROR")
        if task.passthrough:
            return assistant_stream.live(request, _as_it_comes(services, task))
        answer = await assistant_reply_model.answer(services, task.wanted)
        if answer.ai_error is not None and services.switches.assistant_fallback_missing:
            return envelope.error(request, "AI provider error", 502, answer.ai_error["code"])
        return _told(request, asked, await _store(services, task, answer), answer.text)
    except AssistantMissing as error:
        return error.reply(request, 503)
    except intake.DATABASE_ERRORS as error:
        log.warning("%s: %s", NAME, error)
        return envelope.error(request, "Internal server error", 503, "INTERNAL_ERROR")


@dataclass(frozen=True, slots=True)
class _Quota:
    """Under which key a person's questions are counted, and how many more than the limit are answered."""

    key: str
    more: int = 0

    @classmethod
    def of(cls, services: Services, request: Request, me: str) -> _Quota:
        key = f"assistant_chat_reply:{me}"
        if services.switches.assistant_quota_per_device:
            token = request.headers["authorization"].partition(" ")[2]
            key = f"{key}:{services.tokens.verify(token).session_id}"
        return cls(key, int(services.switches.assistant_quota_off_by_one))


async def _prepare(
    connection: asyncpg.Connection,
    request: Request,
    asked: ReplyRequest,
    me: str,
    quota: _Quota,
    begun: float,
    tool_fails_one_in: int = 0,
) -> Task | Response:
    """Every check in its order, the quota last; what it writes, it writes even when it answers itself.

    :raises FunctionRefusal: 400, 403, 404, 503.
    """
    assistant = await assistant_identity.find(connection)
    await _membership(connection, request, asked.conversation_id, me, assistant.id)
    try:
        messages = await assistant_reply_store.recent(connection, asked.conversation_id, asked.context)
    except asyncpg.PostgresError:
        raise FunctionRefusal(envelope.error(request, "Database error", 503, "DB_ERROR")) from None
    if asked.message_id is not None:
        trigger = next((message for message in messages if message.id == asked.message_id), None)
        if trigger is None:
            message = "User message not found in conversation"
            return envelope.error(request, message, 404, "USER_MESSAGE_NOT_FOUND")
        if trigger.user_id != me or trigger.sender_id != me:
            return envelope.error(request, "Forbidden", 403, "FORBIDDEN")
        settled = await _settled(connection, asked, me, assistant.id)
        if settled is not None:
            return _told(request, asked, settled)
    row = await connection.fetchrow(_SETTINGS_SQL)
    behavior, params = (orjson.loads(row["behavior"]), orjson.loads(row["params"])) if row else ({}, {})
    limited = await _limited(connection, asked, quota, behavior)
    if limited is not None:
        return _too_many(request, limited)
    own = [message for message in messages if message.user_id == me and message.text]
    anchor = asked.message_id or (own[0].id if own else None)
    fails = assistant_reply_store.tool_fails(anchor, tool_fails_one_in)
    titles, handles = await assistant_reply_store.evidence(connection, me, asked.conversation_id, anchor, fails=fails)
    question = asked.text or (own[0].text if own else None) or ""
    events_wanted = asked.stream and "text/event-stream" in request.headers.get("accept", "")
    passthrough = events_wanted and params.get("stream_passthrough") is True
    wanted = Wanted(
        question.strip(),
        titles,
        me,
        asked.conversation_id,
        envelope.request_id(request.headers),
        assistant_reply_model.models_of(row),
        params,
        begun,
    )
    return Task(asked, me, assistant.id, wanted, handles, passthrough, fails)


async def _membership(
    connection: asyncpg.Connection, request: Request, conversation_id: str, me: str, assistant_id: str
) -> None:
    """:raises FunctionRefusal: 403, 400, 503."""
    try:
        people = {row["user_id"] for row in await connection.fetch(_PARTICIPANTS_SQL, conversation_id)}
    except asyncpg.PostgresError as error:
        message, detail = "Participants fetch failed", intake.message_of(error)
        refusal = envelope.error(request, message, 503, "PARTICIPANTS_FETCH_FAILED", detail=detail)
        raise FunctionRefusal(refusal) from None
    if me not in people:
        message = "You are not a participant of this conversation"
        raise FunctionRefusal(envelope.error(request, message, 403, "NOT_CONVERSATION_PARTICIPANT"))
    if assistant_id not in people:
        message = "This conversation is not with the assistant"
        raise FunctionRefusal(envelope.error(request, message, 400, "NOT_ASSISTANT_CONVERSATION"))


async def _settled(
    connection: asyncpg.Connection, asked: ReplyRequest, me: str, assistant_id: str
) -> dict[str, Any] | None:
    """The answer when nothing has to be thought of: replied already, or overtaken by a newer message."""
    assert asked.message_id is not None
    conversation_id = asked.conversation_id
    found = await assistant_reply_store.existing(connection, conversation_id, assistant_id, asked.message_id)
    if found is not None:
        await assistant_reply_store.settle(connection, conversation_id, asked.message_id, {"reused": True})
        return {"ok": True, "reused": True, "messageId": found["id"], "messageRow": {"id": found["id"]}}
    newest = await assistant_reply_store.latest(connection, conversation_id, me)
    if newest is None or newest == asked.message_id:
        return None
    about = {"superseded": True, "latestMessageId": newest}
    await assistant_reply_store.settle(connection, conversation_id, asked.message_id, about)
    return {"ok": True, **about}


async def _limited(
    connection: asyncpg.Connection, asked: ReplyRequest, quota: _Quota, behavior: dict[str, Any]
) -> int | None:
    """Seconds to wait when this person's quota is spent; the queued job is put off as long."""
    rule = (behavior.get("rate_limit") or {}).get("chat_reply") or {}
    limit = _clamped(rule.get("limit", rule.get("max")), _LIMIT, _LIMIT_RANGE) + quota.more
    window = _clamped(rule.get("window_seconds"), _WINDOW_S, _WINDOW_RANGE_S)
    verdict = orjson.loads(await connection.fetchval(_LIMIT_SQL, quota.key, limit, window))
    if verdict["allowed"]:
        return None
    wait = max(1, int(verdict["retryAfterSec"]))
    about = {"rateLimited": True, "retryAfterSec": wait}
    await assistant_reply_store.settle(
        connection,
        asked.conversation_id,
        asked.message_id,
        about,
        status="pending",
        error="RATE_LIMITED",
        again_in_s=float(wait),
    )
    return wait


def _clamped(given: Any, default: int, bounds: tuple[int, int]) -> int:
    usable = isinstance(given, int | float) and not isinstance(given, bool)
    return max(bounds[0], min(bounds[1], int(given))) if usable else default


def _too_many(request: Request, wait: int) -> Response:
    body = {"ok": False, "code": "RATE_LIMITED", "message": "Too many requests", "retryAfterSec": wait}
    return envelope.reply(request, body, 429, extra=(("retry-after", str(wait)),))


async def _store(services: Services, task: Task, answer: ModelReply) -> dict[str, Any]:
    """Store the reply and settle its job; the body to answer with. What was replied meanwhile is told in full."""
    asked = task.asked
    about = {"authMode": "user"} if not task.passthrough else {"streamPassthrough": True}
    try:
        async with services.acting(services.service) as connection:
            row = await assistant_reply_store.store(
                connection, asked.conversation_id, task.assistant_id, asked.message_id, answer, task.handles
            )
            settled = {"messageId": row["id"], **about}
            await assistant_reply_store.settle(connection, asked.conversation_id, asked.message_id, settled)
    except asyncpg.UniqueViolationError:
        assert asked.message_id is not None  # only a reply to a message has the key
        async with services.acting(services.service) as connection:
            found = await assistant_reply_store.existing(
                connection, asked.conversation_id, task.assistant_id, asked.message_id
            )
            if found is not None and not task.passthrough:
                again = {"reused": True}
                await assistant_reply_store.settle(connection, asked.conversation_id, asked.message_id, again)
        if found is None:
            raise
        reused = {"ok": True, "reused": True, "messageId": found["id"], "messageRow": found}
        return {**reused, **_thought_of(asked, answer)} if task.passthrough else reused
    done = {"ok": True, "messageId": row["id"], **_thought_of(asked, answer), "messageRow": row}
    return done if task.passthrough else {**done, "navigateTo": None, "aiError": answer.ai_error}


def _thought_of(asked: ReplyRequest, answer: ModelReply) -> dict[str, Any]:
    return {"conversationId": asked.conversation_id, "model": answer.model}


def _told(request: Request, asked: ReplyRequest, body: dict[str, Any], text: str = "") -> Response:
    return assistant_stream.finished(request, body, text) if asked.stream else envelope.reply(request, body)


async def _as_it_comes(services: Services, task: Task) -> AsyncIterator[bytes]:
    """Deltas, then the stored reply; any failure is an event, because the status has long been sent."""
    try:
        if assistant_reply_model.configured(services):
            answer: ModelReply | None = None
            async for part in assistant_reply_model.stream(services, task.wanted):
                if isinstance(part, str):
                    yield assistant_stream.event("delta", {"text": part})
                else:
                    answer = part
            assert answer is not None  # the last part
        else:
            answer = await assistant_reply_model.answer(services, task.wanted)
            for delta in assistant_stream.deltas(answer.text):
                yield delta
        yield assistant_stream.event("done", {**await _store(services, task, answer), "streamPassthrough": True})
    except (ModelFailed, *intake.DATABASE_ERRORS) as error:
        yield assistant_stream.event("error", {"ok": False, "error": str(error)[:600]})
