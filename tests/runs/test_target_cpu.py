"""The process at a target's port is found, and what it uses is counted: of a real one, and as /proc writes it."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from harness.run.target_cpu import CoreSecond, listening, mean, port_here, target_cpu, ticks


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1:54321", 54321),
        ("http://localhost", 80),
        ("https://[::1]/", 443),
        ("https://staging.test", None),
        ("http://127.0.0.1:bad", None),
    ],
)
def test_only_a_target_on_this_machine_has_a_process(url: str, port: int | None) -> None:
    assert port_here(url) == port


def test_a_listener_of_this_machine_is_found_and_its_cpu_grows() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert listening(port) == os.getpid()
        before = ticks(os.getpid())
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
        assert ticks(os.getpid()) - before >= 0.25 * os.sysconf("SC_CLK_TCK")
        with target_cpu(f"http://127.0.0.1:{port}") as seconds:
            deadline = time.monotonic() + 20
            while len(seconds) < 2 and time.monotonic() < deadline:
                sum(range(10_000))
        assert all(0 < one.cores < 20 for one in seconds)
        assert len(seconds) >= 2
    assert listening(port) is None


def test_nobody_there_is_no_error() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        unused = probe.getsockname()[1]
    with target_cpu(f"http://127.0.0.1:{unused}") as seconds, target_cpu("https://staging.test") as others:
        pass
    assert (seconds, others) == ([], [])


def test_as_proc_writes_it(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0\n"
        "   1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0\n"
    )
    for process, inode in ((7, 4712), (9, 4711)):
        (tmp_path / str(process) / "fd").mkdir(parents=True)
        (tmp_path / str(process) / "fd" / "3").symlink_to(f"socket:[{inode}]")
    (tmp_path / "9" / "stat").write_bytes(b"9 (a) b) (c) S 1 9 9 0 -1 4194304 0 0 0 0 123 45 0 0 20 0 4 0 100 0 0\n")
    assert listening(8080, tmp_path) == 9
    assert listening(8081, tmp_path) is None, "a connection is no listener"
    assert ticks(9, tmp_path) == 168


def test_the_mean_is_of_the_stretch() -> None:
    seconds = [CoreSecond(float(at), 0.1 * at) for at in range(10)]
    assert mean(seconds, 2.0, 4.0) == pytest.approx(0.35)
    assert mean(seconds, 20.0, 30.0) is None
