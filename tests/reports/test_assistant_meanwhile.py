"""What a dead provider costs the other objectives, in one row: those missed meanwhile and not outside, for sure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from harness.core.assistant_slo import Isolation
from harness.core.fault_record import ASKS_PROVIDER
from harness.core.outcome import Outcome
from harness.observe.tables import RELATIONS, SCHEMAS, STATEMENTS, TEXTS
from harness.record.manifest import Neighbours
from reports.assistant import meanwhile
from reports.assistant.facts import AssistantFacts
from reports.assistant.model import AssistantRow
from reports.database.stretch import Observation
from reports.frames import Frames, load
from tests.reports import build

RULE = Isolation(kind="isolation", name="Nobody else pays")
FROM_S, TO_S, END_S = 30, 50, build.END
SLOS = (build.latency_slo(), build.share_slo(0.01, name="Errors"))


def frames(second: Callable[[int], tuple[float, bool]], slos: Any = SLOS, **changes: Any) -> Frames:
    """Ten feeds a second; by the second, how long they take (ms) and whether one of them fails."""
    run = build.Run(build.manifest(slos, **changes))
    for at in range(10, END_S):
        ms, fails = second(at)
        run.add(at, ms, number=9)
        run.add(at, ms, outcome=Outcome.SERVER_ERROR if fails else Outcome.OK)
    return load(run.finished())


def row(found: Frames, statement: meanwhile.Dearest | None = None, *spans: tuple[float, float]) -> AssistantRow:
    facts = AssistantFacts(broken=spans or ((FROM_S, TO_S),))
    span = meanwhile.longest(facts)
    assert span is not None
    return meanwhile.row(RULE, span, found, facts, statement)


def dead(at: int) -> bool:
    return FROM_S <= at < TO_S


def test_what_holds_meanwhile_is_said_in_one_sentence() -> None:
    told = row(frames(lambda _: (100.0, False)))
    assert (told.status, told.bad) == ("held", 0)
    assert told.sentence.startswith("Nobody else pays, objectives: from 30 to 50 s 2 of 2 objectives held, ")


def test_what_is_missed_meanwhile_is_named_with_both_figures_and_the_statement() -> None:
    statement = meanwhile.Dearest("select * from decks where id = $1", 12.5, 40.0)
    told = row(frames(lambda at: (900.0, True) if dead(at) else (100.0, False)), statement)
    assert (told.status, told.bad) == ("missed", 2)
    assert "0 of 2 objectives held" in told.value_text
    assert "Errors: 10 % (20)" in told.note
    assert "outside 0 % (0)" in told.note
    assert "dearest statement meanwhile: select * from decks where id = $1: 12.50 ms a call, 40.0 calls/s" in told.note


def test_what_is_missed_anyway_is_not_the_providers_doing() -> None:
    told = row(frames(lambda _: (900.0, False)))
    assert (told.status, told.bad) == ("held", 0)
    assert "as it is without" in told.note


def test_one_failure_of_many_accuses_nobody() -> None:
    told = row(frames(lambda at: (100.0, at in (35, 45)), (build.share_slo(0.001, name="Errors"),)))
    assert told.status == "not asked"
    assert "no objective has samples enough" in told.note


def test_a_sandbox_that_others_left_no_cpu_is_not_accused() -> None:
    busy = Neighbours(seconds=60, crowded=50, share=0.8)
    told = row(frames(lambda at: (900.0, True) if dead(at) else (100.0, False), neighbours=busy))
    assert told.status == "not asked"
    assert "other programs on this machine" in told.note


def test_the_assistants_own_objectives_are_not_among_them() -> None:
    told = row(frames(lambda _: (100.0, False), (*SLOS, build.latency_slo(ASKS_PROVIDER))))
    assert "of 2 objectives" in told.value_text


def test_the_longest_fault_is_looked_at_and_all_are_kept_out_of_what_is_usual() -> None:
    found = frames(lambda at: (900.0, False) if at >= 60 or dead(at) else (100.0, False), (build.latency_slo(),))
    assert row(found, None, (FROM_S, TO_S), (60, END_S)).status == "missed"
    assert row(found, None, (FROM_S, TO_S)).status == "held"  # 25 % of what is outside is slow, too


def test_the_dearest_statement_is_that_of_the_time_and_none_of_ours() -> None:
    zero = 1_000_000.0
    found = frames(lambda _: (100.0, False), zero_epoch_s=zero)

    def reading(at_s: float, calls: int, ms: float, query: int) -> dict[str, Any]:
        known = {"at_us": round((zero + at_s) * 1e6), "query_id": query, "role": "app", "calls": calls, "total_ms": ms}
        return {name: known.get(name, 0) for name in SCHEMAS[STATEMENTS].names}

    rows = [reading(30, 10, 50.0, 1), reading(50, 30, 150.0, 1), reading(50, 900, 20.0, 2)]
    rows += [reading(50, 900, 9_000.0, 3)]
    relations = [
        dict.fromkeys(SCHEMAS[RELATIONS].names, 0) | {"at_us": round((zero + at) * 1e6), "schema": "p", "relation": "r"}
        for at in (30, 50)
    ]
    texts = [
        {"query_id": 1, "detail": "select decks"},
        {"query_id": 2, "detail": "select cheap"},
        {"query_id": 3, "detail": "select from pg_stat_statements"},
    ]
    tables = {
        STATEMENTS: pa.Table.from_pylist(rows, SCHEMAS[STATEMENTS]),
        RELATIONS: pa.Table.from_pylist(relations, SCHEMAS[RELATIONS]),
        TEXTS: pa.Table.from_pylist(texts, SCHEMAS[TEXTS]),
    }
    dearest = meanwhile.dearest(found, Observation(tables), (FROM_S, TO_S))
    assert dearest is not None
    assert dearest.text == "select decks"
    assert [dearest.mean_ms, dearest.per_s] == pytest.approx([5.0, 1.0])
    assert meanwhile.dearest(found, Observation({}), (FROM_S, TO_S)) is None
