"""`benchmarks/peak.py`: what it asks for, what it makes of its figures, and a whole run of it, tiny."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.load import load_profile
from harness.plan import PlanInputs, load_prices, make

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))  # as a script has it

from planned.figures import Recorded, Used, bars  # noqa: E402
from planned.order import Asked, profile_file, share_that_fits  # noqa: E402
from planned.watching import Look, Span, look  # noqa: E402
from short.turns import RECORDING  # noqa: E402

FOUND = Recorded(
    seconds=600.0,
    requests=3_600_000,
    preflights=2_400_000,
    failed=0,
    lag_ms=(0.2, 4.0),
    late_ms=(0.3, 4.9),
    phones=10_400.0,
    sockets=10_400.0,
    people=28_000,
    frames={},
    lost={"sessions": 0, "samples": 0, "answers": 0, "workers": 0},
    pids=(1, 2),
    zero=0.0,
    start=960.0,
    end=1_560.0,
)
USED = Used(workers=0.9, others=0.1, target=0.4, resident_before_mb=300.0, resident_mb=790.0, others_mb=300.0)
PLAN = make(PlanInputs(), load_prices())


def missed(found: Recorded, used: Used, scale: float = 1.0) -> list[str]:
    return [bar.name for bar in bars(found, used, scale) if not bar.met]


def test_a_peak_within_all_bars_misses_none_and_is_said_to_be_measured() -> None:
    assert missed(FOUND, USED) == []
    assert all(bar.how == "" and " met" in bar.text for bar in bars(FOUND, USED, 1.0))


@pytest.mark.parametrize(
    ("found", "used", "name"),
    [
        (FOUND, replace(USED, target=0.6), "cores in all"),
        (FOUND, replace(USED, others=0.3), "cores in all"),
        (replace(FOUND, lag_ms=(0.1, 5.1)), USED, "loop lag p99, ms"),
        (replace(FOUND, late_ms=(0.1, 5.1)), USED, "sessions begin late p99, ms"),
        (replace(FOUND, late_ms=(math.nan, math.nan)), USED, "sessions begin late p99, ms"),
        (replace(FOUND, lost=FOUND.lost | {"answers": 1}), USED, "lost"),
        (FOUND, replace(USED, resident_mb=801.0), "resident memory of workers, MB"),
    ],
)
def test_each_bar_can_be_missed_alone(found: Recorded, used: Used, name: str) -> None:
    assert missed(found, used) == [name]
    assert any("NOT MET" in bar.text for bar in bars(found, used, 1.0))


@given(scale=st.floats(0.01, 0.99), before=st.floats(0, 400), grown=st.floats(0, 400), cores=st.floats(0.01, 1.5))
def test_a_share_of_the_peak_is_extrapolated_and_says_so(
    scale: float, before: float, grown: float, cores: float
) -> None:
    used = Used(cores, 0.0, 0.0, before, before + grown, 0.0)
    found = {bar.name: bar for bar in bars(FOUND, used, scale)}
    assert found["cores in all"].value == pytest.approx(cores / scale)
    assert found["resident memory of workers, MB"].value == pytest.approx(before + grown / scale)
    assert found["loop lag p99, ms"].value == FOUND.lag_ms[1]
    assert all(f"{scale:.4g}" in bar.how for bar in found.values())


def test_what_is_asked_for_comes_from_the_plan() -> None:
    peak = PLAN.figures.peak
    whole, half = Asked.of(PLAN, 1.0), Asked.of(PLAN, 0.5)
    assert whole.requests + whole.preflights == pytest.approx(peak.requests)
    assert (whole.phones, whole.sessions) == (peak.phones, peak.arrivals)
    assert whole.presence > 1_000 * whole.presence_limit
    assert half.requests == pytest.approx(whole.requests / 2)
    assert half.presence == pytest.approx(whole.presence / 4)
    assert half.presence_limit / half.phones == pytest.approx(whole.presence_limit / whole.phones)


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_the_profile_is_the_plans_without_its_end(tmp_path: Path, scale: float) -> None:
    profile = load_profile(profile_file(PLAN, PlanInputs(), scale, 600.0, tmp_path))
    assert profile.phases.measure_s == 600
    assert profile.phases.warmup_s == 960
    assert sum(stage.seconds for stage in profile.arrivals) == pytest.approx(profile.phases.end_s)
    assert profile.arrivals[-1].end_rate == pytest.approx(PLAN.figures.peak.arrivals * scale, rel=1e-4)
    assert profile.people >= 31_200 * scale
    assert profile.realtime
    assert profile.abort is not None
    assert profile.abort.error_share is None
    assert not profile.promises_evidence


def test_cpu_and_memory_of_a_stretch_are_those_of_the_looks_in_it() -> None:
    looks = [Look(float(at), {1: 0.5 * at, 2: 0.25 * at}, {1: 1_000_000 * at, 2: 5_000_000}) for at in range(20)]
    span = Span(looks, 4.5, 12.5)
    assert span.cores([1]) == pytest.approx(0.5)
    assert span.cores([1, 2]) == pytest.approx(0.75)
    assert span.most_mb([1, 2]) == pytest.approx(17.0)
    assert span.others([1]) == {2}


def test_who_ends_or_comes_in_between_is_counted_for_what_it_did() -> None:
    ended = [Look(float(at), {7: 10.0 + at} if at < 5 else {}, {}) for at in range(11)]
    came = [Look(float(at), {} if at < 5 else {8: at - 5.0}, {}) for at in range(11)]
    assert Span(ended, 0.0, 10.0).cores([7]) == pytest.approx(0.4)
    assert Span(came, 0.0, 10.0).cores([8]) == pytest.approx(0.5)
    with pytest.raises(SystemExit):
        Span(ended, 0.5, 1.5).cores([7])


def test_a_look_sees_a_process_and_its_children() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        seen = look(os.getpid(), [])
        assert {os.getpid(), child.pid} <= set(seen.cpu_s)
        assert all(size > 0 for size in seen.resident.values())
        assert look(child.pid, [os.getpid()]).cpu_s.keys() == {child.pid, os.getpid()}
    finally:
        child.communicate(b"\n")


@given(cost_us=st.floats(1.0, 1e5))
def test_the_share_that_fits_leaves_workers_half_of_their_core(cost_us: float) -> None:
    full = Asked.of(PLAN, 1.0)
    scale, whole = share_that_fits(cost_us, full), cost_us / 1e6 * (full.requests + full.preflights)
    assert 0.01 <= scale <= 1
    assert scale * whole <= 0.5 or scale == 0.01
    assert (scale + 0.01) * whole > 0.5 or scale == 1, "the largest hundredth"


def test_what_a_request_costs_is_of_requests_and_preflights() -> None:
    assert FOUND.us_a_request(0.9) == pytest.approx(0.9 * 600 / 6_000_000 * 1e6)


@pytest.mark.slow
@pytest.mark.timeout(360)
@pytest.mark.parametrize("more", [(), ("--tls",)], ids=["plain", "tls"])
def test_a_tiny_peak_runs_from_the_plan_to_its_bars(tmp_path: Path, more: tuple[str, ...]) -> None:
    command = [sys.executable, str(BENCHMARKS / "peak.py"), "--scale", "0.02", "--session-minutes", "0.1"]
    command += ["--minutes", "0.15", "--record", str(RECORDING), "--out", str(tmp_path), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    told = done.stdout
    assert done.returncode in (0, 1), (
        done.stderr
    )  # memory of two workers alone is over the bar, fifty times extrapolated
    assert figure(told, "requests/s") > 1
    assert figure(told, "preflights/s") > 0.1
    assert figure(told, "lists of who is there/s") > 0
    assert re.search(r"workers +0\.\d+ of a core", told)
    assert re.search(r"target +0\.\d+ of a core", told)
    assert "lost: sessions 0, samples 0, answers 0, workers 0" in told
    assert "extrapolated from 0.02 of the peak" in told
    (folder,) = (tmp_path / "peak" / "runs").iterdir()
    assert (folder / "report.html").exists()


def figure(told: str, name: str) -> float:
    """A row's."""
    found = re.search(rf"^  {re.escape(name)} +([\d,.]+)", told, re.MULTILINE)
    assert found is not None, told
    return float(found[1].replace(",", ""))
