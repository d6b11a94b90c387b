"""The screens: what each sends, what it remembers, what it does when something fails (contract 2.6, 3.8, 6, 10.2)."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.api.shapes import SearchHit
from harness.client.auth import newcomers
from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.library import (
    Diary,
    follow,
    forget,
    rate,
    review,
    set_status,
    to_watchlist_from_search,
    to_watchlist_from_title,
)
from harness.client.screens.browse.search import DEBOUNCE_S, Search, settled
from harness.client.screens.browse.swipe import EXPERIMENT_KEYS, SwipePage
from harness.client.screens.browse.title import TitlePage
from harness.client.screens.chat.inbox import Inbox
from harness.client.screens.conversation_list import ConversationList
from harness.client.screens.onboarding import TastePage, newcomers_phone, sign_up
from harness.client.screens.presence import look_away
from harness.core.outcome import Outcome
from harness.core.people import Secrets
from harness.schedule.arrivals import Ticket
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.client.stage import OTHER, RUN_TAG, TITLE, Answer, Driven, Heard, Scripted, cards, drive, running
from tests.client.test_garbage import garbage
from tests.client.wire.peer import eventually

SECRETS = Secrets("anon", "password")
DECK = "/functions/v1/media-swipe-deck"
EVENTS = "/functions/v1/media-swipe-event"


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted().serving() as serving:
        yield serving


async def signed_in(phone: Device) -> None:
    """On a loaded page, whose own requests are over, with the stage's record begun anew."""
    assert await open_app(phone, landing=False)
    await phone.pause(0.15)
    phone.kit.observer.attempts.clear()  # type: ignore[attr-defined]


def run(server: Scripted, body: Any) -> Driven:
    """One session of `body` after a page load whose requests do not count."""

    async def session(phone: Device) -> None:
        await signed_in(phone)
        server.heard.clear()
        await body(phone)

    with running(server.url, SECRETS) as engine:
        return drive(engine, session)


# ---- swipe page ------------------------------------------------------------------------------------------------


async def swipe(phone: Device, page: SwipePage, count: int) -> int:
    """Swipe so many cards at once; how many there were."""
    for done in range(count):
        card = await page.next_card()
        if card is None:
            return done
        await page.look_and_swipe(card, 0.0, "skip")
    return count


def test_a_mount_asks_for_variants_then_a_deck_of_72(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        assert await SwipePage(phone).open()
        await phone.pause(0.1)

    done = run(server, body)
    deck = server.decks()[0]
    assert (deck["mode"], deck["limit"], deck["minImdbRating"], deck["genresAny"]) == ("combined", 72, None, None)
    assert done.names == Counter(
        experiments=1, swipe_deck=1, assistant_suggestions=1, suggestion_shown=1, friend_count=1, title_detail=9,
        title_preview=1, library_entry=1, own_rating=1, swipe_events=1,
    )  # fmt: skip
    assert tuple(server.of("experiment-assign")[0].body["keys"]) == EXPERIMENT_KEYS


def test_a_swipe_costs_four_reads(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        page = SwipePage(phone)
        await page.open()
        await phone.pause(0.1)
        phone.kit.observer.attempts.clear()  # type: ignore[attr-defined]
        for _ in range(10):
            await swipe(phone, page, 1)
            await phone.pause(0.05)

    done = run(server, body)
    assert [done.names[name] for name in ("title_detail", "title_preview", "library_entry", "own_rating")] == [10] * 4


def decks_of(*counts: int) -> Any:
    """Decks of so many new titles each, then empty ones."""
    left = list(counts)

    def script(heard: Heard) -> Answer | None:
        if heard.endpoint != DECK or heard.body.get("skipRerank"):
            return None
        size = left.pop(0) if left else 0
        return 200, cards(size, first=1000 * (len(left) + 1))

    return script


def test_refills_begin_under_twelve_cards_with_the_next_seed(server: Scripted) -> None:
    server.script = decks_of(72, 60)

    async def body(phone: Device) -> None:
        page = SwipePage(phone)
        await page.open()
        assert await swipe(phone, page, 60) == 60
        await phone.pause(0.1)
        assert len(server.decks()) == 1
        assert await swipe(phone, page, 1) == 1
        await phone.pause(0.1)

    run(server, body)
    first, second = server.decks()
    assert (first["limit"], second["limit"]) == (72, 60)
    base, _, page = first["seed"].rpartition(":")
    assert (page, second["seed"]) == ("0", f"{base}:1")


def test_an_exhausted_catalogue_costs_three_decks_a_swipe_one_at_a_time(server: Scripted) -> None:
    server.script = decks_of(72)
    under_way: list[int] = []

    async def body(phone: Device) -> None:
        page = SwipePage(phone)
        await page.open()
        assert await swipe(phone, page, 61) == 61
        await phone.pause(0.15)
        under_way.append(len(server.decks()))
        await swipe(phone, page, 1)
        await phone.pause(0.15)
        under_way.append(len(server.decks()))

    run(server, body)
    assert under_way == [1 + 3, 1 + 3 + 3]
    assert [body["seed"].rpartition(":")[2] for body in server.decks()] == list("0123456")


def test_a_card_is_shown_once_per_mount_however_often_it_is_served(server: Scripted) -> None:
    server.script = lambda heard: (200, cards(20)) if heard.endpoint == DECK else None
    shown: list[str] = []

    async def body(phone: Device) -> None:
        page = SwipePage(phone)
        await page.open()
        while (card := await page.next_card()) is not None:
            shown.append(card.title)
            await page.look_and_swipe(card, 0.0, "skip")

    run(server, body)
    assert len(shown) == len(set(shown)) == 20


def test_variants_are_kept_for_six_hours_only_when_all_six_are_there(server: Scripted) -> None:
    assigned: dict[str, str] = dict.fromkeys(EXPERIMENT_KEYS[:5], "a")
    server.script = lambda h: (200, {"ok": True, "assignments": assigned}) if "experiment" in h.path else None

    async def body(phone: Device) -> None:
        for _ in range(2):
            page = SwipePage(phone)
            await page.open()
            page.leave()
        assert len(server.of("experiment-assign")) == 2
        assigned[EXPERIMENT_KEYS[5]] = "b"
        for _ in range(3):
            page = SwipePage(phone)
            await page.open()
            page.leave()

    run(server, body)
    assert len(server.of("experiment-assign")) == 3
    assert server.decks()[-1]["experiments"] == assigned


def test_a_failed_deck_leaves_a_button_that_asks_for_32(server: Scripted) -> None:
    server.script = lambda heard: (500, {}) if heard.endpoint == DECK and len(server.decks()) == 1 else None

    async def body(phone: Device) -> None:
        page = SwipePage(phone)
        assert not await page.open()
        assert await page.retry()

    run(server, body)
    assert [body["limit"] for body in server.decks()] == [72, 32]


def test_the_base_seed_is_the_devices_for_good(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        await open_app(phone, landing=False)
        await SwipePage(phone).open()

    for _ in range(2):
        with running(server.url, SECRETS) as engine:
            drive(engine, body, person=4)
    seeds = {body["seed"] for body in server.decks() if body["limit"] == 72}
    assert len(seeds) == 1


def test_leaving_the_swipe_page_stores_what_was_not_sent_and_the_next_mount_sends_it(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        page = SwipePage(phone)
        await page.open()
        await swipe(phone, page, 3)
        page.leave()
        assert len(phone.event_sender.storage.queue) == 7, "three swipes, and four cards that came up"
        await phone.pause(1.2)
        assert server.of(EVENTS) == []
        phone.event_sender.mount()
        await phone.pause(0.1)

    run(server, body)
    assert [len(heard.body["items"]) for heard in server.of(EVENTS)] == [7]


# ---- going away and coming back --------------------------------------------------------------------------------


def test_looking_away_flushes_the_outbox_and_coming_back_reads_what_is_stale(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        page = SwipePage(phone)
        await page.open()
        await swipe(phone, page, 2)
        await phone.pause(0.05)
        begun = phone.now()
        phone.network.hide()
        await phone.pause(0.1)
        assert [len(heard.body["items"]) for heard in server.of(EVENTS)] == [5], "at once, not after a second"
        phone.kit.observer.attempts.clear()  # type: ignore[attr-defined]
        _age(phone, begun - 31)  # stale by default and for what was noted; fresh for titles, decks, hints and feeds
        phone.network.show()
        await phone.pause(0.1)

    done = run(server, body)
    shell = dict.fromkeys(("own_profile", "own_profile_public", "own_stats"), 1)
    assert done.names == Counter(shell) + Counter(library_entry=1, own_rating=1)


def _age(phone: Device, then: float) -> None:
    """Everything this page read becomes so old."""
    for entry in phone.page.queries.cache._entries.values():
        if entry.updated_at is not None:
            entry.updated_at = then


def test_nothing_fresh_is_read_again_on_return(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        await look_away(phone, 0.05)
        await phone.pause(0.1)

    assert run(server, body).names == Counter()


# ---- search ----------------------------------------------------------------------------------------------------


def test_a_field_waits_a_quarter_second_and_wants_two_characters() -> None:
    assert [step.text for step in settled("night", [0.1] * 4)] == ["night"]
    assert [step.text for step in settled("night", [0.3, 0.1, 0.25, 0.1])] == ["nig", "night"]
    assert settled("n", []) == []
    assert settled("", []) == []
    with pytest.raises(ValueError, match="gaps"):
        settled("night", [0.1])


@given(st.text("ab ", min_size=1, max_size=12), st.data())
def test_every_settled_text_stood_still_long_enough(text: str, data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.floats(0, 1), min_size=len(text) - 1, max_size=len(text) - 1))
    steps = settled(text, gaps)
    assert all(len(step.text) >= 2 for step in steps)
    assert sum(step.final for step in steps) == (len(text.strip()) >= 2)
    assert sum(not step.final for step in steps) <= sum(gap >= DEBOUNCE_S for gap in gaps)
    assert [step.after_s for step in steps] == sorted(step.after_s for step in steps)


def search(text: str, gap: float = 0.01) -> Any:
    async def body(phone: Device) -> None:
        screen = Search(phone)
        screen.open()
        found = await screen.type(text, [gap] * (len(text) - 1))
        assert found, "nothing was found"
        screen.leave()

    return body


def test_one_settled_query_fans_out_to_23_calls(server: Scripted) -> None:
    done = run(server, search("night"))
    opened = Counter(
        people_followed=1, suggested_ratings=1, suggested_stats=1, landing_deck=1, friends_watching=1, public_lists=1,
        profile_cards=1, list_items=1,
    )  # fmt: skip
    asked = Counter(media_search=1, tmdb_search=1, tmdb_external_ids=20, catalog_sync_batch=1)
    beside = Counter(people_search=1, people_followed=1, assistant_suggestions=2, suggestion_shown=2)
    assert done.names == opened + asked + beside
    assert server.of("media-search")[0].body["filters"] == {"type": "all"}
    assert [heard.body["context"] for heard in server.of("assistant-orchestrator")] == [{}, {"query": "night"}]
    batch = server.of("catalog-sync-batch")[0].body["items"]
    assert len(batch) == 5
    assert batch[0] == {"tmdbId": 3, "imdbId": "tt1", "contentType": "movie"}, "1 is in the catalogue, 2 is a person"
    assert {h.body["path"].split("/")[1] for h in server.of("tmdb-proxy") if "external" in h.body["path"]} == {
        "movie",
        "tv",
    }


def test_a_failed_search_function_asks_the_table_and_fails_nothing(server: Scripted) -> None:
    def script(heard: Heard) -> Answer | None:
        if heard.endpoint == "/rest/v1/media_items":
            return 200, [{"id": TITLE, "tmdb_id": 1}]
        return (500, {}) if heard.endpoint.startswith("/functions") else None

    server.script = script
    done = run(server, search("night & day"))
    assert done.names["media_search"] == done.names["search_titles"] == done.names["tmdb_search"] == 1
    table = server.of("search_vector")[0]
    assert "wfts(english).night%20%26%20day&" in table.path
    assert table.headers["prefer"] == "count=exact"


def test_the_same_query_again_comes_from_memory(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        for _ in range(3):
            await search("night")(phone)

    assert run(server, body).names["media_search"] == 1


def test_the_next_settled_text_aborts_the_query_before(server: Scripted) -> None:
    server.delay_s = lambda heard: 0.5 if "media-search" in heard.path else 0.0
    done = run(server, search("nig", gap=0.3))
    assert [heard.body["query"] for heard in server.of("media-search")] == ["ni", "nig"]
    assert done.outcomes("media_search") == Counter(ok=1, aborted=1)
    assert done.names["tmdb_search"] == 1


def test_the_same_settled_text_goes_on_with_the_query_under_way(server: Scripted) -> None:
    """ "ni" stands still, then "ni " does: one key of the app's cache, one request."""
    server.delay_s = lambda heard: 0.7 if "media-search" in heard.path else 0.0
    found: list[SearchHit] = []

    async def body(phone: Device) -> None:
        screen = Search(phone)
        found.extend(await screen.type("ni ", [0.01, 0.3]))

    done = run(server, body)
    assert done.outcomes("media_search") == Counter(ok=1)
    assert [hit.title for hit in found] == [TITLE]


def test_a_text_that_was_let_go_of_is_asked_again(server: Scripted) -> None:
    """As when somebody comes back to the screen in the same instant."""
    server.delay_s = lambda heard: 0.3 if "media-search" in heard.path else 0.0

    async def body(phone: Device) -> None:
        first = Search(phone)
        typing = asyncio.ensure_future(first.type("ni", [0.01]))
        await eventually(lambda: bool(server.of("media-search")))
        first.leave()
        assert [hit.title for hit in await Search(phone).type("ni", [0.01])] == [TITLE]
        assert await typing == []

    assert run(server, body).outcomes("media_search") == Counter(ok=1, aborted=1)


def test_what_two_screens_show_goes_on_when_one_is_left(server: Scripted) -> None:
    server.delay_s = lambda heard: 0.3 if "media-search" in heard.path else 0.0

    async def body(phone: Device) -> None:
        first, second = Search(phone), Search(phone)
        typing = [asyncio.ensure_future(screen.type("ni", [0.01])) for screen in (first, second)]
        await eventually(lambda: bool(server.of("media-search")))
        first.leave()
        assert [hit.title for hit in await typing[1]] == [TITLE]
        await typing[0]

    assert run(server, body).outcomes("media_search") == Counter(ok=1)


def test_the_people_tab_asks_for_counters_only_of_people_it_found(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        screen = Search(phone)
        assert await screen.people("ann") == []
        server.script = lambda heard: (200, [{"id": OTHER}]) if "profiles_public" in heard.path else None
        assert await screen.people("bob") == [OTHER]

    assert run(server, body).names == Counter(people_search=2, people_stats=1, people_followed=2)
    assert "username.ilike.%ann%" in server.of("profiles_public")[0].path or "%25ann%25" in server.heard[0].path


def test_what_people_note_under_a_card_goes_out_as_the_app_writes_it(server: Scripted) -> None:
    """Contract 3.9: order of keys included, because the server deduplicates by it (3.2)."""

    def script(heard: Heard) -> Answer | None:
        if "experiment" in heard.path:
            return 200, {"ok": True, "assignments": dict.fromkeys(EXPERIMENT_KEYS, "b")}
        return None

    server.script = script

    async def body(phone: Device) -> None:
        page = SwipePage(phone)
        assert await page.open()
        card = page.card
        assert card is not None
        page.rate(card, 3.5)
        page.rate(card, None)
        page.mark_watched(card)
        page.put_on_watchlist(card)
        page.put_on_watchlist(card, wanted=False)
        await page.look_and_swipe(card, 0.0, "skip", "not_interested")
        card = page.card
        assert card is not None
        await page.look_and_swipe(card, 0.0, "skip", "more_like_this")
        await phone.pause(1.2)

    run(server, body)
    sent = [item["events"][0] for heard in server.of(EVENTS) for item in heard.body["items"]]
    noted = {"experiments": dict.fromkeys(EXPERIMENT_KEYS, "b"), "ui": "SwipePage"}
    found = [(e["eventType"], e["rating0_10"], e["inWatchlist"], e["payload"]) for e in sent]
    expected: list[tuple[str, int | None, bool | None, dict[str, Any]]] = [
        ("impression", None, None, {"experiments": noted["experiments"]}),
        ("rating", 7, None, {**noted, "action": "rating"}),
        ("rating", None, None, {**noted, "action": "rating"}),
        ("like", None, None, {**noted, "action": "status", "status": "watched", "enabled": True}),
        ("watchlist", None, True, {**noted, "action": "status", "status": "watchlist", "enabled": True}),
        ("watchlist", None, False, {**noted, "action": "status", "status": "watchlist", "enabled": False}),
        ("dislike", None, None, {"action": "not_interested", "experiments": noted["experiments"]}),
        ("impression", None, None, {"experiments": noted["experiments"]}),
        ("like", None, None, {"action": "more_like_this", "experiments": noted["experiments"]}),
        ("impression", None, None, {"experiments": noted["experiments"]}),
    ]
    assert found == expected
    assert [list(one[3]) for one in found] == [list(one[3]) for one in expected]
    assert all(item["deckId"] for heard in server.of(EVENTS) for item in heard.body["items"]), "deck context"


def test_a_card_that_comes_up_is_an_impression_and_leaving_the_page_ends_the_look_at_it(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        page = SwipePage(phone)
        assert await page.open()
        await phone.pause(1.6)
        page.leave()
        assert not phone.event_sender.storage.queue, "the impression went after a second"
        await phone.pause(1.5)
        last = server.of(EVENTS)[-1].body["items"]
        assert [one["eventType"] for item in last for one in item["events"]] == ["dwell"], "a second after leaving"
        page = SwipePage(phone)
        assert await page.open()
        page.leave()
        queued = [event.event_type for event in phone.event_sender.storage.queue]
        assert queued[-1] == "impression", "too short for a dwell, and another mount: an impression again"

    run(server, body)


# ---- title page ------------------------------------------------------------------------------------------------


def test_a_title_page_is_six_reads_and_two_events(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        page = TitlePage(phone, TITLE)
        assert await page.open()
        page.leave()
        await phone.pause(0.1)

    done = run(server, body)
    reads = ("title_page", "title_rating_summary", "title_reviews", "title_feedback", "library_entry", "own_rating")
    beside = Counter(title_event=2, assistant_suggestions=1, suggestion_shown=1)
    assert done.names == Counter(dict.fromkeys(reads, 1)) + beside
    assert server.of("assistant-orchestrator")[0].body["context"] == {"titleId": TITLE}
    opened, closed = (heard.body for heard in server.of(EVENTS))
    assert (opened["eventType"], closed["eventType"]) == ("detail_open", "detail_close")
    assert list(opened) == [
        *("sessionId", "deckId", "position", "mediaItemId", "eventType", "source", "payload"),
        *("recRequestId", "rec_request_id", "dedupeKey", "dedupe_key", "clientEventId"),
    ]
    assert opened["payload"] == {"origin": "title_detail"}
    assert "items" not in opened
    assert opened["deckId"] is None


@pytest.mark.parametrize(
    "reply",
    [
        {"ok": True, "acceptedClientEventIds": [], "issues": [{"code": "RATE_LIMIT"}], "shouldRetry": True},
        {"ok": True, "acceptedClientEventIds": [], "rejectedClientEventIds": ["x"]},
    ],
)
def test_a_direct_event_takes_any_200_for_success_and_queues_nothing(server: Scripted, reply: dict[str, Any]) -> None:
    server.script = lambda heard: (200, reply) if heard.endpoint == EVENTS else None

    async def body(phone: Device) -> None:
        assert await TitlePage(phone, TITLE).like()
        assert phone.event_sender.storage.queue == ()

    done = run(server, body)
    assert done.names["title_event"] == 1
    assert "ok" not in done.outcomes("title_event"), "the record knows better than the app"


def test_a_direct_event_that_failed_is_neither_retried_nor_queued(server: Scripted) -> None:
    server.script = lambda heard: (503, {}) if heard.endpoint == EVENTS else None

    async def body(phone: Device) -> None:
        assert not await TitlePage(phone, TITLE).like()
        assert phone.event_sender.storage.queue == ()
        await phone.pause(1.3)

    assert run(server, body).names["title_event"] == 1


def test_the_reviews_sheet_writes_event_rating_and_review_at_once_and_reads_the_title_again(server: Scripted) -> None:
    server.script = lambda heard: (403, {"code": "42501"}) if "/ratings" in heard.path and heard.body else None
    server.delay_s = lambda heard: 0.2 if heard.body else 0.0

    async def body(phone: Device) -> None:
        page = TitlePage(phone, TITLE)
        assert await page.open()
        await phone.pause(0.3)
        server.heard.clear()
        assert await review(phone, TITLE, "movie", 9, "Fine.") is Outcome.OK, "a refused rating does not fail it"
        await phone.pause(0.3)

    run(server, body)
    writes = {heard.endpoint: heard for heard in server.heard if heard.method == "POST"}
    summary = writes.pop("/rest/v1/rpc/get_title_rating_summary_v1")
    assert set(writes) == {EVENTS, "/rest/v1/ratings", "/rest/v1/reviews"}
    assert summary.at > max(heard.at for heard in writes.values()), "read again when all are over"
    at = [heard.at for heard in writes.values()]
    assert max(at) - min(at) < 0.15, "none waited for another"
    event = writes[EVENTS].body
    assert (event["eventType"], event["rating0_10"], event["source"]) == ("rating", 9, "title_reviews")
    assert list(event["payload"].items()) == [("action", "rate_and_review"), ("origin", "title_reviews")]
    assert "return=representation" not in writes["/rest/v1/reviews"].headers.get("prefer", ""), "nobody may read it"
    assert len(server.of("get_title_rating_summary_v1")) == len(server.of("media_items?select")) == 1
    assert list(writes["/rest/v1/reviews"].body)[3:] == ["rating", "headline", "body", "spoiler"]


def test_taking_a_title_off_the_watchlist_deletes_its_entry_beside_the_event(server: Scripted) -> None:
    async def body(phone: Device) -> None:
        assert await to_watchlist_from_title(phone, TITLE, "movie", wanted=False) is Outcome.OK

    run(server, body)
    (event,) = (heard.body for heard in server.of(EVENTS))
    assert (event["inWatchlist"], event["payload"]["action"]) == (False, "watchlist_remove")
    assert [heard.method for heard in server.of("library_entries")] == ["DELETE"]


def test_the_watchlist_button_of_a_search_result_needs_its_event_first(server: Scripted) -> None:
    server.script = lambda heard: (500, {}) if heard.endpoint == EVENTS else None

    async def body(phone: Device) -> None:
        assert await to_watchlist_from_search(phone, TITLE, "movie") is Outcome.SOFT_FAILURE
        assert server.of("library_entries") == []
        assert await to_watchlist_from_title(phone, TITLE, "movie") is Outcome.OK

    run(server, body)
    assert server.of("library_entries")[0].headers["prefer"] == "resolution=merge-duplicates"


# ---- the landing page's deck -----------------------------------------------------------------------------------


@pytest.mark.parametrize("trending", [[], [{"media_item_id": TITLE, "trend_score": 1.5}]])
def test_without_a_landing_deck_the_catalogue_has_to_do_at_once(server: Scripted, trending: list[Any]) -> None:
    """The app catches the deck's failure where it asks, so its 750 ms for another try never come."""
    landing: list[Heard] = []

    def script(heard: Heard) -> Answer | None:
        if heard.endpoint == DECK and heard.body["limit"] == 10:
            landing.append(heard)
            return 500, {}
        if heard.endpoint.endswith("media_item_trending_72h"):
            return 200, trending
        return (200, [{"id": TITLE}]) if "kind=in.(movie,series)&limit=1" in unquote(heard.path) else None

    server.script = script

    async def body(phone: Device) -> None:
        assert await open_app(phone)

    with running(server.url, SECRETS) as engine:
        done = drive(engine, body)
    assert len(landing) == 1
    assert server.of("media_item_trending_72h")[0].at - landing[0].at < 0.5
    assert done.names["trending_media"] == len(trending)
    assert done.names["landing_titles"] == 1 - len(trending)


# ---- a newcomer ------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(0, 50_000_000))
def test_a_newcomers_address_passes_the_trigger_and_names_its_run(run_tag: int, ticket: int) -> None:
    new = newcomers.newcomer(run_tag, ticket, "load_{index:06d}@people.example.com")
    local, _, domain = new.email.partition("@")
    assert domain == "people.example.com"
    assert 1 <= len(local) <= 21
    assert set(local) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    assert 3 <= len(new.username) <= 30
    assert newcomers.run_tag_of(new.email) == run_tag


@pytest.mark.parametrize("email", ["load_000001@people.example.com", "n12_3@x.test", "n0000000g_1@x.test", ""])
def test_nobody_elses_address_is_taken_for_a_newcomers(email: str) -> None:
    assert newcomers.run_tag_of(email) is None


async def first_visit(host: Device) -> None:
    phone = newcomers_phone(host)
    try:
        assert await sign_up(phone)
        page = TastePage(phone)
        assert await page.open() == [], "quirk B: no deck before a reload"
        page.leave()
        await phone.pause(0.1)
        assert await open_app(phone, landing=False)
        page = TastePage(phone)
        titles = await page.open()
        with pytest.raises(ValueError, match="5 titles"):
            await page.finish(titles[:4])
        assert await page.finish(titles[:7])
        await phone.pause(0.2)
    finally:
        await phone.end()
        phone.discard()


def test_a_newcomer_signs_up_reloads_picks_and_lands(server: Scripted) -> None:
    server.script = lambda heard: (
        (500, {"ok": False, "code": "UPSERT_FAILED"}) if "initial-likes" in heard.path else None
    )
    with running(server.url, SECRETS, pattern="load_{index:06d}@people.test") as engine:
        done = drive(engine, first_visit, ticket=77)
    form = server.of("/auth/v1/signup")[0].body
    assert form["email"] == f"n{RUN_TAG:08x}_77@people.test"
    assert list(form) == [
        "email",
        "password",
        "data",
        "gotrue_meta_security",
        "code_challenge",
        "code_challenge_method",
    ]
    assert done.names["sign_up"] == done.names["profile_names"] == done.names["user_update"] == 1
    assert done.names["onboarding_deck"] == 1
    assert done.outcomes("onboarding_likes") == Counter(server_error=1)
    assert server.of("initial-likes")[0].body["mediaItemIds"] == [c["mediaItemId"] for c in cards(7)["cards"]]
    deck = next(body for body in server.decks() if body["limit"] == 24)
    assert (deck["mode"], deck["seed"][:4]) == ("trending", "onb:")
    update = next(heard for heard in server.of("/auth/v1/user") if heard.method == "PUT").body
    assert update["data"] == {"onboarded": True}


def test_a_target_that_confirms_by_mail_lets_nobody_in(server: Scripted) -> None:
    server.script = lambda heard: (200, {"id": OTHER, "email": "x"}) if "signup" in heard.path else None

    async def body(host: Device) -> None:
        phone = newcomers_phone(host)
        assert not await sign_up(phone)
        await phone.end()

    with running(server.url, SECRETS) as engine:
        assert drive(engine, body).names == Counter(sign_up=1, app_settings=1)


# ---- against a server of garbage --------------------------------------------------------------------------------


async def every_screen(phone: Device) -> None:
    await open_app(phone)
    home = Home(phone)
    await home.open()
    await home.more()
    home.leave()
    title = TitlePage(phone, TITLE)
    await title.open()
    await title.like()
    title.leave()
    await to_watchlist_from_search(phone, TITLE, None)
    await Diary(phone).open()
    screen = Search(phone)
    await screen.type("ni", [0.0])
    await screen.people("ann")
    await look_away(phone, 0.01)
    new = newcomers_phone(phone)
    if await sign_up(new):
        titles = await TastePage(new).open()
        if len(titles) >= 5:
            await TastePage(new).finish(titles)
    await new.end()


@pytest.mark.slow
def test_garbage_on_every_screen_becomes_outcomes_never_an_exception() -> None:
    with garbage(11) as url, running(url, SECRETS, people=8) as engine:
        over = threading.Semaphore(0)
        for number in range(16):
            engine.submit(Ticket(number, engine.now(), "reader", number % 8), every_screen, over.release)
        ended = sum(over.acquire(timeout=60) for _ in range(16))
        assert ended == 16
        assert engine.failures == 0, engine.problems[0]


# ---- against the sandbox ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=30, catalogue=200)) as serving:
        yield serving


def on_sandbox(sandbox: Sandbox, body: Any, person: int = 1) -> Driven:
    found = sandbox.discovery
    people = found["people"]
    secrets = Secrets(found["anon_key"], people["password"])
    with running(sandbox.url, secrets, pattern=people["email_pattern"], people=30) as engine:
        return drive(engine, body, person=person)


def test_every_read_and_write_of_the_screens_is_one_the_real_schema_takes(sandbox: Sandbox) -> None:
    async def body(phone: Device) -> None:
        await signed_in(phone)
        page = SwipePage(phone)
        assert await page.open()
        card = await page.next_card()
        assert card is not None
        await page.look_and_swipe(card, 0.0, "like")
        await phone.pause(1.2)
        title = TitlePage(phone, card.title)
        assert await title.open()
        assert await title.like()
        assert await set_status(phone, card.title, card.kind, "watched") is Outcome.OK
        assert await to_watchlist_from_title(phone, card.title, card.kind) is Outcome.OK
        assert await to_watchlist_from_title(phone, card.title, card.kind, wanted=False) is Outcome.OK
        assert await forget(phone, card.title) is Outcome.OK
        assert await review(phone, card.title, card.kind, 8, "Fine.") is Outcome.OK, "T17: stored, though unreadable"
        assert await rate(phone, card.title, card.kind, 7) is Outcome.REJECTED, "T16: as shipped"
        assert (await follow(phone, await _somebody(phone))).good
        title.leave()
        diary = Diary(phone)
        assert await diary.open()
        screen = Search(phone)
        await screen.type("night", [0.0] * 4)
        assert set(await screen.people("p_")) <= {phone.user_id}, "T20: as shipped nobody reads others' profiles"
        await phone.pause(0.2)

    done = on_sandbox(sandbox, body)
    odd = {name for name in done.names if set(done.outcomes(name)) != {"ok"}}
    # Edge functions beyond the swiping ones may not be there; the rating is refused as shipped.
    known = {"rating_write", "media_search", "tmdb_search", "tmdb_external_ids", "catalog_sync_batch"}
    assert odd - known <= {"assistant_suggestions", "suggestion_shown"}, {n: done.outcomes(n) for n in odd}


async def _somebody(phone: Device) -> str:
    inbox = Inbox.of(phone)
    await ConversationList.of(phone).prefetch()
    return next(other for summary in inbox.rows for other in summary.others)


def test_a_real_sign_up_makes_a_person_the_app_lets_in(sandbox: Sandbox) -> None:
    seen: list[str] = []

    async def body(host: Device) -> None:
        phone = newcomers_phone(host)
        try:
            assert await sign_up(phone)
            seen.append(phone.user_id)
            await phone.pause(0.2)
            assert await open_app(phone, landing=False)
            page = TastePage(phone)
            titles = await page.open()
            assert len(titles) == 24
            assert await page.finish(titles[:5])
        finally:
            await phone.end()
            phone.discard()

    done = on_sandbox(sandbox, body)
    assert done.outcomes("sign_up") == done.outcomes("profile_names") == done.outcomes("user_update") == Counter(ok=1)
    assert len(seen) == 1
