"""One event loop per worker process: starts sessions at their instants and runs the phones.

Asyncio only: neither Locust nor gevent. The shell runs `serve` in a native thread and talks to it through the few
thread-safe methods; results come back through deques that the shell drains (DESIGN decisions 1 and 2).

    shell (gevent)                         engine (uvloop, native thread)
    submit(ticket, body, done)  ------->   call_at(planned instant) -> session -> done
    attempts, taken, problems <---------   appended as they happen, rows of the record once a second
"""

from __future__ import annotations

import asyncio
import itertools
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple

from harness.client.device import Device, DeviceKit
from harness.client.faults.fault_schedule import FaultSchedule
from harness.client.http.client import Origin
from harness.client.http.tls import shared_context
from harness.client.interruptible_sleep import InterruptibleSleep, SessionClosed
from harness.client.realtime.client import Ticker
from harness.client.realtime.shared import SharedRealtime
from harness.client.session_log import SessionLogs
from harness.core.delivery_facts import FactKind
from harness.core.ledger import Ledger
from harness.core.outcome import Outcome
from harness.core.people import People, Secrets
from harness.core.rows import Notes, Row, Rows, Taken
from harness.core.run_spec import RunSpec
from harness.core.tables import ARRIVALS, DELIVERY, REALTIME, View
from harness.core.target_guard import RateGuard
from harness.load.gc_control import GcControl
from harness.load.health import Health, resident_bytes
from harness.load.precise_timer import PreciseTimer, PreciseTimers
from harness.record.recorder import Recorder
from harness.record.roster import LOST_S
from harness.schedule.arrivals import Ticket

LATE_S = 0.1
"""A session that starts later than this after its plan counts as late."""

BACKLOG_SAMPLE = 300
"""Phones whose unsent bytes are counted each second."""

KEPT_PROBLEMS = 20
"""Tracebacks kept per worker; the count goes on."""

SessionBody = Callable[[Device], Awaitable[None]]


class Attempt(NamedTuple):
    """A finished attempt on its way into Locust's own statistics."""

    method: str
    name: str
    milliseconds: float
    size: int
    outcome: Outcome
    code: str


class Engine:
    """The traffic of one worker process."""

    def __init__(
        self,
        order: RunSpec,
        secrets: Secrets,
        *,
        zero: float,
        worker: int,
        workers: int = 1,
        lease_s: float | None = None,
    ) -> None:
        """`zero` is the epoch second at which the plan's zero lies, the same for all workers.

        lease_s: phones become clean when `led` was not called for so long; None where nobody has to.
        """
        limit = order.requests_per_second
        self._guard = RateGuard(None if limit is None else limit / workers)
        self.order = order
        self.worker = worker
        self._lease_s = lease_s
        self.fault_schedule: FaultSchedule | None = None
        self._secrets = secrets
        self._zero_epoch = zero
        self.attempts: deque[Attempt] = deque()
        self.taken: deque[Taken] = deque()
        self.problems: deque[str] = deque(maxlen=KEPT_PROBLEMS)
        self.failures = 0  # of our own code
        self.open_sessions = 0
        self.counted = 0  # attempts, where they end
        self.inherited: set[int] = set()  # tickets of a lost worker; added to before they are submitted
        self.forfeited = False  # the master has given this worker's tickets to others
        self._submitted = 0  # written by the shell's thread only
        self._taken = 0  # written by the loop's thread only
        self.stop_reason = ""
        self.ready = False
        self.over = False
        self.recorder = Recorder(order.windows)
        self.ledger = Ledger(order.run_tag, worker=worker)
        self._arrivals = Notes(ARRIVALS)
        self._facts = Notes(DELIVERY)
        self._logs = SessionLogs(worker)
        self._phones: dict[int, Device] = {}
        self._in_session: dict[Device, None] = {}  # in order of their start
        self._sessions: set[asyncio.Task[None]] = set()
        self._pending: dict[int, tuple[PreciseTimer, Ticket, Callable[[], None]]] = {}

    # ---- the loop's own thread -------------------------------------------------------------------------------

    def serve(self) -> None:
        """Run the loop until `stop`. Call it in a thread that does nothing else."""
        self.loop = new_loop()
        asyncio.set_event_loop(self.loop)
        self.zero = monotonic() + (self._zero_epoch - time.time())
        self.pulse = InterruptibleSleep(self.loop)
        self._alarms = PreciseTimers(self.loop)
        origin = Origin.parse(self.order.url)
        self._ticker = Ticker(self.loop)
        self._sockets = (
            SharedRealtime(self._ticker.wheel, self._secrets.anon_key) if self.order.profile.realtime else None
        )
        self._kit = DeviceKit(
            loop=self.loop,
            zero=self.zero,
            pulse=self.pulse,
            origin=origin,
            tls=shared_context() if origin.scheme == "https" else None,
            people=People(self.order.email_pattern, self.order.profile.people, self._secrets, self.order.user_ids),
            run_tag=self.order.run_tag,
            seed=self.order.seed,
            behaviour=self.order.profile.behaviour,
            observer=self,
            sockets=self._sockets,
            worker=self.worker,
            ledger=self.ledger,
            fault_schedule=self._fault_schedule_of(),
            retry_policy=self.order.profile.retry_policy,
            budget_ratio=self.order.profile.budget_ratio,
        )
        self._health = Health(
            self.recorder,
            self.loop,
            self.zero,
            worker=self.worker,
            sessions=lambda: self.open_sessions,
            backlog=self._backlog_bytes,
        )
        self._health.start()
        self._collector = GcControl(self.loop, resident_bytes)
        self._collector.start()
        self._flushed = monotonic()
        self.loop.call_later(1.0, self._flush_each_second)
        self.ready = True
        try:
            self.loop.run_forever()
        finally:
            self._collector.stop()
            self._health.stop()
            self._ticker.stop()
            self.flush(last=True)
            self._alarms.close()
            self.loop.close()
            self.over = True

    def _fault_schedule_of(self) -> FaultSchedule | None:
        timeline = self.order.profile.timeline(self.order.seed).of_phones()
        if timeline.entries:
            self.fault_schedule = FaultSchedule(
                timeline, self.loop, self.zero, worker=self.worker, lease_s=self._lease_s
            )
            self.fault_schedule.start()
        return self.fault_schedule

    def led(self) -> None:
        """Somebody who leads the run was heard of; from any thread."""
        if self.fault_schedule is not None:
            self.loop.call_soon_threadsafe(self.fault_schedule.renew)

    @property
    def chaos_counts(self) -> dict[str, tuple[int, int]]:
        """What chaos hit on this worker's phones: hits and seen by entry."""
        counts = {} if self.fault_schedule is None else self.fault_schedule.counts
        return {entry: (hits, seen) for entry, (hits, seen) in counts.items()}

    def now(self) -> float:
        """Seconds since the run's zero."""
        return monotonic() - self.zero

    def _flush_each_second(self) -> None:
        self._keep_lease()
        self.flush()
        self.loop.call_later(1.0, self._flush_each_second)

    def _keep_lease(self) -> None:
        """After a standstill this long the master has given our tickets away; each must be served once."""
        now = monotonic()
        if self.order.rebalance and now - self._flushed > LOST_S:
            self._forfeit()
        self._flushed = now

    def forfeit(self) -> None:
        """Begin no more sessions, and record nothing about those not begun: others serve them now."""
        self.loop.call_soon_threadsafe(self._forfeit)

    def _forfeit(self) -> None:
        self.forfeited = True
        for timer, _, done in list(self._pending.values()):
            timer.cancel()
            self._taken += 1
            done()
        self._pending.clear()

    def flush(self, *, last: bool = False) -> None:
        """Move everything recorded so far into `taken`; of open sessions what they sent only now and then, or at
        the `last` flush."""
        self.taken.extend(self.recorder.take())
        self.taken.extend(self._health.take())
        self.taken.extend(self.ledger.take())
        self.taken.extend(self._arrivals.take())
        self.taken.extend(self._facts.take())
        if gauges := self._gauges():
            self.taken.append(Rows(REALTIME, gauges))
        self.taken.extend(self._logs.take(everything=last))

    def _gauges(self) -> list[Row]:
        """What Realtime has open now, and what came since the last time."""
        if self._sockets is None:
            return []
        second, worker = max(0, int(self.now())), self.worker
        changes = {f"changes {table}": number for table, number in self._sockets.changes.items()}
        self._sockets.changes.clear()
        rows: list[Row] = [(second, worker, what, value) for what, value in (self._sockets.gauges() | changes).items()]
        for count in self._sockets.tally.take():
            at = max(0, int(count.second - self.zero))
            rows.append((at, worker, f"frames {count.kind.value}", count.frames))
            rows.append((at, worker, "bytes", count.size))
        return rows

    def _start(self, ticket: Ticket, body: SessionBody, done: Callable[[], None], *, slot_was_free: bool) -> None:
        self._pending.pop(ticket.ticket, None)
        self._taken += 1
        task = self.loop.create_task(self._session(ticket, body, slot_was_free=slot_was_free))
        self._sessions.add(task)

        def over(finished: asyncio.Task[None]) -> None:
            self._sessions.discard(finished)
            done()

        task.add_done_callback(over)

    async def _session(self, ticket: Ticket, body: SessionBody, *, slot_was_free: bool) -> None:
        try:
            phone = self._phone(ticket.person)
        except Exception as error:  # no phone, no session; the next ticket of this person tries again
            self.problem(error)
            self._arrive(ticket, self.now(), self.now(), "", "failed")
            return
        phone_was_free = slot_was_free and not phone.in_use.locked()
        try:
            await phone.in_use.acquire()
        except asyncio.CancelledError:
            self.never_started(ticket)
            return
        started, end = self.now(), "finished"
        cause = self._cause(ticket, started, phone_was_free=phone_was_free)
        self._arrive(ticket, started, None, cause, "")  # stands if this process dies first
        if phone_was_free:
            self.recorder.sample(View.LATENESS, "generator", Outcome.OK, ticket.at_s, max(0.0, started - ticket.at_s))
        self.open_sessions += 1
        self._in_session[phone] = None
        try:
            phone.begin(ticket.ticket, ticket.at_s, ticket.persona)
            self._logs.begin(phone.log)
            if self.pulse.closing:
                raise SessionClosed
            await body(phone)
        except (SessionClosed, asyncio.CancelledError):
            end = "finished" if phone.fault_injector is not None and phone.fault_injector.killed else "closed"
        except Exception as error:  # a persona's bug must cost one session, and be seen
            end = "failed"
            self.problem(error)
        finally:
            await phone.end()
            self._logs.end(phone.log)
            phone.in_use.release()
            self.open_sessions -= 1
            del self._in_session[phone]
            self._arrive(ticket, started, self.now(), cause, end)

    def _backlog_bytes(self) -> int:
        """Over all phones, from a sample of those with a session; a full count would hold up the loop it judges."""
        if len(self._in_session) <= BACKLOG_SAMPLE:
            return sum(phone.backlog_bytes for phone in self._in_session)
        some = itertools.islice(self._in_session, BACKLOG_SAMPLE)  # the longest in session: what is stuck is there
        return round(sum(phone.backlog_bytes for phone in some) * len(self._in_session) / BACKLOG_SAMPLE)

    def _cause(self, ticket: Ticket, started: float, *, phone_was_free: bool) -> str:
        """Why a session starts late; empty when it does not."""
        if started - ticket.at_s <= LATE_S:
            return ""
        if ticket.ticket in self.inherited:
            return "worker_lost"
        return "generator" if phone_was_free else "phone_busy"

    def _phone(self, person: int) -> Device:
        phone = self._phones.get(person)
        if phone is None:
            phone = self._phones[person] = Device(self._kit, person)
        return phone

    def _arrive(self, ticket: Ticket, started: float | None, ended: float | None, cause: str, end: str) -> None:
        self._arrivals.add(
            (
                ticket.ticket,
                self.worker,
                ticket.persona,
                ticket.person,
                round(ticket.at_s * 1e6),
                None if started is None else round(started * 1e6),
                None if ended is None else round(ended * 1e6),
                cause,
                end,
            )
        )

    # ---- what phones report (Observer) -----------------------------------------------------------------------

    def attempt(
        self, method: str, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str
    ) -> None:
        """One attempt is over: sent at `at` (loop time), answered or given up after `seconds`."""
        self.counted += 1
        self.recorder.sample(View.SERVER, name, outcome, at - self.zero, seconds)
        if (reason := self._guard.add(monotonic())) is not None:
            self.stop_reason = reason
        self.attempts.append(Attempt(method, name, seconds * 1000.0, size, outcome, code))

    def operation(self, name: str, outcome: Outcome, intended: float, seconds: float) -> None:
        """One operation is over: intended at `intended` (loop time), done or given up after `seconds`."""
        self.recorder.sample(View.E2E, name, outcome, intended - self.zero, seconds)

    def saw(
        self, at: float, kind: FactKind, person: int, conversation: str, key: str, detail: str, mark_us: int | None
    ) -> None:
        """A phone saw something of Realtime at `at` (loop time)."""
        at_us = round((at - self.zero) * 1e6)
        self._facts.add((at_us, self.worker, str(kind), person, conversation, key, detail, mark_us))

    def problem(self, error: BaseException) -> None:
        """Our own code failed, in a session or beside it."""
        self.failures += 1
        self.problems.append("".join(traceback.format_exception(error)))

    # ---- for other threads -----------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Sessions submitted whose instant has not come yet."""
        return self._submitted - self._taken

    def submit(self, ticket: Ticket, body: SessionBody, done: Callable[[], None]) -> None:
        """Have the session start at its planned instant, or now when that has passed.

        `done` is called on the engine's thread when the session is over or will never start.
        """
        self._submitted += 1
        self.loop.call_soon_threadsafe(self._submit, ticket, body, done)

    def _submit(self, ticket: Ticket, body: SessionBody, done: Callable[[], None]) -> None:
        if self.forfeited:
            self._taken += 1
            done()
            return
        if self.pulse.closing:
            self._waived(ticket, done)
            return
        wait = ticket.at_s - self.now()
        if wait <= 0.0:
            self._start(ticket, body, done, slot_was_free=False)
            return

        def start() -> None:
            self._keep_lease()
            if not self.forfeited:
                self._start(ticket, body, done, slot_was_free=True)

        self._pending[ticket.ticket] = (self._alarms.at(self.zero + ticket.at_s, start), ticket, done)

    def never_started(self, ticket: Ticket) -> None:
        """The run ended before this session's turn, or no phone was free for it until then. Loop thread only."""
        cause = "phone_busy" if ticket.at_s < self.now() - LATE_S else "run_ended"
        self._arrive(ticket, None, None, cause, "never_started")

    def _waived(self, ticket: Ticket, done: Callable[[], None]) -> None:
        self._taken += 1
        self.never_started(ticket)
        done()

    def close(self, grace_s: float, left: list[Ticket]) -> None:
        """End all sessions: thinking people put the phone away now, requests in flight get `grace_s` seconds.

        `left` are tickets that nobody took; they are recorded as never started.
        """
        self.loop.call_soon_threadsafe(self._close, grace_s, left)

    def _close(self, grace_s: float, left: list[Ticket]) -> None:
        if self.pulse.closing:
            return
        if self.fault_schedule is not None:
            self.fault_schedule.clear()
        self.pulse.close()
        for ticket in left:
            self.never_started(ticket)
        for timer, ticket, done in list(self._pending.values()):
            timer.cancel()
            self._waived(ticket, done)
        self._pending.clear()
        self.loop.call_later(grace_s, self._cancel_sessions)

    def _cancel_sessions(self) -> None:
        for task in self._sessions:
            task.cancel()

    def stop(self) -> None:
        """End `serve` after a last flush. Sessions should be over by now (`close`)."""
        self.loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self._cancel_sessions()
        for phone in self._phones.values():
            phone.discard()
        self.loop.call_later(0.05, self.loop.stop)


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it exists; elsewhere (Windows) the stock loop, slower and documented so."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
