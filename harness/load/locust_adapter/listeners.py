"""What happens when: Locust's events, and what this process becomes by them (worker, master, or both)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
from gevent.queue import Empty, Queue
from locust import User, events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from harness.core.behaviour import PERSONAS
from harness.core.clock import WALL
from harness.core.errors import ExitCode, HarnessError, UsageError
from harness.core.run_spec import RunSpec
from harness.egress.gate import LOOPBACK
from harness.egress.orders import accepted, received
from harness.egress.sources import sources_in
from harness.load.aggregator import Report
from harness.load.alive import ALIVE_ENV, EVERY_S, touch
from harness.load.child_process import raise_descriptor_limit
from harness.load.discovery import CLOSED_PERSONAS, closed_spec
from harness.load.locust_adapter.closed_look import ClosedLook
from harness.load.locust_adapter.kill_switch import cut, cut_here
from harness.load.locust_adapter.master_side import MasterSide
from harness.load.locust_adapter.messages import INHERIT, KILL, LEAVE_S
from harness.load.locust_adapter.phone_user import PhoneUser, phone_classes, serving
from harness.load.locust_adapter.worker_side import WorkerSide
from harness.load.master_gate import EPOCH, REFUSAL, REPORT
from harness.load.sizing import check_workers, processes_for
from harness.record.clocks import Round, apart, offset
from harness.schedule.agreed import planned

log = logging.getLogger(__name__)

SHIPPED = "scenarios"
"""The package of the shipped personas."""
STOP_TIMEOUT_S = 15.0
EPOCH_ROUNDS, EPOCH_ROUND_S, EPOCH_PATIENCE_S = 5, 2.0, 30.0


@dataclass(slots=True)
class _Sides:
    """What this process is beside a worker (`serving`): the master, or neither; in a single process both."""

    master: MasterSide | None = None
    stopped: bool = False  # the test is over
    look: ClosedLook | None = None  # at users without a plan, where this process has the page, too


_here = _Sides()


def digest_of(order: str) -> str:
    """Of the run spec's text, which Locust copies to the workers: SHA-256, in hexadecimal digits."""
    return hashlib.sha256(order.encode()).hexdigest()


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
    parser.add_argument(
        "--harness-otlp",
        type=float,
        default=0.0,
        metavar="SECONDS",
        include_in_web_ui=False,
        help="hand the live figures to `harness run` this often, for OpenTelemetry; 0: never",
    )
    parser.add_argument(
        "--harness-hand-faults",
        action="store_true",
        include_in_web_ui=False,
        help="the page may ask `harness run` for faults",
    )


@events.init.add_listener
def _prepare(environment: Environment, web_ui: Any = None, **_: Any) -> None:
    options = environment.parsed_options
    if web_ui is not None:
        _protect_page(environment, web_ui)
    if not environment.stop_timeout:  # Locust's default kills users in the middle of a request and forgets it
        environment.stop_timeout = STOP_TIMEOUT_S
    if (options.headless or getattr(options, "harness_order", "")) and sys.stdin is not None and sys.stdin.isatty():
        # At a terminal, keys would change the load. For as long as the process lives, hence no `with`.
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    path = getattr(options, "harness_order", "")
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.register_message(KILL, lambda environment, msg, **_: cut_here())
        environment.runner.register_message(INHERIT, lambda environment, msg, **_: _inherit(msg.data))
        return
    for kind in phone_classes(environment):
        if kind.session is PhoneUser.session:
            log.error("%s is a PhoneUser without a session(): it would do nothing (docs/personas.md)", kind.__name__)
            raise SystemExit(int(ExitCode.USAGE))
    if not path:
        if web_ui is not None:
            _show_closed(environment, web_ui)
        if not options.user_classes:
            environment.user_classes[:] = [kind for kind in environment.user_classes if _takes_part(kind)]
        return
    text = Path(path).read_text(encoding="utf-8")
    spec = RunSpec.model_validate_json(text)
    # Locust copies options to the workers with the spawn message: the run spec travels as its own text.
    options.harness_order = text
    _serve_mix(environment, spec)
    try:
        _here.master = MasterSide(environment, spec, digest_of(text))
        if web_ui is not None:
            _show_verdict(web_ui, _here.master, options)
    except HarnessError as error:  # Locust would log it, and drive its users without us
        log.error("%s", error)
        raise SystemExit(int(error.exit_code)) from error


def _serve_mix(environment: Environment, spec: RunSpec) -> None:
    """The classes of a planned run are those of its mix; anything else ends the process."""
    strangers = [kind.__name__ for kind in environment.user_classes if getattr(kind, "persona", "") not in PERSONAS]
    if strangers:
        log.error("%s: a planned run serves personas of its mix only (docs/personas.md)", ", ".join(strangers))
        raise SystemExit(int(ExitCode.USAGE))
    for user_class in environment.user_classes:
        user_class.weight = spec.profile.mix[user_class.persona]


@events.init.add_listener
def _be_alive(**_: Any) -> None:
    if file := os.environ.get(ALIVE_ENV):
        gevent.spawn(_beat, file)


def _beat(file: str) -> None:
    while True:
        touch(file)
        gevent.sleep(EVERY_S)


def _protect_page(environment: Environment, web_ui: Any) -> None:
    """Before it listens: what is wrong with its options ends the process."""
    from harness.load.kill_button import add_kill_button
    from harness.load.web_ui import protect  # Flask is loaded where there is a page

    options = environment.parsed_options
    try:
        protect(web_ui, options.web_host or "", environment.host or "", os.environ, options.web_base_path or "")
        add_kill_button(web_ui, lambda: _killed(environment))
    except HarnessError as error:
        log.error("%s", error)
        raise SystemExit(int(error.exit_code)) from error


def _show_verdict(web_ui: Any, master: MasterSide, options: Any) -> None:
    """The page of a planned run has its figures, and its load is nobody's to change."""
    from harness.load.verdict_page import PageActions, add_verdict_page

    by_hand = options.harness_hand_faults
    actions = PageActions(
        latest=lambda: None if master.aggregator.live is None else master.aggregator.live.latest,
        stop=lambda: master.ended("web page"),
        cut=lambda: master.killed("web page"),
        fault=master.ask_fault if by_hand else None,
        end_fault=master.end_fault if by_hand else None,
    )
    add_verdict_page(web_ui, actions, os.environ, options.web_base_path or "")


def _show_closed(environment: Environment, web_ui: Any) -> None:
    """Under plain Locust the page has figures as well, and Locust's own forms go on starting and ending the load."""
    from harness.load.verdict_page import PageActions, add_verdict_page

    actions = PageActions(
        latest=lambda: None if _here.look is None else _here.look.latest,
        stop=environment.runner.stop,
        cut=lambda: _killed(environment),
    )
    base = environment.parsed_options.web_base_path or ""
    add_verdict_page(web_ui, actions, os.environ, base, planned=False)


def _killed(environment: Environment) -> None:
    """By the page's button."""
    if _here.master is not None:
        _here.master.killed("web page")
    else:
        cut(environment)
        environment.runner.stop()


def _takes_part(kind: type[User]) -> bool:
    """Whether a class that nobody named takes part in a closed run: of the shipped ones some, of others all."""
    shipped = issubclass(kind, PhoneUser) and kind.__module__.partition(".")[0] == SHIPPED
    return not shipped or kind.persona in CLOSED_PERSONAS


def _inherit(tickets: list[int]) -> None:
    if serving.worker is not None:
        serving.worker.inherit(tickets)


def _delivery(environment: Environment, run_digest: str) -> Callable[[Report], None]:
    """How reports reach the master. run_digest: of the order, as this process got it."""
    runner = environment.runner

    def send(report: Report) -> None:
        runner.send_message(REPORT, (run_digest, report.pack()))

    def keep(report: Report) -> None:
        if _here.master is not None:
            _here.master.receive(report)

    return send if isinstance(runner, WorkerRunner) else keep


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
    """The run's zero by this machine's clock, and the wall clock set right. Blocks for some round trips to the master.

    :raises UsageError: the two clocks are too far apart.
    """
    rounds: list[Round] = []
    answers: Queue[dict[str, float]] = Queue()
    runner = environment.runner
    runner.register_message(EPOCH, lambda environment, msg, **_: answers.put(msg.data))
    until = time.monotonic() + EPOCH_PATIENCE_S
    while len(rounds) < EPOCH_ROUNDS and time.monotonic() < until and not _here.stopped:
        runner.send_message(EPOCH, time.time())
        with contextlib.suppress(Empty):  # a late answer counts for its own question: it only bounds less
            answer = answers.get(timeout=EPOCH_ROUND_S)
            rounds.append(Round(answer["asked"], answer["theirs"], time.time()))
    clock = offset(worker, rounds)
    if (why := apart(clock)) or clock is None:
        remedy = "set both clocks by NTP (timedatectl), then start the worker again"
        raise UsageError(why, where="harness run --worker", remedy=remedy)
    if abs(clock.offset_us) > clock.uncertainty_us:  # else nothing is known to be wrong
        WALL.apart_s = clock.offset_us / 1e6
    return zero - clock.offset_us / 1e6


@events.test_start.add_listener
def _start(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    _here.stopped = False
    if not options.headless and _here.master is None:  # in the web UI the exit code is the last test's
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
            gate = accepted(spec, received(os.environ), sources_in(os.environ))
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
        deliver = _delivery(environment, digest_of(text))
        if not text and environment.web_ui is not None:
            _here.look = ClosedLook(spec, zero, socket.gethostname())
        serving.worker = WorkerSide(
            environment,
            spec,
            schedule,
            zero=zero,
            worker=worker,
            workers=workers,
            deliver=deliver,
            gate=gate,
            look=_here.look,
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
    if serving.worker is not None:
        serving.worker.close()


@events.test_stop.add_listener
def _stop(environment: Environment, **_: Any) -> None:
    _here.stopped = True
    if serving.worker is not None:
        serving.worker.finish()
        serving.worker = None
