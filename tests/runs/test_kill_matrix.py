"""kill -9 of anything at any moment: the record renders, holds what was flushed, and never passes.

.venv/bin/python -m pytest tests/runs/test_kill_matrix.py -m slow -s      (prints one line a run)
HARNESS_KILLS=2 ...                                                       (instants each; 10 by default)
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.record.store import open_run

from .conftest import BRIEF_SLO, DATA, Run, command_line, descendants, finish, generators, start, tell

KILL = DATA / "kill.toml"
LEAD_S, SPAN_S = 1.0, 7.0  # people take their phones out; warm-up and measure phase
INSTANTS = range(int(os.environ.get("HARNESS_KILLS", "10")))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def victims(process: subprocess.Popen[str], who: str) -> list[int]:
    """Process ids of that kind below a `harness run`."""
    if who == "sandbox":
        return [pid for pid in descendants(process.pid) if "sandbox.server" in command_line(pid)]
    return generators(process)[:1] if who == "master" else generators(process)[1:]


def await_zero(process: subprocess.Popen[str], out: Path) -> float:
    """Until the workers' files appear, some seconds before the plan's zero; that zero, an epoch second."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        if own := list(out.glob("*/workers/1/manifest.json")):
            return open_run(own[0].parents[2]).manifest.zero_epoch_s or 0.0
        time.sleep(0.05)
    raise AssertionError("the run did not begin")


def rendered_again(run: Run) -> int:
    """The exit code of `harness report` on it."""
    again = subprocess.run(
        [sys.executable, "-m", "harness", "report", str(run.folder)], capture_output=True, text=True, timeout=300
    )
    assert "Traceback" not in again.stderr, again.stderr
    return again.returncode


@pytest.mark.parametrize("instant", INSTANTS)
@pytest.mark.parametrize("who", ["worker", "master", "sandbox"])
def test_a_kill_at_any_moment_leaves_a_record_that_renders_and_never_passes(
    who: str, instant: int, tmp_path: Path
) -> None:
    rng = random.Random(f"{who} {instant}")
    after = rng.uniform(-LEAD_S, SPAN_S)
    process = start(tmp_path, KILL, "--slo", BRIEF_SLO, "--processes", "2")
    try:
        time.sleep(max(0.0, await_zero(process, tmp_path) + after - time.time()))
        victim = rng.choice(victims(process, who))
        os.kill(victim, signal.SIGKILL)
    except BaseException:
        process.terminate()
        raise
    run = finish(process, tmp_path, patience_s=400.0)
    code = rendered_again(run)
    samples = sum(open_run(run.folder).latency()["count"].to_pylist())
    tell(
        f"{who:8} killed {after:4.1f} s after zero: exit {run.code}, rendered again {code}, "
        f"{run.manifest['status']}, {samples:,} samples"
    )
    page = (run.folder / "report.html").read_text()
    assert page.rstrip().endswith("</html>")
    assert len(page) > 100_000 or (who == "master" and after < 2.5)  # nothing measured yet, nothing to draw
    assert "Traceback" not in run.said
    assert run.code == code
    assert run.code in (10, 20, 30), run.said
    assert run.verdict["verdict"] != "pass"
    if who == "master":
        assert run.manifest["status"] == "incomplete"
        assert samples > 0 or after < 2.5
    if who == "sandbox":
        assert run.manifest["abort_reason"].startswith("the sandbox died during the run")
    if who == "worker":
        assert any(row["check"] == "worker roster" and row["level"] == "invalid" for row in run.verdict["health"])


def test_a_report_killed_while_rendering_leaves_whole_files_and_can_be_rendered_again(tmp_path: Path) -> None:
    process = start(tmp_path, KILL, "--slo", BRIEF_SLO)
    run = finish(process, tmp_path, patience_s=400.0)
    before = {name: (run.folder / name).read_bytes() for name in ("verdict.json", "summary.md", "junit.xml")}
    rng = random.Random(9)
    for _ in range(6):
        again = subprocess.Popen(
            [sys.executable, "-m", "harness", "report", str(run.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(rng.uniform(0.3, 4.0))
        again.kill()
        again.wait()
        for name, text in before.items():
            assert (run.folder / name).read_bytes() == text
        assert "</html>" in (run.folder / "report.html").read_text()[-200:]
    assert rendered_again(run) == run.code
