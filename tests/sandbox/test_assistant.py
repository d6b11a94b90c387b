"""The assistant over real HTTP: conversation, replies as JSON and as events, suggestions, buttons, tool results."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.functions.assistant import drafts as assistant_drafts
from sandbox.functions.assistant import reply_model as assistant_reply_model
from sandbox.functions.assistant import reply_request as assistant_reply_request
from sandbox.functions.assistant import stream as assistant_stream
from sandbox.functions.assistant import tool_result as assistant_tool_result
from sandbox.functions.assistant.drafts import Known, SuggestedTitle
from sandbox.functions.assistant.reply_request import BadReplyRequest
from sandbox.functions.assistant.tool_result import Cuts
from sandbox.provider import models as provider_models
from sandbox.provider import reply_text as assistant_reply_text
from sandbox.provider.reply_text import MentionedTitle
from sandbox.server import Sandbox, SandboxOptions
from sandbox.switches import Switches
from tests.sandbox.signed_in import Person, enter, send, sql

OPEN, REPLY, ORCHESTRATE = "assistant-get-conversation", "assistant-chat-reply", "assistant-orchestrator"
SUGGESTION, PRESS, RESULT = "assistant-suggestion-action", "assistant-message-action", "assistant-tool-result"
JSON = {"content_type": "application/json"}


@pytest.fixture(scope="module", autouse=True)
def quick_model() -> Iterator[None]:
    """The tests ask often; the time a model takes is tested by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider_models, "PACE", 0.05)
        yield


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=60, catalogue=60)) as running:
        yield running


_people = iter(range(1000))


@pytest.fixture
def someone(sandbox: Sandbox) -> Iterator[Person]:
    """The next of the people, with every quota unspent."""
    person = enter(sandbox, next(_people) % 60)
    sql(sandbox, "delete from public.rate_limits where key like $1", f"%{person.id}%")
    yield person
    person.client.close()


def conversation(person: Person) -> str:
    return str(person.call(OPEN, {"reason": "test"}).json()["conversationId"])


def ask(person: Person, conversation_id: str, text: str = "What should I watch?", **body: Any) -> httpx.Response:
    message_id = send(person, conversation_id, text)
    return person.call(REPLY, {"conversationId": conversation_id, "userMessageId": message_id, **body})


def refusal(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["code"]


def assistant_of(sandbox: Sandbox) -> str:
    return str(sql(sandbox, "select public.get_assistant_user_id_v1()::text as id")[0]["id"])


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Server-sent events, read strictly: a name, one line of data, an empty line."""
    found = []
    assert text.endswith("\n\n")
    for block in text[:-2].split("\n\n"):
        name, data = block.split("\n")
        assert name.startswith("event: ")
        assert data.startswith("data: ")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


# --- the conversation


def test_there_is_one_conversation_with_the_assistant(someone: Person) -> None:
    first = someone.call(OPEN, {"reason": "x"})
    assert first.status_code == 200
    body = first.json()
    assert body["assistant"] == {
        "id": assistant_of(someone.sandbox),
        "username": "movinesta",
        "display_name": "MoviNesta AI",
        "avatar_url": None,
    }
    assert conversation(someone) == body["conversationId"]
    status = someone.client.post(
        "/rest/v1/rpc/assistant_reply_status_v1",
        json={"p_conversation_id": body["conversationId"]},
        headers=someone.headers,
    ).json()
    assert (status["ok"], status["is_typing"], status["is_queued"]) == (True, False, False)


def test_blocks_close_the_conversation(someone: Person) -> None:
    assistant = assistant_of(someone.sandbox)
    block = "insert into public.blocked_users (blocker_id, blocked_id) values ($1, $2)"
    sql(someone.sandbox, block, someone.id, assistant)
    assert refusal(someone.call(OPEN, {})) == (403, "BLOCKED_BY_SELF")
    sql(someone.sandbox, "delete from public.blocked_users where blocker_id = $1", someone.id)
    sql(someone.sandbox, block, assistant, someone.id)
    assert refusal(someone.call(OPEN, {})) == (403, "BLOCKED_BY_OTHER")
    sql(someone.sandbox, "delete from public.blocked_users where blocked_id = $1", someone.id)


@pytest.mark.parametrize("function", [OPEN, REPLY, ORCHESTRATE, SUGGESTION, PRESS, RESULT])
def test_methods_and_people(someone: Person, function: str) -> None:
    wrong = someone.call(function, method="GET")
    if function in (ORCHESTRATE, SUGGESTION):  # these two look at no method
        assert refusal(wrong) == (415, "UNSUPPORTED_MEDIA_TYPE")
    else:
        assert refusal(wrong) == (405, "METHOD_NOT_ALLOWED")
        assert wrong.json()["allow"] == ["POST"]
    assert someone.call(function, method="OPTIONS").text == "ok"
    body = {
        REPLY: {"conversationId": str(uuid.uuid4()), "userText": "x"},
        SUGGESTION: {"suggestionId": "s", "kind": "shown"},
    }.get(function, {})
    for headers in ({"apikey": someone.headers["apikey"]}, someone.expired()):
        reply = someone.client.post(f"/functions/v1/{function}", json=body, headers=headers)
        as_job = function == REPLY and "authorization" not in headers
        assert refusal(reply) == (401, "INVALID_JOB_TOKEN" if as_job else "UNAUTHORIZED")


def test_an_assistant_that_is_not_there() -> None:
    with Sandbox(SandboxOptions(people=3, catalogue=10)) as running:
        person = enter(running, 0)
        talk = conversation(person)
        config = "update public.assistant_system_config set assistant_user_id = $1::text::uuid, assistant_username = $2"
        text = {"conversationId": talk, "userText": "x"}
        press = {"conversationId": talk, "messageId": str(uuid.uuid4()), "actionId": "a"}
        sql(running, config, person.id, "movinesta")
        assert refusal(person.call(OPEN, {})) == (500, "ASSISTANT_MISCONFIGURED")
        sql(running, config, None, "nobody_here")
        assert refusal(person.call(OPEN, {})) == (404, "ASSISTANT_NOT_FOUND")
        assert refusal(person.call(REPLY, text)) == (404, "ASSISTANT_NOT_FOUND")
        assert refusal(person.call(PRESS, press)) == (404, "ASSISTANT_NOT_FOUND")
        sql(running, config, None, "")
        assert refusal(person.call(OPEN, {})) == (500, "ASSISTANT_NOT_CONFIGURED")
        assert refusal(person.call(REPLY, text)) == (503, "ASSISTANT_NOT_CONFIGURED")
        sql(running, "alter table public.assistant_system_config rename to elsewhere")
        assert refusal(person.call(OPEN, {})) == (500, "ASSISTANT_LOOKUP_FAILED")
        sql(running, "alter table public.elsewhere rename to assistant_system_config")
        sql(running, "update public.assistant_system_config set assistant_user_id = p.id from public.profiles p "
            "where p.username = 'movinesta'")  # fmt: skip
        sql(running, "alter table public.conversation_participants rename to elsewhere")
        assert refusal(person.call(REPLY, text)) == (503, "PARTICIPANTS_FETCH_FAILED")
        sql(running, "alter table public.elsewhere rename to conversation_participants")
        sql(running, "alter table public.messages rename column sender_id to sender")
        assert refusal(person.call(REPLY, text)) == (503, "DB_ERROR")
        sql(running, "alter table public.messages rename column sender to sender_id")
        sql(running, "alter table public.assistant_settings rename to elsewhere")
        assert refusal(person.call(REPLY, text)) == (503, "INTERNAL_ERROR")
        sql(running, "drop function public.create_direct_conversation_v1")
        assert refusal(person.call(OPEN, {})) == (500, "DB_ERROR")


# --- replies


def test_a_reply_is_stored_and_told(someone: Person) -> None:
    talk = conversation(someone)
    message_id = send(someone, talk, "Something funny?")
    queued = sql(
        someone.sandbox, "select status from public.assistant_reply_jobs where user_message_id = $1", message_id
    )
    assert [row["status"] for row in queued] == ["pending"]
    reply = someone.call(REPLY, {"conversationId": talk, "userMessageId": message_id}, x_request_id="r-5")
    body = reply.json()
    assert reply.status_code == 200
    assert reply.headers["x-request-id"] == "r-5"
    assert set(body) == {
        *("ok", "conversationId", "messageId", "model", "navigateTo", "aiError", "messageRow"),
    }
    assert (body["conversationId"], body["model"], body["aiError"]) == (talk, provider_models.FAST, None)
    shown = someone.client.get(
        f"/rest/v1/messages?select=id,conversation_id,user_id,body,message_type,text,client_id,meta,attachment_url,"
        f"created_at&id=eq.{body['messageId']}",
        headers=someone.headers,
    ).json()
    assert shown == [body["messageRow"]]
    assert body["messageRow"]["user_id"] == assistant_of(someone.sandbox)
    assert "Something funny?" in body["messageRow"]["text"]
    stored = sql(
        someone.sandbox,
        "select triggered_by_message_id::text as trigger, sender_id = user_id as own "
        "from public.messages where id = $1",
        body["messageId"],
    )[0]
    assert (stored["trigger"], stored["own"]) == (message_id, True)
    job = sql(
        someone.sandbox,
        "select status, meta::text from public.assistant_reply_jobs where user_message_id = $1",
        message_id,
    )[0]
    assert job["status"] == "done"
    assert json.loads(job["meta"]) == {
        "handledBy": "assistant-chat-reply",
        "messageId": body["messageId"],
        "authMode": "user",
    }


def test_a_second_reply_is_the_first_one(someone: Person) -> None:
    talk = conversation(someone)
    message_id = send(someone, talk, "Again?")
    asked = {"conversationId": talk, "userMessageId": message_id}
    first = someone.call(REPLY, asked).json()
    second = someone.call(REPLY, asked).json()
    again = {"id": first["messageId"]}
    assert second == {"ok": True, "reused": True, "messageId": first["messageId"], "messageRow": again}
    streamed = someone.call(REPLY, {**asked, "stream": True})
    assert events(streamed.text) == [("done", second)]


def test_replies_at_the_same_time_leave_one_message(someone: Person) -> None:
    talk = conversation(someone)
    message_id = send(someone, talk, "Quick!")
    asked = {"conversationId": talk, "userMessageId": message_id}
    with ThreadPoolExecutor(4) as pool:
        replies = [pool.submit(someone.call, REPLY, asked) for _ in range(4)]
        bodies = [reply.result().json() for reply in replies]
    assert all(body["ok"] for body in bodies)
    assert len({body["messageId"] for body in bodies}) == 1
    assert sum("reused" not in body for body in bodies) == 1


def test_a_newer_message_supersedes(someone: Person) -> None:
    talk = conversation(someone)
    old, new = send(someone, talk, "First"), send(someone, talk, "Second")
    asked = {"conversationId": talk, "userMessageId": old}
    assert someone.call(REPLY, asked).json() == {"ok": True, "superseded": True, "latestMessageId": new}
    rows = sql(someone.sandbox, "select 1 from public.messages where triggered_by_message_id = $1", old)
    assert rows == []


def test_a_text_without_a_message_is_answered_too(someone: Person) -> None:
    talk = conversation(someone)
    bodies = [someone.call(REPLY, {"conversationId": talk, "userText": "Hello there"}).json() for _ in range(2)]
    assert bodies[0]["messageId"] != bodies[1]["messageId"]
    assert bodies[0]["messageRow"]["text"] == bodies[1]["messageRow"]["text"]


@pytest.mark.parametrize(
    "changes",
    [
        {"conversationId": "x"},
        {"conversationId": None},
        {"userMessageId": "x", "userText": "y"},
        {"userText": ""},
        {"userText": "x" * 4001},
        {"maxContextMessages": 3},
        {"maxContextMessages": 41},
        {"maxContextMessages": 5.5},
        {"stream": "yes"},
        {"userId": "me"},
        {},
    ],
)
def test_bad_reply_requests(someone: Person, changes: dict[str, Any]) -> None:
    body = {"conversationId": str(uuid.uuid4()), **({"userText": "x"} if changes else {}), **changes}
    assert refusal(someone.call(REPLY, body)) == (400, "BAD_REQUEST_INVALID_BODY")


def test_reply_refusals(someone: Person) -> None:
    talk = conversation(someone)
    other = enter(someone.sandbox, 59)
    direct = someone.call("create-direct-conversation", {"targetUserId": other.id}).json()["conversationId"]
    assert refusal(someone.raw(REPLY, b"{}")) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert refusal(someone.raw(REPLY, b"{", **JSON)) == (400, "BAD_REQUEST_INVALID_BODY")
    assert refusal(someone.raw(REPLY, b"[]", **JSON)) == (400, "BAD_REQUEST_INVALID_BODY")
    unknown = {"conversationId": str(uuid.uuid4()), "userText": "x"}
    assert refusal(someone.call(REPLY, unknown)) == (403, "NOT_CONVERSATION_PARTICIPANT")
    assert refusal(other.call(REPLY, {"conversationId": talk, "userText": "x"})) == (
        403,
        "NOT_CONVERSATION_PARTICIPANT",
    )
    with_people = {"conversationId": direct, "userText": "x"}
    assert refusal(someone.call(REPLY, with_people)) == (400, "NOT_ASSISTANT_CONVERSATION")
    elsewhere = send(someone, direct, "not here")
    foreign = {"conversationId": talk, "userMessageId": elsewhere}
    assert refusal(someone.call(REPLY, foreign)) == (404, "USER_MESSAGE_NOT_FOUND")
    said = ask(someone, talk).json()["messageId"]
    assert refusal(someone.call(REPLY, {"conversationId": talk, "userMessageId": said})) == (403, "FORBIDDEN")


def test_a_message_beyond_the_context_is_not_found(someone: Person) -> None:
    talk = conversation(someone)
    sent = [send(someone, talk, f"number {number}") for number in range(5)]
    asked = {"conversationId": talk, "userMessageId": sent[0], "maxContextMessages": 4}
    assert refusal(someone.call(REPLY, asked)) == (404, "USER_MESSAGE_NOT_FOUND")


def test_six_replies_a_minute(someone: Person) -> None:
    rest = 60 - time.time() % 60
    if rest < 8:
        time.sleep(rest + 0.1)
    talk = conversation(someone)
    for _ in range(6):
        assert ask(someone, talk).status_code == 200
    message_id = send(someone, talk, "once more")
    reply = someone.call(REPLY, {"conversationId": talk, "userMessageId": message_id, "stream": True})
    body = reply.json()
    assert reply.status_code == 429
    assert set(body) == {"ok", "code", "message", "retryAfterSec"}
    assert (body["code"], reply.headers["retry-after"]) == ("RATE_LIMITED", str(body["retryAfterSec"]))
    job = sql(
        someone.sandbox,
        "select status, last_error, next_run_at > now() as later from public.assistant_reply_jobs "
        "where user_message_id = $1",
        message_id,
    )[0]
    assert (job["status"], job["last_error"], job["later"]) == ("pending", "RATE_LIMITED", True)
    status = someone.client.post(
        "/rest/v1/rpc/assistant_reply_status_v1", json={"p_conversation_id": talk}, headers=someone.headers
    ).json()
    assert (status["is_queued"], status["attempts"]) == (True, 0)
    assert 1 <= status["retryAfterSec"] <= 60


# --- replies as events


def test_events_come_after_the_whole_reply_by_default(someone: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_models, "PACE", 6.0)  # 0.7 of 120 ms and more, times that
    talk = conversation(someone)
    message_id = send(someone, talk, "Stream, please")
    asked = {"conversationId": talk, "userMessageId": message_id, "stream": True}
    began = time.monotonic()
    headers = {**someone.headers, "accept": "text/event-stream"}
    with someone.client.stream("POST", f"/functions/v1/{REPLY}", json=asked, headers=headers) as reply:
        assert time.monotonic() - began >= 0.4
        assert reply.headers["content-type"] == "text/event-stream"
        assert reply.headers["cache-control"] == "no-cache"
        found = events(reply.read().decode())
    assert [name for name, _ in found[:-1]] == ["delta"] * (len(found) - 1)
    pieces = [data["text"] for name, data in found if name == "delta"]
    assert {len(piece) for piece in pieces[:-1]} == {24}
    name, done = found[-1]
    assert (name, done["ok"]) == ("done", True)
    assert "".join(pieces) == done["messageRow"]["text"]


@given(st.text(max_size=200))
def test_deltas_frame_any_text(text: str) -> None:
    framed = b"".join(assistant_stream.deltas(text)).decode()
    found = events(framed) if framed else []
    assert "".join(data["text"] for _, data in found) == text


def test_passed_through_events_come_at_once_and_can_fail() -> None:
    with Sandbox(SandboxOptions(people=3, catalogue=20)) as running:
        sql(running, """update public.assistant_settings set params = '{"stream_passthrough": true}'""")
        person = enter(running, 0)
        talk = conversation(person)
        asked = {"conversationId": talk, "userText": "Stream, please", "stream": True}
        headers = {**person.headers, "accept": "text/event-stream"}
        reply = person.client.post(f"/functions/v1/{REPLY}", json=asked, headers=headers)
        found = events(reply.text)
        assert found[-1][0] == "done"
        assert found[-1][1]["streamPassthrough"] is True
        assert "".join(data["text"] for name, data in found if name == "delta") == found[-1][1]["messageRow"]["text"]
        sql(running, "alter table public.messages add constraint refuse check (user_id <> sender_id) not valid")
        reply = person.client.post(f"/functions/v1/{REPLY}", json=asked, headers=headers)
        found = events(reply.text)
        assert reply.status_code == 200
        assert found[-1][0] == "error"
        assert found[-1][1]["ok"] is False
        assert "refuse" in found[-1][1]["error"]
        without = person.client.post(f"/functions/v1/{REPLY}", json=asked, headers=person.headers)
        assert refusal(without) == (503, "INTERNAL_ERROR")


def test_a_failing_model_is_a_friendly_200() -> None:
    switches = Switches.parse(["assistant_failure_share=1"])
    with Sandbox(SandboxOptions(people=3, catalogue=20, switches=switches)) as running:
        person = enter(running, 0)
        talk = conversation(person)
        body = ask(person, talk).json()
        assert (body["ok"], body["model"], body["aiError"]["code"]) == (
            True,
            provider_models.CREATIVE,
            "AI_UPSTREAM_5XX",
        )
        assert "try again" in body["messageRow"]["text"]
        assert body["messageRow"]["meta"]["ai"]["actions"] is None
        streamed = events(ask(person, talk, "again", stream=True).text)
        assert streamed[-1][1]["aiError"]["code"] == "AI_UPSTREAM_5XX"
        sql(running, """update public.assistant_settings set params = '{"stream_passthrough": true}'""")
        headers = {**person.headers, "accept": "text/event-stream"}
        asked = {"conversationId": talk, "userText": "and now?", "stream": True}
        reply = person.client.post(f"/functions/v1/{REPLY}", json=asked, headers=headers)
        assert [name for name, _ in events(reply.text)] == ["error"]


def test_without_a_key_the_assistant_says_so() -> None:
    switches = Switches.parse(["assistant_unconfigured=on"])
    with Sandbox(SandboxOptions(people=3, catalogue=20, switches=switches)) as running:
        person = enter(running, 0)
        body = ask(person, conversation(person)).json()
        assert (body["ok"], body["aiError"]) == (True, None)
        assert "not configured" in body["messageRow"]["text"]


def test_a_slow_model_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assistant_reply_model, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(assistant_reply_model, "LEAST_S", 0.1)
    switches = Switches.parse(["assistant_delay_ms=60000"])
    with Sandbox(SandboxOptions(people=3, catalogue=20, switches=switches)) as running:
        person = enter(running, 0)
        body = ask(person, conversation(person)).json()
        assert (body["ok"], body["aiError"]["code"]) == (True, "AI_TIMEOUT")


@given(
    st.text(max_size=300), st.lists(st.builds(MentionedTitle, st.uuids().map(str), st.text(max_size=30)), max_size=5)
)
def test_the_same_question_gets_the_same_words(question: str, titles: list[MentionedTitle]) -> None:
    said = assistant_reply_text.compose(question, titles)
    assert said == assistant_reply_text.compose(question, titles)
    assert 0 < len(said.text) < 1000
    assert [action["id"] for action in said.actions] == (["watchlist", "open", "dismiss"] if titles else [])


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=3))
def test_any_context_size_is_parsed_or_refused(value: Any) -> None:
    body = {"conversationId": str(uuid.uuid4()), "userText": "x", "maxContextMessages": value}
    try:
        assert 4 <= assistant_reply_request.parse(body).context <= 40
    except BadReplyRequest as error:
        assert "maxContextMessages" in str(error)  # noqa: PT017 - both outcomes are right, each with its own check


# --- buttons and tool results


def press(person: Person, talk: str, message_id: str, action_id: str, **body: Any) -> httpx.Response:
    return person.call(PRESS, {"conversationId": talk, "messageId": message_id, "actionId": action_id, **body})


def with_actions(person: Person, talk: str, *actions: Any) -> str:
    """A message of the assistant with these buttons."""
    rows = sql(
        person.sandbox,
        "insert into public.messages (conversation_id, user_id, sender_id, body, meta) "
        "values ($1, $2, $2, '{}', jsonb_build_object('ai', jsonb_build_object('actions', $3::text::jsonb))) "
        "returning id::text",
        talk,
        assistant_of(person.sandbox),
        json.dumps(actions),
    )
    return str(rows[0]["id"])


def test_a_button_acts_once(someone: Person) -> None:
    talk = conversation(someone)
    row = ask(someone, talk).json()["messageRow"]
    title = row["meta"]["ai"]["actions"][0]["payload"]["titleId"]
    sql(someone.sandbox, "delete from public.library_entries where user_id = $1", someone.id)
    first = press(someone, talk, row["id"], "watchlist").json()
    assert first["toast"] == "Done — updated your diary."
    written = {"titleId": title, "status": "want_to_watch", "verified": True}
    assert {key: first["result"][key] for key in written} == written
    library = "select title_id::text as title, status::text from public.library_entries where user_id = $1"
    assert [tuple(entry) for entry in sql(someone.sandbox, library, someone.id)] == [(title, "want_to_watch")]
    told = "select text from public.messages where conversation_id = $1 and meta -> 'ai' ->> 'kind' = 'action_result'"
    assert [entry["text"] for entry in sql(someone.sandbox, told, talk)] == [first["toast"]]
    sql(someone.sandbox, "delete from public.library_entries where user_id = $1", someone.id)
    # nobody may change the log under their own rights, so the button is in progress for ever
    again = press(someone, talk, row["id"], "watchlist").json()
    assert again == {"ok": True, "toast": "Working…", "alreadyProcessing": True}
    finished = (
        "update public.assistant_message_action_log set status = 'done', payload = $2::text::jsonb "
        "where message_id = $1"
    )
    sql(someone.sandbox, finished, row["id"], json.dumps({"toast": "T", "result": {"a": 1}}))
    last = press(someone, talk, row["id"], "watchlist").json()
    assert last == {"ok": True, "toast": "T", "alreadyExecuted": True, "result": {"a": 1}}
    assert sql(someone.sandbox, library, someone.id) == []
    opened = press(someone, talk, row["id"], "open").json()
    assert opened == {"ok": True, "toast": "Opening…", "navigateTo": f"/title/{title}"}
    assert press(someone, talk, row["id"], "dismiss").json() == {"ok": True, "toast": "Dismissed."}


def test_a_risky_button_asks_back(someone: Person) -> None:
    talk = conversation(someone)
    message_id = with_actions(
        someone, talk, {"id": "begin", "type": "goal_start", "payload": {"title": "Ten", "targetCount": 10}}
    )
    asked = press(someone, talk, message_id, "begin").json()
    assert (asked["ok"], asked["needsConfirm"], asked["confirmKind"]) == (True, True, "default")
    assert press(someone, talk, message_id, "begin").json()["confirmToken"] == asked["confirmToken"]
    wrong = press(someone, talk, message_id, "begin", confirmToken="wrong").json()
    assert wrong["confirmToken"] != asked["confirmToken"]
    done = press(someone, talk, message_id, "begin", confirmToken=asked["confirmToken"]).json()
    assert (done["toast"], done["result"]["targetCount"]) == ("Goal started ✅", 10)
    goals = sql(someone.sandbox, "select target_count from public.assistant_goals where user_id = $1", someone.id)
    assert [goal["target_count"] for goal in goals] == [10]


def test_a_button_in_progress_is_not_pressed_again(someone: Person) -> None:
    talk = conversation(someone)
    watch = {"titleId": str(uuid.uuid4()), "status": "watched", "contentType": "movie"}
    message_id = with_actions(someone, talk, {"id": "watch", "type": "diary_set_status", "payload": watch})
    assert refusal(press(someone, talk, message_id, "watch")) == (400, "ACTION_FAILED")
    assert press(someone, talk, message_id, "watch").json() == {
        "ok": True,
        "toast": "Working…",
        "alreadyProcessing": True,
    }


def test_button_refusals(someone: Person) -> None:
    talk = conversation(someone)
    other = enter(someone.sandbox, 58)
    message_id = with_actions(
        someone,
        talk,
        {"id": "odd", "type": ""},
        {"id": "lost", "type": "navigate", "payload": {}},
        {"id": "unknown", "type": "rm_rf"},
        {"id": "nothing", "type": "diary_set_status", "payload": {"titleId": str(uuid.uuid4()), "status": "watched"}},
        {"id": "badly", "type": "diary_set_status", "payload": {"titleId": "x", "status": "watched"}},
        "no object",
    )
    missing = someone.call(PRESS, {"conversationId": talk, "actionId": " "})
    assert refusal(missing) == (400, "BAD_REQUEST")
    assert {"conversationId": True, "messageId": False, "actionId": False}.items() <= missing.json().items()
    assert refusal(someone.raw(PRESS, b"{")) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert refusal(someone.raw(PRESS, b"{", **JSON)) == (400, "BAD_REQUEST_INVALID_BODY")
    assert refusal(press(other, talk, message_id, "odd")) == (403, "FORBIDDEN")
    assert refusal(press(someone, talk, str(uuid.uuid4()), "odd")) == (404, "NOT_FOUND")
    assert refusal(press(someone, talk, send(someone, talk, "mine"), "odd")) == (404, "NOT_FOUND")
    assert refusal(press(someone, talk, message_id, "none")) == (404, "ACTION_NOT_FOUND")
    for action in ("odd", "lost"):
        assert refusal(press(someone, talk, message_id, action)) == (400, "INVALID_ACTION")
    for action in ("nothing", "badly"):
        assert refusal(press(someone, talk, message_id, action)) == (400, "ACTION_FAILED")
    assert refusal(press(someone, talk, message_id, "unknown")) == (500, "INTERNAL_ERROR")
    assert refusal(press(someone, "not-a-uuid", message_id, "odd")) == (500, "DB_ERROR")


def test_tool_results_are_for_their_person_and_cut(someone: Person) -> None:
    talk = conversation(someone)
    row = ask(someone, talk).json()["messageRow"]
    handle = row["meta"]["ai"]["toolHandles"][0]
    reply = someone.call(RESULT, {"actionId": handle})
    body = reply.json()
    assert (reply.status_code, body["tool"], body["actionId"]) == (200, "get_trending", handle)
    assert len(body["result"]) == 8
    assert body["result"][0]["title"] in row["text"]
    assert len(someone.call(RESULT, {"logId": body["id"], "maxArray": 2}).json()["result"]) == 2
    assert refusal(enter(someone.sandbox, 57).call(RESULT, {"id": handle})) == (403, "NO_ACCESS")
    assert refusal(someone.call(RESULT, {"actionId": str(uuid.uuid4())})) == (404, "NOT_FOUND")
    sql(
        someone.sandbox,
        "delete from public.conversation_participants where conversation_id = $1 and user_id = $2",
        talk,
        someone.id,
    )
    assert refusal(someone.call(RESULT, {"actionId": handle})) == (403, "NO_ACCESS")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"id": 5},
        {"actionId": "short"},
        {"actionId": "x" * 129},
        {"id": "x" * 20, "maxArray": 0},
        {"id": "x" * 20, "maxString": 79},
        {"id": "x" * 20, "maxObjectKeys": "9"},
    ],
)
def test_bad_tool_result_requests(someone: Person, body: Any) -> None:
    assert refusal(someone.raw(RESULT, json.dumps(body).encode(), **JSON)) == (400, "BAD_REQUEST_INVALID_BODY")
    assert refusal(someone.raw(RESULT, b"{}"))[0] == 415


def test_cutting() -> None:
    cuts = Cuts(string=3, array=2, members=1)
    assert assistant_tool_result.cut({"a": ["abcd", "abc", 1], "b": 2}, cuts) == {"a": ["abc…", "abc"]}
    assert assistant_tool_result.cut([[[[["deep"]]]]], cuts) == [[[[[None]]]]]


# --- suggestions


def suggest(person: Person, surface: str = "home", limit: Any = 3, **context: Any) -> dict[str, Any]:
    reply = person.call(ORCHESTRATE, {"surface": surface, "context": context, "limit": limit})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def act(person: Person, suggestion_id: str, kind: str, **body: Any) -> httpx.Response:
    return person.call(SUGGESTION, {"suggestionId": suggestion_id, "kind": kind, **body})


def liked(person: Person, count: int) -> list[str]:
    """The titles of so many likes, the newest first."""
    sql(person.sandbox, "delete from public.media_events where user_id = $1", person.id)
    rows = sql(
        person.sandbox,
        "insert into public.media_events (user_id, session_id, media_item_id, event_type, event_day, dedupe_key, "
        "created_at) select $1, gen_random_uuid(), id, 'like', current_date, 'like:' || id, "
        "now() - make_interval(mins => row_number() over (order by id)::integer) "
        "from public.media_items order by id limit $2 returning media_item_id::text as title",
        person.id,
        count,
    )
    return [row["title"] for row in rows]


def test_suggestions_are_made_once_and_kept(someone: Person) -> None:
    titles = liked(someone, 4)
    first = suggest(someone)
    assert set(first) == {"ok", "contextKey", "activeGoal", "suggestions"}
    assert first["contextKey"] == '{"surface":"home"}'
    assert [entry["kind"] for entry in first["suggestions"]] == ["create_list", "navigate"]
    items = first["suggestions"][0]["actions"][0]["payload"]["items"]
    assert [item["titleId"] for item in items] == titles
    assert set(first["suggestions"][0]) == {"id", "kind", "title", "body", "actions", "createdAt"}
    shown = "select count(*) from public.assistant_suggestions where user_id = $1 and shown_at is not null"
    assert sql(someone.sandbox, shown, someone.id)[0][0] == 2

    def ids(answer: dict[str, Any]) -> set[str]:
        return {entry["id"] for entry in answer["suggestions"]}

    assert ids(suggest(someone)) == ids(first)
    assert ids(suggest(someone, limit=1)) < ids(first)
    other = suggest(someone, "search", query=" Night  TRAIN ")
    assert json.loads(other["contextKey"]) == {"surface": "search", "query": "night train"}
    assert not ids(other) & ids(first)
    assert ids(suggest(someone, "nonsense")) == ids(first)


def test_without_likes_a_screen_gets_one_suggestion_or_none(someone: Person) -> None:
    liked(someone, 0)
    assert [entry["kind"] for entry in suggest(someone)["suggestions"]] == ["navigate"]
    assert suggest(someone, "title", titleId=str(uuid.uuid4()))["suggestions"] == []
    assert suggest(someone, "messages")["suggestions"] == []


def test_shown_dismissed_and_silent_for_a_while(someone: Person) -> None:
    one = suggest(someone)["suggestions"][0]["id"]
    assert act(someone, one, "shown").json() == {"ok": True}
    assert act(someone, one, "dismiss").json() == {"ok": True}
    row = sql(
        someone.sandbox,
        "select shown_at is not null as shown, dismissed_at is not null as gone from public.assistant_suggestions "
        "where id = $1",
        one,
    )[0]
    assert (row["shown"], row["gone"]) == (True, True)
    remembered = "select key, value::text as value from public.assistant_memory where user_id = $1"
    memory = {row["key"]: json.loads(row["value"]) for row in sql(someone.sandbox, remembered, someone.id)}
    assert memory["assistant_stats"]["dismissTotal"] == 1
    assert memory["assistant_stats"]["dismissBySurface"] == {"home": 1}
    assert memory["assistant_style"] == {"verbosityPreference": 0.45 - 0.03}
    assert suggest(someone)["suggestions"] == []
    assert suggest(someone, "diary")["suggestions"] != []
    past = "update public.assistant_suggestions set dismissed_at = now() - interval '16 minutes' where id = $1"
    sql(someone.sandbox, past, one)
    later = suggest(someone)["suggestions"]
    assert later != []
    assert one not in [entry["id"] for entry in later]


def test_the_daily_cap_and_the_switches(someone: Person) -> None:
    for number in range(12):
        assert len(suggest(someone, "search", query=f"q{number}")["suggestions"]) == 1
    assert suggest(someone, "search", query="one more")["suggestions"] == []
    assert suggest(someone, "search", query="q1")["suggestions"] == []  # not even what is there
    prefer = "update public.user_preferences set assistant = $2::text::jsonb where user_id = $1"
    sql(someone.sandbox, prefer, someone.id, '{"proactivityLevel": 2}')
    assert len(suggest(someone, "search", query="one more")["suggestions"]) == 1
    for off in ('{"proactivityLevel": 0}', '{"enabled": false}'):
        sql(someone.sandbox, prefer, someone.id, off)
        assert suggest(someone, "search", query="q1")["suggestions"] == []


def test_an_accepted_suggestion_acts_once(someone: Person) -> None:
    title = str(sql(someone.sandbox, "select id::text from public.media_items order by id limit 1")[0]["id"])
    made = suggest(someone, "title", titleId=title)["suggestions"]
    watch = next(entry for entry in made if entry["kind"] == "save_to_diary")
    first = act(someone, watch["id"], "execute", actionId="watchlist").json()
    assert first["result"]["titleId"] == title
    assert [entry["kind"] for entry in first["followUpSuggestions"]] == ["next_step"]
    library = "select status::text from public.library_entries where user_id = $1 and title_id = $2"
    assert [row["status"] for row in sql(someone.sandbox, library, someone.id, title)] == ["want_to_watch"]
    outcome = json.loads(
        sql(someone.sandbox, "select outcome::text from public.assistant_suggestions where id = $1", watch["id"])[0][0]
    )
    assert (outcome["status"], outcome["actionId"], outcome["actionKey"][:3]) == ("done", "watchlist", "ak_")
    again = act(someone, watch["id"], "execute", actionId="watchlist").json()
    assert again == {"ok": True, "alreadyAccepted": True, "navigateTo": None}
    remembered = "select value::text from public.assistant_memory where user_id = $1 and key = 'assistant_stats'"
    assert json.loads(sql(someone.sandbox, remembered, someone.id)[0][0])["acceptTotal"] == 1
    go = suggest(someone, "diary")["suggestions"][0]["id"]
    assert act(someone, go, "execute", actionId="go_diary").json()["navigateTo"] == "/diary"
    assert act(someone, go, "execute", actionId="go_diary").json()["navigateTo"] == "/diary"
    last = suggest(someone, "search")["suggestions"][0]["id"]
    act(someone, last, "dismiss")
    assert act(someone, last, "execute", actionId="go_swipe").json() == {"ok": True, "alreadyDismissed": True}


def test_a_list_is_made_and_unmade(someone: Person) -> None:
    titles = liked(someone, 3)
    one = suggest(someone)["suggestions"][0]["id"]
    done = act(someone, one, "execute", actionId="create_recent_likes").json()
    list_id = done["result"]["listId"]
    assert done["navigateTo"] is None or done["navigateTo"] == f"/lists/{list_id}"
    stored = "select title_id::text as title from public.list_items where list_id = $1 order by position"
    assert [row["title"] for row in sql(someone.sandbox, stored, list_id)] == titles
    undo = next(entry for entry in done["followUpSuggestions"] if entry["kind"] == "undo")
    back = act(someone, undo["id"], "execute", actionId="undo").json()
    assert back["result"]["steps"][0]["result"] == {"listId": list_id, "deleted": True}
    assert sql(someone.sandbox, "select 1 from public.lists where id = $1", list_id) == []


def test_goals_are_shown_and_ended_after_a_question(someone: Person) -> None:
    goal = "insert into public.assistant_goals (user_id, kind, title, target_count) values ($1, 'k', 'Three', 3)"
    sql(someone.sandbox, goal, someone.id)
    answer = suggest(someone)
    assert answer["activeGoal"] == {
        **{"id": answer["activeGoal"]["id"], "kind": "k", "title": "Three", "status": "active"},
        **{"endAt": None, "targetCount": 3, "progressCount": 0, "listId": None},
    }
    assert answer["contextKey"].endswith(f"|goalv3:{answer['activeGoal']['id']}")
    end = next(entry for entry in answer["suggestions"] if entry["kind"] == "goal_progress")
    asked = act(someone, end["id"], "execute", actionId="end_goal").json()
    assert asked["needsConfirm"] is True
    assert act(someone, end["id"], "execute", actionId="end_goal").json()["confirmToken"] == asked["confirmToken"]
    confirmed = act(someone, end["id"], "execute", actionId="end_goal", confirmToken=asked["confirmToken"]).json()
    assert confirmed["result"]["steps"][0]["result"]["ended"] is True
    assert suggest(someone, "diary")["activeGoal"] is None


def test_an_abandoned_lock_is_taken_over_and_a_failure_lets_go(someone: Person) -> None:
    one = suggest(someone, "search")["suggestions"][0]
    lock = (
        "update public.assistant_suggestions set accepted_at = now(), outcome = jsonb_build_object("
        "'status', 'processing', 'startedAt', now() - $2::text::interval) where id = $1"
    )
    sql(someone.sandbox, lock, one["id"], "4 minutes")
    assert act(someone, one["id"], "execute", actionId="go_swipe").json()["alreadyAccepted"] is True
    sql(someone.sandbox, lock, one["id"], "6 minutes")
    assert "result" in act(someone, one["id"], "execute", actionId="go_swipe").json()
    two = suggest(someone, "diary")["suggestions"][0]
    broken = json.dumps([{"id": "add", "type": "rm_rf"}])
    change = "update public.assistant_suggestions set actions = $2::text::jsonb where id = $1"
    # What a suggestion says is immutable, also for the database's owner.
    sql(someone.sandbox, "alter table public.assistant_suggestions disable trigger user")
    sql(someone.sandbox, change, two["id"], broken)
    sql(someone.sandbox, "alter table public.assistant_suggestions enable trigger user")
    assert refusal(act(someone, two["id"], "execute", actionId="add")) == (400, "ACTION_FAILED")
    assert refusal(act(someone, two["id"], "execute", actionId="add")) == (400, "ACTION_FAILED")


def test_suggestion_refusals(someone: Person) -> None:
    one = suggest(someone)["suggestions"][0]["id"]
    other = enter(someone.sandbox, 56)
    assert refusal(someone.raw(SUGGESTION, b"{}")) == (415, "UNSUPPORTED_MEDIA_TYPE")
    bodies: tuple[Any, ...] = ({}, [], {"suggestionId": one}, {"suggestionId": one, "kind": "seen"}, {"kind": "shown"})
    for body in bodies:
        assert refusal(someone.call(SUGGESTION, body)) == (400, "BAD_REQUEST_INVALID_BODY")
    assert refusal(act(someone, one, "execute")) == (400, "BAD_REQUEST")
    assert refusal(act(someone, one, "execute", actionId="none")) == (400, "BAD_REQUEST")
    assert refusal(act(other, one, "shown")) == (404, "NOT_FOUND")
    assert refusal(act(someone, str(uuid.uuid4()), "shown")) == (404, "NOT_FOUND")
    assert refusal(act(someone, "not-a-uuid", "shown")) == (500, "DB_ERROR")


def test_orchestrator_refusals(someone: Person) -> None:
    assert refusal(someone.raw(ORCHESTRATE, b"{}")) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert refusal(someone.call(ORCHESTRATE, {"surface": {"toString": 1}})) == (400, "BAD_REQUEST_INVALID_BODY")
    assert someone.raw(ORCHESTRATE, b"[]", **JSON).json()["contextKey"] == '{"surface":"home"}'
    nul = someone.call(ORCHESTRATE, {"surface": "search", "context": {"query": "a\x00b"}})
    assert refusal(nul) == (500, "DB_ERROR")


@pytest.mark.parametrize(
    ("function", "action", "limit"),
    [
        (ORCHESTRATE, "assistant_orchestrator", 30),
        (SUGGESTION, "assistant_suggestion_action", 60),
        (PRESS, "assistant_message_action", 60),
        (RESULT, "assistant_tool_result", 120),
    ],
)
def test_limits(someone: Person, function: str, action: str, limit: int) -> None:
    body = {"suggestionId": str(uuid.uuid4()), "kind": "shown", "actionId": "x" * 20}
    someone.spend(action, left=1, limit=limit)
    assert someone.call(function, body).status_code != 429
    reply = someone.call(function, body)
    assert refusal(reply) == (429, "RATE_LIMIT")
    assert reply.headers["retry-after"] == str(reply.json()["retryAfterSeconds"])


@given(
    st.sampled_from(assistant_drafts.SURFACES),
    st.lists(st.builds(SuggestedTitle, st.uuids().map(str), st.text(max_size=9), st.text(max_size=9)), max_size=12),
    st.sets(st.sampled_from(["navigate", "create_list", "message_send"])),
    st.integers(1, 6),
)
def test_drafts_never_exceed_what_was_asked_for(
    surface: str, titles: list[SuggestedTitle], recent: set[str], limit: int
) -> None:
    context = {"conversationId": "c", "sessionId": "s", "titleId": "t"}
    known = Known(context, title=titles[0] if titles else None, likes=titles)
    drafts = assistant_drafts.drafts(surface, known, limit=limit, recent_kinds=frozenset(recent))
    assert len(drafts) <= min(limit, 2)
    assert (drafts == []) is (surface == "title" and not titles)
    assert all(draft.actions[-1]["type"] == "dismiss" for draft in drafts)
    assert not {draft.kind for draft in drafts} & recent or {draft.kind for draft in drafts} <= recent


def test_contract_numbers_of_the_orchestrator() -> None:
    assert [assistant_drafts.daily_cap(level) for level in (2, 1, 0)] == [20, 12, 0]
    assert {assistant_drafts.ttl_min(surface) for surface in assistant_drafts.SURFACES} == {30, 60, 360, 720}
    cooldowns = {
        assistant_drafts.cooldown_min(surface, level) for surface in assistant_drafts.SURFACES for level in (1, 2)
    }
    assert (min(cooldowns), max(cooldowns), assistant_drafts.cooldown_min("home", 0)) == (5, 15, 60)
    assert [assistant_drafts.limit_of(given) for given in ("x", None, 0, 3.7, 99, "5", True)] == [3, 1, 1, 3, 6, 5, 1]
