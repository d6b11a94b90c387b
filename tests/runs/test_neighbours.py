"""Whose CPU it was: of a made-up /proc, and of this one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.run.neighbours import CpuReading, CpuSecond, between, read, summary, watched


def process(root: Path, pid: int, parent: int, ticks: int, name: str = "python") -> None:
    (root / str(pid)).mkdir(exist_ok=True)
    rest = f"S {parent} 1 1 0 -1 4194560 1 0 0 0 {ticks - ticks // 3} {ticks // 3} 7 7 20 0 1 0 100"
    (root / str(pid) / "stat").write_text(f"{pid} ({name}) {rest}\n")


def test_a_reading_tells_own_processes_from_all_others(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  100 20 30 500 6 3 4 7 11 0\ncpu0 1 2 3\n")
    (tmp_path / "self").mkdir()
    for pid, parent, ticks, name in ((10, 1, 5, "harness"), (11, 10, 7, "post) gres (x"), (12, 11, 9, "locust")):
        process(tmp_path, pid, parent, ticks, name)
    process(tmp_path, 13, 1, 90)
    found = read(tmp_path, 10)
    assert found == CpuReading(total=670, used=164, shared=157, own={10: 5, 11: 7, 12: 9})


def test_what_is_not_own_is_others() -> None:
    before = CpuReading(1000, 400, 390, {1: 10, 2: 50})
    now = CpuReading(1200, 590, 570, {1: 30, 2: 90, 3: 20})  # 3 is new: all of it is of this second
    second = between(before, now, 5.0)
    assert second == CpuSecond(5.0, used=0.95, others=0.5)
    assert second.crowded
    assert between(now, now, 6.0) is None


@pytest.mark.parametrize(("used", "others", "crowded"), [(0.95, 0.5, True), (0.85, 0.5, False), (1.0, 0.05, False)])
def test_only_a_full_machine_is_crowded_and_only_by_others(used: float, others: float, crowded: bool) -> None:
    assert CpuSecond(0.0, used, others).crowded is crowded


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=30), st.integers(0, 30))
def test_a_summary_holds_what_it_says(seconds: list[tuple[float, float]], start: int) -> None:
    made = [CpuSecond(float(at), used, others) for at, (used, others) in enumerate(seconds)]
    found = summary(made, start, start + 10)
    inside = made[start + 1 : start + 11]
    assert (found is None) == (not inside)
    if found is not None:
        crowded = [one.others for one in inside if one.crowded]
        assert (found.seconds, found.crowded) == (len(inside), len(crowded))
        assert found.share == pytest.approx(sum(crowded) / len(crowded) if crowded else 0.0, abs=1e-4)


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="needs /proc, as Linux has it")
def test_a_child_that_works_is_own() -> None:
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        before = read()
        deadline = time.monotonic() + 20
        while (now := read()).own.get(spinning.pid, 0) - before.own.get(spinning.pid, 0) < 10:
            assert time.monotonic() < deadline, "a tenth of a second of work was never seen"
            time.sleep(0.05)
    finally:
        spinning.kill()
        spinning.wait()
    assert os.getpid() in now.own
    assert os.getppid() not in now.own


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="needs /proc, as Linux has it")
def test_it_watches_until_it_is_told_to_end() -> None:
    with watched() as seconds:
        deadline = time.monotonic() + 20
        while not seconds and time.monotonic() < deadline:
            time.sleep(0.05)
    number = len(seconds)
    assert number
    assert all(0 <= one.used <= 1 and 0 <= one.others <= 1 for one in seconds)
    time.sleep(1.2)
    assert len(seconds) == number


def test_where_the_system_does_not_tell_nothing_is_watched(tmp_path: Path) -> None:
    with watched(tmp_path) as seconds:
        pass
    assert seconds == []
