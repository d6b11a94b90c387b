from __future__ import annotations

from collections import Counter

import pytest

from harness.core.outcome import Outcome
from harness.core.tables import View
from reports.compare import compare
from reports.frames import load
from reports.verdict import Verdict, judge
from tests.reports import build


def verdict_of(run: build.Run) -> Verdict:
    return judge(run)


def good(*slos: object, **changes: object) -> build.Run:
    run = build.Run(build.manifest(slos or (build.latency_slo(),), **changes)).fit()  # type: ignore[arg-type]
    run.spread([100.0] * 200)
    return run.finished(**changes)


def test_a_pass_has_exit_code_0_and_says_that_integrity_was_not_checked() -> None:
    found = verdict_of(good())
    assert (found.verdict, found.exit_code, found.exit_codes, found.reasons) == ("pass", 0, (0,), ())
    assert found.sentence == (
        "The SLO is met; the closest is home_feed server, 100 ms of 400 ms. "
        "Whether the data is all there was not checked."
    )
    assert found.integrity.status == "not checked"
    assert any("Integrity" in line for line in found.not_checked)


def test_a_missed_slo_names_operation_figure_and_limit() -> None:
    found = verdict_of(good(build.latency_slo(limit_ms=90.0)))
    assert (found.verdict, found.exit_code) == ("fail", 10)
    for word in ("home_feed", "p95", "100 ms", "90 ms"):
        assert word in found.sentence


@pytest.mark.parametrize(("realtime", "code"), [(True, 20), (False, 0)])
def test_a_profile_without_realtime_is_not_asked_about_deliveries(realtime: bool, code: int) -> None:
    delivery = build.latency_slo("message_delivery", name="Message delivery", view=View.DELIVERY)
    found = verdict_of(good(build.latency_slo(), delivery, profile=build.profile(realtime=realtime)))
    assert found.exit_code == code, found.reasons
    said = [line for line in found.not_checked if line.startswith("Message delivery: the profile has no Realtime")]
    assert len(said) == len(found.slos) % 2 == (not realtime)


def test_a_definite_miss_beats_too_few_samples_and_both_are_listed() -> None:
    found = verdict_of(good(build.latency_slo(limit_ms=90.0), build.latency_slo("never_called")))
    assert (found.verdict, found.exit_code, found.exit_codes) == ("fail", 10, (10, 20))
    assert "90 ms" in found.reasons[0]
    assert "never_called" in found.reasons[1]


def test_a_veto_of_the_generator_makes_a_pass_inconclusive() -> None:
    run = good()
    run.manifest = run.manifest.model_copy(update={"recorded_attempts": 1})
    found = verdict_of(run)
    assert (found.verdict, found.exit_code) == ("inconclusive", 20)
    assert [row.status for row in found.slos] == ["pass"]
    assert [row.check for row in found.vetoes] == ["counters"]


def test_an_abort_wins_over_everything_here() -> None:
    run = good(build.latency_slo(limit_ms=90.0), build.latency_slo("never_called"))
    run.manifest = run.manifest.model_copy(update={"status": "aborted", "abort_reason": "interrupted (Ctrl-C)"})
    run.complete = False
    found = verdict_of(run)
    assert (found.verdict, found.exit_code, found.exit_codes) == ("aborted", 30, (30, 10, 20))
    assert "Ctrl-C" in found.sentence


@pytest.mark.parametrize("status", ["running", "incomplete"])
def test_a_run_that_died_never_passes(status: str) -> None:
    run = good().finished(status=status)
    run.complete = False
    found = verdict_of(run)
    assert (found.verdict, found.exit_code) == ("inconclusive", 20)
    assert "died" in found.sentence


def test_complete_status_with_unclosed_record_never_passes() -> None:
    run = good()
    run.complete = False
    assert (verdict_of(run).exit_code, verdict_of(run).facts.status) == (20, "incomplete")


def test_a_regression_alone_fails_with_12_and_below_a_missed_slo() -> None:
    before = good(run_id="before")
    before.counts = Counter({key: number for key, number in before.counts.items() if key[2] == "generator"})
    before.spread([50.0] * 200)
    for limit, codes in ((400.0, (12,)), (90.0, (10, 12))):
        run = good(build.latency_slo(limit_ms=limit))
        found = judge(run, compare(load(run), [load(before)]))
        assert (found.verdict, found.exit_codes, found.exit_code) == ("fail", codes, codes[0])
        assert any("regressed" in reason for reason in found.reasons)


def test_no_slo_and_no_sample_are_inconclusive() -> None:
    run = build.Run(build.manifest()).fit()
    run.spread([1.0] * 10)
    assert verdict_of(run.finished()).exit_code == 20
    empty = verdict_of(build.Run(build.manifest(build.DEFAULT_SLOS)))
    assert empty.exit_code == 20
    assert "No objective has a sample in the measure phase." in empty.reasons


def test_facts_count_the_measure_phase() -> None:
    run = good()
    run.add(2, 5.0, number=40, outcome=Outcome.SERVER_ERROR)
    facts = verdict_of(run.finished()).facts
    assert (facts.attempts, facts.attempts_measured, facts.measured_s) == (240, 200, 60.0)
    assert facts.attempts_per_s == pytest.approx(200 / 60)


def test_realistic_runs() -> None:
    assert verdict_of(build.realistic()).verdict == "pass"
    slow = verdict_of(build.realistic(slow=6.0))
    assert slow.exit_code == 10
    assert "swipe_deck" in slow.sentence
    assert [row.name for row in slow.slos if row.status == "fail"] == ["swipe_deck server", "swipe_deck e2e"]
