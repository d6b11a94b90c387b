"""Slower at its end than at its beginning: seen under a level load, and nowhere else."""

from __future__ import annotations

import random

import pytest

from harness.core.profile import ArrivalStage
from reports.drift import SLICES, drift
from reports.frames import load
from reports.render.terminal import foreword
from reports.verdict import judge
from tests.reports.build import END, MEASURE_S, START, Run, manifest, profile, realistic

LEVEL = 12


def run(
    rise: float,
    *,
    seed: int = 1,
    base_ms: float = 100.0,
    growth: float = 0.0,
    operation: str = "home_feed",
    **changes: object,
) -> Run:
    """A minute of feeds whose latency rises by this share, with noise; growth of attempts by the other one."""
    source = random.Random(seed)
    made = Run(manifest(profile=profile(**changes)))
    for second in range(START, END):
        along = (second - START) / MEASURE_S
        for _ in range(round(LEVEL * (1 + growth * along))):
            made.add(second, base_ms * (1 + rise * along) * source.lognormvariate(0, 0.1), operation=operation)
    return made.fit().finished()


@pytest.mark.parametrize("seed", range(3))
def test_a_rise_of_30_percent_is_seen(seed: int) -> None:
    (row,) = drift(load(run(0.3, seed=seed)))
    assert row.drifts
    assert row.begin_ms == pytest.approx(100, rel=0.06)
    assert row.rise_ms == pytest.approx(27, rel=0.35)  # nine tenths: from the first slice's middle to the last one's
    verdict = judge(run(0.3, seed=seed))
    assert 12 in verdict.exit_codes
    assert any("home_feed got slower during the run" in reason for reason in verdict.reasons)


def test_a_level_target_is_left_alone() -> None:
    assert not any(row.drifts for seed in range(15) for row in drift(load(run(0.0, seed=seed))))
    assert not any(row.drifts for row in drift(load(realistic())))


def test_what_is_faster_or_hardly_slower_is_no_drift() -> None:
    assert not drift(load(run(-0.4)))[0].drifts
    assert not drift(load(run(0.10)))[0].drifts  # under 15 %
    assert not drift(load(run(0.3, base_ms=10)))[0].drifts  # under 5 ms


def test_a_load_that_grows_is_not_judged() -> None:
    assert drift(load(run(0.3, growth=0.5))) == ()
    rising = (ArrivalStage(seconds=START, rate=3), ArrivalStage(seconds=MEASURE_S, rate=3, to=9))
    assert drift(load(run(0.3, arrivals=rising))) == ()
    ramp_before = (ArrivalStage(seconds=START, rate=0.5, to=3), ArrivalStage(seconds=MEASURE_S, rate=3))
    assert drift(load(run(0.3, arrivals=ramp_before)))[0].drifts


def test_a_fuller_second_half_by_chance_hides_no_drift() -> None:
    """Attempts by slice of a run whose sessions arrived at random, at one rate: a quarter more in the second half."""
    weights = [9, 12, 8, 10, 12, 9, 13, 14, 15, 13]
    source, made = random.Random(4), Run(manifest())
    for second in range(START, END):
        along = (second - START) / MEASURE_S
        for _ in range(weights[int(along * SLICES)]):
            made.add(second, 100 * (1 + 0.3 * along) * source.lognormvariate(0, 0.1))
    (row,) = drift(load(made.fit().finished()))
    assert row.drifts


@pytest.mark.parametrize("operation", ["swipe_deck", "background_deck"])
def test_decks_that_get_slower_are_told_not_judged(operation: str) -> None:
    """A healthy sandbox's decks rose by 32 % in a minute and a half."""
    slower = run(0.4, operation=operation)
    (row,) = drift(load(slower))
    assert row.rises
    assert not row.drifts
    verdict = judge(slower)
    assert 12 not in verdict.exit_codes
    assert f"not judged: {operation} got slower" in " ".join(foreword(verdict))


def test_too_few_samples_say_nothing() -> None:
    thin = Run(manifest())
    for second in range(START, END, MEASURE_S // SLICES):
        thin.add(second, 100 + second)
    assert drift(load(thin.fit().finished())) == ()
