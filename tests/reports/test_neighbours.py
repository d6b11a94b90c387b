"""Other programs on the sandbox's machine: what they may have made slow is in doubt, with their share."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import ExitCode
from harness.core.outcome import Outcome
from harness.record.manifest import Neighbours
from reports import neighbours, slo
from reports.frames import load
from reports.render import summary, terminal
from reports.verdict import judge
from tests.reports import build

HALF = Neighbours(seconds=10, crowded=8, share=0.5)


def run_of(values: list[float], found: Neighbours | None) -> build.Run:
    run = build.Run(build.manifest(neighbours=found, slos=(build.latency_slo(limit_ms=100.0),)))
    run.spread(values)
    return run


@pytest.mark.parametrize(
    ("found", "slow_ms", "status"),
    [
        (None, 150.0, "fail"),
        (Neighbours(seconds=10, crowded=0, share=0.0), 150.0, "fail"),
        (HALF, 150.0, "inconclusive"),
        (HALF, 1_500.0, "inconclusive"),
        (HALF, 1_700.0, "fail"),  # no machine of which half is left makes that of 100
        (Neighbours(seconds=100, crowded=3, share=0.5), 150.0, "fail"),  # too seldom for one answer in twenty
        (Neighbours(seconds=100, crowded=5, share=0.5), 150.0, "inconclusive"),
        (Neighbours(seconds=10, crowded=10, share=0.1), 150.0, "inconclusive"),
        (Neighbours(seconds=10, crowded=10, share=0.1), 160.0, "fail"),
        (HALF, 50.0, "pass"),  # nothing to excuse
    ],
)
def test_a_miss_that_they_explain_is_in_doubt(found: Neighbours | None, slow_ms: float, status: str) -> None:
    row = slo.judge(load(run_of([10.0] * 80 + [slow_ms] * 20, found)), [build.latency_slo(limit_ms=100.0)])[0]
    assert row.status == status
    if status == "inconclusive":
        assert "but other programs on this machine, where the target ran too, had" in row.note
        assert f"{slow_ms:,.0f} ms of 100 ms" in row.note


def test_failures_are_never_excused() -> None:
    run = run_of([10.0] * 80, HALF)
    run.spread([1.0] * 20, outcome=Outcome.SERVER_ERROR)
    frames = load(run)
    assert slo.judge(frames, [build.latency_slo(limit_ms=100.0)])[0].status == "fail"
    assert slo.judge(frames, [build.share_slo()])[0].status == "fail"


def test_the_verdict_is_inconclusive_and_says_who_had_the_cpu(tmp_path: Path) -> None:
    verdict = judge(run_of([10.0] * 80 + [150.0] * 20, HALF))
    assert verdict.exit_code == ExitCode.INCONCLUSIVE
    assert "had 50 % of its CPU, with none left, in 8 of 10 seconds" in " ".join(verdict.reasons)
    assert "end what else works here" in " ".join(row.remedy for row in verdict.health)
    for page in (summary.render(verdict), "\n".join(terminal.plain(verdict, tmp_path))):
        assert "had 50 % of its CPU" in " ".join(page.split())


def test_the_row_of_a_machine_of_ones_own_is_green() -> None:
    (row,) = neighbours.judge(build.manifest(neighbours=Neighbours(seconds=60, crowded=0, share=0.0)))
    assert (row.level, row.value) == ("valid", "left the target its CPU in all of 60 seconds")
    assert neighbours.judge(build.manifest()) == ()


def test_a_few_full_seconds_do_not_explain_an_answer_that_is_later_than_that() -> None:
    two = build.manifest(neighbours=Neighbours(seconds=18, crowded=2, share=0.72))
    assert neighbours.excuse(two, 1.32, 0.0, 2.3)
    assert not neighbours.excuse(two, 1.32, 0.0, 4.7)
    assert neighbours.excuse(build.manifest(neighbours=Neighbours(seconds=18, crowded=18, share=0.85)), 1.32, 0.0, 4.7)
