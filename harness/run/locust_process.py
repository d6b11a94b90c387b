"""Locust as a child process: started, listened to, ended; and its record closed whatever became of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.core.child_environment import asked_for, child_environment
from harness.core.errors import HarnessError, UsageError
from harness.core.interrupts import Interrupted, listening
from harness.core.resolved_target import ResolvedTarget
from harness.core.run_spec import ANON_KEY_ENV, JWT_SECRET_ENV, KILL_FILE_ENV, PASSWORD_ENV, RunSpec
from harness.core.run_token import TOKEN_ENV, new_token
from harness.core.target_guard import Permit
from harness.core.web_names import METRICS_TOKEN_ENV, WEB_PASSWORD_ENV, WEB_USER_ENV
from harness.egress.orders import handed
from harness.egress.sources import SOURCES_ENV
from harness.load import child_process as processes
from harness.load.aggregator import LINE_MARK
from harness.load.alive import ALIVE_ENV, BEAT
from harness.record.run_log import NO_LOG, RunLog
from harness.record.share import close_shares
from harness.record.store import RunStore, open_run
from harness.run.filtered_log import FilteredLog
from harness.run.otlp_sender import OtlpSender
from harness.run.proxy_conductor import Fronted
from harness.run.run_request import RunRequest, Watcher
from harness.run.web_page import WebPage

PATIENCE_S = 60.0
"""Beyond the planned end, before a generator that does not leave by itself is killed."""
OWN_WORKERS_S = 120.0
"""For the workers that Locust forks on this machine to be there."""
FAREWELL_S = 30.0
"""From the end of the run to a kill; workers that hang keep Locust's master waiting for ever."""

LOCUSTFILE = Path(__file__).resolve().parents[2] / "scenarios" / "locustfile.py"


class LocustProcess:
    """Locust as a child process: started, listened to, ended."""

    def __init__(
        self,
        run_request: RunRequest,
        access: ResolvedTarget,
        spec: RunSpec,
        folder: Path,
        watcher: Watcher,
        front: Fronted | None = None,
        *,
        locustfile: Path = LOCUSTFILE,
        log: RunLog = NO_LOG,
        evidence_follows: bool = False,
    ) -> None:
        """evidence_follows: somebody reads the target afterwards, and completes the record only then."""
        self._evidence_follows = evidence_follows
        self._locustfile = locustfile
        self._log = log
        self._run_request = run_request
        self._access = access
        self._spec = spec
        self._folder = folder
        self._watcher = watcher
        self._front = front or Fronted(spec.url, None)
        self._started = False
        self._interrupts = 0
        self._signal = 0  # the first that came
        self._process: subprocess.Popen[str] | None = None
        self._end: dict[str, Any] | None = None
        self._sender: OtlpSender | None = None

    def drive(self) -> None:
        """Run to the end; the record is closed in any case."""
        with (
            FilteredLog(self._folder / "locust.log") as log,
            listening(self._interrupted),
            self._kill_signal(),
            self._metrics(),
        ):
            command, environ = self._command(), self._environ()
            process = self._process = processes.start(command, environ=environ, stderr=log.fileno())
            try:
                self._log.info("locust started", locust_pid=process.pid, processes=self._run_request.processes)
                timer = self._killing(process, self._limit_s, "locust killed: it did not leave after the planned end")
                # The workers hold the same pipe: without this a killed master's would keep us listening.
                threading.Thread(target=_bury, args=(process,), daemon=True).start()
                if self._signal:  # it came while the process was started
                    processes.kill_group(process)
                try:
                    with BEAT.left_to_the_load():
                        self._listen(process, log)
                        process.wait()
                finally:
                    timer.cancel()
            finally:
                processes.end(process, patience_s=2.0)
                log.finish()
                status = self._close(process.returncode)
        if self._signal and status != "aborted":  # too late for the load, and yet somebody wants this to end
            raise Interrupted(self._signal)

    @contextlib.contextmanager
    def _kill_signal(self) -> Iterator[None]:
        """SIGUSR2 pulls the kill switch: handed on to who leads the load."""

        def hand_on(number: int, frame: object) -> None:
            self._log.warning("kill switch", signal="SIGUSR2")
            if self._process is None:
                self._signal = self._signal or number  # while it is started: then it is ended as soon as it is there
            else:
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(signal.SIGUSR2)

        if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGUSR2"):
            yield
            return
        before = signal.signal(signal.SIGUSR2, hand_on)
        try:
            yield
        finally:
            signal.signal(signal.SIGUSR2, before)

    @contextlib.contextmanager
    def _metrics(self) -> Iterator[None]:
        """The run's metrics go where they were asked for."""
        if self._run_request.otlp is None:
            yield
            return
        with OtlpSender(self._run_request.otlp, self._watcher.problem) as self._sender:
            yield
        self._log.info("metrics sent", sets=self._sender.sent)

    @property
    def _limit_s(self) -> float:
        """From its start to a kill."""
        waiting_s = 3600.0 + self._run_request.wait_s if self._run_request.master_port else 0.0
        return self._spec.end_s + self._spec.grace_s + PATIENCE_S + waiting_s

    def _killing(self, process: subprocess.Popen[str], after_s: float, event: str) -> threading.Timer:
        """Kill it after so many seconds, unless it has left by then."""

        def kill() -> None:
            if process.poll() is None:
                self._log.error(event, after_s=after_s)
            processes.kill_group(process)

        timer = threading.Timer(after_s, kill)
        timer.daemon = True
        timer.start()
        return timer

    def _close(self, code: int) -> str:
        """Close the record; how the run ended."""
        log = self._folder / "locust.log"
        if self._end is not None:
            reason = str(self._end["reason"])
            status = "aborted" if reason else "complete"
        elif self._signal:
            when = "before its record could be finished" if self._started else "before the load began"
            status, reason = "aborted", f"interrupted by {signal.Signals(self._signal).name} {when}"
        else:
            status, reason = "incomplete", ""
            self._log.error("locust died", code=code)
            self._watcher.problem(f"the generator died with code {code}; its words are in {log}")
        store = RunStore(self._folder, open_run(self._folder).manifest)
        waits = status == "complete" and self._evidence_follows
        finished = datetime.now(UTC).isoformat(timespec="seconds")
        store.update(status="running" if waits else status, abort_reason=reason, finished_at=finished)
        if (hand := self._front.hand) is not None:
            hand.clear()
            if hand.note:
                manifest = store.manifest
                store.update(chaos=(*manifest.chaos, *hand.windows), notes=(*manifest.notes, hand.note))
        store.close()
        for problem in close_shares(self._folder, store.manifest.roster):
            self._watcher.problem(problem)
        if status == "incomplete" and not self._started:
            raise HarnessError(
                "the load generator did not start:\n"
                + "".join(log.read_text().splitlines(keepends=True)[-6:]).rstrip(),
                where=str(log),
                remedy="the log tells why; if that does not help, please report it with the log",
            )
        return status

    def _listen(self, process: subprocess.Popen[str], log: FilteredLog) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith(LINE_MARK):
                log.write(line)
                continue
            facts = json.loads(line.removeprefix(LINE_MARK))
            match facts.pop("what"):
                case "start":
                    self._started = True
                    self._front.begin(facts["zero"], self._folder)
                    self._watcher.stage("running")
                    if (web := self._run_request.web) is not None:
                        self._watcher.stage(f"the verdict so far: {web.url}")
                case "waiting":
                    self._watcher.stage(facts["text"])
                case "progress":
                    self._watcher.progress(facts)
                case "problem":
                    self._watcher.problem(facts["text"])
                case "otlp" | "fault" | "fault end" as asked:
                    self._do(asked, facts)
                case "ending":
                    self._front.clear()
                case "end":
                    self._end = facts
                    self._killing(process, FAREWELL_S, "locust killed: it did not leave after its last word")

    def _do(self, asked: str, facts: dict[str, Any]) -> None:
        """What the page, or the run's metrics, ask of this process."""
        hand = self._front.hand
        if asked == "otlp" and self._sender is not None:
            self._sender.offer(facts["request"])
        elif asked == "fault" and hand is not None:
            hand.ask(**facts)
        elif asked == "fault end" and hand is not None:
            hand.end(**facts)

    def _command(self) -> list[str]:
        spec, profile = self._spec, self._spec.profile
        command = [
            sys.executable,
            "-m",
            "harness.load.locust_main",
            "-f",
            str(self._locustfile),
            *self._shown(),
            "--host",
            spec.url,
        ]
        command += ["-u", str(profile.phones), "-r", str(max(profile.phones, 1))]
        command += ["--stop-timeout", str(int(spec.grace_s) + 10), "--only-summary", "--exit-code-on-error", "0"]
        command += ["--harness-order", str(self._folder / "order.json")]
        run_request = self._run_request
        if run_request.master_port is not None:
            command += ["--master", "--master-bind-host", run_request.bind]
            command += ["--master-bind-port", str(run_request.master_port)]
            command += ["--expect-workers", str(run_request.expect_workers)]
            command += ["--harness-wait", str(run_request.wait_s)]
        elif run_request.processes is not None and run_request.processes > 1:
            port = str(_free_port())
            command += ["--processes", str(run_request.processes), "--master-bind-host", "127.0.0.1"]
            command += ["--harness-wait", str(OWN_WORKERS_S)]
            command += ["--master-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]
        if run_request.rebalance:  # Locust then spreads its users, which are our phones' slots, over who is left
            command += ["--enable-rebalancing"]
        return command + [name.title().replace("_", "") for name in sorted(profile.mix)]

    def _shown(self) -> list[str]:
        """Whether Locust's own page is there, and for whom."""
        web, otlp = self._run_request.web, self._run_request.otlp
        options = ["--headless"]
        if web is not None:
            options = ["--autostart", "--web-host", web.host or "*", "--web-port", str(web.port)]
            options += ["--web-login"] if web.login else []
            options += ["--harness-hand-faults"] if web.fault_buttons else []
        return options + (["--harness-otlp", f"{otlp.every_s:g}"] if otlp is not None else [])

    def _environ(self) -> dict[str, str]:
        """What a process needs, and the secrets that phones sign in with; what reads the target afterwards, no."""
        access = self._access
        opened = {
            ANON_KEY_ENV: access.anon_key.reveal(),
            PASSWORD_ENV: access.password.reveal(),
            JWT_SECRET_ENV: access.jwt_secret.reveal(),
            TOKEN_ENV: self._run_request.token or new_token(),
        }
        allowed = Permit(
            urlsplit(self._spec.url).hostname or "",
            loopback=not access.reach.listed,
            requests_per_second=None if access.limits is None else access.limits.requests_per_second,
            phones=None,
            url=self._spec.url,
            reach=access.reach,
            wire=access.limits,
        )
        page = (WEB_PASSWORD_ENV, WEB_USER_ENV, METRICS_TOKEN_ENV) if self._run_request.web is not None else ()
        kept = (KILL_FILE_ENV, SOURCES_ENV, ALIVE_ENV, *page, *asked_for(os.environ))
        return child_environment(os.environ, *kept, **opened, **handed(allowed))

    def _interrupted(self, number: int, frame: object) -> None:
        """First signal: end the run cleanly; second: kill it."""
        self._interrupts += 1
        self._signal = self._signal or number
        self._log.warning("interrupted", signal=signal.Signals(number).name, times=self._interrupts)
        process = self._process
        if process is None:
            return
        if self._interrupts > 1 or not self._started:
            processes.kill_group(process)
            return
        self._watcher.stage("ending the run: sessions are closing (again to kill)")
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGUSR1)


def _bury(process: subprocess.Popen[str]) -> None:
    process.wait()
    processes.kill_group(process)


def refuse_taken_port(web: WebPage | None) -> None:
    """Before anything is started. :raises UsageError: the page cannot listen there."""
    if web is None:
        return
    try:
        with socket.socket(socket.AF_INET6 if ":" in web.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((web.host, web.port))
    except OSError as error:
        raise UsageError(
            f"the page cannot listen on {web.host or '*'}:{web.port}: {error.strerror or error}",
            where="--web",
            remedy="choose another port, or an address of this machine",
        ) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
