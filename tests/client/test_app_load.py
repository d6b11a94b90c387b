"""Opening the app sends what the contract lists (10.1), in its order, as parallel as it is, and no more often."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import asyncpg
import pytest

from harness.client.api.calls import EXPERIMENTS, OWN_STATS
from harness.client.auth.account import Account
from harness.client.auth.edge_store import EdgeRefusal, EdgeStore
from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.suggestions import HintChip
from harness.client.screens.presence import look_away
from harness.core.client_settings import SHIPPED, ClientSettings
from harness.core.people import Secrets
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.client.stage import OTHER, USER, Answer, Driven, Heard, Scripted, drive, running, sign_in_and_stay

SECRETS = Secrets("anon", "password")
PAGE_LOAD = Counter(
    user=1,
    app_settings=1,
    presence=1,
    home_feed=1,
    conversation_list=1,
    diary_stats=1,
    background_deck=4,
    own_profile=1,
    own_profile_public=1,
    own_stats=1,
    own_preferences=1,
    assistant_conversation=3,
    assistant_suggestions=2,
    suggestion_shown=1,
    landing_deck=1,
    friends_watching=1,
    people_followed=1,
    suggested_ratings=1,
    suggested_stats=1,
    public_lists=1,
    profile_cards=1,
    list_items=1,
)
"""A first page load on a device, to the letter, where nobody has lists or followers; `tmdb_configuration` is absent
because it dies on the phone."""


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted().serving() as serving:
        yield serving


async def load(phone: Device) -> None:
    assert await open_app(phone)
    await phone.pause(0.2)


def test_a_page_load_is_the_contracts_to_the_letter(server: Scripted) -> None:
    with running(server.url, SECRETS) as engine:
        done = drive(engine, load)
    assert done.names - Counter(sign_in=1) == PAGE_LOAD
    limits = Counter((body["mode"], body["limit"], body.get("skipRerank")) for body in server.decks())
    assert limits == Counter(
        {
            ("combined", 36, True): 1,
            ("for_you", 18, True): 1,
            ("friends", 18, True): 1,
            ("trending", 18, True): 1,
            ("trending", 10, None): 1,
        }
    )
    assert Counter(heard.body["p_limit"] for heard in server.of("get_home_feed_v2")) == Counter([40, 200])
    shown = server.of("assistant-suggestion-action")[0].body
    assert shown["kind"] == "shown"


def test_nothing_is_asked_before_the_person_is_known_then_everything_at_once(server: Scripted) -> None:
    server.delay_s = lambda heard: 0.3
    with running(server.url, SECRETS) as engine:
        drive(engine, load)
    names = [heard.endpoint for heard in server.heard]
    assert names[:2] == ["/auth/v1/token", "/auth/v1/user"]
    user, rest = server.heard[1], server.heard[2:]
    assert rest[0].at - user.at > 0.29
    assert rest[5].at - rest[0].at < 0.1, "six connections, six requests"
    assert rest[-1].at - rest[0].at < 0.3 * len(rest) / 2


def test_the_devices_memory_spares_the_second_page_load(server: Scripted) -> None:
    with running(server.url, SECRETS) as engine:
        drive(engine, load)
        engine.attempts.clear()
        done = drive(engine, load, ticket=1)
    assert done.names == PAGE_LOAD - Counter(assistant_conversation=3)


def test_a_failed_assistant_lookup_is_not_remembered(server: Scripted) -> None:
    server.script = lambda heard: (404, {"ok": False}) if "get-conversation" in heard.path else None
    with running(server.url, SECRETS) as engine:
        drive(engine, load)
        done = drive(engine, load, ticket=1)
    assert done.names["assistant_conversation"] == 6


def test_what_the_page_load_read_ahead_the_home_screen_does_not_ask_again(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        await load(phone)
        for _ in range(2):
            home = Home(phone)
            assert await home.open() is not None
            await home.titles_for_you()
            home.leave()

    with running(server.url, SECRETS) as engine:
        done = drive(engine, body)
        assert done.names["home_feed"] == 1
        assert done.names["home_deck"] == 1
        again = drive(engine, body, ticket=1)
    assert again.names["home_feed"] == 2, "the next page load begins with an empty memory"


def test_somebody_whose_session_ended_does_not_get_in(server: Scripted) -> None:
    server.script = lambda heard: (403, {"code": "session_not_found"}) if heard.endpoint == "/auth/v1/user" else None
    got_in: list[bool] = []

    async def body(phone: Device) -> None:
        got_in.append(await open_app(phone))

    with running(server.url, SECRETS) as engine:
        done = drive(engine, body)
    assert got_in == [False]
    assert done.names == Counter(sign_in=1, user=1)


# ---- presence --------------------------------------------------------------------------------------------------


def test_presence_is_written_once_per_interval_and_never_while_hidden(server: Scripted) -> None:
    settings = ClientSettings(presence_every_s=0.05, last_seen_every_s=0.3)

    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        await phone.pause(0.8)
        await look_away(phone, 0.6)
        await phone.pause(0.2)

    with running(server.url, SECRETS, settings=settings) as engine:
        drive(engine, body)
    writes = [heard.at for heard in server.heard if heard.method == "PATCH"]
    gaps = [after - before for before, after in pairwise(writes)]
    assert len(writes) >= 3
    assert min(gaps) >= 0.29
    assert max(gaps) >= 0.55, "hidden for 0.6 s"


def test_the_shipped_intervals() -> None:
    assert (SHIPPED.presence_every_s, SHIPPED.last_seen_every_s) == (20, 60)


# ---- the second token store ------------------------------------------------------------------------------------


def account(token: str, expires_at: float) -> Account:
    return Account(USER, token, "r", expires_at)


def test_quirk_a_the_first_edge_call_of_every_page_dies() -> None:
    for signed_in in (None, account("t", 100)):
        store = EdgeStore()
        assert store.admit(signed_in, require_auth=False) is EdgeRefusal.FIRST_CALL
        assert store.admit(signed_in, require_auth=False) is None


def test_quirk_b_a_store_filled_signed_out_never_hears_of_the_sign_in() -> None:
    store = EdgeStore()
    store.admit(None, require_auth=True)
    assert store.admit(account("t", 100), require_auth=True) is EdgeRefusal.AUTH_REQUIRED
    assert store.admit(account("t", 100), require_auth=False) is None
    assert not store.due(1e9), "an empty store has nothing to refresh"


def test_quirk_c_the_store_keeps_its_token_until_30_s_before_its_end() -> None:
    store = EdgeStore()
    store.admit(account("old", 100), require_auth=True)
    assert not store.due(69.9)
    assert store.due(70)
    store.take(account("new", 3700))
    assert not store.due(70)
    assert store.authorization == b"authorization: Bearer new\r\n"


def test_quirk_c_on_the_wire_two_refreshes_per_token_lifetime(server: Scripted) -> None:
    """Time passes by moving the tokens' ends nearer."""
    bearers: list[str] = []

    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        await phone.pause(0.2)
        assert phone.auth.account is not None
        for remaining in (80, 29):
            phone.auth.edge.expires_at = phone.now() + remaining
            if remaining == 80:
                phone.auth.account.expires_at = phone.now() + remaining
            await phone.api.request(OWN_STATS, phone.user_id)
            bearers.append(server.heard[-1].headers["authorization"])
            await phone.api.request(EXPERIMENTS, body={"keys": []})
            bearers.append(server.heard[-1].headers["authorization"])

    with running(server.url, SECRETS) as engine:
        done = drive(engine, body)
    assert done.names["token_refresh"] == 2
    assert bearers == ["Bearer token-2", "Bearer token-1", "Bearer token-2", "Bearer token-3"]


def test_parallel_edge_calls_force_one_refresh_together(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        await phone.pause(0.2)
        phone.auth.edge.expires_at = phone.now() + 5
        await asyncio.gather(*(phone.api.request(EXPERIMENTS, body={"keys": []}) for _ in range(5)))

    with running(server.url, SECRETS) as engine:
        done = drive(engine, body)
    assert done.names["token_refresh"] == 1
    assert done.names["experiments"] == 5


def test_a_fresh_sign_in_without_reload_loads_no_user(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        assert await sign_in_and_stay(phone)
        await phone.pause(0.2)

    with running(server.url, SECRETS) as engine:
        done = drive(engine, body)
    absent = Counter(user=1, background_deck=4, landing_deck=1, assistant_conversation=3)
    assert done.names == PAGE_LOAD - absent + Counter(sign_in=1, trending_titles=1, landing_titles=1)


def test_a_refused_refresh_ends_the_session_and_breaks_nothing(server: Scripted) -> None:
    server.script = lambda h: (400, {"code": "refresh_token_not_found"}) if "grant_type=refresh" in h.path else None

    async def body(phone: Device) -> None:
        await load(phone)
        assert phone.auth.account is not None
        phone.auth.account.expires_at = phone.now()
        home = Home(phone)
        await home.open()
        await home.titles_for_you()
        _ = phone.user_id
        raise AssertionError("nobody is signed in")

    with running(server.url, SECRETS) as engine:
        done = drive(engine, body)
        assert done.names["token_refresh"] == 1
        drive(engine, load, ticket=1)
    assert Driven(engine).names["sign_in"] == 2, "the next session begins at the form"


# ---- against the sandbox ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=30, catalogue=200)) as serving:
        yield serving


def test_a_real_page_load_leaves_the_rows_the_contract_counts(sandbox: Sandbox) -> None:
    found = sandbox.discovery
    people = found["people"]
    ids: list[str] = []

    async def body(phone: Device) -> None:
        await load(phone)
        ids.append(phone.user_id)

    secrets = Secrets(found["anon_key"], people["password"])
    with running(sandbox.url, secrets, pattern=people["email_pattern"], people=30) as engine:
        done = drive(engine, body, person=3)
    for name in PAGE_LOAD:
        if name != "suggestion_shown" and not name.startswith("assistant"):
            assert set(done.outcomes(name)) == {"ok"}, name

    async def rows() -> tuple[int, int]:
        connection = await asyncpg.connect(found["dsn"])
        try:
            requests = await connection.fetchval("select count(*) from public.rec_requests where user_id = $1", ids[0])
            shown = await connection.fetchval("select count(*) from public.rec_impressions where user_id = $1", ids[0])
        finally:
            await connection.close()
        return int(requests), int(shown)

    requests, shown = asyncio.run(rows())
    assert requests == 5, "four background decks and the landing page's"
    assert 40 <= shown <= 100


def test_heard_is_what_was_sent(server: Scripted) -> None:
    """The stage itself: a request keeps method, path, headers and body."""

    async def body(phone: Device) -> None:
        await load(phone)

    with running(server.url, SECRETS) as engine:
        drive(engine, body)
    user: Heard = server.of("/auth/v1/user")[0]
    assert (user.method, user.body) == ("GET", None)
    assert user.headers["authorization"] == "Bearer token-1"


def test_the_draws_are_alike_however_slow_the_server_and_whatever_runs_beside(server: Scripted) -> None:
    fallen: list[list[float]] = []

    async def body(phone: Device) -> None:
        assert await open_app(phone)
        await phone.pause(0.3)
        home = Home(phone)
        await home.open()
        fallen.append([phone.behaviour.rng.random() for _ in range(3)])

    for delay_s in (0.0, 0.05):
        server.delay_s = lambda heard, delay_s=delay_s: delay_s  # type: ignore[misc]
        with running(server.url, SECRETS, seed=9) as engine:
            drive(engine, body, person=2, ticket=5)
    assert fallen[0] == fallen[1]


# ---- the hint of the shell --------------------------------------------------------------------------------------


def test_the_hint_follows_the_person_and_tells_whenever_another_suggestion_comes_first(server: Scripted) -> None:
    """Each surface with its context is a read of its own, fresh for a minute; `shown` goes out when what stands first
    becomes another one, also when it comes from memory."""

    def script(heard: Heard) -> Answer | None:
        if "orchestrator" not in heard.path:
            return None
        about = heard.body["context"].get("conversationId", heard.body["surface"])
        return 200, {"ok": True, "suggestions": [{"id": f"hint-{about}"}]}

    server.script = script

    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        await phone.pause(0.1)
        server.heard.clear()
        hint = HintChip.of(phone)
        for surface, context in (("messages", {}), ("messages", {"conversationId": OTHER}), ("messages", {})):
            hint.show(surface, context)
            hint.show(surface, context)
            await phone.pause(0.1)

    with running(server.url, SECRETS) as engine:
        drive(engine, body)
    assert [heard.body["context"] for heard in server.of("orchestrator")] == [{}, {"conversationId": OTHER}]
    shown = [heard.body["suggestionId"] for heard in server.of("suggestion-action")]
    assert shown == ["hint-messages", f"hint-{OTHER}", "hint-messages"]


def test_who_one_is_is_asked_one_thing_after_another(server: Scripted) -> None:
    server.delay_s = lambda heard: 0.1 if heard.endpoint.rpartition("/")[2] in ("profiles", "profiles_public") else 0.0

    async def body(phone: Device) -> None:
        assert await open_app(phone, landing=False)
        await phone.pause(0.4)

    with running(server.url, SECRETS) as engine:
        drive(engine, body)
    (own,), (public,), (stats,) = (
        server.of(f"{table}?select") for table in ("profiles", "profiles_public", "user_stats")
    )
    assert public.at - own.at > 0.09
    assert stats.at - public.at > 0.09
