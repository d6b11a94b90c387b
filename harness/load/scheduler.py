"""Starts sessions at their planned instants, and ends them when the run does. For the engine's own thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from harness.load.precise_timer import PreciseTimer, PreciseTimers
from harness.load.session_runner import SessionBody, SessionRunner
from harness.record.roster import LOST_S
from harness.record.run_log import RunLog
from harness.schedule.arrivals import Ticket


class SessionScheduler:
    """The sessions that one worker has been given: pending, under way, waived.

    :param zero: loop time of the run's zero. :param rebalance: whether the master gives a lost worker's tickets away.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, zero: float, runner: SessionRunner, *, rebalance: bool, log: RunLog
    ) -> None:
        self.forfeited = False  # the master has given this worker's tickets to others
        self._loop = loop
        self._zero = zero
        self._runner = runner
        self._pulse = runner.kit.pulse
        self._rebalance = rebalance
        self._log = log
        self._timers = PreciseTimers(loop)
        self._pending: dict[int, tuple[PreciseTimer, Ticket, Callable[[], None]]] = {}
        self._sessions: set[asyncio.Task[None]] = set()
        self._submitted = 0  # written by the submitter's thread only
        self._begun = 0  # or waived; written by the loop's thread only
        self._awake = monotonic()

    @property
    def waiting(self) -> int:
        """Sessions submitted whose instant has not come yet. From any thread."""
        return self._submitted - self._begun

    def submit(self, ticket: Ticket, body: SessionBody, done: Callable[[], None]) -> None:
        """Have the session start at its planned instant, or now when that has passed. From one other thread.

        `done` is called on the loop's thread when the session is over or will never start.
        """
        self._submitted += 1
        self._loop.call_soon_threadsafe(self._submit, ticket, body, done)

    def _submit(self, ticket: Ticket, body: SessionBody, done: Callable[[], None]) -> None:
        if self.forfeited:
            self._begun += 1
            done()
            return
        if self._pulse.closing:
            self._waive(ticket, done)
            return
        if ticket.at_s <= monotonic() - self._zero:
            self._start(ticket, body, done, slot_was_free=False)
            return

        def start() -> None:
            self.check_standstill()
            if not self.forfeited:
                self._start(ticket, body, done, slot_was_free=True)

        self._pending[ticket.ticket] = (self._timers.at(self._zero + ticket.at_s, start), ticket, done)

    def _start(self, ticket: Ticket, body: SessionBody, done: Callable[[], None], *, slot_was_free: bool) -> None:
        self._pending.pop(ticket.ticket, None)
        self._begun += 1
        task = self._loop.create_task(self._runner.run(ticket, body, slot_was_free=slot_was_free))
        self._sessions.add(task)

        def over(finished: asyncio.Task[None]) -> None:
            self._sessions.discard(finished)
            done()

        task.add_done_callback(over)

    def _waive(self, ticket: Ticket, done: Callable[[], None]) -> None:
        self._begun += 1
        self._runner.never_started(ticket)
        done()

    def check_standstill(self) -> None:
        """After a standstill of LOST_S the master has given our tickets away; each must be served once."""
        now = monotonic()
        if self._rebalance and now - self._awake > LOST_S:
            self._forfeit(f"this process stood still for {now - self._awake:.1f} s")
        self._awake = now

    def forfeit(self, why: str) -> None:
        """Begin no more sessions, and record nothing about those not begun: others serve them now. From any thread."""
        self._loop.call_soon_threadsafe(self._forfeit, why)

    def _forfeit(self, why: str) -> None:
        if not self.forfeited:
            self._log.warning("tickets forfeited", pending=len(self._pending), reason=why)
        self.forfeited = True
        for timer, _, done in list(self._pending.values()):
            timer.cancel()
            self._begun += 1
            done()
        self._pending.clear()

    def close(self, grace_s: float, left: list[Ticket]) -> None:
        """End all sessions: people put the device away now, requests in flight get `grace_s` seconds.

        `left` are tickets that nobody took; like those that are pending they are recorded as never started.
        """
        if self._pulse.closing:
            return
        self._log.info(
            "sessions closing", open=self._runner.open_sessions, pending=len(self._pending), untaken=len(left)
        )
        self._pulse.close()
        for ticket in left:
            self._runner.never_started(ticket)
        for timer, ticket, done in list(self._pending.values()):
            timer.cancel()
            self._waive(ticket, done)
        self._pending.clear()
        self._loop.call_later(grace_s, self.cancel_sessions)

    def cancel_sessions(self) -> None:
        """Whoever has not ended by now ends at the next await."""
        for task in self._sessions:
            task.cancel()

    def stop(self) -> None:
        """No session starts any more; the timer's descriptor is given back."""
        self._timers.close()
