"""Memory over simulated hours, in a process of its own: `benchmarks/soak.py` fails when it grows by 50 MB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def soak(hours: float, warmup_s: int, patience_s: float) -> None:
    command = [sys.executable, "benchmarks/soak.py", "--hours", str(hours), "--warmup", str(warmup_s), "--workers", "1"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=patience_s, env={"PYTHONPATH": "."}
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ten_simulated_minutes_at_2000_requests_a_second_stay_flat() -> None:
    soak(1 / 6, 120, 110)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_a_simulated_day_at_2000_requests_a_second_stays_flat() -> None:
    soak(24, 3_600, 7_000)
