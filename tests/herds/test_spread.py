"""What jitter makes of a herd: properties of the arithmetic, and the same asked of phones one by one."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.herds.spread import STEP_S, busiest, dispersion_of, expected_peak, jitter_for

COUNTS = st.lists(st.integers(0, 500).map(float), min_size=1, max_size=60)
MEANS = st.floats(0.5, 100)
RATIOS = st.floats(1.05, 20)
JITTERS = st.just(0.0) | st.floats(0.05, 120)


@given(COUNTS, MEANS, JITTERS)
def test_spreading_raises_no_peak_and_never_goes_below_the_mean(
    counts: list[float], mean: float, jitter: float
) -> None:
    peak = expected_peak(counts, mean, jitter)
    assert mean <= peak <= max(mean, *counts) * (1 + 1e-9)


@given(COUNTS, MEANS, st.floats(0.5, 120))
def test_a_herd_leaves_no_more_than_its_requests_over_the_spread(
    counts: list[float], mean: float, jitter: float
) -> None:
    extra = sum(max(0.0, one - mean) for one in counts)
    assert expected_peak(counts, mean, jitter) <= mean + extra / jitter + 1e-6


@given(COUNTS, MEANS, RATIOS)
def test_the_jitter_is_enough_and_half_a_second_less_is_not(counts: list[float], mean: float, ratio: float) -> None:
    needed = jitter_for(counts, mean, ratio)
    if needed is None:
        assert expected_peak(counts, mean, 600.0) > ratio * mean
        return
    for longer in (0.0, STEP_S, 3.0, 60.0):
        assert expected_peak(counts, mean, needed + longer) <= ratio * mean * (1 + 1e-9)
    if needed:
        assert expected_peak(counts, mean, needed - STEP_S) > ratio * mean


@given(COUNTS, MEANS, RATIOS, st.floats(0.1, 50))
def test_ten_times_as_many_people_need_the_same_jitter(
    counts: list[float], mean: float, ratio: float, times: float
) -> None:
    ours, theirs = jitter_for(counts, mean, ratio), jitter_for([one * times for one in counts], mean * times, ratio)
    if ours is None or theirs is None:
        assert (ours or 600.0) >= 599.0
        assert (theirs or 600.0) >= 599.0
    else:
        assert abs(ours - theirs) <= STEP_S  # the last bit of a product may decide a step


@given(COUNTS, MEANS, RATIOS, st.floats(1.0, 5.0))
def test_a_higher_ratio_takes_no_more_jitter(counts: list[float], mean: float, ratio: float, more: float) -> None:
    strict, lax = jitter_for(counts, mean, ratio), jitter_for(counts, mean, ratio * more)
    if strict is not None:
        assert lax is not None
        assert lax <= strict


@pytest.mark.parametrize(("extra", "mean", "ratio", "needed"), [(360, 40, 3, 4.5), (1000, 30, 3, 17.0), (40, 40, 3, 0)])
def test_one_sharp_second_takes_its_requests_over_what_is_allowed_beyond_the_mean(
    extra: float, mean: float, ratio: float, needed: float
) -> None:
    assert jitter_for([mean + extra, mean, mean, mean], mean, ratio) == needed


def test_timers_in_step_are_flat_over_their_interval() -> None:
    """Each 5 s everybody asks: spread over 5 s, or any multiple, nobody sees it any more."""
    comb = [100.0, 0, 0, 0, 0] * 12
    assert expected_peak(comb, 20.0, 5.0) == pytest.approx(20.0)
    assert expected_peak(comb, 20.0, 60.0) == pytest.approx(20.0)
    assert 20.0 < expected_peak(comb, 20.0, 7.0) < 30.0
    assert expected_peak(comb, 20.0, 3.5) < 30.0
    assert expected_peak(comb, 20.0, 6.0) > 30.0  # two ticks in six seconds: what is enough need not stay so
    assert jitter_for(comb, 20.0, 1.5) == 7.0


def test_no_jitter_mends_what_lasts() -> None:
    assert jitter_for([100.0] * 900, 10.0, 3.0) is None


@pytest.mark.parametrize(("mean", "ratio"), [(0.0, 3.0), (10.0, 1.0), (10.0, 0.5)])
def test_what_cannot_be_aimed_at_is_refused(mean: float, ratio: float) -> None:
    with pytest.raises(ValueError, match="nothing to aim at"):
        jitter_for([1.0], mean, ratio)


@pytest.mark.parametrize("jitter", [-1.0, float("nan"), float("inf")])
def test_a_jitter_that_cannot_be_is_refused(jitter: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        expected_peak([1.0], 1.0, jitter)


@pytest.mark.parametrize("jitter_s", [4.0, 12.0, 30.0])
def test_phones_that_wait_do_what_is_expected_of_them(jitter_s: float) -> None:
    """Nine thousand phones, each with a page load of three waves, delayed one by one and counted by the second."""
    luck = random.Random(11)
    waves = ((0.1, 6), (0.9, 12), (2.3, 4))
    at_once: Counter[int] = Counter()
    spread: Counter[int] = Counter()
    for number in range(9_000):
        late = (number + luck.random()) / 9_000 * jitter_s  # evenly, so that chance has little to say
        for after, requests in waves:
            at_once[int(after + luck.random() * 0.1)] += requests
            spread[int(after + late)] += requests
    mean, seconds = 2_000.0, 60
    counts = [mean + at_once[second] for second in range(seconds)]
    measured = max(mean + spread[second] for second in range(seconds))
    assert measured == pytest.approx(expected_peak(counts, mean, jitter_s), rel=0.04)


def test_the_busiest_second_of_a_small_run_stands_above_what_is_expected() -> None:
    source = np.random.default_rng(3)
    highest = [source.poisson(30.0, 20).max() for _ in range(2_000)]
    assert float(np.mean(highest)) == pytest.approx(busiest(30.0, 20.0, 1.0), rel=0.12)
    in_fours = [4 * source.poisson(7.5, 20).max() for _ in range(2_000)]
    assert float(np.mean(in_fours)) == pytest.approx(busiest(30.0, 20.0, 4.0), rel=0.12)
    assert busiest(0.0, 20.0, 1.0) == 0.0


def test_dispersion_tells_lone_requests_from_page_loads() -> None:
    source = np.random.default_rng(4)
    assert dispersion_of(source.poisson(50.0, 4_000).astype(np.float64)) == pytest.approx(1.0, abs=0.1)
    assert dispersion_of(25 * source.poisson(2.0, 4_000).astype(np.float64)) == pytest.approx(25.0, rel=0.1)
    assert dispersion_of([5.0, 5.0, 5.0]) == 1.0
    assert dispersion_of([]) == 1.0
