"""Machines of a fleet in one kernel: network namespaces, each behind a slow link to the first one.

Nothing is kept that would outlive a test: a namespace lives as long as its process, and that ends by itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LIFE_S = 900
"""After so long a namespace is gone, whatever became of the test."""
HUB = "10.77.0.1"
"""Where target and master are, in the first namespace, for all of them."""


def why_not() -> str:
    """Why no fleet can be made here; empty where one can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "making network namespaces and TUN devices takes root"
    if missing := [tool for tool in ("unshare", "nsenter", "ip") if shutil.which(tool) is None]:
        return f"{', '.join(missing)} not installed"
    command = ["unshare", "--net", "ip", "tuntap", "add", "dev", "probe", "mode", "tun"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return f"no TUN device in a network namespace: {tried.stderr.strip()}" if tried.returncode else ""


class Namespace:
    """A network namespace, held by a process that sleeps."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", f"ip link set lo up && echo up && exec sleep {LIFE_S}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(_end, self._holder)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "up\n"

    @property
    def pid(self) -> int:
        return self._holder.pid

    def inside(self, command: list[str]) -> list[str]:
        """The command, to run there."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *command]

    def ip(self, words: str) -> None:
        subprocess.run(self.inside(["ip", *words.split()]), check=True, timeout=30)


@contextlib.contextmanager
def fleet(workers: int, *, delay_ms: float, loss: float) -> Iterator[tuple[Namespace, list[Namespace]]]:
    """The first namespace, at `HUB`, and as many others, each behind a link of its own with so much delay each way."""
    with contextlib.ExitStack() as stack:
        hub, others = Namespace(stack), []
        hub.ip(f"addr add {HUB}/32 dev lo")
        for number in range(1, workers + 1):
            other = Namespace(stack)
            command = [sys.executable, "-m", "tests.runs.slow_link", "--name", f"link{number}", "--seed", str(number)]
            command += ["--near", str(hub.pid), f"10.77.{number}.1", "--far", str(other.pid), f"10.77.{number}.2"]
            command += ["--delay-ms", str(delay_ms), "--loss", str(loss)]
            link = subprocess.Popen(
                ["timeout", str(LIFE_S), *command], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
            )
            stack.callback(_end, link)
            assert link.stdout is not None
            assert link.stdout.readline() == "up\n"
            other.ip(f"route add {HUB}/32 via 10.77.{number}.1")
            others.append(other)
        yield hub, others


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
