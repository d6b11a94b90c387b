"""The live figures are the verdict's: at the end of a run both say the same, to the last bucket."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.fault_record import CHAOS, FaultEvent, FaultLine, FaultWindow, Why
from harness.core.outcome import OUTCOMES, Outcome
from harness.core.scheduled_fault import Allow
from harness.core.slo import LatencySlo
from harness.core.tables import ARRIVALS, View
from harness.live import generator
from harness.live.counts import NOT_AN_ANSWER
from harness.live.faults import FaultBoard
from harness.live.standing import SloStanding, Stands
from harness.live.state import LiveState
from reports import frames, health
from reports import slo as objectives
from reports.slo import SloRow
from tests.live.rig import told
from tests.reports import build

SLOS = (
    build.latency_slo(),
    build.latency_slo("swipe_deck", 300, percentile=99.0, min_samples=400),
    build.latency_slo("message_send", 90, view=View.E2E),
    build.share_slo(),
    build.share_slo(0.02, name="any", view=View.E2E, outcomes=(Outcome.TIMEOUT, Outcome.SOFT_FAILURE)),
)
STATUS = {Stands.MET: "pass", Stands.MISSED: "fail", Stands.FEW: "inconclusive", Stands.NONE: "inconclusive"}


def assert_same(live: SloStanding, row: SloRow) -> None:
    assert (live.name, live.samples, live.limit, live.objective.split()[0]) == (
        row.name,
        row.samples,
        row.limit,
        row.objective.split()[0] if row.kind == "latency" else live.objective.split()[0],
    )
    assert live.value == pytest.approx(row.value) if row.value is not None else live.value is None
    if row.margin is not None:
        assert live.margin == pytest.approx(row.margin)
    if row.kind == "share":
        assert live.bad == row.failed
    elif row.share_under is not None:
        assert live.samples - live.bad == round(row.share_under * row.samples)


@pytest.mark.parametrize(("slow", "bad"), [(1.0, 0.0), (3.0, 0.01), (1.2, 0.08)])
def test_at_the_end_the_live_figures_are_the_verdicts(tmp_path: Path, slow: float, bad: float) -> None:
    run = build.realistic(slow=slow, bad=bad)
    run.manifest = run.manifest.model_copy(update={"slos": SLOS})
    _, now = told(run, tmp_path)
    rows = objectives.judge(frames.load(run), SLOS)
    assert any(row.value is not None and row.value > 0 for row in rows)
    for live, row in zip(now.slos, rows, strict=True):
        assert_same(live, row)
        if live.samples >= live.min_samples:
            assert STATUS[live.stands] == row.status
        else:
            assert live.stands in (Stands.FEW, Stands.NONE)


samples = st.tuples(
    st.integers(0, build.END + 5),
    st.floats(0.01, 4000),
    st.sampled_from(sorted(build.OPERATIONS)),
    st.sampled_from([View.SERVER, View.E2E]),
    st.sampled_from(OUTCOMES),
    st.integers(1, 40),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(samples, max_size=60), st.integers(1, 3))
def test_of_any_samples_told_by_any_number_of_workers(
    rows: list[tuple[int, float, str, View, Outcome, int]], workers: int
) -> None:
    run = build.Run(build.manifest(SLOS)).fit(seconds=12)
    for second, ms, operation, view, outcome, number in rows:
        run.add(second, ms, operation=operation, view=view, outcome=outcome, number=number)
    _, now = told(run, Path("/nonexistent"), workers)
    for live, row in zip(now.slos, objectives.judge(frames.load(run), SLOS), strict=True):
        assert_same(live, row)
    assert now.attempts == sum(row[5] for row in rows if row[3] is View.SERVER)


def test_what_a_fault_excuses_counts_neither_here_nor_there(tmp_path: Path) -> None:
    window = FaultWindow(
        name="chaos:slow",
        kind="chaos",
        entry="slow",
        fault="latency",
        layer="stream",
        start_s=30,
        end_s=40,
        share=1.0,
        cohort=(0.0, 1.0),
        allow=Allow(recover_s=5),
        judged=False,
    )
    run = build.Run(build.manifest(SLOS, chaos=(window,))).fit()
    for second in range(build.START, build.END):
        run.add(second, 900.0 if 28 <= second < 46 else 50.0, number=10)
    _, now = told(run, tmp_path)
    row = objectives.judge_latency(frames.load(run), SLOS[0])
    assert_same(now.slos[0], row)
    assert 0 < now.slos[0].samples < 600, "something was excused"


def test_the_last_minute_is_told_beside_the_whole(tmp_path: Path) -> None:
    slo = build.latency_slo()
    run = build.Run(build.manifest((slo,)))
    for second in range(build.START, build.END):
        run.add(second, 50.0 if second < 30 else 900.0, number=10)
    state, now = told(run, tmp_path)
    later = state.tick(build.END + 29.0, range(2)).slos[0]
    assert (now.slos[0].samples, now.slos[0].bad) == (600, 400)
    assert later.recent_samples == later.recent_bad == 300, (
        "of the last sixty seconds half had samples, all of them bad"
    )
    assert later.recent_spent is not None
    assert later.recent_spent > (later.spent or 0)
    assert state.tick(500.0, range(2)).slos[0].recent_samples == 0


def test_sessions_lateness_and_sockets(tmp_path: Path) -> None:
    run = build.Run(build.manifest(SLOS)).fit(workers=2)
    run.session(20.0, 20.001, 25.0)
    run.session(21.0, 21.9, None, late_cause="generator")
    run.session(22.0, None, None, late_cause="phone_busy")
    for late in (1.0, 2.0, 900.0):
        run.add(20, late, operation="generator", view=View.LATENESS)
    run.gauges = [
        {"second": 70, "worker": 0, "what": "sockets", "value": 7},
        {"second": 71, "worker": 0, "what": "sockets", "value": 9},
        {"second": 71, "worker": 0, "what": "channels", "value": 12},
        {"second": 78, "worker": 0, "what": "frames heartbeat", "value": 50},
    ]
    _, now = told(run, tmp_path)
    assert (now.started, now.due, dict(now.late)) == (2, 3, {"generator": 1, "phone_busy": 1})
    assert now.lateness.samples == 3
    assert now.lateness.quantiles_ms[0] == pytest.approx(2.0, rel=0.005)
    assert now.lateness.quantiles_ms[2] == pytest.approx(900.0, rel=0.005)
    assert (now.sockets, now.channels, now.frames_per_second) == (9, 12, 10.0)
    assert {line.check: line.level for line in now.health}["start lateness"] == "invalid"
    told_by_report = {row.check: row.value for row in health.judge(frames.load(run))}
    lag = next(line for line in now.health if line.check == "loop lag")
    assert lag.value.split()[1] == told_by_report["loop lag"].split()[1]
    cpu = next(line for line in now.health if line.check == "worker CPU")
    frame = frames.load(run).health
    measured = frame[(frame["second"] >= build.START) & (frame["second"] < build.END)]
    assert cpu.figure == pytest.approx(measured.groupby("worker")["cpu_share"].median().max(), abs=0.001)


def test_sessions_that_nobody_planned_are_counted_once(tmp_path: Path) -> None:
    """As plain Locust has them: on record when they begin, and again when they end, or both at once."""
    run = build.Run(build.manifest(SLOS)).fit()
    for began, ended in ((1.0, None), (2.0, None), (1.0, 5.0), (6.0, 6.5)):
        run.session(began, began, ended)
    for row, ticket in zip(run.sessions, (7, 8, 7, 9), strict=True):
        row["ticket"] = ticket
    state = LiveState(run.manifest, np.empty(0), FaultBoard(tmp_path))
    for batch in run.arrivals().to_batches():
        state.absorb(0, ARRIVALS, batch)
    now = state.tick(10.0, [0])
    assert (now.started, now.due) == (3, 3)


def test_a_lost_worker_is_told_and_its_sockets_are_gone(tmp_path: Path) -> None:
    run = build.Run(build.manifest(SLOS, workers=2)).fit()
    run.gauges = [{"second": 70, "worker": 0, "what": "sockets", "value": 7}]
    state, before = told(run, tmp_path)
    after = state.tick(99.0, [1])
    assert (before.sockets, after.sockets) == (7, 0)
    assert {line.check: line.level for line in after.health}["worker roster"] == "invalid"
    assert [line.present for line in after.workers] == [False, True]


def test_bounds_are_those_of_the_verdict() -> None:
    for name in ("LAG_VALID_MS", "LAG_INVALID_MS", "CPU_VALID", "CPU_INVALID", "MAX_LATE"):
        assert getattr(generator, name) == getattr(health, name)
    assert NOT_AN_ANSWER == frames.NOT_AN_ANSWER


def test_deliveries_of_messages_are_left_to_the_verdict(tmp_path: Path) -> None:
    slo = LatencySlo(name="Delivery", operation="message_delivery", view=View.DELIVERY, limit_ms=1000)
    _, now = told(build.Run(build.manifest((slo,))).fit(), tmp_path)
    assert now.slos[0].stands is Stands.AFTERWARDS
    assert now.stands == "open"


def test_active_faults_are_those_of_the_runs_own_log(tmp_path: Path) -> None:
    run = build.Run(build.manifest(SLOS)).fit()
    state, _ = told(run, tmp_path)

    def say(event: FaultEvent, entry: str, why: Why = Why.PLAN, worker: int | None = None, hits: int = 0) -> None:
        line = FaultLine(
            event=event,
            entry=entry,
            fault="latency",
            layer="stream",
            at_s=5,
            why=why,
            worker=worker,
            share=0.5,
            hits=hits,
        )
        with (tmp_path / CHAOS).open("ab") as file:
            file.write(line.written())

    say(FaultEvent.START, "slow")
    say(FaultEvent.START, "refused", Why.FAILED)
    say(FaultEvent.COUNT, "slow", hits=12)
    state.expect_fault("slow", 130.0)
    (active,) = state.tick(100.0, [0]).faults
    assert (active.entry, active.hits, active.left_s, active.share) == ("slow", 12, 30.0, 0.5)
    say(FaultEvent.END, "slow")
    assert state.tick(101.0, [0]).faults == ()
    for worker in (0, 1):
        say(FaultEvent.START, "tunnel", worker=worker)
    say(FaultEvent.END, "tunnel", worker=0)
    assert [one.entry for one in state.tick(102.0, [0]).faults] == ["tunnel"], "still on on one worker's phones"
    with (tmp_path / CHAOS).open("ab") as file:
        file.write(b'{"event":"end","entr')
    assert [one.entry for one in state.tick(103.0, [0]).faults] == ["tunnel"], "half a line is none"


def test_a_percentile_on_a_failure_has_no_value(tmp_path: Path) -> None:
    run = build.Run(build.manifest((build.latency_slo(),)))
    run.add(20, 5.0, number=80)
    run.add(20, 5.0, outcome=Outcome.TIMEOUT, number=20)
    _, now = told(run, tmp_path)
    one = now.slos[0]
    assert (one.value, one.on_failure, one.stands, one.bad) == (None, True, Stands.MISSED, 20)
    assert math.isclose(one.spent or 0, 4.0)
