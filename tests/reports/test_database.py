"""What the database said of itself, in figures, limits, verdict and pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness.config.load import load_slo_file
from harness.core.errors import ExitCode, UsageError
from harness.core.slo import DatabaseLimits
from harness.observe.tables import INDEXES, PLANS, RELATIONS, SCHEMAS, SECONDS, SERVER, STATEMENTS, TEXTS, WAITS
from harness.plan import load_prices
from harness.record.manifest import Observed
from reports.database.compute import beside
from reports.database.figures import earlier_of, view
from reports.database.model import DatabaseView
from reports.database.stretch import Observation
from reports.frames import Frames, load
from reports.render import html, junit, summary, terminal
from reports.verdict import Verdict, judge_frames
from tests.reports import build

ZERO = 1_796_000_000.0
DECK, FEED = "select * from deck($1)", "select * from feed($1)"


def at(second: float) -> int:
    return round((ZERO + second) * 1e6)


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMAS[name])


def statement(second: float, query_id: int, calls: int, total_ms: float, role: str = "web") -> dict[str, Any]:
    counted = {"rows": calls * 10, "shared_hit": calls * 99, "shared_read": calls, "temp_written": 0, "wal_bytes": 0}
    return {"at_us": at(second), "query_id": query_id, "role": role, "calls": calls, "total_ms": total_ms, **counted}


def relation(second: float, name: str, **counters: int) -> dict[str, Any]:
    none = dict.fromkeys(SCHEMAS[RELATIONS].names[3:], 0)
    return {"at_us": at(second), "schema": "public", "relation": name, **none, **counters}


def second(at_s: float, **figures: float) -> dict[str, Any]:
    usual = dict.fromkeys(SCHEMAS[SECONDS].names[1:], 0)
    usual |= {"connections": 10, "connection_limit": 60, "blocks_hit": int(at_s * 1000)}
    return {"at_us": at(at_s), **usual, **figures}


def observation(**changed: list[dict[str, Any]]) -> Observation:
    """Read at 0 s, at the edges of the measure phase (10 and 70 s), and at 80 s."""
    tables = {
        "statements": [
            *(statement(when, 1, calls, calls * 20.0) for when, calls in ((0, 5), (10, 15), (70, 615), (80, 620))),
            *(statement(when, 2, calls, calls * 5.0) for when, calls in ((0, 0), (10, 0), (70, 600), (80, 600))),
        ],
        "texts": [{"query_id": 1, "detail": DECK}, {"query_id": 2, "detail": FEED}],
        "relations": [
            relation(when, "events", inserted=n * 10, live_rows=20_000 + n * 10, dead_rows=100)
            for when, n in ((0, 0), (10, 10), (70, 70), (80, 80))
        ],
        "seconds": [second(when) for when in range(81)],
    }
    names = {"statements": STATEMENTS, "texts": TEXTS, "relations": RELATIONS, "seconds": SECONDS}
    names |= {"indexes": INDEXES, "waits": WAITS}
    return Observation({names[key]: table(names[key], rows) for key, rows in (tables | changed).items()})


def frames(told: Observed | None, limits: DatabaseLimits | None = None) -> Frames:
    """A run of 200 feeds in the measure phase, with 30 sessions that began in it."""
    manifest = build.manifest((build.latency_slo(),), zero_epoch_s=ZERO, observed=told, database=limits)
    run = build.Run(manifest).fit()
    run.spread([100.0] * 200)
    for number in range(30):
        run.session(20.0 + number, 20.0 + number, 25.0 + number)
    run.session(5.0, 5.0, 9.0)  # in the warm-up
    return load(run.finished())


def shown(
    found: Observation | None = None, limits: DatabaseLimits | None = None, told: Observed | None = None
) -> DatabaseView:
    seen = frames(told or Observed(took_s=0.4), limits)
    made = view(seen, observation() if found is None else found, limits, {"POST rpc/get_home_feed_v2": 100.0})
    assert made is not None
    return made


def judged(found: DatabaseView, limits: DatabaseLimits | None) -> Verdict:
    return judge_frames(frames(None, limits), database=found)


def status(found: DatabaseView, id_: str) -> str:
    return next(row.status for row in found.gates if row.id == id_)


def test_figures_are_of_the_measure_phase() -> None:
    found = shown()
    deck, feed = found.statements
    assert (deck.text, deck.calls, deck.total_ms, deck.mean_ms) == (DECK, 600, 12_000, 20.0)
    assert (feed.text, feed.calls) == (FEED, 600)
    assert deck.share == pytest.approx(0.8)
    assert deck.hit_share == pytest.approx(0.99)
    assert found.busy_cores == pytest.approx(15 / 60)
    assert found.ms_per_session == pytest.approx(500)
    assert found.relations[0].inserted == 600
    assert found.cost_ms_per_s == pytest.approx(5.0)
    assert {row.status for row in found.gates} == {"held", "not asked"}  # nobody has list_changes
    assert found.text.startswith(
        "0.25 cores busy with statements; 80 % of it in select * from deck($1), 20.0 ms a call"
    )


def test_one_statement_of_two_roles_is_one() -> None:
    rows = [statement(when, 1, calls, calls, role) for role in ("a", "b") for when, calls in ((10, 0), (70, 5))]
    (row,) = shown(observation(statements=rows)).statements
    assert (row.calls, row.roles) == (10, ("a", "b"))


def test_statistics_that_were_reset_are_said() -> None:
    found = shown(observation(statements=[statement(10, 1, 500, 500.0), statement(70, 1, 40, 80.0)]))
    assert found.statements[0].calls == 40
    assert found.notes == ("statistics were reset while the run went on: what was counted before is missing",)


@pytest.mark.parametrize(
    ("id_", "changed"),
    [
        ("connection_share", {"seconds": [second(10), second(40, connections=58), second(70)]}),
        ("deadlocks", {"seconds": [second(10), second(70, deadlocks=1)]}),
        ("temp_bytes_per_s", {"seconds": [second(10), second(70, temp_bytes=600_000_000)]}),
        ("miss_share", {"seconds": [second(10), second(70, blocks_read=60_000)]}),
        ("dead_share", {"relations": [relation(when, "e", live_rows=9_000, dead_rows=5_000) for when in (10, 70)]}),
        (
            "sequential_rows",
            {
                "relations": [
                    relation(10, "e", live_rows=50_000),
                    relation(70, "e", live_rows=50_000, sequential_scans=60, sequential_rows=3_000_000),
                ]
            },
        ),
        (
            "lock_wait_s",
            {
                "waits": [
                    {
                        "at_us": at(30),
                        "waited_s": 4.0,
                        "relation": "e",
                        "mode": "ShareLock",
                        "waiting": "update e",
                        "blocking": "lock e",
                        "blocker_state": "active",
                        "blocked_for_s": 5.0,
                    }
                ]
            },
        ),
        (
            "list_changes_share",
            {
                "statements": [statement(10, 1, 0, 0), statement(70, 1, 10, 10.0)],
                "texts": [{"query_id": 1, "detail": "select * from realtime.list_changes($1)"}],
            },
        ),
    ],
)
def test_each_limit_is_told_and_missed_where_it_is_asked_for(id_: str, changed: dict[str, Any]) -> None:
    seen = observation(**changed)
    assert status(shown(seen), id_) == "told"
    told = judged(shown(seen), None)
    assert told.exit_code == ExitCode.PASS
    limit = {"connection_share": 0.8, "deadlocks": 0, "sequential_rows": 10_000, "temp_bytes_per_s": 1e6}.get(id_, 0.1)
    limits = DatabaseLimits.model_validate({id_: limit})
    missed = judged(shown(seen, limits), limits)
    assert missed.exit_code == ExitCode.SLO_MISSED
    assert missed.database is not None
    row = next(row for row in missed.database.gates if row.id == id_)
    assert row.status == "over"
    assert row.remedy
    assert row.sentence in missed.reasons
    assert f"database: {id_}" in junit.render(missed)
    assert summary.md(row.name) in summary.render(missed)
    assert any(line.startswith("  missed: Database") for line in terminal.plain(missed, Path("runs/x")))
    assert "Statements that took the most time" in html.render(missed, load(build.Run(build.manifest())))


def test_a_limit_that_could_not_be_asked_is_a_doubt() -> None:
    limits = DatabaseLimits(connection_share=0.5)
    unseen = shown(Observation({}), limits, Observed(problem="the database did not answer in time"))
    found = judged(unseen, limits)
    assert found.exit_code == ExitCode.INCONCLUSIVE
    assert "Database, connections, could not be judged: nothing was observed." in found.reasons
    assert 'name="database: connection_share"' in junit.render(found)
    assert unseen.text == "not observed: the database did not answer in time"
    nobody = view(frames(None), Observation({}), limits)
    assert nobody is not None
    assert judged(nobody, limits).exit_code == ExitCode.INCONCLUSIVE


def test_without_observation_or_limits_nothing_is_said() -> None:
    assert view(frames(None), Observation({})) is None


def test_what_is_missing_is_said_everywhere() -> None:
    grant = "statements of other roles: grant pg_read_all_stats to web"
    found = judged(shown(told=Observed(missing=(grant,), took_s=1.0)), None)
    assert f"  not seen: {grant}" in terminal.plain(found, Path("runs/x"))
    assert summary.md(grant) in summary.render(found)
    assert grant in html.render(found, load(build.Run(build.manifest())))
    assert json.loads(found.model_dump_json())["database"]["missing"] == [grant]


def test_an_slo_file_names_limits(tmp_path: Path) -> None:
    own = Path("scenarios/slo.toml").read_text(encoding="utf-8")
    path = tmp_path / "slo.toml"
    path.write_text(own + "\n[database]\nconnection_share = 0.5\n", encoding="utf-8")
    assert load_slo_file(path).database == DatabaseLimits(connection_share=0.5)
    path.write_text(own + "\n[database]\nconection_share = 0.5\n", encoding="utf-8")
    with pytest.raises(UsageError, match="conection_share"):
        load_slo_file(path)
    path.write_text(own + "\n[database]\nconnection_share = 80\n", encoding="utf-8")
    with pytest.raises(UsageError, match="connection_share"):
        load_slo_file(path)


def plan_row(steps: list[dict[str, Any]], statement: str = DECK) -> dict[str, Any]:
    plan = {"steps": [{"depth": 0, "planned_rows": 1.0, "schema_name": "public", **step} for step in steps]}
    told = {"source": "statement", "endpoint": "", "role": "web", "query_id": 1, "statement": statement, "problem": ""}
    return {"at_us": at(80), **told, "plan": json.dumps(plan)}


WHOLE = {"node": "Seq Scan", "relation": "events"}
THROUGH = {"node": "Index Scan", "relation": "events", "index": "events_user_idx"}
SMALL = {"node": "Seq Scan", "relation": "settings"}


def with_plans(*rows: dict[str, Any]) -> Observation:
    return Observation({**observation().tables, PLANS: table(PLANS, list(rows))})


@pytest.mark.parametrize(
    ("before", "after", "changed", "weighty"),
    [
        ([THROUGH], [THROUGH], False, False),
        ([THROUGH], [WHOLE], True, True),
        ([THROUGH], [THROUGH, SMALL], True, False),  # a small table's plan changes with a few rows
    ],
)
def test_a_plan_that_is_none_of_the_baselines_has_changed(
    before: list[dict[str, Any]], after: list[dict[str, Any]], changed: bool, weighty: bool
) -> None:
    ready = frames(Observed())
    earlier = earlier_of(ready.manifest, with_plans(plan_row(before)))
    assert earlier is not None
    told = view(ready, with_plans(plan_row(after)), earlier=(earlier,))
    assert told is not None
    (row,) = told.plans
    assert (row.compared, row.changed, row.weighty) == (True, changed, weighty)
    gate = next(one for one in told.gates if one.id == "plan_changes")
    assert gate.status == ("told" if weighty else "held")


def test_a_plan_that_one_baseline_had_is_no_change() -> None:
    ready = frames(Observed())
    earlier = [earlier_of(ready.manifest, with_plans(plan_row([step]))) for step in (THROUGH, WHOLE)]
    told = view(ready, with_plans(plan_row([WHOLE])), earlier=[one for one in earlier if one is not None])
    assert told is not None
    assert not told.plans[0].changed
    assert told.plans[0].remarks == ("no index is used on public.events: all of its 20,700 rows are read",)


def test_a_statement_is_held_against_the_baselines_calls() -> None:
    ready = frames(Observed())
    earlier = earlier_of(ready.manifest, observation())
    assert earlier is not None
    slow = observation(
        statements=[
            *(statement(when, 1, calls, calls * 50.0) for when, calls in ((0, 5), (10, 15), (70, 615), (80, 620))),
            *(statement(when, 2, calls, calls * 5.0) for when, calls in ((0, 0), (10, 0), (70, 600), (80, 600))),
        ]
    )
    limits = DatabaseLimits(statement_ratio=2.0)
    told, same = view(ready, slow, limits, earlier=(earlier,)), view(ready, observation(), limits, earlier=(earlier,))
    assert told is not None
    assert same is not None
    gate = next(one for one in told.gates if one.id == "statement_ratio")
    assert (gate.status, gate.value_text) == ("over", "50.0 ms a call, 20.0 ms in the baseline")
    assert next(one for one in same.gates if one.id == "statement_ratio").status == "held"
    assert told.statements[0].baseline_ms == 20.0


def test_without_a_baseline_what_compares_is_no_doubt() -> None:
    limits = DatabaseLimits(statement_ratio=2.0, plan_changes=0, event_ratio=3.0)
    ready = frames(Observed(), limits)
    verdict = judge_frames(ready, database=view(ready, observation(), limits))
    assert verdict.exit_code == ExitCode.PASS
    assert verdict.database is not None
    assert {row.status for row in verdict.database.gates if row.comparative} == {"not asked"}


def test_more_event_rows_a_session_than_planned_are_beyond_the_limit() -> None:
    """Thirty sessions, 600 rows in the measure phase: twenty each."""
    limits = DatabaseLimits(event_ratio=2.0)
    ready = frames(Observed(), limits)
    grown = [relation(when, "media_events_default", inserted=n) for when, n in ((0, 0), (10, 0), (70, 600), (80, 600))]
    found = {
        planned: next(
            row
            for row in (
                view(ready, observation(relations=grown), limits, planned_events=planned) or DatabaseView()
            ).gates
            if row.id == "event_ratio"
        )
        for planned in (15.0, 5.0)
    }
    assert found[15.0].status == "held"
    assert found[5.0].status == "over"
    assert found[5.0].subject == "public.media_events_default"
    assert found[5.0].value_text == "600 rows a minute: 20.0 a session, 5.0 planned"


def test_the_servers_counters_are_of_the_measure_phase_and_its_readings_the_last() -> None:
    readings = [
        {"at_us": at(when), "name": name, "value": value}
        for when, grown in ((0, 0.0), (10, 5.0), (70, 45.0), (80, 50.0))
        for name, value in (
            ("io reads client backend", grown),
            ("checkpoints_requested", 0.0),
            ("default_partition_rows public.media_events_default", 1_000.0 + grown),
        )
    ]
    found = view(frames(Observed()), Observation({**observation().tables, SERVER: table(SERVER, readings)}))
    assert found is not None
    assert [(row.meaning, row.value) for row in found.server] == [
        ("rows in a default partition, an estimate (public.media_events_default)", 1_045.0),
        ("blocks or calls read from files (client backend)", 40.0),
    ]


def test_the_cores_stand_beside_the_sizes_that_can_be_had() -> None:
    prices = load_prices()
    assert beside(None, prices) == ""
    assert "the smallest with as many as that takes is xl, 4 cores for $210 a month." in beside(3.2, prices)
    assert beside(65.0, prices).endswith("no size has as many as that takes.")
