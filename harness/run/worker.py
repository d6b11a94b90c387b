"""Being one worker of a master elsewhere: plain Locust, with the secrets from this machine's environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from harness.config.load import load_target, resolve_keys
from harness.core.errors import ExitCode, TargetError, UsageError
from harness.core.run_spec import ANON_KEY_ENV, JWT_SECRET_ENV, PASSWORD_ENV
from harness.core.tables import MANIFEST
from harness.core.target_guard import permit
from harness.egress.gate import Gate
from harness.egress.orders import ANY_LOOPBACK, handed
from harness.load import child_process as processes
from harness.load.discovery import discover
from harness.record.share import WORKER_OUT_ENV, close_shares
from harness.run.locust_process import LOCUSTFILE

_OWN_CODES = (ExitCode.PASS, ExitCode.USAGE, ExitCode.TARGET)
"""What a worker itself says: served, or refused to."""


def work(master: str, target_file: str | None, url: str | None, out: Path, *, allow_production: bool = False) -> int:
    """Serve the master at `HOST:PORT` until it says that the run is over; 0 when it did, 2 or 40 when this worker
    refused to take part.

    The target file says where it may go, and what it takes: see `harness.egress.orders`. The worker's own files go
    below `out`, unless the run directory is on this machine.

    :raises UsageError: no address, or no keys. :raises TargetError: the master or the target may not be connected to.
    """
    host, _, port = master.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"not an address: {master!r}", where="--worker", remedy="give HOST:PORT of the master")
    allowed = ANY_LOOPBACK
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    if target_file:
        target = load_target(target_file)
        allowed = permit(target, peak_phones=0, allow_production=allow_production)
        keys = resolve_keys(target, os.environ)
        environ |= {
            ANON_KEY_ENV: keys.anon,
            PASSWORD_ENV: keys.password or "",
            JWT_SECRET_ENV: keys.jwt_secret or "",
        }
    elif url:
        found = discover(url)
        allowed = replace(ANY_LOOPBACK, url=found.url)
        environ |= {ANON_KEY_ENV: found.anon_key, PASSWORD_ENV: found.people.password}
    elif ANON_KEY_ENV not in environ:
        raise UsageError(
            "a worker needs the target's keys",
            where="harness run --worker",
            remedy=f"give --target FILE, or --url of a sandbox on this machine, or set {ANON_KEY_ENV}",
        )
    address = _address_of(host.strip("[]"), Gate(allowed.reach))
    environ |= handed(allowed)
    processes.raise_descriptor_limit()
    environ[WORKER_OUT_ENV] = str(out.absolute())
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--worker", "--exit-code-on-error", "0"]
    command += ["--master-host", address, "--master-port", port]
    process = processes.start(command, environ=environ, stdout=None)

    def leave(number: int, frame: object) -> None:
        process.terminate()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    try:
        code = process.wait()
    except subprocess.SubprocessError:
        code = int(ExitCode.INTERNAL)
    finally:
        processes.end(process, patience_s=5.0)
        for run in out.glob("*"):
            if not (run / MANIFEST).exists():  # a run directory is its own supervisor's
                close_shares(run, all_ended=False)
    return code if code in _OWN_CODES else int(ExitCode.INTERNAL)


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
