"""What this machine has for a generator, and how fast it is: two seconds of a fixed piece of work."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import orjson

from harness.doctor.facts import MachineFact
from harness.egress.sources import sources_in
from harness.load import child_process as processes

CALIBRATION_S = 2.0
REQUEST_US = 250.0
"""CPU of a realistic request, sessions and record included, where the piece of work took REFERENCE_US (2026-11-29)."""
REFERENCE_US = 8.9
_BODY = orjson.dumps(
    [{"id": f"{number:032x}", "title": "a title of usual length", "score": number / 7} for number in range(40)]
)


def machine(calibration_s: float = CALIBRATION_S) -> MachineFact:
    """:raises UsageError: HARNESS_SOURCE_ADDRESSES names what is no address of this machine."""
    return MachineFact(
        descriptors=processes.raise_descriptor_limit(),
        ports=_ports(),
        cores=processes.cores(),
        memory_bytes=_memory(),
        us_a_request=REQUEST_US * calibrated_us(calibration_s) / REFERENCE_US,
        sources=max(1, len(sources_in(os.environ))),
    )


def calibrated_us(seconds: float) -> float:
    """CPU microseconds of one piece of work: what others take of this machine meanwhile does not count."""
    best, end = float("inf"), time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.thread_time()
        for _ in range(200):
            hashlib.sha256(_BODY).digest()
            sum(len(one["title"]) for one in orjson.loads(_BODY))
        best = min(best, (time.thread_time() - begun) * 1e6 / 200)
    return best


def _ports() -> int:
    try:
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return 16_384  # what other systems have as a rule
    return int(high) - int(low) + 1


def _memory() -> int:
    """Bytes that may be used without swapping; 0 where nobody tells."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), 0)
