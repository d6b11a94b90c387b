"""Hands out one worker's share of the plan, and takes its engine's results. For the adapter's thread only."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterable
from typing import TypeVar

import pyarrow as pa

from harness.core.clock import WALL
from harness.core.errors import HarnessError
from harness.core.rows import made
from harness.core.run_spec import RunSpec
from harness.load.aggregator import Report
from harness.load.engine import Engine
from harness.record.clocks import ClockOffset, Round, offset
from harness.record.roster import Counters
from harness.record.store import RunStore
from harness.schedule.arrivals import Schedule, Ticket

KEPT_ROUNDS = 20
"""The shortest questions for the master's time that are remembered."""

_Item = TypeVar("_Item")


class TicketQueue:
    """The tickets of one worker, in planned order. Without a schedule (closed mode) it prints tickets on demand."""

    def __init__(self, spec: RunSpec, engine: Engine, schedule: Schedule | None, *, worker: int, workers: int) -> None:
        self.engine = engine
        self.worker = worker
        self._workers = workers
        self._people = spec.profile.people
        self._schedule = schedule
        self._printed = 0
        self._reports = 0
        self._rounds: list[Round] = []
        self._sent = Counters()
        self._problems: list[str] = []
        self._own: RunStore | None = None
        self._left: deque[int] = deque() if schedule is None else deque(schedule.share(worker, workers).tolist())

    def keep_own_files(self, store: RunStore) -> None:
        """Write everything down here too, before it leaves."""
        self._own = store

    @property
    def tickets(self) -> int:
        """How many nobody has taken yet."""
        return len(self._left)

    def take(self, persona: str) -> Ticket | None:
        """The next ticket, whoever it is for; None when there are no more. In closed mode one for `persona`, now."""
        if self._schedule is None:
            person = (self._printed * self._workers + self.worker) % self._people
            self._printed += 1
            return Ticket(self._printed * self._workers + self.worker, self.engine.now(), persona, person)
        if self.engine.scheduler.forfeited:
            self._left.clear()
        return self._schedule.ticket(self._left.popleft()) if self._left else None

    def inherit(self, tickets: Iterable[int]) -> None:
        """Serve these too, in planned order: their worker was lost."""
        more = list(tickets)
        self.engine.runner.inherited.update(more)
        self._left = deque(sorted([*self._left, *more]))

    def close(self, grace_s: float) -> None:
        """End all sessions (see `Engine.close`); tickets still here are recorded as never started."""
        self.engine.close(grace_s, self._untaken())

    def cut(self) -> None:
        """As `close`, at once (see `Engine.cut`)."""
        self.engine.cut(self._untaken())

    def _untaken(self) -> list[Ticket]:
        left: list[Ticket] = []
        if self._schedule is not None and not self.engine.scheduler.forfeited:
            left = [self._schedule.ticket(ticket) for ticket in self._left]
        self._left.clear()
        return left

    def answered(self, asked: float, theirs: float) -> None:
        """The master's run time, asked for at `asked` of ours; both in seconds since zero."""
        self._rounds.append(Round(asked, theirs, self.engine.now()))
        self._rounds = sorted(self._rounds, key=lambda one: one.trip)[:KEPT_ROUNDS]

    def _clock(self) -> ClockOffset | None:
        found = offset(self.worker, self._rounds)
        return found and found.model_copy(update={"apart_us": round(WALL.apart_s * 1e6)})

    def report(self, *, final: bool = False) -> Report:
        """What happened since the last report."""
        engine = self.engine
        attempts = engine.counted  # read first: what comes later is in a later report
        batches = made(_drained(engine.taken))
        self._sent += Counters.total(batches)
        self._write_down(batches, attempts, final=final)
        self._reports += 1
        problems, self._problems = [*self._problems, *_drained(engine.problems)], []
        return Report(
            worker=self.worker,
            sequence=self._reports,
            batches=batches,
            attempts=attempts,
            open_sessions=engine.runner.open_sessions,
            tickets_left=len(self._left) + engine.scheduler.waiting,
            failures=engine.failures,
            final=final,
            problems=problems,
            clock=self._clock(),
            sent=self._sent,
            host=socket.gethostname(),
            pid=os.getpid(),
            folder="" if self._own is None else str(self._own.folder),
            chaos=[] if engine.fault_schedule is None else list(_drained(engine.fault_schedule.lines)),
            chaos_counts=engine.chaos_counts,
            sign_ins=dict(engine.sign_ins.counts),
        )

    def _write_down(self, batches: list[tuple[str, pa.RecordBatch]], attempts: int, *, final: bool) -> None:
        """Into the worker's own files. They are a second copy: when they fail, the run goes on and says so."""
        if self._own is None:
            return
        try:
            for table, batch in batches:
                self._own.append(table, batch)
            if final:
                self._own.update(status="complete", recorded_attempts=attempts)
                self._own.release()
        except HarnessError as error:
            self._problems.append(f"worker {self.worker} keeps no files of its own any more: {error.what}")
            self._own.release()
            self._own = None


def _drained(queue: deque[_Item]) -> Iterable[_Item]:
    while queue:
        yield queue.popleft()
