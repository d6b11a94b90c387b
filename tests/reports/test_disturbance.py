"""What the generator could have added: nothing worth a doubt when it kept up, always enough when it was starved."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from harness.core.outcome import Outcome
from harness.core.tables import View
from harness.record import buckets
from reports import slo
from reports.disturbance import moved_ms
from reports.frames import load
from reports.ranks import grouped_percentiles
from tests.reports import build

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # each example is a run: minutes of shrinking tell nothing
Delay = Callable[[int], float]


def disturbed(true_ms: list[float], delay: Delay, seed: int, *, view: View = View.SERVER) -> build.Run:
    """A minute in which each reply waits as long as a timer of its own second would have, drawn independently."""
    run = build.Run(build.manifest())
    source = random.Random(seed)
    for second in range(build.END + 2):
        lag(run, second, [delay(second) * source.random() for _ in range(100)])
    spread(run, [(value, delay) for value in true_ms], source, view)
    return run


def lag(run: build.Run, second: int, values_ms: list[float], view: View = View.LAG) -> None:
    for value in buckets.representative(buckets.index(np.array(values_ms) * 1000)).tolist():
        run.counts[(second, str(build.phase_of(second)), "generator", str(view), "ok", value)] += 1


def spread(run: build.Run, samples: list[tuple[float, Delay]], source: random.Random, view: View) -> None:
    """Samples evenly over the measure phase, each with a delay of its own second on top."""
    seconds = [build.START + position * build.MEASURE_S // len(samples) for position in range(len(samples))]
    values = [value + delay(at) * source.random() for (value, delay), at in zip(samples, seconds, strict=True)]
    for at, value in zip(seconds, buckets.representative(buckets.index(np.array(values) * 1000)).tolist(), strict=True):
        run.counts[(at, "measure", "home_feed", str(view), "ok", value)] += 1


def moved(run: build.Run, percentile: float = 95.0, view: View = View.SERVER) -> tuple[float, float]:
    """(the recorded percentile, by how much it may have been raised), milliseconds."""
    frames = load(run)
    chosen = frames.measured[frames.measured["view"] == view]
    value = float(grouped_percentiles(chosen.assign(all=0), ["all"], (percentile,))[f"p{percentile:g}"].iloc[0])
    return value / 1000, moved_ms(frames, chosen, view, percentile, value)


def lognormal(median: float, sigma: float, number: int, seed: int) -> list[float]:
    source = random.Random(seed)
    return [median * source.lognormvariate(0, sigma) for _ in range(number)]


@settings(max_examples=8, deadline=None, phases=NO_SHRINKING)
@given(
    worst=st.floats(0.1, 150),
    median=st.floats(5, 400),
    sigma=st.floats(0, 1),
    number=st.integers(200, 900),
    percentile=st.sampled_from([50.0, 95.0, 99.0]),
    seed=st.integers(0, 10**6),
)
def test_the_truth_is_never_below_what_the_bound_allows(
    worst: float, median: float, sigma: float, number: int, percentile: float, seed: int
) -> None:
    true = lognormal(median, sigma, number, seed)
    value, added = moved(disturbed(true, lambda _: worst, seed), percentile)
    truth = sorted(true)[-(-int(percentile * 100) * number // 10_000) - 1]
    # Delays drawn from a distribution scatter about it: a percent of the ranks, and the buckets' half a percent.
    slack = sorted(true)[max(0, -(-int((percentile - 1) * 100) * number // 10_000) - 1)]
    assert value - added <= max(truth, slack) * 1.01 + 0.05


@settings(max_examples=8, deadline=None, phases=NO_SHRINKING)
@given(
    mean=st.floats(0.05, 1.05),  # exponential: p99 is 4.6 times the mean, under 5 ms
    share=st.floats(0.1, 1.1),
    sigma=st.floats(0.05, 0.6),
    number=st.integers(120, 900),
    view=st.sampled_from([View.SERVER, View.E2E]),
    seed=st.integers(0, 10**6),
)
def test_a_generator_that_kept_up_is_never_doubted(
    mean: float, share: float, sigma: float, number: int, view: View, seed: int
) -> None:
    limit = 250.0 if view is View.SERVER else 1000.0
    source = random.Random(seed)
    run = build.Run(build.manifest())
    for second in range(build.END + 2):
        lag(run, second, [source.expovariate(1 / mean) for _ in range(100)])
    spread(
        run,
        [(value, lambda _: mean) for value in lognormal(limit * share / 2.7**sigma, sigma, number, seed)],
        source,
        view,
    )
    row = slo.judge(load(run), [build.latency_slo(limit_ms=limit, view=view)])[0]
    assert row.moved is not None
    near = row.value is not None and 0 <= row.value - limit <= row.moved
    assert row.status in ("pass", "fail") or near, (row.note, row.moved)
    assert row.moved < 0.05 * limit


@settings(max_examples=5, deadline=None, phases=NO_SHRINKING)
@given(starved=st.floats(60, 400), number=st.integers(100, 900), seed=st.integers(0, 10**6))
def test_what_only_a_starved_generator_missed_is_never_a_fail(starved: float, number: int, seed: int) -> None:
    run = disturbed(lognormal(60, 0.3, number, seed), lambda _: starved, seed)
    row = slo.judge(load(run), [build.latency_slo(limit_ms=250.0)])[0]
    assert row.value is not None
    assert row.status == ("pass" if row.value < 250.0 else "inconclusive")
    assert row.status == "pass" or "the generator's own delays could have added up to" in row.note


def test_a_definite_miss_stays_one_beside_a_starved_generator() -> None:
    run = disturbed(lognormal(2000, 0.3, 600, 1), lambda _: 60.0, 1)
    row = slo.judge(load(run), [build.latency_slo(limit_ms=250.0)])[0]
    assert row.status == "fail"
    assert row.moved == pytest.approx(60.0, abs=15.0)


def test_only_the_objective_that_the_delay_could_turn_is_doubted() -> None:
    run = disturbed(lognormal(60, 0.3, 600, 1), lambda _: 18.0, 1)
    limits = (80.0, 100.0, 150.0, 1500.0)
    below, tight, above, wide = slo.judge(load(run), [build.latency_slo(limit_ms=limit) for limit in limits])
    assert [one.status for one in (below, tight, above, wide)] == ["fail", "inconclusive", "pass", "pass"], tight.value
    assert tight.moved == wide.moved
    assert tight.moved == pytest.approx(18.0, abs=3.0)


def test_one_bad_second_costs_its_own_samples_only() -> None:
    run = disturbed(lognormal(60, 0.3, 1200, 1), lambda second: 900.0 if second == 30 else 1.0, 1)
    value, added = moved(run)
    assert added < 0.12 * value
    assert moved(run, 99.0)[1] > 20.0


def test_a_stall_counts_where_it_ends() -> None:
    """All of three seconds' replies are read when the loop wakes: their lag is that of the seconds it was due in."""
    run = build.Run(build.manifest())
    for second in range(build.END + 2):
        stalled = 30 <= second < 33
        lag(run, second, [(33 - second) * 1000 - tick * 10 if stalled else 0.5 for tick in range(100)])
    for second in range(build.START, build.END):
        for tick in range(10):
            late = (33 - second) * 1000 - tick * 100 if 30 <= second < 33 else 0.5
            run.add(second, 20 + late)
    value, added = moved(run, 99.0)
    assert value > 2_000
    assert value - added == pytest.approx(20, abs=1.5)


def test_late_starts_move_end_to_end_figures_only() -> None:
    run = disturbed(lognormal(60, 0.2, 600, 1), lambda _: 0.5, 1, view=View.E2E)
    before = moved(run, view=View.E2E)[1]
    for second in range(build.END):
        run.add(second, 40.0, operation="generator", view=View.LATENESS, number=3)
    assert before < 3
    assert moved(run, view=View.E2E)[1] == pytest.approx(41, abs=2)


def test_failures_stay_failures() -> None:
    run = disturbed([20.0] * 80, lambda _: 300.0, 1)
    run.spread([1.0] * 20, outcome=Outcome.TIMEOUT)
    value, added = moved(run)
    assert (value, added) == (float("inf"), 0.0)
    run = disturbed([20.0] * 97, lambda _: 300.0, 1)
    run.spread([1.0] * 3, outcome=Outcome.TIMEOUT)
    value, added = moved(run)
    assert added > 200
