"""A worker whose numpy draws other sessions from the seed takes no part, and the run ends instead of waiting for it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.config.load import load_profile
from harness.core.run_token import TOKEN_ENV, new_token
from harness.schedule.arrivals import plan
from sandbox.server import Sandbox

from .conftest import BRIEF, BRIEF_SLO, finish, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ANOTHER_NUMPY = """
import numpy.random
numpy.random.default_rng = lambda seed=None: numpy.random.Generator(numpy.random.MT19937(seed))
"""
"""As sitecustomize.py, which Python imports when it starts: other draws from the same seed."""


@contextmanager
def worker(port: int, sandbox: Sandbox, out: Path, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """`harness run --worker`, as on another machine."""
    command = [sys.executable, "-m", "harness", "run", "--worker", f"127.0.0.1:{port}", "--url", sandbox.url]
    command += ["--wait", "60"]
    process = subprocess.Popen(
        [*command, "--out", str(out)],
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_worker_that_draws_other_sessions_refuses_and_the_run_ends(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(ANOTHER_NUMPY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    out = tmp_path / "runs"
    monkeypatch.setenv(TOKEN_ENV, new_token())
    arguments = ("--url", sandbox.url, "--master", str(port), "--expect-workers", "2", "-v")
    begun = time.monotonic()
    process = start(out, BRIEF, "--slo", BRIEF_SLO, *arguments)
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    with (
        worker(port, sandbox, tmp_path / "same") as same,
        worker(port, sandbox, tmp_path / "other", PYTHONPATH=path) as other,
    ):
        run = finish(process, out)
        said, _ = other.communicate(timeout=30)
        assert same.wait(30) == 0
    assert time.monotonic() - begun < 90
    # the worker says why, as any refusal
    assert other.returncode == 40, said
    profile = load_profile(BRIEF)
    ours = plan(profile.arrivals, profile.mix, profile.people, profile.seed).digest
    assert run.manifest["plan_digest"] == ours
    digests = set(re.findall(r"\b[0-9a-f]{64}\b", run.manifest["abort_reason"]))
    assert ours in digests
    assert len(digests) == 2, run.manifest["abort_reason"]
    assert all(digest in said for digest in digests), said
    assert "numpy or Python differ" in said
    # and the run has ended for that reason, long before its plan
    assert run.code == 30, run.said
    assert run.manifest["status"] == "aborted"
    assert "a worker could not begin" in run.manifest["abort_reason"]
    assert "[master] worker refused" in run.said
    lines = [json.loads(line) for line in (run.folder / "run.log").read_text().splitlines()]
    (refused,) = [line for line in lines if line["event"] == "worker refused"]
    assert refused["level"] == "error"
    assert ours in refused["reason"]
