"""Whole runs, as a user starts them, against the real sandbox."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.config.load import load_profile
from harness.core.tables import READ_AGAIN
from harness.record.store import TABLES
from harness.schedule.arrivals import plan
from sandbox.server import Sandbox

from .conftest import BRIEF, BRIEF_SLO, Run, command_line, descendants, finish, start


def latency(run: Run) -> list[dict[str, object]]:
    return list(pq.read_table(run.folder / "latency.parquet").to_pylist())


def outcomes(run: Run, operation: str, view: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in latency(run):
        if row["operation"] == operation and row["view"] == view:
            found[str(row["outcome"])] = found.get(str(row["outcome"]), 0) + int(str(row["count"]))
    return found


def arrivals(run: Run) -> list[dict[str, object]]:
    return list(pq.read_table(run.folder / "arrivals.parquet").to_pylist())


@pytest.fixture(scope="module")
def passed(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("passed")
    return finish(start(out, BRIEF, "--slo", BRIEF_SLO, "--url", sandbox.url), out)


def test_a_healthy_target_passes_and_every_file_is_there(passed: Run) -> None:
    passed.assert_target_passed()
    names = {path.name for path in passed.folder.iterdir()}
    assert names >= {
        "manifest.json",
        "latency.parquet",
        "arrivals.parquet",
        "health.parquet",
        "traffic.parquet",
        "actions.parquet",
        "verdict.json",
        "report.html",
        "junit.xml",
        "summary.md",
        "run.log",
    }
    assert not (passed.folder / "stream").exists()
    assert passed.manifest["status"] == "complete"
    assert "report.html" in passed.said
    cases = ElementTree.parse(passed.folder / "junit.xml").getroot().iterfind("testsuite[@name='slo']/testcase")
    assert {case.get("name") for case in cases} == {"Home feed, server", "Swipe deck, end to end", "Failed operations"}


def test_the_schedule_follows_from_the_seed_alone(passed: Run) -> None:
    profile = load_profile(BRIEF)
    planned = plan(profile.arrivals, profile.mix, profile.people, profile.seed)
    assert passed.manifest["plan_digest"] == planned.digest
    rows = arrivals(passed)
    assert [row["ticket"] for row in rows] == list(range(len(planned)))
    assert [row["planned_us"] for row in rows] == planned.planned_us.tolist()
    assert {row["end"] for row in rows} == {"finished"}


def test_every_attempt_is_in_the_record_and_in_locusts_own_statistics(passed: Run) -> None:
    recorded = sum(int(str(row["count"])) for row in latency(passed) if row["view"] == "server")
    assert recorded == passed.manifest["recorded_attempts"] > 200
    log = (passed.folder / "locust.log").read_text()
    aggregated = re.search(r"Aggregated\s+(\d+)\s", log)
    assert aggregated is not None
    assert int(aggregated[1]) == recorded


def test_no_secret_is_in_any_file(passed: Run, sandbox: Sandbox) -> None:
    known = sandbox.discovery
    secrets = [known["anon_key"], known["service_key"], known["jwt_secret"], known["people"]["password"]]
    texts = [path.read_bytes() for path in passed.folder.iterdir() if path.is_file()] + [passed.said.encode()]
    for text in texts:
        for secret in secrets:
            assert secret.encode() not in text
        assert b"Bearer ey" not in text


def test_the_log_tells_what_happened_line_by_line(passed: Run) -> None:
    lines = [json.loads(line) for line in (passed.folder / "run.log").read_text().splitlines()]
    assert {line["run"] for line in lines} == {passed.folder.name}
    assert {line["process"] for line in lines} == {"supervisor", "single"}
    events = [line["event"] for line in lines]
    wanted = ["target found", "run planned", "locust started", "load starts", "worker ready", "worker joined"]
    wanted += ["sessions closing", "worker finished", "load ended", "evidence read", "run ended"]
    assert [event for event in events if event in wanted] == wanted
    ready = lines[events.index("worker ready")]
    assert (ready["worker"], ready["tickets"]) == (0, passed.manifest["planned_sessions"])
    assert ready["plan_digest"] == passed.manifest["plan_digest"]
    assert lines[events.index("load ended")]["attempts"] == passed.manifest["recorded_attempts"]
    assert len(lines) < 50, "not one line a request"


def test_report_renders_again_from_the_record_alone(passed: Run, tmp_path: Path) -> None:
    folder = tmp_path / passed.folder.name
    folder.mkdir()
    for name in ("manifest.json", *(f"{table}.parquet" for table in (*TABLES, READ_AGAIN))):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(passed.folder / name, folder / name)
    for of_the_target in ("stored", "observed"):
        shutil.copytree(passed.folder / of_the_target, folder / of_the_target)
    again = subprocess.run(
        [sys.executable, "-m", "harness", "report", str(folder)], capture_output=True, text=True, timeout=60
    )
    assert again.returncode == passed.code, again.stderr
    assert (folder / "report.html").stat().st_size > 100_000
    assert (folder / "verdict.json").read_text() == (passed.folder / "verdict.json").read_text()


@pytest.mark.slow
@pytest.mark.timeout(300)  # a sandbox and two whole runs
def test_two_processes_record_what_one_does(sandbox: Sandbox, passed: Run, tmp_path: Path) -> None:
    run = finish(start(tmp_path, BRIEF, "--slo", BRIEF_SLO, "--url", sandbox.url, "--processes", "2"), tmp_path)
    assert run.manifest["plan_digest"] == passed.manifest["plan_digest"]
    rows, alone = arrivals(run), arrivals(passed)
    assert [(row["ticket"], row["person"], row["persona"]) for row in rows] == [
        (row["ticket"], row["person"], row["persona"]) for row in alone
    ]
    assert {row["worker"] for row in rows} == {0, 1}
    assert all(int(str(row["person"])) % 2 == row["worker"] for row in rows)
    recorded = sum(int(str(row["count"])) for row in latency(run) if row["view"] == "server")
    assert recorded == run.manifest["recorded_attempts"]
    assert outcomes(run, "message_send", "e2e") == outcomes(passed, "message_send", "e2e")
    run.assert_target_passed()


def test_ctrl_c_ends_cleanly_with_a_complete_record(sandbox: Sandbox, tmp_path: Path) -> None:
    process = start(tmp_path, BRIEF, "--slo", BRIEF_SLO, "--url", sandbox.url)
    _wait_for_load(tmp_path)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    run = finish(process, tmp_path)
    assert time.monotonic() - begun < 20
    assert run.code == 30, run.said
    assert run.manifest["status"] == "aborted"
    assert run.manifest["abort_reason"] == "interrupted"
    assert not (run.folder / "stream").exists()
    rows = arrivals(run)
    assert len(rows) == run.manifest["planned_sessions"]
    assert {row["end"] for row in rows} <= {"finished", "closed", "never_started"}
    assert any(row["end"] == "never_started" for row in rows)
    recorded = sum(int(str(row["count"])) for row in latency(run) if row["view"] == "server")
    assert recorded == run.manifest["recorded_attempts"] > 0


@pytest.mark.slow
def test_a_killed_generator_leaves_a_record_that_renders_and_never_passes(sandbox: Sandbox, tmp_path: Path) -> None:
    process = start(tmp_path, BRIEF, "--slo", BRIEF_SLO, "--url", sandbox.url)
    _wait_for_load(tmp_path)
    generators = [pid for pid in descendants(process.pid) if "locust" in command_line(pid)]
    assert generators
    os.kill(generators[0], signal.SIGKILL)
    run = finish(process, tmp_path)
    assert run.code == 20, run.said
    assert run.manifest["status"] == "incomplete"
    assert run.verdict["verdict"] == "inconclusive"
    assert sum(int(str(row["count"])) for row in latency(run)) > 0
    assert (run.folder / "report.html").exists()


@pytest.mark.slow
def test_a_killed_supervisor_takes_everything_with_it(sandbox: Sandbox, tmp_path: Path) -> None:
    process = start(tmp_path, BRIEF, "--slo", BRIEF_SLO, "--url", sandbox.url)
    folder = _wait_for_load(tmp_path)
    below = descendants(process.pid)
    assert below
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    deadline = time.monotonic() + 20
    while any("locust" in command_line(pid) for pid in below) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any("locust" in command_line(pid) for pid in below)
    again = subprocess.run(
        [sys.executable, "-m", "harness", "report", str(folder)], capture_output=True, text=True, timeout=60
    )
    assert again.returncode == 20, again.stdout + again.stderr


@pytest.mark.slow
def test_rate_limits_inside_200_are_rate_limited_not_ok(tmp_path: Path) -> None:
    run = finish(start(tmp_path, BRIEF, "--slo", BRIEF_SLO, "--quirk", "event_limit_per_minute=1"), tmp_path)
    found = outcomes(run, "swipe_events", "server")
    assert found.get("rate_limited", 0) > 5, run.said
    assert 10 in run.verdict["exit_codes"], run.said
    assert "rate_limited" in (run.folder / "report.html").read_text()
    assert any("event_limit_per_minute=1" in note for note in run.manifest["notes"])


def test_a_run_does_not_outlive_an_impossible_sandbox(tmp_path: Path) -> None:
    process = start(tmp_path / "out", BRIEF, "--quirk", "no_such_switch=1")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2, said
    assert "no_such_switch" in said
    assert "delay_deck_ms" in said
    assert "Traceback" not in said


def _wait_for_load(out: Path) -> Path:
    """Until some attempts are on record; the run's directory."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for stream in out.glob("*/stream/latency.arrows"):
            if stream.stat().st_size > 4000:
                time.sleep(1.5)
                return stream.parent.parent
        time.sleep(0.1)
    raise AssertionError("no load after a minute")


@pytest.mark.slow
def test_a_full_disk_ends_the_run_with_one_clear_message(sandbox: Sandbox, tmp_path: Path) -> None:
    """A file size limit stands in for the full disk: the same error path, without a file system of our own."""
    begun = time.monotonic()
    process = start(tmp_path, BRIEF, "--slo", BRIEF_SLO, "--url", sandbox.url, file_size_limit=20_000)
    run = finish(process, tmp_path)
    assert run.code == 70, run.said
    assert "free space or choose another" in run.said
    assert "Traceback" not in run.said
    assert run.manifest["status"] == "aborted"
    assert "the record cannot be written" in run.manifest["abort_reason"]
    assert sum(int(str(row["count"])) for row in latency(run)) > 0
    assert time.monotonic() - begun < 45
