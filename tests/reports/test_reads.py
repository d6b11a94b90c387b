"""What phones found wrong, in the report: foreign data first, exit code 11, also where nobody read what is stored."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness.core.ledger import Ledger, WriteKind
from harness.core.read_log import ReadLog, ReadSeverity, ReadViolation
from harness.core.rows import made
from harness.core.tables import SCHEMAS
from reports.integrity.model import UNCHECKED, Integrity
from reports.integrity.reads import joined, reads
from reports.render import terminal
from reports.verdict import judge
from tests.reports import build

ME, OTHER = (f"00000000-0000-4000-8000-{n:012x}" for n in (1, 2))


def rows_of(log: ReadLog, ledger: Ledger | None = None) -> Callable[[str, Any], list[pa.RecordBatch]]:
    taken = made([*log.take(), *(ledger.take() if ledger else ())])
    return lambda table, columns: [batch.select(list(columns)) for name, batch in taken if name == table]


def violated(log: ReadLog, rule: str, severity: ReadSeverity, detail: str = "d", subject: str = "") -> None:
    log.violated(2_500_000, 4, 7, "own_profile", rule, ReadViolation(severity, subject, detail))


def test_nothing_asked_is_no_check() -> None:
    assert reads(rows_of(ReadLog())) == ()
    assert joined(UNCHECKED, ()) == UNCHECKED


def test_what_held_says_how_often_it_was_asked() -> None:
    log = ReadLog()
    for call in ("own_profile", "messages_poll"):
        log.checked(call, "owner", 6_000)
    checks = reads(rows_of(log))
    assert [(check.id, check.status, check.looked_at) for check in checks] == [("I41 owner", "held", 12_000)]
    stored = Integrity(status="held", text="all 12 checks over 3 writes held")
    assert (
        joined(stored, checks).text
        == "all 12 checks over 3 writes held; replies held in all 12,000 things asked of them"
    )
    assert joined(UNCHECKED, checks).status == "not checked"


def test_foreign_data_comes_first_and_says_who_saw_whose_what() -> None:
    log, ledger = ReadLog(), Ledger(1)
    ledger.intend(WriteKind.PERSON, 21, 0.0, subject=OTHER)
    log.checked("own_profile", "asked-ids", 5)
    log.checked("own_profile", "owner", 12)
    violated(log, "asked-ids", ReadSeverity.WRONG)
    violated(log, "owner", ReadSeverity.FOREIGN, f"asked for rows of {ME}, got one of {OTHER}", OTHER)
    checks = reads(rows_of(log, ledger))
    found = joined(Integrity(status="held", text="all held"), checks)
    assert found.status == "broken"
    assert found.checks[0].id == "I41 owner"
    first, others = found.foreign
    assert first == (
        "Nobody is shown what belongs to somebody else: not so in 1 of 12 cases, first person 7, call own_profile, "
        f"about {OTHER} (person 21), found asked for rows of {ME}, got one of {OTHER} (person 21).",
    )
    assert len(others) == 1
    assert found.text.startswith("somebody was shown what belongs to somebody else: 2 rules of reading broken")


def test_of_millions_of_violations_no_more_are_in_memory_than_are_shown() -> None:
    log = ReadLog()
    log.checked("own_profile", "owner", 3_000_000)
    for second in range(3_000):
        for _ in range(20):
            log.violated(
                second * 1_000_000, 4, 7, "own_profile", "owner", ReadViolation(ReadSeverity.WRONG, "", f"of {second}")
            )
    log.violated(9_000_000_000, 4, 7, "own_profile", "owner", ReadViolation(ReadSeverity.FOREIGN, "", "the gravest"))
    rows = rows_of(log)
    tracemalloc.start()
    (check,) = reads(rows)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (check.count, check.offenders[0].ids["found"]) == (60_001, "the gravest")
    others = [one.ids["found"] for one in check.offenders[1:]]
    assert others == [f"of {number // 20}" for number in range(len(others))]
    assert most < 16_000_000


@pytest.mark.parametrize(("severity", "foreign"), [(ReadSeverity.FOREIGN, True), (ReadSeverity.LOST, False)])
def test_a_feed_that_contradicts_itself_is_foreign_or_lost(severity: ReadSeverity, foreign: bool) -> None:
    log = ReadLog()
    log.checked("home_feed", "feed-stays", 3)
    violated(log, "feed-stays", severity)
    (check,) = reads(rows_of(log))
    assert check.status == "broken"
    assert check.id.startswith("I41") == foreign
    assert bool(joined(UNCHECKED, (check,)).foreign[0]) == foreign


def test_wrong_replies_break_a_run_whose_stored_rows_nobody_read() -> None:
    log = ReadLog()
    violated(log, "own-message", ReadSeverity.LOST)
    found = joined(UNCHECKED, reads(rows_of(log)))
    assert (found.status, len(found.broken)) == ("broken", 1)
    assert UNCHECKED.text in found.text


def test_what_is_only_worth_knowing_breaks_nothing() -> None:
    log = ReadLog()
    violated(log, "statistics", ReadSeverity.NOTED)
    found = joined(Integrity(status="held", text="held"), reads(rows_of(log)))
    assert (found.status, found.checks[0].status) == ("held", "noted")


def test_the_tables_of_the_record_are_made_of_what_phones_say() -> None:
    log = ReadLog(2)
    violated(log, "owner", ReadSeverity.FOREIGN)
    for table, batch in made(log.take()):
        assert batch.schema == SCHEMAS[table]


def test_the_verdict_is_11_and_its_first_line_the_foreign_data() -> None:
    log = ReadLog()
    violated(log, "own-message", ReadSeverity.LOST)
    violated(log, "owner", ReadSeverity.FOREIGN, f"asked for rows of {ME}, got one of {OTHER}")
    run = build.Run(build.manifest([build.latency_slo(limit_ms=1.0)]))
    run.spread([10.0] * 100)
    verdict = judge(run, integrity=joined(UNCHECKED, reads(rows_of(log))))
    assert (verdict.exit_code, set(verdict.exit_codes) >= {10, 11}) == (11, True)
    assert verdict.sentence.startswith("Nobody is shown what belongs to somebody else: not so in 1 of 1 cases")
    lines = [line.strip() for line in terminal.plain(verdict, Path())]
    assert lines[1].startswith("Nobody is shown what belongs to somebody else")
