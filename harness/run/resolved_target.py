"""How a run gets to its target: a sandbox of its own, one that runs here, or a deployment from a target file."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx

from harness.config.load import ResolvedKeys, resolve_keys
from harness.core.child_environment import child_environment
from harness.core.counted import counted
from harness.core.errors import TargetError, UsageError
from harness.core.ownership import refuse_outside_windows
from harness.core.people import email_pattern
from harness.core.profile import Profile
from harness.core.resolved_target import ResolvedTarget
from harness.core.secret import NOTHING
from harness.core.target import Target
from harness.core.target_guard import is_loopback, permit
from harness.egress import database, web
from harness.egress.gate import Gate, host_of
from harness.load import child_process as processes
from harness.load.discovery import Discovered, discover
from harness.load.sizing import check_workers
from harness.provision import user_ids
from harness.record.run_log import NO_LOG, RunLog
from harness.run.health_reply import refuse_foreign
from harness.run.ownership import refuse_unowned
from harness.run.plan_limits import largest_scale, peak_of
from harness.run.run_request import RunRequest, Watcher
from harness.run.token_signing import check_taken, minting

MANY_PEOPLE = 5_000
SELF_HOST_SOCKETS = 200
TEAM_SOCKETS = 10_000
"""Connected clients that Realtime takes by default, and in the team plan (realtime contract, 1.6)."""
SANDBOX_READY_S = 60.0
SWEEP_S = 30.0
SANDBOX_ENVIRONMENT = ("SANDBOX_JWT_SECRET", "SANDBOX_PASSWORD", "SANDBOX_POSTGRES")
"""What a sandbox takes from the environment where it is set."""
SEEDED_PER_S = 50.0  # people, at the very least


@contextlib.contextmanager
def target_of(run_request: RunRequest, watcher: Watcher, log: RunLog = NO_LOG) -> Iterator[ResolvedTarget]:
    """The request's target, ready to be loaded; a sandbox started for it is gone afterwards.

    :raises UsageError: when the request contradicts itself or names keys that are not there.
    :raises TargetError: when the target may not be touched or does not answer.
    """
    if run_request.quirks and (run_request.target or run_request.sandbox_url):
        raise UsageError("--quirk needs the sandbox that a run starts itself", remedy="leave out --target and --url")
    if run_request.target is not None:
        access = _foreign(run_request.target, run_request)
        _probe(access)
        yield access
    elif run_request.sandbox_url is not None:
        yield discovered(discover(run_request.sandbox_url))
    else:
        people = run_request.profile.sandbox.people
        patience = "; so many take a minute or more" if people > MANY_PEOPLE else ""
        watcher.stage(f"starting a sandbox with {counted(people, 'person', 'people')}{patience}")
        log.info("sandbox starting", people=people, switches=list(run_request.quirks))
        with _own_sandbox(run_request, log) as access:
            yield access


@contextlib.contextmanager
def _own_sandbox(run_request: RunRequest, log: RunLog) -> Iterator[ResolvedTarget]:
    size = run_request.profile.sandbox
    if size.people < run_request.profile.people:
        raise UsageError(
            f"the profile needs {counted(run_request.profile.people, 'person', 'people')}, "
            f"its sandbox has {size.people}",
            where=f"profile {run_request.profile.name}, sandbox.people",
            remedy=f"set sandbox.people to at least {run_request.profile.people}",
        )
    command = [sys.executable, *_from_code(run_request), "-m", "sandbox.server", "--port", "0"]
    command += ["--people", str(size.people), "--catalogue", str(size.catalogue)]
    for setting in realtime_for(run_request.profile):
        command += ["--realtime", setting]
    for quirk in run_request.quirks:
        command += ["--quirk", quirk]
    told = {} if run_request.sandbox_code is None else {"PYTHONPATH": str(run_request.sandbox_code.absolute())}
    process = processes.start(
        command, environ=child_environment(os.environ, *SANDBOX_ENVIRONMENT, **told), stderr=subprocess.PIPE
    )
    try:
        found = _await_ready(process, SANDBOX_READY_S + size.people / SEEDED_PER_S)
        log.info("sandbox ready", url=found.url, sandbox_pid=process.pid)
        yield replace(discovered(found), own=True, pid=process.pid, death=lambda: _death_of(process))
    finally:
        killed = process.poll() is not None and process.returncode < 0
        processes.end(process, patience_s=10.0)
        if killed or process.returncode == -signal.SIGKILL:
            _sweep(log)


def _from_code(run_request: RunRequest) -> tuple[str, ...]:
    """Python's option that lets PYTHONPATH outrank the working directory. :raises UsageError: no sandbox is there."""
    if run_request.sandbox_code is None:
        return ()
    if not (run_request.sandbox_code / "sandbox" / "server" / "__main__.py").is_file():
        raise UsageError(
            "this folder holds no sandbox",
            where=str(run_request.sandbox_code),
            remedy="name a checkout of the harness: the folder that holds its folder `sandbox`",
        )
    return ("-P",)


def realtime_for(profile: Profile) -> tuple[str, ...]:
    """Settings of an own sandbox's Realtime: the plan that the profile names, or, where it names none and may open more
    sockets than a self-hosted server's default takes, the team plan; with room for all of them in either case.

    A limit on connections that refuses phones before the sandbox is busy would measure the limit, and each refused
    phone tries again and again. Whoever wants to see the limit names a plan (`sandbox.plan`) or gives the switch.
    """
    size = profile.sandbox
    if size.plan != "self-host":
        return (f"plan={size.plan}",)
    if not profile.realtime or profile.phones <= SELF_HOST_SOCKETS:
        return ()
    more = (f"max_concurrent_users={profile.phones}",) if profile.phones > TEAM_SOCKETS else ()
    return ("plan=team", *more)


def _sweep(log: RunLog) -> None:
    """A sandbox that was killed could not remove its database's folder; another process of its kind can."""
    command, environ = [sys.executable, "-m", "sandbox.sweep"], child_environment(os.environ)
    sweeper = processes.start(command, environ=environ, stdout=subprocess.DEVNULL)
    try:
        sweeper.wait(SWEEP_S)
    except subprocess.TimeoutExpired:
        log.warning("sandbox not swept", after_s=SWEEP_S)
    finally:
        processes.end(sweeper, patience_s=1.0)


def _death_of(process: subprocess.Popen[str]) -> str:
    code = process.poll()
    return "" if code is None else f"the sandbox died during the run (exit code {code})"


def discovered(found: Discovered) -> ResolvedTarget:
    """A sandbox on this machine."""
    return ResolvedTarget(
        name=found.name,
        url=found.url,
        environment="sandbox",
        anon_key=found.anon_key,
        password=found.people.password,
        email_pattern=found.people.email_pattern,
        signing_secret=found.signing_key or found.jwt_secret,
        service_key=found.service_key,
        dsn=found.dsn,
        notes=tuple(f"sandbox switch {name}={value}" for name, value in found.quirks.items()),
    )


def _await_ready(process: subprocess.Popen[str], limit_s: float) -> Discovered:
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True).start()
    timer = threading.Timer(limit_s, lambda: processes.kill_group(process))
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


def _foreign(target: Target, run_request: RunRequest) -> ResolvedTarget:
    profile = run_request.profile
    seed = profile.seed if run_request.seed is None else run_request.seed
    peak = peak_of(profile, seed)
    allowed = permit(
        target,
        peak_phones=peak.phones,
        peak_requests_per_second=peak.requests_per_second,
        peak_connections_per_second=peak.connections_per_second,
        peak_sockets=peak.sockets,
        largest_scale=lambda limits: largest_scale(profile, seed, limits),
        allow_production=run_request.allow_production,
    )
    local = run_request.master_port is None
    check_workers((run_request.processes or 1) if local else run_request.expect_workers, allowed.wire)
    keys = resolve_keys(target, os.environ)
    gate = Gate(allowed.reach)
    waits_s = 0.0 if local else run_request.wait_s  # for workers: what begins late ends late
    refuse_outside_windows(target, datetime.now(UTC), waits_s + profile.phases.end_s + profile.phases.drain_s)
    pinned(gate, target.url, (keys.dsn or NOTHING).reveal())
    owned = refuse_unowned(target, keys, gate)
    named = keys.signing_key is not None or keys.jwt_secret is not None
    mint = named and keys.service is not None
    if not mint and keys.password is None:
        raise UsageError(
            "phones cannot sign in: neither a password nor a signing key or JWT secret with a service key is named",
            where=f"target {target.name}",
            remedy="name people.password_env, or keys.signing_key_env (jwt_secret_env) together with keys.service_env",
        )
    minted = minting(target, keys, gate)
    user_ids = _everybody(target, keys, run_request) if mint else ()
    if mint:
        first = email_pattern(target.people).format(index=0)
        check_taken(gate, target.url, keys.anon.reveal(), minted.text, user_ids[0], first)
    return ResolvedTarget(
        name=target.name,
        url=target.url,
        environment=target.environment,
        anon_key=keys.anon,
        password=keys.password or NOTHING,
        email_pattern=email_pattern(target.people),
        limits=allowed.wire,
        jwt_secret=minted.text if mint else NOTHING,
        minted_with=minted.how if mint else "",
        sign_in=target.sign_in,
        signing_secret=minted.text,
        service_key=keys.service or NOTHING,
        dsn=keys.dsn or NOTHING,
        reach=allowed.reach,
        app_origin=target.app_origin or "",
        user_ids=user_ids,
        notes=() if is_loopback(target.host) else (f"ownership: {owned}",),
    )


def pinned(gate: Gate, url: str, dsn: str) -> None:
    """Look up where a target and its database are, for good, before anything is sent there.

    :raises UsageError: no connection string. :raises TargetError: not allowed there, or nobody knows the name.
    """
    try:
        gate.pin(host_of(url), "the target", where=url)
    except OSError as error:
        raise TargetError(
            f"the target's name cannot be looked up: {error.strerror or error}",
            where=url,
            remedy="check the url in the target file, and the network",
        ) from None
    database.check(gate, dsn)


def _everybody(target: Target, keys: ResolvedKeys, run_request: RunRequest) -> tuple[str, ...]:
    """User ids of all the people the profile needs, in order."""
    needed = run_request.profile.people
    found = user_ids(target, keys, needed, allow_production=run_request.allow_production)
    if len(found) < needed:
        raise TargetError(
            f"the profile needs {counted(needed, 'person', 'people')}, the target has {len(found)} of them",
            where=target.url,
            remedy=f"harness users provision --target FILE --count {needed}",
        )
    return tuple(found[number] for number in range(needed))


def _probe(access: ResolvedTarget) -> None:
    url = access.url + "/auth/v1/health"
    try:
        reply = web.get(Gate(access.reach), url, timeout_s=10.0, headers={"apikey": access.anon_key.reveal()})
    except httpx.HTTPError as error:
        raise TargetError(
            f"the target does not answer: {error or type(error).__name__}",
            where=access.url,
            remedy="check the url in the target file and that the deployment is up",
        ) from error
    refuse_foreign(url, reply.status_code, reply.headers, reply.content)
