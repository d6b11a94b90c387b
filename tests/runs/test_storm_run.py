"""A retry storm at half of a sandbox's capacity: once the fault is over, retries keep it down, unless rationed.

.venv/bin/python -m pytest tests/runs/test_storm_run.py -m slow      (nine minutes, on a machine that does nothing else)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import finish, start

CAPACITY = 150
"""Function and REST requests a second; 3.4 sessions/s of the profile ask for half of it."""
QUIRKS = ("--quirk", f"capacity_per_second={CAPACITY}", "--quirk", "gateway_timeout_ms=1000")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]


def storm(tmp_path: Path, policy: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The baseline, and what the report says of the fault."""
    profile = tmp_path / "storm.toml"
    profile.write_text(f'name = "storm"\nextends = "retry-storm"\nretry_policy = "{policy}"\n', encoding="utf-8")
    run = finish(start(tmp_path / "runs", profile, *QUIRKS), tmp_path / "runs", patience_s=450.0)
    recovery = run.verdict["recovery"]
    assert recovery["baseline"] is not None, recovery["baseline_note"]
    (fault,) = recovery["faults"]
    return recovery["baseline"], fault


def test_impatient_retries_keep_the_target_down_when_the_fault_is_over(tmp_path: Path) -> None:
    baseline, fault = storm(tmp_path, "immediate")
    assert 0.4 * CAPACITY < baseline["attempts_per_s"] < 0.65 * CAPACITY  # sign-ins need none of it
    assert fault["amplification_ratio"] > 2
    assert fault["recovered"]["status"] == "never"


def test_with_a_budget_for_retries_it_comes_back(tmp_path: Path) -> None:
    _, fault = storm(tmp_path, "budget")
    assert fault["amplification_ratio"] < 1.5
    assert fault["recovered"]["status"] == "recovered"
    assert fault["recovered"]["after_s"] < 30
