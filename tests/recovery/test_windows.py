"""What is said about a fault window, on runs whose every second is known."""

from __future__ import annotations

import pytest

from harness.core.fault_record import FaultWindow
from harness.core.profile import ArrivalStage
from reports.recovery.model import FaultReport, Recovery
from reports.recovery.report import recover
from tests.recovery import build
from tests.recovery.build import FAULT, Second, no_rows, window


def reported(second: object, faults: tuple[FaultWindow, ...] = (FAULT,), **how: object) -> Recovery:
    found = recover(build.frames(second, faults, **how), no_rows)
    assert found is not None
    return found


def only(found: Recovery) -> FaultReport:
    assert len(found.faults) == 1
    return found.faults[0]


def outage(back_s: int = 110, herd: int = 40) -> object:
    """Down from 80 s until `back_s`: a quarter of the operations end well, everybody tries three times as often."""

    def second(at: int) -> Second:
        if 80 <= at < back_s:
            return 5, 15, 100.0, 120
        return (20, 0, 100.0, herd if at == 112 else 40)

    return second


def test_a_run_without_faults_has_no_such_report() -> None:
    assert recover(build.frames(faults=()), no_rows) is None


def test_the_figures_of_a_window() -> None:
    found = reported(outage(herd=200))
    assert found.baseline is not None
    assert (found.baseline.start_s, found.baseline.end_s) == (10, 75)
    assert found.baseline.goodput_per_s == 20
    assert found.baseline.attempts_per_operation == 2
    fault = only(found)
    assert (fault.operations, fault.attempts, fault.hits) == (600, 3600, None)
    assert (fault.amplification, fault.amplification_ratio, fault.amplification_peak) == (6, 3, 6)
    assert (fault.goodput_per_s, fault.goodput_share, fault.answers_per_s) == (5, 0.25, 120)
    assert fault.wasted_share == pytest.approx(1 - (5 / 120) / (20 / 40))
    assert (fault.herd_per_s, fault.herd_ratio, fault.herd_at_s) == (200, 5, 112)
    everything = {row.view: row for row in fault.latency if row.operation == "all"}
    assert everything["e2e"].before == pytest.approx(100, rel=0.005)
    assert everything["e2e"].during is None
    assert everything["e2e"].samples == (65 * 20, 600, 130 * 20)
    assert fault.queue is None


@pytest.mark.parametrize("late", [0, 1, 34, 95])
def test_recovery_time_is_when_the_last_bad_second_left_the_rolling_window(late: int) -> None:
    fault = only(reported(outage(back_s=110 + late)))
    assert fault.recovered.status == "recovered"
    assert fault.recovered.after_s == late + 5


def test_never_when_the_load_ends_first() -> None:
    fault = only(reported(outage(back_s=1000)))
    assert fault.recovered.status == "never"
    assert "never recovered" in fault.sentence


def test_held_for_less_than_30_s_is_not_known() -> None:
    fault = only(reported(outage(back_s=build.END_S - 20)))
    assert (fault.recovered.status, fault.recovered.after_s) == ("unknown", None)
    assert "15 s" in fault.recovered.note


def test_good_goodput_is_not_enough_while_p95_is_high() -> None:
    def slow(at: int) -> Second:
        return 20, 0, 200.0 if 80 <= at < 150 else 100.0, 40

    fault = only(reported(slow))
    assert fault.goodput_share == 1
    assert fault.recovered.after_s == 150 + 5 - 110


def test_the_next_fault_ends_the_view() -> None:
    second = window("again", "latency", 125, 130)
    found = reported(outage(), (second, FAULT))
    first, last = found.faults
    assert (first.name, first.until_s, first.recovered.status) == ("outage", 125, "unknown")
    assert "15 s" in first.recovered.note
    assert (last.name, last.recovered.status, last.recovered.after_s) == ("again", "recovered", 0)


def test_overlapping_faults_are_told_apart() -> None:
    other = window("slow", "latency", 90, 140)
    first, last = reported(outage(), (FAULT, other)).faults
    assert first.recovered.status == "unknown"
    assert "slow" in first.recovered.note
    assert last.recovered.status == "recovered"


def test_without_a_baseline_everything_absolute_is_still_said() -> None:
    early = window("always", "latency", 30, 100)
    found = reported(build.calm, (early,))
    fault = only(found)
    assert found.baseline is None
    assert "15 s and 300 operations" in found.baseline_note
    assert (fault.amplification, fault.goodput_per_s) == (2, 20)
    assert (fault.amplification_ratio, fault.goodput_share, fault.wasted_share, fault.herd_ratio) == (None,) * 4
    assert (fault.recovered.status, fault.recovered.note) == ("unknown", found.baseline_note)


def test_too_little_traffic_for_five_seconds_widens_the_window_or_says_so() -> None:
    sparse = reported(build.jittery(3, lambda at: 80 <= at < 110, rate=4.0))
    assert sparse.baseline is not None
    assert sparse.baseline.rolling_s > 5
    rare = reported(lambda at: (20, 0, 100.0, 40) if at % 31 == 0 else (1, 0, 100.0, 2))
    assert rare.baseline is None
    assert "vary too much" in rare.baseline_note


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_not_mistaken_for_an_outage(seed: int) -> None:
    """To the letter of the definition, none of these would ever recover: 5 s of Poisson traffic wander by 10 %."""
    fault = only(reported(build.jittery(seed, lambda at: 80 <= at < 110)))
    assert fault.recovered.status == "recovered"
    assert fault.recovered.after_s is not None
    assert fault.recovered.after_s <= 40


def test_a_planned_drop_of_load_is_no_failure_to_recover() -> None:
    stages = (ArrivalStage(seconds=100, rate=4.0), ArrivalStage(seconds=140, rate=2.0))
    fault = only(reported(lambda at: (20, 0, 100.0, 40) if at < 100 else (10, 0, 100.0, 20), stages=stages))
    assert fault.recovered.status == "recovered"
    grown = (ArrivalStage(seconds=100, rate=2.0), ArrivalStage(seconds=140, rate=4.0))
    assert only(reported(build.calm, stages=grown)).recovered.status == "never"


def test_hysteresis_of_a_plan_that_goes_up_and_down() -> None:
    stages = (ArrivalStage(seconds=120, rate=1.0, to=5.0), ArrivalStage(seconds=120, rate=5.0, to=1.0))

    def load(at: int) -> int:
        return round(10 * (1 + 4 * (1 - abs(at - 120) / 120)))

    same = reported(lambda at: (load(at), 0, 100.0, 2 * load(at)), stages=stages).hysteresis
    assert same is not None
    assert abs(same.gap) < 0.03
    assert not same.vulnerable
    stuck = reported(lambda at: (load(at) // (2 if at > 120 else 1), 0, 100.0, 100), stages=stages).hysteresis
    assert stuck is not None
    assert stuck.gap == pytest.approx(0.5, abs=0.03)
    assert stuck.vulnerable
    assert reported(build.calm).hysteresis is None


def test_a_fault_that_is_always_on_is_how_things_are() -> None:
    link = window("link", "link", 0, build.END_S)
    found = reported(outage(), (link, FAULT))
    assert found.baseline is not None
    assert {fault.name: fault.recovered.status for fault in found.faults} == {"link": "unknown", "outage": "recovered"}
