"""A killed worker's ledger breaks off: what only it could explain is noted, what the others did is still judged."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from harness.core import ids
from harness.evidence.tables import EVENTS
from harness.record.manifest import Manifest
from harness.record.roster import Counters, WorkerRecord
from reports.integrity.check import Book, torn_ledgers
from tests.integrity.build import TAG, Story
from tests.reports import build


def worker(number: int, **facts: Any) -> WorkerRecord:
    said: dict[str, Any] = {"sent": Counters(others=9), "received": Counters(others=9), "final": True, "missing": 0}
    return WorkerRecord(
        worker=number,
        host="vm",
        pid=number + 1,
        folder="",
        tickets=4,
        first_report_s=0.0,
        last_report_s=9.0,
        reports=9,
        repeated=0,
        longest_silence_s=1.0,
        lost_at_s=None,
        taken_over=0,
        **{**said, **facts},
    )


def manifest(*roster: WorkerRecord, status: str = "complete") -> Manifest:
    return build.manifest().model_copy(update={"roster": roster, "workers": len(roster), "status": status})


@pytest.mark.parametrize(
    "facts",
    [{"final": False}, {"missing": 1}, {"received": Counters(others=8)}],
    ids=["no farewell", "a report missing", "rows apart"],
)
def test_whose_ledger_breaks_off(facts: dict[str, Any]) -> None:
    assert torn_ledgers(manifest(worker(0), worker(1, **facts), worker(2))) == {1}


def test_every_ledger_of_an_incomplete_record_breaks_off() -> None:
    assert torn_ledgers(manifest(worker(0), worker(1), status="incomplete")) == {0, 1}
    assert torn_ledgers(build.manifest().model_copy(update={"roster": (), "workers": 2, "status": "incomplete"})) == {
        0,
        1,
    }
    assert torn_ledgers(manifest(worker(0), worker(1))) == frozenset()


def stored_by(*workers: int) -> pa.Table:
    """One event of each worker that no ledger knows."""
    story = Story()
    for number in workers:
        story.event(1.0, ids.make(TAG, 1, (number << ids.WORKER_SHIFT) + 1), 5)
    return story.stored(EVENTS)


@pytest.mark.parametrize(
    ("workers", "status", "count"),
    [((1, 1), "noted", 2), ((0, 1), "broken", 1), ((0,), "broken", 1), ((), "held", 0)],
    ids=["only the torn one's", "one of each", "only the whole one's", "none"],
)
def test_rows_that_only_a_torn_ledger_could_explain_are_noted(
    workers: tuple[int, ...], status: str, count: int
) -> None:
    table = stored_by(*workers)
    book = Book(Story().ledger_rows, TAG, torn=frozenset({1}))
    check = book.unknown("I06", table, range(table.num_rows), "client_event_id")
    assert (check.status, check.count) == (status, count)


def test_without_a_torn_ledger_all_are_judged() -> None:
    table = stored_by(0, 1)
    check = Book(Story().ledger_rows, TAG).unknown("I06", table, range(2), "client_event_id")
    assert (check.status, check.count) == ("broken", 2)
