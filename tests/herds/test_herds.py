"""Herds of a record: what made them, how high they stand, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.core.herds import Herds as Asked
from harness.core.outcome import Outcome
from harness.core.profile import ArrivalStage, Phases
from harness.core.scheduled_fault import ChaosEntry
from harness.core.tables import View
from reports.frames import load
from reports.herds.causes import triggers
from reports.herds.model import Herds
from reports.herds.report import herds
from reports.recovery.faults import ObservedFault
from reports.render import summary, terminal
from reports.verdict import judge_frames
from tests.recovery import build
from tests.reports.build import Run, manifest, profile

OUTAGE = build.window("dark", "herd", 80, 100)


def found(second: Any, faults: Any = (OUTAGE,), **changes: Any) -> Herds | None:
    return herds(load(build.run(second, faults, **changes)))


def wave(at: int) -> build.Second:
    """Forty requests a second, and 400 in the second after the outage."""
    attempts = 0 if 80 <= at < 100 else 400 if at == 100 else 40
    return min(20, attempts), 0, 100.0, attempts


def test_the_busiest_second_after_an_outage_against_the_calm_before_it() -> None:
    told = found(wave)
    assert told is not None
    assert told.calm_s == 65  # from the measure phase's begin at 10 s to 5 s before the fault
    [herd] = told.herds
    assert (herd.name, herd.cause, herd.at_s, herd.ratio, herd.tried_s) == ("dark", "outage", 100, 3.0, 0.0)
    assert (herd.whole.mean_per_s, herd.whole.peak_per_s, herd.whole.peak_at_s) == (40, 400, 100)
    assert herd.whole.ratio == 10
    assert herd.whole.extra == 360
    assert herd.whole.jitter_s == 4.5  # 360 beyond the mean over 2 x 40 allowed beyond it
    assert herd.whole.expected_per_s == pytest.approx(120)
    [row] = herd.rows
    assert (row.operation, row.peak_per_s, row.in_peak, row.jitter_s) == ("home_feed", 400, 400, 4.5)
    assert "400 requests in the busiest second" in herd.sentence
    assert herd.failed_share == pytest.approx((380 + 139 * 20) / (400 + 139 * 40), abs=0.02)  # the builder's own errors
    assert "of its requests failed" in herd.sentence
    assert "4.5 s of jitter would bring the expected peak to 3" in herd.sentence


def test_a_run_without_herds_says_nothing_and_one_without_calm_says_why() -> None:
    assert found(build.calm, ()) is None
    assert found(build.calm, (build.window("errors", "http_status", 80, 110),)) is None
    told = found(build.calm, (build.window("dark", "herd", 20, 30),))
    assert told is not None
    assert not told.herds
    assert "5 s of calm were measured" in told.note
    assert told.lines == (f"Herds: {told.note}.",)


def test_another_fault_before_the_herd_ends_the_calm() -> None:
    told = found(wave, (build.window("errors", "http_status", 50, 60), OUTAGE))
    assert told is not None
    assert told.calm_s == 35


def test_each_herd_reaches_to_the_next() -> None:
    def twice(at: int) -> build.Second:
        return (20, 0, 100.0, 200) if at in (100, 150) else build.calm(at)

    told = found(twice, (OUTAGE, build.window("reset", "mass_reconnect", 150, 155)))
    assert told is not None
    first, second = told.herds
    assert (first.until_s, first.whole.peak_at_s) == (150, 100)
    assert (second.cause, second.whole.peak_at_s) == ("reconnect", 150)


STAGES = (
    ArrivalStage(seconds=100, rate=1),
    ArrivalStage(seconds=1, rate=40, herd=True),
    ArrivalStage(seconds=2, rate=10, herd=True),
    ArrivalStage(seconds=97, rate=1),
    ArrivalStage(seconds=1, rate=30, herd=True),
    ArrivalStage(seconds=39, rate=1),
)


def test_a_push_is_a_stage_of_arrivals_that_says_so() -> None:
    assert [(one.name, one.at_s) for one in triggers(pushing(), ())] == [("push", 100), ("push 2", 200)]

    def pushed(at: int) -> build.Second:
        return (20, 0, 100.0, 90) if at == 200 else (20, 0, 100.0, 240) if at == 101 else build.calm(at)

    told = herds(load(build.run(pushed, (), profile=pushing(ratio=2.0))))
    assert told is not None
    assert [(one.whole.peak_per_s, one.whole.peak_at_s) for one in told.herds] == [(240, 101), (90, 200)]
    assert told.herds[0].whole.jitter_s == 5  # 200 beyond the mean, over the one mean of 40 allowed beyond it
    assert told.herds[1].whole.jitter_s == 1.5


def pushing(**asked: Any) -> Any:
    phases = Phases(warmup_s=build.WARMUP_S, measure_s=build.MEASURE_S, drain_s=10)
    return profile(phases=phases, arrivals=STAGES, herds=Asked(**asked))


def test_tokens_make_a_herd_where_phones_know() -> None:
    def entry(name: str, phone: str) -> ChaosEntry:
        return ChaosEntry.model_validate(
            {"fault": "expired_token", "name": name, "at": 20, "for": 5, "parameters": {"phone": phone}}
        )

    happened = [ObservedFault(name, "expired_token", start, start + 5) for name, start in (("a", 20), ("b", 30))]
    chaos = (entry("a", "known"), entry("b", "unknown"))
    assert [one.name for one in triggers(profile(chaos=chaos), happened)] == ["a"]
    absent = [ObservedFault("c", "cache_expiry", 40, 42, 0, "the fault was not on")]
    assert triggers(profile(), absent) == ()


def test_sockets_count_when_they_connect_and_join_and_not_when_they_beat() -> None:
    made = build.run(build.calm, (OUTAGE,))
    for name, number in (("realtime_connect", 7), ("realtime_join_presence", 5), ("realtime_heartbeat", 900)):
        made.add(100, 20, operation=name, view=View.SERVER, number=number)
    told = herds(load(made.finished()))
    assert told is not None
    assert told.herds[0].whole.peak_per_s == 40 + 7 + 5


def test_the_report_says_it_everywhere() -> None:
    made = build.run(wave, (OUTAGE,))
    frames = load(made)
    verdict = judge_frames(frames).model_copy(update={"herds": herds(frames)})
    assert "### Herds" in summary.render(verdict)
    assert "400 requests in the busiest second" in " ".join(line.strip() for line in terminal.herds(verdict))


def test_what_the_app_let_go_of_was_sent_all_the_same() -> None:
    made = Run(manifest())
    made.add(30, 50, view=View.SERVER, outcome=Outcome.ABORTED, number=3)
    assert herds(load(made.finished())) is None
