"""A run against a sandbox with the hosted platform's limits ends with a verdict that names the one that bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import BRIEF, BRIEF_SLO, finish, start

CROWD = f"""
extends = "{BRIEF}"
name = "crowd"
people = 60
phones = 60
realtime = false
[phases]
warmup_s = 2
measure_s = 8
drain_s = 20
[[arrivals]]
seconds = 10
rate = 7
"""


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_crowd_at_one_address_meets_the_platforms_sign_in_limit(tmp_path: Path) -> None:
    profile, out = tmp_path / "crowd.toml", tmp_path / "runs"
    profile.write_text(CROWD)
    run = finish(start(out, profile, "--quirk", "preset=hosted", "--slo", BRIEF_SLO), out, patience_s=180)
    assert run.code == 10, run.said
    assert run.verdict["sentence"].startswith("The target's sign-in limit, not the app, kept "), run.said
    assert "the sign-in limit for this machine's address (429)" in run.verdict["sentence"]
    named = {one["code"]: one for one in run.verdict["limits"]}
    assert named["over_request_rate_limit"]["calls"]["sign_in"] >= 3
    assert "sandbox switch preset=hosted" in run.manifest["notes"]
    assert "sandbox switch sign_in_burst=30" in run.manifest["notes"]


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_workers_that_end_are_named_in_the_verdict(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    switches = ("preset=hosted-free", "sign_in_per_5_minutes=0", "edge_worker_limit_one_in=4")
    quirks = [word for switch in switches for word in ("--quirk", switch)]
    run = finish(start(out, BRIEF, *quirks, "--slo", BRIEF_SLO), out, patience_s=180)
    assert run.code in (10, 11), run.said
    assert "a function's worker was ended for want of CPU, memory or time (546)" in run.verdict["sentence"], run.said
    (worker,) = [one for one in run.verdict["limits"] if one["code"] == "WORKER_RESOURCE_LIMIT"]
    assert worker["times"] == sum(worker["calls"].values()) >= 5
    assert "WORKER_RESOURCE_LIMIT" in (run.folder / "report.html").read_text()
