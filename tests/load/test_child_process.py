"""Children end with whoever started them, however that one ends, and with everything below them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.load import child_process

STARTS = """
import os, sys, time
from harness.load import child_process
child = child_process.start([sys.executable, "-c", "import time; time.sleep(60)"], environ=os.environ, stdout=None)
print(child.pid, flush=True)
time.sleep(60)
"""
WITH_GRANDCHILD = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, flush=True)
time.sleep(60)
"""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int, patience_s: float = 10.0) -> bool:
    deadline = time.monotonic() + patience_s
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not lives(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's tie is Linux's")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_ends_with_its_killed_parent(number: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert lives(child)
        os.kill(parent.pid, number)
        parent.wait(10)
        assert gone(child)
    finally:
        parent.kill()
        parent.communicate()


def test_a_child_has_a_session_of_its_own_and_is_ended_with_all_below_it() -> None:
    child = child_process.start([sys.executable, "-c", WITH_GRANDCHILD], environ=os.environ)
    assert child.stdout is not None
    below = int(child.stdout.readline())
    assert os.getsid(child.pid) == os.getsid(below) == child.pid  # the terminal's Ctrl-C is not theirs
    child_process.end(child, patience_s=0.2)  # it ignores the request
    assert child.returncode == -signal.SIGKILL
    assert gone(below)
