"""A real run that its own abort rule ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.server import Sandbox
from tests.runs.conftest import BRIEF, BRIEF_SLO, finish, start

RULES = """
[abort]
window_s = 8
grace_s = 3
min_samples = 5
p95_multiple = 2
"""


@pytest.mark.slow
def test_a_target_far_over_its_limit_ends_the_run_early_with_30(sandbox: Sandbox, tmp_path: Path) -> None:
    """Two minutes are planned; no feed is read in 2 ms, so the rule holds from the first samples on."""
    profile, slos = tmp_path / "long.toml", tmp_path / "slo.toml"
    text = BRIEF.read_text().replace("measure_s = 8", "measure_s = 120").replace("seconds = 10", "seconds = 122")
    profile.write_text(text.replace("[mix]", RULES + "\n[mix]", 1))
    slos.write_text(BRIEF_SLO.read_text().replace("limit_ms = 15000", "limit_ms = 1", 1))
    out = tmp_path / "runs"
    run = finish(start(out, profile, "--slo", slos, "--url", sandbox.url), out)
    assert run.code == 30, run.said
    assert run.manifest["status"] == "aborted"
    assert run.manifest["abort_reason"].startswith(
        "abort rule: Home feed, server: p95 was 2 times its limit or more for 3 s"
    )
    assert run.verdict["verdict"] == "aborted"
    assert run.manifest["abort_reason"] in run.verdict["sentence"]
    assert run.manifest["abort_reason"] in (run.folder / "report.html").read_text().replace("&#39;", "'")
    assert run.verdict["facts"]["measured_s"] < 60
    counters = next(row for row in run.verdict["health"] if row["check"] == "counters")
    assert counters["level"] == "valid", counters
