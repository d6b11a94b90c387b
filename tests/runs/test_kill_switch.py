"""The kill switch: whoever pulls it, nothing arrives at the target after two seconds, and the record says so."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from time import monotonic

import pytest

from sandbox.server import Sandbox
from tests.exclusive import alone

from .conftest import BRIEF, BRIEF_SLO, finish, start
from .counting_front import counting

GONE_S = 2.0
CROWD = f"""
extends = "{BRIEF}"
name = "crowd"
people = 60
phones = 60
[phases]
warmup_s = 2
measure_s = 58
drain_s = 20
[[arrivals]]
seconds = 60
rate = 3
"""
Pull = Callable[["Popen[str]", Path, Path], None]


def _folder(out: Path) -> Path:
    (found,) = [path for path in out.iterdir() if path.is_dir()]
    return found


def _by_signal(process: Popen[str], out: Path, named: Path) -> None:
    process.send_signal(signal.SIGUSR2)


def _by_file(process: Popen[str], out: Path, named: Path) -> None:
    (_folder(out) / "KILL").touch()


def _by_named_file(process: Popen[str], out: Path, named: Path) -> None:
    named.touch()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("pull", "processes"),
    [
        pytest.param(_by_signal, 1, id="signal"),
        pytest.param(_by_file, 2, id="file, told to two workers"),
        pytest.param(_by_named_file, 1, id="a file known before"),
    ],
)
def test_all_load_is_gone_in_two_seconds(
    pull: Pull, processes: int, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile, out, named = tmp_path / "crowd.toml", tmp_path / "runs", tmp_path / "enough"
    profile.write_text(CROWD)
    monkeypatch.setenv("HARNESS_KILL_FILE", str(named))
    with alone(), counting(sandbox.url) as front:
        process = start(out, profile, "--url", front.url, "--slo", BRIEF_SLO, "--processes", str(processes))
        deadline = monotonic() + 120
        while (len(front.requests) < 300 or front.open < 10) and process.poll() is None and monotonic() < deadline:
            time.sleep(0.05)
        assert front.open >= 10, "there is load to be cut"
        pulled = monotonic()
        pull(process, out, named)
        time.sleep(GONE_S)
        left = front.open
        run = finish(process, out, patience_s=120)
    late = [round(at - pulled, 2) for at in front.requests if at > pulled + GONE_S]
    assert (left, late) == (0, []), run.said
    assert run.code == 30, run.said
    assert run.manifest["status"] == "aborted"
    assert run.manifest["abort_reason"].startswith("the kill switch was pulled ("), run.manifest["abort_reason"]
    assert (run.folder / "report.html").exists()
