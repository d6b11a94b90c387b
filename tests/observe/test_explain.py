"""Plans from a real Postgres: of the sandbox's hot calls, and of a statement whose index goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pyarrow as pa
import pytest

from harness.core.phase_window import Window
from harness.core.tables import Phase
from harness.core.target_guard import HERE
from harness.egress.gate import Gate
from harness.observe.explain import Who, explain
from harness.observe.hot_calls import HOT_CALLS
from harness.observe.observer import Observations, observed
from harness.observe.query_plan import QueryPlan, read
from harness.observe.tables import PLANS, RELATIONS, SCHEMAS
from harness.record.manifest import Observed
from reports.database.figures import earlier_of, view
from reports.database.model import PlanRow
from reports.database.stretch import Observation
from reports.frames import Frames, load
from sandbox.options import SandboxOptions
from sandbox.postgres import Postgres
from sandbox.server import Sandbox
from tests.observe.test_observer import asked
from tests.reports import build

GATE = Gate(HERE)
HOT = "select title from public.likes where person = $1 order by id desc limit 10"


@pytest.fixture(scope="module")
def app() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=12, catalogue=120)) as running:
        yield running


@pytest.fixture
def bare() -> Iterator[Postgres]:
    with Postgres() as server:
        asyncio.run(_prepare(server.dsn()))
        yield server


async def _prepare(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("""
        create schema extensions;
        create extension pg_stat_statements schema extensions;
        create table public.likes (id int primary key, person int, title text);
        insert into public.likes select n, n % 1000, 'title ' || n from generate_series(1, 20000) n;
        create index likes_person_idx on public.likes (person, id desc);
        analyze public.likes;
        create role stranger login;
        grant pg_read_all_stats to stranger;
        grant select on public.likes to stranger;
        grant usage on schema extensions to stranger;
    """)
    await connection.execute(f"alter role stranger password '{urlsplit(dsn).password}'")
    await connection.close()


def fetched(dsn: str, sql: str, *values: object) -> list[asyncpg.Record]:
    async def work() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(dsn)
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()

    return asyncio.run(work())


def rows(found: Observations) -> list[dict[str, Any]]:
    return [dict(zip(SCHEMAS[PLANS].names, row, strict=True)) for row in found.rows[PLANS]]


def everything(dsn: str) -> dict[str, int]:
    """How many rows each table holds, and what has become of its rows since the start."""
    tables = fetched(
        dsn, "select schemaname || '.' || quote_ident(tablename) t from pg_tables where schemaname !~ '^pg_|info'"
    )
    return {row["t"]: fetched(dsn, f"select count(*) n from {row['t']}")[0]["n"] for row in tables}


def test_the_hot_calls_of_the_app_are_explained_as_one_of_its_people(app: Sandbox) -> None:
    dsn = app.discovery["dsn"]
    before = everything(dsn)
    found = Observations()
    emails = [app.options.email_pattern.format(index=index) for index in range(12)]
    explain(found, dsn, GATE, Who(emails))
    assert found.missing == []
    told = rows(found)
    calls = {row["endpoint"]: row for row in told if row["source"] == "call"}
    assert list(calls) == [call.endpoint for call in HOT_CALLS]
    assert {row["problem"] for row in told} == {""}
    plans = {endpoint: QueryPlan.model_validate_json(row["plan"]) for endpoint, row in calls.items()}
    assert all(plan.execution_ms is not None for plan in plans.values())
    assert (plans["POST functions/media-swipe-deck"].steps[0].rows or 0) > 10  # it ran as somebody who has a deck
    assert (plans["GET messages"].steps[0].rows or 0) > 0  # of a conversation that this person may read
    assert any(step.relation == "messages" and step.schema_name == "public" for step in plans["GET messages"].steps)
    within = [row for row in told if row["source"] == "child" and row["endpoint"] == "POST functions/media-swipe-deck"]
    assert any("media_swipe_deck_v3_core" in row["statement"] for row in within)
    assert any("media_embeddings" in row["statement"] for row in within)  # two functions further down
    kept = json.dumps(told)
    people = fetched(dsn, "select id from auth.users where email = any($1)", emails)
    assert not [row["id"] for row in people if str(row["id"]) in kept]
    assert everything(dsn) == before


def test_nobodys_calls_are_explained_where_the_people_are_not_known(app: Sandbox) -> None:
    found = Observations()
    explain(found, app.discovery["dsn"], GATE, Who(["nobody@nowhere.test"]))
    assert found.missing == ["plans of the hot calls: the database knows none of the run's people"]
    assert rows(found) == []


def seen(dsn: str, times: int = 40) -> Observations:
    """A load of one statement, with its plans read afterwards."""

    async def loaded() -> None:
        connection = await asyncpg.connect(dsn)
        for number in range(times):
            await connection.fetch(HOT, number)
        await connection.close()

    with observed(dsn, GATE, [], lambda: None, every_s=0.1) as found:
        asyncio.run(loaded())
    explain(found, dsn, GATE, Who())
    return found


def observation(found: Observations) -> Observation:
    made = {
        name: pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in found.rows[name]], schema)
        for name, schema in SCHEMAS.items()
        if found.rows[name]
    }
    return Observation(made)


def measured(found: Observations) -> Frames:
    """A run of which all that was observed was the measure phase."""
    instants = [row[0] for row in found.rows[RELATIONS]]
    zero, end = min(instants) / 1e6, max(instants) / 1e6
    window = Window(phase=Phase.MEASURE, start_s=0, end_s=end - zero)
    return load(build.Run(build.manifest(zero_epoch_s=zero, windows=(window,), observed=Observed())))


def the_plan(found: Observations) -> QueryPlan:
    (row,) = [row for row in rows(found) if row["source"] == "statement" and "likes where person" in row["statement"]]
    assert row["problem"] == ""
    return QueryPlan.model_validate_json(row["plan"])


def test_a_statement_whose_index_is_gone_has_changed_its_plan(bare: Postgres) -> None:
    dsn = bare.dsn()
    first = seen(dsn)
    assert any(step.index == "likes_person_idx" for step in the_plan(first).steps)
    asked(dsn, "drop index public.likes_person_idx")
    second = seen(dsn)
    assert not any(step.index == "likes_person_idx" for step in the_plan(second).steps)
    before, after = measured(first), measured(second)
    earlier = earlier_of(before.manifest, observation(first))
    assert earlier is not None
    told = view(after, observation(second), earlier=(earlier,))
    same = view(before, observation(first), earlier=(earlier,))
    assert told is not None
    assert same is not None
    (row,) = [one for one in told.plans if "likes where person" in one.statement]
    assert isinstance(row, PlanRow)
    assert row.changed
    assert row.weighty
    assert row.was != row.steps
    gate = next(one for one in told.gates if one.id == "plan_changes")
    assert (gate.status, gate.subject) == ("told", "select from public.likes")
    assert not any(one.changed for one in same.plans)
    assert next(one for one in same.gates if one.id == "plan_changes").status == "held"


def test_what_a_role_may_not_do_is_said_and_ends_nothing(bare: Postgres) -> None:
    found = seen(bare.dsn(user="stranger"))
    assert the_plan(found).steps
    assert any(line.startswith("plans of the hot calls: no person of the run") for line in found.missing)
    assert not [line for line in found.missing if "likes" in line]


def test_a_plan_is_kept_without_anybodys_values() -> None:
    plan = read(
        json.dumps(
            [
                {
                    "Plan": {
                        "Node Type": "Sort",
                        "Plan Rows": 5,
                        "Actual Rows": 7.0,
                        "Actual Loops": 2,
                        "Actual Total Time": 1.5,
                        "Sort Key": ["id"],
                        "Sort Method": "external merge",
                        "Sort Space Used": 900,
                        "Sort Space Type": "Disk",
                        "Plans": [
                            {
                                "Node Type": "Seq Scan",
                                "Schema": "public",
                                "Relation Name": "likes",
                                "Plan Rows": 5,
                                "Actual Rows": 7,
                                "Actual Loops": 2,
                                "Actual Total Time": 1.0,
                                "Rows Removed by Filter": 100,
                                "Filter": "(title = 'a secret title'::text)",
                                "Output": ["'a secret title'"],
                            }
                        ],
                    },
                    "Execution Time": 3.2,
                }
            ]
        )
    )
    assert "secret" not in plan.model_dump_json()
    top, scan = plan.steps
    assert (top.spill, top.ms, plan.execution_ms) == ("external merge, 900 kB on disk", 3.0, 3.2)
    assert (scan.table, scan.removed, scan.depth) == ("public.likes", 200, 1)
    assert plan.shape == ("Sort", "  Seq Scan on public.likes")


@pytest.mark.parametrize("told", ["{}", "[]", "[1]", '{"Plan": 3}', "no json"])
def test_what_is_no_plan_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(told)
