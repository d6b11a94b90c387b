"""The only module that knows Locust and gevent: PhoneUser, the runners' events, the run spec's way to the workers.

Personas are Locust User classes; Locust spawns them, counts them, distributes them and shows them. Each one's single
task takes the next ticket from the queue, hands the whole session to the engine's loop in its native thread, and waits.
Two modes:

planned: a run spec was given with `--harness-order`; the seeded timetable decides when sessions start, and of whom.
         Every user is a free slot for any persona's ticket, because Locust deals its users out to workers by the mix
         over all workers: one worker of two may get all the swipers.
closed:  plain `locust -f scenarios/locustfile.py`; each user opens one session after the other, as Locust users expect.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import random
import signal
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import gevent
import locust.runners
import pandas  # noqa: F401  # pyarrow imports it at its first conversion: once here, before Locust forks its workers
from gevent import monkey
from gevent.event import Event
from gevent.hub import get_hub
from gevent.queue import Empty, Queue
from locust import User, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner
from locust.user.task import LOCUST_STATE_STOPPING

from harness.client.device import Device
from harness.client.faults.fault_schedule import LEASE_S
from harness.core.behaviour import PERSONAS, persona_of
from harness.core.errors import ExitCode, HarnessError, UsageError
from harness.core.outcome import Outcome
from harness.core.run_spec import RunSpec
from harness.core.secret_filter import WORDS
from harness.core.tables import MANIFEST
from harness.core.visible import visible, visible_lines
from harness.core.wire_limits import LEASE_S as GRANTED_S
from harness.core.wire_limits import WireShare
from harness.egress.gate import LOOPBACK, Gate
from harness.egress.orders import accepted, received
from harness.load.aggregator import Aggregator, Report
from harness.load.channel_keys import unpacked
from harness.load.child_process import raise_descriptor_limit
from harness.load.discovery import CLOSED_PERSONAS, closed_spec, secrets_for, secrets_from_environment
from harness.load.engine import Engine
from harness.load.locust_channel import MasterSocket, WorkerSocket, install
from harness.load.master_gate import CLOCK, EPOCH, REFUSAL, REPORT, MasterGate
from harness.load.os_priority import be_prompt, go_first
from harness.load.session_runner import SessionBody
from harness.load.sizing import check_workers, processes_for
from harness.load.ticket_queue import TicketQueue
from harness.record.clocks import Round, apart, offset
from harness.record.recorder import SampleTally
from harness.record.roster import LOST_S
from harness.record.run_log import RunLog
from harness.record.share import open_share, share_folder
from harness.record.store import RunStore, open_run
from harness.schedule.agreed import planned
from harness.schedule.arrivals import Schedule, Ticket

log = logging.getLogger(__name__)

locust.runners.HEARTBEAT_LIVENESS = 7
"""Locust gives a worker up, and with the last one the run, after this many silent seconds instead of 4. Ours is the
roster, whose patience is LOST_S; a worker that starts on a busy machine may need more than Locust's."""

SHIPPED = "scenarios"
"""The package of the shipped personas."""
LEAD_S = 1.5
"""From start to the plan's zero, for users to be spawned; longer with workers, whose spawn messages travel."""
LEAD_WITH_WORKERS_S = 3.0
LAST_WORDS_S = 2.0
"""Beyond the grace period, for closing sessions to flush their queues."""
LEAVE_S = 1.0
"""From a worker's last report to its end, for Locust's own farewell to get out."""
STOP_TIMEOUT_S = 15.0
SWITCH_S = 0.0005
REPORT_EVERY_S = 1.0
LOCUST_EVERY_S = 0.1
START_AGAIN_S, START_AGAIN_MAX_S = 1.0, 30.0
CLOSED_WAIT_S = (1.0, 5.0)
LONGEST_CODE = 100
"""Characters of a target's error code in Locust's statistics."""
EPOCH_ROUNDS, EPOCH_PATIENCE_S = 5, 2.0
CLOCK_EVERY_S = 2.0
"""How often a worker asks the master for its time: sender and receiver of a message may be on two machines."""
INHERIT = "harness_inherit"
WAITING_S = 3.0
"""After so long without all workers, a master says whom it waits for; and every `TELL_AGAIN_S` again."""
TELL_AGAIN_S = 15.0
GRANT = "harness_grant"
"""The master's answer to a worker's report: its share of the target's limits."""


install()  # of a token, before Locust makes its sockets

# Loads what recording needs before Locust connects: on a busy machine it takes seconds, after which a worker counts as
# missing and the test as over.
SampleTally()


@dataclass(slots=True)
class _Sides:
    """What this process is: a worker, the master, or (single process) both."""

    worker: WorkerSide | None = None
    master: MasterSide | None = None
    stopped: bool = False  # the test is over


_here = _Sides()


class PhoneUser(User):
    """A slot in which one phone at a time is in use. Personas derive from it and define `session`.

    A class that derives from a shipped persona is that persona to profile and record, whatever its own name, unless it
    sets `persona` itself: it draws from the same quantities.
    """

    abstract = True
    persona: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "persona" not in vars(cls) and cls.persona not in PERSONAS:
            cls.persona = persona_of(cls.__name__)

    def run(self) -> None:
        """Locust's own, but a start that fails is tried again: Locust would drop the user and its share of the load."""
        wait = START_AGAIN_S
        while True:
            try:
                super().run()
            except Exception as error:
                if _here.worker is not None:
                    _here.worker.start_failed(error, wait)
                gevent.sleep(wait)
                wait = min(2.0 * wait, START_AGAIN_MAX_S)
                if self._state == LOCUST_STATE_STOPPING:
                    return
            else:
                return

    async def session(self, phone: Device) -> None:
        """What this kind of person does from opening the app to closing it. Runs on the engine's loop."""
        raise TypeError(f"{type(self).__name__} does not define session()")

    def wait_time(self) -> float:
        """Between two sessions: none when the plan decides, a few seconds in closed mode."""
        return random.uniform(*CLOSED_WAIT_S) if _here.worker is not None and _here.worker.closed else 0.0

    @task
    def next_session(self) -> None:
        worker = _here.worker
        ticket = worker.ticket_queue.take(self.persona) if worker is not None else None
        if worker is None or ticket is None:
            gevent.sleep(0.1 if worker is None else 1.0)
        else:
            worker.run(ticket, self.session if worker.closed else worker.bodies[ticket.persona])


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
        gate: Gate = LOOPBACK,
        run_digest: str = "",
    ) -> None:
        """Without a schedule users run closed. gate: where connections may go. run_digest: of the order, as this worker
        got it."""
        self.run_digest = run_digest
        self.closed = closed = schedule is None
        self.environment = environment
        self.bodies = {kind.persona: kind(environment).session for kind in _phones(environment)}
        self._spec = spec
        self._leaving = False
        self._heard: float | None = None  # the master's last word, an epoch second
        self._reported: dict[int, float] = {}  # loop time of each report that has not been answered yet
        self._over: deque[Event] = deque()
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
            self._send(report)
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

    def _send(self, report: Report) -> None:
        runner = self.environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message(REPORT, (self.run_digest, report.pack()))
        elif _here.master is not None:
            _here.master.receive(report)

    def close(self) -> None:
        """Locust is about to stop its users: have their sessions end first."""
        self._leaving = True
        self.ticket_queue.close(self._spec.grace_s)

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
        if self.reporter is not None:
            self.reporter.kill()
            self._send(self.ticket_queue.report(final=True))
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


class MasterSide:
    """Lives where the run is decided (master or single process): the record, the clock, the end."""

    def __init__(self, environment: Environment, spec: RunSpec, run_digest: str = "") -> None:
        """:raises ScheduleMismatch: this process draws other sessions than were planned."""
        self.environment = environment
        self.spec = spec
        self.schedule = planned(spec)
        runner = environment.runner
        self._distributed = isinstance(runner, MasterRunner)
        secrets_from_environment()
        self.log = RunLog(spec.run_id, "master" if self._distributed else "single")
        self.log.open(Path(spec.folder))
        self.aggregator = Aggregator(spec, _record_of(spec), self.schedule, 1, log=self.log)
        self._reason = ""
        self._clients: list[str] = []  # Locust's name of each worker, by number
        server = getattr(runner, "server", None)
        self._gate = server.gate if isinstance(server, MasterSocket) else MasterGate(unpacked)
        self._gate.run = run_digest
        self._refusals = ""  # as last told
        if self._distributed:
            runner.register_message(REPORT, lambda environment, msg, **_: self.unpacked(msg.data[1]))
            runner.register_message(CLOCK, self._tell_time)
            runner.register_message(EPOCH, self._tell_epoch)
            runner.register_message(REFUSAL, lambda environment, msg, **_: self.refused(**msg.data))
            gevent.spawn(self._await_workers)

    def _await_workers(self) -> None:
        """Say whom the run waits for, and end it when they do not come."""
        runner, options = self.environment.runner, self.environment.parsed_options
        begun = time.monotonic()
        tell_s = WAITING_S
        while not self._gate.begun:
            gevent.sleep(0.25)
            waited_s, here = time.monotonic() - begun, len(runner.clients.ready)
            who = f"{here} of {options.expect_workers} workers are here"
            if waited_s > options.harness_wait:
                self._reason = self._reason or f"{who}, {options.harness_wait:g} s after the master began to wait"
            if self._reason:
                self.log.error("run given up before its begin", reason=self._reason, workers=here)
                self._tell_refusals()
                self.aggregator.end(self._reason)
                options.expect_workers_max_wait = 1  # Locust gives up, too, and tells those that are here to leave
                return
            if waited_s > tell_s:
                tell_s += TELL_AGAIN_S
                self.aggregator.waiting(f"waiting for workers: {who}; {options.harness_wait - waited_s:.0f} s left")
                self._tell_refusals()

    def _tell_refusals(self) -> None:
        """Show what was refused, where it is more than was told before."""
        told = self._gate.told()
        if told != self._refusals:
            self._refusals = told
            self.log.warning("messages refused", **{"what": dict(self._gate.refused)})
            self.aggregator.refusals(told)

    def unpacked(self, message: dict[str, Any]) -> None:
        """Take a worker's report, or count it as refused."""
        try:
            report = Report.unpack(message)
        except (HarnessError, ValueError, TypeError, KeyError, AttributeError) as error:
            self._gate.refuse("malformed")
            self.log.warning("report refused", error=f"{type(error).__name__}: {error}"[:300])
        else:
            self._hear(report)

    def receive(self, report: Report) -> None:
        """Write a report down; a record that cannot be written ends the run."""
        try:
            self.aggregator.take(report)
        except HarnessError as error:
            self._reason = self._reason or f"the record cannot be written: {error.what}"
            self.log.error("record not written", error=str(error))
            log.error("%s", error)

    def _hear(self, report: Report) -> None:
        """A worker's report: take it, and answer with what the worker may send."""
        self.receive(report)
        share = None if report.final else self.aggregator.grant(report.worker)
        if share is not None:
            answer = {"sequence": report.sequence, **asdict(share)}
            self.environment.runner.send_message(GRANT, answer, client_id=self._clients[report.worker])

    def _tell_time(self, environment: Environment, msg: Any, **_: Any) -> None:
        """Answer a worker with the run time of this process, and with its own question."""
        answer = {"asked": msg.data, "theirs": time.time() - self.aggregator.zero}
        environment.runner.send_message(CLOCK, answer, client_id=msg.node_id)

    def _tell_epoch(self, environment: Environment, msg: Any, **_: Any) -> None:
        """Answer a worker that has not begun yet with this machine's time, and with its own question."""
        answer = {"asked": msg.data, "theirs": time.time()}
        environment.runner.send_message(EPOCH, answer, client_id=msg.node_id)

    def start(self) -> float:
        """The test starts: set zero and begin to watch. Returns zero as an epoch second."""
        try:
            check_workers(len(self._clients), self.spec.limits)
        except UsageError as error:
            self.refused(error.what)
        zero = time.time() + (LEAD_WITH_WORKERS_S if self._distributed else LEAD_S)
        gevent.signal_handler(signal.SIGUSR1, self._interrupted)  # first: the supervisor may signal from `start` on
        self.aggregator.start(zero, workers=len(self._clients) if self._distributed else 1)
        gevent.spawn(self._conduct)
        return zero

    def number_workers(self) -> str:
        """Give those that are there now their numbers; Locust's own have holes once a worker came and went."""
        runner = self.environment.runner
        if self._distributed:
            self._clients = sorted((client.id for client in runner.clients.ready), key=runner.get_worker_index)
            self._gate.begin(self._clients)
        return json.dumps(self._clients)

    def _look_after_workers(self) -> None:
        for lost in self.aggregator.find_lost():
            if self.spec.rebalance and self._distributed:
                for heir, tickets in self.aggregator.hand_over(lost).items():
                    self.environment.runner.send_message(INHERIT, tickets.tolist(), self._clients[heir])

    def refused(self, why: str, host: str = "", pid: int = 0) -> None:
        """A worker does not take part, so the run ends."""
        self.log.error("worker refused", host=host, worker_pid=pid, reason=why)
        self._reason = self._reason or f"a worker could not begin: {why}"

    def _interrupted(self) -> None:
        self.log.warning("interrupted")
        self._reason = self._reason or "interrupted"

    def _conduct(self) -> None:
        """Until the run is over: tell the progress; then stop the users, write the end, leave."""
        aggregator, spec = self.aggregator, self.spec
        while not (self._reason or aggregator.stop_reason):
            gevent.sleep(REPORT_EVERY_S)
            self._look_after_workers()
            self._tell_refusals()
            aggregator.progress()
            if aggregator.deserted:
                break
            elapsed = time.time() - aggregator.zero
            if elapsed > spec.end_s or (elapsed > spec.schedule_end_s + REPORT_EVERY_S and aggregator.idle):
                break
        try:
            if self._reason or aggregator.stop_reason:
                aggregator.ending()
            self.environment.runner.stop()
            deadline = time.monotonic() + 5.0
            while not aggregator.all_final and time.monotonic() < deadline:
                gevent.sleep(0.05)
            self._tell_refusals()
            aggregator.end(self._reason or aggregator.stop_reason)
        finally:  # whatever failed on the way out, Locust must not stay
            self.environment.runner.quit()


def digest_of(order: str) -> str:
    """Of the run spec's text, which Locust copies to the workers: SHA-256, in hexadecimal digits."""
    return hashlib.sha256(order.encode()).hexdigest()


def _record_of(spec: RunSpec) -> RunStore:
    folder = Path(spec.folder)
    return RunStore(folder, open_run(folder).manifest)


@events.init_command_line_parser.add_listener
def _add_options(parser: Any, **_: Any) -> None:
    parser.add_argument(
        "--harness-order",
        default="",
        metavar="FILE",
        include_in_web_ui=False,
        help="run spec of a planned run, written by `harness run`; without it users run closed",
    )
    parser.add_argument(
        "--harness-wait",
        type=float,
        default=60.0,
        metavar="SECONDS",
        include_in_web_ui=False,
        help="how long the master of a planned run waits for its workers",
    )


@events.init.add_listener
def _prepare(environment: Environment, web_ui: Any = None, **_: Any) -> None:
    options = environment.parsed_options
    if web_ui is not None:
        _protect_page(environment, web_ui)
    if not environment.stop_timeout:  # Locust's default kills users in the middle of a request and forgets it
        environment.stop_timeout = STOP_TIMEOUT_S
    if options.headless and sys.stdin is not None and sys.stdin.isatty():
        # At a terminal, keys would change the load. For as long as the process lives, hence no `with`.
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    path = getattr(options, "harness_order", "")
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.register_message(INHERIT, lambda environment, msg, **_: _inherit(msg.data))
        return
    for kind in _phones(environment):
        if kind.session is PhoneUser.session:
            log.error("%s is a PhoneUser without a session(): it would do nothing (docs/personas.md)", kind.__name__)
            raise SystemExit(int(ExitCode.USAGE))
    if not path:
        if not options.user_classes:
            environment.user_classes[:] = [kind for kind in environment.user_classes if _takes_part(kind)]
        return
    text = Path(path).read_text(encoding="utf-8")
    spec = RunSpec.model_validate_json(text)
    # Locust copies options to the workers with the spawn message: the run spec travels as its own text.
    options.harness_order = text
    strangers = [kind.__name__ for kind in environment.user_classes if getattr(kind, "persona", "") not in PERSONAS]
    if strangers:
        log.error("%s: a planned run serves personas of its mix only (docs/personas.md)", ", ".join(strangers))
        raise SystemExit(int(ExitCode.USAGE))
    for user_class in environment.user_classes:
        user_class.weight = spec.profile.mix[user_class.persona]
    try:
        _here.master = MasterSide(environment, spec, digest_of(text))
    except HarnessError as error:  # Locust would log it, and drive its users without us
        log.error("%s", error)
        raise SystemExit(int(error.exit_code)) from error


def _protect_page(environment: Environment, web_ui: Any) -> None:
    """Before it listens: what is wrong with its options ends the process."""
    from harness.load.web_ui import protect  # Flask is loaded where there is a page

    options = environment.parsed_options
    try:
        protect(web_ui, options.web_host or "", environment.host or "", os.environ, options.web_base_path or "")
    except HarnessError as error:
        log.error("%s", error)
        raise SystemExit(int(error.exit_code)) from error


def _phones(environment: Environment) -> list[type[PhoneUser]]:
    """Those of the user classes that are ours; a locustfile may have any others beside them."""
    return [kind for kind in environment.user_classes if issubclass(kind, PhoneUser)]


def _takes_part(kind: type[User]) -> bool:
    """Whether a class that nobody named takes part in a closed run: of the shipped ones some, of others all."""
    shipped = issubclass(kind, PhoneUser) and kind.__module__.partition(".")[0] == SHIPPED
    return not shipped or kind.persona in CLOSED_PERSONAS


def _inherit(tickets: list[int]) -> None:
    if _here.worker is not None:
        _here.worker.ticket_queue.inherit(tickets)


def _place(environment: Environment, options: Any) -> tuple[int, int]:
    """This process' number and how many there are. :raises UsageError: it came when all places were taken."""
    runner = environment.runner
    if not isinstance(runner, WorkerRunner):
        return 0, 1
    if not getattr(options, "harness_order", ""):  # closed: numbers only keep people apart
        return max(0, runner.worker_index), max(1, options.expect_workers or 1, runner.worker_index + 1)
    clients = json.loads(options.harness_workers)
    if runner.client_id not in clients:
        raise UsageError(
            "this run began without this worker, so there is no work for it",
            where="harness run --worker",
            remedy="start all workers before the run begins; --expect-workers says how many it waits for",
        )
    return clients.index(runner.client_id), len(clients)


def _own_zero(environment: Environment, zero: float, worker: int) -> float:
    """The run's zero by this machine's clock. Blocks for some round trips to the master.

    :raises UsageError: the two clocks are too far apart.
    """
    rounds: list[Round] = []
    answers: Queue[dict[str, float]] = Queue()
    runner = environment.runner
    runner.register_message(EPOCH, lambda environment, msg, **_: answers.put(msg.data))
    for _ in range(EPOCH_ROUNDS):
        asked = time.time()
        runner.send_message(EPOCH, asked)
        with contextlib.suppress(Empty):
            answer = answers.get(timeout=EPOCH_PATIENCE_S)
            if answer["asked"] == asked:
                rounds.append(Round(asked, answer["theirs"], time.time()))
    clock = offset(worker, rounds)
    if (why := apart(clock)) or clock is None:
        remedy = "set both clocks by NTP (timedatectl), then start the worker again"
        raise UsageError(why, where="harness run --worker", remedy=remedy)
    return zero - clock.offset_us / 1e6


@events.test_start.add_listener
def _start(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    _here.stopped = False
    if not options.headless:  # in the web UI the exit code is the last test's
        environment.process_exit_code = None
    if _here.master is not None:
        options.harness_workers = _here.master.number_workers()
        options.harness_zero = _here.master.start()
    if isinstance(environment.runner, MasterRunner):
        return
    text = getattr(options, "harness_order", "")
    if text and isinstance(environment.runner, WorkerRunner):
        gevent.spawn(_take_part, environment, text)  # it has to hear the master, which this greenlet hears for all
    else:
        _take_part(environment, text)


def _take_part(environment: Environment, text: str) -> None:
    """Become the worker that serves this test; whoever cannot says so and leaves."""
    options = environment.parsed_options
    try:
        if text:
            spec, zero = RunSpec.model_validate_json(text), float(options.harness_zero)
            gate = accepted(spec, received(os.environ))
        else:
            spec, zero = closed_spec(environment.host or ""), time.time()
            gate = LOOPBACK
        worker, workers = _place(environment, options)
        schedule = None
        check_workers(workers, spec.limits)
        if text:
            processes_for(spec.profile.phones, raise_descriptor_limit(), 1, workers)
            schedule = planned(spec) if _here.master is None else _here.master.schedule
        if text and isinstance(environment.runner, WorkerRunner):
            zero = _own_zero(environment, zero, worker)
            if _here.stopped:
                return
        _here.worker = WorkerSide(
            environment,
            spec,
            schedule,
            zero=zero,
            worker=worker,
            workers=workers,
            gate=gate,
            run_digest=digest_of(text),
        )
    except HarnessError as error:
        log.error("%s", error)
        environment.process_exit_code = int(error.exit_code)
        if text and isinstance(environment.runner, WorkerRunner):
            why = {"why": error.what, "host": socket.gethostname(), "pid": os.getpid()}
            environment.runner.send_message(REFUSAL, why)
            # Locust's own ways out keep a worker for another test, or until the users' stop timeout is over.
            gevent.spawn_later(LEAVE_S, environment.runner.greenlet.kill, block=False)
            return
        if _here.master is not None:
            _here.master.refused(error.what)  # and it ends the run, its record with it
            return
        # Later, because Locust goes on starting the test that this event belongs to.
        gevent.spawn_later(1.0, environment.runner.quit if options.headless else environment.runner.stop)


@events.test_stopping.add_listener
def _stopping(environment: Environment, **_: Any) -> None:
    if _here.worker is not None:
        _here.worker.close()


@events.test_stop.add_listener
def _stop(environment: Environment, **_: Any) -> None:
    _here.stopped = True
    if _here.worker is not None:
        _here.worker.finish()
        _here.worker = None
