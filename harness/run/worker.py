"""Being one worker of a master elsewhere: plain Locust, with the secrets from this machine's environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from harness.config.load import load_target, resolve_keys
from harness.core.child_environment import asked_for, child_environment
from harness.core.errors import ExitCode, UsageError
from harness.core.run_spec import ANON_KEY_ENV, JWT_SECRET_ENV, PASSWORD_ENV
from harness.core.secret import NOTHING
from harness.core.tables import MANIFEST
from harness.load import child_process as processes
from harness.load.discovery import discover
from harness.record.share import WORKER_OUT_ENV, close_shares
from harness.run.locust_process import LOCUSTFILE

_OWN_CODES = (ExitCode.PASS, ExitCode.USAGE, ExitCode.TARGET)
"""What a worker itself says: served, or refused to."""


def work(master: str, target_file: str | None, url: str | None, out: Path) -> int:
    """Serve the master at `HOST:PORT` until it says that the run is over; 0 when it did, 2 or 40 when this worker
    refused to take part.

    The worker's own files go below `out`, unless the run directory is on this machine.
    """
    host, _, port = master.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"not an address: {master!r}", where="--worker", remedy="give HOST:PORT of the master")
    told: dict[str, str] = {}
    if target_file:
        keys = resolve_keys(load_target(target_file), os.environ)
        told = {
            ANON_KEY_ENV: keys.anon.reveal(),
            PASSWORD_ENV: (keys.password or NOTHING).reveal(),
            JWT_SECRET_ENV: (keys.jwt_secret or NOTHING).reveal(),
        }
    elif url:
        found = discover(url)
        told = {ANON_KEY_ENV: found.anon_key.reveal(), PASSWORD_ENV: found.people.password.reveal()}
    elif ANON_KEY_ENV in os.environ:
        told = {name: os.environ.get(name, "") for name in (ANON_KEY_ENV, PASSWORD_ENV, JWT_SECRET_ENV)}
    else:
        raise UsageError(
            "a worker needs the target's keys",
            where="harness run --worker",
            remedy=f"give --target FILE, or --url of a sandbox on this machine, or set {ANON_KEY_ENV}",
        )
    processes.raise_descriptor_limit()
    told[WORKER_OUT_ENV] = str(out.absolute())
    environ = child_environment(os.environ, *asked_for(os.environ), **told)
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--worker", "--exit-code-on-error", "0"]
    command += ["--master-host", host, "--master-port", port]
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
