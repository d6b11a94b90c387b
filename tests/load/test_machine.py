"""What the kernel and the garbage collector say: a folder stands in for /proc, and the real one is read too."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.load.machine import GcPauses, Machine

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


class Root:
    """A machine as /proc tells it, on a clock that the test moves."""

    def __init__(self, folder: Path, cgroup: str) -> None:
        self.folder, self.now = folder, 100.0
        self.write("proc/self/cgroup", cgroup)
        self.write("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def counters(self, *, idle: int, busy: int, steal: int, wait_ns: int) -> None:
        self.write("proc/stat", f"cpu  {busy} 0 0 {idle} 0 0 0 {steal} 0 0\ncpu0 1 2 3\nintr 5\n")
        self.write("proc/thread-self/schedstat", f"5000000 {wait_ns} 17\n")

    def machine(self) -> Machine:
        return Machine(self.folder, clock=lambda: self.now)


@pytest.mark.parametrize(
    ("cgroup", "file", "before", "after"),
    [
        ("0::/pod/box\n", "sys/fs/cgroup/pod/box/cpu.stat", "throttled_usec 1000000", "throttled_usec 1500000"),
        ("0::/elsewhere\n", "sys/fs/cgroup/cpu.stat", "throttled_usec 0", "throttled_usec 500000"),
        (
            "9:memory:/m\n4:cpu,cpuacct:/box\n0::/\n",
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.stat",
            "nr_throttled 1\nthrottled_time 2000000000",
            "nr_throttled 9\nthrottled_time 2500000000",
        ),
    ],
    ids=["version 2", "inside a container", "version 1"],
)
def test_shares_are_of_the_time_between_two_readings(
    tmp_path: Path, cgroup: str, file: str, before: str, after: str
) -> None:
    root = Root(tmp_path, cgroup)
    root.counters(idle=1000, busy=500, steal=10, wait_ns=0)
    root.write(file, f"usage_usec 77\n{before}\n")
    machine = root.machine()
    root.now += 1.0
    root.counters(idle=1080, busy=600, steal=30, wait_ns=250_000_000)
    root.write(file, f"usage_usec 99\n{after}\n")
    found = machine.read()
    assert found.wait_share == pytest.approx(0.25)
    assert found.steal_share == pytest.approx(20 / 200)
    assert found.machine_share == pytest.approx(120 / 200)
    assert found.throttled_share == pytest.approx(0.5)
    assert found.port_limit == 28_232
    root.now += 1.0
    assert machine.read().wait_share == 0.0
    machine.close()


def test_what_the_system_does_not_tell_is_none(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    found = machine.read()
    assert (found.wait_share, found.steal_share, found.throttled_share, found.machine_share) == (None,) * 4
    assert (found.ports, found.port_limit) == (None, None)
    assert found.descriptor_limit is None or found.descriptor_limit > 3


@linux
def test_ports_follow_the_connections_of_this_machine() -> None:
    machine = Machine()
    before = machine.read().ports
    assert before is not None
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(300)
        clients = [socket.create_connection(server.getsockname()) for _ in range(200)]
        during = machine.read().ports
        for client in clients:
            client.close()
    assert during is not None
    assert during - before > 100  # others on this machine come and go
    machine.close()


@linux
def test_a_thread_that_waits_for_its_core_shows_it() -> None:
    """More computing processes than cores, all on one core with this thread: it gets that core part of the time."""
    mine = os.sched_getaffinity(0)
    busy = "end = __import__('time').time() + 20\nwhile __import__('time').time() < end: pass"
    rivals = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(3)]
    try:
        core = {min(mine)}
        os.sched_setaffinity(0, core)
        for rival in rivals:
            os.sched_setaffinity(rival.pid, core)
        machine = Machine()
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            pass
        found = machine.read()
        machine.close()
    finally:
        os.sched_setaffinity(0, mine)
        for rival in rivals:
            rival.kill()
            rival.wait()
    assert found.wait_share is not None
    assert found.wait_share > 0.3
    assert found.machine_share is None or 0.0 < found.machine_share <= 1.0


def test_every_collection_is_a_pause_whichever_thread_set_it_off() -> None:
    pauses = GcPauses()
    pauses.start()
    pauses.start()  # harmless
    try:
        gc.collect()
        thread = threading.Thread(target=gc.collect)
        thread.start()
        thread.join()
        taken = pauses.take()
    finally:
        pauses.stop()
    assert len(taken) >= 2
    assert all(0 < length < 30 for _, length in taken)
    gc.collect()
    assert pauses.take() == []
