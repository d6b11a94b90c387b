"""Phones in a browser whose page came from elsewhere: what they ask before calls, and what becomes of refused ones."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.client.api import calls, chat_calls
from harness.client.api.call import Call, function, table, upsert
from harness.client.api.calls import EXPERIMENTS, ONBOARDING_LIKES, USER
from harness.client.api.chat_calls import ATTACHMENT_UPLOAD, TYPING_BROADCAST
from harness.client.api.classify import Reading
from harness.client.api.headers import preflight_ask
from harness.client.device import Device
from harness.client.screens.browse.library import set_status
from harness.core.app_client import AppClient
from harness.core.ledger import WriteStep
from harness.core.outcome import Outcome
from harness.core.people import Secrets
from harness.core.scheduled_fault import ChaosEntry
from harness.core.tables import LATENCY, LEDGER_STEPS, TRAFFIC, View
from harness.core.wire_limits import WireLimits
from harness.load.engine import Engine
from tests.client.stage import TITLE, Driven, Heard, Scripted, asked_for, drive, running
from tests.client.test_resent import rows

ORIGIN = "https://movinesta.app"
KEYS = "apikey,authorization"
WITHOUT_REQUEST_ID = "authorization, x-client-info, apikey, content-type"
SEARCH = function("media_search", "media-search", require_auth=False)
READ = table("people_followed", "follows?select=followed_id&follower_id=eq.{}")


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted().serving() as scripted:
        yield scripted


@contextmanager
def browser(server: Scripted, **options: Any) -> Iterator[Engine]:
    with running(server.url, Secrets("anon"), app_origin=ORIGIN, **options) as engine:
        yield engine


def drive_in(server: Scripted, body: Callable[[Device], Any], **options: Any) -> Driven:
    """One session of somebody signed in; what was heard before `body` is forgotten."""

    async def session(phone: Device) -> None:
        await phone.auth.sign_in()
        await phone.api.request(SEARCH, body={})  # a page's first edge call dies on the phone (contract 1.2, quirk A)
        server.heard.clear()
        await body(phone)

    with browser(server, **options) as engine:
        return drive(engine, session)


def told(server: Scripted) -> list[str]:
    return [f"{heard.method} {heard.endpoint.rpartition('/')[2]}" for heard in server.heard]


# ---- what is asked, and when --------------------------------------------------------------------------------------


def test_a_call_is_asked_for_as_a_browser_asks(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        assert (await phone.api.request(READ, "x")).outcome is Outcome.OK

    drive_in(server, body)
    asked, sent = server.heard
    assert (asked.method, asked.path) == ("OPTIONS", sent.path)
    own = {name: value for name, value in asked.headers.items() if name not in ("host", "user-agent")}
    assert own == {
        "accept": "*/*",
        "origin": ORIGIN,
        "accept-encoding": "gzip, deflate, br",
        "access-control-request-method": "GET",
        "access-control-request-headers": "accept-profile,apikey,authorization,x-client-info",
    }
    assert sent.headers["origin"] == ORIGIN
    assert sent.headers["accept-encoding"] == "gzip, deflate, br"
    assert sent.headers["accept"] == "*/*"


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (SEARCH, "apikey,authorization,content-type,x-client-info,x-request-id"),
        (upsert("library_write", "library_entries", "a"), f"{KEYS},content-profile,content-type,prefer,x-client-info"),
        (USER, f"{KEYS},x-client-info,x-supabase-api-version"),
        (TYPING_BROADCAST, "apikey,authorization,content-type"),
        (ATTACHMENT_UPLOAD, "apikey,authorization,x-client-info,x-upsert"),
    ],
    ids=lambda one: getattr(one, "name", ""),
)  # fmt: skip
def test_each_kind_of_call_asks_for_its_own_headers(server: Scripted, call: Call, names: str) -> None:
    """Of uploads the content type is not among them: a form could send it."""

    async def body(phone: Device) -> None:
        await phone.api.request(call, *("x",) * call.path.count("{}"), body={})

    drive_in(server, body)
    asked = next(heard for heard in server.heard if heard.method == "OPTIONS")
    assert asked.headers["access-control-request-headers"] == names
    assert asked.headers["access-control-request-method"] == call.method
    assert next(heard for heard in server.heard if heard.method != "OPTIONS").headers["accept"]


def test_every_call_says_what_it_accepts(server: Scripted) -> None:
    """P20: auth and functions too."""

    async def body(phone: Device) -> None:
        await phone.api.request(SEARCH, body={})
        await phone.auth.sign_in()

    drive_in(server, body)
    assert {heard.headers.get("accept") for heard in server.heard} == {"*/*"}


def test_a_url_is_asked_for_once_and_another_query_is_another_url(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        for who in ("x", "x", "y", "x"):
            await phone.api.request(READ, who)

    drive_in(server, body)
    assert told(server) == ["OPTIONS follows", "GET follows", "GET follows", "OPTIONS follows"] + ["GET follows"] * 2


def test_requests_side_by_side_each_ask(server: Scripted) -> None:
    server.delay_s = lambda heard: 0.05

    async def body(phone: Device) -> None:
        await asyncio.gather(*(phone.api.request(SEARCH, body={}) for _ in range(3)))
        await phone.api.request(SEARCH, body={})

    drive_in(server, body)
    assert Counter(told(server)) == {"OPTIONS media-search": 3, "POST media-search": 4}


def test_functions_are_asked_for_again_after_their_time(server: Scripted) -> None:
    def script(heard: Heard) -> Any:
        return (200, {}, {**asked_for(heard), "access-control-max-age": "1"}) if heard.method == "OPTIONS" else None

    server.script = script

    async def body(phone: Device) -> None:
        for pause in (0.0, 0.0, 1.2):
            await asyncio.sleep(pause)
            await phone.api.request(SEARCH, body={})

    drive_in(server, body)
    asked, sent = "OPTIONS media-search", "POST media-search"
    assert told(server) == [asked, sent, sent, asked, sent]


@pytest.mark.parametrize(
    ("what", "again"), [("load_page", False), ("offline", False), ("kill", True), ("next session", True)]
)
def test_the_cache_is_the_browsers(server: Scripted, what: str, again: bool) -> None:
    """It survives a reload and a time without network, not the end of the program."""

    async def ask(phone: Device) -> None:
        await phone.auth.sign_in()
        server.heard.clear()
        await phone.api.request(READ, "x")

    async def body(phone: Device) -> None:
        await ask(phone)
        if what == "load_page":
            phone.load_page()
        elif what == "offline":
            phone.network.lose(phone.now())
            phone.network.regain(phone.now())
        elif what == "kill":
            phone.network.kill()
        if what != "next session":
            await phone.api.request(READ, "x")

    with browser(server) as engine:
        drive(engine, body)
        if what == "next session":
            first = len(server.of("follows"))
            drive(engine, ask, ticket=1)
            assert first == 2
            assert told(server) == ["OPTIONS follows", "GET follows"]
            return
    assert told(server) == ["OPTIONS follows", "GET follows"] + ["OPTIONS follows"] * again + ["GET follows"]


@pytest.mark.parametrize("options", [{"client": AppClient.NATIVE}, {"app_origin": ""}], ids=["native", "same origin"])
def test_who_asks_nothing(server: Scripted, options: dict[str, Any]) -> None:
    async def session(phone: Device) -> None:
        await phone.auth.sign_in()
        await phone.api.request(READ, "x")

    with running(server.url, Secrets("anon"), **({"app_origin": ORIGIN} | options)) as engine:
        drive(engine, session)
    assert {heard.method for heard in server.heard} == {"POST", "GET"}
    assert not any("origin" in heard.headers for heard in server.heard)
    native = "client" in options
    assert {heard.headers["accept-encoding"] for heard in server.heard} == {"gzip" if native else "gzip, deflate, br"}


def test_a_socket_says_where_its_page_came_from_and_asks_nothing(server: Scripted) -> None:
    server.script = lambda heard: (403, {}) if "websocket" in heard.path else None

    async def body(phone: Device) -> None:
        phone.page.realtime.track()
        for _ in range(200):
            if server.of("websocket"):
                return
            await asyncio.sleep(0.01)

    drive_in(server, body, realtime=True)
    upgrades = server.of("websocket")
    assert upgrades
    assert {(heard.method, heard.headers.get("origin")) for heard in upgrades} == {("GET", ORIGIN)}


# ---- what is refused ----------------------------------------------------------------------------------------------


def refusing(fragment: str, status: int = 200, **headers: str) -> Callable[[Heard], Any]:
    """Questions for this endpoint are answered so: all that is asked for is allowed, but for these headers."""

    def script(heard: Heard) -> Any:
        if heard.method == "OPTIONS" and fragment in heard.path:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            return status, {}, {**asked_for(heard), **given}
        return None

    return script


def one_call(server: Scripted, call: Call, *arguments: str) -> tuple[Reading, Driven]:
    found: list[Reading] = []

    async def body(phone: Device) -> None:
        found.append(await phone.api.request(call, *arguments, body={} if call.method == "POST" else None))

    done = drive_in(server, body)
    return found[0], done


REFUSALS: list[tuple[dict[str, Any], str, Outcome]] = [
    ({"access_control_allow_headers": "apikey, authorization"}, "preflight refused", Outcome.REJECTED),
    ({"access_control_allow_origin": "https://elsewhere.example"}, "preflight refused", Outcome.REJECTED),
    ({"status": 403}, "preflight refused", Outcome.REJECTED),
    ({"status": 503}, "preflight failed", Outcome.SERVER_ERROR),
    ({"status": 429}, "preflight failed", Outcome.RATE_LIMITED),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "code", "outcome"), REFUSALS, ids=[next(iter(one[0])) for one in REFUSALS])
def test_a_refused_call_never_leaves(server: Scripted, reply: dict[str, Any], code: str, outcome: Outcome) -> None:
    server.script = refusing("media-search", **reply)
    reading, done = one_call(server, SEARCH)
    assert (reading.outcome, reading.code, reading.status) == (Outcome.NETWORK, code, 0)
    assert told(server) == ["OPTIONS media-search"]
    tried = [(one.name, one.outcome, one.code) for one in done.engine.attempts][-2:]
    assert tried[0][:2] == ("preflight", outcome)
    assert tried[1] == ("media_search", Outcome.NETWORK, code)
    requests = {row["call"]: (row["requests"], row["failed"]) for row in rows(done.engine, TRAFFIC)}
    assert requests["media_search"] == (1, 1)


def test_a_refused_answer_is_not_remembered(server: Scripted) -> None:
    server.script = refusing("media-search", access_control_allow_headers="")

    async def body(phone: Device) -> None:
        await phone.api.request(SEARCH, body={})
        server.script = lambda heard: None
        assert (await phone.api.request(SEARCH, body={})).outcome is Outcome.OK

    drive_in(server, body)
    assert told(server) == ["OPTIONS media-search", "OPTIONS media-search", "POST media-search"]


def test_a_read_is_tried_again_and_asks_again(server: Scripted) -> None:
    """A browser does not tell the app why: the fetch wrapper sees a network error, three times and again after 1 s."""
    server.script = refusing("follows", access_control_allow_origin="null")
    reading, _ = one_call(server, READ, "x")
    assert reading.outcome is Outcome.NETWORK
    assert told(server) == ["OPTIONS follows"] * 6


def test_what_is_refused_as_shipped_is_no_failure_of_the_call(server: Scripted) -> None:
    """P22: onboarding-initial-likes does not allow `x-request-id`."""
    server.script = refusing("onboarding-initial-likes", access_control_allow_headers=WITHOUT_REQUEST_ID)
    reading, done = one_call(server, ONBOARDING_LIKES)
    assert (reading.outcome, reading.status) == (Outcome.NETWORK, 0)
    assert told(server) == ["OPTIONS onboarding-initial-likes"]
    assert done.names["onboarding_likes"] == 0
    assert [one.code for one in done.engine.attempts if one.name == "preflight"][
        -1
    ] == "header not allowed: x-request-id"
    assert done.outcomes("preflight") == {"ok": 2}, "the question was answered, and everybody knows how"


def test_any_other_refusal_of_such_a_call_is_a_failure(server: Scripted) -> None:
    server.script = refusing("onboarding-initial-likes", access_control_allow_headers="apikey")
    _, done = one_call(server, ONBOARDING_LIKES)
    assert done.outcomes("onboarding_likes") == {"network": 1}
    assert done.outcomes("preflight") == {"ok": 1, "rejected": 1}


def test_what_the_shipped_function_allows_is_a_failure_where_it_is_refused(server: Scripted) -> None:
    """experiment-assign, run by itself, names the header (contract 6.5, observed)."""
    server.script = refusing("experiment-assign", access_control_allow_headers=WITHOUT_REQUEST_ID)
    _, done = one_call(server, EXPERIMENTS)
    assert done.outcomes("experiments") == {"network": 1}
    assert done.outcomes("preflight") == {"ok": 1, "rejected": 1}


def test_what_was_refused_as_shipped_goes_out_when_the_target_allows_it(server: Scripted) -> None:
    reading, done = one_call(server, ONBOARDING_LIKES)
    assert reading.outcome is Outcome.OK
    assert done.outcomes("onboarding_likes") == {"ok": 1}


def test_a_write_that_was_kept_back_is_known_not_to_have_left(server: Scripted) -> None:
    server.script = refusing("library_entries", access_control_allow_methods="GET", access_control_allow_headers="")

    async def body(phone: Device) -> None:
        assert await set_status(phone, TITLE, "movie", "watched") is Outcome.NETWORK

    steps = [row["step"] for row in rows(drive_in(server, body).engine, LEDGER_STEPS)]
    assert steps[-2:] == [WriteStep.SENT, WriteStep.UNSENT]


# ---- how it is measured -------------------------------------------------------------------------------------------


def test_the_call_is_measured_without_its_question(server: Scripted) -> None:
    server.delay_s = lambda heard: 0.3 if heard.method == "OPTIONS" else 0.0

    async def body(phone: Device) -> None:
        with phone.notes.operation("search") as operation:
            operation.ends((await phone.api.request(SEARCH, body={})).outcome)

    done = drive_in(server, body)
    longest: dict[tuple[str, str], int] = {}
    for row in rows(done.engine, LATENCY):
        key = (str(row["view"]), row["operation"])
        longest[key] = max(longest.get(key, 0), row["bucket_us"])
    server_view, e2e = str(View.SERVER), str(View.E2E)
    assert longest[server_view, "preflight"] > 290_000
    assert longest[server_view, "media_search"] < 290_000
    assert longest[e2e, "search"] > 290_000
    traffic = {row["call"]: row["requests"] for row in rows(done.engine, TRAFFIC)}
    assert traffic["preflight"] == done.names["preflight"] == 2  # of the sign-in too


def test_question_and_call_share_the_calls_time(server: Scripted) -> None:
    patient = function("media_search", "media-search", 0.5)
    server.delay_s = lambda heard: 0.3
    reading, done = one_call(server, patient)
    assert reading.outcome is Outcome.TIMEOUT
    assert told(server) == ["OPTIONS media-search", "POST media-search"]
    assert done.outcomes("media_search") == {"timeout": 1}


def test_a_question_that_is_never_answered_takes_the_calls_time(server: Scripted) -> None:
    server.delay_s = lambda heard: 5.0 if heard.method == "OPTIONS" and "media-search" in heard.path else 0.0
    reading, done = one_call(server, function("media_search", "media-search", 0.3))
    assert (reading.outcome, reading.code) == (Outcome.TIMEOUT, "preflight failed")
    assert told(server) == ["OPTIONS media-search"]
    assert done.outcomes("media_search") == {"timeout": 1}


def test_a_question_that_dies_with_a_kept_connection_is_asked_again(server: Scripted) -> None:
    left = [1]

    def dies(heard: Heard) -> bool:
        found = heard.method == "OPTIONS" and bool(left[0])
        left[0] -= found
        return found and "follows" in heard.path

    async def body(phone: Device) -> None:
        left[0] = 1
        assert (await phone.api.request(READ, "x")).outcome is Outcome.OK

    server.dies = dies
    done = drive_in(server, body)
    assert told(server) == ["OPTIONS follows", "OPTIONS follows", "GET follows"]
    assert done.outcomes("preflight") == {"ok": 2, "network": 1}
    traffic = {row["call"]: (row["requests"], row["failed"]) for row in rows(done.engine, TRAFFIC)}
    assert traffic["preflight"] == (3, 1)


SLOW_WAYS = [
    ({"fault": "latency", "parameters": {"latency": 150}}, 0.15),
    ({"fault": "link", "parameters": {"kind": "slow_4g"}}, 0.12),
]


@pytest.mark.parametrize(("fault", "each"), SLOW_WAYS, ids=["latency", "link"])
def test_a_slow_way_is_slow_for_questions_too(server: Scripted, fault: dict[str, Any], each: float) -> None:
    """Each new URL costs a second round trip; it is no part of the server's time."""
    seconds: list[float] = []

    async def body(phone: Device) -> None:
        for _ in range(2):
            begun = phone.now()
            for who in range(6):
                await phone.api.request(READ, str(who))
            seconds.append(phone.now() - begun)

    done = drive_in(server, body, chaos=(ChaosEntry.model_validate({"at": 0, "for": 50} | fault),))
    assert Counter(told(server)) == {"OPTIONS follows": 6, "GET follows": 12}
    asking, known = seconds
    assert asking - known > 6 * each * 0.7
    assert max(one.milliseconds for one in done.engine.attempts if one.name == "people_followed") < each * 700


def test_the_targets_limit_counts_them(server: Scripted) -> None:
    """Of ten requests a second five are left for calls."""
    limits = WireLimits(requests_per_second=10, connections_per_second=10, sockets=50)
    took: list[float] = []

    async def body(phone: Device) -> None:
        begun = phone.now()
        for who in range(20):
            await phone.api.request(READ, str(who))
        took.append(phone.now() - begun)

    drive_in(server, body, limits=limits)
    assert Counter(told(server)) == {"OPTIONS follows": 20, "GET follows": 20}
    arrived = [heard.at for heard in server.heard]
    assert max(sum(at <= other < at + 1 for other in arrived) for at in arrived) <= 20  # its bucket holds another ten
    assert took[0] > 2.0


def test_they_go_over_the_same_six_connections(server: Scripted) -> None:
    """Neither question nor call carries the browser's credentials: Chromium keeps them in one group of sockets."""
    server.delay_s = lambda heard: 0.1
    most = [0]

    async def body(phone: Device) -> None:
        calls = [asyncio.ensure_future(phone.api.request(READ, str(number))) for number in range(9)]
        while not all(call.done() for call in calls):
            most[0] = max(most[0], phone.api._http.open_connections)
            await asyncio.sleep(0.01)

    drive_in(server, body)
    assert most[0] == 6
    assert Counter(told(server)) == {"OPTIONS follows": 9, "GET follows": 9}


def test_every_call_of_the_app_is_asked_for() -> None:
    """`apikey` stands on all of them, and no form could send it."""
    made = [call for module in (calls, chat_calls) for call in vars(module).values() if isinstance(call, Call)]
    assert len(made) > 60
    for call in made:
        ask = preflight_ask(call)
        assert ask is not None
        assert ask.method == call.method
        assert {b"apikey", b"authorization"} <= set(ask.names)
        assert not {b"accept", b"user-agent", b"origin"} & set(ask.names)
