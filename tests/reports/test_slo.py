from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.outcome import Outcome
from harness.core.tables import View
from reports import slo
from reports.frames import load
from reports.intervals import Interval
from tests.reports import build


def judged(run: build.Run, objective) -> slo.SloRow:  # type: ignore[no-untyped-def]
    return slo.judge(load(run), [objective])[0]


def run_of(values: list[float], **how: object) -> build.Run:
    run = build.Run(build.manifest())
    run.spread(values, **how)
    return run


def test_value_margin_and_share_of_known_samples() -> None:
    row = judged(run_of([float(ms) for ms in range(1, 101)]), build.latency_slo(limit_ms=100.0))
    assert (row.status, row.value, row.margin, row.samples) == ("pass", 95.0, 5.0, 100)
    assert row.margin_share == pytest.approx(0.05)
    assert row.share_under == pytest.approx(0.99)
    assert row.objective == "p95 < 100 ms"


@pytest.mark.parametrize(("limit", "status"), [(95.0, "fail"), (95.001, "pass")])
def test_a_sample_at_the_limit_is_over_it(limit: float, status: str) -> None:
    assert judged(run_of([float(ms) for ms in range(1, 101)]), build.latency_slo(limit_ms=limit)).status == status


def test_failures_count_as_over_the_limit() -> None:
    run = run_of([10.0] * 94)
    run.spread([1.0] * 6, outcome=Outcome.TIMEOUT)
    row = judged(run, build.latency_slo())
    assert (row.status, row.value, row.value_text, row.failed) == ("fail", None, "no answer", 6)
    assert row.note == "6 % of the samples failed: p95 falls on a failure"
    run.spread([10.0] * 20)
    row = judged(run, build.latency_slo())
    assert (row.status, row.value, row.failed) == ("pass", 10.0, 6)


def test_a_refusal_is_an_answer_to_an_attempt_but_not_to_a_person() -> None:
    run = run_of([10.0] * 50, outcome=Outcome.RATE_LIMITED)
    run.spread([10.0] * 50, outcome=Outcome.RATE_LIMITED, view=View.E2E)
    assert judged(run, build.latency_slo()).status == "pass"
    assert judged(run, build.latency_slo(view=View.E2E)).status == "fail"


def test_warm_up_and_drain_do_not_count() -> None:
    run = run_of([10.0] * 100)
    for second in (0, build.START - 1, build.END, build.END + 3):
        run.add(second, 5_000.0, number=100, exact=True)
        run.add(second, 5.0, number=100, outcome=Outcome.SERVER_ERROR)
    assert judged(run, build.latency_slo()).status == "pass"
    row = judged(run, build.share_slo())
    assert (row.status, row.value, row.samples) == ("pass", 0.0, 100)


def test_too_few_samples_are_inconclusive_with_figures() -> None:
    row = judged(run_of([10.0] * 99), build.latency_slo(min_samples=100))
    assert (row.status, row.value) == ("inconclusive", 10.0)
    assert row.note == "too few samples: 99 of at least 100"
    assert judged(run_of([10.0] * 100), build.latency_slo(min_samples=100)).status == "pass"
    row = judged(run_of([10.0] * 9, outcome=Outcome.SERVER_ERROR), build.share_slo())
    assert (row.status, row.value) == ("inconclusive", 1.0)


def test_no_sample_names_what_there_is() -> None:
    row = judged(run_of([10.0] * 20), build.latency_slo("home_fed"))
    assert (row.status, row.value, row.value_text, row.samples) == ("inconclusive", None, "no samples", 0)
    assert "this view has home_feed" in row.note


def test_share_by_hand() -> None:
    run = run_of([10.0] * 995)
    run.spread([10.0] * 5, outcome=Outcome.SERVER_ERROR)
    row = judged(run, build.share_slo(0.005))
    assert (row.status, row.value, row.failed, row.samples) == ("pass", 0.005, 5, 1000)
    run.add(20, 10.0, outcome=Outcome.SERVER_ERROR)
    row = judged(run, build.share_slo(0.005))
    assert row.status == "fail"
    assert row.margin is not None
    assert row.margin < 0


def test_share_reads_only_its_operations_view_and_outcomes() -> None:
    run = run_of([10.0] * 100)
    run.spread([10.0] * 100, operation="elsewhere", outcome=Outcome.SERVER_ERROR)
    run.spread([10.0] * 100, view=View.E2E, outcome=Outcome.SERVER_ERROR)
    run.spread([10.0] * 100, outcome=Outcome.TIMEOUT)
    row = judged(run, build.share_slo())
    assert (row.value, row.samples) == (0.0, 200)
    both = judged(run, build.share_slo(operations=("home_feed", "elsewhere")))
    assert (both.failed, both.samples) == (100, 300)


def test_a_pass_that_the_samples_cannot_show_says_so() -> None:
    row = judged(run_of([10.0] * 300), build.share_slo(0.001))
    assert row.status == "pass"
    assert row.interval is not None
    # Wilson's upper end for 0 of n is z^2 / (n + z^2)
    assert row.interval.high == pytest.approx(1.96**2 / (300 + 1.96**2))
    assert "300 samples cannot show it" in row.note
    assert judged(run_of([10.0] * 6000), build.share_slo(0.001)).note == ""


def test_percentile_interval_by_hand() -> None:
    """Nine slices are 90 % fast, one is all slow: F = 81 %, se from the ten slices, quantiles read off the samples."""
    run = build.Run(build.manifest())
    for slot in range(10):
        second = build.START + slot * 6
        run.add(second, 10.0, number=0 if slot == 9 else 9, exact=True)
        run.add(second, 100.0, number=10 if slot == 9 else 1, exact=True)
    row = judged(run, build.latency_slo(percentile=50.0, limit_ms=50.0))
    # counted 9,..,9,0 of 10 each: sum (u - 8.1)^2 = 9 * 0.81 + 65.61 = 72.9; se = sqrt(10/9 * 72.9)/100 = 0.09;
    # h = 2.262 * 0.09 = 0.2036: from the 29.6 % quantile (10 ms) to the 70.4 % quantile (10 ms)
    assert row.interval == Interval(low=10.0, high=10.0)
    row = judged(run, build.latency_slo(percentile=80.0, limit_ms=50.0))
    # 59.6 % quantile is 10 ms; 80 % + 20.4 % is past the last sample: open
    assert row.interval == Interval(low=10.0, high=None)
    assert row.status == "pass"
    assert row.note.startswith("close:")
    assert row.interval_text == "10 ms or more"


def test_no_interval_when_a_slice_is_empty() -> None:
    run = build.Run(build.manifest())
    run.add(build.START, 10.0, number=500)
    assert judged(run, build.latency_slo()).interval is None
    assert judged(run, build.share_slo()).interval is None


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Log-normal latencies in noise that lasts: of 60 intervals at a nominal 95 %, far more than half must cover."""
    source, covered = random.Random(7), 0
    truth = 100.0 * 2.718281828 ** (1.6448536 * (0.4**2 + 0.15**2) ** 0.5)
    for _ in range(60):
        run, fault_injector = build.Run(build.manifest()), 0.0
        for second in range(build.START, build.END):
            fault_injector = 0.8 * fault_injector + source.gauss(0, 0.15 * (1 - 0.64) ** 0.5)
            for _ in range(8):
                run.add(second, 100.0 * 2.718281828 ** (fault_injector + source.gauss(0, 0.4)))
        interval = judged(run, build.latency_slo()).interval
        assert interval is not None
        covered += interval.low <= truth and (interval.high is None or truth <= interval.high)
    assert covered >= 51


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.integers(1, 300), min_size=1, max_size=60),
    failed=st.integers(0, 10),
    limit=st.integers(1, 300),
    percentile=st.sampled_from([50.0, 90.0, 95.0, 99.0]),
)
def test_value_and_status_never_contradict(values: list[int], failed: int, limit: int, percentile: float) -> None:
    run = run_of([float(value) for value in values])
    if failed:
        run.spread([1.0] * failed, outcome=Outcome.NETWORK)
    row = judged(run, build.latency_slo(limit_ms=float(limit), percentile=percentile, min_samples=1))
    assert (row.status == "pass") == (row.value is not None and row.value < limit)
    assert row.share_under is not None
    assert (row.status == "pass") == (row.share_under >= percentile / 100 - 1e-12)
