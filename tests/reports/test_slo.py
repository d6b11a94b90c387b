from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.outcome import Outcome
from harness.core.tables import View
from reports import slo
from reports.frames import load
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
    row = judged(run_of([10.0] * 2, outcome=Outcome.SERVER_ERROR), build.share_slo())
    assert (row.status, row.value) == ("inconclusive", 1.0)


def test_too_few_samples_do_not_hide_what_is_sure() -> None:
    row = judged(run_of([10.0] * 9, outcome=Outcome.SERVER_ERROR), build.share_slo())
    assert (row.status, row.value) == ("fail", 1.0)


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
    # Clopper and Pearson's upper end for 0 of n
    assert row.interval.high == pytest.approx(1 - 0.025 ** (1 / 300))
    assert "met, but 300 samples are too few: the true rate could be" in row.note
    assert (row.shown, row.needed_samples, row.needed_s) == (False, 2995, 60 * 2995 / 300)
    assert judged(run_of([10.0] * 6000), build.share_slo(0.001)).note == ""


def test_percentile_interval_by_hand() -> None:
    """100 samples of their own seconds' order, 1..100 ms: ranks of a binomial median and p99, read between samples."""
    values = [float(1 + 37 * place % 100) for place in range(100)]
    interval = judged(run_of(values), build.latency_slo(percentile=50.0)).interval
    # P(B <= 39) = 0.0176, P(B <= 40) = 0.0284, so 2.5 % lies between ranks 40 and 41; 60 and 61 above
    assert interval is not None
    assert interval.low == pytest.approx(40.72, abs=0.005)
    assert interval.high == pytest.approx(60.28, abs=0.005)
    # no upper end; that four or more of 100 lie above the p99 has 1.8 %, three or more 7.9: 5 % between ranks 97 and 98
    open_ended = judged(run_of(values), build.latency_slo(percentile=99.0)).interval
    assert open_ended is not None
    assert (round(open_ended.low, 1), open_ended.high) == (97.7, None)


def test_an_interval_has_a_width_even_where_all_samples_are_alike() -> None:
    interval = judged(run_of([10.0] * 500), build.latency_slo()).interval
    assert interval is not None
    assert interval.high is not None
    assert interval.low < 10.0 < interval.high


def test_a_percentile_that_is_the_largest_sample_has_no_upper_end() -> None:
    row = judged(run_of([float(ms) for ms in range(1, 41)]), build.latency_slo(percentile=99.0))
    assert row.interval is not None
    assert row.interval.high is None
    assert row.interval_text.startswith("at least ")


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


@pytest.mark.parametrize(
    ("samples", "slow", "status"),
    [(58, 0, "inconclusive"), (59, 0, "pass"), (92, 1, "inconclusive"), (93, 1, "pass"), (93, 2, "inconclusive")],
)
def test_a_pass_is_shown_or_it_is_none(samples: int, slow: int, status: str) -> None:
    """Fifty-nine clean samples are the fewest that show a p95; with a slow one it takes 93."""
    values = [10.0] * samples
    for place in range(slow):
        values[7 + 40 * place] = 900.0
    row = judged(run_of(values), build.latency_slo(claim="shown"))
    assert (row.status, row.shown) == (status, status == "pass")
    if status == "inconclusive":
        assert "would show it, a measure phase of" in row.note
        assert row.needed_s is not None


def test_one_error_among_too_few_calls_is_a_doubt_and_no_miss() -> None:
    run = run_of([10.0] * 943)
    run.spread([10.0], outcome=Outcome.SERVER_ERROR)
    row = judged(run, build.share_slo(0.001, claim="shown"))
    assert row.status == "inconclusive"
    assert "which no length of run would show" in row.note
    run.spread([10.0] * 9, outcome=Outcome.SERVER_ERROR)
    assert judged(run, build.share_slo(0.001, claim="shown")).status == "fail"


@pytest.mark.parametrize(("slow", "status"), [(0, "pass"), (1, "inconclusive")])
def test_a_run_too_short_to_show_it_passes_clean_or_not_at_all(slow: int, status: str) -> None:
    row = judged(run_of([10.0] * (47 - slow) + [900.0] * slow), build.latency_slo(claim="clean"))
    assert (row.status, row.shown) == (status, False)
    assert "47 samples are too few" in row.note or "47 samples (worth" in row.note


def test_the_profile_says_what_a_pass_takes() -> None:
    run = build.Run(build.manifest(profile=build.profile(claim="clean")))
    run.spread([10.0] * 47)
    assert judged(run, build.latency_slo(claim="shown")).status == "pass"


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
