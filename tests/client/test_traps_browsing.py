"""What a naive phone would do (contract 12.3), trap by trap: each test fails if ours does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from harness.client.api.call import Call, Caller
from harness.client.api.calls import (
    ASSISTANT_SUGGESTIONS,
    BACKGROUND_DECK,
    CATALOG_SYNC_BATCH,
    DIARY_STATS,
    EXPERIMENTS,
    FOLLOW,
    HOME_DECK,
    LIBRARY_DELETE,
    LIBRARY_WRITE,
    MEDIA_SEARCH,
    ONBOARDING_LIKES,
    OWN_STATS,
    PRESENCE,
    RATING_WRITE,
    SWIPE_DECK,
    SWIPE_EVENTS,
    TITLE_EVENT,
    TITLE_PAGE,
    TMDB_SEARCH,
    USER,
)
from harness.client.device import Device
from harness.client.events.outbox import SwipeEvent
from harness.client.screens.app import open_app
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.landing import Landing
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.browse.title import TitlePage
from harness.client.screens.onboarding import TastePage
from harness.core.outcome import Outcome
from harness.core.people import Secrets
from tests.client.stage import TITLE, Heard, Scripted, drive, running, sign_in_and_stay

SECRETS = Secrets("anon", "password")
V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PLAIN_FUNCTIONS = (
    SWIPE_DECK,
    BACKGROUND_DECK,
    SWIPE_EVENTS,
    TITLE_EVENT,
    EXPERIMENTS,
    TMDB_SEARCH,
    MEDIA_SEARCH,
    CATALOG_SYNC_BATCH,
    ONBOARDING_LIKES,
)
NEEDS_A_TOKEN = ("media-swipe-deck", "media-swipe-event", "onboarding-initial-likes", "assistant-get-conversation")


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted().serving() as serving:
        yield serving


def asked(server: Scripted, call: Call, *, body: Any = None) -> list[Heard]:
    """The requests that one intent to make `call` became, on a page that is loaded and quiet."""
    arguments = ("a", "b")[: call.path.count("{")]
    sent: list[Heard] = []

    async def session(phone: Device) -> None:
        script, server.script = server.script, lambda heard: None
        assert await open_app(phone, landing=False)
        await phone.pause(0.15)
        server.script = script
        server.heard.clear()
        reading = await phone.api.request(call, *arguments, body=body)
        assert reading.outcome is not Outcome.OK
        sent.extend(server.heard)

    with running(server.url, SECRETS) as engine:
        drive(engine, session)
    return sent


def gaps(sent: list[Heard]) -> list[float]:
    return [round(after.at - before.at, 1) for before, after in pairwise(sent)]


# ---- T25 to T28: who tries again -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 503, 546])
def test_t25_functions_are_never_tried_again(server: Scripted, status: int) -> None:
    server.script = lambda heard: (status, {"ok": False, "code": "RATE_LIMIT", "retryAfterSeconds": 1})
    for call in PLAIN_FUNCTIONS:
        assert call.caller is not Caller.QUERY
    assert len(asked(server, SWIPE_DECK, body={"limit": 1})) == 1
    assert len(asked(server, TMDB_SEARCH, body={"path": "/search/multi"})) == 1


def test_t25_a_function_inside_a_query_gets_the_querys_one_more_try_and_no_other(server: Scripted) -> None:
    server.script = lambda heard: (503, {"ok": False})
    for call in (HOME_DECK, ASSISTANT_SUGGESTIONS):
        assert gaps(asked(server, call, body={"limit": 1})) == [1.0]


def test_t26_a_get_waits_its_own_time_whatever_the_server_asks_for(server: Scripted) -> None:
    server.script = lambda heard: (429, {"retryAfterSeconds": 30}, {"retry-after": "30"})
    assert gaps(asked(server, OWN_STATS)) == [0.2, 0.4, 1.0, 0.2, 0.4]


def test_t27_a_function_that_says_401_refreshes_nothing(server: Scripted) -> None:
    server.script = lambda heard: (401, {"code": "INVALID_JWT"}) if "functions" in heard.path else None
    sent = asked(server, SWIPE_DECK, body={"limit": 1})
    assert [heard.endpoint for heard in sent] == ["/functions/v1/media-swipe-deck"]


@pytest.mark.parametrize("call", [LIBRARY_WRITE, RATING_WRITE, FOLLOW, PRESENCE, LIBRARY_DELETE])
def test_t28_writes_are_never_retried_by_transport(server: Scripted, call: Call) -> None:
    server.script = lambda heard: (503, {"message": "overloaded"})
    assert len(asked(server, call, body={})) == 1


def test_t28_an_rpc_is_a_post_and_has_only_the_querys_second_try(server: Scripted) -> None:
    server.script = lambda heard: (503, {"message": "overloaded"})
    assert gaps(asked(server, DIARY_STATS, body={})) == [1.0]


def test_t28_a_get_is_retried_by_transport_and_query(server: Scripted) -> None:
    server.script = lambda heard: (503, {"message": "overloaded"})
    assert len(asked(server, TITLE_PAGE)) == 6
    assert len(asked(server, USER)) == 3, "the auth client's read has no query around it"


# ---- T33, T34: ids ---------------------------------------------------------------------------------------------


async def browse(phone: Device) -> None:
    """Everything that sends ids."""
    assert await open_app(phone)
    page = SwipePage(phone)
    await page.open()
    for _ in range(3):
        card = await page.next_card()
        assert card is not None
        await page.look_and_swipe(card, 0.0, "like")
    phone.network.hide()
    phone.network.show()
    title = TitlePage(phone, TITLE)
    await title.open()
    title.leave()
    taste = TastePage(phone)
    await taste.finish(await taste.open())
    home = Home(phone)
    await home.open()
    home.leave()
    await phone.pause(0.2)


def session_ids(server: Scripted) -> list[str]:
    found = []
    for heard in server.heard:
        if isinstance(heard.body, dict):
            found += [item["sessionId"] for item in [heard.body, *heard.body.get("items", ())] if "sessionId" in item]
    return found


def test_t33_one_session_id_per_device_for_life(server: Scripted) -> None:
    for run in range(2):  # another run of the same people meets the same devices
        with running(server.url, SECRETS, seed=run) as engine:
            for ticket in range(2):
                drive(engine, browse, person=5, ticket=ticket)
    ids = session_ids(server)
    assert len(ids) > 40
    assert len(set(ids)) == 1
    server.heard.clear()
    with running(server.url, SECRETS) as engine:
        drive(engine, browse, person=6)
    assert set(session_ids(server)).isdisjoint(ids)


def test_t34_every_id_the_phone_makes_is_a_version_4(server: Scripted) -> None:
    with running(server.url, SECRETS) as engine:
        drive(engine, browse)
    events = [event for heard in server.of("media-swipe-event") for event in _events(heard.body)]
    made = [event["clientEventId"] for event in events] + session_ids(server)
    made += [heard.headers["x-request-id"] for heard in server.of("/functions/v1/")]
    assert len(events) == 9
    assert len({event["clientEventId"] for event in events}) == 9
    assert all(V4.fullmatch(id_) for id_ in made)


def _events(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for item in body["items"] for event in item["events"]] if "items" in body else [body]


# ---- T38 to T41: decks -----------------------------------------------------------------------------------------


def test_t38_only_the_swipe_page_sends_its_rating_filter_and_it_is_null(server: Scripted) -> None:
    with running(server.url, SECRETS) as engine:
        drive(engine, browse)
    for deck in server.decks():
        if deck["limit"] == 72:
            assert deck["minImdbRating"] is None
            assert deck["genresAny"] is None
        else:
            assert "minImdbRating" not in deck, "null would count as a filter here"
            assert "genresAny" not in deck


def test_t39_no_deck_asks_for_more_than_120(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        await browse(phone)
        page = SwipePage(phone)
        await page.open()
        while (card := await page.next_card()) is not None:
            await page.look_and_swipe(card, 0.0, "skip")
        await page.retry()
        landing = Landing(phone)
        await landing.open()
        landing.leave()

    with running(server.url, SECRETS) as engine:
        drive(engine, body)
    limits = {deck["limit"] for deck in server.decks()}
    assert limits == {36, 18, 10, 72, 60, 24}
    assert max(limits) <= 120


def test_t40_every_page_load_asks_for_four_decks_that_nobody_reads(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        await open_app(phone, landing=False)
        for _ in range(2):
            page = SwipePage(phone)
            await page.open()
            page.leave()
        await phone.pause(0.1)

    with running(server.url, SECRETS) as engine:
        for ticket in range(3):
            drive(engine, body, ticket=ticket)
    unread = Counter((deck["mode"], deck["limit"]) for deck in server.decks() if deck.get("skipRerank"))
    assert unread == Counter(
        {("combined", 36): 3, ("for_you", 18): 3, ("friends", 18): 3, ("trending", 18): 3},
    )
    assert len(server.decks()) - unread.total() == 6, "the swipe page reads none of them and asks for its own"


def test_t41_after_a_sign_in_without_reload_nothing_that_needs_a_token_leaves_the_phone(server: Scripted) -> None:
    heard_before_reload: list[Heard] = []

    async def body(phone: Device) -> None:
        assert await sign_in_and_stay(phone)
        page = SwipePage(phone)
        assert not await page.open()
        title = TitlePage(phone, TITLE)
        assert await title.open(), "tables work"
        assert not await title.like()
        title.leave()
        await phone.pause(0.2)
        heard_before_reload.extend(server.heard)
        server.heard.clear()
        assert await open_app(phone)
        assert await SwipePage(phone).open()

    with running(server.url, SECRETS) as engine:
        drive(engine, body)
    endpoints = Counter(heard.endpoint.rpartition("/")[2] for heard in heard_before_reload)
    assert [name for name in NEEDS_A_TOKEN if endpoints[name]] == []
    assert endpoints["assistant-orchestrator"] >= 1, "functions that do not insist work"
    assert endpoints["experiment-assign"] == 1
    assert endpoints["get_home_feed_v2"] == 2
    edge = [heard for heard in heard_before_reload if "functions" in heard.path and "settings" not in heard.path]
    bearer = {heard.headers["authorization"] for heard in edge}
    assert bearer == {"Bearer token-1"}
    after = Counter(heard.endpoint.rpartition("/")[2] for heard in server.heard)
    assert after["media-swipe-deck"] == 4 + 1 + 1


def test_t41_gestures_of_such_a_page_wait_in_the_queue_until_after_the_reload(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        assert await sign_in_and_stay(phone, landing=False)
        phone.event_sender.mount()
        phone.event_sender.emit(SwipeEvent("like", phone.new_id(), phone.local.session_id, TITLE))
        await phone.pause(1.1)
        assert len(phone.event_sender.storage.queue) == 1, "refused on the phone, so stored"
        assert server.of("media-swipe-event") == []
        phone.event_sender.unmount()
        assert await open_app(phone, landing=False)
        await phone.pause(max(0.0, phone.event_sender.storage.next_at - phone.now()))
        phone.event_sender.mount()
        await phone.pause(0.1)
        assert not phone.event_sender.storage.queue

    with running(server.url, SECRETS) as engine:
        done = drive(engine, body)
    assert len(server.of("media-swipe-event")) == 1
    assert done.names["swipe_events"] == 1, "what never left is no attempt"
