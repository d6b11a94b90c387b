"""A worker is killed half way: the run says so, the others go on. Plain Locust does not mind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.config.load import load_profile
from harness.record.store import open_run
from harness.schedule.arrivals import plan
from sandbox.server import Sandbox

from .conftest import BRIEF, BRIEF_SLO, Run, command_line, descendants, finish, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PLAIN = """
from locust import User, constant, events, task

class Plain(User):
    wait_time = constant(0.1)

    @task
    def fires(self):
        facts = dict(request_type="GET", name="x", response_time=1, response_length=0, exception=None, context={})
        events.request.fire(**facts)
"""


def test_plain_locust_calls_it_a_success(tmp_path: Path) -> None:
    """The day this fails, Locust has learned it: then see whether our own roster is still needed."""
    (tmp_path / "locustfile.py").write_text(PLAIN)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "locust", "-f", "locustfile.py", "--headless", "-u", "4", "-r", "4", "-t", "12s"]
    command += ["--processes", "2", "--master-bind-port", port, "--master-port", port, "--host", "http://127.0.0.1:1"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Sending spawn jobs" in line:
                break
        time.sleep(3)
        os.kill(descendants(process.pid)[0], signal.SIGKILL)
        rest, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert "failed to send heartbeat, setting state to missing" in rest, said + rest
    assert process.returncode == 0, said + rest


def lose_a_worker(sandbox: Sandbox, out: Path, *more: str) -> tuple[Run, int]:
    """Two workers, one killed half way through the schedule; the run and the process id of the lost one."""
    process = start(out, BRIEF, "--slo", BRIEF_SLO, "--url", sandbox.url, "--processes", "2", *more)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(out.glob("*/stream/arrivals.arrows")):
        time.sleep(0.1)
    time.sleep(2.5)
    workers = [pid for pid in descendants(process.pid) if "locust" in command_line(pid)][1:]  # the first is the master
    os.kill(workers[-1], signal.SIGKILL)
    return finish(process, out), workers[-1]


def test_a_lost_worker_makes_the_run_inconclusive_and_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    run, pid = lose_a_worker(sandbox, tmp_path)
    assert run.code == 20, run.said
    assert run.manifest["status"] == "complete"
    (lost,) = [record for record in run.manifest["roster"] if record["pid"] == pid]
    assert lost["lost_at_s"] - lost["last_report_s"] < 8
    row = next(row for row in run.verdict["health"] if row["check"] == "worker roster")
    assert row["level"] == "invalid"
    assert f"worker {lost['worker']} (pid {pid} on {socket.gethostname()}) lost after" in row["value"]
    assert "% of the load lost" in row["value"]
    assert f"worker {lost['worker']} (pid {pid} on" in " ".join(run.said.split())
    assert f"pid {pid}" in (run.folder / "report.html").read_text()
    # every ticket has its row, and the other worker served all of its own
    rows = pq.read_table(run.folder / "arrivals.parquet").to_pylist()
    assert [row["ticket"] for row in rows] == list(range(run.manifest["planned_sessions"]))
    other = [row for row in rows if row["worker"] != lost["worker"]]
    assert {row["end"] for row in other} <= {
        "finished",
        "closed",
    }  # closed: on a machine so slow that the run's end came
    own = [row for row in rows if row["worker"] == lost["worker"]]
    assert {row["late_cause"] for row in own if row["end"] == "never_started"} == {"worker_lost"}
    assert len(own) == lost["tickets"]
    # and what it wrote down itself is there, to be read alone
    copy = open_run(run.folder / "workers" / str(lost["worker"]))
    assert copy.manifest.status == "incomplete"
    assert sum(copy.latency()["count"].to_pylist()) >= lost["received"]["samples"]


def test_with_rebalance_the_others_serve_what_the_lost_one_had_not_begun(sandbox: Sandbox, tmp_path: Path) -> None:
    run, pid = lose_a_worker(sandbox, tmp_path, "--rebalance")
    assert run.code == 20, run.said
    (lost,) = [record for record in run.manifest["roster"] if record["pid"] == pid]
    assert lost["taken_over"] > 0
    rows = pq.read_table(run.folder / "arrivals.parquet").to_pylist()
    profile = load_profile(BRIEF)
    planned = plan(profile.arrivals, profile.mix, profile.people, profile.seed)
    assert [row["ticket"] for row in rows] == list(range(len(planned)))
    theirs = set(planned.share(lost["worker"], 2).tolist())
    taken = [row for row in rows if row["ticket"] in theirs and row["worker"] != lost["worker"]]
    assert len(taken) == lost["taken_over"]
    assert {row["end"] for row in taken} <= {"finished", "closed"}
    assert {row["late_cause"] for row in taken} <= {"", "worker_lost", "phone_busy"}
    assert not [row for row in rows if row["end"] == "never_started"]
    assert "taken over by others" in next(
        row["value"] for row in run.verdict["health"] if row["check"] == "worker roster"
    )
