"""Who measures time has the machine alone; the others wait, and nobody for ever."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WORKER = """
import os, sys, time
from tests.exclusive import alone, beside_others
kind, log, until = sys.argv[1], sys.argv[2], float(sys.argv[3])

def note(word):
    with open(log, "a") as file:
        file.write(f"{word} {os.getpid()}\\n")

while time.time() < until:
    with beside_others():
        if kind == "measures":
            time.sleep(0.05)
            with alone():
                note("alone")
                time.sleep(0.05)
                note("done")
        else:
            note("test")
            time.sleep(0.02)
            note("ended")
"""


def test_no_test_runs_while_one_is_alone_and_all_get_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", tmp_path.name)
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "4")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    log, until = tmp_path / "log", time.time() + 3
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, kind, str(log), str(until)], cwd=ROOT)
        for kind in ("measures", "measures", "tests", "tests")
    ]
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0, 0, 0]
    running: set[str] = set()
    alone = ""
    counts = {"alone": 0, "test": 0}
    for line in log.read_text().splitlines():
        word, pid = line.split()
        if word == "test":
            assert not alone
            running.add(pid)
        elif word == "ended":
            running.discard(pid)
        elif word == "alone":
            assert not running
            assert not alone
            alone = pid
        else:
            alone = ""
        if word in counts:
            counts[word] += 1
    assert min(counts.values()) >= 4, counts
