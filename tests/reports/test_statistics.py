"""The statistics against scipy, and against data whose truth is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.record import buckets
from reports.change_point import change
from reports.drift import step
from reports.intervals import Evidence, evidence, of_percentile, order_statistics, timed_in
from reports.ranks import value_at_share
from reports.statistics import binomial
from reports.statistics.correlation import BOTH_ENDS, CLAIM, LOWER_END, Dependence, Timed, effective, share_correlation
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


def recorded(values: np.ndarray, length: int = 60) -> pd.DataFrame:
    """As a run records them: by bucket."""
    chosen = frame(values, length)
    return chosen.assign(value_us=buckets.representative(buckets.index(chosen["value_us"])).astype("float64"))


def sorted_samples(values: list[int], counts: list[int] | None = None) -> Timed:
    """All of one second: what counts is their order."""
    number = np.array(counts or [1] * len(values), dtype="float64")
    return Timed(np.zeros(len(values), dtype="int64"), np.array(values, dtype="float64"), number, 60)


VALUES_US = st.lists(st.integers(300, 20_000_000), min_size=2, max_size=300)
SAMPLED = st.sampled_from([50.0, 75.0, 90.0, 95.0, 99.0])


@given(values=VALUES_US, failed=st.integers(0, 3), percentile=SAMPLED)
@settings(deadline=None, max_examples=60)
def test_an_interval_holds_its_figure_and_is_wider_than_a_bucket(
    values: list[int], failed: int, percentile: float
) -> None:
    place = np.arange(len(values) + failed)
    kept = buckets.representative(buckets.index(values)).astype("float64")
    chosen = pd.DataFrame(
        {"second": place % 60, "value_us": np.concatenate([kept, np.full(failed, np.inf)]), "count": 1}
    )
    value = value_at_share(chosen, percentile / 100)
    interval = of_percentile(timed_in((0.0, 60.0), chosen), percentile, value)
    if interval is None:
        return
    half = value * buckets.RELATIVE_ERROR / 1000
    assert interval.low <= value / 1000 - half
    assert interval.high is None or value / 1000 + half <= interval.high < math.inf


@given(values=VALUES_US, at=st.integers(0, 10**6), more=st.integers(1, 10**7), percentile=SAMPLED)
@settings(deadline=None, max_examples=60)
def test_a_slower_sample_never_makes_an_end_smaller(values: list[int], at: int, more: int, percentile: float) -> None:
    slower = list(values)
    slower[at % len(values)] += more
    ends = []
    for sampled in (values, slower):
        kept = buckets.representative(buckets.index(sampled))
        ends.append(order_statistics(sorted_samples(kept.tolist()), percentile / 100, float(len(values))))
    for before, after in zip(*ends, strict=True):
        assert (before is None) == (after is None)
        assert before is None or after is None or after >= before - 1e-6


@given(values=VALUES_US, part=st.floats(0.05, 1.0), percentile=SAMPLED)
@settings(deadline=None, max_examples=60)
def test_samples_that_are_worth_less_never_make_an_interval_narrower(
    values: list[int], part: float, percentile: float
) -> None:
    timed = sorted_samples(values)
    low, high = order_statistics(timed, percentile / 100, float(len(values)))
    lower, higher = order_statistics(timed, percentile / 100, max(2.0, part * len(values)))
    assert (lower or 0.0) <= (low or 0.0) + 1e-6
    assert (math.inf if higher is None else higher) >= (math.inf if high is None else high) - 1e-6


@given(samples=st.integers(2, 800), percentile=SAMPLED)
@settings(deadline=None, max_examples=60)
def test_places_between_samples_lie_within_the_exact_ranks(samples: int, percentile: float) -> None:
    """Not a whole rank wider than the binomial distribution asks, not one narrower."""
    timed = sorted_samples(list(range(10_000, 10_000 + 1000 * samples, 1000)))
    found = order_statistics(timed, percentile / 100, float(samples))
    for place, rank in zip(found, binomial.rank_bounds(float(samples), percentile / 100), strict=True):
        assert (place is None) == (rank is None)
        assert place is None or rank is None or place == pytest.approx(9_000 + 1000 * rank, abs=0.01)
    low, high = order_statistics(timed, percentile / 100, float(samples), outwards=True)
    assert low is None or (low <= (found[0] or 0.0) and low % 1000 == 0)
    assert high is None or (high >= (found[1] or 0.0) and high % 1000 == 0)


def test_samples_of_one_bucket_lie_spread_over_it() -> None:
    """A million of the same bucket: the ends lie inside it, low before high, where their ranks are."""
    (width,) = buckets.width([100_000]).tolist()
    low, high = order_statistics(sorted_samples([100_000], [1_000_000]), 0.5, 1e6)
    assert low is not None
    assert high is not None
    assert 100_000 - 0.002 * width < low < 100_000 < high < 100_000 + 0.002 * width


def test_a_failure_opens_the_upper_end() -> None:
    values = [1000 + place for place in range(95)]
    timed = sorted_samples([*values, *[0] * 5])
    with_failures = Timed(timed.second, np.where(timed.value > 0, timed.value, np.inf), timed.count, 60)
    low, high = order_statistics(with_failures, 0.95, 100.0)
    assert low is not None
    assert (low < 1095, high) == (True, None)


@pytest.mark.parametrize(("samples", "open_ended"), [(40, True), (600, False)])
def test_intervals_cover_95_percent_and_not_98(samples: int, open_ended: bool) -> None:
    """With forty samples no upper end can be shown: "at least" has the 95 % for itself."""
    rng, truth, held, opened = np.random.default_rng(23), 100 * math.exp(0.6 * 1.6448536), 0, 0
    for _ in range(500):
        chosen = recorded(rng.standard_normal(samples))
        interval = of_percentile(timed_in((0.0, 60.0), chosen), 95.0, value_at_share(chosen, 0.95))
        assert interval is not None
        opened += interval.high is None
        held += interval.low <= truth and (interval.high is None or truth <= interval.high)
    assert 0.93 <= held / 500 <= 0.97
    assert (opened == 500) if open_ended else (opened <= 40)


def test_what_a_measured_dependence_is_worth() -> None:
    """Explained spread is not counted twice, unexplained is; few moments are believed less; never more than samples."""
    explained = Dependence(1000.0, effect=8.0, moments=1e9, surprise=9.0, spread=10.0)
    assert explained.worth(BOTH_ENDS) == pytest.approx(1000 / 8, rel=1e-3)
    assert explained.worth(CLAIM) == pytest.approx(1000 / (10 * (2.262 / 1.960) ** 2))
    stall = Dependence(1000.0, effect=2.0, moments=1e9, surprise=9.0, spread=10.0)
    assert stall.worth(BOTH_ENDS) == stall.worth(CLAIM) == pytest.approx(1000 / (10 * (2.262 / 1.960) ** 2))
    few = Dependence(1000.0, effect=8.0, moments=6.0, surprise=9.0)
    assert few.worth(BOTH_ENDS) < few.worth(CLAIM) < few.worth(LOWER_END) < 1000 / 8
    chance = Dependence(1000.0, effect=1.2, moments=6.0, surprise=1.2, spread=1.5)
    assert {chance.worth(caution) for caution in (CLAIM, BOTH_ENDS, LOWER_END)} == {1000.0}


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


WINDOW_S = 40


def told_of(values_ms: list[float], limit_ms: float, percentile: float) -> Evidence:
    """One sample a second."""
    us = [value * 1000.0 for value in values_ms]
    samples = pd.DataFrame({"second": range(len(us)), "value_us": us, "count": 1})
    bad = samples["value_us"] >= limit_ms * 1000.0
    allowed = 1 - percentile / 100
    return evidence((0, len(us)), samples, bad, allowed, ranked=True, limit_us=limit_ms * 1000.0)


@pytest.mark.parametrize("fails_from_s", [math.inf, 25])
def test_a_latency_that_grows_by_a_second_a_second_is_a_definite_miss(fails_from_s: float) -> None:
    values = [1000.0 * at + 300.0 * (at % 3) if at < fails_from_s else math.inf for at in range(WINDOW_S)]
    known = told_of(values, 15_000.0, 75)
    assert known.worth < 5, "they depend on each other as much as samples can"
    assert known.missed
    assert (known.close, known.told) == (False, "it grew nearly all along")
    assert not told_of(values, 35_000.0, 75).missed, "within its limit for long enough"


def test_what_is_far_over_its_limit_nearly_throughout_is_a_definite_miss() -> None:
    values = [30.0] * 3 + [900.0 + 200.0 * math.sin(at / 8) for at in range(WINDOW_S - 3)]
    known = told_of(values, 300.0, 75)
    assert known.worth < 5
    assert (known.missed, known.told) == (True, "nearly all were over 2 times the limit")
    assert not told_of(values, 600.0, 75).missed, "it may have wandered there"


@pytest.mark.parametrize("percentile", [75, 95])
def test_what_wanders_around_its_limit_is_hardly_ever_a_definite_miss(percentile: float) -> None:
    source, missed = np.random.default_rng(3), 0
    limit_ms = 100 * math.exp(0.3 * stats.norm.ppf(percentile / 100))
    for _ in range(300):
        level = [float(source.normal())]
        for _ in range(WINDOW_S - 1):
            level.append(0.9 * level[-1] + math.sqrt(1 - 0.81) * float(source.normal()))
        missed += bool(told_of([100 * math.exp(0.3 * z) for z in level], limit_ms, percentile).moments)
    assert missed <= 3


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
