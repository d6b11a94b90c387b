"""The statistics against scipy, and against data whose truth is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.change_point import change
from reports.drift import step
from reports.intervals import evidence, of_percentile, timed_in
from reports.ranks import value_at_share
from reports.statistics import binomial
from reports.statistics.correlation import Timed, effective, share_correlation
from reports.statistics.many import Groups, alarms, more_often, noises, student_tail

SHARES = st.floats(0.001, 0.999)


class _Scipy:
    """scipy.stats, imported by the first test that asks: each worker collects this module, and few run it."""

    def __getattr__(self, name: str) -> Any:
        from scipy import stats as found  # type: ignore[import-untyped]

        return getattr(found, name)


stats = _Scipy()


@given(x=SHARES, a=st.floats(0.05, 5000), b=st.floats(0.05, 5000))
def test_incomplete_beta(x: float, a: float, b: float) -> None:
    assert binomial.incomplete_beta(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-8)


@given(samples=st.integers(1, 4000), part=st.floats(0, 1), confidence=st.sampled_from([0.9, 0.95, 0.975, 0.99]))
def test_bounds_of_a_share(samples: int, part: float, confidence: float) -> None:
    bad = round(part * samples)
    one_sided = {"confidence_level": confidence, "method": "exact"}
    high = stats.binomtest(bad, samples, alternative="less").proportion_ci(**one_sided).high
    low = stats.binomtest(bad, samples, alternative="greater").proportion_ci(**one_sided).low
    assert binomial.upper(bad, samples, confidence) == pytest.approx(high, abs=1e-9)
    assert binomial.lower(bad, samples, confidence) == pytest.approx(low, abs=1e-9)


def test_the_fewest_samples_that_show_a_claim() -> None:
    assert [binomial.clean_samples(allowed) for allowed in (0.05, 0.01, 0.005, 0.001)] == [59, 299, 598, 2995]
    assert binomial.needed_samples(0.0, 0.001) == 2995
    assert binomial.needed_samples(0.05, 0.05) is None
    needed = binomial.needed_samples(0.02, 0.05)
    assert needed is not None
    assert binomial.upper(math.ceil(0.02 * needed - 1e-9), needed) <= 0.05


@given(samples=st.integers(2, 3000), share=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
@settings(deadline=None)
def test_ranks_are_those_of_the_binomial_distribution(samples: int, share: float) -> None:
    low, high = binomial.rank_bounds(float(samples), share)
    if low is not None:
        rank = math.floor(low + 1e-6)
        assert stats.binom.cdf(rank - 1, samples, share) <= 0.025 + 1e-9 < stats.binom.cdf(rank, samples, share) + 2e-9
    if high is None:
        assert share**samples > 0.025
    else:
        rank = math.ceil(high - 1e-6)
        assert (
            stats.binom.sf(rank - 1, samples, share) <= 0.025 + 1e-9 < stats.binom.sf(rank - 2, samples, share) + 2e-9
        )


@pytest.mark.parametrize("r", [0.1, 0.5, 0.9])
def test_correlation_of_being_over_a_percentile(r: float) -> None:
    z = stats.norm.ppf(0.95)
    both = stats.multivariate_normal.cdf([z, z], cov=[[1, r], [r, 1]])
    assert share_correlation(np.array([r]), 0.95)[0] == pytest.approx((both - 0.95**2) / 0.0475, abs=2e-3)


def series(rng: np.random.Generator, length: int, rho: float) -> np.ndarray:
    values = rng.standard_normal(length)
    for place in range(1, length):
        values[place] = rho * values[place - 1] + math.sqrt(1 - rho**2) * values[place]
    return values


def frame(values: np.ndarray, length: int = 60) -> pd.DataFrame:
    second = (np.arange(len(values)) * length // len(values)).astype("int64")
    return pd.DataFrame({"second": second, "value_us": 1e5 * np.exp(0.6 * values), "count": 1})


@pytest.mark.parametrize(("rho", "least", "most"), [(0.0, 1900, 2000), (0.9, 60, 400)])
def test_correlated_samples_are_worth_fewer(rho: float, least: float, most: float) -> None:
    """AR(0.9) has a design effect of 19 for the mean, less for a tail."""
    rng = np.random.default_rng(4)
    chosen = frame(series(rng, 2000, rho))
    timed = Timed(chosen["second"].to_numpy(), chosen["value_us"].to_numpy(), np.ones(len(chosen)), 60)
    assert least <= effective(timed, 0.95) <= most


@pytest.mark.parametrize(("rho", "samples"), [(0.0, 40), (0.0, 600), (0.9, 84), (0.9, 600)])
def test_intervals_cover_the_truth(rho: float, samples: int) -> None:
    rng, truth, covered = np.random.default_rng(7), 100 * math.exp(0.6 * 1.6448536), 0
    for _ in range(80):
        chosen = frame(series(rng, samples, rho))
        interval = of_percentile(timed_in((0.0, 60.0), chosen), 95.0, value_at_share(chosen, 0.95))
        assert interval is not None
        assert interval.high is None or interval.low < interval.high
        covered += interval.low <= truth and (interval.high is None or truth <= interval.high)
    assert covered >= 70


@pytest.mark.parametrize("samples", [47, 84, 400])
def test_a_p95_above_its_limit_hardly_ever_passes(samples: int) -> None:
    rng, limit_us, passed = np.random.default_rng(11), 1e5 * math.exp(0.6 * 1.6448536) / 1.1, 0
    for _ in range(120):
        chosen = frame(rng.standard_normal(samples))
        passed += evidence((0.0, 60.0), chosen, chosen["value_us"] >= limit_us, 0.05, ranked=True).met
    assert passed <= 6


def test_a_step_is_seen_and_a_level_run_left_alone() -> None:
    rng, found, alarmed = np.random.default_rng(2), 0, 0
    for _ in range(30):
        chosen = frame(rng.standard_normal(720))
        alarmed += step(chosen, (0.0, 60.0)) is not None
        chosen.loc[chosen["second"] >= 30, "value_us"] *= 1.5
        seen = step(chosen, (0.0, 60.0))
        found += seen is not None and 24 <= seen.at_s <= 36
    assert (found >= 26, alarmed <= 1) == (True, True)


def test_a_step_of_the_tail_alone_is_seen() -> None:
    rng = np.random.default_rng(3)
    values = rng.standard_normal(6000) * 0.3
    values[3000:] = np.where(values[3000:] > 0.3 * 1.0, values[3000:] + 1.0, values[3000:])
    seen = step(frame(values), (0.0, 60.0))
    assert seen is not None
    assert seen.figure == "tail"


def test_a_change_needs_a_series() -> None:
    assert change([1.0] * 30) is None
    assert change([1.0, 2.0]) is None
    found = change([1.0, 1.1] * 10 + [3.0, 3.1] * 10)
    assert found is not None
    assert (found.at, found.before, found.after) == (20, 1.05, 3.05)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.sampled_from([0.01, 0.05]))
def test_alarms_are_those_of_benjamini_and_hochberg(chances: list[float], level: float) -> None:
    adjusted = stats.false_discovery_control(chances, method="bh")
    for p, alarm in zip(adjusted, alarms(chances, level), strict=True):
        assert alarm == (p <= level) or p == pytest.approx(level)


@given(t=st.floats(-8, 8), freedom=st.floats(1, 900))
def test_tail_of_student(t: float, freedom: float) -> None:
    assert student_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), abs=1e-7)


@given(st.integers(0, 30), st.integers(1, 300), st.integers(0, 30), st.integers(1, 300))
def test_more_often_is_fishers_test(bad: int, good: int, bad_before: int, good_before: int) -> None:
    table = [[bad, good], [bad_before, good_before]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert more_often(bad, bad + good, bad_before, bad_before + good_before) == pytest.approx(expected, abs=1e-9)


def test_a_noisy_operation_is_not_taken_for_a_quiet_one() -> None:
    """Twenty operations of 2 % and one of 40 %: its own spread counts, although the others agree."""
    rng = np.random.default_rng(1)
    noisy = [0.02] * 20 + [0.4]
    groups = [Groups(tuple(sd * rng.standard_normal(5)), tuple(sd * rng.standard_normal(10)), 0.0) for sd in noisy]
    errors = [one.error for one in noises(groups)]
    assert errors[-1] > 3 * max(errors[:-1])
