"""What two checkouts take for the same work: each look is a process of its own, told by CPU, clock and memory.

A benchmark started with `--look FOLDER` does the work once and prints `took`; `asked` starts it so with the code of a
checkout.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def asked(script: str, checkout: Path, folder: Path) -> dict[str, Any]:
    """What one look of `script` at `folder` printed, made with a checkout's code.

    :raises subprocess.CalledProcessError: the look failed.
    """
    done = subprocess.run(
        [sys.executable, script, "--look", str(folder)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        cwd=checkout,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def took(began: float) -> dict[str, float]:
    """Seconds of CPU since this process began, imports too; by the clock since `began` (of `time.perf_counter`); and
    the most bytes of memory that it had."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu": used.ru_utime + used.ru_stime,
        "seconds": time.perf_counter() - began,
        "peak": _peak_bytes(),
    }


def _peak_bytes() -> int:
    """Not of getrusage where it can be helped: that counts the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
