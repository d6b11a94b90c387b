"""The assistant: one question at a time, no retry, a status while busy, and failures under 200 (contract 6.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.api.assistant_reading import read_reply, read_status, reply_status
from harness.client.api.call import Service
from harness.client.api.chat_shapes import Summary
from harness.client.screens.browse.suggestions import ensure_assistant
from harness.client.screens.chat.assistant import AssistantChat, assistant_conversation
from harness.client.screens.chat.assistant_turns import DEBOUNCE_S, Turns
from harness.client.screens.chat.parts import Conversation
from harness.core.outcome import Outcome
from tests.client.chat_server import CONVERSATION, OTHER, ChatServer
from tests.client.virtual import VirtualPhone, World

REPLY, STATUS = "assistant-chat-reply", "assistant_reply_status_v1"
BUSY = (200, {"ok": True, "is_typing": True, "is_queued": False})


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def asking(world: World, server: ChatServer) -> tuple[VirtualPhone, AssistantChat]:
    phone = world.phone().signed_in()
    phone.server = server
    return phone, AssistantChat(phone, Conversation(phone, Summary(CONVERSATION, False, (OTHER,))))


def outcomes(world: World) -> list[Outcome]:
    return [outcome for name, outcome, _, _ in world.notebook.operations if name == "assistant_reply"]


def test_an_answer_is_asked_for_600_ms_after_the_message(world: World) -> None:
    phone, chat = asking(world, ChatServer())
    bubble = world.run(chat.say("hello"))
    stored = world.loop.time()
    world.loop.sleep(5.0)
    [reply] = phone.to(REPLY)
    assert reply.at - stored == pytest.approx(0.6, abs=1e-6)
    assert bubble.message is not None
    assert reply.json == {"conversationId": CONVERSATION, "userMessageId": bubble.message.id, "stream": True}
    assert b"x-client-info" not in reply.headers
    assert re.search(rb"x-request-id: [0-9a-f-]{36}\r\n", reply.headers)
    assert b"accept: text/event-stream\r\n" in reply.headers
    assert outcomes(world) == [Outcome.OK]
    assert not chat.busy


def test_a_burst_is_one_question_and_what_comes_meanwhile_waits_as_one(world: World) -> None:
    server = ChatServer()
    phone, chat = asking(world, server)
    for text in ("a", "b"):
        last = world.run(chat.say(text))
        world.loop.sleep(0.2)
    phone.server = lambda sent: None if REPLY in sent.path else server(sent)
    world.loop.sleep(1.0)
    assert [sent.json["userMessageId"] for sent in phone.to(REPLY)] == [last.message.id]
    for text in ("c", "d"):
        world.run(chat.say(text))
        world.loop.sleep(1.0)
    assert len(phone.to(REPLY)) == 1
    newest = chat.conversation.messages[0]
    phone.to(REPLY)[0].answer({"ok": True, "messageId": "m"})
    world.loop.sleep(0.5)
    assert [sent.json["userMessageId"] for sent in phone.to(REPLY)][1:] == [newest.id]


def test_a_message_that_was_not_stored_is_not_answered(world: World) -> None:
    server = ChatServer()
    server.first("messages?select", (500, b""))
    phone, chat = asking(world, server)
    world.run(chat.say("hello"))
    world.loop.sleep(10.0)
    assert phone.to(REPLY) == []


def test_the_status_is_asked_each_2_s_while_busy(world: World) -> None:
    server = ChatServer()
    server.first(STATUS, *[BUSY] * 4)
    phone, chat = asking(world, server)
    world.run(chat.say("hello"))
    world.loop.sleep(60.0)
    at = [sent.at for sent in phone.to(STATUS)]
    assert len(at) == 5
    assert at[1] - at[0] == pytest.approx(2.05, abs=0.01)
    assert phone.to(STATUS)[0].json == {"p_conversation_id": CONVERSATION}
    assert not chat.busy


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (429, {"code": "RATE_LIMITED", "retryAfterSec": 9}, Outcome.RATE_LIMITED),
        (503, {"code": "DB_ERROR"}, Outcome.SERVER_ERROR),
        (200, {"ok": True, "messageId": "m", "aiError": "model down"}, Outcome.SOFT_FAILURE),
        (200, {"ok": True, "superseded": True, "latestMessageId": "m"}, Outcome.OK),
        (200, b'event: error\ndata: {"ok":false,"error":"x"}\n\n', Outcome.SOFT_FAILURE),
        (200, b'event: delta\ndata: {"text":"Hal"}\n\n', Outcome.SOFT_FAILURE),
        (200, b'event: done\r\ndata: {"ok":true,"aiError":"quota"}\r\n\r\n', Outcome.SOFT_FAILURE),
    ],
)
def test_a_failed_answer_is_seen_and_never_asked_for_again(
    world: World, status: int, body: Any, outcome: Outcome
) -> None:
    server = ChatServer()
    server.first(REPLY, (status, body))
    phone, chat = asking(world, server)
    world.run(chat.say("hello"))
    world.loop.sleep(60.0)
    assert len(phone.to(REPLY)) == 1
    assert outcomes(world) == [outcome]


def test_an_answer_that_takes_20_s_is_lost_to_the_phone_but_the_next_question_is_asked(world: World) -> None:
    server = ChatServer()
    phone, chat = asking(world, server)
    phone.server = lambda sent: None if REPLY in sent.path else server(sent)
    world.run(chat.say("one"))
    world.loop.sleep(2.0)
    world.run(chat.say("two"))
    world.loop.sleep(20.0)
    first, second = phone.to(REPLY)
    assert second.at - first.at == pytest.approx(20.0, abs=0.01)
    assert outcomes(world) == [Outcome.TIMEOUT]


def test_a_refused_token_is_renewed_and_the_question_asked_once_more(world: World) -> None:
    server = ChatServer()
    server.first(REPLY, (401, b""), (401, b""))
    fresh = {"access_token": "new", "refresh_token": "r2", "expires_in": 3600, "user": {"id": OTHER}}
    server.first("grant_type=refresh_token", (200, fresh))
    phone, chat = asking(world, server)
    world.run(chat.say("hello"))
    world.loop.sleep(10.0)
    assert len(phone.to("grant_type=refresh_token")) == 1
    first, second = phone.to(REPLY)
    assert b"Bearer token\r\n" in first.headers
    assert b"Bearer new\r\n" in second.headers
    assert outcomes(world) == [Outcome.AUTH]


def test_the_same_token_again_is_no_reason_to_ask_again(world: World) -> None:
    server = ChatServer()
    server.first(REPLY, (403, b""))
    server.first("grant_type=refresh_token", (400, {"error_code": "refresh_token_not_found"}))
    phone, chat = asking(world, server)
    world.run(chat.say("hello"))
    world.loop.sleep(10.0)
    assert len(phone.to(REPLY)) == 1


def test_the_frame_asks_for_the_conversation_three_times_every_six_hours_across_sessions(world: World) -> None:
    phone, _ = asking(world, ChatServer())
    world.run(ensure_assistant(phone))
    world.run(phone.end())
    phone.begin(1, 1.0)
    world.run(ensure_assistant(phone))
    assert [sent.json for sent in phone.to("assistant-get-conversation")] == [{"reason": "bootstrap"}] * 3
    world.loop.sleep(6 * 3600.0)
    world.run(ensure_assistant(phone))
    assert len(phone.to("assistant-get-conversation")) == 6


def test_who_opens_the_chat_asks_for_the_conversation_each_time(world: World) -> None:
    """A route of its own, which looks at nothing that is remembered."""
    phone, _ = asking(world, ChatServer())
    for _ in range(2):
        assert world.run(assistant_conversation(phone)) == Summary(CONVERSATION, False, (OTHER,))
    assert [sent.json for sent in phone.to("assistant-get-conversation")] == [{}, {}]
    world.run(ensure_assistant(phone))
    assert len(phone.to("assistant-get-conversation")) == 2, "the frame knows it from there"


def test_no_random_number_is_drawn_beside_the_session(world: World) -> None:
    """An answer is asked for whenever the last one came: were its request id drawn from the session's numbers, a slow
    server would change what the person does next."""
    thrown = []
    for late_s in (0.05, 30.0):
        server = ChatServer()
        phone, chat = asking(world, server)
        phone.begin(7, 0.0)
        for _ in range(3):
            world.run(chat.say("hello"))
            world.loop.sleep(1.0)
        world.loop.sleep(late_s)
        thrown.append([phone.behaviour.rng.random(), phone.behaviour.pick("question", range(1000))])
    assert thrown[0] == thrown[1]


def test_leaving_ends_the_status_and_not_the_answer(world: World) -> None:
    server = ChatServer()
    server.first(STATUS, *[BUSY] * 100)
    phone, chat = asking(world, server)
    world.run(chat.conversation.open())
    world.run(chat.say("hello"))
    chat.leave()
    before = len(phone.to(STATUS))
    world.loop.sleep(20.0)
    assert len(phone.to(STATUS)) == before
    assert outcomes(world) == [Outcome.OK]


@given(st.lists(st.sampled_from(["wrote", "fire", "ended", "wait"]), max_size=60))
def test_one_question_at_a_time_and_the_newest_is_always_asked(steps: list[str]) -> None:
    turns, now, written, asked = Turns(), 0.0, 0, list[int]()
    for step in [*steps, "wait", "fire", "ended", "fire", "ended", "ended"]:
        if step == "wrote":
            written += 1
            turns.wrote(str(written), now)
            assert turns.due == now + DEBOUNCE_S
        elif step == "wait":
            now += DEBOUNCE_S
        elif step == "fire":
            idle = turns.asking is None
            message = turns.fire(now)
            assert message is None or idle, "one at a time"
            asked += [int(message)] if message else []
        elif turns.asking is not None:
            message = turns.ended()
            asked += [int(message)] if message else []
    assert asked == sorted(set(asked)), "never twice, never backwards"
    assert (asked[-1] if asked else 0) == written
    assert not turns.busy


@given(st.binary(max_size=80), st.sampled_from([200, 201, 400, 500]))
def test_any_reply_is_read_without_complaint(body: bytes, status: int) -> None:
    for text in (body, b"event: done\ndata: " + body + b"\n\n"):
        assert read_reply(Service.FUNCTION, status, text).status == status
        reading = read_status(Service.REST, status, text)
        assert reading.status == status
        reply_status(reading.data)


def test_a_refused_status_is_a_soft_failure() -> None:
    reading = read_status(Service.REST, 200, orjson.dumps({"ok": False, "code": "FORBIDDEN"}))
    assert (reading.outcome, reading.code) == (Outcome.SOFT_FAILURE, "FORBIDDEN")
