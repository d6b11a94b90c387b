"""What was missed opens the manual's steps, and each says what the run saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.core.slo import DatabaseLimits
from harness.observe.query_plan import PlanStep, QueryPlan
from harness.observe.tables import CLIENTS, PLANS, SCHEMAS, WAITS
from harness.record.manifest import Observed
from reports.database.figures import view
from reports.database.stretch import Observation
from reports.frames import Frames, load
from reports.playbook.evidence import Case
from reports.playbook.openers import Kind, Opener
from reports.playbook.steps import steps_for
from reports.playbook.table import PLAYS
from reports.render import html, summary, terminal
from reports.step import Step
from reports.verdict import Verdict, judge_frames
from tests.reports import build
from tests.reports.test_database import ZERO, at, frames, observation, relation, table

DECK = "select media_item_id from public.media_swipe_deck_v3(p_limit => $1)"
WHOLE = QueryPlan(
    execution_ms=31.0,
    steps=(
        PlanStep(
            depth=0, node="Sort", planned_rows=60, rows=60, passes=1, ms=31.0, spill="external merge, 900 kB on disk"
        ),
        PlanStep(
            depth=1,
            node="Seq Scan",
            schema_name="public",
            relation="events",
            planned_rows=10,
            rows=20_000,
            passes=1,
            ms=27.0,
        ),
    ),
)


def plan(source: str, endpoint: str, statement: str, found: QueryPlan | None) -> dict[str, Any]:
    told = "" if found is None else found.model_dump_json()
    row = {"source": source, "endpoint": endpoint, "role": "authenticated", "query_id": 1, "statement": statement}
    return {"at_us": at(80), **row, "plan": told, "problem": "" if found else "it is not there"}


def slow_deck() -> Verdict:
    """The verdict of `slow_run`."""
    ready, observed = slow_run()
    return judge_frames(ready, database=view(ready, observed))


def slow_run() -> tuple[Frames, Observation]:
    """Decks that miss their objective, of a database that reads a large table whole for each."""
    slo = build.latency_slo(name="Swipe deck, server", operation="background_deck", limit_ms=400.0)
    manifest = build.manifest((slo,), zero_epoch_s=ZERO, observed=Observed())
    run = build.Run(manifest).fit()
    run.spread([900.0] * 200, operation="background_deck")
    for number in range(30):
        run.session(20.0 + number, 20.0 + number, 25.0 + number)
    ready = load(run.finished())
    tables = dict(observation(texts=[{"query_id": 1, "detail": DECK}]).tables)
    tables[PLANS] = table(
        PLANS, [plan("call", "POST functions/media-swipe-deck", DECK, WHOLE), plan("statement", "", "select 1", None)]
    )
    return ready, Observation(tables)


def seen(steps: tuple[Step, ...], play: str) -> dict[str, str]:
    found = {step.action: step.seen for step in steps if step.play == play}
    assert found, {step.play for step in steps}
    return found


def test_slow_decks_open_the_manuals_play_with_statement_plan_and_index() -> None:
    verdict = slow_deck()
    assert verdict.exit_code == 10
    steps = steps_for(verdict)
    told = seen(steps, "Swipe deck latency")
    assert list(told) == [row.action for row in PLAYS[0].rows]
    assert told["Look at the deck's statement in pg_stat_statements"].startswith(
        "`call public.media_swipe_deck_v3` took 12.0 of 15.0 s of the database, 20 ms a call in 600 calls"
    )
    assert "no index is used on public.events" in told["EXPLAIN the top call"]
    assert told["Look for an index that is not used"] == "read whole: public.events"
    assert "gave 20,000 rows where 10 were planned" in told["Look for more candidates than the deck needs"]
    assert "900 kB on disk" in told["Look for sorts and hashes of large sets"]
    assert [step.number for step in steps if step.play == "Swipe deck latency"] == list(range(1, 9))
    assert all(step.opened_by.startswith("Swipe deck, server missed") for step in steps)


def test_every_renderer_shows_the_steps() -> None:
    verdict = slow_deck()
    verdict = verdict.model_copy(update={"playbook": steps_for(verdict)})
    lines = "\n".join(terminal.plain(verdict, Path("run")))
    assert "what to do now" in lines
    assert "Swipe deck latency" in lines
    text = summary.render(verdict)
    assert "What to do now" in text
    assert "public.events" in text
    page = html.render(verdict, slow_run()[0])
    steps = page[page.index('<section id="playbook">') :]
    assert steps.index("Look at the deck&#39;s statement") < steps.index("switch the rerank step off")
    assert Verdict.model_validate_json(verdict.model_dump_json()).playbook == verdict.playbook


def test_a_run_that_missed_nothing_opens_nothing() -> None:
    ready = frames(Observed())
    verdict = judge_frames(ready, database=view(ready, observation()))
    assert verdict.exit_code == 0
    assert steps_for(verdict) == ()


def held_up(limits: DatabaseLimits) -> Verdict:
    ready = frames(Observed(), limits)
    wait = {
        "at_us": at(30),
        "waited_s": 4.0,
        "relation": "public.conversations",
        "mode": "ExclusiveLock",
        "waiting": "update public.conversations set updated_at = now()",
        "blocking": "insert into public.messages (id) values ($1)",
        "blocker_state": "idle in transaction",
        "blocked_for_s": 5.0,
    }
    clients = [
        {
            "at_us": at(30),
            "application": "leaky",
            "role": "web",
            "state": "idle in transaction",
            "connections": 50,
            "longest_s": 5.0,
        }
    ]
    tables = dict(
        observation(
            relations=[
                relation(when, "events", live_rows=20_000, dead_rows=20_000, inserted=when) for when in (0, 10, 70, 80)
            ],
            waits=[wait],
        ).tables
    )
    tables[CLIENTS] = table(CLIENTS, clients)
    assert set(tables) <= set(SCHEMAS)
    assert tables[WAITS].num_rows
    return judge_frames(ready, database=view(ready, Observation(tables), limits))


def test_limits_of_the_database_open_their_plays_and_name_table_statement_and_program() -> None:
    verdict = held_up(DatabaseLimits(lock_wait_s=1.0, dead_share=0.2))
    steps = steps_for(verdict)
    locks = seen(steps, "Locks")
    assert locks["Find who holds the lock"] == (
        "`update public.conversations` waited 4 s for `insert into public.messages` on public.conversations "
        "(idle in transaction)"
    )
    assert (
        "50 connections of leaky idle in transaction for up to 5 s"
        in locks["End transactions that stay open without doing anything"]
    )
    assert "public.events: 50 % at most" in seen(steps, "Dead rows")["Take the table that is named"]
    subjects = {row.id: row.subject for row in verdict.database.gates if row.subject} if verdict.database else {}
    assert subjects == {"lock_wait_s": "public.conversations", "dead_share": "public.events"}


def test_a_limit_that_the_file_does_not_ask_for_opens_its_play_too() -> None:
    ready = held_up(DatabaseLimits())
    assert "Locks" in {step.play for step in steps_for(ready)}


@pytest.mark.parametrize(
    ("kind", "names", "plays"),
    [
        ("slow", ("background_deck",), ["Swipe deck latency"]),
        ("slow", ("swipe_events",), ["Database writes"]),
        ("slow", ("home_feed",), ["A slow call"]),
        ("slow", ("message_delivery",), ["Realtime's list_changes"]),
        ("failing", ("swipe_batch",), ["Database writes"]),
        ("failing", ("home_feed", "swipe_batch"), ["Failing calls"]),  # of several, one of which writes events
        ("delivery", (), ["Realtime's list_changes"]),
        ("gate", ("connection_share",), ["Connections"]),
        ("fault", ("outage",), ["No recovery from a fault"]),
    ],
)
def test_what_is_wrong_opens_one_play(kind: Kind, names: tuple[str, ...], plays: list[str]) -> None:
    assert [play.title for play in PLAYS if play.opens(Opener(kind, names, "x"))] == plays


def test_every_limit_of_the_database_opens_a_play() -> None:
    for key in DatabaseLimits.model_fields:
        assert any(play.opens(Opener("gate", (key,), "x")) for play in PLAYS), key


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.title)
def test_every_step_survives_a_run_that_saw_nothing(play: Any) -> None:
    """Whatever opened the play: a step without evidence says so, and none fails."""
    ready = frames(None)
    verdict = judge_frames(ready)
    for row in play.rows:
        told = row.tell(Case(verdict, Opener("slow", ("background_deck",), "It was slow.")))
        assert isinstance(told, str)
        step = Step(play=play.title, opened_by="x", number=1, action=row.action, seen=told, manual=row.manual)
        assert step.text.startswith(row.action)
