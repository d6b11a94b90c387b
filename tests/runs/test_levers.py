"""`harness levers` against a sandbox: two levers by turns, their arithmetic, and an interruption."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.levers.answer import LeversAnswer
from harness.levers.arithmetic import ROLLUP
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.runs.conftest import DATA

PROFILE = DATA / "levers.toml"
ALIKE = 0.05
"""How far measured and arithmetic may lie apart."""


def command(out: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "harness", "levers", *arguments, "--profile", str(PROFILE), "--out", str(out)]


def pieces(out: Path) -> list[dict[str, Any]]:
    path = out / "pieces.json"
    return list(json.loads(path.read_text(encoding="utf-8"))["pieces"]) if path.is_file() else []


@pytest.fixture
def untouched() -> Iterator[Sandbox]:
    """Nobody did anything on it yet: an event that was stored before on that day is no row."""
    with Sandbox(SandboxOptions(people=60, catalogue=300)) as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_two_levers_do_what_the_arithmetic_says(untouched: Sandbox, tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = command(out, "batch-25", "broadcast", "--short", "--rounds", "2", "--url", untouched.url)
    done = subprocess.run(asked, capture_output=True, text=True, timeout=1400, check=False)
    assert done.returncode == 0, done.stderr
    found = LeversAnswer.model_validate_json((out / "levers.json").read_bytes())
    assert [one.rounds for one in found.levers] == [2, 2]
    batch, broadcast = found.levers
    posts = batch.rates["event posts per swipe"]
    assert posts.factor is not None
    assert posts.factor < 0.5
    for one in pieces(out):
        assert one["sessions"] > 0
        if one["closed"]:
            pytest.skip("the machine is too busy for the pieces: sessions were cut short")
        for name in ("event_posts", "message_events"):
            measured, expected = one["totals"][name], one["expected"][name]
            assert measured == pytest.approx(expected, rel=ALIKE, abs=1), (one["lever"], name)
        # The service throws dice for one row of these a request, and a piece has few requests.
        dice = 4 * math.sqrt(ROLLUP * (1 - ROLLUP) * one["endpoints"]["POST functions/media-swipe-event"])
        rows, expected = one["totals"]["event_rows"], one["expected"]["event_rows"]
        assert rows == pytest.approx(expected, rel=ALIKE, abs=dice), one["lever"]
        assert one["totals"]["database_ms"] > 0
        assert one["totals"]["wal_bytes"] > 0
        assert (one["totals"]["realtime_changes"] == 0) == (one["lever"] == "broadcast")
    assert broadcast.effects["realtime_changes"].factor == 0
    assert broadcast.effects["realtime_changes"].shown
    assert "batch-25" in done.stdout
    assert (out / "levers.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_interrupted_comparison_keeps_its_pieces_and_goes_on(sandbox: Sandbox, tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = command(out, "batch-25", "--short", "--rounds", "2", "--url", sandbox.url)
    process = subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + 400
        while not pieces(out) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=200)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 30, said
    assert "--resume" in said
    kept = pieces(out)
    assert kept
    assert (out / "levers.json").is_file()
    again = subprocess.run([*asked, "--resume"], capture_output=True, text=True, timeout=800, check=False)
    assert again.returncode == 0, again.stderr
    whole = pieces(out)
    assert whole[: len(kept)] == kept
    assert sorted((one["lever"], one["round"]) for one in whole) == [("", 0), ("", 1), ("batch-25", 0), ("batch-25", 1)]
