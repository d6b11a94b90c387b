"""The provider of language models and what the assistant makes of it: prices, failures, breaker, log, limits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.functions.assistant import breaker
from sandbox.functions.assistant import reply_model as assistant_reply_model
from sandbox.provider import models as provider_models
from sandbox.provider.answers import answer, read
from sandbox.provider.faults import MODES, ProviderFaultError, parse
from sandbox.provider.models import CREATIVE, FAST, MODELS
from sandbox.server import Sandbox, SandboxOptions
from sandbox.switches import Switches
from tests.sandbox.signed_in import Person, enter, send, sql

OPEN, REPLY = "assistant-get-conversation", "assistant-chat-reply"
LIMIT = 2048
SETTINGS = """update public.assistant_settings set params = '{"max_output_tokens": 2048}'"""
PROVIDER = "/.well-known/movinesta-sandbox/provider"


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider_models, "PACE", 0.02)
        yield


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=40, catalogue=30)) as running:
        yield running


_people = iter(range(1000))


@pytest.fixture
def someone(sandbox: Sandbox) -> Iterator[Person]:
    person = enter(sandbox, next(_people) % 40)
    sql(sandbox, "delete from public.openrouter_circuit_breakers")
    sql(sandbox, "delete from public.rate_limits where key like $1", f"%{person.id}%")
    yield person
    httpx.delete(f"{sandbox.url}{PROVIDER}/faults").raise_for_status()
    person.client.close()


@contextmanager
def with_switches(*switches: str) -> Iterator[Person]:
    with Sandbox(SandboxOptions(people=3, catalogue=20, switches=Switches.parse(switches))) as running:
        person = enter(running, 0)
        yield person
        person.client.close()


def breaks(person: Person, mode: str, **more: Any) -> None:
    httpx.post(f"{person.sandbox.url}{PROVIDER}/faults", json={"mode": mode, **more}).raise_for_status()


def heals(person: Person) -> None:
    httpx.delete(f"{person.sandbox.url}{PROVIDER}/faults").raise_for_status()


def talk(person: Person) -> str:
    return str(person.call(OPEN, {"reason": "test"}).json()["conversationId"])


def ask(person: Person, conversation: str, text: str = "What now?", **more: Any) -> httpx.Response:
    return person.call(REPLY, {"conversationId": conversation, "userText": text, **more})


def told(person: Person) -> dict[str, Any]:
    return dict(httpx.get(f"{person.sandbox.url}{PROVIDER}").json())


def logged(person: Person, at_least: int = 1) -> list[Any]:
    """Rows of the request log; they are written after the reply."""
    deadline = time.monotonic() + 10
    while True:
        found = sql(
            person.sandbox,
            "select model, variant, (usage->>'cost')::float8 as cost, (usage->>'output_tokens')::int as tokens, "
            "(usage->>'input_tokens')::int as prompt, (meta->>'duration_ms')::int as ms, "
            "(meta->>'timeout_ms')::int as timeout_ms from public.openrouter_request_log where user_id = $1 "
            "order by created_at",
            person.id,
        )
        if len(found) >= at_least or time.monotonic() > deadline:
            return list(found)
        time.sleep(0.05)


def row(person: Person, model: str = FAST) -> Any:
    found = sql(
        person.sandbox,
        "select failure_count, open_until, open_until > now() as open, last_error_code "
        "from public.openrouter_circuit_breakers where model = $1",
        model,
    )
    return found[0] if found else None


# --- an answer, its price, its log


def test_an_answer_costs_what_the_price_list_says(someone: Person) -> None:
    body = ask(someone, talk(someone)).json()
    assert (body["ok"], body["model"], body["aiError"]) == (True, FAST, None)
    [found] = logged(someone)
    assert (found["model"], found["variant"], found["timeout_ms"]) == (FAST, "base", 12_000)
    assert found["cost"] == pytest.approx(MODELS[FAST].cost(found["prompt"], found["tokens"]), abs=1e-9)
    assert found["tokens"] > 10
    assert 0 <= found["ms"] < 12_000


def test_three_times_the_price() -> None:
    with with_switches("assistant_price_percent=300") as person:
        ask(person, talk(person))
        [found] = logged(person)
        assert found["cost"] == pytest.approx(3 * MODELS[FAST].cost(found["prompt"], found["tokens"]), abs=1e-9)


def test_the_limit_of_tokens_ends_a_long_answer(someone: Person) -> None:
    body = ask(someone, talk(someone), "Explain in detail, please").json()
    assert logged(someone)[0]["tokens"] == LIMIT
    assert len(body["messageRow"]["text"]) == LIMIT * provider_models.CHARS_PER_TOKEN


def test_the_shipped_limit_allows_answers_that_no_message_may_hold(sandbox: Sandbox, someone: Person) -> None:
    sql(sandbox, "update public.assistant_settings set params = '{}'")
    try:
        assert ask(someone, talk(someone), "Explain everything in detail, please").status_code == 503
        assert logged(someone)[0]["tokens"] == assistant_reply_model.MAX_TOKENS  # paid for
    finally:
        sql(sandbox, SETTINGS)


def test_without_a_limit_it_goes_on() -> None:
    with with_switches("assistant_max_tokens_ignored=on") as person:
        ask(person, talk(person), "Explain in detail, please")
        assert logged(person)[0]["tokens"] > LIMIT


def test_events_at_the_models_speed(sandbox: Sandbox, someone: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_models, "PACE", 8.0)
    sql(sandbox, """update public.assistant_settings set params = '{"stream_passthrough": true}'""")
    try:
        conversation = talk(someone)
        asked = {"conversationId": conversation, "userText": "Stream", "stream": True}
        headers = {**someone.headers, "accept": "text/event-stream"}
        with someone.client.stream("POST", f"/functions/v1/{REPLY}", json=asked, headers=headers) as reply:
            came = [(time.monotonic(), line) for line in reply.iter_lines() if line.startswith("event: ")]
        assert came[-1][1] == "event: done"
        assert came[-1][0] - came[0][0] > 0.1  # not all at once
    finally:
        sql(sandbox, SETTINGS)


# --- what goes wrong


@pytest.mark.parametrize(
    ("mode", "code", "status"),
    [("dead", "AI_NETWORK", None), ("rate_limited", "AI_RATE_LIMIT", 429), ("server_error", "AI_UPSTREAM_5XX", 503)],
)
def test_failures_are_a_friendly_answer(someone: Person, mode: str, code: str, status: int | None) -> None:
    conversation = talk(someone)
    breaks(someone, mode)
    body = ask(someone, conversation).json()
    assert (body["ok"], body["model"], body["aiError"]["code"]) == (True, CREATIVE, code)
    assert [one["model"] for one in body["aiError"]["context"]["modelsTried"]] == [FAST, CREATIVE]
    assert body["aiError"]["context"]["status"] == status
    assert "try again" in body["messageRow"]["text"]
    assert logged(someone, 0) == []


def test_one_dead_model_leaves_the_next_one(someone: Person) -> None:
    breaks(someone, "dead", models=[FAST])
    body = ask(someone, talk(someone)).json()
    assert (body["model"], body["aiError"]) == (CREATIVE, None)
    assert logged(someone)[0]["model"] == CREATIVE


def test_a_broken_reply_counts_as_none_and_nonsense_as_a_text(someone: Person) -> None:
    conversation = talk(someone)
    breaks(someone, "truncated", models=[FAST])
    assert ask(someone, conversation).json()["model"] == CREATIVE
    heals(someone)
    breaks(someone, "nonsense")
    body = ask(someone, conversation).json()
    assert (body["model"], body["aiError"]) == (FAST, None)
    assert "lorem" in body["messageRow"]["text"]


def test_who_says_nothing_is_left_after_the_timeout(someone: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assistant_reply_model, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(assistant_reply_model, "LEAST_S", 0.1)
    breaks(someone, "timeout", models=[FAST])
    began = time.monotonic()
    assert ask(someone, talk(someone)).json()["model"] == CREATIVE
    assert time.monotonic() - began >= 0.6  # three forms, as shipped
    assert row(someone)["last_error_code"] == "NETWORK"


def test_a_fault_ends_by_itself(someone: Person) -> None:
    conversation = talk(someone)
    breaks(someone, "dead", seconds=0.3)
    assert ask(someone, conversation).json()["aiError"] is not None
    deadline = time.monotonic() + 10
    while told(someone)["faults"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ask(someone, conversation).json()["aiError"] is None


@pytest.mark.parametrize("bad", [{}, {"mode": "odd"}, {"mode": "dead", "share": 2}, {"mode": "dead", "models": "x"}])
def test_faults_that_do_not_exist(someone: Person, bad: dict[str, Any]) -> None:
    reply = httpx.post(f"{someone.sandbox.url}{PROVIDER}/faults", json=bad)
    assert reply.status_code == 400
    assert reply.json()["message"]


# --- the breaker


def test_the_breaker_opens_lets_through_and_closes(someone: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "COOLDOWN_S", 1)
    conversation = talk(someone)
    breaks(someone, "dead")
    for number in (1, 2):
        ask(someone, conversation)
        assert (row(someone)["failure_count"], row(someone)["open_until"]) == (number, None)
    ask(someone, conversation)
    assert row(someone)["open"]
    before = told(someone)["asked"]
    body = ask(someone, conversation).json()
    if body["aiError"]["code"] == "AI_UNKNOWN":  # both were still open: nobody was asked
        assert told(someone)["asked"] == before
        assert {one["message"] for one in body["aiError"]["context"]["modelsTried"]} == {"circuit_open"}
    time.sleep(1.1)
    ask(someone, conversation)  # half open: asked, failed, open again
    assert row(someone)["open"]
    assert row(someone)["failure_count"] >= 4
    heals(someone)
    sql(someone.sandbox, "delete from public.rate_limits where key like $1", f"%{someone.id}%")
    time.sleep(1.1)
    assert ask(someone, conversation).json()["model"] == FAST
    assert (row(someone)["failure_count"], row(someone)["open_until"]) == (0, None)


def test_a_breaker_that_never_opens() -> None:
    with with_switches("assistant_breaker_never_opens=on", "provider_fault=dead") as person:
        conversation = talk(person)
        for _ in range(4):
            ask(person, conversation)
        assert (row(person)["failure_count"], row(person)["open_until"]) == (4, None)


def test_a_breaker_that_never_closes() -> None:
    with with_switches("assistant_breaker_never_closes=on") as person:
        conversation = talk(person)
        past = "insert into public.openrouter_circuit_breakers (model, failure_count, open_until) values ($1, 3, $2)"
        sql(person.sandbox, past.replace("$2", "now() - interval '1 hour'"), FAST)
        assert ask(person, conversation).json()["model"] == CREATIVE


# --- the other defects


def from_devices(devices: list[Person], conversation: str, each: int) -> list[int]:
    """Everybody at once."""
    asks = [device for device in devices for _ in range(each)]
    with ThreadPoolExecutor(len(asks)) as pool:
        return [reply.status_code for reply in pool.map(lambda one: ask(one, conversation), asks)]


def of_one_minute() -> None:
    """The limit counts calendar minutes."""
    if (left := 60 - time.time() % 60) < 15:
        time.sleep(left + 0.1)


@pytest.mark.parametrize(
    ("switch", "answered"), [((), 6), (("assistant_quota_off_by_one=on",), 7), (("assistant_quota_per_device=on",), 8)]
)
def test_the_quota_is_the_persons(switch: tuple[str, ...], answered: int) -> None:
    with with_switches(*switch) as person:
        of_one_minute()
        second = enter(person.sandbox, 0)
        statuses = from_devices([person, second], talk(person), 4)
        assert statuses.count(200) == answered
        assert statuses.count(429) == 8 - answered
        second.client.close()


def test_a_model_that_may_take_as_long_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assistant_reply_model, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(assistant_reply_model, "LEAST_S", 0.1)
    with with_switches("assistant_timeout_ignored=on", "assistant_delay_ms=500") as person:
        assert ask(person, talk(person)).json()["aiError"] is None
        [found] = logged(person)
        assert found["ms"] > found["timeout_ms"] == 100


def test_a_missing_fallback() -> None:
    with with_switches("assistant_fallback_missing=on", "provider_fault=dead") as person:
        assert ask(person, talk(person)).status_code == 502


def ask_about(person: Person) -> httpx.Response:
    """About a message of one's own, as the app does: what a tool is run for."""
    conversation = talk(person)
    asked = {"conversationId": conversation, "userMessageId": send(person, conversation, "What now?")}
    return person.call(REPLY, asked)


def test_an_answer_without_its_tool_and_a_missing_one() -> None:
    results = "select payload->'result' as result from public.assistant_message_action_log"
    with with_switches("assistant_tool_failing_one_in=1") as person:
        reply = ask_about(person)
        assert reply.status_code == 200
        assert reply.json()["messageRow"]["text"]
        [row] = sql(person.sandbox, results)
        assert orjson.loads(row["result"]) == {"ok": False, "token": "TOOL_ERROR"}
    with with_switches("assistant_tool_failing_one_in=1", "assistant_partial_missing=on") as person:
        reply = ask_about(person)
        assert (reply.status_code, reply.json()["code"]) == (502, "TOOL_ERROR")
        assert len(sql(person.sandbox, results)) == 1
    with with_switches("assistant_partial_missing=on") as person:
        assert ask_about(person).status_code == 200


@pytest.mark.parametrize(("switch", "status"), [((), 200), (("assistant_death_stops_deck=on",), 500)])
def test_a_deck_does_not_need_the_provider(switch: tuple[str, ...], status: int) -> None:
    with with_switches(*switch, "provider_fault=dead") as person:
        wanted = {"sessionId": "0b9f2f9c-4d7c-4b4a-9a42-3f1f6a6a9a01", "mode": "for_you", "limit": 5}
        assert person.call("media-swipe-deck", wanted).status_code == status


# --- pure


@given(st.sampled_from(sorted(MODELS)), st.text(max_size=200), st.integers(1, 9000))
def test_answers_are_bounded_and_priced(model: str, question: str, limit: int) -> None:
    body = {"model": model, "input": [{"role": "user", "content": question}], "max_output_tokens": limit}
    asked = read(body, MODELS)
    said = answer(asked)
    assert 0 < said.tokens <= min(limit, provider_models.LONGEST)
    assert said.cost == pytest.approx(MODELS[model].cost(asked.prompt_tokens, said.tokens))
    assert answer(asked) == said
    assert answer(asked, 300).cost == pytest.approx(3 * said.cost)


@example({"mode": "dead", "share": None})
@given(
    st.dictionaries(
        st.sampled_from(["mode", "share", "slow_s", "seconds", "models", "name"]),
        st.none() | st.text() | st.integers() | st.floats(allow_nan=True) | st.sampled_from(MODES),
    )
)
def test_any_fault_is_taken_or_refused(body: dict[str, Any]) -> None:
    try:
        _, fault = parse(body, 0.0)
    except ProviderFaultError:
        return
    assert fault.mode in MODES
    assert 0 <= fault.share <= 1
