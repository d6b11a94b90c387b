"""The search for the tipping point: the halving, the profile of a probe, what a run's report means for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.load import load_profile
from harness.core.errors import UsageError
from harness.core.profile import ArrivalStage, Profile
from harness.record.store import open_run
from harness.run.tipping_point import CALM_S, HOLD_S, Fate, TippingPoint, TippingProbe, chosen, find, lasting
from reports.fate import fate
from reports.frames import load
from reports.report import recovery
from reports.verdict import judge_frames
from tests.recovery import build
from tests.reports import build as plain


def search(tipping_s: float, **limits: float) -> TippingPoint:
    def probe(seconds: float) -> TippingProbe:
        result: Fate = "survived" if seconds < tipping_s else "not survived"
        return TippingProbe(seconds, result)

    asked = {"shortest": 5.0, "longest": 60.0, "within": 5.0, "runs": 20} | limits
    return find(probe, **asked)  # type: ignore[arg-type]


@given(st.floats(1, 100), st.integers(1, 20), st.floats(1, 30), st.integers(1, 12))
def test_the_answer_holds_the_tipping_point(tipping_s: float, shortest: int, within: float, runs: int) -> None:
    found = search(tipping_s, shortest=float(shortest), within=within, runs=runs)
    asked = [probe.seconds for probe in found.probes]
    assert 1 <= len(asked) == len(set(asked)) <= runs
    assert all(shortest <= seconds <= 60 for seconds in asked)
    assert (found.survives_s or 0) < tipping_s
    assert found.not_s is None or found.not_s >= tipping_s
    if found.survives_s is not None and found.not_s is not None and runs >= 9:
        assert found.not_s - found.survives_s <= max(within, 1)


def test_the_words() -> None:
    assert search(27).text == "survives 25 s, not 28 s"
    assert [probe.seconds for probe in search(27).probes] == [60, 5, 32, 18, 25, 28]
    assert search(100).text == "survives 60 s, the longest that was tried"
    assert search(1).text == "does not survive 5 s, the shortest that was tried"
    assert TippingPoint(()).text == "cannot tell: no run was allowed"


def test_it_stops_when_a_run_cannot_tell() -> None:
    asked: list[float] = []
    heard: list[TippingProbe] = []

    def probe(seconds: float) -> TippingProbe:
        asked.append(seconds)
        return (
            TippingProbe(seconds, "cannot tell", "no baseline")
            if len(asked) == 3
            else TippingProbe(seconds, _fate(seconds))
        )

    found = find(probe, shortest=5, longest=60, within=1, runs=9, told=heard.append)
    assert (len(asked), found.known, found.text) == (3, False, "cannot tell: no baseline")
    assert heard == list(found.probes)
    with pytest.raises(ValueError, match="shortest"):
        find(probe, shortest=9, longest=5, within=1, runs=9)


def _fate(seconds: float) -> Fate:
    return "survived" if seconds < 20 else "not survived"


@pytest.mark.parametrize(("name", "calm_s"), [("slow-database", CALM_S), ("retry-storm", 65.0)], ids=["early", "late"])
def test_a_probe_has_calm_before_and_time_to_recover_after(name: str, calm_s: float) -> None:
    profile = load_profile(name)
    fault = chosen(profile, None, name)
    for seconds in (5.0, 90.0):
        made = lasting(profile, fault, seconds, 60.0)
        (entry,) = made.chaos
        assert entry.for_s == seconds
        assert entry.at == made.phases.warmup_s + calm_s
        assert made.phases.end_s == entry.at + seconds + 60 + HOLD_S
        assert sum(stage.seconds for stage in made.arrivals) == pytest.approx(made.phases.end_s)
        assert made.retry_policy == profile.retry_policy


def test_arrivals_that_rise_are_cut_where_they_are() -> None:
    profile = load_profile("retry-storm")
    rising = profile.model_copy(update={"arrivals": (ArrivalStage(seconds=1000, rate=0.0, to=10.0),)})
    made = lasting(rising, chosen(profile, None, ""), 20.0, 35.0)
    assert made.arrivals == (ArrivalStage(seconds=made.phases.end_s, rate=0.0, to=made.phases.end_s / 100),)


def rates_from(made: Profile, start_s: float) -> list[float]:
    at = 0.0
    found: list[float] = []
    for stage in made.arrivals:
        rise = (stage.end_rate - stage.rate) / stage.seconds
        found += [stage.rate + rise * second for second in range(int(stage.seconds)) if at + second >= start_s]
        at += stage.seconds
    return found


@pytest.mark.parametrize(
    "stages",
    [
        ((150, 2.0, 2.0), (20, 2.0, 0.0)),
        ((150, 2.0, 2.0), (5, 0.0, 0.0), (900, 3.0, 3.0)),
        ((20, 0.0, 2.0), (160, 2.0, 2.0), (9, 0.0, 0.0)),
    ],
    ids=["ends at 0", "has a gap", "ramps up, and ends at 0"],
)
def test_there_is_load_as_long_as_recovery_is_looked_for(stages: tuple[tuple[float, float, float], ...]) -> None:
    arrivals = tuple(ArrivalStage(seconds=seconds, rate=rate, to=to) for seconds, rate, to in stages)
    profile = load_profile("retry-storm").model_copy(update={"arrivals": arrivals})
    made = lasting(profile, chosen(profile, None, ""), 60.0, 60.0)
    start = made.chaos[0].start_s(made.phases.starts)
    assert sum(stage.seconds for stage in made.arrivals) == pytest.approx(made.phases.end_s)
    assert set(rates_from(made, start)) == {2.0}


def test_a_fault_without_load_is_refused() -> None:
    profile = load_profile("retry-storm")
    early = (ArrivalStage(seconds=9, rate=2.0), ArrivalStage(seconds=1, rate=0.0))
    idle = profile.model_copy(update={"arrivals": early})
    with pytest.raises(UsageError, match="no session begins when the fault does"):
        lasting(idle, chosen(profile, None, ""), 20.0, 35.0)


def test_which_fault_must_be_clear() -> None:
    profile = load_profile("lost-replies")
    assert chosen(profile, "messages", "lost-replies").name == "messages"
    for name in (None, "nothing"):
        with pytest.raises(UsageError, match="messages"):
            chosen(profile, name, "lost-replies")


@pytest.mark.parametrize(
    ("back_s", "expected"),
    [(112, "survived"), (140, "survived"), (150, "not survived"), (220, "not survived"), (999, "not survived")],
)
def test_what_a_run_says(back_s: int, expected: str, tmp_path: Path) -> None:
    second = build.jittery(1, lambda at: 80 <= at < back_s)
    made = build.run(second, (build.FAULT,)).fit(seconds=build.END_S + 10)
    frames = load(made)
    found = recovery(open_run(plain.save(made, tmp_path / "run")), frames)
    assert fate(judge_frames(frames, recovery=found), 30.0, 38.0).fate == expected


def test_a_run_that_cannot_say() -> None:
    frames = build.frames(faults=())
    assert fate(judge_frames(frames), 30.0, 38.0).fate == "cannot tell"
    aborted = build.frames(status="aborted")
    assert "aborted" in fate(judge_frames(aborted), 30.0, 38.0).note
