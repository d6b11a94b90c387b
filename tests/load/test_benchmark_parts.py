"""The parts into which `benchmarks/session.py` divides the engine's time."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "replay" / "parts.py"
ENGINE = "thread_run;Engine.serve (harness/load/engine.py:114)"
REQUEST = "ApiClient.request (harness/client/api_client.py:118);ApiClient.exchange (harness/client/api_client.py:232)"

spec = importlib.util.spec_from_file_location("replay_parts", FILE)
assert spec is not None
assert spec.loader is not None
parts = importlib.util.module_from_spec(spec)
spec.loader.exec_module(parts)


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        (ENGINE, parts.LOOP),
        (f"{ENGINE};{REQUEST}", "headers, preflights, tries"),
        (f"{ENGINE};{REQUEST};read (harness/client/api/classify.py:33)", "JSON and its classification"),
        (f"{ENGINE};{REQUEST};HttpClient.send (harness/client/http/client.py:126);wait (asyncio/tasks.py:399)", "wire"),
        (f"{ENGINE};Swiper.session (scenarios/swiper.py:24)", "screens and personas"),
        (f"{ENGINE};ReadChecks.ends (harness/client/checks/read_checks.py:65)", "read checks"),
        (f"{ENGINE};Ledger.intend (harness/core/ledger.py:115);raw (harness/core/ids.py:45)", "ledger"),
        (f"{ENGINE};GcControl._look (harness/load/gc_control.py:60)", "garbage collector"),
        (f"{ENGINE};Health._sample (harness/load/health.py:139)", parts.REST),
    ],
)
def test_the_innermost_frame_of_ours_says_which_part_it_was(stack: str, part: str) -> None:
    assert parts.part_of(stack) == part


def test_shares_are_of_the_looks_at_the_engine_alone() -> None:
    looks = [f"{ENGINE} 1", f"{ENGINE};{REQUEST} 3", "Hub.run (gevent/hub.py:647) 96"]
    assert parts.divided(looks) == {"headers, preflights, tries": 0.75, parts.LOOP: 0.25}
    assert parts.divided([]) == {}
