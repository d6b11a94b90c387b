"""Being one worker of a master elsewhere: plain Locust, with the secrets from this machine's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from harness.config.load import load_target, resolve_keys
from harness.core.child_environment import asked_for, child_environment
from harness.core.errors import ExitCode, TargetError, UsageError
from harness.core.interrupts import Interrupted, listening
from harness.core.ownership import refuse_outside_windows
from harness.core.run_spec import ANON_KEY_ENV, JWT_SECRET_ENV, PASSWORD_ENV
from harness.core.run_token import TOKEN_ENV, token_from
from harness.core.secret import NOTHING
from harness.core.tables import MANIFEST
from harness.core.target_guard import Permit, permit
from harness.egress.gate import Gate
from harness.egress.orders import ANY_LOOPBACK, handed
from harness.egress.sources import SOURCES_ENV, sources_in
from harness.load import child_process as processes
from harness.load.alive import ALIVE_ENV, BEAT
from harness.load.discovery import discover
from harness.record.share import WORKER_OUT_ENV, close_shares
from harness.run.locust_process import LOCUSTFILE
from harness.run.master_hello import greet
from harness.run.ownership import refuse_unowned
from harness.run.token_signing import minting

_OWN_CODES = (ExitCode.PASS, ExitCode.USAGE, ExitCode.TARGET)
"""What a worker itself says: served, or refused to."""


def work(
    master: str,
    target_file: str | None,
    url: str | None,
    out: Path,
    *,
    allow_production: bool = False,
    wait_s: float = 5.0,
    say: Callable[[str], None] = print,
) -> int:
    """Serve the master at `HOST:PORT` until it says that the run is over; 0 when it did, 2 or 40 when this worker
    refused to take part, was not wanted, or lost its master (`docs/distributed.md`).

    The target file says where it may go, and what it takes: see `harness.egress.orders`. The worker's own files go
    below `out`, unless the run directory is on this machine.

    wait_s: how long to wait for a master to answer there.
    say: is told what this worker waits for.
    :raises UsageError: not an address, no token or another one, no keys, or the run began without this worker.
    :raises TargetError: no master there, or the master or the target may not be connected to.
    """
    host, port = _address(master)
    token = token_from(os.environ)
    if not token:
        raise UsageError(
            "a worker needs the run's token",
            where=TOKEN_ENV,
            remedy=f"export {TOKEN_ENV}=... as the master printed it, or give both the same",
        )
    told, allowed = _environ(target_file, url, allow_production=allow_production)
    sources_in(os.environ)  # before anybody waits for this worker
    address = _address_of(host.strip("[]"), Gate(allowed.reach))
    greet(address, port, token, wait_s=wait_s, say=say)
    processes.raise_descriptor_limit()
    told |= {WORKER_OUT_ENV: str(out.absolute()), TOKEN_ENV: token} | handed(allowed)
    environ = child_environment(os.environ, SOURCES_ENV, ALIVE_ENV, *asked_for(os.environ), **told)
    command = [sys.executable, "-m", "harness.load.locust_main", "-f", str(LOCUSTFILE), "--worker"]
    command += ["--exit-code-on-error", "0", "--master-host", address, "--master-port", str(port)]
    process: subprocess.Popen[str] | None = None
    asked: list[int] = []

    def leave(number: int, frame: object) -> None:
        asked.append(number)
        if process is None:
            return
        if len(asked) > 1:
            processes.kill_group(process)
        process.terminate()

    with listening(leave):
        process = processes.start(command, environ=environ, stdout=None)
        try:
            if asked:
                process.terminate()
            with BEAT.left_to_the_load():
                code = process.wait()
        finally:
            processes.end(process, patience_s=5.0)
            for run in out.glob("*"):
                if not (run / MANIFEST).exists():  # a run directory is its own supervisor's
                    close_shares(run, all_ended=False)
    if asked:
        raise Interrupted(asked[0])
    return code if code in _OWN_CODES else int(ExitCode.INTERNAL)


def _address(master: str) -> tuple[str, int]:
    host, _, port = master.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65_536:
        raise UsageError(f"not an address: {master!r}", where="--worker", remedy="give HOST:PORT of the master")
    return host, int(port)


def _address_of(host: str, gate: Gate) -> str:
    """Where the master is: an address, so that its name means what it meant when it was checked.

    :raises TargetError: not allowed there, or nobody knows it.
    """
    try:
        order = gate.pin(host, "the master", where="--worker").order()
    except OSError as error:
        raise TargetError(
            f"the master's name cannot be looked up: {error.strerror or error}", where=f"--worker {host}"
        ) from None
    return next((address for address in order if ":" not in address), f"[{order[0]}]")


def _environ(target_file: str | None, url: str | None, *, allow_production: bool) -> tuple[dict[str, str], Permit]:
    """What its Locust process is told, with the target's keys and without options that are somebody else's; and where
    it may go."""
    allowed = ANY_LOOPBACK
    if target_file:
        target = load_target(target_file)
        allowed = permit(target, peak_phones=0, allow_production=allow_production)
        refuse_outside_windows(target, datetime.now(UTC))
        keys, gate = resolve_keys(target, os.environ), Gate(allowed.reach)
        refuse_unowned(target, keys, gate)
        told = {
            ANON_KEY_ENV: keys.anon.reveal(),
            PASSWORD_ENV: (keys.password or NOTHING).reveal(),
            JWT_SECRET_ENV: minting(target, keys, gate).text.reveal(),
        }
    elif url:
        found = discover(url)
        allowed = replace(ANY_LOOPBACK, url=found.url)
        told = {ANON_KEY_ENV: found.anon_key.reveal(), PASSWORD_ENV: found.people.password.reveal()}
    elif ANON_KEY_ENV in os.environ:
        told = {name: os.environ.get(name, "") for name in (ANON_KEY_ENV, PASSWORD_ENV, JWT_SECRET_ENV)}
    else:
        raise UsageError(
            "a worker needs the target's keys",
            where="harness run --worker",
            remedy=f"give --target FILE, or --url of a sandbox on this machine, or set {ANON_KEY_ENV}",
        )
    return told, allowed
