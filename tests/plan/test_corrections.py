"""What an independent recomputation found wrong or missing in the plan: a test for each of its rows, and for what
whoever signs a plan asked it and did not find."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.plan import CapacityPlan, PlanInputs, Prices, calls, make, render_table
from harness.plan.app import AppSettings
from harness.plan.calls import Driver
from harness.plan.capacity import Core, core
from harness.plan.sessions import amounts

TRACES = Path(__file__).resolve().parents[1] / "data" / "traces"


@pytest.fixture(scope="module")
def plan(prices: Prices) -> CapacityPlan:
    return make(PlanInputs(), prices)


def people(plan: CapacityPlan) -> dict[str, float]:
    return {row.name: row.people for row in plan.figures.limits}


def item(made: Core | CapacityPlan, name: str) -> float:
    cost = made.figures.cost if isinstance(made, CapacityPlan) else made.cost
    return next(one.amount for one in cost.items if one.name == name)


# ---- the eleven rows --------------------------------------------------------------------------------------------


def test_row_1_streams_that_cannot_all_happen_are_not_billed_together(plan: CapacityPlan, prices: Prices) -> None:
    """Presence over its limit closes the channel; the poller bounds the changes; neither is on the bill."""
    presence, changes, _ = plan.figures.realtime.streams
    assert presence.peak > presence.limit
    assert presence.delivered_per_day == 0
    manages = 86_400 * 1000 / 2.0 * plan.figures.realtime.hearing  # with nobody's conversation open
    assert changes.delivered_per_day < min(manages, changes.per_day / 3)
    # no bytes of presence either: neither diffs nor the state that joining phones get
    off = core(PlanInputs(app=AppSettings(presence="off")), prices)
    assert item(plan, "realtime messages") == item(off, "realtime messages")
    assert item(plan, "egress") == item(off, "egress")
    assert plan.figures.cost.total == pytest.approx(off.cost.total, abs=100)  # the sockets are still there
    # everything together is arithmetic, and stands apart
    assert plan.figures.cost.asked > 500 * plan.figures.cost.total
    assert "no offer" in render_table(plan)


def test_row_1_presence_that_stands_is_billed(prices: Prices) -> None:
    small = core(PlanInputs(dau=5_000), prices)
    presence = small.day.live.streams[0]
    assert 0 < presence.delivered_per_day == presence.per_day
    assert item(small, "realtime messages") > 100


def test_row_2_the_disk_grows_every_day_because_the_maintenance_fails(plan: CapacityPlan) -> None:
    disk = plan.figures.disk
    assert 200 < disk.gb_per_day < 250
    assert disk.advised_days == pytest.approx(10_000 / disk.gb_per_day)
    assert 40 < disk.advised_days < 50
    assert disk.year_gb == pytest.approx(365 * disk.gb_per_day)
    # as configured: events 90 days, impressions 30, everything else, the features foremost, for ever
    inputs, kept = PlanInputs(), 0.0
    daily = {table.name: table.kept_bytes_per_day / 1e9 for table in plan.figures.tables}
    for name, gigabytes in daily.items():
        kept += gigabytes * {"media_events": 90.0, "rec_impressions": 30.0}.get(name, 365.0)
    assert disk.year_kept_gb == pytest.approx(kept)
    assert 0.4 * disk.year_gb < kept < 0.65 * disk.year_gb
    assert inputs.retained_days * disk.gb_per_day == pytest.approx(disk.month_gb)


def test_row_3_the_limits_that_were_missing_are_there(plan: CapacityPlan) -> None:
    limits = {row.name: row for row in plan.figures.limits}
    assert limits["TMDb calls"].limit == 40
    assert limits["database connections"].limit == 500
    assert limits["disk operations included"].limit == 3_000
    assert limits["disk throughput included"].limit == 125
    assert not limits["disk operations included"].breaks  # it costs more, and nothing stops
    most_ms = 500 / plan.figures.peak.database_calls * 1000
    assert f"no more than {most_ms:.1f} ms" in " ".join(render_table(plan).split())
    assert all(row.source for row in plan.figures.limits)


def test_row_4_the_prices_that_were_missing_are_there(plan: CapacityPlan, prices: Prices) -> None:
    lines = {one.name: one for one in plan.figures.cost.items}
    logs = lines["log ingest"]
    assert logs.quantity == pytest.approx(30 * 750_000 * core(PlanInputs(), prices).session.log_events)
    assert 14e9 < logs.quantity < 18e9
    assert logs.amount == pytest.approx((logs.quantity - 5e6) / 1e6 * 0.50)  # $0.50 a GB over 5, at 1 KB an event
    assert lines["disk operations"].amount == pytest.approx(
        math.ceil(plan.figures.peak.disk_operations - 3_000) * 0.024
    )
    assert {"language model", "sign-up e-mail", "TMDb licence"} <= lines.keys()
    assert {"read replica", "point-in-time recovery, 7 days", "log drain"} <= {one.name for one in plan.options}
    for one in plan.figures.cost.items:
        if one.basis != "published":
            assert one.low < one.amount < one.high, one.name  # not published: a range
    assert all(extra.note for extra in prices.extras)
    assert all(ceiling.source for ceiling in prices.ceilings.values())


def test_row_5_the_limit_of_joins_is_an_average(plan: CapacityPlan) -> None:
    """14,300 at once pass: a counter that just began bears 25,000, a warm one 150,000 in a minute."""
    joins = next(row for row in plan.figures.limits if row.name == "joins, all back at once")
    assert joins.need == pytest.approx(14_300)
    assert joins.limit == 25_000
    assert not joins.over
    assert (plan.herd.burst_joins, plan.herd.minute_joins) == (25_000, 150_000)


def test_row_6_the_two_drivers_stand_in_the_head(plan: CapacityPlan) -> None:
    head = render_table(plan).split("LIMITS")[0]
    assert "Writes a day" in head
    assert "Edge invocations a day" in head
    assert head.index("Breaks first") < head.index("Writes a day") < head.index("Cost a month")


def test_row_7_how_presence_is_billed_is_a_range(plan: CapacityPlan, prices: Prices) -> None:
    def billed(dau: float, how: str) -> float:
        return core(PlanInputs(dau=dau), prices.model_copy(update={"presence_billed": how})).cost.total

    low, likely, high = (billed(500_000, how) for how in ("low", "likely", "high"))
    assert low == likely  # it has fallen
    assert high - likely == pytest.approx(1_000 * 86_400 * 30 / 1e6 * 2.5, abs=2.5)  # at its cap all day
    low, likely, high = (billed(5_000, how) for how in ("low", "likely", "high"))
    assert low < likely / 5
    assert likely == high
    assert "How presence is billed is not published" in " ".join(render_table(plan).split())


def test_row_8_means_are_observed_ones_and_the_contracts_most_is_the_high_end(plan: CapacityPlan) -> None:
    sent = [line for line in _requests() if "tmdb-proxy" in line["url"] or "catalog-sync-batch" in line["url"]]
    searches = sum(line["body"].get("path") == "/search/multi" for line in sent)
    looked_up = sum(line["body"].get("path", "").endswith("/external_ids") for line in sent)
    synced = sum(len(line["body"].get("items", ())) for line in sent)
    inputs = PlanInputs()
    assert inputs.external_ids_per_search == pytest.approx(looked_up / searches)
    assert inputs.synced_per_search == pytest.approx(synced / searches)
    pages = [
        line["reply_bytes"] / 533 for line in _requests() if "/messages?" in line["url"] and line["method"] == "GET"
    ]
    assert inputs.messages_on_page == pytest.approx(statistics.mean(pages), rel=0.1)
    high = {row.name: row.high for row in plan.assumed}
    assert (high["external_ids_per_search"], high["synced_per_search"], high["messages_on_page"]) == ("20", "5", "40")
    searching = sum(
        load.per_day
        for load in plan.figures.endpoints
        if load.name.split("/")[-1] in ("media-search", "tmdb-proxy", "catalog-sync-batch", "catalog-sync")
    )
    assert searching / plan.figures.invocations_per_day < 0.13  # 21 % with the contract's maxima


OBSERVED = (
    ("public-app-settings", calls.SETTINGS, 0),
    ("media-swipe-event", calls.EVENTS, 0),
    ("assistant-orchestrator", calls.ORCHESTRATOR, 0),
    ("assistant-get-conversation", calls.ASSISTANT_OPEN, 0),
    ("assistant-suggestion-action", calls.SUGGESTION, 0),
    ("rpc/get_diary_stats", calls.DIARY, 0),
    ("profiles", calls.PROFILE, 0),
    ("token", calls.TOKEN, 0),
    ("user", calls.USER, 0),
    ("media-search", calls.SEARCH, 20),
    ("rpc/get_conversation_summaries_v2", calls.SUMMARIES, 6),
    ("follows", calls.FOLLOWS, 20),
)


@pytest.mark.parametrize(("path", "endpoint", "items"), OBSERVED)
def test_row_9_sizes_are_those_of_the_recordings(path: str, endpoint: calls.Endpoint, items: int) -> None:
    sizes = [
        line["reply_bytes"]
        for line in _requests()
        if urlsplit(line["url"]).path.split("/v1/")[-1] == path and line["status"] < 300
        if line["method"] == endpoint.name.split()[0]
    ]
    assert sizes
    assert endpoint.size + items * endpoint.item_size == pytest.approx(statistics.mean(sizes), rel=0.1)


def test_row_9_decks_and_feeds_by_the_card(plan: CapacityPlan) -> None:
    cards = [
        line["reply_bytes"] / line["body"]["limit"]
        for line in _requests()
        if "media-swipe-deck" in line["url"] and line["method"] == "POST" and line["body"]["limit"] == 18
    ]
    assert calls.DECK.item_size + calls.DECK.size / 18 == pytest.approx(statistics.median(cards), rel=0.02)
    rows = [line["reply_bytes"] / line["body"]["p_limit"] for line in _requests() if "get_home_feed" in line["url"]
            and line["method"] == "POST"]  # fmt: skip
    assert calls.FEED.item_size == pytest.approx(statistics.mean(rows), rel=0.03)


def test_row_9_headers_count_and_bodies_leave_packed(prices: Prices) -> None:
    def egress(**more: float) -> float:
        return core(PlanInputs(app=AppSettings(presence="off"), **more), prices).month.delivered["egress_gb"]  # type: ignore[arg-type]

    plain, packed, bare = egress(compressed=1.0), egress(), egress(reply_header_bytes=0.0)
    assert packed < plain
    requests = core(PlanInputs(), prices).month.counted["requests"]
    assert packed - bare == pytest.approx(requests * 700 / 1e9, rel=1e-6)


def test_row_10_the_compute_size_follows_from_need(prices: Prices) -> None:
    sizes = [core(PlanInputs(dau=dau), prices).compute for dau in (1_000, 50_000, 500_000)]
    hours = [one.hour for one in sizes]
    assert hours == sorted(hours)
    assert hours[0] < 0.03
    assert sizes[2].decided_by == "database size"
    small = core(PlanInputs(dau=1_000), prices)
    assert small.cost.total < 100  # not $3,790
    slow = core(PlanInputs(dau=1_000, call_cpu_ms=500), prices).compute
    assert slow.cores >= 0.5 * small.day.peak.database_calls
    beyond = core(PlanInputs(dau=5_000_000), prices).compute
    assert beyond.name == "16xl"
    assert "database size" in beyond.lacks


def test_row_11_inner_calls_of_all_functions(plan: CapacityPlan, prices: Prices) -> None:
    functions = [one for one in vars(calls).values() if isinstance(one, calls.Endpoint) and " functions/" in one.name]
    assert len(functions) == 12
    assert all(one.inner >= 1 for one in functions)
    session = core(PlanInputs(), prices).session
    counted = sum(session.sent[one].total * one.inner for one in (calls.DECK, calls.EVENTS))
    assert (session.inner_calls - counted) * plan.figures.peak.arrivals > 840


def test_row_11_hidden_tabs_weekends_and_chance(plan: CapacityPlan) -> None:
    rows = {row.name: row for row in plan.peaks}
    assert rows["busiest hour, 99.9% of moments"].phones == pytest.approx(10_715, abs=1.5)
    assert rows["weekend, 1.2 x"].arrivals == pytest.approx(1.2 * plan.figures.peak.arrivals)
    assert rows["launch, 2 x"].requests == pytest.approx(2 * plan.figures.peak.requests)
    assert rows["0.5 hidden tabs a phone"].sockets == pytest.approx(1.5 * plan.figures.peak.sockets)
    assert rows["0.5 hidden tabs a phone"].requests == pytest.approx(plan.figures.peak.requests)  # they poll nothing


# ---- what whoever signs asks ------------------------------------------------------------------------------------


def test_what_breaks_first_and_at_which_number_of_people(plan: CapacityPlan, prices: Prices) -> None:
    """At just that many people the limit is reached, at one in a hundred more it is broken."""
    at = people(plan)
    order = [row.name for row in plan.figures.breaks]
    assert order[:4] == ["presence messages", "changes poller, busy", "TMDb calls", "sockets at once"]
    assert at["presence messages"] == pytest.approx(6_270, rel=0.01)
    assert at["sockets at once"] == pytest.approx(481_000, rel=0.01)
    for name in ("presence messages", "changes poller, busy", "TMDb calls", "sockets at once", "database size"):
        below, above = (
            next(row for row in core(PlanInputs(dau=at[name] * times), prices).limits if row.name == name)
            for times in (0.99, 1.01)
        )
        assert not below.over, name
        assert above.over, name


def test_cost_for_one_person_by_size_and_for_one_more(plan: CapacityPlan, prices: Prices) -> None:
    rows = {row.people: row for row in plan.sizes}
    assert list(rows) == [1_000, 5_000, 50_000, 100_000, 500_000]
    each = [row.each for row in rows.values()]
    assert each == sorted(each, reverse=True)
    whole = core(PlanInputs(dau=50_000), prices).cost.whole
    assert rows[50_000].whole.likely == pytest.approx(whole)
    more = core(PlanInputs(dau=50_500), prices).cost.whole
    assert rows[50_000].marginal == pytest.approx((more - whole) / 500)
    assert "presence" not in rows[5_000].broken
    assert rows[50_000].broken == "presence messages"


def test_levers_in_money_with_the_four_decks_that_nobody_reads(plan: CapacityPlan) -> None:
    decks = next(row for row in plan.levers if row.name == "background_decks")
    # 750,000 loads: 90 cards twice, four requests and four limits; four invocations
    assert decks.rows == pytest.approx(-750_000 * (2 * 90 + 4 + 4))
    assert decks.invocations == pytest.approx(-3_000_000)
    assert decks.disk_gb == pytest.approx(-112, abs=0.5)
    assert 0.38 < -decks.rows / plan.figures.rows_per_day < 0.48
    assert decks.cost < -3_000


def test_twelve_months_of_growth(plan: CapacityPlan) -> None:
    assert [row.month for row in plan.year] == list(range(1, 13))
    assert plan.year[11].people == pytest.approx(500_000 * 1.05**11)
    stored = sum(500_000 * 1.05**month for month in range(12)) / 500_000 * 30 * plan.figures.disk.gb_per_day
    assert plan.year[11].disk_gb == pytest.approx(stored)
    assert plan.year[0].cost.likely == pytest.approx(plan.figures.cost.whole)
    assert plan.year[11].kept_gb < 0.7 * plan.year[11].disk_gb
    assert "database size" in plan.year[1].broken
    assert all(row.cost.low < row.cost.likely < row.cost.high for row in plan.year)


def test_the_reconnect_herd_in_requests(plan: CapacityPlan) -> None:
    herd, inputs = plan.herd, PlanInputs()
    loads = sum(
        share * (28 + 10 + 12 + (0 if persona == "newcomer" else 1))  # and questions before
        for persona, share in inputs.mix.items()
    )
    assert herd.phones == plan.figures.peak.phones
    assert herd.reloaded_requests / herd.phones > loads
    assert herd.seconds == pytest.approx(herd.reloaded_requests / (2 * plan.figures.peak.requests))
    swiping = (inputs.mix["swiper"] + inputs.mix["commuter"] + inputs.mix["newcomer"] / 2) * 4 * 60
    assert herd.resumed_requests > herd.phones * swiping / inputs.seconds_per_card


def test_every_input_that_is_assumed_has_its_ends(plan: CapacityPlan) -> None:
    """Each "our assumption" in `inputs.py` is in the table, but for what only whole tables of shares could move."""
    body = ast.parse(Path(inspect.getfile(PlanInputs)).read_text(encoding="utf-8")).body
    lines = next(node for node in body if isinstance(node, ast.ClassDef)).body
    assumed = {
        line.target.id
        for line, text in itertools.pairwise(lines)
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        if isinstance(text, ast.Expr) and "ur assumption" in ast.unparse(text)
    }
    assert len(assumed) > 15
    rows = {row.name for row in plan.assumed}
    shown_elsewhere = {"weekend_factor", "launch_factor", "growth_per_month"}
    assert len(rows) > 25
    assert assumed - rows - shown_elsewhere == set()
    assert {"peak of the curve", "mix.swiper", "mix.chatter"} <= rows


def test_newcomers_have_no_functions_before_their_second_load() -> None:
    units = amounts("newcomer", PlanInputs())
    assert units[Driver.FRESH_LOAD] == 1
    assert units[Driver.REFRESH] == 0


def _requests() -> Iterator[dict[str, Any]]:
    for name in ("real-client.jsonl", "real-client-more.jsonl"):
        for line in (TRACES / name).read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            if found["event"] == "request":
                found["body"] = found.get("body") if isinstance(found.get("body"), dict) else {}
                yield found
