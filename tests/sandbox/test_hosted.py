"""The hosted platform's own limits: what is answered, to whom, and that none of it is there by default."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from sandbox.edge_runtime import EdgeRuntime
from sandbox.limits import AddressLimiter, MailLimiter, TokenBucket, caller_address
from sandbox.options import OptionError
from sandbox.realtime import RealtimeSettings
from sandbox.server import Sandbox, SandboxOptions
from sandbox.server.command import _realtime
from sandbox.switches import PRESETS, SwitchError, Switches
from tests.plain_http import NO_TLS
from tests.sandbox.signed_in import Person, enter, sql

LIMITED = {"code": 429, "error_code": "over_request_rate_limit", "msg": "Request rate limit reached"}
SETTINGS = "public-app-settings"


@contextmanager
def sandbox_with(*switches: str, **options: int) -> Iterator[Sandbox]:
    chosen = SandboxOptions(people=6, catalogue=40, switches=Switches.parse(switches), **options)  # type: ignore[arg-type]
    with Sandbox(chosen) as running:
        yield running


def anonymous(sandbox: Sandbox, source: str = "127.0.0.1") -> httpx.Client:
    """Somebody at another address of this machine."""
    headers = {"apikey": sandbox.discovery["anon_key"]}
    transport = httpx.HTTPTransport(local_address=source, verify=NO_TLS)
    return httpx.Client(base_url=sandbox.url, headers=headers, transport=transport, timeout=20)


def sign_in(client: httpx.Client, sandbox: Sandbox, index: int = 0, **headers: str) -> httpx.Response:
    people = sandbox.discovery["people"]
    body = {"email": people["email_pattern"].format(index=index), "password": people["password"]}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/auth/v1/token?grant_type=password", json=body, headers=sent)


# --- presets


def test_a_preset_sets_every_limit_and_single_switches_go_before_it() -> None:
    free, pro = Switches.parse(["preset=hosted-free"]), Switches.parse(["preset=hosted-pro"])
    assert (free.sign_in_burst, free.sign_in_per_5_minutes, free.edge_idle_timeout_ms) == (30, 150, 150_000)
    assert (free.edge_worker_life_s, pro.edge_worker_life_s) == (150, 400)
    assert (free.anon_statement_ms, free.authenticated_statement_ms) == (3_000, 8_000)
    for order in (["preset=hosted", "edge_boot_ms=0"], ["edge_boot_ms=0", "preset=hosted"]):
        chosen = Switches.parse(order)
        assert (chosen.edge_boot_ms, chosen.rest_pool_timeout_ms) == (0, 10_000)
    plain, preset = vars(Switches.parse(["preset=hosted"])), vars(pro)
    assert {name for name in plain if plain[name] != preset[name]} == {"preset"}, "hosted is the plan one pays for"


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_brings_its_plan_of_realtime_unless_settings_are_given(name: str) -> None:
    switches = Switches.parse([f"preset={name}"])
    assert SandboxOptions(switches=switches).realtime == RealtimeSettings.plan(PRESETS[name].realtime_plan)
    own = RealtimeSettings()
    assert SandboxOptions(switches=switches, realtime=own).realtime is own
    assert SandboxOptions().realtime == RealtimeSettings()


def test_on_the_command_line_settings_of_realtime_go_before_the_presets_plan() -> None:
    free = Switches.parse(["preset=hosted-free"])
    assert _realtime(free, ()) == RealtimeSettings.plan("free")
    assert _realtime(free, ["max_joins_per_second=5"]) == RealtimeSettings.parse(
        ["plan=free", "max_joins_per_second=5"]
    )
    given = SandboxOptions(switches=free, realtime=_realtime(free, ["plan=self-host"]))
    assert given.realtime == RealtimeSettings()
    assert _realtime(Switches(), ["plan=pro"]) == RealtimeSettings.plan("pro")


def test_a_preset_that_does_not_exist_says_which_do() -> None:
    with pytest.raises(SwitchError, match="one of hosted, hosted-free, hosted-pro, not 'cloud'"):
        Switches.parse(["preset=cloud"])
    with pytest.raises(OptionError, match="rest_pool_size is 41"):
        SandboxOptions(switches=Switches.parse(["rest_pool_size=41"]))


# --- GoTrue's limiter


def test_a_bucket_gives_what_it_holds_and_is_refilled_evenly() -> None:
    bucket = TokenBucket(3, 0.5, now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(101.9)
    assert bucket.take(102.0)
    assert [bucket.take(1000.0) for _ in range(4)] == [True, True, True, False], "never more than it holds"


def test_addresses_and_kinds_have_buckets_of_their_own() -> None:
    now = 0.0
    limiter = AddressLimiter(
        Switches(sign_in_burst=2, sign_in_per_5_minutes=150, sign_up_per_5_minutes=30), lambda: now
    )
    asked = [("token", "a"), ("token", "a"), ("token", "a"), ("token", "b"), ("signup", "a"), ("recover", "a")]
    assert [limiter.admits(*one) for one in asked] == [True, True, False, True, True, True]
    assert limiter.admits("signup", "a")
    assert not limiter.admits("signup", "a")
    assert all(limiter.admits("logout", "a") for _ in range(100))
    now = 2.0
    assert limiter.admits("token", "a"), "150 in five minutes is one in two seconds"
    assert not limiter.admits("signup", "a"), "and 30 is one in ten"


def test_mails_are_counted_for_the_project_and_for_each_person() -> None:
    now = 0.0
    mails = MailLimiter(2, lambda: now)
    assert mails.refusal("a") is None
    now = 20.5
    assert mails.refusal("a") == "For security purposes, you can only request this after 40 seconds."
    assert mails.refusal("b") is None
    assert mails.refusal("c") == "email rate limit exceeded"
    now = 1820.6
    assert mails.refusal("a") is None
    assert MailLimiter(0).refusal("a") is None


def test_whose_address_counts() -> None:
    said = {"x-forwarded-for": "203.0.113.7, 10.0.0.1", "sb-forwarded-for": "198.51.100.9"}
    assert caller_address("192.0.2.1", said, trusted=False, service=False) == "192.0.2.1"
    assert caller_address("192.0.2.1", said, trusted=True, service=False) == "203.0.113.7"
    assert caller_address("192.0.2.1", said, trusted=False, service=True) == "198.51.100.9"
    assert caller_address("192.0.2.1", {}, trusted=True, service=True) == "192.0.2.1"


def test_sign_ins_and_refreshes_of_an_address_share_a_bucket() -> None:
    with sandbox_with("sign_in_burst=4", "sign_in_per_5_minutes=1") as sandbox, anonymous(sandbox) as client:
        session = sign_in(client, sandbox).json()
        old = {"refresh_token": session["refresh_token"]}
        assert client.post("/auth/v1/token?grant_type=refresh_token", json=old).status_code == 200
        wrong = client.post("/auth/v1/token?grant_type=password", json={"email": "x@y.test", "password": "no"})
        assert wrong.status_code == 400
        assert client.post("/auth/v1/token?grant_type=password", content=b"{").status_code == 400
        refused = client.post("/auth/v1/token?grant_type=refresh_token", json=old)
        assert (refused.status_code, refused.json()) == (429, LIMITED)
        assert refused.headers["x-sb-error-code"] == "over_request_rate_limit"
        assert refused.headers["access-control-allow-origin"] == "*"
        assert "retry-after" not in refused.headers
        versioned = sign_in(client, sandbox, x_supabase_api_version="2024-01-01")
        expected = {"code": "over_request_rate_limit", "message": "Request rate limit reached"}
        assert (versioned.status_code, versioned.json()) == (429, expected)
        assert sign_in(client, sandbox, x_forwarded_for="203.0.113.7").status_code == 429, "not the caller's to say"
        bearer = {"authorization": f"Bearer {session['access_token']}"}
        assert client.get("/auth/v1/user", headers=bearer).status_code == 200, "reads are not limited"
        assert client.post("/auth/v1/logout", headers=bearer).status_code == 204
        assert client.options("/auth/v1/token").status_code == 200
        with anonymous(sandbox, "127.0.0.2") as other:
            assert sign_in(other, sandbox).status_code == 200
        service = {"apikey": sandbox.discovery["service_key"], "sb-forwarded-for": "203.0.113.8"}
        assert sign_in(client, sandbox, **service).status_code == 200


def test_sign_up_recovery_and_changes_of_the_account_are_limited_each_for_itself() -> None:
    switches = ("sign_up_per_5_minutes=1", "sign_in_burst=1", "emails_per_hour=1")
    with sandbox_with(*switches) as sandbox, anonymous(sandbox) as client:
        form = {"password": "correct horse 7", "data": {"display_name": "New", "username": "new_one"}}
        made = client.post("/auth/v1/signup", json={**form, "email": "new_one@people.sandbox.test"})
        assert made.status_code == 200, made.text
        again = client.post("/auth/v1/signup", json={**form, "email": "new_two@people.sandbox.test"})
        assert (again.status_code, again.json()) == (429, LIMITED)
        bearer = {"authorization": f"Bearer {made.json()['access_token']}"}
        changes = [client.put("/auth/v1/user", json={"data": {"onboarded": True}}, headers=bearer) for _ in range(2)]
        assert [reply.status_code for reply in changes] == [200, 429]
        known = sandbox.discovery["people"]["email_pattern"].format(index=1)
        assert client.post("/auth/v1/recover", json={"email": known}).status_code == 200
        with anonymous(sandbox, "127.0.0.2") as other:
            refused = other.post("/auth/v1/recover", json={"email": known})
            assert (refused.status_code, refused.json()["error_code"]) == (429, "over_email_send_rate_limit")
        with anonymous(sandbox, "127.0.0.3") as third:
            assert third.post("/auth/v1/recover", json={"email": "nobody@x.test"}).status_code == 200, (
                "no mail, no limit"
            )


def test_a_request_that_takes_gotrue_too_long_is_504_and_everything_else_goes_on() -> None:
    locked = "do $$ begin lock table auth.users in access exclusive mode; perform pg_sleep(2); end $$"
    with sandbox_with("auth_timeout_ms=500") as sandbox, anonymous(sandbox) as client, ThreadPoolExecutor(1) as pool:
        lock = pool.submit(sql, sandbox, locked)
        time.sleep(0.4)
        reply = sign_in(client, sandbox)
        message = "Processing this request timed out, please retry after a moment."
        assert (reply.status_code, reply.json()) == (
            504,
            {"code": 504, "error_code": "request_timeout", "msg": message},
        )
        assert client.get("/auth/v1/health").status_code == 200
        lock.result()
        assert sign_in(client, sandbox).status_code == 200


def test_nothing_is_limited_by_default() -> None:
    assert not EdgeRuntime.needed(Switches())
    with sandbox_with() as sandbox, anonymous(sandbox) as client:
        assert {sign_in(client, sandbox).status_code for _ in range(40)} == {200}


# --- the edge runtime


def called(person: Person, times: int = 1, function: str = SETTINGS) -> list[httpx.Response]:
    return [person.call(function, {}) for _ in range(times)]


def timed(person: Person, function: str = SETTINGS) -> float:
    began = time.monotonic()
    assert person.call(function, {}).status_code == 200
    return time.monotonic() - began


def test_a_worker_boots_once_for_each_function_and_again_after_its_calls() -> None:
    with sandbox_with("edge_boot_ms=600", "edge_worker_requests=3") as sandbox:
        person = enter(sandbox, 0)
        assert timed(person) >= 0.6
        assert max(timed(person), timed(person)) < 0.5
        assert timed(person) >= 0.6, "the fourth call is another worker's first"
        assert timed(person, "assistant-get-conversation") >= 0.6, "each function has its own"
        began = time.monotonic()
        assert person.client.options("/functions/v1/media-search").status_code == 200
        assert time.monotonic() - began >= 0.6, "a preflight needs a worker too"
        began = time.monotonic()
        for _ in range(4):
            person.client.options("/functions/v1/media-search")
        assert time.monotonic() - began < 0.5, "and counts for none"
        assert person.client.post("/functions/v1/no-such-thing", headers=person.headers).status_code == 404


def test_calls_that_come_while_a_worker_boots_wait_for_the_same_boot() -> None:
    with sandbox_with("edge_boot_ms=800", "edge_worker_life_s=2") as sandbox:
        people = [enter(sandbox, index) for index in range(4)]
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            took = list(pool.map(timed, people))
        assert min(took) >= 0.5
        assert time.monotonic() - began < 1.6
        time.sleep(max(0.0, began + 2.2 - time.monotonic()))
        assert timed(people[0]) >= 0.8, "its life was over"


def test_a_boot_that_fails_is_503_in_the_platforms_words_without_cors() -> None:
    with sandbox_with("edge_boot_failure_one_in=2", "edge_worker_requests=1") as sandbox:
        person = enter(sandbox, 0)
        good, bad = called(person, 2)
        assert good.status_code == 200
        expected = {"code": "BOOT_ERROR", "message": "Function failed to start (please check logs)"}
        assert (bad.status_code, bad.json()) == (503, expected)
        assert bad.headers["sb-error-code"] == "BOOT_ERROR"
        assert "access-control-allow-origin" not in bad.headers
        assert "access-control-allow-origin" in good.headers


def test_a_worker_at_its_limit_answers_546_before_or_after_its_work_and_the_next_call_boots_another() -> None:
    switches = ("edge_worker_limit_one_in=2", "edge_boot_ms=300")
    with sandbox_with(*switches) as sandbox:
        person = enter(sandbox, 0)
        sql(sandbox, "truncate public.conversations cascade")
        replies = [
            person.call("create-direct-conversation", {"targetUserId": enter(sandbox, n).id}) for n in (1, 2, 3, 4)
        ]
        assert [reply.status_code for reply in replies] == [200, 546, 200, 546]
        assert replies[1].json()["code"] == "WORKER_RESOURCE_LIMIT"
        assert replies[3].headers["sb-error-code"] == "WORKER_RESOURCE_LIMIT"
        assert replies[2].elapsed.total_seconds() >= 0.3
        deadline = time.monotonic() + 5
        while made(sandbox, person) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert made(sandbox, person) == 3, "the second never began, the fourth was done and never said so"


def made(sandbox: Sandbox, person: Person) -> int:
    statement = "select count(*) from public.conversation_participants where user_id = $1"
    return int(sql(sandbox, statement, person.id)[0][0])


def test_everybody_on_a_worker_that_ends_is_answered_546() -> None:
    with sandbox_with("edge_worker_limit_one_in=3", "tmdb_delay_ms=1500") as sandbox:
        people = [enter(sandbox, index) for index in range(3)]
        body = {"path": "/configuration", "params": {}}
        with ThreadPoolExecutor(3) as pool:
            slow = []
            for person in people:
                slow.append(pool.submit(person.call, "tmdb-proxy", body))
                time.sleep(0.2)
            assert Counter(one.result().status_code for one in slow) == {546: 3}


def test_a_call_that_needs_too_much_of_the_processor_is_546() -> None:
    with sandbox_with("edge_cpu_ms=1") as sandbox:
        person = enter(sandbox, 0)
        heavy = b"[" + b'{"a":1},' * 400_000 + b"1]"
        assert person.raw("media-swipe-event", heavy, content_type="application/json").status_code == 546
    with sandbox_with("edge_cpu_ms=60000") as sandbox:
        assert called(enter(sandbox, 0))[0].status_code == 200


def test_an_answer_that_does_not_come_is_504_and_the_work_goes_on() -> None:
    with sandbox_with("edge_idle_timeout_ms=1000", "assistant_delay_ms=2500") as sandbox:
        person = enter(sandbox, 0)
        conversation = person.call("assistant-get-conversation", {}).json()["conversationId"]
        body = {"conversationId": conversation, "userText": "What shall I watch?", "stream": False}
        reply = person.call("assistant-chat-reply", body)
        expected = {"code": "IDLE_TIMEOUT", "message": "Request idle timeout limit (1s) reached"}
        assert (reply.status_code, reply.json()) == (504, expected)
        statement = "select count(*) from public.messages where conversation_id = $1::uuid and user_id <> $2"
        deadline = time.monotonic() + 10
        while not sql(sandbox, statement, conversation, person.id)[0][0] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert sql(sandbox, statement, conversation, person.id)[0][0] == 1


def test_a_worker_knows_the_settings_until_it_is_retired() -> None:
    with sandbox_with("edge_worker_requests=2") as sandbox:
        person = enter(sandbox, 0)

        def page_size() -> int:
            settings = person.call(SETTINGS, {}).json()["settings"]
            return int(settings["ux.search.page_size"])

        assert page_size() == 20
        sql(sandbox, "update public.app_settings set value = '33' where key = 'ux.search.page_size'")
        assert page_size() == 20, "the same worker, half a minute's memory"
        assert page_size() == 33, "the next one has none"


# --- PostgREST's pool, and the limits of statements


def test_requests_without_a_connection_are_pgrst003_in_time() -> None:
    with sandbox_with("rest_pool_size=1", "rest_pool_timeout_ms=400", "pool_hold_ms=2500") as sandbox:
        person = enter(sandbox, 0)
        assert (
            person.call("media-swipe-deck", {"sessionId": person.id, "mode": "combined", "limit": 6}).status_code == 200
        )
        began = time.monotonic()
        reply = person.client.get("/rest/v1/profiles?select=id&limit=1", headers=person.headers)
        took = time.monotonic() - began
        assert (reply.status_code, reply.json()["code"]) == (504, "PGRST003")
        assert reply.json()["message"] == "Timed out acquiring connection from connection pool."
        assert 0.4 <= took < 2.0


def test_a_statement_that_takes_too_long_is_57014_by_role() -> None:
    locked = "do $$ begin lock table public.profiles in access exclusive mode; perform pg_sleep(4); end $$"
    with (
        sandbox_with("anon_statement_ms=300", "authenticated_statement_ms=900") as sandbox,
        ThreadPoolExecutor(1) as pool,
    ):
        person = enter(sandbox, 0)
        lock = pool.submit(sql, sandbox, locked)
        time.sleep(0.5)
        for headers, low in ((person.headers, 0.9), ({"apikey": person.headers["apikey"]}, 0.3)):
            began = time.monotonic()
            reply = person.client.get("/rest/v1/profiles?select=id&limit=1", headers=headers)
            took = time.monotonic() - began
            assert (reply.status_code, reply.json()["code"]) == (500, "57014"), reply.text
            assert reply.json()["message"] == "canceling statement due to statement timeout"
            assert low <= took < low + 0.9
        lock.result()
