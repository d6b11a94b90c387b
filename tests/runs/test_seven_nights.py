"""Whatever is wrong with its baseline, a run that was made has a verdict, a page, JUnit and its own exit code.

Seven nights as they happen: a first one; the first of a history, and the one after it; a baseline that is gone, needed
and optional; one of another profile; an interrupted run; data lost beside a bad baseline.
"""

from __future__ import annotations

import os
import signal
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from harness.core.tables import STREAM_FOLDER
from harness.history.packed import FOLDER
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
from tests.reports import build
from tests.runs.conftest import BRIEF, Run, finish, start
from tests.runs.patient import patient_slos

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PATIENCE_S = 240.0


def made(out: Path, *arguments: str | Path) -> Run:
    out.parent.mkdir(parents=True, exist_ok=True)
    return finish(start(out, BRIEF, "--slo", patient_slos(out.parent), *arguments), out, PATIENCE_S)


def assert_whole(run: Run, code: int | set[int]) -> None:
    """Verdict, page, JUnit, summary; red exactly where the code is not 0."""
    assert run.code in ({code} if isinstance(code, int) else code), run.said
    assert run.verdict["exit_code"] == run.code
    assert run.verdict["facts"]["run_id"] == run.folder.name
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert run.folder.name in page
    assert (run.folder / "summary.md").read_text(encoding="utf-8").startswith("## ")
    root = ElementTree.parse(run.folder / "junit.xml").getroot()
    red = int(root.get("failures", "")) + int(root.get("errors", ""))
    assert (red == 0) == (run.code == 0), run.said


def noted(run: Run, what: str) -> None:
    assert any(what in line for line in run.verdict["not_checked"]), run.verdict["not_checked"]


def test_the_first_night_without_a_history(sandbox: Sandbox, tmp_path: Path) -> None:
    run = made(tmp_path / "runs", "--url", sandbox.url, "--baseline", "last-good")
    assert_whole(run, {0, 20})
    noted(run, "Compared with nothing")


def test_the_first_night_of_a_history_is_remembered_and_the_second_compares(sandbox: Sandbox, tmp_path: Path) -> None:
    """Where the first doubts its generator, as on a busy machine it may, it is no baseline, and the second says so."""
    arguments = ("--url", sandbox.url, "--baseline", "last-good", "--history", tmp_path / "h.db")
    first = made(tmp_path / "one", *arguments)
    assert_whole(first, {0, 20})
    noted(first, "there is no history yet")
    process = start(tmp_path / "two", BRIEF, "--slo", patient_slos(tmp_path), *arguments)
    said, _ = process.communicate(timeout=PATIENCE_S)
    (folder,) = [path for path in (tmp_path / "two").iterdir() if path.name != FOLDER]
    second = Run(process.returncode, said, folder)
    assert_whole(second, {0, 12, 20})
    compared = second.verdict["comparison"]
    if compared is not None:
        assert first.code == 0
        assert compared["baselines"] == [first.folder.name]
        assert (tmp_path / "two" / FOLDER / first.folder.name / "manifest.json").is_file()
    else:
        noted(second, "canary" if first.code == 0 else "none passed")


def test_a_missing_one_that_is_needed_costs_nothing(tmp_path: Path) -> None:
    begun = time.monotonic()
    process = start(tmp_path / "runs", BRIEF, "--baseline", tmp_path / "gone")
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, said
    assert "there is no such folder" in said
    assert not (tmp_path / "runs").exists()
    assert time.monotonic() - begun < PATIENCE_S


def test_a_missing_one_that_is_optional_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    run = made(tmp_path / "runs", "--url", sandbox.url, "--baseline", tmp_path / "gone", "--baseline-optional")
    assert_whole(run, 20)
    assert any("there is no such folder" in reason for reason in run.verdict["reasons"])


def test_one_of_another_profile(sandbox: Sandbox, tmp_path: Path) -> None:
    other = build.save(build.realistic(), tmp_path / "other")
    run = made(tmp_path / "runs", "--url", sandbox.url, "--baseline", other, "--baseline-optional")
    assert_whole(run, 20)
    assert any("ran profile 'smoke', this run 'brief'" in reason for reason in run.verdict["reasons"])
    assert run.verdict["comparison"] is None


def test_an_interrupted_run_beside_a_baseline(sandbox: Sandbox, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    long = tmp_path / "brief.toml"
    text = BRIEF.read_text().replace("measure_s = 8", "measure_s = 90").replace("seconds = 10", "seconds = 92")
    long.write_text(text)
    arguments = ("--slo", patient_slos(tmp_path), "--url", sandbox.url, "--baseline", "last-good")
    process = start(out, long, *arguments)
    waited = time.monotonic() + 120
    while not list(out.glob(f"*/{STREAM_FOLDER}/latency*")) and time.monotonic() < waited and process.poll() is None:
        time.sleep(0.2)
    time.sleep(3)
    os.kill(process.pid, signal.SIGINT)
    run = finish(process, out, PATIENCE_S)
    assert_whole(run, 30)
    assert run.verdict["verdict"] == "aborted"
    noted(run, "Compared with nothing")


def test_lost_data_beside_a_bad_baseline(tmp_path: Path) -> None:
    """The baseline is not alike, which is a doubt; the loss is none, and wins."""
    other = build.save(build.realistic(), tmp_path / "other")
    options = SandboxOptions(people=60, catalogue=300, switches=Switches.parse(["event_silent_loss=3"]))
    with Sandbox(options) as losing:
        run = made(tmp_path / "runs", "--url", losing.url, "--baseline", other, "--baseline-optional")
    assert_whole(run, 11)
    assert run.verdict["exit_codes"][0] == 11
    assert 20 in run.verdict["exit_codes"]
    root = ElementTree.parse(run.folder / "junit.xml").getroot()
    assert root.find("testsuite[@name='integrity']/testcase/failure") is not None
