"""What a generator asks of the kernel, asked of this kernel."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.load.os_priority import SESSION_NICE, TURN_NS, be_prompt, go_first

ASKS = "from harness.load.os_priority import go_first; print(go_first(), open('/proc/self/autogroup').read())"


def turn() -> list[int]:
    """The calling thread's turn in nanoseconds; empty where the kernel does not say."""
    path = Path("/proc/thread-self/sched")
    lines = path.read_text().splitlines() if path.exists() else []
    return [int(line.split(":")[1]) for line in lines if line.startswith("se.slice")]


def test_short_turns_are_asked_for_a_thread_and_those_it_starts_and_its_niceness_stays() -> None:
    seen: list[tuple[list[int], int]] = []

    def look() -> None:
        seen.append((turn(), os.getpriority(os.PRIO_PROCESS, 0)))

    def ask() -> None:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        if be_prompt():
            look()
            child = threading.Thread(target=look)
            child.start()
            child.join()

    nice = os.getpriority(os.PRIO_PROCESS, 0) + 1
    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    if not seen or not seen[0][0]:
        pytest.skip("this kernel has no short turns, or does not tell")
    assert seen == [([TURN_NS], nice)] * 2


def test_only_the_leader_of_a_session_puts_it_first() -> None:
    if os.getsid(0) != os.getpid():
        assert not go_first()
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this kernel has no sessions to put first")
    led, follower = (
        subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, start_new_session=leads).stdout
        for leads in (True, False)
    )
    assert follower.startswith("False")
    if not led.startswith("True"):
        pytest.skip("not permitted here")
    assert led.strip().endswith(f"nice {SESSION_NICE}")
