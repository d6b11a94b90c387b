"""One run, from order to closed record: brings up what is needed, has Locust drive, sees to it that it ends.

The supervisor is a process of its own beside Locust's: whatever happens to the generator, the record is closed,
the sandbox is gone, and somebody is there to say how it went.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from harness import __version__, processes
from harness.arrivals import plan
from harness.config.load import ResolvedKeys, resolve_keys
from harness.config.models import Profile, Slo, Target
from harness.discovery import Discovered, discover
from harness.errors import HarnessError, TargetError, UsageError
from harness.guard import permit
from harness.order import ANON_KEY_ENV, PASSWORD_ENV, Order, windows_of
from harness.record.manifest import Manifest
from harness.record.store import RunStore, open_run
from harness.scribe import LINE_MARK

SANDBOX_READY_S = 60.0
PATIENCE_S = 60.0
"""Beyond the planned end, before a generator that does not leave by itself is killed."""

LOCUSTFILE = Path(__file__).parent.parent / "scenarios" / "locustfile.py"


@dataclass(frozen=True)
class Wish:
    """What somebody asked for on the command line, loaded and valid."""

    profile: Profile
    source: str  # where the profile came from, for messages
    slos: tuple[Slo, ...]
    out: Path
    target: Target | None = None
    sandbox_url: str | None = None  # a sandbox that already runs here, instead of a target
    seed: int | None = None
    processes: int = 1  # worker processes on this machine; 1: everything in one
    master_port: int | None = None  # set: workers on other machines connect here
    expect_workers: int = 0
    quirks: tuple[str, ...] = ()
    allow_production: bool = False


class Watcher(Protocol):
    """Who shows a run to people. Called with the lines the generator says about itself."""

    def stage(self, text: str) -> None: ...

    def progress(self, facts: Mapping[str, Any]) -> None: ...

    def problem(self, text: str) -> None: ...


@dataclass(frozen=True)
class Access:
    """Where the target is and what opens it."""

    name: str
    url: str
    environment: str
    anon_key: str
    password: str
    email_pattern: str
    requests_per_second: float | None = None
    notes: tuple[str, ...] = ()


def rehearse(wish: Wish, watcher: Watcher) -> Path:
    """Do the run and return its directory, with the record closed.

    :raises UsageError: when the wish cannot be carried out as it stands.
    :raises TargetError: when the target may not be touched or does not answer; nothing was sent then but one probe.
    """
    _known_personas(wish)
    processes.raise_descriptor_limit()
    with contextlib.ExitStack() as stack:
        if wish.target is not None:
            access = _foreign(wish.target, wish)
            _probe(access)
        elif wish.sandbox_url is not None:
            access = _access(discover(wish.sandbox_url))
        else:
            watcher.stage("starting a sandbox")
            access = stack.enter_context(_own_sandbox(wish))
        if wish.quirks and (wish.target or wish.sandbox_url):
            raise UsageError(
                "--quirk needs the sandbox that a run starts itself", remedy="leave out --target and --url"
            )
        order, store = _prepare(wish, access)
        watcher.stage(f"run {order.run_id}: {store.manifest.planned_sessions} sessions planned, target {access.url}")
        Generator(wish, access, order, Path(order.folder), watcher).drive()
    return Path(order.folder)


def _known_personas(wish: Wish) -> None:
    known = sorted(path.stem for path in LOCUSTFILE.parent.glob("[a-z]*.py") if path != LOCUSTFILE)
    unknown = sorted(set(wish.profile.mix) - set(known))
    if unknown:
        raise UsageError(
            f"no such persona: {', '.join(unknown)}",
            where=f"{wish.source}, [mix]",
            remedy=f"known are {', '.join(known)}",
        )


def _prepare(wish: Wish, access: Access) -> tuple[Order, RunStore]:
    profile, seed = wish.profile, wish.profile.seed if wish.seed is None else wish.seed
    now = datetime.now(UTC)
    tag = secrets.randbits(32)
    run_id = f"{now:%Y%m%dT%H%M%SZ}-{profile.name}-{tag:08x}"
    planned = plan(profile.arrivals, profile.mix, profile.people, seed)
    folder = wish.out / run_id
    order = Order(
        run_id=run_id,
        run_tag=tag,
        folder=str(folder.absolute()),
        url=access.url,
        seed=seed,
        profile=profile,
        email_pattern=access.email_pattern,
        windows=windows_of(profile),
        requests_per_second=access.requests_per_second,
    )
    manifest = Manifest(
        run_id=run_id,
        status="running",
        started_at=now.isoformat(timespec="seconds"),
        seed=seed,
        profile=profile,
        slos=wish.slos,
        target_name=access.name,
        target_url=access.url,
        target_environment=access.environment,
        windows=order.windows,
        planned_sessions=len(planned),
        plan_digest=planned.digest,
        workers=wish.expect_workers or wish.processes,
        versions=_versions(),
        notes=access.notes,
    )
    store = RunStore.create(folder, manifest)
    (folder / "order.json").write_text(order.model_dump_json(indent=1), encoding="utf-8")
    return order, store


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("locust", "gevent", "uvloop", "httptools", "pandas")}
    return {
        "harness": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "cores": str(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else str(os.cpu_count()),
        **packages,
    }


# ---- the target -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _own_sandbox(wish: Wish) -> Iterator[Access]:
    size = wish.profile.sandbox
    if size.people < wish.profile.people:
        raise UsageError(
            f"the profile needs {wish.profile.people} people, its sandbox has {size.people}",
            where=f"profile {wish.profile.name}, sandbox.people",
            remedy=f"set sandbox.people to at least {wish.profile.people}",
        )
    command = [sys.executable, "-m", "sandbox.server", "--port", "0", "--with-parent"]
    command += ["--people", str(size.people), "--catalogue", str(size.catalogue)]
    for quirk in wish.quirks:
        command += ["--quirk", quirk]
    process = processes.start(command, environ=os.environ, stderr=subprocess.PIPE)
    try:
        found = _await_ready(process)
        yield _access(found)
        if process.poll() is not None:
            raise HarnessError(
                f"the sandbox died during the run (exit code {process.returncode})",
                where="sandbox",
                remedy="see the run's report for what was recorded; start it apart with `harness sandbox up`",
            )
    finally:
        processes.end(process, patience_s=10.0)


def _access(found: Discovered) -> Access:
    return Access(
        name=found.name,
        url=found.url,
        environment="sandbox",
        anon_key=found.anon_key,
        password=found.people.password,
        email_pattern=found.people.email_pattern,
        notes=tuple(f"sandbox switch {name}={value}" for name, value in found.quirks.items()),
    )


def _await_ready(process: subprocess.Popen[str]) -> Discovered:
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True).start()
    timer = threading.Timer(SANDBOX_READY_S, lambda: processes.kill_group(process))
    timer.start()
    try:
        line = process.stdout.readline()
    finally:
        timer.cancel()
    if not line:
        process.wait(5.0)
        text = "".join(said[-12:]).strip() or f"exit code {process.returncode}"
        error = UsageError if process.returncode == 2 else TargetError
        raise error(f"the sandbox did not start:\n{text}", where="sandbox")
    return discover(str(json.loads(line)["url"]))


def _foreign(target: Target, wish: Wish) -> Access:
    permit(
        target,
        peak_phones=wish.profile.phones,
        peak_requests_per_second=None,
        allow_production=wish.allow_production,
    )
    limits = target.limits.get(urlsplit(target.url).hostname or "")
    keys: ResolvedKeys = resolve_keys(target, os.environ)
    return Access(
        name=target.name,
        url=target.url.rstrip("/"),
        environment=target.environment,
        anon_key=keys.anon,
        password=keys.password or "",
        email_pattern=f"{target.people.tag}_{{index:06d}}@{target.people.domain}",
        requests_per_second=limits.requests_per_second if limits else None,
    )


def _probe(access: Access) -> None:
    url = access.url + "/auth/v1/health"
    try:
        reply = httpx.get(url, headers={"apikey": access.anon_key}, timeout=10.0)
    except httpx.HTTPError as error:
        raise TargetError(
            f"the target does not answer: {error or type(error).__name__}",
            where=access.url,
            remedy="check the url in the target file and that the deployment is up",
        ) from error
    if reply.status_code >= 400:
        raise TargetError(
            f"the target refuses the health check with status {reply.status_code}",
            where=url,
            remedy="check the anon key's environment variable named in the target file",
        )


# ---- the generator ----------------------------------------------------------------------------------------------


class Generator:
    """Locust as a child process: started, listened to, ended."""

    def __init__(self, wish: Wish, access: Access, order: Order, folder: Path, watcher: Watcher) -> None:
        self._wish = wish
        self._access = access
        self._order = order
        self._folder = folder
        self._watcher = watcher
        self._started = False
        self._interrupts = 0
        self._end: dict[str, Any] | None = None

    def drive(self) -> None:
        """Run to the end; the record is closed in any case."""
        with (self._folder / "locust.log").open("w", encoding="utf-8") as log:
            process = processes.start(self._command(), environ=self._environ(), stderr=log)
            limit = self._order.end_s + self._order.grace_s + PATIENCE_S + (3600.0 if self._wish.master_port else 0.0)
            timer = threading.Timer(limit, lambda: processes.kill_group(process))
            timer.daemon = True
            timer.start()
            with self._signals(process):
                try:
                    self._listen(process, log)
                    process.wait()
                finally:
                    timer.cancel()
                    processes.end(process, patience_s=2.0)
                    self._close(process.returncode)

    def _close(self, code: int) -> None:
        log = self._folder / "locust.log"
        if self._end is not None:
            reason = str(self._end["reason"])
            status = "aborted" if reason else "complete"
        elif self._interrupts:
            status, reason = "aborted", "interrupted before the record could be finished"
        else:
            status, reason = "incomplete", ""
            self._watcher.problem(f"the generator died with code {code}; its words are in {log}")
        store = RunStore(self._folder, open_run(self._folder).manifest)
        store.update(status=status, abort_reason=reason, finished_at=datetime.now(UTC).isoformat(timespec="seconds"))
        store.close()
        if status == "incomplete" and not self._started:
            raise HarnessError(
                "the load generator did not start:\n" + "".join(log.read_text().splitlines(keepends=True)[-6:]).rstrip(),
                where=str(log),
                remedy="the log tells why; if that does not help, please report it with the log",
            )

    def _listen(self, process: subprocess.Popen[str], log: Any) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith(LINE_MARK):
                log.write(line)
                continue
            facts = json.loads(line.removeprefix(LINE_MARK))
            match facts.pop("what"):
                case "start":
                    self._started = True
                    self._watcher.stage("running")
                case "progress":
                    self._watcher.progress(facts)
                case "problem":
                    self._watcher.problem(facts["text"])
                case "end":
                    self._end = facts

    def _command(self) -> list[str]:
        order, profile = self._order, self._order.profile
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--host", order.url]
        command += ["-u", str(profile.phones), "-r", str(max(profile.phones, 1))]
        command += ["--stop-timeout", str(int(order.grace_s) + 10), "--only-summary", "--exit-code-on-error", "0"]
        command += ["--harness-order", str(self._folder / "order.json")]
        wish = self._wish
        if wish.master_port is not None:
            command += ["--master", "--master-bind-port", str(wish.master_port)]
            command += ["--expect-workers", str(wish.expect_workers)]
        elif wish.processes > 1:
            port = str(_free_port())
            command += ["--processes", str(wish.processes), "--master-bind-host", "127.0.0.1"]
            command += ["--master-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]
        return command + [name.title().replace("_", "") for name in sorted(profile.mix)]

    def _environ(self) -> dict[str, str]:
        """Ours, without LOCUST_* options of somebody else's, with the secrets the workers need."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        return {**inherited, ANON_KEY_ENV: self._access.anon_key, PASSWORD_ENV: self._access.password}

    @contextlib.contextmanager
    def _signals(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """First Ctrl-C or SIGTERM: end the run cleanly; second: kill it."""

        def interrupted(number: int, frame: object) -> None:
            self._interrupts += 1
            if self._interrupts > 1 or not self._started:
                processes.kill_group(process)
                return
            self._watcher.stage("ending the run: sessions are closing (again to kill)")
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGUSR1)

        before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
