"""Each rule of the prediction by itself, on small sessions counted by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.prediction import asking, browsing, chatting, opening, rules, swiping
from tests.prediction import titles as title_rules
from tests.prediction.analysis import EndpointRow
from tests.prediction.endpoints import ENDPOINTS
from tests.prediction.outbox import Buffer, Moment
from tests.prediction.reads import fetches
from tests.prediction.story import Answers, Device, Line, Page, Story, story

LOAD = Line(0.0, "page_load", "signed_in")


def told(*lines: Line, end: float = 100.0) -> Story:
    """A session of these actions, signed in at once, closed at `end`."""
    ordered = sorted((LOAD, *lines, Line(end, "closed")), key=lambda line: line.at)
    return Story(0, tuple(ordered))


def page(*lines: Line, end: float = 100.0) -> Page:
    return told(*lines, end=end).pages[0]


def opened(screen: str, start: float, end: float) -> tuple[Line, Line]:
    return Line(start, "open", screen), Line(end, "leave", screen)


# ---- reads --------------------------------------------------------------------------------------------------------


def test_a_read_is_fetched_on_mount_when_stale_and_on_waking_when_shown_and_stale() -> None:
    shown = [(0.0, 10.0), (12.0, 40.0)]
    assert fetches(shown, stale_s=15.0) == [0.0]  # the second mount finds it fresh
    assert fetches(shown, stale_s=11.0) == [0.0, 12.0]
    assert fetches(shown, stale_s=15.0, wakes=[11.0, 13.0, 30.0]) == [0.0, 30.0]
    assert fetches(shown, stale_s=15.0, ahead=[0.0], offline=[(0.0, 1.0)], wakes=[1.0]) == [1.0]


def test_an_interval_counts_from_the_last_fetch_and_rests_in_the_background() -> None:
    assert fetches([(0.0, 21.0)], stale_s=5.0, every_s=lambda at: 5.0) == [0.0, 5.0, 10.0, 15.0, 20.0]
    hidden = fetches([(0.0, 21.0)], stale_s=5.0, every_s=lambda at: 5.0, wakes=[12.0], asleep=[(4.0, 12.0)])
    assert hidden == [0.0, 12.0, 17.0]


# ---- opening ------------------------------------------------------------------------------------------------------


def test_the_first_page_load_of_a_device_signs_in_and_asks_what_the_second_still_knows() -> None:
    device = Device()
    first = rules.predict(told(end=10.0), device)
    assert first >= Counter(sign_in=1, user=1, background_deck=4, app_settings=1, assistant_conversation=3)
    assert first["tmdb_configuration"] == 0  # quirk A
    second = rules.predict(told(end=10.0), device)
    assert first - second == Counter(sign_in=1, assistant_conversation=3, preflight=4)


def test_after_a_sign_up_without_reload_nothing_leaves_that_needs_the_second_token_store() -> None:
    lines = (Line(0.0, "page_load", "signed_out"), Line(5.0, "sign_up"), Line(6.0, "enter"), Line(9.0, "closed"))
    made = rules.predict(Story(0, lines), Device())
    assert made >= Counter(sign_up=1, profile_names=1, app_settings=1, home_feed=1, own_profile=1, presence=1)
    for name in ("sign_in", "user", "background_deck", "assistant_conversation", "onboarding_deck"):
        assert made[name] == 0


def test_the_shell_reads_again_on_coming_back_after_fifteen_seconds() -> None:
    away = (Line(10.0, "away"), Line(14.0, "back"), Line(20.0, "away"), Line(50.0, "back"))
    assert opening.shell(page(*away)) == Counter(own_profile=2, own_profile_public=2, own_stats=2, own_preferences=1)
    home = opening.shell(page(*opened("home", 20.0, 30.0), Line(25.0, "follow")))
    assert home == Counter(own_profile=3, own_profile_public=3, own_stats=3, own_preferences=1)


def test_presence_is_written_once_a_minute_while_visible() -> None:
    assert opening.presence(page(end=130.0)) == Counter(presence=3)
    assert opening.presence(page(Line(50.0, "away"), Line(70.0, "back"), end=100.0)) == Counter(presence=2)
    assert opening.presence(page(Line(50.0, "away"), Line(90.0, "back"), end=99.0)) == Counter(presence=2)
    assert opening.presence(page(Line(20.5, "away"), Line(50.0, "back"), end=59.0)) == Counter(presence=1)


def test_a_hint_is_a_read_of_its_surface_and_context_and_shown_whenever_it_becomes_another() -> None:
    seen = (Line(2.0, "hint", "a"), Line(130.0, "hint", "a"), Line(131.0, "hint", "b"))
    places = (
        Line(1.0, "surface", "search"),
        Line(5.0, "surface", "search:query=night"),
        Line(9.0, "surface", "search"),
    )
    made = opening.hints(page(*places, Line(30.0, "surface", ""), Line(31.0, "surface", "search"), *seen, end=200.0))
    assert made == Counter(assistant_suggestions=3, suggestion_shown=3, assistant_conversation=1)


# ---- reading ------------------------------------------------------------------------------------------------------


def test_the_feed_is_read_ahead_and_each_further_page_asked_for() -> None:
    lines = (*opened("landing", 0.1, 1.0), *opened("home", 5.0, 60.0), Line(9.0, "more"))
    assert browsing.feed(page(*lines)) == Counter(home_feed=2, diary_stats=1)
    listed = (Line(30.0, "watchlist", "title"), *opened("home", 61.0, 70.0))
    assert browsing.feed(page(*lines, *listed))["home_feed"] == 3


def test_the_search_route_is_one_visit_from_landing_to_search_and_read_anew_at_the_next() -> None:
    lines = (*opened("landing", 0.1, 5.0), *opened("search", 5.0, 30.0), *opened("search", 40.0, 50.0))
    made = browsing.discover(page(*lines))
    assert set(made.values()) == {2}
    assert set(made) == {
        *("landing_deck", "friends_watching", "people_followed", "suggested_ratings", "suggested_stats"),
        *("suggested_profiles", "public_lists", "profile_cards", "list_items"),
    }


def test_home_reads_stories_library_and_what_its_first_titles_lead_to() -> None:
    leads = (
        Line(5.5, "lead", "hero_details t1"),
        Line(5.6, "lead", "seed_title t2"),
        Line(45.5, "lead", "seed_title t2"),
    )
    made = browsing.home(page(*opened("home", 5.0, 12.0), *opened("home", 45.0, 50.0), *leads))
    twice = ("stories_followed", "profile_cards", "stories_lists", "stories_items", "library_list", "own_ratings")
    once = ("home_deck", "recent_watched", "hero_details", "seed_title")
    titles = Counter(library_titles=2 + 2)  # of the library, and the first ones of the stories' lists
    assert made == Counter(dict.fromkeys(twice, 2)) + Counter(dict.fromkeys(once, 1)) + titles


def test_a_title_page_reads_six_things_and_tells_of_both_ends() -> None:
    lines = (*opened("title", 5.0, 20.0), Line(5.0, "title", "t1"), Line(8.0, "heart", "t1"), Line(9.0, "status"))
    made = title_rules.titles(page(*lines)) + swiping.diary(page(*lines))
    reads = Counter(title_page=1, title_rating_summary=1, title_reviews=1, title_feedback=2)
    assert made == reads + Counter(title_event=3, library_write=1, library_entry=1, own_rating=1)


def test_a_title_that_a_card_told_of_a_moment_ago_is_not_asked_for() -> None:
    swipes = swiped(3, 72)
    title = (*opened("title", 10.0, 20.0), Line(10.0, "title", "t2"))
    assert title_rules.titles(page(*swipes, Line(9.0, "leave", "swipe"), *title))["title_page"] == 0
    assert title_rules.titles(page(*title))["title_page"] == 1


def test_a_title_seen_again_within_a_minute_is_remembered() -> None:
    twice = [line for at in (5.0, 30.0) for line in (*opened("title", at, at + 9.0), Line(at, "title", "t"))]
    made = title_rules.titles(page(*twice))
    assert (made["title_page"], made["title_feedback"], made["title_event"]) == (1, 2, 4)


# ---- swiping ------------------------------------------------------------------------------------------------------


def swiped(count: int, came: int, every_s: float = 2.0) -> list[Line]:
    """Open at 1 s, cards at 2 s, then a gesture after each look."""
    lines = [Line(1.0, "open", "swipe"), Line(2.0, "cards", number=came)]
    for number in range(count):
        at = 2.0 + number * every_s
        lines += [Line(at, "look", f"t{number}", seconds=every_s), Line(at + every_s, "gesture", "like")]
    return lines


@pytest.mark.parametrize(("swipes", "decks"), [(10, 1), (60, 1), (61, 2)])
def test_a_second_deck_is_asked_for_when_fewer_than_twelve_of_72_are_left(swipes: int, decks: int) -> None:
    assert swiping.deck_requests(swiped(swipes, 72)) == decks


def test_an_exhausted_catalogue_costs_three_decks_a_swipe() -> None:
    empty = [Line(9.0, "cards", number=0)] * 3
    assert swiping.deck_requests([*swiped(0, 12), Line(5.0, "gesture"), *empty]) == 4
    assert swiping.deck_requests([*swiped(0, 12), Line(5.0, "gesture"), *empty, Line(9.5, "gesture"), *empty]) == 7


def test_cards_cost_four_reads_each_and_eight_more_details_ahead() -> None:
    made = swiping.cards(page(*swiped(20, 72))) + swiping.diary(page(*swiped(20, 72)))
    assert made == Counter(title_detail=29, title_preview=21, library_entry=21, own_rating=21)


def test_events_leave_a_second_after_the_first_of_them() -> None:
    """At a card each 2 s: the first impression, then gesture and next impression together."""
    assert len(swiping.batches(told(*swiped(20, 72), end=60.0), Device())) == 21
    hasty = swiping.batches(told(*swiped(20, 72, every_s=0.5), end=60.0), Device())
    assert 10 <= len(hasty) <= 11  # in ten seconds


def test_25_events_leave_at_once_and_the_rest_waits_for_its_own_second() -> None:
    buffer = Buffer(0)
    buffer.run([Moment(0.0, "mount"), Moment(0.1, "events", 27), Moment(5.0, "leave")])
    assert (buffer.requests, buffer.queued) == (1, 2)  # the stranded remainder has no timer of its own


def test_the_queue_leaves_in_chunks_of_25_when_the_network_is_back() -> None:
    buffer = Buffer(60)
    buffer.run([Moment(0.0, "offline"), Moment(1.0, "mount"), Moment(30.0, "online")])
    assert (buffer.requests, buffer.queued) == (3, 0)


def test_what_is_recorded_offline_waits_and_is_lost_with_its_page() -> None:
    buffer = Buffer(0)
    buffer.run([Moment(0.0, "mount"), Moment(1.0, "offline"), *(Moment(2.0 + n, "events", 2) for n in range(8))])
    assert (buffer.requests, buffer.queued) == (0, 0)
    buffer.run([Moment(20.0, "online"), Moment(22.0, "offline"), Moment(23.0, "events", 2), Moment(24.0, "leave")])
    assert (buffer.requests, buffer.queued) == (1, 0), "sixteen in one batch; the last two are gone"
    buffer.run([Moment(25.0, "events", 2), Moment(26.0, "hide"), Moment(27.0, "online"), Moment(40.0, "leave")])
    assert buffer.requests == 1, "in the background nothing goes on"


def test_a_read_that_is_wanted_offline_is_fetched_once_when_the_network_is_back() -> None:
    shown, offline = [(0.0, 4.0), (12.0, 14.0)], [(10.0, 30.0)]
    assert fetches(shown, stale_s=5.0, offline=offline, wakes=[30.0]) == [0.0, 30.0], "also where nobody shows it now"
    assert fetches(shown, stale_s=5.0, offline=offline) == [0.0]
    beats = fetches([(0.0, 60.0)], stale_s=5.0, every_s=lambda at: 5.0, offline=offline, wakes=[30.0])
    assert [at for at in beats if 9 < at < 41] == [30.0, 35.0, 40.0]


def test_what_the_app_writes_into_its_memory_puts_the_next_poll_off() -> None:
    assert fetches([(0.0, 20.0)], stale_s=5.0, every_s=lambda at: 5.0, writes=[3.0, 7.0]) == [0.0, 12.0, 17.0]


def test_what_a_device_could_not_send_goes_with_the_next_visit() -> None:
    device = Device(queued=3)
    assert len(swiping.batches(told(*swiped(0, 72)), device)) == 2  # theirs on mounting, and the first impression
    assert device.queued == 0


# ---- searching ----------------------------------------------------------------------------------------------------


def test_a_settled_query_fans_out_and_a_remembered_one_does_not() -> None:
    lines = [
        Line(1.0, "query", "dark", 1),
        Line(1.1, "results", "dark", 8),
        Line(1.2, "found", "dark", 14),
        Line(1.5, "unknown", "dark", 3),
        Line(9.0, "query", "dark", 1),
    ]
    lines.append(Line(1.1, "found_people", "dark", 0))
    made = browsing.search(page(*lines))
    people = Counter(people_search=1, people_followed=1)
    assert made == people + Counter(media_search=1, tmdb_search=1, tmdb_external_ids=14, catalog_sync_batch=1)


def test_a_chip_asks_again_and_looks_after_what_it_found_and_asks_nobody_about_people() -> None:
    lines = [Line(1.0, "query", "movie: dark", 1), Line(1.1, "results", "movie: dark", 8)]
    lines += [Line(1.2, "found", "movie: dark", 2), Line(1.5, "unknown", "movie: dark", 0), Line(1.6, "unscored")]
    made = browsing.search(page(*lines))
    noted = Counter(library_statuses=1, own_ratings=1, catalogue_upsert=1)
    assert made == noted + Counter(media_search=1, tmdb_search=1, tmdb_external_ids=2)


def test_a_query_that_the_next_key_ended_asks_only_as_far_as_it_got() -> None:
    lines = [Line(1.0, "query", "da", 0), Line(1.1, "results", "da", 4), Line(1.2, "found", "da", 20)]
    lines.append(Line(1.4, "query", "dark", 1))
    made = browsing.search(page(*lines))
    assert made == Counter(media_search=2, tmdb_search=1, tmdb_external_ids=20, people_search=2)


# ---- conversations ------------------------------------------------------------------------------------------------


def test_the_list_is_read_ahead_and_each_minute() -> None:
    made = chatting.inbox(page(Line(0.5, "listed", number=4), Line(10.0, "open", "list"), end=140.0))
    assert made == Counter(conversation_list=4, profiles_public=4)  # ahead, on mounting, and two beats


def test_a_message_puts_the_lists_next_poll_off() -> None:
    lines = (*opened("list", 10.0, 20.0), Line(20.0, "chat", "direct", 1), Line(60.0, "send"), Line(110.0, "newest"))
    made = chatting.inbox(page(*lines, end=160.0))
    assert made["conversation_list"] == 2  # ahead, and on mounting; without messages a beat at 70 and one at 130


@pytest.mark.parametrize(("joined", "rounds"), [(1, 6), (0, 20)])
def test_four_pollers_each_5_s_or_each_1_5_s_while_not_joined(joined: int, rounds: int) -> None:
    lines = (Line(10.0, "chat", "direct", joined), Line(10.0, "own"), Line(39.9, "chat_leave"))
    made = chatting.chats(page(*lines), {})
    polls = ("messages_poll", "read_receipts_poll", "reactions_poll", "delivery_receipts_poll")
    assert [made[name] for name in polls] == [rounds] * 4
    assert (made["last_active"], made["blocked_check"]) == (1, 1)


def test_a_slow_answer_delays_the_next_poll_and_a_failure_is_asked_again() -> None:
    lines = (Line(10.0, "chat", "group", 1), Line(49.0, "chat_leave"))
    slow = {"messages_poll": Answers(requests=6, seconds=12.0)}
    made = chatting.chats(page(*lines), slow)
    assert (made["messages_poll"], made["reactions_poll"]) == (6, 8)
    failed = {call: Answers(requests=9, failed=2) for call in ("messages_poll", "message_send", "conversation_list")}
    assert rules.repeats(failed) == Counter(messages_poll=2, conversation_list_v1=2)


def test_a_channel_that_joins_slows_the_pollers_from_then_on() -> None:
    lines = (Line(0.0, "chat", "group", 0), Line(15.1, "channel", number=1), Line(35.0, "chat_leave"))
    assert chatting.chats(page(*lines), {})["messages_poll"] == 1 + 10 + 3


def test_an_older_page_rides_with_every_poll_from_then_on() -> None:
    lines = (Line(0.0, "chat", "group", 1), Line(7.0, "older"), Line(7.1, "pages", number=2), Line(19.0, "chat_leave"))
    assert chatting.chats(page(*lines), {})["messages_older"] == 1 + 2


def test_receipts_one_a_loaded_message_two_a_live_one() -> None:
    made = chatting.written(page(Line(1.0, "foreign", "loaded", 30), Line(9.0, "foreign", "live", 2)))
    assert made["delivery_receipt"] == 34


def test_read_marks_at_most_one_in_three_seconds_and_never_the_last_lost() -> None:
    assert chatting.marks([0.0], 10.0) == 1
    assert chatting.marks([0.0, 1.0, 2.0], 10.0) == 2
    assert chatting.marks([0.0, 1.0, 4.5], 10.0) == 3
    assert chatting.marks([0.0, 1.0], 2.0) == 1  # left before the throttle let it out


def test_typing_goes_by_http_only_while_not_joined() -> None:
    typed = (Line(2.0, "type", seconds=5.0), Line(7.0, "send", "direct"))
    assert chatting.written(page(Line(1.0, "chat", "direct", 1), *typed))["typing_broadcast"] == 0
    assert chatting.written(page(Line(1.0, "chat", "direct", 0), *typed))["typing_broadcast"] == 4
    assert chatting.written(page(*typed)) >= Counter(blocked_check=1, message_send=1)


def test_an_answer_is_asked_for_once_a_message_and_its_state_each_two_seconds() -> None:
    lines = (Line(1.0, "send", "direct"), Line(1.6, "asked"), Line(6.6, "answered", seconds=5.0))
    assert chatting.assistant(page(*lines), {}) == Counter(assistant_reply=1, assistant_status=3)


# ---- what browsers ask --------------------------------------------------------------------------------------------


def test_functions_are_asked_for_every_five_seconds() -> None:
    assert asking.asked([0.0, 2.5, 5.0, 7.5, 10.0]) == 3  # as recorded: every other batch
    assert asking.asked([]) == 0


def test_cards_are_asked_for_one_by_one_and_rpcs_once() -> None:
    swiping_ = told(*swiped(20, 72), end=60.0)
    made = Counter(title_preview=21, own_rating=30, home_feed=5, friends_watching=2, presence=3, profile_names=1)
    assert asking.questions(swiping_, made, []) == 21 + 21 + 1 + 1
    assert asking.questions(swiping_, Counter(swipe_events=21, background_deck=4), [1.0, 2.0, 9.0]) == 2 + 4


# ---- the story and the claim --------------------------------------------------------------------------------------


def test_a_story_has_a_page_per_load_and_ends_with_the_app() -> None:
    rows = [
        {"at_us": at * 1_000_000, "action": action, "subject": subject, "number": 1, "seconds": 0.0}
        for at, action, subject in (
            (0, "drawn", "swipes"),
            (0, "page_load", "signed_out"),
            (5, "page_load", "signed_in"),
            (7, "open", "swipe"),
            (9, "killed", ""),
            (9, "closed", ""),
        )
    ]
    told_story = story(3, rows, newcomer=False)
    assert [(one.start, one.end, one.live_at) for one in told_story.pages] == [(0.0, 5.0, None), (5.0, 9.0, 5.0)]
    assert told_story.killed
    assert told_story.pages[1].visits("swipe") == [(7.0, 9.0)]


@pytest.mark.parametrize(
    ("sent", "predicted", "within"),
    [(110, 100, True), (111, 100, False), (89, 100, False), (5, 0, True), (6, 0, False), (25, 20, True)],
)
def test_the_claim_is_a_tenth_or_five_requests(sent: int, predicted: int, within: bool) -> None:
    assert EndpointRow("GET x", sent, predicted).within is within


def test_the_endpoints_written_down_here_are_those_of_the_reports() -> None:
    from harness.client.api.endpoints import ENDPOINTS as REPORTED  # the one look at the phones' own words

    assert {call: REPORTED.get(call) for call in ENDPOINTS} == ENDPOINTS
