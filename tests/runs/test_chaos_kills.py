"""kill -9 in the middle of a chaos run: no fault survives its lease, and nobody stays in a black hole.

    .venv/bin/python -m pytest tests/runs/test_chaos_kills.py -m slow -s      (one line a kill)
    HARNESS_CHAOS_KILLS=100 ...                                               (12 by default)

Each time a whole `harness run` of two workers with faults of both layers, through a proxy server of its own process;
then its supervisor (who holds the leases), a worker, or the proxy is killed at a random moment.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from chaos.client import Toxiproxy
from harness.run.proxy_conductor import LEASE_S
from sandbox.server import Sandbox
from tests.chaos.process import Running, clean_after, proxy_process

from .conftest import BRIEF_SLO, DATA, command_line, finish, generators, start, tell

KILLS = int(os.environ.get("HARNESS_CHAOS_KILLS", "12"))
VICTIMS = ("controller", "worker", "proxy")
CONNECTIONS = 6
SWEEP_S = 1.0
"""On top of the lease: how late the proxy, and we, may notice that it is over."""
PROFILE = """
name = "chaos-kill"
extends = "{base}"
people = 60
phones = 60

[phases]
warmup_s = 1
measure_s = 60
drain_s = 5

[[arrivals]]
seconds = 61
rate = 2

[[chaos]]
name = "hole"
fault = "{hole}"
at = 0
for = 60
share = 0.4
{parameters}

[[chaos]]
fault = "http_status"
at = 0
for = 60
share = 0.2
parameters = {{ status = 503, path = "/rest/*" }}

[[chaos]]
fault = "lost_reply"
at = 0
for = 60
share = 0.2

[[chaos]]
fault = "offline"
at = 1
for = 60
where = {{ cohort = 0.3 }}
"""
HOLES = (
    ("half_open", ""),
    ("timeout", "parameters = { timeout = 0 }"),
    ("bandwidth", "parameters = { rate = 0 }"),
    ("http_delay", "parameters = { delay = 600_000 }"),
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_in_a_chaos_run_leaves_no_fault_and_no_black_hole(number: int, sandbox: Sandbox, tmp_path: Path) -> None:
    rng = random.Random(f"chaos kill {number}")
    victim, after = VICTIMS[number % len(VICTIMS)], rng.uniform(0.3, 4.0)
    hole, parameters = rng.choice(HOLES)
    profile = tmp_path / "chaos-kill.toml"
    profile.write_text(PROFILE.format(base=DATA / "kill.toml", hole=hole, parameters=parameters), encoding="utf-8")
    out = tmp_path / "runs"
    with proxy_process() as running, contextlib.ExitStack() as held:
        arguments = ("--url", sandbox.url, "--slo", BRIEF_SLO, "--processes", "2", "--proxy", running.api)
        process = start(out, profile, *arguments)
        held.callback(_end, process)
        listen = _faulty(process, running)
        links = [held.enter_context(_asking(listen)) for _ in range(CONNECTIONS)]
        time.sleep(after)
        crew = generators(process)
        if victim == "proxy":
            running.process.kill()
        else:
            os.kill(process.pid if victim == "controller" else rng.choice(crew[1:]), signal.SIGKILL)
        if victim != "controller":  # the run goes on; whoever ends it ends its faults
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
        clean_s = 0.0 if victim == "proxy" else clean_after(running.api, LEASE_S + SWEEP_S)
        fates = [_fate(link) for link in links]
        if victim == "controller":
            process.communicate(timeout=20)
        else:
            run = finish(process, out)
            assert run.code in (20, 30), run.said
        deadline = time.monotonic() + 20
        while (left := [pid for pid in crew if "locust_main" in command_line(pid)]) and time.monotonic() < deadline:
            time.sleep(0.1)
    tell(f"{number:3} {victim:10} {after:3.1f} s, {hole:9}: clean {clean_s:4.2f} s, {Counter(fates)}")
    assert "hung" not in fates
    assert not left


def _faulty(process: subprocess.Popen[str], running: Running) -> tuple[str, int]:
    """Where phones go, once both faults of the proxy are set."""
    deadline = time.monotonic() + 60
    with Toxiproxy(running.api) as server:
        while time.monotonic() < deadline and process.poll() is None:
            for proxy in server.proxies().values():
                if len(proxy.toxics) == 2:
                    host, _, port = proxy.listen.rpartition(":")
                    return host, int(port)
            time.sleep(0.05)
    process.terminate()
    raise AssertionError("the chaos never began: " + process.communicate(timeout=60)[0])


def _asking(address: tuple[str, int]) -> socket.socket:
    """A connection with a request under way."""
    link = socket.create_connection(address, 5)
    link.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return link


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=60)


def _fate(link: socket.socket) -> str:
    """`answered`, `closed`, or `hung`: what became of a request that was under way."""
    link.settimeout(5.0)
    try:
        return "answered" if link.recv(1) else "closed"
    except TimeoutError:
        return "hung"
    except ConnectionError:
        return "closed"
