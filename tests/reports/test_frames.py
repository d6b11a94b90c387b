from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from harness.core.fault_record import FaultWindow
from harness.core.outcome import Outcome
from harness.core.scheduled_fault import Allow
from harness.core.tables import Phase, View
from reports import frames as f
from tests.reports import build


def row(table: pd.DataFrame, operation: str = "home_feed", view: View = View.SERVER) -> pd.Series[Any]:
    return table[(table["operation"] == operation) & (table["view"] == view)].iloc[0]


def test_percentiles_of_known_samples_and_nothing_but_the_measure_phase() -> None:
    run = build.Run(build.manifest())
    run.spread(range(1, 101))
    for second in (0, build.START - 1, build.END):
        run.add(second, 9_000.0, number=50, exact=True)
    figures = row(f.latency_table(f.load(run)))
    assert figures["samples"] == 100
    assert (figures["p50"], figures["p90"], figures["p95"], figures["p99"]) == (50.0, 90.0, 95.0, 99.0)
    assert (figures["max"], figures["failed"]) == (100.0, 0)


def test_rows_of_several_workers_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    run = build.Run(build.manifest())
    run.add(20, 5.0, number=3)
    doubled = run.latency()
    twice = pa.Table.from_batches(doubled.to_batches() * 2)
    monkeypatch.setattr(run, "latency", lambda: twice)
    assert f.load(run).samples["count"].tolist() == [6]


def test_what_the_app_let_go_of_is_told_and_counts_nowhere() -> None:
    run = build.Run(build.manifest())
    run.add(20, 5.0)
    run.add(20, 9.0, outcome=Outcome.ABORTED)
    frames = f.load(run)
    assert list(frames.samples["outcome"]) == list(frames.measured["outcome"]) == ["ok"]
    assert f.latency_table(frames)["failed"].sum() == 0
    assert list(f.outcome_table(frames, View.SERVER).columns) == ["ok", "aborted"]
    assert list(f.throughput(frames, View.SERVER, 1).columns) == ["ok", "aborted"]


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.ABORTED])
def test_which_outcomes_are_slower_than_everything(outcome: Outcome) -> None:
    run = build.Run(build.manifest())
    run.add(20, 5.0, outcome=outcome)
    run.add(20, 5.0, outcome=outcome, view=View.E2E)
    samples = f.load(run).samples
    infinite = dict(zip(samples["view"], map(math.isinf, samples["value_us"]), strict=True))
    no_answer = {Outcome.TIMEOUT, Outcome.NETWORK, Outcome.SERVER_ERROR, Outcome.GAVE_UP}
    assert infinite == {"server": outcome in no_answer, "e2e": not outcome.good}


def test_a_percentile_that_falls_on_a_failure_is_infinite_and_the_largest_answer_is_not() -> None:
    run = build.Run(build.manifest())
    run.spread([10.0] * 94)
    run.spread([1.0] * 6, outcome=Outcome.TIMEOUT)
    figures = row(f.latency_table(f.load(run)))
    assert (figures["p90"], figures["max"], figures["failed"]) == (10.0, 10.0, 6)
    assert math.isinf(figures["p95"])


def test_throughput_counts_per_second_without_gaps() -> None:
    run = build.Run(build.manifest())
    run.add(10, 5.0, number=20)
    run.add(14, 5.0, number=10, outcome=Outcome.RATE_LIMITED)
    table = f.throughput(f.load(run), View.SERVER, 2)
    assert table.index.tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
    assert table["ok"].tolist() == [0, 0, 0, 0, 0, 10, 0, 0]
    assert table["rate_limited"].tolist() == [0, 0, 0, 0, 0, 0, 0, 5]


def test_series_over_time_covers_warm_up_too() -> None:
    run = build.Run(build.manifest())
    run.add(3, 7.0, number=3, exact=True)
    run.add(21, 9.0, number=4, exact=True)
    table = f.latency_series(f.load(run), "home_feed", View.SERVER, 10)
    assert table[["second", "samples"]].to_numpy().tolist() == [[0, 3], [10, 0], [20, 4]]
    assert table["p95"].fillna(-1).tolist() == [7.0, -1, 9.0]  # a gap, where a line would run flat through an outage


def test_what_a_fault_cuts_off_in_flight_is_excused_with_it() -> None:
    """Begun four seconds before the window, ended by it; what was over by then counts."""
    chaos = FaultWindow(
        name="chaos:dark", kind="chaos", entry="dark", fault="down", layer="proxy", start_s=30.0, end_s=35.0,
        share=1.0, cohort=(0.0, 1.0), allow=Allow(), judged=False,
    )  # fmt: skip
    run = build.Run(build.manifest(chaos=(chaos,)))
    run.add(26, 4_200.0, number=4, outcome=Outcome.NETWORK)
    run.add(26, 100.0, number=500)
    run.add(32, 100.0, number=7)
    run.add(35, 100.0, number=3)
    measured = f.load(run).measured
    assert measured.groupby("outcome")["count"].sum().to_dict() == {"ok": 503}


def test_outcome_table_keeps_views_and_phases_apart() -> None:
    run = build.Run(build.manifest())
    run.add(20, 5.0, number=4)
    run.add(20, 5.0, number=2, outcome=Outcome.RATE_LIMITED)
    run.add(2, 5.0, number=9, outcome=Outcome.TIMEOUT)
    run.add(20, 5.0, number=1, outcome=Outcome.GAVE_UP, view=View.E2E)
    loaded = f.load(run)
    assert f.outcome_table(loaded, View.SERVER).loc["home_feed"].to_dict() == {"ok": 4, "rate_limited": 2}
    assert f.outcome_table(loaded, View.E2E).loc["home_feed"].to_dict() == {"gave_up": 1}
    assert f.samples_in(loaded, View.SERVER) == 15
    assert f.samples_in(loaded, View.SERVER, Phase.WARMUP) == 9


def test_slowest_first_and_failing_before_slow() -> None:
    run = build.Run(build.manifest())
    for operation, ms in (("a", 10.0), ("b", 30.0), ("c", 20.0)):
        run.add(20, ms, operation=operation, number=10)
    run.add(20, 1.0, operation="dead", number=10, outcome=Outcome.NETWORK)
    assert f.slowest(f.load(run), View.SERVER)["operation"].tolist() == ["dead", "b", "c", "a"]
    assert f.slowest(f.load(run), View.SERVER, limit=2)["operation"].tolist() == ["dead", "b"]


def test_session_figures_by_cause_and_end() -> None:
    run = build.Run(build.manifest(planned_sessions=7))
    run.session(1.0, 1.0, 5.0)
    run.session(2.0, 2.5, 6.0, late_cause="phone_busy")
    run.session(3.0, 3.1, None, late_cause="generator", end="closed")
    run.session(4.0, 4.0, 4.5, end="failed")
    run.session(5.0, 5.0, None, end=None)
    run.session(6.0, None, None)
    figures = f.sessions(f.load(run))
    assert (figures.planned, figures.started, figures.never_started) == (7, 5, 2)  # one ticket left no row at all
    assert (figures.on_time, figures.late_phone_busy, figures.late_generator) == (3, 1, 1)
    assert (figures.finished, figures.closed, figures.failed, figures.open_at_end) == (2, 1, 1, 1)
    assert figures.lateness_p99_ms == pytest.approx(500.0)


def test_the_window_of_a_run_that_died_ends_with_its_last_sample() -> None:
    run = build.Run(build.manifest(status="running"), complete=False)
    assert f.load(run).window == (build.START, build.START)
    run.add(31, 5.0)
    assert f.load(run).window == (build.START, 32.0)
    run.complete = True
    assert f.load(run).window == (build.START, build.END)
