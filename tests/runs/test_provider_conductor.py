"""Faults of the provider of models on a timeline: on and off when they should, gone by themselves, nowhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from chaos.faults.provider import ProviderFault
from chaos.timeline import ScheduledFault, Timeline
from harness.config.load import load_profile
from harness.core.errors import UsageError
from harness.core.fault_record import FaultEvent
from harness.run.provider_conductor import PATH, ProviderConductor
from reports.chaos_log import read
from sandbox.server import Sandbox, SandboxOptions
from tests.plain_http import NO_TLS


class Silent:
    """Watches and says nothing."""

    def stage(self, text: str) -> None: ...

    def progress(self, facts: Mapping[str, Any]) -> None: ...

    def problem(self, text: str) -> None:
        raise AssertionError(text)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=3, catalogue=20)) as running:
        yield running


def faults(sandbox: Sandbox) -> list[str]:
    return [one["mode"] for one in httpx.get(sandbox.url + PATH, verify=NO_TLS).json()["faults"]]


def until(sandbox: Sandbox, wanted: list[str], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while faults(sandbox) != wanted:
        assert time.monotonic() < deadline, (faults(sandbox), wanted)
        time.sleep(0.02)


def timeline(for_s: float) -> Timeline:
    return Timeline((ScheduledFault("dead", ProviderFault.parse({"mode": "dead"}), 0.3, 0.3 + for_s),), 1)


def test_a_fault_is_there_for_its_time(sandbox: Sandbox, tmp_path: Path) -> None:
    conductor = ProviderConductor(sandbox.url, timeline(3.0), Silent())
    conductor.begin(time.time(), tmp_path)
    until(sandbox, ["dead"])
    until(sandbox, [])
    conductor.clear()
    lines = read(tmp_path)
    assert [line.event for line in lines] == [FaultEvent.START, FaultEvent.END]
    assert [line.layer for line in lines] == ["provider"] * 2
    assert lines[1].at_s - lines[0].at_s >= 2.5


def test_a_run_that_ends_early_takes_it_along(sandbox: Sandbox, tmp_path: Path) -> None:
    conductor = ProviderConductor(sandbox.url, timeline(600.0), Silent())
    conductor.begin(time.time(), tmp_path)
    until(sandbox, ["dead"])
    conductor.clear()
    assert faults(sandbox) == []


def test_only_a_sandbox_has_a_provider_that_may_be_broken() -> None:
    with pytest.raises(UsageError, match="no provider of models"):
        ProviderConductor("http://127.0.0.1:9", timeline(1.0), Silent())


def test_the_shipped_profile_breaks_it_for_three_minutes() -> None:
    planned = load_profile("nightly-provider-dead").timeline(1)
    [entry] = planned.of_provider().entries
    assert entry.end_s - entry.start_s == 180
    assert not planned.of_proxy().entries
    assert not planned.of_phones().entries
