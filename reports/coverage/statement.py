"""From a judged run to its coverage statement. (pure)"""

from __future__ import annotations

from collections.abc import Sequence

from reports.coverage.ask import not_asked
from reports.coverage.judged_run import JudgedRun
from reports.coverage.manual import PROMISES
from reports.coverage.model import Coverage, PromiseRow, counted
from reports.coverage.promise import Promise


def cover(run: JudgedRun, promises: Sequence[Promise] = PROMISES) -> Coverage:
    """Every sentence of the manual: held, broken or not asked by this run."""
    return counted(tuple(_row(promise, run) for promise in promises))


def _row(promise: Promise, run: JudgedRun) -> PromiseRow:
    remedy, way = promise.remedy, None
    if promise.ask is None:
        state, seen = not_asked("no run can ask it" if remedy.way == "beyond" else "nothing asks it yet")
    else:
        state, seen = promise.ask.of(run)
    if state == "not asked":
        way = remedy.way
    return PromiseRow(
        chapter=promise.chapter,
        name=promise.name,
        sentence=promise.sentence,
        status=state,
        seen=seen,
        way=way,
        would_ask=remedy.words if way else "",
    )
