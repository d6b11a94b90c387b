"""Factors and their intervals: what turning round, scaling and more rounds must do, how often they hold the truth."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from harness.levers.paired import Compared, Pair, compared, scatter, student, student_below

FIGURE = st.floats(min_value=1.0, max_value=1e6)
UNITS = st.floats(min_value=1.0, max_value=1e3)
PAIRS = st.lists(st.builds(Pair, FIGURE, FIGURE, UNITS, UNITS), min_size=2, max_size=6)


def alone(pairs: list[Pair], *, among: int = 1, level: float = 0.95) -> Compared:
    found = compared(pairs, scatter([pairs]), among=among, level=level)
    assert found is not None
    return found


@given(st.floats(min_value=0.001, max_value=0.9999), st.integers(min_value=1, max_value=60))
def test_students_quantiles_are_those_of_scipy(share: float, freedom: int) -> None:
    assert student(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-6, abs=1e-9)
    t = stats.t.ppf(share, freedom)
    assert student_below(t, freedom) == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize(("share", "freedom"), [(0.0, 3), (1.0, 3), (0.5, 0)])
def test_there_is_no_such_quantile(share: float, freedom: int) -> None:
    with pytest.raises(ValueError, match="degree of freedom"):
        student(share, freedom)


@given(PAIRS)
def test_the_interval_holds_its_factor(pairs: list[Pair]) -> None:
    found = alone(pairs)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.factor < found.high


@given(PAIRS)
def test_sides_changed_turn_factor_and_interval_round(pairs: list[Pair]) -> None:
    there = alone(pairs)
    back = alone([Pair(one.lever, one.shipped, one.lever_units, one.shipped_units) for one in pairs])
    assert back.factor == pytest.approx(1 / there.factor)
    assert there.low is not None
    assert there.high is not None
    assert back.low == pytest.approx(1 / there.high)
    assert back.high == pytest.approx(1 / there.low)
    assert there.shown == back.shown


@given(PAIRS, st.floats(min_value=0.01, max_value=100))
def test_another_unit_changes_no_factor(pairs: list[Pair], scale: float) -> None:
    there = alone(pairs)
    scaled = alone([Pair(one.shipped * scale, one.lever * scale, one.shipped_units, one.lever_units) for one in pairs])
    assert scaled.factor == pytest.approx(there.factor)
    assert scaled.low == pytest.approx(there.low)
    assert scaled.high == pytest.approx(there.high)


@given(PAIRS, st.integers(min_value=2, max_value=50))
def test_more_figures_or_a_higher_level_widen(pairs: list[Pair], among: int) -> None:
    one, many, sure = alone(pairs), alone(pairs, among=among), alone(pairs, level=0.99)
    assert one.low is not None
    assert many.low is not None
    assert sure.low is not None
    assert many.low < one.low
    assert sure.low < one.low


@given(FIGURE, UNITS, st.integers(min_value=2, max_value=8))
def test_the_same_on_both_sides_is_nothing(figure: float, units: float, rounds: int) -> None:
    found = alone([Pair(figure, figure, units, units)] * rounds)
    assert found.factor == pytest.approx(1)
    assert not found.shown


@given(PAIRS, st.floats(min_value=1.5, max_value=20))
def test_a_round_says_no_interval(pairs: list[Pair], factor: float) -> None:
    found = compared(pairs[:1], scatter([pairs]))
    assert found is not None
    assert (found.low, found.high, found.shown) == (None, None, False)


def test_nothing_on_either_side_is_no_effect() -> None:
    assert compared([Pair(0, 0), Pair(0, 0)], None) is None
    assert compared([Pair(3, 3, 0, 1)], None) is None
    assert compared([], None) is None


@given(st.integers(min_value=4, max_value=10_000), st.integers(min_value=2, max_value=5))
def test_what_vanishes_is_shown_with_what_may_be_left(count: int, rounds: int) -> None:
    found = alone_or_none([Pair(count, 0)] * rounds)
    assert found.factor == found.low == 0
    assert found.high == pytest.approx(3 / (count * rounds))
    assert found.shown == (count * rounds > 3)


@given(st.integers(min_value=4, max_value=10_000))
def test_what_appears_is_shown(count: int) -> None:
    found = alone_or_none([Pair(0, count)] * 2)
    assert math.isinf(found.factor)
    assert found.shown


def test_a_single_zero_is_no_proof() -> None:
    found = alone([Pair(5, 0), Pair(4, 3), Pair(6, 4)])
    assert 0 < found.factor < 1
    assert not found.shown


def alone_or_none(pairs: list[Pair]) -> Compared:
    found = compared(pairs, scatter([pairs]))
    assert found is not None
    return found


@given(st.lists(PAIRS, min_size=2, max_size=5))
def test_scatter_pools_what_levers_have_in_common(levers: list[list[Pair]]) -> None:
    together = scatter(levers)
    each = [scatter([pairs]) for pairs in levers]
    assert together is not None
    known = [one for one in each if one is not None]
    assert together.freedom == sum(one.freedom for one in known)
    assert min(one.deviation for one in known) <= together.deviation * (1 + 1e-9)
    assert together.deviation <= max(one.deviation for one in known) * (1 + 1e-9)


@given(PAIRS)
def test_a_lever_that_scatters_more_than_others_is_not_surer_for_them(pairs: list[Pair]) -> None:
    calm = [[Pair(100, 100), Pair(100, 100.001)]] * 30
    own, found = scatter([pairs]), compared(pairs, scatter([*calm, pairs]))
    assert own is not None
    assume(own.deviation > 0.01)
    assert found is not None
    assert found.low is not None
    normal = math.exp(math.log(found.factor) - 1.96 * own.deviation / math.sqrt(len(pairs)))
    assert found.low <= normal * (1 + 1e-9)


def test_the_same_measured_twice_says_how_much_it_scatters() -> None:
    found = scatter([], [Pair(100, 103), Pair(100, 97)])
    assert found is not None
    assert found.freedom == 2
    assert found.deviation == pytest.approx(0.03, rel=0.05)
    lonely = [[Pair(100, 80)]]
    assert scatter(lonely) is None
    wide, narrow = (
        scatter([[Pair(100, 99), Pair(100, 101)]]),
        scatter([[Pair(100, 99), Pair(100, 101)]], [Pair(9, 9)] * 9),
    )
    assert wide is not None
    assert narrow is not None
    assert narrow.deviation < wide.deviation


@pytest.mark.parametrize("truth", [1.0, 0.6])
def test_intervals_hold_the_truth_as_often_as_they_say(truth: float) -> None:
    """Twenty levers, two rounds, a scatter of 3 %: in 400 comparisons of each, at least 95 % minus chance."""
    draw, held, asked = random.Random(4), 0, 0
    for _ in range(400):
        levers = [[Pair(1000.0, 1000.0 * truth * math.exp(draw.gauss(0, 0.03))) for _ in range(2)] for _ in range(20)]
        pooled = scatter(levers)
        for pairs in levers:
            found = compared(pairs, pooled, level=0.95)
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            held += found.low <= truth <= found.high
            asked += 1
    assert held / asked > 0.945
