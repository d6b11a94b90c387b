"""The same profile and seed twice on one target on one day: the second run loses nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.record.store import open_run
from reports.integrity.check import integrity
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox

PROFILE = Path(__file__).parents[1] / "data" / "everybody.toml"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_second_run_of_the_same_seed_holds(tmp_path: Path) -> None:
    with Sandbox(SandboxOptions(people=60, catalogue=300)) as running:
        for number in (1, 2):
            out = tmp_path / str(number)
            command = [sys.executable, "-m", "harness", "run", str(PROFILE), "--url", running.url, "--no-html"]
            subprocess.run([*command, "--out", str(out)], check=False, capture_output=True, timeout=300)
            (folder,) = out.iterdir()
            found = integrity(open_run(folder))
            assert (found.status, [check.sentence for check in found.broken]) == ("held", [])
            checks = {check.id: check for check in found.checks}
            assert checks["I51"].looked_at > 50
            assert "not compared" not in checks["I51"].note
            assert checks["stored earlier"].count == 0 or number == 2
