"""Locust stays Locust: the same personas, closed, under its own command line."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.server import Sandbox

ROOT = Path(__file__).parent.parent.parent
RUN_TIME = "18s"
"""In ten seconds not every draw of people has one who reads, types and sends."""


def locust(sandbox: Sandbox, *more: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "HARNESS_"))}
    command = [sys.executable, "-m", "locust", "-f", "scenarios/locustfile.py", "--headless", "--host", sandbox.url]
    return subprocess.run(
        [*command, "-u", "20", "-r", "5", "-t", RUN_TIME, "--only-summary", *more],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
    )


def requests(said: str) -> int:
    found = re.search(r"Aggregated\s+(\d+)\s+(\d+)\(", said)
    assert found is not None, said
    assert found[2] == "0", said
    return int(found[1])


@pytest.mark.slow
def test_locust_alone_runs_the_personas(sandbox: Sandbox) -> None:
    done = locust(sandbox)
    assert done.returncode == 0, done.stdout
    assert requests(done.stdout) > 60
    for name in ("swipe_deck", "swipe_events", "home_feed", "message_send"):
        assert name in done.stdout


@pytest.mark.slow
def test_locust_with_processes_runs_them_too(sandbox: Sandbox) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    done = locust(sandbox, "--processes", "2", "--master-bind-port", port, "--master-port", port)
    assert done.returncode == 0, done.stdout
    assert requests(done.stdout) > 60


STUMBLES = """
from scenarios.reader import Reader

class Stumbler(Reader):
    starts = 0

    def on_start(self):
        type(self).starts += 1
        if type(self).starts <= 2:
            raise RuntimeError("a start that fails")

Stumbler.persona = "reader"  # behaves as one
"""


@pytest.mark.slow
def test_a_user_whose_start_fails_starts_again(sandbox: Sandbox, tmp_path: Path) -> None:
    """Plain Locust drops it for good, and with it its share of the load."""
    (tmp_path / "locustfile.py").write_text(STUMBLES)
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(tmp_path / "locustfile.py"),
        "--headless",
        "-u",
        "1",
        "-r",
        "1",
    ]
    done = subprocess.run(
        [*command, "-t", "20s", "--only-summary", "--host", sandbox.url, "Stumbler"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
    )
    assert done.stdout.count("RuntimeError: a start that fails") >= 2, done.stdout
    assert requests(done.stdout) > 3


@pytest.mark.slow
def test_a_host_without_a_sandbox_is_one_clear_error() -> None:
    command = [sys.executable, "-m", "locust", "-f", "scenarios/locustfile.py", "--headless", "-u", "1", "-t", "20s"]
    done = subprocess.run(
        [*command, "--host", "http://127.0.0.1:9", "--only-summary"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert "no sandbox answers" in done.stdout
    assert "Traceback" not in done.stdout
    assert done.returncode == 40


pytestmark = pytest.mark.timeout(120)
