"""A `harness run --web` under test: its address, and what it shows."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx

from tests.runs.conftest import BRIEF, BRIEF_SLO, Run, finish, start

BEGINS_S = 150.0
PROFILE = f"""
extends = "{BRIEF}"
name = "shown"
[phases]
warmup_s = 2
measure_s = {{measure_s}}
drain_s = 10
[[arrivals]]
seconds = {{arrive_s}}
rate = 2
"""


@dataclass
class Shown:
    """One run with its page."""

    process: Popen[str]
    out: Path
    url: str
    http: httpx.Client

    def wait_for(self, what: str, patience_s: float = BEGINS_S) -> dict[str, Any]:
        """The figures once the run is in that phase."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                reply = self.http.get("/verdict.json")
                if reply.status_code == 200 and reply.json()["phase"] == what:
                    return dict(reply.json())
            time.sleep(0.3)
        raise AssertionError(f"never in {what}")

    def to_the_end(self) -> tuple[Run, dict[str, Any]]:
        """Look on until the page is gone; the run, and the last that was shown."""
        last: dict[str, Any] = {}
        misses = 0
        while self.process.poll() is None and misses < 20:
            try:
                reply = self.http.get("/verdict.json")
                last = reply.json() if reply.status_code == 200 else last
                misses = 0
            except httpx.TransportError:
                misses += 1
            time.sleep(0.4)
        return finish(self.process, self.out, 200), last


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def shown(folder: Path, url: str, *more: str, measure_s: int = 20, host: str = "") -> Iterator[Shown]:
    """Started; killed if it is still there afterwards."""
    profile, out, port = folder / "shown.toml", folder / "runs", free_port()
    profile.write_text(PROFILE.format(measure_s=measure_s, arrive_s=measure_s + 2))
    web = f"{host}:{port}" if host else str(port)
    process = start(out, profile, "--url", url, "--slo", BRIEF_SLO, "--web", web, *more)
    address = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=address, timeout=20.0, trust_env=False) as http:
            yield Shown(process, out, address, http)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=30)
