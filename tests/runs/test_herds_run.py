"""Each shipped herd, at half its size: how high it stands, and that the jitter which the report asks for mends it.

.venv/bin/python -m pytest tests/runs/test_herds_run.py -m slow      (four minutes a profile)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.exclusive import alone

from .conftest import Run, finish, start

HALF = ("--scale", "0.5", "--no-fit", "--no-html")
MOSTLY = 1.3
"""What the busiest second may stand over its forecast: one run is one draw."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def herd(run: Run, cause: str) -> dict[str, Any]:
    (found,) = run.verdict["herds"]["herds"]
    assert found["cause"] == cause
    return dict(found)


def crowded(run: Run) -> bool:
    """Whether other programs left the sandbox no CPU: then a herd is as long as the sandbox is slow."""
    return any(row["check"] == "other programs" and row["level"] != "valid" for row in run.verdict["health"])


@pytest.mark.parametrize(
    ("profile", "cause", "most"),
    [
        ("herd-push", "push", "background_deck"),
        ("herd-timers", "outage", "messages_poll"),
        ("herd-expiry", "expiry", ""),
    ],
)
def test_a_herd_stands_high_and_the_jitter_that_is_asked_for_mends_it(
    profile: str, cause: str, most: str, tmp_path: Path
) -> None:
    with alone():
        first = finish(start(tmp_path / "first", profile, *HALF), tmp_path / "first", patience_s=400)
        at_once = herd(first, cause)
        whole, rows = at_once["whole"], {row["operation"]: row for row in at_once["rows"]}
        assert at_once["tried_s"] == 0
        assert whole["peak_per_s"] > at_once["ratio"] * whole["mean_per_s"], first.said
        assert whole["jitter_s"] > 0
        assert rows, first.said
        if crowded(first):
            pytest.skip("other programs took the machine: the sandbox stretched the herd by itself")
        assert not most or most in rows
        assert whole["peak_at_s"] - at_once["at_s"] < 10
        jitter = whole["jitter_s"]
        second = finish(
            start(tmp_path / "second", profile, *HALF, "--jitter", str(jitter)), tmp_path / "second", patience_s=400
        )
    if crowded(second):
        pytest.skip("other programs took the machine: the sandbox stretched the herd by itself")
    spread = herd(second, cause)
    assert spread["tried_s"] == jitter
    assert second.manifest["profile"]["herds"]["jitter_s"] == jitter
    assert spread["whole"]["peak_per_s"] < 0.75 * whole["peak_per_s"], (whole, spread["whole"])
    assert spread["whole"]["peak_per_s"] < MOSTLY * max(whole["busiest_per_s"], whole["calm_peak_per_s"])


def test_a_jitter_that_the_arrivals_do_not_hold_is_refused(tmp_path: Path) -> None:
    process = start(tmp_path / "runs", "herd-push", "--jitter", "300")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "only 70 s of arrivals follow it" in said
