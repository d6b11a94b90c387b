"""Any signal to any process at any stage of a run (`tests.runs.kills` has the rules, and a command for many more)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.runs.kills import run_kills

KILLS = int(os.environ.get("HARNESS_RANDOM_KILLS", "3"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_kill_at_any_stage_passes_or_leaves_anything(tmp_path: Path) -> None:
    seed = int(os.environ.get("HARNESS_RANDOM_SEED", "1"))
    done = run_kills(KILLS, seed, tmp_path)
    assert not [kill.line() for kill in done if kill.faults]
    assert sum(not kill.late for kill in done) >= KILLS
