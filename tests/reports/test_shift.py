"""Shift and chance of two groups, against counting all choices one by one and against the published table."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.shift import chance, least_chance, ratio

FIGURES = st.lists(st.integers(1, 6).map(float), min_size=1, max_size=4)


def mean_ranks(values: list[float]) -> list[float]:
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values
    ]


@given(FIGURES, FIGURES)
def test_chance_is_the_share_of_all_choices(later: list[float], earlier: list[float]) -> None:
    ranks = mean_ranks([*later, *earlier])
    observed = sum(ranks[: len(later)])
    choices = list(combinations(ranks, len(later)))
    assert chance(later, earlier) == pytest.approx(sum(sum(one) >= observed for one in choices) / len(choices))


@pytest.mark.parametrize(("later", "earlier"), [(3, 7), (4, 5), (5, 4)])
def test_the_fewest_runs_that_can_tell_at_one_percent(later: int, earlier: int) -> None:
    """All later ones above all earlier ones: one choice of all."""
    above = [float(number) for number in range(100, 100 + later)]
    below = [float(number) for number in range(1, 1 + earlier)]
    assert chance(above, below) == least_chance(later, earlier) < 0.01
    assert least_chance(later - 1, earlier) > 0.01 or least_chance(later, earlier - 1) > 0.01


def test_an_entry_of_the_published_table() -> None:
    """Three against five, U = 2: 4 of 56 choices, 0.071 in Mann and Whitney's table."""
    assert chance([6.0, 7.0, 3.5], [1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(4 / 56)


@given(st.floats(1.01, 9.0), FIGURES)
def test_the_ratio_of_scaled_figures_is_the_scale(scale: float, earlier: list[float]) -> None:
    same = [earlier[0]] * len(earlier)
    assert ratio([value * scale for value in same], same) == pytest.approx(scale)


def test_the_ratio_is_the_median_of_all_pairs() -> None:
    assert ratio([2.0, 4.0], [1.0]) == pytest.approx(math.sqrt(8))
    assert ratio([130.0, 135.0, 500.0], [100.0]) == pytest.approx(1.35), "one noisy night does not move it"


def test_failures_are_larger_than_everything_and_like_each_other() -> None:
    assert ratio([math.inf], [100.0]) == math.inf
    assert ratio([math.inf], [math.inf]) == 1.0
    assert ratio([100.0], [math.inf]) == 0.0
    assert chance([math.inf, math.inf], [1.0, 2.0]) == pytest.approx(1 / 6)
