"""Hands out one worker's share of the plan, and takes its engine's results. For the shell's thread only."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeVar

from harness.arrivals import Ticket, plan
from harness.engine import Engine
from harness.order import Order
from harness.record.clocks import Round, offset
from harness.scribe import Report

KEPT_ROUNDS = 20
"""The shortest questions for the master's time that are remembered."""

_Item = TypeVar("_Item")


class Desk:
    """The tickets of one worker, in planned order. In closed mode it prints tickets on demand."""

    def __init__(self, order: Order, engine: Engine, *, worker: int, workers: int, closed: bool = False) -> None:
        self.engine = engine
        self.worker = worker
        self._workers = workers
        self._people = order.profile.people
        self._closed = closed
        self._printed = 0
        self._reports = 0
        self._queue: deque[Ticket] = deque()
        self._rounds: list[Round] = []
        if not closed:
            profile = order.profile
            planned = plan(profile.arrivals, profile.mix, profile.people, order.seed)
            self._queue.extend(planned.tickets(worker, workers))

    def take(self, persona: str) -> Ticket | None:
        """The next ticket, whoever it is for; None when there are no more. In closed mode one for `persona`, now."""
        if self._closed:
            person = (self._printed * self._workers + self.worker) % self._people
            self._printed += 1
            return Ticket(self._printed * self._workers + self.worker, self.engine.now(), persona, person)
        return self._queue.popleft() if self._queue else None

    def close(self, grace_s: float) -> None:
        """End all sessions (see `Engine.close`); tickets still here are recorded as never started."""
        left = list(self._queue)
        self._queue.clear()
        self.engine.close(grace_s, left)

    def answered(self, asked: float, theirs: float) -> None:
        """The master's run time, asked for at `asked` of ours; both in seconds since zero."""
        self._rounds.append(Round(asked, theirs, self.engine.now()))
        self._rounds = sorted(self._rounds, key=lambda one: one.trip)[:KEPT_ROUNDS]

    def report(self, *, final: bool = False) -> Report:
        """What happened since the last report."""
        engine = self.engine
        self._reports += 1
        return Report(
            worker=self.worker,
            sequence=self._reports,
            batches=list(_drained(engine.batches)),
            attempts=engine.recorder.attempts,
            open_sessions=engine.open_sessions,
            tickets_left=len(self._queue) + engine.waiting,
            failures=engine.failures,
            final=final,
            problems=list(_drained(engine.problems)),
            stop_reason=engine.stop_reason,
            clock=offset(self.worker, self._rounds),
        )


def _drained(queue: deque[_Item]) -> Iterable[_Item]:
    while queue:
        yield queue.popleft()
