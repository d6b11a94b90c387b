"""A run's record as a step, and what of the target gave way in it."""

from __future__ import annotations

import math
import random
import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from harness.capacity.step_profile import Timing
from harness.core.delivery_facts import ChannelTopic, DeliveryFate
from harness.core.outcome import Outcome
from harness.core.platform_limits import key_of
from harness.core.tables import View
from harness.observe.tables import SCHEMAS, SECONDS, WAITS
from harness.record.manifest import Neighbours
from reports.capacity.limiting import NOT_KNOWN, gave_way
from reports.capacity.step import grown, rising, step_of
from reports.database.stretch import Observation
from reports.delivery import Delivery
from reports.frames import Frames, load
from reports.limits import limits
from reports.verdict import judge
from tests.capacity.service import VISIT, Service, visits
from tests.reports import build

ZERO_S = 1_700_000_000.0
NOTHING = Observation({})
CALM = {
    "connections": 12,
    "active": 1,
    "idle_in_transaction": 0,
    "lock_waits": 0,
    "longest_transaction_s": 0.0,
    "connection_limit": 97,
    "commits": 1,
    "rollbacks": 0,
    "blocks_hit": 1,
    "blocks_read": 0,
    "temp_bytes": 0,
    "deadlocks": 0,
    "wal_bytes": 0,
    "took_ms": 2.0,
}


def run_of(ms: list[float], **changes: Any) -> build.Run:
    manifest = build.manifest(slos=(build.latency_slo(limit_ms=400.0),), zero_epoch_s=ZERO_S, **changes)
    run = build.Run(manifest).fit()
    run.spread(ms)
    for second in range(build.START, build.END):
        run.session(second, second, second + 5)
    return run


def observed(**busy: Any) -> Observation:
    """A database that was like that in every second of the measure phase, with a little less in each tenth."""
    rows = []
    for second in range(build.START, build.END):
        row = CALM | (busy if second % 10 else {})
        rows.append({"at_us": round((ZERO_S + second + 0.5) * 1e6), **row})
    return Observation({SECONDS: pa.Table.from_pylist(rows, schema=SCHEMAS[SECONDS])})


def resource(run: build.Run, observation: Observation = NOTHING) -> str:
    frames = load(run)
    return gave_way(frames, limits(frames), observation).resource


def test_a_limit_that_the_target_named_comes_first() -> None:
    run = run_of([900.0] * 400)
    for second in range(build.START, build.END):
        run.add(second, 5.0, operation=key_of("too_many_connections", "realtime"), view=View.LIMIT)
    assert resource(run, observed(lock_waits=4)) == "Realtime's limit on connected clients"


def test_a_limit_that_hardly_bit_explains_nothing() -> None:
    run = run_of([900.0] * 4000)
    run.add(build.START, 5.0, operation=key_of("too_many_joins", "realtime"), view=View.LIMIT, number=3)
    assert resource(run) != "Realtime's limit on channel joins per second"


def test_replies_that_waited_in_vain_for_a_connection_name_the_pool() -> None:
    run = run_of([900.0] * 400)
    run.add(build.START, 5.0, operation=key_of("PGRST003", "home_feed"), view=View.LIMIT, number=30)
    assert resource(run) == "the API's pool of database connections"


@pytest.mark.parametrize(
    ("busy", "named"),
    [
        ({"lock_waits": 5, "active": 9}, "locks in the database"),
        ({"connections": 96, "active": 50}, "the database's connections"),
        ({"active": 30, "took_ms": 400.0}, "the database's CPU or disk"),
        ({}, NOT_KNOWN),
    ],
)
def test_the_database_says_what_it_waits_for(busy: dict[str, Any], named: str) -> None:
    assert resource(run_of([900.0] * 400), observed(**busy)) == named


def test_every_connection_always_at_work_is_the_pool_seen_from_inside() -> None:
    assert resource(run_of([900.0] * 400), observed_always(active=2, idle_in_transaction=0)) == (
        "the API's pool of database connections"
    )


def observed_always(**busy: Any) -> Observation:
    rows = [{"at_us": round((ZERO_S + second + 0.5) * 1e6), **CALM, **busy} for second in range(build.START, build.END)]
    return Observation({SECONDS: pa.Table.from_pylist(rows, schema=SCHEMAS[SECONDS])})


def test_who_waits_for_what_is_named() -> None:
    seconds = observed(lock_waits=3).tables[SECONDS]
    waits = pa.Table.from_pylist(
        [
            {
                "at_us": round((ZERO_S + build.START + 3) * 1e6),
                "waited_s": 2.5,
                "relation": "messages",
                "mode": "ExclusiveLock",
                "waiting": "insert",
                "blocking": "insert",
                "blocker_state": "active",
                "blocked_for_s": 3.0,
            }
        ],
        schema=SCHEMAS[WAITS],
    )
    frames = load(run_of([900.0] * 400))
    found = gave_way(frames, (), Observation({SECONDS: seconds, WAITS: waits}))
    assert "messages" in found.evidence


def test_the_cpu_of_a_machine_that_the_target_shares() -> None:
    run = run_of([900.0] * 400)
    for row in run.seconds:
        row["machine_share"] = 0.97
    assert resource(run, observed(active=9)) == "the CPU of this machine, where the target runs too"
    elsewhere = run_of([900.0] * 400, target_url="https://staging.example.com")
    for row in elsewhere.seconds:
        row["machine_share"] = 0.97
    assert resource(elsewhere) == NOT_KNOWN, "the generator's CPU is not the target's"


# ---- the answer of a step ----------------------------------------------------------------------------------------


def answered(run: build.Run) -> tuple[str, str]:
    step = step_of(judge(run), load(run), NOTHING, 1.0)
    return step.word, step.reason


def test_within_its_limits_a_step_passes_with_its_figures() -> None:
    run = run_of([100.0] * 400)
    step = step_of(judge(run), load(run), NOTHING, 1.0, "A")
    assert (step.word, step.side, step.rate) == ("pass", "A", 1.0)
    assert step.began == pytest.approx(1.0)
    assert step.requests == pytest.approx(400 / build.MEASURE_S)
    assert [one.met for one in step.figures] == [True]
    assert step.resource == ""


def test_a_missed_objective_fails_it_and_names_what_gave_way() -> None:
    run = run_of([100.0] * 300 + [900.0] * 100)
    step = step_of(judge(run), load(run), NOTHING, 1.0)
    assert step.word == "fail"
    assert step.missed[0].name == "home_feed server"
    assert step.resource


def test_what_gets_slower_and_slower_is_not_carried_although_the_limit_holds() -> None:
    run = run_of([20.0 + 0.9 * number for number in range(360)])
    assert re.search(r"waited longer and longer: median 3\d\.\d ms at the begin, 33\d", rising(load(run)))
    assert answered(run)[0] == "fail"
    assert rising(load(run_of([20.0, 300.0] * 200))) == ""
    assert rising(load(run_of([20.0] * 200 + [60.0] * 200))) == "", "40 ms more are no queue"


def replies(*parts: tuple[float, int], operation: str = "call") -> pd.DataFrame:
    """Of a minute, evenly: so many of each latency (ms), part after part."""
    values = [value for value, number in parts for _ in range(number)]
    at = [10 + 60 * number // len(values) for number in range(len(values))]
    told = {"second": at, "operation": operation, "value_us": [1000 * one for one in values], "count": 1}
    return pd.DataFrame(told)


def test_what_is_answered_no_more_in_the_end_is_not_carried() -> None:
    assert "no answer in the end" in grown(replies((20.0, 500), (math.inf, 100)), 10, 70)
    assert grown(replies((math.inf, 30), (20.0, 570)), 10, 70) == "", "it was down, and is back"


def test_of_too_few_replies_nothing_is_told() -> None:
    assert grown(replies((20.0, 70), (500.0, 70)), 10, 70) == ""
    assert grown(replies(), 10, 70) == ""


def test_a_few_more_slow_calls_among_fast_ones_are_no_queue() -> None:
    """The median goes from the fast ones' to the slow ones' when a little more than half of all are slow."""
    chance = random.Random(4)
    mixed = [(400.0 if chance.random() < 0.44 + 0.12 * number / 6000 else 20.0, 1) for number in range(6000)]
    assert grown(replies(*mixed), 10, 70) == ""


def test_sessions_that_come_to_their_slower_calls_are_no_queue() -> None:
    """In each second more decks and fewer feeds, each as fast as ever; until both queue."""
    feeds = pd.concat([replies((100.0, 1)).assign(second=10 + at) for at in range(60) for _ in range(60 - at)])
    deck = replies((400.0, 1), operation="deck")
    decks = pd.concat([deck.assign(second=10 + at) for at in range(60) for _ in range(at)])
    both = pd.concat([feeds, decks])
    assert grown(both, 10, 70) == ""
    queued = both.assign(value_us=both["value_us"] * (1 + (both["second"] - 10) / 30))
    assert "longer and longer" in grown(queued, 10, 70)


@pytest.mark.parametrize(("times", "most", "least"), [(0.95, 3, 0), (1.05, 40, 37), (1.2, 40, 40)])
def test_five_percent_beyond_a_service_rate_are_seen_and_five_below_it_are_not(
    times: float, most: int, least: int
) -> None:
    """Of 40 simulated steps each."""
    service = Service(80.0, VISIT)
    failed = 0
    for seed in range(40):
        profile = visits().model_copy(update={"seed": 100 * seed})
        step = service.step(profile, times * service.carries, Timing(10, 40), random.Random(seed), noise=0.0)
        failed += step.word == "fail"
    assert least <= failed <= most


def test_a_generator_in_doubt_is_no_failure_of_the_target() -> None:
    run = build.Run(build.manifest(slos=(build.latency_slo(limit_ms=400.0),))).fit(lag_ms=80.0)
    run.spread([900.0] * 400)
    word, reason = answered(run)
    assert word == "inconclusive"
    assert "loop lag" in reason


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("abort rule: more than 30 % of all requests failed for 10 s without a break", "fail"),
        ("abort rule: the generator's own loop lag p99 was over 20 ms for 10 s", "inconclusive"),
        ("interrupted by SIGTERM", "inconclusive"),
    ],
)
def test_what_ended_a_step_early_decides_it(reason: str, word: str) -> None:
    assert answered(run_of([100.0] * 400, status="aborted", abort_reason=reason))[0] == word


def test_sessions_that_pile_up_are_a_failure() -> None:
    run = run_of([100.0] * 400)
    for second in range(build.START, build.START + 5):
        run.session(second, second + 9, second + 15, late_cause="phone_busy")
    word, reason = answered(run)
    assert word == "fail"
    assert "piled up" in reason


def test_good_work_is_what_ended_well_within_its_bound() -> None:
    run = run_of([100.0] * 400)
    run.manifest = build.manifest(
        slos=(build.latency_slo(limit_ms=400.0), build.latency_slo(limit_ms=500.0, view=View.E2E)), zero_epoch_s=ZERO_S
    )
    run.spread([100.0] * 60 + [900.0] * 30, view=View.E2E)
    run.spread([100.0] * 30, view=View.E2E, outcome=Outcome.TIMEOUT)
    frames: Frames = load(run)
    step = step_of(judge(run), frames, NOTHING, 1.0)
    assert step.good == pytest.approx(60 / build.MEASURE_S)
    assert step.operations == pytest.approx(120 / build.MEASURE_S)
    assert step.error_share == pytest.approx(0.25)


# ---- one resource throttled ----------------------------------------------------------------------------------------


def refused_by_the_pool(run: build.Run) -> build.Run:
    run.add(build.START, 5.0, operation=key_of("PGRST003", "home_feed"), view=View.LIMIT, number=60)
    return run


def test_a_pool_that_is_used_up_by_waiting_for_a_lock_is_no_pools_fault() -> None:
    """As a lock held by every call shows itself: connections wait for it, and others are refused for want of one."""
    run = refused_by_the_pool(run_of([900.0] * 400))
    assert resource(run, observed_always(active=10, lock_waits=9, connections=14)) == "locks in the database"
    assert resource(run, observed_always(active=10, lock_waits=1)) == "the API's pool of database connections"
    assert resource(run, observed_always(active=10)) == "the API's pool of database connections"


def test_a_machine_that_others_fill_is_named_only_where_nothing_else_shows() -> None:
    run = run_of([900.0] * 400, neighbours=Neighbours(seconds=60, crowded=60, share=0.7))
    for row in run.seconds:
        row["machine_share"] = 0.97
    assert resource(run) == "the CPU of this machine, most of which other programs had"
    assert resource(run, observed_always(active=2)) == "the API's pool of database connections"
    mostly_ours = run_of([900.0] * 400, neighbours=Neighbours(seconds=60, crowded=30, share=0.3))
    for row in mostly_ours.seconds:
        row["machine_share"] = 0.97
    assert resource(mostly_ours, observed_always(active=2)) == "the CPU of this machine, where the target runs too"


def test_a_process_that_fills_its_core_is_the_cpu_although_the_machine_has_more() -> None:
    busy = run_of([900.0] * 400, target_cores=0.98)
    assert resource(busy, observed(active=1)).startswith("the CPU of the target's process")
    assert resource(run_of([900.0] * 400, target_cores=0.6), observed(active=1)) == NOT_KNOWN
    elsewhere = run_of([900.0] * 400, target_cores=0.98, target_url="https://staging.example.com")
    assert resource(elsewhere) == NOT_KNOWN
    assert resource(busy, observed_always(active=10, lock_waits=9)) == "locks in the database", "its cause comes first"


@pytest.mark.parametrize(("lost", "named"), [(30, True), (5, False)])
def test_changes_that_realtime_drops_without_a_word_are_its_limit(lost: int, named: bool) -> None:
    frames = load(run_of([100.0] * 400))
    told = [delivery(DeliveryFate.LOST if number < lost else DeliveryFate.DELIVERED) for number in range(100)]
    told += [delivery(DeliveryFate.DEAF)] * 10 + [delivery(DeliveryFate.LEFT)] * 50
    found = gave_way(replace(frames, deliveries=tuple(told)), (), observed())
    assert (found.resource == "Realtime's limit on messages per second, or its change feed") is named
    if named:
        assert found.evidence == "30 of 110 deliveries never came although the channel was up"


def delivery(fate: DeliveryFate) -> Delivery:
    return Delivery(
        topic=ChannelTopic.CHANGES,
        key="k",
        conversation="c",
        sender=1,
        receiver=2,
        sent_us=0,
        fate=fate,
        delay_us=1000,
        polled_us=None,
        workers=(0, 0),
    )
