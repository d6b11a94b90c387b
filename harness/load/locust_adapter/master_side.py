"""The side of the adapter that lives where the run is decided: the record, the clock, the end."""

from __future__ import annotations

import json
import logging
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from harness import __version__
from harness.core.errors import HarnessError, UsageError
from harness.core.fault_record import BY_HAND
from harness.core.run_spec import ENDED_BY_BUTTON, ENDED_BY_SIGNAL, ENDED_BY_SWITCH, RunSpec
from harness.live.families import families
from harness.live.faults import FaultBoard
from harness.live.hand_faults import refusal
from harness.live.otlp import request
from harness.live.state import LiveState
from harness.load.aggregator import Aggregator, Report
from harness.load.channel_keys import unpacked
from harness.load.discovery import secrets_from_environment
from harness.load.locust_adapter import kill_switch
from harness.load.locust_adapter.messages import GRANT, INHERIT, REPORT_EVERY_S
from harness.load.locust_channel import MasterSocket
from harness.load.master_gate import CLOCK, EPOCH, REFUSAL, REPORT, MasterGate
from harness.load.sizing import check_workers
from harness.record.run_log import RunLog
from harness.record.store import RunStore, open_run
from harness.schedule.agreed import planned

log = logging.getLogger(__name__)

LEAD_S = 1.5
"""From start to the plan's zero, for users to be spawned; longer with workers, whose spawn messages travel."""
LEAD_WITH_WORKERS_S = 3.0
OVER = "the run is over"
LAST_LOOK_S = 2.5
"""For whoever has the page open to see the last figures: pages look once a second."""
WAITING_S = 3.0
"""After so long without all workers, a master says whom it waits for; and every `TELL_AGAIN_S` again."""
TELL_AGAIN_S = 15.0


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
        self._otlp_s = environment.parsed_options.harness_otlp
        record = _record_of(spec)
        live = None
        if environment.web_ui is not None or self._otlp_s:
            live = LiveState(
                record.manifest, self.schedule.instants_s, FaultBoard(record.folder, record.manifest.chaos)
            )
        self.aggregator = Aggregator(spec, record, self.schedule, 1, log=self.log, live=live)
        self._hand_faults: dict[str, float] = {}  # entry -> when it ends, seconds since zero
        self._sent = 0.0  # metrics, by the steady clock
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
        kill_switch.watch(Path(self.spec.folder), self.killed)
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

    def killed(self, by: str) -> None:
        """The kill switch was pulled: the load is cut first, the record follows."""
        kill_switch.cut(self.environment)
        self.log.warning("kill switch", by=by)
        self._reason = self._reason or f"{ENDED_BY_SWITCH} ({by})"

    def ended(self, by: str) -> None:
        """Somebody wants the run to end: people close their apps, the record is finished."""
        self.log.warning("ended by hand", by=by)
        self._reason = self._reason or f"{ENDED_BY_BUTTON} ({by})"

    def ask_fault(self, name: str, seconds: float) -> str:
        """Have the run's proxy make it for so long. Why not; empty when it was asked for."""
        now = time.time() - self.aggregator.zero
        if self._reason or self.aggregator.stop_reason or now < 0:
            return "the run is not under way"
        on = sum(end > now for end in self._hand_faults.values())
        if why := refusal(name, seconds, on):
            return why
        entry = f"{BY_HAND}{len(self._hand_faults) + 1}"
        self._hand_faults[entry] = now + seconds
        if self.aggregator.live is not None:
            self.aggregator.live.expect_fault(entry, now + seconds)
        self.aggregator.ask("fault", entry=entry, name=name, seconds=seconds)
        return ""

    def end_fault(self, entry: str) -> str:
        """Have it end now. Why not; empty when that was asked for."""
        if entry not in self._hand_faults:
            return "no such fault was switched on by hand"
        self._hand_faults[entry] = 0.0
        self.aggregator.ask("fault end", entry=entry)
        return ""

    def _hand_metrics_over(self, *, last: bool = False) -> None:
        """To the supervisor, which sends them on."""
        live, now = self.aggregator.live, time.monotonic()
        if not self._otlp_s or live is None or live.latest is None or (now - self._sent < self._otlp_s and not last):
            return
        self._sent = now
        told = request(
            families(live.latest),
            zero_epoch_s=self.aggregator.zero,
            at_s=live.latest.at_s,
            run_id=self.spec.run_id,
            version=__version__,
        )
        self.aggregator.ask("otlp", request=told)

    def _interrupted(self) -> None:
        self.log.warning("interrupted")
        self._reason = self._reason or ENDED_BY_SIGNAL

    def _conduct(self) -> None:
        """Until the run is over: tell the progress; then stop the users, write the end, leave."""
        aggregator, spec = self.aggregator, self.spec
        while not (self._reason or aggregator.stop_reason):
            gevent.sleep(REPORT_EVERY_S)
            self._look_after_workers()
            self._tell_refusals()
            aggregator.progress()
            self._hand_metrics_over()
            if aggregator.deserted:
                break
            elapsed = time.time() - aggregator.zero
            if elapsed > spec.end_s or (elapsed > spec.schedule_end_s + REPORT_EVERY_S and aggregator.idle):
                break
        try:
            if self._reason or aggregator.stop_reason:
                aggregator.ending()
            looking = gevent.spawn(self._look_on)
            self.environment.runner.stop()
            deadline = time.monotonic() + 5.0
            while not aggregator.all_final and time.monotonic() < deadline:
                gevent.sleep(0.05)
            self._tell_refusals()
            looking.kill()
            aggregator.look(self._reason or aggregator.stop_reason or OVER)
            self._hand_metrics_over(last=True)
            if self.environment.web_ui is not None:
                gevent.sleep(LAST_LOOK_S)
            aggregator.end(self._reason or aggregator.stop_reason)
        finally:  # whatever failed on the way out, Locust must not stay
            self.environment.runner.quit()
            if self.environment.web_ui is not None:  # which would outlive the run
                self.environment.web_ui.stop()

    def _look_on(self) -> None:
        """While sessions close, nobody tells the progress."""
        while True:
            gevent.sleep(REPORT_EVERY_S)
            self.aggregator.look(self._reason or self.aggregator.stop_reason or OVER)


def _record_of(spec: RunSpec) -> RunStore:
    folder = Path(spec.folder)
    return RunStore(folder, open_run(folder).manifest)
