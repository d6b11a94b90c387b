"""When a series of nights changed: against the definition, and by what it finds and does not."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.history.change_points import LEAST_NIGHTS, _best, _distances, change_points


def nights(source: random.Random, count: int, levels: dict[int, float], noise: float = 0.06) -> list[float]:
    """Latencies of that many nights; `levels`: the factor from a night on."""
    series, factor = [], 1.0
    for night in range(count):
        factor = levels.get(night, factor)
        series.append(100.0 * factor * source.lognormvariate(0, noise))
    return series


def energy(values: Sequence[float], cut: int) -> float:
    """Matteson and James 2014, equations 4 and 5, as they stand there."""
    x, y = values[:cut], values[cut:]
    n, m = len(x), len(y)
    between = 2 / (n * m) * sum(abs(a - b) for a in x for b in y)
    first = sum(abs(x[i] - x[k]) for i in range(n) for k in range(i + 1, n)) / math.comb(n, 2)
    last = sum(abs(y[i] - y[k]) for i in range(m) for k in range(i + 1, m)) / math.comb(m, 2)
    return n * m / (n + m) * (between - first - last)


@given(st.lists(st.floats(-5, 5), min_size=2 * LEAST_NIGHTS, max_size=20))
def test_the_best_cut_is_that_of_the_definition(values: list[float]) -> None:
    at, strength = _best(_distances(np.array(values)[:, None]), np.tri(len(values), k=-1))
    found = {cut: energy(values, cut) for cut in range(LEAST_NIGHTS, len(values) - LEAST_NIGHTS + 1)}
    assert strength == pytest.approx(max(found.values()), abs=1e-9)
    assert found[at] == pytest.approx(strength, abs=1e-9)


def test_two_figures_of_a_night_are_one_point_and_tell_a_step_that_one_alone_does_not() -> None:
    """Matteson and James 2014 with the Euclidean distance: a p95 off by a tenth by chance, a median by a twentieth."""
    alone = together = 0
    for seed in range(12):
        source = random.Random(seed)
        p95, p50 = (nights(source, 24, {12: 1.25}, noise=noise) for noise in (0.13, 0.05))
        alone += bool(change_points(p95, chance=0.001))
        together += any(abs(one.at - 12) <= 2 for one in change_points(p95, medians=p50, chance=0.001))
    assert alone <= 8
    assert together == 12
    level = nights(random.Random(1), 24, {}, noise=0.01)
    assert change_points(level, medians=nights(random.Random(2), 24, {12: 2.0})) == [], "only the first is told"


def test_nothing_changed_is_rarely_a_change() -> None:
    alarms = sum(bool(change_points(nights(random.Random(seed), 30, {}))) for seed in range(150))
    assert alarms <= 5  # 1 % of chance: 1.5


def test_a_step_is_dated() -> None:
    for seed in range(30):
        (found,) = change_points(nights(random.Random(seed), 30, {15: 1.3}))[:1]
        assert abs(found.at - 15) <= 2
        assert found.ratio == pytest.approx(1.3, abs=0.12)
        assert found.chance <= 0.01


def test_a_step_in_the_middle_is_told_whatever_the_number_of_nights() -> None:
    """Among sixty operations, each with its share of the chance. One source of permutations for all series of a length
    would hide every step of twenty nights: two of its first 1,200 are that step."""
    for count in range(16, 31):
        found = change_points(nights(random.Random(count), count, {count // 2: 1.4}, noise=0.03), chance=0.01 / 17)
        assert [one.at for one in found] == [count // 2], count


def test_two_steps_and_back_in_few_nights() -> None:
    """Fifteen nights on each level are as few as can tell it: by chance one of eight histories does not."""
    found = [change_points(nights(random.Random(seed), 45, {15: 1.4, 30: 1.0}, noise=0.04)) for seed in range(8)]
    assert sum([round(one.at / 15) for one in changes] == [1, 2] for changes in found) >= 7


def test_two_steps_and_back() -> None:
    found = change_points(nights(random.Random(3), 60, {20: 1.4, 50: 1.0}, noise=0.04))
    assert [round(one.at / 10) for one in found] == [2, 5]


def test_outliers_alone_are_no_step() -> None:
    series = nights(random.Random(5), 30, {}, noise=0.04)
    series[11] *= 8
    series[23] *= 8
    assert change_points(series) == []


@pytest.mark.parametrize(("factor", "scale"), [(1.03, 1.0), (1.09, 1.0), (0.92, 1.0), (1.4, 0.1)])
def test_what_is_small_is_not_told_however_sure(factor: float, scale: float) -> None:
    """A share of 100 ms, or of 10."""
    series = [value * scale for value in nights(random.Random(5), 60, {30: factor}, noise=0.001)]
    assert change_points(series) == []
    assert len(change_points(series, least_ms=0.0)) == (factor == 1.4)


def test_what_something_else_made_of_a_night_is_left_out() -> None:
    """Nights off by a fifth as a whole hide a step; beside what each was off by, it shows. A step that is only beside
    something else's opposite one was never measured."""
    source = random.Random(6)
    off = [source.lognormvariate(0, 0.25) for _ in range(30)]
    series = [a * b for a, b in zip(nights(source, 30, {15: 1.3}, noise=0.03), off, strict=True)]
    (found,) = change_points(series, beside=off)
    assert found.at == 15
    level = nights(source, 30, {}, noise=0.03)
    assert change_points(level, beside=[0.7 if night >= 15 else 1.0 for night in range(30)]) == []
    with pytest.raises(ValueError, match="positive"):
        change_points(level, beside=[1.0] * 29)


@pytest.mark.parametrize("series", [[], [5.0], [5.0] * 40, [1.0, 2.0] * 3])
def test_too_short_or_level(series: list[float]) -> None:
    assert change_points(series) == []


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_impossible_figures_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        change_points([1.0] * 10 + [bad])


def test_the_same_series_has_the_same_answer() -> None:
    series = nights(random.Random(8), 40, {20: 1.2})
    assert change_points(series) == change_points(series)
