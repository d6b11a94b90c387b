"""A fleet as it is: three machines behind 40 ms and 1 % loss, one of them with another time, one of them lost.

A run of the fleet says what a run of one process says, or that it cannot tell and why.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.core.run_token import TOKEN_ENV, new_token
from tests.runs.conftest import BRIEF, BRIEF_SLO, Run
from tests.runs.namespaces import HUB, Namespace, fleet, why_not

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(800),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "here"),
    pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed (scripts/test-tools.sh)"),
]
PORT, MASTER = 8787, 5557
WORKERS, AHEAD_S = 3, 120
GENTLE = {"measure_s = 8": "measure_s = 28", "seconds = 10": "seconds = 30", "rate = 3": "rate = 0.7"}
"""A profile of a few sessions: what is compared are verdicts, not machines."""
TARGET = f"""
name = "hub"
url = "http://{HUB}:{PORT}"
environment = "sandbox"
[keys]
anon_env = "SANDBOX_ANON_KEY"
service_env = "SANDBOX_SERVICE_KEY"
jwt_secret_env = "SANDBOX_JWT_SECRET"
[people]
tag = "fleet"
domain = "fleet.example.com"
password_env = "SANDBOX_PASSWORD"
[ownership]
waived = "private-network"
[limits."{HUB}"]
requests_per_second = 1000
phones = 100
private = true
"""


@dataclass
class Place:
    """A first machine with a sandbox on it, and the others."""

    hub: Namespace
    others: list[Namespace]
    target: Path
    profile: Path
    environ: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, where: Namespace, *words: str, ahead_s: int = 0) -> subprocess.Popen[str]:
        """`harness` with these words on that machine, whose clock is ahead by so much."""
        command = [sys.executable, "-m", "harness", *words]
        if ahead_s:
            command = ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", f"+{ahead_s}s", *command]
        process = subprocess.Popen(
            where.inside(command),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def master(self, out: Path, *more: str) -> subprocess.Popen[str]:
        words = ["run", str(self.profile), "--slo", str(BRIEF_SLO), "--target", str(self.target), "--out", str(out)]
        return self.start(self.hub, *words, "--no-html", *more)

    def worker(self, number: int, *, ahead_s: int = 0) -> subprocess.Popen[str]:
        words = ["run", "--worker", f"{HUB}:{MASTER}", "--target", str(self.target), "--wait", "200"]
        return self.start(self.others[number], *words, ahead_s=ahead_s)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = subprocess.run(
        [sys.executable, "-m", "harness", "sandbox", "keys"], capture_output=True, text=True, check=True, timeout=60
    )
    secrets = dict(line.split("=", 1) for line in made.stdout.splitlines())
    target = tmp_path_factory.mktemp("fleet") / "hub.toml"
    target.write_text(TARGET, encoding="utf-8")
    profile, text = target.with_name("gentle.toml"), BRIEF.read_text(encoding="utf-8")
    for busy, gentle in GENTLE.items():
        assert text.count(busy) == 1
        text = text.replace(busy, gentle)
    profile.write_text(text, encoding="utf-8")
    with fleet(WORKERS, delay_ms=40, loss=0.01) as (hub, others), ExitStack() as stack:
        here = Place(hub, others, target, profile, {**os.environ, **secrets, TOKEN_ENV: new_token()})
        stack.callback(_end_all, here)
        sandbox = ["sandbox", "up", "--host", "0.0.0.0", "--port", str(PORT), "--people", "60", "--catalogue", "300"]
        here.start(hub, *sandbox)
        _wait_for(hub)
        people = here.start(hub, "users", "provision", "--target", str(target), "--count", "40")
        said, _ = people.communicate(timeout=200)
        assert people.returncode == 0, said
        yield here


def _wait_for(hub: Namespace) -> None:
    """Until the sandbox is healthy, as seen from its own machine."""
    code = f"import urllib.request as r; r.urlopen('http://{HUB}:{PORT}/health', timeout=2)"
    deadline = time.monotonic() + 120
    while subprocess.run(hub.inside([sys.executable, "-c", code]), capture_output=True, check=False).returncode:
        assert time.monotonic() < deadline, "the sandbox did not become healthy"
        time.sleep(0.3)


def _end_all(place: Place) -> None:
    for process in reversed(place.started):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def finished(process: subprocess.Popen[str], out: Path) -> Run:
    said, _ = process.communicate(timeout=240)
    folders = [path for path in out.iterdir() if path.is_dir()]
    assert len(folders) == 1, said
    (folder,) = folders
    return Run(process.returncode, said, folder)


@pytest.fixture(scope="module")
def alone(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of one process, beside the target."""
    out = tmp_path_factory.mktemp("alone")
    run = finished(place.master(out), out)
    assert run.manifest["status"] == "complete", run.said
    assert run.verdict["integrity"]["status"] == "held", run.said
    return run


def assert_alike(run: Run, alone: Run) -> None:
    """The same verdict, or inconclusive with a reason. Where the run of one process doubts itself already, on a busy
    machine, there is no verdict to compare with."""
    assert run.manifest["status"] == "complete", run.said
    assert not {11, 30, 40, 70} & set(run.verdict["exit_codes"]), run.said
    assert run.verdict["integrity"]["status"] == "held", "nothing is lost, doubled or misdated"
    if not alone.doubts:
        assert run.code in (alone.code, 20), run.said
        assert run.code == alone.code or run.doubts, "inconclusive, and says why"


def test_the_link_is_what_it_says(place: Place) -> None:
    code = f"""
import socket, time
took = []
for _ in range(20):
    begun = time.monotonic()
    socket.create_connection(("{HUB}", {PORT}), timeout=20).close()
    took.append(time.monotonic() - begun)
print(min(took))
"""
    told = subprocess.run(
        place.others[0].inside([sys.executable, "-c", code]), capture_output=True, text=True, check=True, timeout=120
    )
    assert float(told.stdout) >= 0.08


def test_a_fleet_with_a_clock_two_minutes_off_says_what_one_process_says(
    place: Place, alone: Run, tmp_path: Path
) -> None:
    master = place.master(tmp_path, *_as_master())
    workers = [place.worker(number, ahead_s=AHEAD_S if number == 0 else 0) for number in range(WORKERS)]
    run = finished(master, tmp_path)
    for worker in workers:
        said, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0, said
    assert_alike(run, alone)
    assert run.manifest["workers"] == WORKERS
    assert run.manifest["planned_sessions"] == alone.manifest["planned_sessions"]
    assert run.manifest["plan_digest"] == alone.manifest["plan_digest"]
    apart = sorted(clock["apart_us"] for clock in run.manifest["clocks"])
    assert apart[0] == pytest.approx(-AHEAD_S * 1e6, abs=1e6), "set right by the master's"
    assert all(abs(one) < 500_000 for one in apart[1:])
    roster = next(row for row in run.verdict["health"] if row["check"] == "worker roster")
    assert re.search(r"worker \d's clock was 1(19|20|21) s ahead, which was allowed for", roster["value"]), roster


def test_a_lost_machine_makes_the_run_inconclusive_and_is_named(place: Place, alone: Run, tmp_path: Path) -> None:
    master = place.master(tmp_path, *_as_master())
    workers = [place.worker(number, ahead_s=AHEAD_S if number == 0 else 0) for number in range(WORKERS)]
    deadline = time.monotonic() + 200
    while not list(tmp_path.glob("*/stream/arrivals.arrows")):
        assert time.monotonic() < deadline, "the load did not begin"
        time.sleep(0.1)
    os.killpg(workers[1].pid, signal.SIGKILL)
    run = finished(master, tmp_path)
    for worker in (workers[0], workers[2]):
        said, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0, said
    assert_alike(run, alone)
    assert 20 in run.verdict["exit_codes"], run.said
    roster = next(row for row in run.verdict["health"] if row["check"] == "worker roster")
    assert roster["level"] == "invalid"
    assert re.search(r"2 of 3 workers to the end; .*worker \d.* (lost|silent) (after|for) ", roster["value"]), roster
    assert "part of the load was not made" in json.dumps(run.verdict)


def _as_master() -> tuple[str, ...]:
    return ("--master", str(MASTER), "--bind", HUB, "--expect-workers", str(WORKERS), "--wait", "200")
