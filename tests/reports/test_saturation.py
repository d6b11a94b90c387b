"""A run whose own sandbox was the limit: the verdict says so first, and who broke what."""

from __future__ import annotations

import pytest

from harness.core.errors import ExitCode
from harness.core.outcome import Outcome
from harness.record.manifest import Neighbours
from reports.integrity.model import Check, Integrity, Offender
from reports.verdict import Verdict, judge
from tests.reports import build

ALONE = Neighbours(seconds=60, crowded=0, share=0.0)
FULL_FROM, FULL_TO = build.START + 20, build.END


def run_of(*, full: bool, others: Neighbours | None = ALONE, slow_ms: float = 900.0, unanswered: int = 40) -> build.Run:
    slos = (build.latency_slo("swipe_deck", limit_ms=700.0),)
    run = build.Run(build.manifest(neighbours=others, slos=slos)).fit()
    for row in run.seconds:
        if full and FULL_FROM <= row["second"] < FULL_TO:
            row["machine_share"] = 0.97
    run.spread([100.0] * 400 + [slow_ms] * 100, operation="swipe_deck")
    for number in range(unanswered):
        run.add(FULL_FROM + number % 30, 20_000.0, operation="swipe_deck", outcome=Outcome.TIMEOUT)
    return run


def integrity(*at_s: float | None) -> Integrity:
    offenders = tuple(Offender(ids={"message": str(number)}, at_s=at) for number, at in enumerate(at_s))
    check = Check(
        id="I27", title="Read markers never go back", status="broken", looked_at=900, count=len(at_s),
        offenders=offenders,
    )  # fmt: skip
    return Integrity(status="broken", text="broken", checks=(check,))


def test_the_sandbox_is_the_limit_before_what_was_missed() -> None:
    verdict = judge(run_of(full=True))
    assert verdict.exit_code == ExitCode.INCONCLUSIVE
    assert verdict.exit_codes == (ExitCode.INCONCLUSIVE, ExitCode.SLO_MISSED)
    assert verdict.sentence.startswith("The sandbox on this machine is the limit")
    assert "40 of 60 seconds" in verdict.sentence
    assert "--scale" in verdict.sentence


@pytest.mark.parametrize(
    "run",
    [
        run_of(full=False),
        run_of(full=True, others=None),  # a target elsewhere
        run_of(full=True, others=Neighbours(seconds=60, crowded=30, share=0.1)),  # others filled the machine
    ],
    ids=["CPU to spare", "elsewhere", "others"],
)
def test_otherwise_a_miss_is_a_miss(run: build.Run) -> None:
    assert judge(run).exit_code == ExitCode.SLO_MISSED


def test_a_full_machine_that_missed_nothing_is_no_reason_to_doubt() -> None:
    assert judge(run_of(full=True, slow_ms=200.0, unanswered=0)).exit_code == ExitCode.PASS


def place(verdict: Verdict, part: str) -> int:
    return next(number for number, reason in enumerate(verdict.reasons) if part in reason)


def test_what_only_the_overload_broke_comes_after_no_answer_from_decks() -> None:
    verdict = judge(run_of(full=True), integrity=integrity(FULL_FROM + 5.0, FULL_FROM + 9.0))
    assert verdict.exit_code == ExitCode.INCONCLUSIVE
    broken = place(verdict, "read markers went back")
    assert 0 == place(verdict, "The sandbox on this machine is the limit") < place(verdict, "swipe_deck") < broken
    assert "the overload broke it" in verdict.reasons[broken]


@pytest.mark.parametrize("at", [(build.START + 2.0 - 10, FULL_FROM + 5.0), (3.0,)])
def test_what_broke_with_cpu_to_spare_the_app_broke(at: tuple[float, ...]) -> None:
    run = run_of(full=True)
    for row in run.seconds:
        row["machine_share"] = 0.97 if row["second"] >= FULL_FROM + 20 else 0.4
    verdict = judge(run, integrity=integrity(*at))
    assert verdict.exit_code == ExitCode.DATA
    assert "The app broke it" in verdict.sentence


def test_nothing_is_excused_without_requests_that_went_unanswered() -> None:
    verdict = judge(run_of(full=True, unanswered=0), integrity=integrity(FULL_FROM + 5.0))
    assert verdict.exit_code == ExitCode.DATA
