"""Which endpoint a statement was made for, and what a call costs at the planned peak."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from harness.core.tables import Phase
from harness.observe.tables import RELATIONS, SCHEMAS, STATEMENTS, TEXTS
from harness.record.manifest import Observed
from harness.run.witness import edges
from reports.database.endpoints import KNOWN, T_95, costs, endpoint_of, half_width
from reports.database.stretch import Observation
from reports.frames import Frames, load
from tests.reports import build

ZERO = 1_796_000_000.0
FEED = "POST rpc/get_home_feed_v2"
PERSON, SERVICE = ("authenticated",), ("service_role",)


@pytest.mark.parametrize(
    ("text", "roles", "endpoint"),
    [
        # PostgREST 12 as Supabase runs it
        (
            "WITH pgrst_source AS (SELECT pgrst_call.* FROM (SELECT $1 AS json_data) pgrst_payload, LATERAL "
            '"public"."get_home_feed_v2"("p_user_id" := $2) pgrst_call) SELECT ?',
            PERSON,
            FEED,
        ),
        (
            'WITH pgrst_source AS ( SELECT "public"."messages".* FROM "public"."messages" WHERE "public"."messages".'
            '"conversation_id" = $1 ORDER BY "public"."messages"."created_at" DESC LIMIT $2 OFFSET $3 ) SELECT ?',
            PERSON,
            "GET messages",
        ),
        (
            'WITH pgrst_source AS (INSERT INTO "public"."messages"("body", "id") SELECT "pgrst_body"."body" FROM '
            "(SELECT $1 AS json_data) pgrst_payload RETURNING 1) SELECT ?",
            PERSON,
            "POST messages",
        ),
        (
            'WITH pgrst_source AS (UPDATE "public"."profiles" SET "bio" = "pgrst_body"."bio") SELECT ?',
            PERSON,
            "PATCH profiles",
        ),
        # functions
        ("select * from public.media_swipe_deck_v3($1, $2, $3, $4, $5)", PERSON, "POST functions/media-swipe-deck"),
        (
            'WITH pgrst_source AS (INSERT INTO "public"."rec_impressions"("user_id") SELECT ?) SELECT ?',
            SERVICE,
            "POST functions/media-swipe-deck",
        ),
        ("insert into public.media_events (id) values ($1)", SERVICE, "POST functions/media-swipe-event"),
        # nobody's, or several'
        ("select ok from public.check_rate_limit($1, $2, $3)", SERVICE, None),
        ("BEGIN", PERSON, None),
        ("select count(*) from pg_class", ("postgres",), None),
        ('SELECT "public"."messages".* FROM "public"."messages"', SERVICE, None),  # an edge function read them
        ("", PERSON, None),
    ],
)
def test_the_endpoint_of_a_statement(text: str, roles: tuple[str, ...], endpoint: str | None) -> None:
    assert endpoint_of(text, roles) == endpoint
    assert endpoint is None or endpoint in KNOWN


def at(second: float) -> int:
    return round((ZERO + second) * 1e6)


def observation(ms: list[float], noise_ms: float = 0.0) -> Observation:
    """Read at the edges of the tenths: feeds took that long in each, and as much again went into something unknown."""
    statements: list[dict[str, Any]] = []
    relations: list[dict[str, Any]] = []
    counted = dict.fromkeys(("calls", "rows", "shared_hit", "shared_read", "temp_written", "wal_bytes"), 1)
    for place in range(len(ms) + 1):
        when, so_far = build.START + 6 * place, sum(ms[:place])
        for query_id, total in ((1, so_far), (2, noise_ms * place)):
            row = {"at_us": at(when), "query_id": query_id, "role": "authenticated", "total_ms": total}
            statements.append(row | counted)
        nothing = dict.fromkeys(SCHEMAS[RELATIONS].names[3:], 0)
        relations.append({"at_us": at(when), "schema": "public", "relation": "t", **nothing})
    texts = [
        {"query_id": 1, "detail": 'SELECT FROM LATERAL "public"."get_home_feed_v2"($1)'},
        {"query_id": 2, "detail": "vacuum"},
    ]
    rows = {STATEMENTS: statements, RELATIONS: relations, TEXTS: texts}
    return Observation({name: pa.Table.from_pylist(each, SCHEMAS[name]) for name, each in rows.items()})


def frames(a_second: int = 10) -> Frames:
    run = build.Run(build.manifest(zero_epoch_s=ZERO, observed=Observed())).fit()
    for second in range(build.START, build.END):
        run.add(second, 30.0, number=a_second)
    return load(run.finished())


def test_a_call_costs_what_its_statements_took_and_the_plan_says_how_many_cores() -> None:
    made = frames()
    found, unmatched = costs(made.manifest, observation([60 * 27.0] * 10, 60 * 3.0), made, {FEED: 123.0})
    (feed,) = found
    assert (feed.endpoint, feed.requests) == (FEED, 600)
    assert feed.ms_a_call == pytest.approx(27.0)
    assert feed.cores == pytest.approx(27.0 * 123 / 1000)  # the three cores for decks of the field notes
    assert feed.low_ms == pytest.approx(27.0)
    assert feed.high_ms == pytest.approx(27.0)
    assert feed.share == pytest.approx(0.9)
    assert unmatched == pytest.approx(0.1)
    assert costs(made.manifest, observation([60 * 27.0] * 10), made, {})[0][0].cores is None


def test_what_differs_from_tenth_to_tenth_widens_the_interval() -> None:
    made = frames()
    level, _ = costs(made.manifest, observation([1600.0, 1640.0] * 5), made, {FEED: 1.0})
    wild, _ = costs(made.manifest, observation([600.0, 2640.0] * 5), made, {FEED: 1.0})
    widths = [(one.high_ms or 0) - (one.low_ms or 0) for one in (*level, *wild)]
    assert 0 < widths[0] < widths[1] / 20


def test_the_interval_holds_the_truth_in_95_of_100() -> None:
    """Milliseconds of each tenth are a sum over its calls: 5 ms on average, exponential."""
    source = random.Random(7)
    hits = 0
    for _ in range(1000):
        made = []
        for _ in range(10):
            number = source.randint(20, 60)
            made.append((sum(source.expovariate(1 / 5.0) for _ in range(number)), number))
        each = sum(ms for ms, _ in made) / sum(number for _, number in made)
        half = half_width(made)
        assert half is not None
        hits += abs(each - 5.0) <= half
    assert 920 <= hits <= 975


def test_too_few_parts_have_no_interval() -> None:
    assert half_width([(5.0, 1)] * 3) is None
    assert half_width([(5.0, 1)] * 3 + [(0.0, 0)] * 9) is None
    assert half_width([(5.0, 1)] * 4) == 0
    stats = pytest.importorskip("scipy.stats")
    assert all(stats.t.ppf(0.975, freedom) == pytest.approx(t, abs=0.001) for freedom, t in T_95.items())


def test_edges_are_those_of_phases_faults_and_tenths() -> None:
    found = edges(build.manifest())
    assert {0, build.START, build.END, build.END + build.DRAIN_S} <= set(found)
    assert len(found) == 4 + 9
    short = build.manifest(
        windows=tuple(
            window.model_copy(update={"end_s": window.start_s + 20}) if window.phase is Phase.MEASURE else window
            for window in build.manifest().windows
        )
    )
    assert len(edges(short)) == len({instant for window in short.windows for instant in (window.start_s, window.end_s)})
