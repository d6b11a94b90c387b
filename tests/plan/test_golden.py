"""The tiny plan, computed by hand beside what the code says."""

from __future__ import annotations

import pytest

from harness.plan import PlanInputs, Prices, make
from harness.plan.model import PlanFigures


@pytest.fixture(scope="module")
def figures(tiny: PlanInputs, prices: Prices) -> PlanFigures:
    return make(tiny, prices.model_copy(update={"compute": "micro"})).figures


def test_arrivals_and_phones(figures: PlanFigures) -> None:
    # 1,200 sessions over 24 equal hours: 50 an hour, 50 / 3,600 = 0.013888.. a second; each open for 600 s
    assert figures.peak.arrivals == pytest.approx(50 / 3600)
    assert figures.peak.phones == pytest.approx(50 / 3600 * 600)  # 8.33
    assert figures.peak.sockets == pytest.approx(figures.peak.phones)  # presence: one each


def test_requests_of_a_session(figures: PlanFigures) -> None:
    # 600 s / 20 cards = 30 s a card: a request of two events each (gesture, next impression)
    by_hand = {
        "POST auth/token": 1,
        "GET auth/user": 1,
        "POST functions/public-app-settings": 1,
        "PATCH profiles": 1 + 9,  # at load, then each full minute of ten
        "POST rpc/get_home_feed_v2": 2,
        "POST rpc/get_conversation_summaries_v2": 1 + 10,  # the swipe page's sheet for sharing polls it each minute
        "GET profiles_public": 2 + 2,  # the list's and one's own; whom to follow, owners of lists
        "GET follows": 1,
        "HEAD follows": 1,
        "GET lists": 1,
        "GET list_items": 1,
        "POST storage/sign/avatars": 2,  # two conversations listed
        "GET storage/avatars": 2,
        "POST rpc/get_diary_stats": 1,
        "POST functions/media-swipe-deck": 4 + 1 + 1,  # background, landing, swipe page; 20 swipes need no refill
        "GET profiles": 1,
        "GET user_stats": 1 + 1,  # one's own; whom to follow
        "GET user_preferences": 1,
        "POST functions/assistant-get-conversation": 3,
        "POST functions/assistant-orchestrator": 2 + 1 + 5,  # home and search, swipe page, then each 120 s
        "POST functions/assistant-suggestion-action": 1,
        "POST functions/experiment-assign": 1,
        "GET media_items": 2 * 20 + 8,  # eight ahead on opening
        "GET library_entries": 20,
        "GET ratings": 20 + 1,  # and one's best, for whom to follow
        "POST functions/media-swipe-event": 20,
        # once for each URL: token and user; 4 RPCs and writes, 2 signatures, 12 reads of the opening, 48 + 20 + 21 of
        # titles; before each call of a function, none of which comes within 5 s of another: settings 1, decks 6,
        # assistant 3 + 8 + 1, experiments 1, events 20
        "OPTIONS preflight": 2 + 4 + 2 + 12 + 89 + 40,
    }
    assert {load.name: round(load.per_session, 9) for load in figures.endpoints} == by_hand
    assert figures.requests_per_day == pytest.approx(320 * 1200)  # 320 is their sum
    assert figures.peak.requests == pytest.approx(320 * 50 / 3600)
    assert figures.persona_requests == {"swiper": pytest.approx(320)}
    # settings 1, decks 6, assistant 3 + 8 + 1, experiments 1, events 20
    assert figures.invocations_per_day == pytest.approx(40 * 1200)
    # behind them: decks 14 each, events 7; settings 1, assistant 3, 4 and 3 each, experiments 2
    inner = 6 * 14 + 20 * 7 + 1 + 3 * 3 + 8 * 4 + 3 + 2
    assert figures.peak.inner_calls == pytest.approx(inner * 50 / 3600)
    # of 320 requests 149 are questions before and 40 go to functions
    assert figures.peak.preflights == pytest.approx(149 * 50 / 3600)
    assert figures.peak.database_calls == pytest.approx((320 - 149 - 40 + inner) * 50 / 3600)
    assert figures.peak.connections == pytest.approx(figures.peak.database_calls * 0.008)
    assert figures.peak.tmdb_calls == 0


def test_rows_of_a_session(figures: PlanFigures) -> None:
    cards = 36 + 18 + 18 + 18 + 10 + 72  # 172
    by_hand = {
        "rec_impressions": cards,
        "media_rank_feature_items_v2": cards + 20,  # and a label for each gesture
        "rec_requests": 6,
        "media_events": 40,
        "rate_limits": 6 + 20 + 8 + 1,  # decks, events, orchestrator, suggestion
        "swipe_ingest_hourly_metrics": 2,  # one event request in ten
        "profiles": 10,
        "auth.refresh_tokens": 2,
        "auth.sessions": 1,
    }
    assert {load.name: round(load.rows_per_day / 1200, 9) for load in figures.tables} == by_hand
    swipe = figures.swipe_session
    assert swipe.rows == pytest.approx(460)  # their sum
    assert swipe.rows_per_swipe == pytest.approx(460 / 20)
    assert swipe.rows_of_decks == pytest.approx(2 * cards + 2 * 6)
    # index entries: 172*4 + 192*4 + 6*3 + 40*8 + 35 + 2 + 10*5 + 2*5 + 1*3
    assert swipe.index_entries == pytest.approx(688 + 768 + 18 + 320 + 35 + 2 + 50 + 10 + 3)


def test_presence_messages(figures: PlanFigures) -> None:
    online, arrivals = 25 / 3, 50 / 3600
    # each phone tracks once in 20 s and twice on arriving: sent once, heard by all; it leaves twice, heard by all
    per_second = (online / 20 + 2 * arrivals) * (1 + online) + 2 * arrivals * online
    assert per_second == pytest.approx(4.37963, rel=1e-5)
    presence = figures.realtime.streams[0]
    assert presence.peak == pytest.approx(per_second)
    assert presence.per_day == pytest.approx(378_400)
    assert presence.delivered_per_day == pytest.approx(presence.per_day)  # far below 1,000 a second
    assert figures.realtime.streams[1].per_day == 0
    assert figures.realtime.joins == pytest.approx(3 * arrivals)
    assert figures.realtime.channels == pytest.approx(online)


def test_the_bill(figures: PlanFigures) -> None:
    amounts = {item.name: round(item.amount, 6) for item in figures.cost.items}
    # kept: 172 impressions * 730 B + 172 features * 900 B + 6 requests * 700 B + 40 events * 950 B + 1 token * 600 B
    # = 323,160 B a session, * 1,200 * 30 d = 11.63 GB, 3.63 beyond the 8 included: 4 begun
    disk = next(item for item in figures.cost.items if item.name == "database disk")
    assert disk.quantity == pytest.approx(323_160 * 1200 * 30 / 1e9)
    assert amounts == {
        "subscription": 25,
        "compute micro": 9.8112,  # 730 h * 0.01344
        "compute credit": -9.8112,  # 10, but no more than the compute
        "edge invocations": 0,  # 40 * 1,200 * 30 = 1.4 M of 2 M included
        "realtime messages": 17.5,  # 378,400 * 30 = 11.4 M, 6.4 M beyond 5 M: 7 begun * 2.50
        "realtime connections": 0,
        "egress": 0,
        "monthly active users": 0,
        "database disk": 0.5,  # 4 * 0.125
        "disk operations": 0,  # 6.4 a second of 3,000
        "disk throughput": 0,
        # 320 requests and 271 calls behind functions, * 1,200 * 30 = 21.276 M events, 5 M free; $0.50 a million
        "log ingest": 8.138,
        "language model": 0,
        "sign-up e-mail": 0,
        "TMDb licence": 500,
    }
    assert figures.cost.total == pytest.approx(43.0)
    assert figures.cost.asked == pytest.approx(43.0)
    assert figures.cost.whole == pytest.approx(43.0 + 8.138 + 500)
    assert [row.name for row in figures.limits if row.over] == []
    assert figures.compute.lacks == ("database size",)  # 11.6 GB on a micro for 10


def test_a_days_chat(prices: Prices) -> None:
    """100 people, one session of 300 s each, in it ten messages to one person who always looks."""
    from harness.plan import Range

    inputs = PlanInputs(
        dau=100,
        sessions_per_day=1,
        session_minutes=5,
        curve=(1 / 24,) * 24,
        mix={"chatter": 1.0},
        messages_per_person=Range(10, 10),
        group_share=0,
        live_share=1,
        conversations_per_session=1,
        conversation_share=1,
        library_writes_per_session=0,
    )
    figures = make(inputs, prices).figures
    per_session = {load.name: load.per_session for load in figures.endpoints}
    assert per_session["POST messages"] == pytest.approx(10)
    assert per_session["GET blocked_users"] == pytest.approx(10 + 1)  # before each message, and on opening
    assert per_session["GET messages"] == pytest.approx(1 + 300 / 5)
    # one reader, two upserts a message; on opening one for each of the 5 of 10 messages that the other wrote
    assert per_session["POST message_delivery_receipts"] == pytest.approx(2 * 10 + 5)
    assert per_session["POST message_read_receipts"] == pytest.approx(2 * 10 + 1)
    # 10 messages * 5 changes * 2 who listen, and (5 receipts + 1 read mark) * 2 on opening; typing 4 s: first key,
    # twice more, and the end: 4 broadcasts, sent and heard
    assert figures.realtime.streams[1].per_day == pytest.approx(100 * (10 * 10 + 6 * 2))
    assert figures.realtime.streams[2].per_day == pytest.approx(100 * 10 * 4 * 2)
