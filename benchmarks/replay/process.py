"""A replay in processes of its own, on the core of targets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET_CORE = 0
BENCHMARKS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Shared:
    """How a large replay answers: by so many processes, with Realtime that tells something by itself or without, with
    TLS or without. presence_per_s: of all of them together. crowd: who is there, in multiples of those that one process
    knows."""

    processes: int = 1
    presence_per_s: float | None = None
    crowd: int = 1
    certificate: Path | None = None

    def options(self) -> list[str]:
        """Of each."""
        found: list[str] = []
        if self.presence_per_s is not None:
            found += ["--presence", str(self.presence_per_s / self.processes), "--crowd", str(self.crowd)]
        return found if self.certificate is None else [*found, "--certificate", str(self.certificate)]


ALONE = Shared()


@contextlib.contextmanager
def replaying(
    recording: Path,
    people: int,
    told: dict[str, Any],
    shared: Shared = ALONE,
    *,
    pids: list[int] | None = None,
    core: int = TARGET_CORE,
) -> Iterator[str]:
    """A replay at work, by its URL; `told` gets the tally of all its processes at the end, `pids` who they are."""
    command = [sys.executable, "-m", "replay.server", str(recording.resolve()), "--people", str(people)]
    command += shared.options()
    running: list[subprocess.Popen[str]] = []
    with contextlib.ExitStack() as stack:

        def started(*more: str) -> str:
            process = stack.enter_context(
                subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True, cwd=BENCHMARKS)
            )
            running.append(process)
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(process.pid, {core})
            return str(_line(process)["url"])

        try:
            url = started()
            for _ in range(shared.processes - 1):
                started("--port", url.rpartition(":")[2])
            if pids is not None:
                pids += [process.pid for process in running]
            yield url
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
            for process in running:
                _add(told, _line(process))


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"the replay ended with {process.wait()}")
    found: dict[str, Any] = json.loads(line)
    return found


def _add(told: dict[str, Any], one: dict[str, Any]) -> None:
    for name, value in one.items():
        if isinstance(value, dict):
            _add(told.setdefault(name, {}), value)
        else:
            told[name] = told.get(name, 0) + value


def certificate(folder: Path) -> Path:
    """Chain and key of a server at 127.0.0.1, its own authority, in one PEM file. :raises SystemExit: no openssl."""
    path = folder / "replay.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=replay", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run([*command, "-keyout", str(path), "-out", str(path)], check=True, capture_output=True)
    except FileNotFoundError:
        raise SystemExit("--tls makes a certificate with openssl, which is not on the PATH") from None
    return path
