"""The seeded open schedule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.profile import ArrivalStage
from harness.schedule.arrivals import plan
from tests.schedule.curve import expected_sessions, expected_until, rate_at

settings.register_profile("patient", deadline=None)  # test machines are busy
settings.load_profile("patient")

MIX = {"swiper": 0.5, "reader": 0.2, "chatter": 0.3}
stage = st.builds(
    ArrivalStage,
    seconds=st.floats(0.5, 60),
    rate=st.floats(0, 50) | st.just(0.0),
    to=st.none() | st.floats(0, 50) | st.just(0.0),
)
curves = st.lists(stage, min_size=1, max_size=5).filter(lambda s: expected_sessions(s) > 0)
seeds = st.integers(0, 2**63)


@given(curves, seeds)
def test_the_count_matches_the_integral_of_the_rate(stages: list[ArrivalStage], seed: int) -> None:
    mean = expected_sessions(stages)
    # a Poisson count is within 6 sigma of its mean but for 2e-9; for small means its upper tail is longer
    assert abs(len(plan(stages, MIX, 7, seed)) - mean) <= 6 * mean**0.5 + 6


@given(curves, seeds)
def test_sorted_and_inside_the_span(stages: list[ArrivalStage], seed: int) -> None:
    instants = plan(stages, MIX, 7, seed).instants_s
    assert np.all(np.diff(instants) >= 0)
    assert np.all((instants >= 0) & (instants < sum(s.seconds for s in stages)))
    assert all(rate_at(stages, t + 1e-6) > 0 or rate_at(stages, t) > 0 for t in instants.tolist())


@given(curves, seeds)
def test_same_seed_same_schedule_other_seed_other(stages: list[ArrivalStage], seed: int) -> None:
    first, again, other = (plan(stages, MIX, 7, s) for s in (seed, seed, seed + 1))
    assert first.digest == again.digest
    assert np.array_equal(first.instants_s, again.instants_s)
    assert np.array_equal(first.persona, again.persona)
    if len(first):
        assert first.digest != other.digest


@given(curves, seeds, st.integers(1, 9), st.integers(1, 50))
def test_workers_partition_the_tickets(stages: list[ArrivalStage], seed: int, workers: int, people: int) -> None:
    whole = plan(stages, MIX, people, seed)
    shares = [whole.share(worker, workers) for worker in range(workers)]
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(whole)))
    owners: dict[int, int] = {}
    for worker, share in enumerate(shares):
        assert np.all(np.diff(share) > 0)
        for person in whole.person[share].tolist():
            assert owners.setdefault(person, worker) == worker


@given(curves, seeds)
def test_changing_the_mix_moves_no_instant(stages: list[ArrivalStage], seed: int) -> None:
    before, after = plan(stages, MIX, 7, seed), plan(stages, {"reader": 0.9, "swiper": 0.1}, 7, seed)
    assert np.array_equal(before.instants_s, after.instants_s)
    assert np.array_equal(before.person, after.person)


@given(curves, stage, seeds)
def test_a_longer_schedule_starts_alike(stages: list[ArrivalStage], more: ArrivalStage, seed: int) -> None:
    short, long = plan(stages, MIX, 7, seed), plan([*stages, more], MIX, 7, seed)
    assert np.array_equal(short.instants_s, long.instants_s[: len(short)])
    assert np.array_equal(short.persona, long.persona[: len(short)])


@settings(max_examples=20)
@given(seeds)
def test_counts_follow_the_curve(seed: int) -> None:
    stages = [
        ArrivalStage(seconds=20, rate=20, to=200),
        ArrivalStage(seconds=20, rate=60),
        ArrivalStage(seconds=20, rate=100, to=10),
    ]
    instants = plan(stages, MIX, 7, seed).instants_s
    counts = np.histogram(instants, bins=np.arange(61))[0]
    mean = np.diff([expected_until(stages, t) for t in range(61)])
    chi_square = float(((counts - mean) ** 2 / mean).sum())
    # 60 degrees of freedom: mean 60, variance 120; six sigma either way, so that too regular is caught too
    assert 60 - 5 * 120**0.5 < chi_square < 60 + 6 * 120**0.5 + 20


def test_gaps_are_exponential() -> None:
    """A timetable with equal gaps would have the right counts, and be wrong."""
    gaps = np.diff(plan([ArrivalStage(seconds=1000, rate=50)], MIX, 7, 3).instants_s) * 50
    grid = np.linspace(0.05, 4, 80)
    distance = np.abs((gaps[:, None] < grid).mean(axis=0) - (1 - np.exp(-grid))).max()
    assert distance < 1.95 / len(gaps) ** 0.5  # Kolmogorov-Smirnov, 0.1 %


def test_persona_shares_and_names() -> None:
    whole = plan([ArrivalStage(seconds=1000, rate=100)], MIX, 7, 5)
    assert whole.personas == ("chatter", "reader", "swiper")
    shares = np.bincount(whole.persona) / len(whole)
    assert shares == pytest.approx([0.3, 0.2, 0.5], abs=6 * (0.25 / len(whole)) ** 0.5)
    assert np.array_equal(whole.person, np.arange(len(whole)) % 7)
    assert [column.dtype.name for column in (whole.instants_s, whole.persona, whole.person)] == [
        "float64",
        "int16",
        "int32",
    ]


def test_the_schedule_of_a_seed_is_fixed_for_ever() -> None:
    """Runs are compared by digest across versions; if this changes, say so in the changelog."""
    whole = plan([ArrivalStage(seconds=10, rate=0, to=5), ArrivalStage(seconds=10, rate=5)], MIX, 4, 1)
    assert (len(whole), whole.planned_us[:3].tolist()) == EXPECTED[:2]
    assert whole.digest == EXPECTED[2]


EXPECTED = (
    70,
    [3_312_012, 3_334_325, 3_668_579],
    "59f0e8b8c5ec9c5bff7315c98504edefad7c11dbb09d17a7ea1e87e4d3e3e367",
)


def test_tickets_and_bad_workers() -> None:
    whole = plan([ArrivalStage(seconds=10, rate=5)], {"reader": 1.0}, 3, 1)
    tickets = [whole.ticket(int(number)) for number in whole.share(1, 2)]
    assert [t.ticket for t in tickets] == whole.share(1, 2).tolist()
    assert all(t.person % 2 == 1 and t.persona == "reader" for t in tickets)
    assert tickets[0].at_s == whole.instants_s[tickets[0].ticket]
    for worker, workers in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="does not exist"):
            whole.share(worker, workers)
    with pytest.raises(ValueError, match="read-only"):
        whole.instants_s[0] = 1


def test_nobody_starts_where_the_rate_is_zero() -> None:
    stages = [ArrivalStage(seconds=10, rate=0, to=4), ArrivalStage(seconds=5, rate=1), ArrivalStage(seconds=5, rate=0)]
    assert not np.any(plan(stages, MIX, 3, 1).instants_s >= 15)


@given(curves, stage, curves, seeds, st.floats(1.0, 40.0))
def test_a_spread_moves_its_own_sessions_later_and_nobody_elses(
    before: list[ArrivalStage], herd: ArrivalStage, after: list[ArrivalStage], seed: int, spread: float
) -> None:
    calm = [*before, herd, *after, ArrivalStage(seconds=spread, rate=1.0)]
    spread_out = [*before, herd.model_copy(update={"spread_s": spread}), *calm[len(before) + 1 :]]
    one, other = plan(calm, MIX, 7, seed), plan(spread_out, MIX, 7, seed)
    assert len(one) == len(other)
    start = sum(s.seconds for s in before)
    end = start + herd.seconds
    theirs = (one.instants_s < start) | (one.instants_s >= end)
    assert set(one.instants_s[theirs].tolist()) <= set(other.instants_s.tolist())
    assert np.all(np.diff(other.instants_s) >= 0)
    moved = np.setdiff1d(other.instants_s, one.instants_s[theirs])
    assert np.all((moved >= start) & (moved <= end + spread))


@given(curves, seeds, st.integers(1, 40))
def test_level_arrivals_are_never_off_by_more_than_one_at_the_end_of_a_stretch(
    stages: list[ArrivalStage], seed: int, level: int
) -> None:
    """Every stretch of so many sessions, of each stage, has them; to one, because a part of a session cannot come."""
    found = plan([one.model_copy(update={"level": level}) for one in stages], MIX, 9, seed)
    assert abs(len(found) - expected_sessions(stages)) < 1 + 1e-6
    until, begun = 0.0, 0.0
    for one in stages:
        sessions = one.seconds * (one.rate + one.end_rate) / 2
        if one.rate == one.end_rate and one.rate:  # where a stretch's end is a matter of division
            for full in range(1, int(sessions / level) + 1):
                at = until + full * level / one.rate
                assert abs((found.instants_s < at).sum() - (begun + full * level)) < 1 + 1e-3
        until, begun = until + one.seconds, begun + sessions
    assert np.all(np.diff(found.instants_s) >= 0)
    assert found.instants_s[-1] < until if len(found) else True


@given(curves, stage, curves, seeds, st.integers(1, 40))
def test_a_level_stage_leaves_the_others_sessions_where_they_were(
    before: list[ArrivalStage], level: ArrivalStage, after: list[ArrivalStage], seed: int, sessions: int
) -> None:
    calm = plan([*before, level, *after], MIX, 9, seed).instants_s
    changed = plan([*before, level.model_copy(update={"level": sessions}), *after], MIX, 9, seed).instants_s
    start = sum(one.seconds for one in before)
    end = start + level.seconds
    assert np.array_equal(calm[calm < start], changed[changed < start])
    assert np.array_equal(calm[calm >= end], changed[changed >= end])


def test_within_a_stretch_level_arrivals_are_random() -> None:
    found = plan([ArrivalStage(seconds=2000, rate=5, level=10)], MIX, 9, 4).instants_s
    into = np.sort(found % 2.0) / 2.0  # each stretch takes two seconds
    distance = np.max(np.abs(into - (np.arange(len(into)) + 0.5) / len(into)))
    assert distance < 1.95 / len(into) ** 0.5  # Kolmogorov-Smirnov, 0.1 %
    gaps = np.diff(found)
    assert 0.1 < np.mean(gaps < 0.05) < 0.35, "of a Poisson process 22 % of the gaps are so short, of an even one none"


def test_a_herd_that_is_spread_is_flat() -> None:
    stages = [ArrivalStage(seconds=1, rate=6000, spread_s=20), ArrivalStage(seconds=25, rate=0.001)]
    counts = np.bincount(plan(stages, MIX, 7, 3).instants_s.astype(int), minlength=22)
    assert abs(counts[1:20] - 300).max() < 6 * 300**0.5
    assert counts[0] < 200  # half of its first second is not over yet
