"""What a phone does when the hosted platform's limits bite, as the shipped client does it.

Facts: auth-js, supabase-js and functions-js 2.90.1, the app's own fetch wrapper; docs/sandbox.md has the table.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pyarrow as pa
import pytest

from harness.client.api import retry
from harness.client.api.calls import (
    APP_SETTINGS,
    ASSISTANT_SUGGESTIONS,
    CONVERSATION_LIST,
    OWN_PROFILE,
    OWN_STATS,
    TMDB_CONFIGURATION,
)
from harness.client.device import Device
from harness.client.events.outbox import SwipeEvent
from harness.client.screens.app import open_app
from harness.core.outcome import Outcome
from harness.core.people import Secrets
from harness.core.platform_limits import parts_of
from harness.core.rows import made
from harness.core.tables import ARRIVALS, LATENCY, View
from harness.load.engine import Engine
from harness.record.store import tidy
from sandbox.options import SandboxOptions
from sandbox.realtime import RealtimeSettings
from sandbox.server import Sandbox
from sandbox.switches import Switches
from tests.client.stage import Answer, Heard, Scripted, drive, running, session_reply
from tests.plain_http import NO_TLS
from tests.sandbox.signed_in import sql

SECRETS = Secrets("anon-key", "pw")
LIMIT = (429, {"code": "over_request_rate_limit", "message": "Request rate limit reached"})
GARBAGE = (200, b"<html>busy</html>")


@contextmanager
def stage(*switches: str, people: int = 6, **options: Any) -> Iterator[tuple[Sandbox, Engine]]:
    """A sandbox with these switches, and phones of its people."""
    chosen = SandboxOptions(people=people, catalogue=60, switches=Switches.parse(switches), **options)
    with Sandbox(chosen) as sandbox:
        found = sandbox.discovery["people"]
        secrets = Secrets(sandbox.discovery["anon_key"], found["password"])
        realtime = "realtime" in options
        with running(sandbox.url, secrets, pattern=found["email_pattern"], people=people, realtime=realtime) as engine:
            yield sandbox, engine


def tables(engine: Engine, name: str) -> list[dict[str, Any]]:
    engine.loop.call_soon_threadsafe(engine.flush)
    time.sleep(0.3)
    batches = [pa.Table.from_batches([batch]) for kind, batch in made(list(engine.taken)) if kind == name]
    return list(tidy(name, pa.concat_tables(batches)).to_pylist()) if batches else []


def limits_met(engine: Engine) -> Counter[tuple[str, str]]:
    """What the record says of limits: limit and call."""
    met: Counter[tuple[str, str]] = Counter()
    for row in tables(engine, LATENCY):
        if row["view"] == View.LIMIT:
            met[parts_of(row["operation"])] += row["count"]
    return met


def codes(engine: Engine, call: str) -> list[tuple[str, str]]:
    return [(one.outcome.value, one.code) for one in engine.attempts if one.name == call]


async def arrives(phone: Device) -> None:
    """Signed in, on a page whose first edge call has died on the phone (quirk A)."""
    assert phone.auth.account is not None or await phone.auth.sign_in() is Outcome.OK
    phone.load_page()
    await phone.api.request(APP_SETTINGS, body={})


# --- a refresh, by what it is answered


def refreshing(answers: list[Answer]) -> Scripted:
    """A server whose refreshes are answered so, one after the other, then well."""

    def script(heard: Heard) -> Answer | None:
        return answers.pop(0) if "grant_type=refresh" in heard.path and answers else None

    return Scripted(script)


def reads_with_a_token_that_is_due(kept: list[bool]) -> Any:
    async def body(phone: Device) -> None:
        assert await phone.auth.sign_in() is Outcome.OK
        account = phone.auth.account
        assert account is not None
        account.expires_at = phone.now() + 60.0  # less than 90 s: refreshed before the next request
        await phone.api.request(OWN_PROFILE, USER_ID)
        kept.append(phone.auth.account is not None)

    return body


USER_ID = session_reply()["user"]["id"]


@pytest.mark.parametrize(
    ("answers", "asked", "stays"),
    [
        ([LIMIT], 1, False),  # auth-js takes 429 for an error like any other, and forgets the session
        ([(500, {})], 1, False),
        ([(502, {}), (503, b"<html>"), (504, {})], 4, True),
        ([GARBAGE, (200, b"")], 3, True),  # what is no JSON counts as no answer
        ([(200, {"error": "none"})], 1, False),  # JSON without a session ends it
        ([(200, {**session_reply(9), "refresh_token": ""})], 1, False),
    ],
)
def test_a_refresh_is_taken_as_auth_js_takes_it(answers: list[Answer], asked: int, stays: bool) -> None:
    kept: list[bool] = []
    with refreshing(answers).serving() as server, running(server.url, SECRETS) as engine:
        done = drive(engine, reads_with_a_token_that_is_due(kept))
    assert (done.names["token_refresh"], kept) == (asked, [stays])
    sent = [heard.headers["authorization"] for heard in server.of("/rest/v1/profiles")]
    assert sent == ["Bearer token-2" if stays else "Bearer anon-key"]


def test_while_no_refresh_works_requests_go_out_as_nobody_and_the_session_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "REFRESH_BUDGET", 0.5)  # in place of half a minute
    down = [True]
    server = Scripted(lambda heard: (503, {}) if down[0] and "grant_type=refresh" in heard.path else None)
    seen: list[bool] = []

    async def body(phone: Device) -> None:
        assert await phone.auth.sign_in() is Outcome.OK
        phone.load_page()
        await phone.api.request(APP_SETTINGS, body={})  # dies on the phone, and fills the edge store
        account = phone.auth.account
        assert account is not None
        account.expires_at = phone.now() + 60.0
        await phone.api.request(OWN_PROFILE, USER_ID)
        await phone.api.request(APP_SETTINGS, body={})
        seen.append(phone.auth.account is account)
        down[0] = False
        await phone.api.request(OWN_PROFILE, USER_ID)

    with server.serving(), running(server.url, SECRETS) as engine:
        drive(engine, body)
    bearers = [heard.headers["authorization"] for heard in server.of("/rest/v1/profiles")]
    assert bearers == ["Bearer anon-key", "Bearer token-2"]
    (edge,) = server.of("/functions/v1/public-app-settings")
    assert edge.headers["authorization"] == "Bearer token-1", "the edge store goes on with what it has"
    assert seen == [True]


def test_a_person_who_was_signed_out_does_not_go_on_with_the_page() -> None:
    paused: list[float] = []

    async def body(phone: Device) -> None:
        assert await phone.auth.sign_in() is Outcome.OK
        account = phone.auth.account
        assert account is not None
        account.expires_at = phone.now() + 60.0
        await phone.api.request(APP_SETTINGS, body={})
        for _ in range(20):
            await phone.api.request(OWN_PROFILE, USER_ID)
            await phone.pause(0.05)
            paused.append(phone.now())

    with refreshing([LIMIT]).serving() as server, running(server.url, SECRETS) as engine:
        drive(engine, body)
        assert paused == []
        drive(engine, body, ticket=1)
        assert len(paused) == 20, "who signs in again goes on"
        assert [row["end"] for row in tables(engine, ARRIVALS)] == ["limited", "finished"]


def test_after_the_session_was_lost_edge_calls_still_carry_the_stores_token() -> None:
    async def body(phone: Device) -> None:
        assert await phone.auth.sign_in() is Outcome.OK
        phone.load_page()
        await phone.api.request(APP_SETTINGS, body={})
        account = phone.auth.account
        assert account is not None
        account.expires_at = phone.now() + 60.0
        await phone.api.request(OWN_PROFILE, USER_ID)
        assert phone.auth.account is None
        await phone.api.request(APP_SETTINGS, body={})

    with refreshing([LIMIT]).serving() as server, running(server.url, SECRETS) as engine:
        drive(engine, body)
    (edge,) = server.of("/functions/v1/public-app-settings")
    assert edge.headers["authorization"] == "Bearer token-1"


# --- against the sandbox


def test_a_refresh_beyond_the_sign_in_limit_signs_the_person_out_for_the_limits_sake() -> None:
    async def body(phone: Device) -> None:
        await open_app(phone)
        _ = phone.user_id

    with stage("sign_in_burst=1", "sign_in_per_5_minutes=1", access_token_lifetime_s=60) as (_, engine):
        done = drive(engine, body)
        assert codes(engine, "sign_in") == [("ok", "")]
        assert codes(engine, "token_refresh") == [("rate_limited", "over_request_rate_limit")]
        assert done.names["token_refresh"] == 1
        assert [row["end"] for row in tables(engine, ARRIVALS)] == ["limited"]
        assert limits_met(engine) == {("over_request_rate_limit", "token_refresh"): 1}


@pytest.mark.parametrize(
    ("switches", "status", "code"),
    [
        (("edge_worker_limit_one_in=1",), 546, "WORKER_RESOURCE_LIMIT"),
        (("edge_idle_timeout_ms=20", "tmdb_delay_ms=400", "assistant_delay_ms=400"), 504, "IDLE_TIMEOUT"),
    ],
)
def test_a_functions_call_that_the_platform_answers_is_tried_again_by_react_query_alone(
    switches: tuple[str, ...], status: int, code: str
) -> None:
    readings: list[Any] = []

    async def body(phone: Device) -> None:
        await arrives(phone)
        plain = {"path": "/configuration", "params": {}}
        readings.append(await phone.api.request(TMDB_CONFIGURATION, body=plain))
        asked = {"surface": "home", "context": {}, "limit": 2}
        await phone.api.request(ASSISTANT_SUGGESTIONS, body=asked)

    with stage(*switches) as (_, engine):
        drive(engine, body)
        assert (readings[0].status, readings[0].code) == (status, code)
        assert codes(engine, "tmdb_configuration") == [("server_error", code)]
        if status != 504:  # the orchestrator may be quicker than the clock
            assert codes(engine, "assistant_suggestions") == [("server_error", code)] * 2
        assert limits_met(engine)[code, "tmdb_configuration"] == 1


def test_a_function_that_does_not_start_is_not_asked_again() -> None:
    readings: list[Any] = []

    async def body(phone: Device) -> None:
        await arrives(phone)
        plain = {"path": "/configuration", "params": {}}
        readings.append(await phone.api.request(TMDB_CONFIGURATION, body=plain))

    with stage("edge_boot_failure_one_in=1") as (_, engine):
        drive(engine, body)
        assert not readings[0].outcome.good
        if readings[0].status:  # a preflight that fails hides it from the app
            assert codes(engine, "tmdb_configuration") == [("server_error", "BOOT_ERROR")]
            assert limits_met(engine) == {("BOOT_ERROR", "tmdb_configuration"): 1}


@pytest.mark.slow
def test_events_that_a_workers_end_left_unanswered_come_again_and_are_stored_once() -> None:
    ids: list[str] = []

    async def body(phone: Device) -> None:
        await arrives(phone)
        phone.event_sender.mount()
        for _ in range(3):
            ids.append(phone.new_id())
            phone.event_sender.emit(SwipeEvent("like", ids[-1], str(uuid.uuid4()), media_item_id=str(uuid.uuid4())))
            await phone.pause(3.0)

    async def comes_back(phone: Device) -> None:
        """What was put into the stored queue leaves it when the swipe page is opened again."""
        await arrives(phone)
        phone.event_sender.mount()
        await phone.pause(4.0)

    with stage("edge_worker_limit_one_in=2") as (sandbox, engine):
        drive(engine, body)
        for ticket in (1, 2):
            drive(engine, comes_back, ticket=ticket)
        ended = Counter(codes(engine, "swipe_events"))
        assert ended["server_error", "WORKER_RESOURCE_LIMIT"] >= 1
        stored = sql(sandbox, "select client_event_id::text from public.media_events where client_event_id is not null")
        mine = Counter(row[0] for row in stored if row[0] in ids)
        assert mine == Counter(ids), "what was stored and not answered is known by its key when it comes again"


@pytest.mark.slow
def test_a_read_that_gets_no_connection_costs_six_requests_and_an_rpc_two() -> None:
    locked = "do $$ begin lock table public.profiles in access exclusive mode; perform pg_sleep(9); end $$"

    async def body(phone: Device) -> None:
        await phone.auth.sign_in()
        await phone.api.request(OWN_STATS, phone.user_id)
        await phone.api.request(CONVERSATION_LIST, body={})

    with (
        stage("rest_pool_size=1", "rest_pool_timeout_ms=100") as (sandbox, engine),
        ThreadPoolExecutor(2) as pool,
    ):
        lock = pool.submit(sql, sandbox, locked)
        time.sleep(0.3)
        key = sandbox.discovery["service_key"]
        waits = pool.submit(hold_the_only_connection, sandbox.url, key)
        time.sleep(0.3)
        drive(engine, body)
        assert codes(engine, "own_stats") == [("quota", "PGRST003")] * 6
        assert codes(engine, "conversation_list") == [("quota", "PGRST003")] * 2
        assert limits_met(engine) == {("PGRST003", "own_stats"): 6, ("PGRST003", "conversation_list"): 2}
        lock.result()
        waits.result()


def hold_the_only_connection(url: str, key: str) -> None:
    """A request that waits for the locked table, and keeps the pool's one connection."""
    headers = {"apikey": key, "authorization": f"Bearer {key}"}
    httpx.get(f"{url}/rest/v1/profiles?select=id&limit=1", headers=headers, timeout=30, verify=NO_TLS)


@pytest.mark.slow
def test_a_statement_that_the_database_ends_is_tried_like_any_500() -> None:
    locked = "do $$ begin lock table public.user_stats in access exclusive mode; perform pg_sleep(8); end $$"

    async def body(phone: Device) -> None:
        await phone.auth.sign_in()
        await phone.api.request(OWN_STATS, phone.user_id)

    with stage("authenticated_statement_ms=200") as (sandbox, engine), ThreadPoolExecutor(1) as pool:
        lock = pool.submit(sql, sandbox, locked)
        time.sleep(0.5)
        drive(engine, body)
        assert codes(engine, "own_stats") == [("server_error", "57014")] * 6
        assert limits_met(engine) == {("57014", "own_stats"): 6}
        lock.result()


@pytest.mark.slow
def test_a_client_beyond_realtimes_limit_is_refused_and_comes_again() -> None:
    settings = RealtimeSettings.parse(
        ["plan=free", "max_concurrent_users=1", "connect_error_ms=0", "channel_error_ms=0"]
    )

    async def body(phone: Device) -> None:
        await open_app(phone, landing=False)
        await phone.pause(6.0)

    with stage("preset=hosted-free", "sign_in_per_5_minutes=0", realtime=settings) as (_, engine):
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(drive, engine, body, person=n, ticket=n) for n in range(2)]:
                done.result()
        refused = [
            one for one in engine.attempts if one.name.startswith("realtime_") and one.code == "too_many_connections"
        ]
        assert len(refused) >= 2
        assert {one.outcome for one in refused} == {Outcome.QUOTA}
        assert sum(times for (limit, _), times in limits_met(engine).items() if limit == "too_many_connections") >= 2
