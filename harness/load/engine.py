"""One event loop per worker process: composes scheduler, session runner, observer and health, and owns their loop.

Asyncio only: neither Locust nor gevent. The adapter runs `serve` in a native thread and talks to it through the few
thread-safe methods; results come back through deques that it drains (DESIGN decisions 1 and 2).

    adapter (gevent)                       engine (uvloop, native thread)
    submit(ticket, body, done)  ------->   scheduler: call at the planned instant -> runner: the session -> done
    attempts, taken, problems <---------   observer: appended as they happen, rows of the record once a second
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import Protocol

from harness.client.auth.sign_ins import SignIns
from harness.client.device import DeviceKit
from harness.client.faults.fault_schedule import FaultSchedule
from harness.client.http.client import Origin
from harness.client.http.wire_budget import WireBudget
from harness.client.interruptible_sleep import InterruptibleSleep
from harness.client.realtime.client import Ticker
from harness.client.realtime.shared import SharedRealtime
from harness.core.app_client import AppClient
from harness.core.ledger import Ledger
from harness.core.people import People, Secrets
from harness.core.rows import Taken
from harness.core.run_spec import RunSpec
from harness.core.wire_limits import WireShare
from harness.egress.gate import LOOPBACK, Gate
from harness.egress.tls import shared_context
from harness.load.gc_control import GcControl
from harness.load.health import Health, resident_bytes
from harness.load.observer import RecordingObserver
from harness.load.realtime_gauges import RealtimeGauges
from harness.load.scheduler import SessionScheduler
from harness.load.session_runner import SessionBody, SessionRunner
from harness.record.recorder import Recorder
from harness.record.run_log import NO_LOG, RunLog
from harness.schedule.arrivals import Ticket

NOTHING = WireShare(0, 0, 0)
LAST_WORDS_S = 0.05
"""From `stop` to the loop's end, for what was cancelled to unwind."""


class RowSource(Protocol):
    """Whatever notes rows for the record."""

    def take(self) -> Sequence[Taken]: ...


class Engine:
    """The traffic of one worker process."""

    def __init__(
        self,
        spec: RunSpec,
        secrets: Secrets,
        *,
        zero: float,
        worker: int,
        leased: bool = False,
        lease_s: float | None = None,
        log: RunLog = NO_LOG,
        gate: Gate = LOOPBACK,
    ) -> None:
        """`zero` is the epoch second at which the plan's zero lies, the same for all workers.

        leased: somebody has to `grant` the target's limits, in shares that run out; otherwise all of them are its own.
        lease_s: devices become clean when `led` was not called for so long; None where nobody has to.
        gate: where connections may go.
        """
        self.zero = monotonic() + (zero - time.time())  # on the loop's clock
        self.observer = RecordingObserver(
            Recorder(spec.windows),
            Ledger(spec.run_tag, worker=worker),
            zero=self.zero,
            worker=worker,
            log=log,
        )
        self.attempts = self.observer.attempts
        self.problems = self.observer.problems
        self.taken: deque[Taken] = deque()
        self.fault_schedule: FaultSchedule | None = None
        self.ready = False
        self.over = False
        self._budget: WireBudget | None = None
        self._leased = leased
        self._spec = spec
        self._secrets = secrets
        self._lease_s = lease_s
        self._gate = gate
        self.sign_ins = SignIns(spec.sign_in_pace, seed=spec.seed)

    # ---- the loop's own thread -------------------------------------------------------------------------------

    def serve(self) -> None:
        """Run the loop until `stop`. Call it in a thread that does nothing else."""
        self.loop = new_loop()
        asyncio.set_event_loop(self.loop)
        with ExitStack() as stack:
            stack.callback(setattr, self, "over", True)
            stack.callback(self.loop.close)
            self._compose(stack)
            self.loop.call_later(1.0, self._each_second)
            self.ready = True
            self.loop.run_forever()

    def _compose(self, stack: ExitStack) -> None:
        """Make the parts that live on the loop's thread; the stack ends them, the last one made first."""
        ticker = Ticker(self.loop)
        profile, sockets = self._spec.profile, None
        if profile.realtime:
            origin = profile.app_origin if profile.client is AppClient.BROWSER else ""
            sockets = SharedRealtime(ticker.wheel, self._secrets.anon_key.reveal(), app_origin=origin)
        self.runner = SessionRunner(self._kit(sockets), self.observer)
        self.scheduler = SessionScheduler(
            self.loop, self.zero, self.runner, rebalance=self._spec.rebalance, log=self.observer.log
        )
        health = Health(
            self.observer.recorder,
            self.loop,
            self.zero,
            worker=self.observer.worker,
            sessions=lambda: self.runner.open_sessions,
            backlog=self.runner.backlog_bytes,
        )
        self._sources: list[RowSource] = [self.observer, health]
        if sockets is not None:
            self._sources.append(RealtimeGauges(sockets, zero=self.zero, worker=self.observer.worker))
        gc_control = GcControl(self.loop, resident_bytes)
        stack.callback(self.scheduler.stop)
        stack.callback(self.flush, last=True)
        stack.callback(ticker.stop)
        health.start()
        stack.callback(health.stop)
        gc_control.start()
        stack.callback(gc_control.stop)

    def _kit(self, sockets: SharedRealtime | None) -> DeviceKit:
        spec, profile = self._spec, self._spec.profile
        if spec.limits is not None:
            share, until = (NOTHING, 0.0) if self._leased else (spec.limits.whole, math.inf)
            self._budget = WireBudget(spec.limits, share, self.loop, self.observer.held, until=until)
        origin = Origin.parse(spec.url)
        timeline = profile.timeline(spec.seed).of_phones()
        if timeline.entries:
            self.fault_schedule = FaultSchedule(
                timeline, self.loop, self.zero, worker=self.observer.worker, lease_s=self._lease_s
            )
            self.fault_schedule.start()
        return DeviceKit(
            loop=self.loop,
            zero=self.zero,
            pulse=InterruptibleSleep(self.loop),
            origin=origin,
            tls=shared_context() if origin.scheme == "https" else None,
            people=People(spec.email_pattern, profile.people, self._secrets, spec.user_ids),
            run_tag=spec.run_tag,
            seed=spec.seed,
            behaviour=profile.behaviour,
            observer=self.observer,
            sockets=sockets,
            worker=self.observer.worker,
            ledger=self.observer.ledger,
            fault_schedule=self.fault_schedule,
            retry_policy=profile.retry_policy,
            budget_ratio=profile.budget_ratio,
            jitter_s=profile.herds.jitter_s,
            gate=self._gate,
            wire_budget=self._budget,
            client=profile.client,
            app_origin=profile.app_origin,
            sign_ins=self.sign_ins,
            settings=profile.settings,
        )

    def _each_second(self) -> None:
        self.loop.call_later(1.0, self._each_second)
        try:
            self.scheduler.check_standstill()
            self.flush()
        except Exception as error:  # told once a second, and the next second is recorded again
            self.observer.problem(error)

    def flush(self, *, last: bool = False) -> None:
        """Move everything recorded so far into `taken`; of open sessions what they sent only now and then, or at
        the `last` flush."""
        for source in self._sources:
            self.taken.extend(source.take())
        self.taken.extend(self.runner.take(last=last))

    # ---- from any thread -------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds since the run's zero."""
        return monotonic() - self.zero

    @property
    def failures(self) -> int:
        """How often our own code failed."""
        return self.observer.failures

    @property
    def counted(self) -> int:
        """Attempts that have ended."""
        return self.observer.counted

    @property
    def chaos_counts(self) -> dict[str, tuple[int, int]]:
        """What chaos hit on this worker's devices: hits and seen by entry."""
        counts = {} if self.fault_schedule is None else self.fault_schedule.counts
        return {entry: (hits, seen) for entry, (hits, seen) in counts.items()}

    def led(self) -> None:
        """Somebody who leads the run was heard of."""
        if self.fault_schedule is not None:
            self.loop.call_soon_threadsafe(self.fault_schedule.renew)

    def grant(self, share: WireShare, until: float) -> None:
        """This is the worker's share of the target's limits, until loop time `until`."""
        if self._budget is not None:
            self.loop.call_soon_threadsafe(self._budget.grant, share, until)

    def submit(self, ticket: Ticket, body: SessionBody, done: Callable[[], None]) -> None:
        """See `SessionScheduler.submit`; for one other thread."""
        self.scheduler.submit(ticket, body, done)

    def close(self, grace_s: float, left: list[Ticket]) -> None:
        """End all faults, then all sessions: see `SessionScheduler.close`."""
        if self.fault_schedule is not None:
            self.loop.call_soon_threadsafe(self.fault_schedule.clear)
        self.loop.call_soon_threadsafe(self.scheduler.close, grace_s, left)

    def cut(self, left: list[Ticket]) -> None:
        """The kill switch: no session begins any more, and all that are open lose their connections now."""
        if self.fault_schedule is not None:
            self.loop.call_soon_threadsafe(self.fault_schedule.clear)
        self.loop.call_soon_threadsafe(self._cut, left)

    def _cut(self, left: list[Ticket]) -> None:
        self.scheduler.close(0.0, left)
        self.runner.cut()
        self.scheduler.cancel_sessions()

    def stop(self) -> None:
        """End `serve` after a last flush. Sessions should be over by now (`close`)."""
        self.loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self.scheduler.cancel_sessions()
        if self._budget is not None:
            self._budget.stop()
        self.runner.discard()
        self.loop.call_later(LAST_WORDS_S, self.loop.stop)


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it exists; elsewhere (Windows) the stock loop, slower and documented so."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
