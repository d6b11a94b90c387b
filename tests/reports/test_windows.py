"""Objectives over sliding windows: the worst is found, and a lasting miss is a miss where the SLO says so."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.outcome import Outcome
from harness.core.tables import View
from reports import slo
from reports.frames import load
from reports.text import DASH
from tests.reports import build


def judged(run: build.Run, objective) -> slo.SloRow:  # type: ignore[no-untyped-def]
    return slo.judge(load(run), [objective])[0]


def slow_between(start: int, end: int, *, per_second: int = 20) -> build.Run:
    """100 ms throughout, 900 ms for a fifth of the requests of seconds start .. end."""
    run = build.Run(build.manifest())
    for second in range(build.START, build.END):
        slow = per_second // 5 if start <= second < end else 0
        run.add(second, 100.0, number=per_second - slow, exact=True)
        run.add(second, 900.0, number=slow, exact=True)
    return run


def test_the_worst_window_is_named_with_its_time_and_informs_only() -> None:
    row = judged(slow_between(30, 40), build.latency_slo(window_s=10.0))
    assert (row.status, row.value) == ("pass", 100.0)
    assert row.windows is not None
    assert (row.windows.worst_start_s, row.windows.worst_value, row.windows.worst_samples) == (30.0, 900.0, 200)
    assert row.windows.text == f"900 ms at 30{DASH}40 s"
    assert row.windows.worst_over
    # a window of 10 s is over 5 % slow with 3 of its seconds in the slow part
    assert (row.windows.over_start_s, row.windows.over_s) == (23.0, 24.0)
    assert max(share for share in row.windows.trace if share is not None) == pytest.approx(4.0)


def test_where_nothing_is_over_the_limit_the_slowest_moment_is_named() -> None:
    row = judged(slow_between(30, 40), build.latency_slo(limit_ms=2000.0, window_s=10.0))
    assert row.windows is not None
    assert (row.windows.worst_start_s, row.windows.worst_value, row.windows.worst_over) == (30.0, 900.0, False)
    assert row.windows.over_start_s is None


@pytest.mark.parametrize(("sustained", "status"), [(None, "pass"), (24.0, "fail"), (30.0, "fail"), (39.0, "pass")])
def test_a_lasting_miss_is_a_miss_where_the_slo_says_so(sustained: float | None, status: str) -> None:
    """40 of 20 a second: 8.3 % of 24 s, 6.7 % of 30 s, 5.1 % of 39 s, which may be chance."""
    row = judged(slow_between(30, 40), build.latency_slo(window_s=10.0, sustained_s=sustained))
    assert row.status == status
    assert ("were over the limit in the" in row.note) == (status == "fail")


def test_an_incident_is_looked_for_in_all_samples_of_its_length_together() -> None:
    """1.5 % of errors for 40 s, with 4 s in between without any: every window of 4 s would have to be over 0.5 %."""
    run = build.Run(build.manifest())
    for second in range(build.START, build.END):
        run.add(second, 10.0, number=100)
        if 20 <= second < 60 and second % 8 < 4:
            run.add(second, 10.0, number=3, outcome=Outcome.SERVER_ERROR)
    row = judged(run, build.share_slo(0.011, window_s=4.0, sustained_s=36.0))
    assert row.value is not None
    assert row.value < 0.011
    assert row.status == "fail"
    assert row.windows is not None
    assert row.windows.over_s < 36


def test_few_samples_are_no_incident() -> None:
    """2 of 25 a window are over 5 %, and prove nothing."""
    run = build.Run(build.manifest())
    for second in range(build.START, build.END):
        run.add(second, 100.0, number=3 if second % 2 else 2, exact=True)
    run.add(30, 900.0, exact=True)
    run.add(31, 900.0, exact=True)
    row = judged(run, build.latency_slo(window_s=10.0, sustained_s=10.0))
    assert row.status == "pass"
    assert row.windows is not None
    assert row.windows.over_s >= 10


def test_shares_have_windows_too() -> None:
    run = build.Run(build.manifest())
    for second in range(build.START, build.END):
        run.add(second, 10.0, number=100)
    for second in range(40, 52):
        run.add(second, 10.0, number=3, outcome=Outcome.SERVER_ERROR)
    row = judged(run, build.share_slo(0.01, window_s=10.0, sustained_s=15.0))
    assert (row.status, row.failed) == ("fail", 36)
    assert row.windows is not None
    assert row.windows.worst_text == "2.913 %"
    assert row.value is not None
    assert row.value < 0.01


def test_a_phase_no_longer_than_a_window_has_none() -> None:
    assert judged(slow_between(30, 40), build.latency_slo()).windows is None
    assert judged(build.Run(build.manifest()), build.latency_slo(window_s=5.0)).windows is None


def test_a_stretch_that_the_generator_could_have_made_is_no_answer() -> None:
    run = slow_between(30, 40).fit()
    for second in range(28, 45):
        run.add(second, 850.0, operation="generator", view=View.LAG, number=60)
    row = judged(run, build.latency_slo(window_s=10.0, sustained_s=20.0))
    assert row.status == "inconclusive"


@settings(max_examples=15, deadline=None)
@given(
    slow=st.lists(st.integers(0, 10), min_size=60, max_size=60),
    window=st.integers(2, 59),
    sustained=st.none() | st.floats(1, 60),
)
def test_windows_agree_with_counting(slow: list[int], window: int, sustained: float | None) -> None:
    run = build.Run(build.manifest())
    for second, bad in enumerate(slow, build.START):
        run.add(second, 100.0, number=20, exact=True)
        run.add(second, 900.0, number=bad, exact=True)
    sustained = None if sustained is None else max(sustained, window)
    row = judged(run, build.latency_slo(window_s=float(window), sustained_s=sustained))
    assert row.windows is not None
    over = [
        sum(slow[at : at + window]) > 0.05 * sum(20 + n for n in slow[at : at + window]) for at in range(61 - window)
    ]
    longest, current = 0, 0
    for one in over:
        current = current + 1 if one else 0
        longest = max(longest, current + window - 1 if current else 0)
    assert row.windows.over_s == longest
    if row.status == "fail" and row.value == 100.0:
        assert sustained is not None
        width = round(sustained)
        pooled = [sum(slow[at : at + width]) / sum(20 + n for n in slow[at : at + width]) for at in range(61 - width)]
        assert max(pooled) > 0.05
