"""A network link of a test: two TUN devices in two network namespaces, and between them delay and loss.

What `tc netem` does where the kernel has it, on any kernel with TUN devices: each packet arrives later, in order, or
not at all. Runs as a process of its own until it is ended.

    python -m tests.runs.slow_link --near PID 10.77.1.1 --far PID 10.77.1.2 --delay-ms 40 --loss 0.01 --seed 1
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000
MTU = 1400
LARGEST = 65_536


def enter(pid: int) -> None:
    """Have this process live in that one's network namespace."""
    with Path(f"/proc/{pid}/ns/net").open("rb") as namespace:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def device(pid: int, name: str, mine: str, peer: str) -> int:
    """A TUN device with that address in the namespace of a process; its descriptor here."""
    enter(pid)
    opened = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(opened, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    for words in (f"addr add {mine} peer {peer} dev {name}", f"link set {name} mtu {MTU} up"):
        subprocess.run(["ip", *words.split()], check=True, timeout=30)
    return opened


def forward(near: int, far: int, delay_s: float, loss: float, seed: int) -> None:
    """Until this process is ended."""
    rng = random.Random(seed)
    under_way: deque[tuple[float, int, bytes]] = deque()  # all wait as long: whoever left first arrives first
    across = {near: far, far: near}
    while True:
        wait_s = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for ready in select.select([near, far], [], [], wait_s)[0]:
            try:
                packet = os.read(ready, LARGEST)
            except BlockingIOError:
                continue
            if rng.random() >= loss:
                under_way.append((time.monotonic() + delay_s, across[ready], packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, to, packet = under_way.popleft()
            try:
                os.write(to, packet)
            except OSError:  # its queue is full, or it is going away: links lose packets
                continue


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--near", nargs=2, required=True)
    parser.add_argument("--far", nargs=2, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    (near_pid, near), (far_pid, far) = given.near, given.far
    ends = device(int(near_pid), given.name, near, far), device(int(far_pid), given.name, far, near)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    forward(*ends, given.delay_ms / 1000, given.loss, given.seed)


if __name__ == "__main__":
    main()
