"""`harness capacity` against sandboxes whose limit is known."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.record.store import open_run
from reports.frames import load
from sandbox.options import SandboxOptions
from sandbox.realtime import RealtimeSettings
from sandbox.server import Sandbox
from sandbox.switches import Switches
from tests.runs.conftest import DATA

VISITS, CHATS, LOOSE = DATA / "capacity.toml", DATA / "chats.toml", DATA / "capacity-slo.toml"
PER_SECOND = 100


@dataclass(frozen=True)
class Searched:
    """A finished `harness capacity`."""

    code: int
    said: str
    folder: Path

    @property
    def side(self) -> dict[str, Any]:
        (side,) = json.loads((self.folder / "answer.json").read_text(encoding="utf-8"))["sides"]
        return dict(side)


def search(out: Path, profile: Path, *arguments: str, patience_s: float) -> Searched:
    command = [sys.executable, "-m", "harness", "capacity", str(profile), "--slo", str(LOOSE), "--out", str(out)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=patience_s, check=False)
    return Searched(done.returncode, done.stdout + done.stderr, out)


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_a_known_service_rate_is_found_within_a_tenth(tmp_path: Path) -> None:
    """The sandbox serves so many function and REST requests a second, one after the other; a visit has a fixed number
    of them. Both ends of the answer are within a tenth of the quotient."""
    found = search(
        tmp_path / "out",
        VISITS,
        *("--quirk", f"capacity_per_second={PER_SECOND}", "--start", "1.5", "--max-rate", "5"),
        *("--settle", "10", "--measure", "40", "--confirm", "1", "--steps", "12"),
        patience_s=900,
    )
    assert found.code == 0, found.said
    side = found.side
    assert side["kind"] == "interval", found.said
    true = PER_SECOND / requests_of_a_visit(found)
    assert 0.9 * true <= side["low"] <= side["high"] <= 1.1 * true, (true, found.said)
    assert (found.folder / "capacity.html").stat().st_size > 10_000


def requests_of_a_visit(found: Searched) -> float:
    """Of function and REST requests, all but those to auth: of all visits, from the first to the last request, of the
    steps that were carried. In the measure phase alone a step near its limit has begun more than it has served."""
    requests = visits = 0
    for step in found.side["steps"]:
        if step["word"] == "pass":
            frames = load(open_run(found.folder / step["run"]).checked())
            counts = frames.counts[frames.counts["view"] == "server"]
            requests += int(counts.loc[~counts["operation"].isin(("sign_in", "user")), "count"].sum())
            visits += int(frames.arrivals["started_us"].notna().sum())
    return requests / visits


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("profile", "rate", "options", "named"),
    [
        (VISITS, "4", {"switches": Switches.parse(["rest_pool_size=2", "pool_hold_ms=2000"])}, "pool"),
        (CHATS, "4", {"switches": Switches.parse(["lock_wait_ms=400"])}, "locks in the database"),
        (CHATS, "4", {"realtime": RealtimeSettings(max_concurrent_users=5)}, "Realtime's limit on connected clients"),
        (VISITS, "11", {}, "CPU of this machine"),
    ],
    ids=["pool", "lock", "realtime", "cpu"],
)
def test_what_gave_way_first_is_named(
    profile: Path, rate: str, options: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with Sandbox(SandboxOptions(people=600, catalogue=300, **options)) as sandbox:
        found = search(
            tmp_path / "out",
            profile,
            *("--url", sandbox.url, "--start", rate, "--max-rate", rate, "--settle", "10", "--measure", "30"),
            *("--steps", "1", "--confirm", "1"),
            patience_s=300,
        )
    (step,) = found.side["steps"]
    assert step["word"] == "fail", found.said
    assert named in step["resource"], found.said
