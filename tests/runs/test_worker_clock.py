"""A worker's clock against its master's: what is minutes off is allowed for, what is further off takes no part."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pandas as pd
import pytest

from harness.core.run_token import TOKEN_ENV, new_token
from sandbox.server import Sandbox

from .conftest import BRIEF, BRIEF_SLO, Run, finish, start
from .test_schedule_mismatch import worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ANOTHER_TIME = """
import time
theirs = time.time
time.time = lambda: theirs() + {off_s}
"""
"""As sitecustomize.py, which Python imports when it starts: a clock that is so far ahead."""


@pytest.fixture(autouse=True)
def _one_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of master and worker."""
    monkeypatch.setenv(TOKEN_ENV, new_token())


def served(sandbox: Sandbox, folder: Path, off_s: float) -> tuple[Run, int, str]:
    """A run of one worker with such a clock; the worker's exit code, and what it said."""
    (folder / "sitecustomize.py").write_text(ANOTHER_TIME.format(off_s=off_s))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    out = folder / "runs"
    arguments = ("--url", sandbox.url, "--master", str(port), "--expect-workers", "1")
    process = start(out, BRIEF, "--slo", BRIEF_SLO, *arguments)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
    with worker(port, sandbox, folder / "own", PYTHONPATH=path) as other:
        run = finish(process, out, patience_s=200)
        said, _ = other.communicate(timeout=60)
        return run, other.returncode, said


def test_a_clock_far_ahead_is_refused_and_said(sandbox: Sandbox, tmp_path: Path) -> None:
    run, code, said = served(sandbox, tmp_path, 900.0)
    assert code == 2, said
    assert "this machine's clock is 900.0 s ahead of the master's" in said
    assert run.code == 30, run.said
    assert "a worker could not begin: this machine's clock is 900.0 s ahead" in run.manifest["abort_reason"]


def test_a_clock_a_little_ahead_is_allowed_for(sandbox: Sandbox, tmp_path: Path) -> None:
    """Its sessions begin when they are planned by the master's clock, not 1.5 s early, several at once."""
    run, code, said = served(sandbox, tmp_path, 1.5)
    assert code == 0, said
    assert run.manifest["status"] == "complete", run.said
    (clock,) = run.manifest["clocks"]
    assert abs(clock["offset_us"]) < 500_000, clock
    arrivals = pd.read_parquet(run.folder / "arrivals.parquet")
    assert len(arrivals) == run.manifest["planned_sessions"]
    assert clock["apart_us"] == pytest.approx(-1_500_000, abs=500_000), "dates are the master's"
