"""Masters without workers, workers without a master: each is told what is the matter, and leaves."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.run_token import TOKEN_ENV, new_token
from sandbox.server import Sandbox

from .conftest import BRIEF, BRIEF_SLO, Run, finish, generators, start


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def worker(port: int, url: str, out: Path, *more: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """`harness run --worker`, as on another machine."""
    command = [sys.executable, "-m", "harness", "run", "--worker", f"127.0.0.1:{port}", "--url", url, "--out", str(out)]
    process = subprocess.Popen(
        [*command, *more],
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


def said_by(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=120)[0]


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    made = new_token()
    monkeypatch.setenv(TOKEN_ENV, made)
    return made


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_worker_of_another_token_a_late_one_and_one_that_loses_its_master(
    sandbox: Sandbox, tmp_path: Path, token: str
) -> None:
    port, out = free_port(), tmp_path / "runs"
    process = start(out, BRIEF, "--slo", BRIEF_SLO, "--url", sandbox.url, "--master", str(port), "--wait", "200", "-v")
    try:
        with worker(port, sandbox.url, tmp_path / "a", "--wait", "120", **{TOKEN_ENV: new_token()}) as other:
            said = said_by(other)
            assert other.returncode == 2, said
            assert "does not let this worker in" in said
        with worker(port, sandbox.url, tmp_path / "b", "--wait", "120") as served:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and not list(out.glob("*/stream/arrivals.arrows")):
                time.sleep(0.1)
            with worker(port, sandbox.url, tmp_path / "c") as late:
                said = said_by(late)
                assert late.returncode == 2, said
                assert "this run began without this worker" in said
            os.kill(generators(process)[0], signal.SIGKILL)
            said = said_by(served)
            assert "is gone" in said, said
            assert served.returncode == 40, said
        run = finish(process, out)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert run.manifest["status"] == "incomplete"
    assert run.code == 20, run.said
    assert token not in run.said
    for path in out.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes(), path


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_master_without_workers_says_so_and_leaves_with_30(sandbox: Sandbox, tmp_path: Path) -> None:
    arguments = ("--url", sandbox.url, "--master", str(free_port()), "--expect-workers", "2", "--wait", "5")
    run: Run = finish(start(tmp_path, BRIEF, "--slo", BRIEF_SLO, *arguments), tmp_path)
    assert "waiting for workers: 0 of 2 workers are here" in run.said
    assert run.said.count(TOKEN_ENV) == 1  # shown once, with how to use it
    assert run.code == 30, run.said
    assert run.manifest["status"] == "aborted"
    assert "0 of 2 workers are here" in run.manifest["abort_reason"]
