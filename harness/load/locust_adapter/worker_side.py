"""The side of the adapter that lives where users live: their sessions go to the engine, their attempts to Locust."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable

import gevent
from gevent import monkey
from gevent.event import Event
from gevent.hub import get_hub
from locust.env import Environment
from locust.runners import WorkerRunner

from harness.client.faults.fault_schedule import LEASE_S
from harness.core.errors import ExitCode, HarnessError
from harness.core.outcome import Outcome
from harness.core.rows import made
from harness.core.run_spec import RunSpec
from harness.core.secret_filter import WORDS
from harness.core.tables import MANIFEST
from harness.core.visible import visible, visible_lines
from harness.core.wire_limits import LEASE_S as GRANTED_S
from harness.core.wire_limits import WireShare
from harness.egress.gate import LOOPBACK, Gate
from harness.load.aggregator import Report
from harness.load.discovery import secrets_for
from harness.load.engine import Engine
from harness.load.locust_adapter.closed_look import ClosedLook
from harness.load.locust_adapter.messages import GRANT, LEAVE_S, REPORT_EVERY_S
from harness.load.locust_adapter.phone_user import phone_classes
from harness.load.locust_channel import WorkerSocket
from harness.load.master_gate import CLOCK
from harness.load.os_priority import be_prompt, go_first
from harness.load.session_runner import SessionBody
from harness.load.ticket_queue import TicketQueue
from harness.record.roster import LOST_S
from harness.record.run_log import RunLog
from harness.record.share import open_share, share_folder
from harness.schedule.arrivals import Schedule, Ticket

log = logging.getLogger(__name__)

LAST_WORDS_S = 2.0
"""Beyond the grace period, for closing sessions to flush their queues."""
SWITCH_S = 0.0005
LOCUST_EVERY_S = 0.1
IDLE_S = 1.0
"""Between two looks for tickets, while there is a reason to look."""
LONGEST_CODE = 100
"""Characters of a target's error code in Locust's statistics."""
CLOCK_EVERY_S = 2.0
"""How often a worker asks the master for its time: sender and receiver of a message may be on two machines."""


class WorkerSide:
    """Lives where users live (worker or single process), from test start to test stop."""

    def __init__(
        self,
        environment: Environment,
        spec: RunSpec,
        schedule: Schedule | None,
        *,
        zero: float,
        worker: int,
        workers: int,
        deliver: Callable[[Report], None],
        gate: Gate = LOOPBACK,
        look: ClosedLook | None = None,
    ) -> None:
        """Without a schedule users run closed. deliver: takes this worker's reports to the master. gate: where
        connections may go. look: who looks at closed users."""
        self._deliver = deliver
        self.closed = closed = schedule is None
        self.environment = environment
        self.bodies = {kind.persona: kind(environment).session for kind in phone_classes(environment)}
        self._spec = spec
        self._leaving = False
        self._heard: float | None = None  # the master's last word, an epoch second
        self._reported: dict[int, float] = {}  # loop time of each report that has not been answered yet
        self._over: deque[Event] = deque()
        self._tickets = Event()  # set for those who are idle: tickets were inherited, or the end is near
        self._wake = get_hub().loop.async_()
        self._wake.start(self._release)
        lease_s = LEASE_S if isinstance(environment.runner, WorkerRunner) and not closed else None
        distributed = isinstance(environment.runner, WorkerRunner)
        secrets = secrets_for(spec.url)
        self.log = RunLog(spec.run_id, "worker" if distributed else "single", worker=worker)
        leased = distributed and not closed
        engine = Engine(
            spec, secrets, zero=zero, worker=worker, leased=leased, lease_s=lease_s, log=self.log, gate=gate
        )
        # Beside Locust's greenlets the engine would wait up to 5 ms, the default, for its turn at the interpreter.
        sys.setswitchinterval(SWITCH_S)
        be_prompt()  # and with it the engine's thread, which starts below
        go_first()
        # Threads and their locks are patched into greenlets here; the engine needs a real one.
        monkey.get_original("_thread", "start_new_thread")(engine.serve, ())
        while not engine.ready:
            gevent.sleep(0.005)
        self.ticket_queue = TicketQueue(spec, engine, schedule, worker=worker, workers=workers)
        if isinstance(environment.runner, WorkerRunner) and not closed:
            self._keep_own_files(zero, worker, workers)
            environment.runner.register_message(
                CLOCK, lambda environment, msg, **_: self.ticket_queue.answered(**msg.data)
            )
            self._clock = gevent.spawn(self._ask_time)
            environment.runner.register_message(GRANT, lambda environment, msg, **_: self.granted(**msg.data))
        if not closed:
            self._open_log(worker)
            self.log.info(
                "worker ready",
                workers=workers,
                tickets=self.ticket_queue.tickets,
                target=spec.url,
                plan_digest=spec.plan_digest,
                starts_in_s=round(zero - time.time(), 3),
            )
        if isinstance(client := getattr(environment.runner, "client", None), WorkerSocket):
            client.gone = self._deserted
        self._feeder = gevent.spawn(self._feed_locust)
        self.reporter = None if closed else gevent.spawn(self._report)
        self._looker = gevent.spawn(self._look, look) if closed else None

    def _keep_own_files(self, zero: float, worker: int, workers: int) -> None:
        ticket_queue = self.ticket_queue
        try:
            store = open_share(
                self._spec,
                worker,
                zero=zero,
                tickets=ticket_queue.tickets,
                workers=workers,
                plan_digest=self._spec.plan_digest,
            )
        except HarnessError as error:
            ticket_queue.engine.problems.append(f"worker {worker} keeps no files of its own: {error}")
            self.log.error("own files not written", error=str(error))
        else:
            ticket_queue.keep_own_files(store)
            log.info("worker %s writes its own files to %s", worker, store.folder)

    def _open_log(self, worker: int) -> None:
        """The run's own where its directory is on this machine, else one beside this worker's files."""
        own = share_folder(self._spec, worker)
        run = own.parents[1]
        self.log.open(run if (run / MANIFEST).is_file() else own)

    def start_failed(self, error: Exception, wait_s: float) -> None:
        """A user could not start, and tries again after so many seconds."""
        self.ticket_queue.engine.observer.problem(error)
        self.log.warning("user start retried", wait_s=wait_s, error=f"{type(error).__name__}: {error}")

    def run(self, ticket: Ticket, body: SessionBody) -> None:
        """Block the calling greenlet until the session is over."""
        over = Event()

        def done() -> None:  # on the engine's thread
            self._over.append(over)
            self._wake.send()

        self.ticket_queue.engine.submit(ticket, body, done)
        over.wait()

    def idle(self) -> None:
        """Block the calling greenlet while there are no tickets: thousands of users that look once a second whether
        there are some cost a third of what their sessions do."""
        if self._tickets.is_set():  # this user has looked, and nothing was left for it
            gevent.sleep(IDLE_S)
        else:
            self._tickets.wait()

    def inherit(self, tickets: list[int]) -> None:
        """Serve these too: their worker was lost."""
        self.ticket_queue.inherit(tickets)
        self._tickets.set()
        gevent.spawn_later(IDLE_S, self._tickets.clear)

    def _release(self) -> None:
        while self._over:
            self._over.popleft().set()

    def _feed_locust(self) -> None:
        """Every attempt reaches Locust's request event, a tenth of a second late at most, off the hot path."""
        fire = self.environment.events.request.fire
        attempts = self.ticket_queue.engine.attempts
        while True:
            while attempts:
                attempt = attempts.popleft()
                # What a closing app or run cut off is no failure of the target's; our own record keeps it as gave_up.
                fine = not attempt.outcome.failed or attempt.outcome is Outcome.GAVE_UP
                failure = None if fine else AttemptFailed(attempt.outcome.value, attempt.code)
                fire(
                    request_type=attempt.method,
                    name=attempt.name,
                    response_time=attempt.milliseconds,
                    response_length=attempt.size,
                    exception=failure,
                    context={},
                )
            gevent.sleep(LOCUST_EVERY_S)

    def _look(self, look: ClosedLook | None) -> None:
        """What closed users did is shown, or nobody's; it is kept nowhere."""
        engine = self.ticket_queue.engine
        while True:
            gevent.sleep(REPORT_EVERY_S)
            rows = [engine.taken.popleft() for _ in range(len(engine.taken))]
            if look is not None:
                look.take(made(rows), engine.runner.open_sessions)

    def _report(self) -> None:
        while True:
            gevent.sleep(REPORT_EVERY_S)
            if self._master_spoke():
                self.ticket_queue.engine.led()
            at = time.monotonic()
            report = self.ticket_queue.report()
            if self._spec.limits is not None:
                self._reported = {number: then for number, then in self._reported.items() if at - then < GRANTED_S}
                self._reported[report.sequence] = at
            self._deliver(report)
            if self._spec.rebalance and self._cut_off():
                self.ticket_queue.engine.scheduler.forfeit(f"nothing was heard of the master for {LOST_S:g} s")

    def _deserted(self, why: str) -> None:
        """The master is gone: nobody would hear of what this worker still does, so it ends its sessions and leaves."""
        if self.ticket_queue.engine.over or self._leaving:
            return
        log.error("%s; this worker ends its sessions and leaves", why)
        self.log.error("master gone", reason=why)
        self.environment.process_exit_code = int(ExitCode.TARGET)
        gevent.spawn(self.environment.runner.quit)

    def granted(self, sequence: int, **share: int) -> None:
        """The master's answer to that report. It holds from when the report was made: a late answer holds shorter."""
        if (at := self._reported.pop(sequence, None)) is not None:
            self.ticket_queue.engine.grant(WireShare(**share), at + GRANTED_S)

    def _master_spoke(self) -> bool:
        """Whether it did since the last time this was asked."""
        before, self._heard = self._heard, getattr(self.environment.runner, "last_heartbeat_timestamp", None)
        return self._heard != before

    def _cut_off(self) -> bool:
        """Whether the master may have given this worker up: each side's silence is the other's."""
        heard = getattr(self.environment.runner, "last_heartbeat_timestamp", None)
        return heard is not None and time.time() - heard > LOST_S

    def _ask_time(self) -> None:
        while not self.ticket_queue.engine.over:
            self.environment.runner.send_message(CLOCK, self.ticket_queue.engine.now())
            gevent.sleep(CLOCK_EVERY_S)

    def close(self) -> None:
        """Locust is about to stop its users: have their sessions end first."""
        self._leaving = True
        self._tickets.set()
        self.ticket_queue.close(self._spec.grace_s)

    def cut(self) -> None:
        """The kill switch: all sessions lose their connections now."""
        self._leaving = True
        self.log.warning("load cut", open=self.ticket_queue.engine.runner.open_sessions)
        self.ticket_queue.cut()

    def finish(self) -> None:
        """All users have stopped: stop the engine, hand over the rest."""
        engine = self.ticket_queue.engine
        deadline = time.monotonic() + self._spec.grace_s + LAST_WORDS_S
        while engine.runner.open_sessions and time.monotonic() < deadline:  # Locust may have killed users under them
            gevent.sleep(0.02)
        engine.stop()
        while not engine.over:
            gevent.sleep(0.01)
        gevent.sleep(LOCUST_EVERY_S)
        self._feeder.kill()
        if self._looker is not None:
            self._looker.kill()
        if self.reporter is not None:
            self.reporter.kill()
            self._deliver(self.ticket_queue.report(final=True))
            if isinstance(self.environment.runner, WorkerRunner):
                # Locust would have this worker wait for another test; the master has forgotten it by then.
                gevent.spawn_later(LEAVE_S, self.environment.runner.greenlet.kill, block=False)
        self.log.info("worker ends", attempts=engine.counted, internal_failures=engine.failures)
        self.log.close()
        for problem in engine.problems:
            log.error("a session failed:\n%s", visible_lines(problem))


class AttemptFailed(Exception):
    """How Locust's statistics see an attempt that was not good: few distinct texts, so few error rows."""

    def __init__(self, outcome: str, code: str) -> None:
        super().__init__(f"{outcome} {visible(WORDS.word(code))[:LONGEST_CODE]}".rstrip())
