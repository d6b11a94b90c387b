"""Hands out one worker's share of the plan, and takes its engine's results. For the shell's thread only."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeVar

from harness.arrivals import Ticket, plan
from harness.engine import Engine
from harness.order import Order
from harness.scribe import Report

_Item = TypeVar("_Item")


class Desk:
    """The tickets of one worker, per persona, in planned order. In closed mode it prints tickets on demand."""

    def __init__(self, order: Order, engine: Engine, *, worker: int, workers: int, closed: bool = False) -> None:
        self.engine = engine
        self.worker = worker
        self._workers = workers
        self._people = order.profile.people
        self._closed = closed
        self._printed = 0
        self._reports = 0
        self._queues: dict[str, deque[Ticket]] = {name: deque() for name in order.profile.mix}
        if not closed:
            profile = order.profile
            for ticket in plan(profile.arrivals, profile.mix, profile.people, order.seed).tickets(worker, workers):
                self._queues[ticket.persona].append(ticket)

    def take(self, persona: str) -> Ticket | None:
        """The persona's next ticket; None when there are no more."""
        if self._closed:
            person = (self._printed * self._workers + self.worker) % self._people
            self._printed += 1
            return Ticket(self._printed * self._workers + self.worker, self.engine.now(), persona, person)
        queue = self._queues.get(persona)
        return queue.popleft() if queue else None

    def close(self, grace_s: float) -> None:
        """End all sessions (see `Engine.close`); tickets still here are recorded as never started."""
        left = [ticket for queue in self._queues.values() for ticket in queue]
        for queue in self._queues.values():
            queue.clear()
        self.engine.close(grace_s, left)

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
            tickets_left=sum(map(len, self._queues.values())) + engine.waiting,
            failures=engine.failures,
            final=final,
            problems=list(_drained(engine.problems)),
            stop_reason=engine.stop_reason,
        )


def _drained(queue: deque[_Item]) -> Iterable[_Item]:
    while queue:
        yield queue.popleft()
